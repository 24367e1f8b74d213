//! The operator acts for each namespace with the namespace's role.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use lambda_triggers_core::iam::{Feature, Scope};
use lambda_triggers_tests::env::{self, TestEnv};

use super::{controller, file, role, write_file};
use crate::objects::{NO_RESYNC, OWNER, owner};
use crate::support::{AwsView, LIMIT, own, s3, scheduled};

/// Runs `kubectl` in another namespace than the env's.
async fn kubectl_in(env: &TestEnv, namespace: &str, args: &[&str], stdin: &str) -> String {
    env.kubectl(&[args, &["--namespace", namespace]].concat(), stdin).await.expect("kubectl")
}

/// The roles of the operator's calls of an operation. Calls of the test have no role.
fn roles_of(env: &TestEnv, operation: &str) -> BTreeSet<String> {
    let calls = env.aws_proxy().calls(env.account()).into_iter().filter(|call| call.operation == operation);
    calls.filter_map(|call| call.role).collect()
}

#[test]
fn two_namespaces_can_share_a_bucket_with_separate_roles() {
    env::test_on_own_cluster("two-roles", async |env| {
        let other = format!("{}-other", env.namespace());
        let metadata = ObjectMeta { name: Some(other.clone()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        Api::<Namespace>::all(env.kube().clone()).create(&PostParams::default(), &namespace).await.unwrap();
        env.function("of-one").await;
        env.function("of-other").await;
        let bucket = env.new_bucket("shared").await;
        let [one, two] = ["one", "two"].map(|name| role(&env, name));
        let text = format!(
            "namespaces:\n  {}:\n    role: {{arn: '{one}', externalId: cluster/one}}\n    buckets: ['{bucket}']\n    \
             functions: [of-one]\n    ruleTargets: [of-one]\n  '*-other':\n    role: {{arn: '{two}'}}\n    \
             buckets: ['{bucket}']\n    functions: [of-other]\n",
            env.namespace()
        );
        env.aws_proxy().ask_for_external_id(&one, Some("cluster/one"));
        env.aws_proxy().clear_calls(env.account());
        let path = write_file(&env, &text);
        let _controller =
            env.controller_of_all_namespaces(&[&NO_RESYNC[..], &["--tenancy-file", &path]].concat());
        let of_one = [
            s3("entry", "of-one", &bucket, "filters: [{prefix: one/}]"),
            scheduled("hourly", "of-one", "schedule: rate(1 hour)"),
        ];
        env.apply(&of_one.join("---\n")).await;
        let of_other = s3("entry", "of-other", &bucket, "filters: [{prefix: other/}]");
        kubectl_in(&env, &other, &["apply", "-f", "-"], &of_other).await;
        let wait = ["wait", "--for=condition=Ready", "--timeout=60s", "s3fn/entry"];
        for namespace in [env.namespace(), &other] {
            kubectl_in(&env, namespace, &wait, "").await;
        }
        env.until_ready("ScheduledFunction", "hourly").await;
        let entries: BTreeSet<String> = own(&env.document(&bucket).await)
            .into_iter()
            .map(|entry| entry.arn.rsplit(':').next().unwrap().into())
            .collect();
        assert_eq!(entries, BTreeSet::from(["of-one".into(), "of-other".into()]));
        let all = BTreeSet::from([one.clone(), two.clone()]);
        assert_eq!(roles_of(&env, "PutBucketNotificationConfiguration"), all, "each writes its own entries");
        assert_eq!(roles_of(&env, "PutRule"), BTreeSet::from([one.clone()]));
        let permitted: BTreeSet<(String, String)> = env
            .aws_proxy()
            .calls(env.account())
            .into_iter()
            .filter(|call| call.operation == "AddPermission")
            .map(|call| (call.resource, call.role.unwrap_or_default()))
            .collect();
        assert_eq!(permitted, BTreeSet::from([("of-one".into(), one), ("of-other".into(), two)]));
        // Each session requests its credentials once.
        assert_eq!(env.aws_proxy().count(env.account(), "AssumeRole"), 2);

        kubectl_in(&env, &other, &["delete", "s3fn/entry", "--timeout=60s"], "").await;
        assert_eq!(own(&env.document(&bucket).await).len(), 1);
    });
}

/// The message about a role that the operator cannot assume. `condition` is the condition of the trust policy.
fn refused(role: &str, condition: &str) -> String {
    let statement = r#"{"Effect":"Allow","Principal":{"AWS":"<ARN of the operator's role>"},"Action":"sts:"#;
    format!(
        "AWS does not let the operator assume role {role}: allow sts:AssumeRole and sts:TagSession on it in \
         the IAM policy of the operator's role, and make sure that the trust policy of {role} has the \
         statements {statement}AssumeRole\"{condition}}} and {statement}TagSession\"}}"
    )
}

#[test]
fn session_tags_of_eks_pod_identity_need_tag_session() {
    env::test("tagged-session", async |env| {
        env.function("thumbs").await;
        let role = role(&env, "media");
        // The least policy contains `sts:TagSession`. The env fails at its end if the policy lacks this action.
        env.aws_proxy().tag_sessions(env.account());
        env.aws_proxy().refuse_session_tags(&role, true);
        let entry = format!("role: {{arn: '{role}'}}\nfunctions: [thumbs]\nruleTargets: [thumbs]");
        let _controller = controller(&env, &file(&env, &entry));
        env.apply(&scheduled("thumbs", "thumbs", "schedule: rate(1 day)")).await;
        let denied = env.until_condition("ScheduledFunction", "thumbs", "FunctionReady", "False").await;
        assert_eq!(
            (&denied["reason"], denied["message"].as_str()),
            (&"AccessDenied".into(), Some(&*refused(&role, "")))
        );
        env.aws_proxy().refuse_session_tags(&role, false);
        env.kubectl(&["annotate", "schedfn", "thumbs", "lambda-triggers.dev/reconcile=now"], "")
            .await
            .expect("annotate");
        env.until_ready("ScheduledFunction", "thumbs").await;
    });
}

#[test]
fn a_role_that_cannot_be_assumed_is_reported_with_the_remedy() {
    env::test("untrusted", async |env| {
        env.function("report").await;
        let role = role(&env, "media");
        env.aws_proxy().ask_for_external_id(&role, Some("another"));
        let entry = format!(
            "role: {{arn: '{role}', externalId: cluster-1}}\nfunctions: [report]\nruleTargets: [report]"
        );
        let _controller = controller(&env, &file(&env, &entry));
        env.apply(&scheduled("report", "report", "schedule: rate(1 day)")).await;
        let ready = env
            .until(LIMIT, "the role to be refused", async || {
                let object = env.object("ScheduledFunction", "report").await.ok_or("no such object")?;
                let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
                let found = conditions.iter().find(|condition| condition["reason"] == "AccessDenied");
                found.cloned().ok_or_else(|| format!("{conditions:?}"))
            })
            .await;
        assert_eq!(
            ready["message"].as_str().unwrap_or_default(),
            refused(&role, r#","Condition":{"StringEquals":{"sts:ExternalId":"cluster-1"}}"#)
        );
        env.aws_proxy().ask_for_external_id(&role, Some("cluster-1"));
        env.kubectl(&["annotate", "schedfn", "report", "lambda-triggers.dev/reconcile=now"], "")
            .await
            .expect("annotate");
        env.until_ready("ScheduledFunction", "report").await;
    });
}

#[test]
fn a_role_in_another_account_creates_all_resources_there() {
    env::test("other-account", async |env| {
        let account = format!("9{}", &env.account()[1..]);
        let role = format!("arn:aws:iam::{account}:role/triggers/media");
        let scope = Scope::for_account(env.account(), Some(owner())).with(Feature::ALL);
        env.aws_proxy().expect_operator(env.account(), Scope { tenant_roles: vec![role.clone()], ..scope });
        let functions = env.lambda_of(&account).await;
        env.create_function(&functions, "report").await;
        let entry = format!("role: {{arn: '{role}'}}\nfunctions: [report]\nruleTargets: [report]");
        let _controller = controller(&env, &file(&env, &entry));
        env.apply(&scheduled("report", "report", "schedule: rate(1 day)")).await;
        let object = env.until_ready("ScheduledFunction", "report").await;
        assert_eq!(
            object["status"]["functionArn"],
            format!("arn:aws:lambda:eu-west-1:{account}:function:report")
        );
        let rules = env.aws_proxy().calls(&account).into_iter().filter(|call| call.operation == "PutRule");
        assert_eq!(rules.map(|call| call.role).collect::<Vec<_>>(), [Some(role)]);
        assert_eq!(env.aws_proxy().count(env.account(), "PutRule"), 0);
        env.delete("ScheduledFunction", "report").await;
        env.until_gone("ScheduledFunction", "report").await;
        assert_eq!(env.aws_proxy().not_in_least_policy(&account), Vec::<String>::new());
    });
}

#[test]
fn a_changed_account_blocks_until_the_old_resources_are_deleted() {
    env::test("moved-account", async |env| {
        let account = format!("8{}", &env.account()[1..]);
        let [here, there] = [env.account(), account.as_str()]
            .map(|account_id| format!("arn:aws:iam::{account_id}:role/media"));
        let scope = Scope::for_account(env.account(), Some(owner())).with(Feature::ALL);
        env.aws_proxy().expect_operator(env.account(), Scope { tenant_roles: vec![there.clone()], ..scope });
        env.function("report").await;
        env.create_function(&env.lambda_of(&account).await, "report").await;
        let entry = |role: &str| {
            file(&env, &format!("role: {{arn: '{role}'}}\nfunctions: [report]\nruleTargets: [report]"))
        };
        let _controller = controller(&env, &entry(&here));
        let schedule = scheduled("report", "report", "schedule: rate(1 day)");
        env.apply(&schedule).await;
        env.until_ready("ScheduledFunction", "report").await;
        let rules = env.rule_names().await;
        assert_eq!(rules.len(), 1);

        write_file(&env, &entry(&there));
        let refused = format!(
            "the AWS resources of this resource are in account {}, but its namespace now acts in account \
             {account}. Give the namespace a role of account {0} until the resource is deleted, and create the \
             resource again afterwards. Or set spec.deletionPolicy to Retain and delete the resource, which \
             leaves the AWS resources in {0} to you",
            env.account()
        );
        wait_for_other_account(&env, &refused).await;
        env.delete("ScheduledFunction", "report").await;
        let deleting = async || {
            let object = env.object("ScheduledFunction", "report").await?;
            object["metadata"]["deletionTimestamp"].is_string().then_some(())
        };
        env.until(LIMIT, "the deletion to wait", deleting).await;
        wait_for_other_account(&env, &refused).await;
        assert_eq!(env.rule_names().await, rules);
        assert_eq!(
            env.aws_proxy()
                .calls(&account)
                .into_iter()
                .filter(|call| call.write && call.role.is_some())
                .count(),
            0
        );

        write_file(&env, &entry(&here));
        env.until_gone("ScheduledFunction", "report").await;
        assert_eq!(env.rule_names().await, Vec::<String>::new());
    });
}

/// Waits until the schedule is stalled with this message and the reason `OtherAccount`.
async fn wait_for_other_account(env: &TestEnv, message: &str) {
    env.until(LIMIT, "the other account to be reported", async || {
        let object = env.object("ScheduledFunction", "report").await.ok_or("no such object")?;
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let is_reported = conditions.iter().any(|condition| {
            condition["type"] == "Stalled"
                && condition["reason"] == "OtherAccount"
                && condition["message"] == message
        });
        if is_reported { Ok(()) } else { Err(format!("{conditions:?}")) }
    })
    .await;
}

#[test]
fn doctor_checks_the_file_and_assumes_each_role() {
    env::test("doctor-tenancy", async |env| {
        let [fine, closed] = ["fine", "closed"].map(|name| role(&env, name));
        env.aws_proxy().ask_for_external_id(&closed, Some("another"));
        let text = format!(
            "namespaces:\n  fine: {{role: {{arn: '{fine}'}}}}\n  closed-*: {{role: {{arn: '{closed}'}}}}\n"
        );
        let path = write_file(&env, &text);
        let flags = ["doctor", "--namespace", env.namespace(), "--owner-id", OWNER, "--tenancy-file", &path];
        let printed = env.lambda_triggers(&flags, &[]).await;
        assert!(!printed.success, "{printed:?}");
        let line_about = |what: &str| {
            printed.stdout.lines().find(|line| line.contains(what)).unwrap_or_default().to_owned()
        };
        assert_eq!(line_about("tenancy file"), format!("ok       tenancy file: {path} is valid; roles: 2"));
        assert_eq!(
            line_about("role of fine"),
            format!(
                "ok       role of fine: can be assumed, as arn:aws:sts::{}:assumed-role/fine/lt-{OWNER}-doctor",
                env.account()
            )
        );
        let refused =
            format!("failed   role of closed-*: AWS does not let the operator assume role {closed}: ");
        assert!(line_about("role of closed-*").starts_with(&refused), "{printed:?}");

        let path = write_file(&env, "namespaces: {media: {bucket: []}}");
        let printed = env.lambda_triggers(&["doctor", "--tenancy-file", &path], &[]).await;
        let line = printed.stdout.lines().find(|line| line.contains("tenancy file")).unwrap_or_default();
        assert!(
            line.starts_with(&format!("failed   tenancy file: {path}: ")) && line.contains("bucket"),
            "{line}"
        );
    });
}

#[test]
fn a_plan_can_read_with_the_role_of_a_namespace() {
    env::test("plan-roles", async |env| {
        env.function("report").await;
        let role = role(&env, "media");
        let entry = format!("role: {{arn: '{role}'}}\nfunctions: [report]\nruleTargets: [report]");
        let tenancy = write_file(&env, &file(&env, &entry));
        let manifests = env.directory().join("head.yaml").display().to_string();
        std::fs::write(&manifests, scheduled("report", "report", "schedule: rate(1 day)")).unwrap();
        let namespace = env.namespace();
        let own = ["plan", "--filename", &manifests, "--namespace", namespace, "--owner-id", OWNER];
        let plan = async |flags: &[&str]| {
            env.aws_proxy().clear_calls(env.account());
            let output =
                env.lambda_triggers(&[&own[..], &["--tenancy-file", &tenancy], flags].concat(), &[]).await;
            assert_eq!((output.code, output.stderr.as_str()), (Some(2), ""), "{}", output.stdout);
            assert_eq!(env.aws_writes(), vec![]);
            (roles_of(&env, "GetPolicy"), output.stdout)
        };
        let (none, text) = plan(&[]).await;
        let (assumed, same) = plan(&["--assume-roles"]).await;
        assert_eq!((none, assumed), (BTreeSet::new(), BTreeSet::from([role])));
        assert_eq!(text, same);
    });
}
