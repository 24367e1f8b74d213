//! `lambda-triggers doctor --all`: the readiness of all resources, and the AWS quotas.

use lambda_triggers_core::plan::permission::Policy;
use lambda_triggers_tests::env;

use super::doctor::doctor;
use crate::objects::{NO_RESYNC, OWNER};
use crate::support::{create_both_triggers, scheduled};

#[test]
fn doctor_groups_unready_resources_and_counts_against_the_quotas() {
    env::test("doctor-all", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let bucket = create_both_triggers(&env).await;
        env.apply(&scheduled("missing", "nowhere", "schedule: rate(1 day)")).await;
        env.until_condition("ScheduledFunction", "missing", "Stalled", "True").await;
        let flags = ["--namespace", env.namespace(), "--owner-id", OWNER, "--all"];
        let (healthy, lines) = doctor(&env, &flags, &[]).await;
        assert!(!healthy);
        let policy = env.lambda().get_policy().function_name("report").send().await.unwrap();
        let last = lines.len() - 5;
        assert_eq!(
            lines[last..],
            [
                format!(
                    "failed   resources with FunctionNotFound: 1 of 3 are not Ready: ScheduledFunction {}/missing; the \
                     condition Ready of each resource names the fix",
                    env.namespace()
                ),
                "ok       rules in eu-west-1: 1 of 300 rules of all tools".into(),
                format!("ok       bucket {bucket}: 1 of 100 entries, 1 of this operator"),
                format!(
                    "ok       policy of function report: {} of 20480 bytes",
                    Policy::parse(&policy.policy.unwrap(), None).unwrap().size()
                ),
                "skipped  writes to AWS: doctor does not write; compare the role's policy with lambda-triggers iam-policy"
                    .into(),
            ]
        );
    });
}
