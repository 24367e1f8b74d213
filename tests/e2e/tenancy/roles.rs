//! Each namespace acts with its own role.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use lambda_triggers_core::iam::{Feature, Scope};
use lambda_triggers_tests::world::{self, World};

use super::{controller, file, role, write};
use crate::objects::{NO_RESYNC, OWNER, owner};
use crate::support::{AwsView, LIMIT, own, s3, scheduled};

/// `kubectl` in another namespace than the world's.
async fn kubectl_in(w: &World, namespace: &str, args: &[&str], stdin: &str) -> String {
    w.kubectl(&[args, &["--namespace", namespace]].concat(), stdin).await.expect("kubectl")
}

/// The roles with which an operation was called on something, by whoever is no test.
fn roles_of(w: &World, operation: &str) -> BTreeSet<String> {
    let calls = w.aws_proxy().calls(w.account()).into_iter().filter(|call| call.operation == operation);
    calls.filter_map(|call| call.role).collect()
}

#[test]
fn two_namespaces_share_a_bucket_each_with_its_role() {
    world::test_on_own_cluster("two-roles", async |w| {
        let other = format!("{}-other", w.namespace());
        let metadata = ObjectMeta { name: Some(other.clone()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        Api::<Namespace>::all(w.kube().clone()).create(&PostParams::default(), &namespace).await.unwrap();
        w.function("of-one").await;
        w.function("of-other").await;
        let bucket = w.new_bucket("shared").await;
        let [one, two] = ["one", "two"].map(|name| role(&w, name));
        let text = format!(
            "namespaces:\n  {}:\n    role: {{arn: '{one}', externalId: cluster/one}}\n    buckets: ['{bucket}']\n    \
             functions: [of-one]\n    ruleTargets: [of-one]\n  '*-other':\n    role: {{arn: '{two}'}}\n    \
             buckets: ['{bucket}']\n    functions: [of-other]\n",
            w.namespace()
        );
        w.aws_proxy().ask_for_external_id(&one, Some("cluster/one"));
        w.aws_proxy().clear_calls(w.account());
        let path = write(&w, &text);
        let _controller =
            w.controller_of_all_namespaces(&[&NO_RESYNC[..], &["--tenancy-file", &path]].concat());
        let of_one = [
            s3("entry", "of-one", &bucket, "filters: [{prefix: one/}]"),
            scheduled("hourly", "of-one", "schedule: rate(1 hour)"),
        ];
        w.apply(&of_one.join("---\n")).await;
        let of_other = s3("entry", "of-other", &bucket, "filters: [{prefix: other/}]");
        kubectl_in(&w, &other, &["apply", "-f", "-"], &of_other).await;
        let wait = ["wait", "--for=condition=Ready", "--timeout=60s", "s3fn/entry"];
        for namespace in [w.namespace(), &other] {
            kubectl_in(&w, namespace, &wait, "").await;
        }
        w.until_ready("ScheduledFunction", "hourly").await;
        let entries: BTreeSet<String> = own(&w.document(&bucket).await)
            .into_iter()
            .map(|entry| entry.arn.rsplit(':').next().unwrap().into())
            .collect();
        assert_eq!(entries, BTreeSet::from(["of-one".into(), "of-other".into()]));
        let all = BTreeSet::from([one.clone(), two.clone()]);
        assert_eq!(roles_of(&w, "PutBucketNotificationConfiguration"), all, "each writes its own entries");
        assert_eq!(roles_of(&w, "PutRule"), BTreeSet::from([one.clone()]));
        let permitted: BTreeSet<(String, String)> = w
            .aws_proxy()
            .calls(w.account())
            .into_iter()
            .filter(|call| call.operation == "AddPermission")
            .map(|call| (call.resource, call.role.unwrap_or_default()))
            .collect();
        assert_eq!(permitted, BTreeSet::from([("of-one".into(), one), ("of-other".into(), two)]));
        // Credentials are asked for once in each session.
        assert_eq!(w.aws_proxy().count(w.account(), "AssumeRole"), 2);

        kubectl_in(&w, &other, &["delete", "s3fn/entry", "--timeout=60s"], "").await;
        assert_eq!(own(&w.document(&bucket).await).len(), 1);
    });
}

/// What a resource says of a role that the operator may not assume. `condition` is that of the trust policy.
fn refused(role: &str, condition: &str) -> String {
    let statement = r#"{"Effect":"Allow","Principal":{"AWS":"<ARN of the operator's role>"},"Action":"sts:"#;
    format!(
        "AWS does not let the operator assume role {role}: allow sts:AssumeRole and sts:TagSession on it in the IAM policy of the \
         operator's role, and see that the trust policy of {role} has the statements {statement}AssumeRole\"{condition}}} and \
         {statement}TagSession\"}}"
    )
}

#[test]
fn session_tags_of_eks_pod_identity_go_into_the_role_of_a_namespace() {
    world::test("tagged-session", async |w| {
        w.function("thumbs").await;
        let role = role(&w, "media");
        // The least policy has `sts:TagSession`: the world fails at its end if it lacks it.
        w.aws_proxy().tag_sessions(w.account());
        w.aws_proxy().refuse_session_tags(&role, true);
        let says = format!("role: {{arn: '{role}'}}\nfunctions: [thumbs]\nruleTargets: [thumbs]");
        let _controller = controller(&w, &file(&w, &says));
        w.apply(&scheduled("thumbs", "thumbs", "schedule: rate(1 day)")).await;
        let denied = w.until_condition("ScheduledFunction", "thumbs", "FunctionReady", "False").await;
        assert_eq!(
            (&denied["reason"], denied["message"].as_str()),
            (&"AccessDenied".into(), Some(&*refused(&role, "")))
        );
        w.aws_proxy().refuse_session_tags(&role, false);
        w.kubectl(&["annotate", "schedfn", "thumbs", "lambda-triggers.dev/reconcile=now"], "")
            .await
            .expect("annotate");
        w.until_ready("ScheduledFunction", "thumbs").await;
    });
}

#[test]
fn a_role_that_cannot_be_taken_on_is_told_of_with_what_to_write() {
    world::test("untrusted", async |w| {
        w.function("report").await;
        let role = role(&w, "media");
        w.aws_proxy().ask_for_external_id(&role, Some("another"));
        let says = format!(
            "role: {{arn: '{role}', externalId: cluster-1}}\nfunctions: [report]\nruleTargets: [report]"
        );
        let _controller = controller(&w, &file(&w, &says));
        w.apply(&scheduled("report", "report", "schedule: rate(1 day)")).await;
        let ready = w
            .until(LIMIT, "the role to be refused", async || {
                let object = w.object("ScheduledFunction", "report").await.ok_or("no such object")?;
                let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
                let found = conditions.iter().find(|condition| condition["reason"] == "AccessDenied");
                found.cloned().ok_or_else(|| format!("{conditions:?}"))
            })
            .await;
        assert_eq!(
            ready["message"].as_str().unwrap_or_default(),
            refused(&role, r#","Condition":{"StringEquals":{"sts:ExternalId":"cluster-1"}}"#)
        );
        w.aws_proxy().ask_for_external_id(&role, Some("cluster-1"));
        w.kubectl(&["annotate", "schedfn", "report", "lambda-triggers.dev/reconcile=now"], "")
            .await
            .expect("annotate");
        w.until_ready("ScheduledFunction", "report").await;
    });
}

#[test]
fn a_role_in_another_account_makes_all_there() {
    world::test("other-account", async |w| {
        let account = format!("9{}", &w.account()[1..]);
        let role = format!("arn:aws:iam::{account}:role/triggers/media");
        let scope = Scope::for_account(w.account(), Some(owner())).with(Feature::ALL);
        w.aws_proxy().expect_operator(w.account(), Scope { tenant_roles: vec![role.clone()], ..scope });
        let functions = w.lambda_of(&account).await;
        w.create_function(&functions, "report").await;
        let says = format!("role: {{arn: '{role}'}}\nfunctions: [report]\nruleTargets: [report]");
        let _controller = controller(&w, &file(&w, &says));
        w.apply(&scheduled("report", "report", "schedule: rate(1 day)")).await;
        let object = w.until_ready("ScheduledFunction", "report").await;
        assert_eq!(
            object["status"]["functionArn"],
            format!("arn:aws:lambda:eu-west-1:{account}:function:report")
        );
        let rules = w.aws_proxy().calls(&account).into_iter().filter(|call| call.operation == "PutRule");
        assert_eq!(rules.map(|call| call.role).collect::<Vec<_>>(), [Some(role)]);
        assert_eq!(w.aws_proxy().count(w.account(), "PutRule"), 0);
        w.delete("ScheduledFunction", "report").await;
        w.until_gone("ScheduledFunction", "report").await;
        assert_eq!(w.aws_proxy().not_in_least_policy(&account), Vec::<String>::new());
    });
}

#[test]
fn what_was_made_in_another_account_is_not_forgotten_there() {
    world::test("moved-account", async |w| {
        let account = format!("8{}", &w.account()[1..]);
        let [here, there] = [w.account(), account.as_str()].map(|of| format!("arn:aws:iam::{of}:role/media"));
        let scope = Scope::for_account(w.account(), Some(owner())).with(Feature::ALL);
        w.aws_proxy().expect_operator(w.account(), Scope { tenant_roles: vec![there.clone()], ..scope });
        w.function("report").await;
        w.create_function(&w.lambda_of(&account).await, "report").await;
        let says = |role: &str| {
            file(&w, &format!("role: {{arn: '{role}'}}\nfunctions: [report]\nruleTargets: [report]"))
        };
        let _controller = controller(&w, &says(&here));
        let schedule = scheduled("report", "report", "schedule: rate(1 day)");
        w.apply(&schedule).await;
        w.until_ready("ScheduledFunction", "report").await;
        let rules = w.rule_names().await;
        assert_eq!(rules.len(), 1);

        write(&w, &says(&there));
        let refused = format!(
            "what was made for this resource is in account {}, and its namespace acts in account {account} now: act in {0} \
             again until the resource is deleted, and create it anew then; or set spec.deletionPolicy to Retain and delete \
             it, which leaves what is in {0} to you",
            w.account()
        );
        until_elsewhere(&w, &refused).await;
        w.delete("ScheduledFunction", "report").await;
        let deleting = async || {
            let object = w.object("ScheduledFunction", "report").await?;
            object["metadata"]["deletionTimestamp"].is_string().then_some(())
        };
        w.until(LIMIT, "the deletion to wait", deleting).await;
        until_elsewhere(&w, &refused).await;
        assert_eq!(w.rule_names().await, rules);
        assert_eq!(
            w.aws_proxy()
                .calls(&account)
                .into_iter()
                .filter(|call| call.write && call.role.is_some())
                .count(),
            0
        );

        write(&w, &says(&here));
        w.until_gone("ScheduledFunction", "report").await;
        assert_eq!(w.rule_names().await, Vec::<String>::new());
    });
}

/// Waits until the schedule says so, for the reason `OtherAccount`.
async fn until_elsewhere(w: &World, message: &str) {
    w.until(LIMIT, "the other account to be told of", async || {
        let object = w.object("ScheduledFunction", "report").await.ok_or("no such object")?;
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let told = conditions.iter().any(|condition| {
            condition["type"] == "Stalled"
                && condition["reason"] == "OtherAccount"
                && condition["message"] == message
        });
        if told { Ok(()) } else { Err(format!("{conditions:?}")) }
    })
    .await;
}

#[test]
fn doctor_looks_at_the_file_and_takes_each_role_on() {
    world::test("doctor-tenancy", async |w| {
        let [fine, closed] = ["fine", "closed"].map(|name| role(&w, name));
        w.aws_proxy().ask_for_external_id(&closed, Some("another"));
        let text = format!(
            "namespaces:\n  fine: {{role: {{arn: '{fine}'}}}}\n  closed-*: {{role: {{arn: '{closed}'}}}}\n"
        );
        let path = write(&w, &text);
        let flags = ["doctor", "--namespace", w.namespace(), "--owner-id", OWNER, "--tenancy-file", &path];
        let printed = w.lambda_triggers(&flags, &[]).await;
        assert!(!printed.success, "{printed:?}");
        let said = |what: &str| {
            printed.stdout.lines().find(|line| line.contains(what)).unwrap_or_default().to_owned()
        };
        assert_eq!(said("tenancy file"), format!("ok       tenancy file: {path} is one; roles in it: 2"));
        assert_eq!(
            said("role of fine"),
            format!(
                "ok       role of fine: can be taken on, as arn:aws:sts::{}:assumed-role/fine/lt-{OWNER}-doctor",
                w.account()
            )
        );
        let refused =
            format!("failed   role of closed-*: AWS does not let the operator assume role {closed}: ");
        assert!(said("role of closed-*").starts_with(&refused), "{printed:?}");

        let path = write(&w, "namespaces: {media: {bucket: []}}");
        let printed = w.lambda_triggers(&["doctor", "--tenancy-file", &path], &[]).await;
        let line = printed.stdout.lines().find(|line| line.contains("tenancy file")).unwrap_or_default();
        assert!(
            line.starts_with(&format!("failed   tenancy file: {path}: ")) && line.contains("bucket"),
            "{line}"
        );
    });
}
