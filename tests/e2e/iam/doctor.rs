//! `lambda-triggers doctor` after a new install: a complete install, missing permissions, no cluster, and old CRDs.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::json;

use crate::objects::OWNER;
use crate::support::AwsView;

/// Runs doctor with these flags, and checks that doctor writes nothing to AWS. Returns true if the exit code is 0, and the
/// lines of the checks.
pub async fn doctor(
    env: &TestEnv,
    flags: &[&str],
    environment: &[(&'static str, &str)],
) -> (bool, Vec<String>) {
    let command = [&["doctor"], flags].concat();
    env.aws_proxy().clear_calls(env.account());
    let output = env.lambda_triggers(&command, environment).await;
    assert_eq!(output.stderr, "");
    assert_eq!(env.aws_writes(), []);
    let (checks, _) = output.stdout.rsplit_once("\n\n").unwrap_or_else(|| panic!("{output:?}"));
    (output.success, checks.lines().map(Into::into).collect())
}

/// The lines that begin with a state, without the state.
pub fn lines_with_state<'a>(lines: &'a [String], state: &str) -> Vec<&'a str> {
    lines.iter().filter_map(|line| line.strip_prefix(state)).map(str::trim).collect()
}

#[test]
fn doctor_checks_a_complete_install() {
    env::test("doctor", async |env| {
        let function = env.function("report").await;
        let bucket = env.new_bucket("photos").await;
        let flags = ["--namespace", env.namespace(), "--function", "report", "--bucket", &bucket];
        let (healthy, lines) = doctor(&env, &flags, &[]).await;

        let owner: Namespace = Api::all(env.kube().clone()).get(env.namespace()).await.unwrap();
        let owner: String = owner.uid().unwrap().chars().take(8).collect();
        let version = env.kube().apiserver_version().await.unwrap().git_version;
        let within = format!("in the namespace {}", env.namespace());
        let url = lines[0].rsplit(' ').next().unwrap().to_owned();
        let rbac_checks = [
            (
                "get, list, watch, patch scheduledfunctions of lambda-triggers.dev",
                "to watch them, and to set their finalizers",
            ),
            (
                "get, list, watch, patch s3triggeredfunctions of lambda-triggers.dev",
                "to watch them, and to set their finalizers",
            ),
            (
                "patch scheduledfunctions/status of lambda-triggers.dev",
                "to record the AWS resources, and to set the conditions",
            ),
            (
                "patch s3triggeredfunctions/status of lambda-triggers.dev",
                "to record the AWS resources, and to set the conditions",
            ),
            ("create, patch events of events.k8s.io", "to emit events"),
            ("get, list, watch configmaps", "to deploy code from them, and to notice changed code"),
            ("get, create, patch configmaps", "to keep the orphan queue"),
            ("get, create, update leases of coordination.k8s.io", "to elect a leader"),
        ];
        let expected: Vec<String> = [
            format!("ok       API server: Kubernetes {version} at {url}"),
            "ok       scheduledfunctions.lambda-triggers.dev: exists, in this version".into(),
            "ok       s3triggeredfunctions.lambda-triggers.dev: exists, in this version".into(),
        ]
        .into_iter()
        .chain(rbac_checks.map(|(rule, why)| format!("ok       {rule} {within}: {why}")))
        .chain([
            format!(
                "ok       get namespaces {}: to identify the operator by the namespace's UID",
                env.namespace()
            ),
            format!("ok       owner id: {owner}; names in AWS begin with lt-{owner}-"),
            format!(
                "skipped  leader: no Lease lambda-triggers-{owner} exists {within}, so no operator has led there with this \
                 owner id; install the operator, or use a kubeconfig with the operator's namespace"
            ),
            format!("skipped  pods: no pod with the label app.kubernetes.io/name=lambda-triggers runs {within}"),
            "ok       AWS Region: eu-west-1".into(),
            format!(
                "ok       AWS credentials: arn:aws:iam::{0}:root in account {0}; yours, not the operator's: run doctor in \
                 the operator's pod",
                env.account()
            ),
            format!("ok       events:DescribeRule: on rules lt-{owner}-*"),
            "ok       events:ListRules: of any name".into(),
            "ok       events:ListRuleNamesByTarget: for any function".into(),
            "skipped  EventBridge Scheduler: no role is set, so only rules run schedules; to use it, create a role with \
             lambda-triggers iam-policy --for scheduler-role, and give --scheduler-role-arn"
                .into(),
            format!("ok       function report: is {function}"),
            "ok       policy of function report: can be read".into(),
            format!("ok       bucket {bucket}: can be read; entries in its notification configuration: 0"),
            "skipped  writes to AWS: doctor does not write; compare the role's policy with lambda-triggers iam-policy"
                .into(),
        ])
        .collect();
        assert_eq!(lines, expected);
        assert!(healthy);
    });
}

