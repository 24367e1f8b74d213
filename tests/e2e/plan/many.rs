//! A plan of many schedules.

use lambda_triggers_core::iam::{Command, Scope, command_policy};
use lambda_triggers_tests::env;

use super::{key, plan, write};
use crate::deployed::view::SCHEDULED;
use crate::objects::{NO_RESYNC, owner};
use crate::support::scheduled;

#[test]
fn a_plan_of_many_schedules_lists_their_tags_and_reads_changed_tags_again() {
    env::test("plan-many", async |env| {
        env.function("report").await;
        let manifest = |number: usize| {
            scheduled(&format!("s{number}"), "report", "schedule: rate(1 hour)\ntags: {team: a}")
        };
        let mut controller = env.controller(&NO_RESYNC);
        env.apply(&manifest(0)).await;
        env.until_ready(SCHEDULED, "s0").await;
        controller.stop().await;
        let policy = command_policy(Command::Plan, &Scope::for_account(env.account(), Some(owner())));
        env.aws_proxy().give_policy(env.account(), policy);
        let all: Vec<String> = (0..100).map(manifest).collect();
        let file = write(&env, "many.yaml", &all.join("---\n"));
        let plan = async || {
            let (_, text) = plan(&env, &["--filename", &file]).await;
            let calls = env.aws_proxy().calls(env.account());
            let count = |operation: &str| calls.iter().filter(|call| call.operation == operation).count();
            let summary = text.lines().last().unwrap_or_default().to_owned();
            (summary, count("GetResources"), count("ListTagsForResource"))
        };
        assert_eq!(plan().await, ("99 to create, 1 unchanged.".into(), 1, 0));

        let name = key(&env, "s0").rule_name(&owner(), SCHEDULED);
        let rule = env.events().describe_rule().name(name).send().await.unwrap();
        let untag = env.events().untag_resource().resource_arn(rule.arn.unwrap());
        untag.tag_keys("team").send().await.unwrap();
        assert_eq!(plan().await, ("99 to create, 1 to change.".into(), 1, 1));
    });
}
