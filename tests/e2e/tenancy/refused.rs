//! The operator refuses references that the tenancy file does not permit, before any call to AWS.

use lambda_triggers_tests::env;

use super::{controller, file, wait_for_refusal};
use crate::support::{AwsView, LIMIT, s3, scheduled};

#[test]
fn a_forbidden_reference_causes_no_aws_call() {
    env::test("refused", async |env| {
        env.function("theirs").await;
        let bucket = env.new_bucket("photos").await;
        let role = super::role(&env, "media");
        let entry = format!(
            "role: {{arn: '{role}'}}\nbuckets: [media-*]\nfunctions: [mine-*]\nruleTargets: [mine-a]\ncontact: ask Ada"
        );
        env.aws_proxy().clear_calls(env.account());
        let _controller = controller(&env, &file(&env, &entry));
        let account = env.account();
        let definition = "code: {inline: {a.py: x}}, handler: a.b, runtime: python3.13";
        let defined = format!(
            "apiVersion: lambda-triggers.dev/v1alpha1\nkind: ScheduledFunction\nmetadata: {{name: defined}}\nspec:\n  \
             schedule: rate(1 day)\n  function:\n    definition: {{roleArn: 'arn:aws:iam::{account}:role/admin', {definition}}}\n"
        );
        let objects = [
            s3("both", "theirs", &bucket, ""),
            scheduled("function", "theirs", "schedule: rate(1 day)"),
            scheduled("target", "mine-b", "schedule: rate(1 day)"),
            defined,
        ];
        env.apply(&objects.join("---\n")).await;

        let (ns, arn) = (env.namespace(), format!("arn:aws:lambda:eu-west-1:{account}:function"));
        let refusal = |resource: &str, list: &str, holds: &str| {
            format!(
                "namespace {ns} may not use {resource}: namespaces.{ns}.{list} in the tenancy file permits \
                 {holds}; ask Ada"
            )
        };
        let function = format!(
            "spec.function.name: {}",
            refusal(&format!("function {arn}:theirs"), "functions", "mine-*")
        );
        let target = |name: &str| {
            let resource = format!("function {arn}:{name} as the target of a schedule");
            format!("spec.function.name: {}", refusal(&resource, "ruleTargets", "mine-a"))
        };
        let bucket = format!("spec.bucket: {}", refusal(&format!("bucket {bucket}"), "buckets", "media-*"));
        assert_eq!(
            wait_for_refusal(&env, "S3TriggeredFunction", "both").await,
            ("FunctionReady".to_owned(), format!("{function}; {bucket}"))
        );
        assert_eq!(
            wait_for_refusal(&env, "ScheduledFunction", "function").await,
            ("FunctionReady".to_owned(), format!("{function}; {}", target("theirs")))
        );
        assert_eq!(
            wait_for_refusal(&env, "ScheduledFunction", "target").await,
            ("RuleReady".to_owned(), target("mine-b"))
        );
        let (part, message) = wait_for_refusal(&env, "ScheduledFunction", "defined").await;
        assert_eq!(part, "FunctionReady");
        assert!(message.contains("spec.function.definition.roleArn: "), "{message}");
        for (kind, name) in [
            ("S3TriggeredFunction", "both"),
            ("ScheduledFunction", "function"),
            ("ScheduledFunction", "target"),
            ("ScheduledFunction", "defined"),
        ] {
            env.delete(kind, name).await;
            env.until_gone(kind, name).await;
        }
        // The operator reads its own identity at the start.
        let calls = env.aws_proxy().calls(env.account());
        assert!(
            calls.iter().all(|call| call.operation == "GetCallerIdentity" && call.role.is_none()),
            "{calls:?}"
        );
    });
}

#[test]
fn an_unlisted_namespace_may_reference_nothing() {
    env::test("unnamed", async |env| {
        env.function("report").await;
        let _controller =
            controller(&env, "contact: ask the platform team\nnamespaces:\n  other: {functions: ['*']}\n");
        env.apply(&scheduled("report", "report", "schedule: rate(1 day)")).await;
        let message = format!(
            "the tenancy file has no entry for namespace {}, so its resources may not use anything in AWS; ask \
             the platform team",
            env.namespace()
        );
        assert_eq!(
            wait_for_refusal(&env, "ScheduledFunction", "report").await,
            ("FunctionReady".into(), message)
        );
        env.delete("ScheduledFunction", "report").await;
        env.until_gone("ScheduledFunction", "report").await;
    });
}

#[test]
fn an_invalid_file_at_the_start_ends_the_operator() {
    env::test("broken-start", async |env| {
        let mut controller = controller(&env, "namespaces:\n  media:\n    bucket: [photos]\n");
        let status = env.until(LIMIT, "the operator to end", async || controller.ended()).await;
        assert_eq!(status.code(), Some(1));
        let output = env
            .until(LIMIT, "the error message", async || {
                let log = controller.log();
                log.lines()
                    .find(|line| line.starts_with("lambda-triggers: "))
                    .map(ToOwned::to_owned)
                    .ok_or(log)
            })
            .await;
        assert!(
            output.contains("the tenancy file ") && output.contains("bucket") && output.contains("line 3"),
            "{output}"
        );
    });
}