#[test]
fn doctor_reports_missing_permissions_with_the_remedy() {
    env::test("doctor-denied", async |env| {
        env.function("report").await;
        let bucket = env.new_bucket("photos").await;
        for operation in ["DescribeRule", "GetPolicy", "GetBucketNotificationConfiguration"] {
            env.aws_proxy().inject(env.account(), Fault::on(operation, FaultKind::Denied));
        }
        env.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: operator}}").await;
        env.apply(
            "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: operator}, rules: [\
             {apiGroups: [lambda-triggers.dev], resources: [scheduledfunctions, s3triggeredfunctions], verbs: [get, list, watch]},\
             {apiGroups: [''], resources: [configmaps], verbs: ['*']}]}",
        )
        .await;
        env.apply(
            "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: operator}, \
             subjects: [{kind: ServiceAccount, name: operator}], \
             roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}}",
        )
        .await;
        let user = format!("system:serviceaccount:{}:operator", env.namespace());
        let flags = [
            "--namespace",
            env.namespace(),
            "--as",
            &user,
            "--owner-id",
            OWNER,
            "--function",
            "report",
            "--function",
            "nowhere",
            "--bucket",
            &bucket,
            "--bucket",
            "no-such-bucket",
        ];
        let (healthy, lines) = doctor(&env, &flags, &[]).await;
        assert!(!healthy);
        let within = format!("in the namespace {}", env.namespace());
        let role = "add the permission to the operator's Role, and make sure that the Role is bound";
        let policy = "in the IAM policy of the operator's role";
        let mut failed = lines_with_state(&lines, "failed");
        // The API server chooses the rest of this message.
        let owner = failed.iter().position(|line| {
            line.starts_with(&format!("owner id: cannot read the namespace {}", env.namespace()))
        });
        failed.remove(owner.unwrap_or_else(|| panic!("{lines:#?}")));
        assert_eq!(
            failed,
            [
                format!(
                    "get, list, watch, patch scheduledfunctions of lambda-triggers.dev {within}: patch is \
                     denied, but needed to watch them, and to set their finalizers; {role}"),
                format!(
                    "get, list, watch, patch s3triggeredfunctions of lambda-triggers.dev {within}: patch is \
                     denied, but needed to watch them, and to set their finalizers; {role}"),
                format!(
                    "patch scheduledfunctions/status of lambda-triggers.dev {within}: patch is denied, but \
                     needed to record the AWS resources, and to set the conditions; {role}"),
                format!(
                    "patch s3triggeredfunctions/status of lambda-triggers.dev {within}: patch is denied, but \
                     needed to record the AWS resources, and to set the conditions; {role}"),
                format!(
                    "create, patch events of events.k8s.io {within}: create, patch is denied, but needed to \
                     emit events; {role}"),
                format!(
                    "get, create, update leases of coordination.k8s.io {within}: get, create, update is \
                     denied, but needed to elect a leader; {role}"),
                format!(
                    "get namespaces {}: get is denied, but needed to identify the operator by the namespace's \
                     UID; {role}", env.namespace()),
                format!("events:DescribeRule: AWS denies events:DescribeRule on rule lt-{OWNER}-doctor: allow events:DescribeRule {policy}"),
                format!(
                    "policy of function report: AWS denies lambda:GetPolicy on function report: allow \
                     lambda:GetPolicy {policy}"),
                "function nowhere: does not exist in eu-west-1; deploy it there, or give another name, alias \
                 or Region".into(),
                format!(
                    "bucket {bucket}: AWS denies s3:GetBucketNotification on bucket {bucket}: allow \
                     s3:GetBucketNotification {policy}, and make sure that the bucket's policy does not deny \
                     it and that spec.bucketOwner is the account that owns the bucket"
                ),
                "bucket no-such-bucket: does not exist; create it, or give another name".into(),
            ]
        );
        assert_eq!(
            lines_with_state(&lines, "ok")
                .into_iter()
                .filter(|line| line.contains("dev: exists"))
                .collect::<Vec<_>>(),
            ["scheduledfunctions", "s3triggeredfunctions"].map(|kind| format!(
                "{kind}.lambda-triggers.dev: exists; a check of the version needs the permission to get \
                 customresourcedefinitions"
            ))
        );
    });
}

