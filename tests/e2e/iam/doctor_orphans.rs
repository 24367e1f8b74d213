//! `lambda-triggers doctor --orphans`. The output names the orphans in AWS and the places of the search.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use lambda_triggers_core::api::KeyFilter;
use lambda_triggers_core::iam::{Feature, Policy, Scope, Statement, least_policy};
use lambda_triggers_core::ownership::{ObjectKey, OwnerId, bucket_statement_id};
use lambda_triggers_tests::env::{self, REGION, TestEnv};

use super::doctor::{doctor, lines_with_state};
use crate::objects::{OWNER, owner};
use crate::support::create_both_triggers;

const SCHEDULED: &str = "ScheduledFunction";

/// The policy of the operator's role, with or without the permission to list functions.
fn policy(account: &str, owner: &OwnerId, lists_functions: bool) -> Policy {
    let mut policy = least_policy(&Scope::for_account(account, Some(owner.clone())).with(Feature::ALL));
    policy.statements.extend(lists_functions.then(|| Statement {
        sid: "ListFunctions",
        actions: vec!["lambda:ListFunctions"],
        resources: vec!["*".into()],
        conditions: vec![],
    }));
    policy
}

/// Runs doctor with these flags. Returns true if the exit code is 0, and the lines from the first check of AWS.
async fn orphans(env: &TestEnv, flags: &[&str]) -> (bool, Vec<String>) {
    let (healthy, lines) = doctor(env, &[&["--orphans"], flags].concat(), &[]).await;
    let lines = lines.into_iter().skip_while(|line| !line.contains(" AWS credentials: ")).skip(1);
    (healthy, lines.collect())
}

/// Deletes both resources without their finalizers, as after the loss of a cluster.
async fn delete_without_cleanup(env: &TestEnv) {
    for kind in ["scheduledfunctions", "s3triggeredfunctions"] {
        let delete = ["delete", kind, "--all", "--wait=false"];
        env.kubectl(&delete, "").await.expect("kubectl delete");
        let name = if kind == "scheduledfunctions" { "nightly-report" } else { "thumbnails" };
        let patch = r#"{"metadata":{"finalizers":null}}"#;
        env.kubectl(&["patch", kind, name, "--type=merge", "--patch", patch], "")
            .await
            .expect("kubectl patch");
    }
}

#[test]
fn orphans_are_listed_with_the_commands_of_their_removal() {
    env::test_on_own_cluster("doctor-orphans", async |env| {
        let uid = Api::<Namespace>::all(env.kube().clone()).get("kube-system").await.unwrap().uid().unwrap();
        let owner = OwnerId::from_uid(&uid).unwrap();
        env.aws_proxy().give_policy(env.account(), policy(env.account(), &owner, false));
        let mut controller = env.controller_of_all_namespaces(&[]);
        let bucket = create_both_triggers(&env).await;
        controller.stop().await;
        let account = env.account();
        let unlisted = "skipped  functions in eu-west-1: AWS denies lambda:ListFunctions on functions: allow \
                        lambda:ListFunctions in the IAM policy of the operator's role";
        let searched = |policies: usize| {
            format!(
                "ok       searched: account {account}; Regions: eu-west-1; buckets: {bucket}; policies of functions: \
                 {policies}; give --region, --bucket or --function to search elsewhere"
            )
        };
        let count = |count: usize| {
            format!("ok       AWS resources of {owner}: belong to resources of the cluster: {count}")
        };
        let (healthy, lines) = orphans(&env, &[]).await;
        let all = "ok       resources: 2 in all namespaces".to_owned();
        assert_eq!(lines, [all, unlisted.into(), searched(1), count(4)]);
        assert!(healthy);

        delete_without_cleanup(&env).await;
        let key = |name: &str| ObjectKey::new(env.namespace(), name);
        let function = key("deployed").function_name(&owner, SCHEDULED);
        let arn = env.function(&function).await;
        env.lambda()
            .tag_resource()
            .resource(&arn)
            .tags("lambda-triggers.dev/owner", owner.to_string())
            .send()
            .await
            .unwrap();
        env.aws_proxy().give_policy(env.account(), policy(env.account(), &owner, true));
        let (healthy, lines) = orphans(&env, &["--bucket", &bucket]).await;
        assert!(!healthy);
        let rule = key("nightly-report").rule_name(&owner, SCHEDULED);
        let entry = key("thumbnails").entry_id(&owner, &KeyFilter::default(), false);
        let statement = bucket_statement_id(&owner, &bucket);
        let prefix = owner.prefix();
        // The namespaces of tests are long, so the names in AWS are cut.
        let told = |name: &str| {
            let readable: String = format!("{}-{name}", env.namespace()).chars().take(41).collect();
            format!("its name tells the resource {readable} (namespace and name, cut), which does not exist")
        };
        let place = format!("--region {REGION} --bucket {bucket} --expected-bucket-owner {account}");
        let remove = format!(
            "           aws lambda remove-permission --region {REGION} --function-name \
             arn:aws:lambda:{REGION}:{account}:function:report --statement-id"
        );
        let retain = "deletionPolicy: Retain leaves it on purpose";
        let expected = [
            "ok       resources: 0 in all namespaces".to_owned(),
            searched(2),
            format!("failed   rule {rule} in {REGION}: is an orphan: {}; {retain}", told("nightly-report")),
            format!(
                "           aws events remove-targets --region {REGION} --rule {rule} --ids {prefix}function"
            ),
            format!("           aws events delete-rule --region {REGION} --name {rule}"),
            format!("failed   entry {entry} in bucket {bucket}: is an orphan: {}", told("thumbnails")),
            format!(
                "           aws s3api get-bucket-notification-configuration {place} | jq --arg id {entry} \
                 'del(.LambdaFunctionConfigurations[] | select(.Id == $id))' > notification.json"
            ),
            format!(
                "           aws s3api put-bucket-notification-configuration {place} --notification-configuration \
                 file://notification.json"
            ),
            format!("failed   function {function} in {REGION}: is an orphan: {}", told("deployed")),
            format!("           aws lambda delete-function --region {REGION} --function-name {function}"),
            format!(
                "failed   statement {statement} in the policy of report: is an orphan: no resource of the cluster needs \
                 it; {retain}"
            ),
            format!("{remove} {statement}"),
            format!(
                "failed   statement {prefix}rules in the policy of report: is an orphan: no resource of the cluster needs \
                 it; {retain}"
            ),
            format!("{remove} {prefix}rules"),
            count(0),
        ];
        assert_eq!(lines, expected);
    });
}