#[test]
fn doctor_reports_without_a_cluster_or_credentials() {
    env::test("doctor-nothing", async |env| {
        let nowhere = env.directory().join("nowhere");
        let nowhere = nowhere.to_str().unwrap();
        let (healthy, lines) = doctor(&env, &[], &[("KUBECONFIG", nowhere), ("AWS_REGION", "")]).await;
        assert!(!healthy);
        assert!(
            lines[0].starts_with("failed   API server: no usable kubeconfig, and not in a pod: "),
            "{lines:#?}"
        );
        assert!(lines[0].ends_with("; set KUBECONFIG, or run doctor in the operator's pod"), "{lines:#?}");
        assert_eq!(
            lines[1..],
            [
                "skipped  CRDs: the API server cannot be reached",
                "skipped  RBAC: the API server cannot be reached",
                "skipped  owner id: the API server cannot be reached",
                "failed   AWS Region: no AWS Region is set: give --region or the environment variable AWS_REGION, such as eu-west-1",
                "skipped  AWS credentials: AWS cannot be called",
                "skipped  rules: AWS cannot be called",
                "skipped  EventBridge Scheduler: AWS cannot be called",
                "skipped  functions: AWS cannot be called",
                "skipped  buckets: AWS cannot be called",
            ]
        );
        let flags = ["iam-policy", "--account", "123456789012"];
        let output = env.lambda_triggers(&flags, &[("KUBECONFIG", nowhere)]).await;
        assert!(!output.success && output.stdout.is_empty(), "{output:?}");
        assert!(output.stderr.contains("the owner id is not known"), "{output:?}");
        assert!(output.stderr.ends_with("; give --owner-id\n"), "{output:?}");
    });
}

#[test]
fn doctor_reports_crds_of_another_version() {
    env::test_on_own_cluster("doctor-crds", async |env| {
        let crds = Api::<CustomResourceDefinition>::all(env.kube().clone());
        let [scheduled, s3] =
            ["scheduledfunctions.lambda-triggers.dev", "s3triggeredfunctions.lambda-triggers.dev"];
        let patch = json!([{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns/0"}]);
        let patch = Patch::Json::<()>(serde_json::from_value(patch).unwrap());
        crds.patch(scheduled, &PatchParams::default(), &patch).await.unwrap();
        crds.delete(s3, &DeleteParams::default()).await.unwrap();
        env.until(crate::support::LIMIT, "the CRD to be gone", async || {
            crds.get_opt(s3).await.unwrap().map_or(Ok(()), |crd| Err(format!("{:?}", crd.metadata)))
        })
        .await;
        let (healthy, lines) = doctor(&env, &[], &[]).await;
        assert!(!healthy);
        let apply = "apply the CRDs of this version: lambda-triggers crds | kubectl apply --server-side -f -";
        assert_eq!(
            lines_with_state(&lines, "failed"),
            [
                format!(
                    "{scheduled}: is of another version than this program: fields may be missing or rejected; \
                     {apply}"
                ),
                format!("{s3}: does not exist; {apply}"),
            ]
        );
    });
}