#[test]
fn resources_of_namespaces_that_were_not_listed_are_not_judged() {
    env::test("some", async |env| {
        env.aws_proxy().give_policy(env.account(), policy(env.account(), &owner(), true));
        env.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: operator}}").await;
        let own = ObjectKey::new(env.namespace(), "gone").rule_name(&owner(), SCHEDULED);
        let other = ObjectKey::new("elsewhere", "gone").rule_name(&owner(), SCHEDULED);
        for rule in [&own, &other] {
            env.events().put_rule().name(rule).schedule_expression("rate(1 day)").send().await.unwrap();
        }
        let user = format!("system:serviceaccount:{}:operator", env.namespace());
        let flags = ["--namespace", env.namespace(), "--owner-id", OWNER, "--as", &user];
        let (healthy, lines) = doctor(&env, &[&["--orphans"], &flags[..]].concat(), &[]).await;
        assert!(!healthy);
        let refused = lines_with_state(&lines, "failed");
        assert!(refused.iter().any(|line| line.starts_with("resources: cannot be listed: ")), "{lines:#?}");
        let skipped = lines_with_state(&lines, "skipped");
        assert_eq!(skipped.last(), Some(&"orphans: resources are missing in the list, so nothing is judged"));

        env.apply(
            "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: operator}, rules: [\
             {apiGroups: [lambda-triggers.dev], resources: [scheduledfunctions, s3triggeredfunctions], verbs: [list]},\
             {apiGroups: [''], resources: [namespaces], verbs: [get]}]}",
        )
        .await;
        env.apply(
            "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: operator}, \
             subjects: [{kind: ServiceAccount, name: operator}], \
             roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}}",
        )
        .await;
        let (healthy, lines) = orphans(&env, &flags).await;
        assert!(!healthy);
        let failed = lines_with_state(&lines, "failed");
        assert!(
            matches!(failed[..], [line] if line.starts_with(&format!("rule {own} in {REGION}: "))),
            "{lines:#?}"
        );
        let expected = [
            format!("ok       resources: 0 in the namespaces {} alone", env.namespace()),
            "skipped  other namespaces: 1 AWS resources are not judged: they may belong to namespaces that could not be \
             listed; allow list of both kinds in all namespaces, or use your own kubeconfig"
                .into(),
        ];
        assert!(expected.iter().all(|line| lines.contains(line)), "{lines:#?}");
    });
}
