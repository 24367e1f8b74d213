//! What waits for somebody to act, outside of faults: somebody else's rule, no such function, a quota that is used up.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::Tag;
use futures::StreamExt;
use lambda_triggers_tests::env::{self, TestEnv};

use super::drift::not_ours;
use super::view::{KIND, Rules, in_place, plain_rule, plain_rules, rule_name, rules, until_rules};
use crate::objects::{RESYNC_1S, event, events_of, failed, nothing_is_written_at_rest, until_conditions};
use crate::support::{AwsView, Rule, publish, scheduled};

const NOBODY: [&str; 0] = [];

/// Somebody makes a rule, with these tags.
async fn made_by_somebody(env: &TestEnv, name: &str, tags: &[(&str, &str)]) {
    let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build().unwrap();
    let put = env.events().put_rule().name(name).schedule_expression("rate(7 days)");
    put.set_tags(Some(tags.iter().map(tag).collect())).send().await.unwrap();
}

fn theirs(tags: &[(&str, &str)]) -> Rule {
    Rule {
        expression: "rate(7 days)".into(),
        description: String::new(),
        enabled: true,
        tags: tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        targets: vec![],
    }
}

#[test]
fn a_rule_of_somebody_else_is_neither_changed_nor_deleted() {
    let tags = [("lambda-triggers.dev/owner", "ffffffff"), ("team", "theirs")];
    env::test("theirs", async |env| {
        env.function("hourly").await;
        let (untagged, tagged) = (rule_name(&env, "untagged"), rule_name(&env, "tagged"));
        made_by_somebody(&env, &untagged, &[]).await;
        made_by_somebody(&env, &tagged, &tags).await;
        let before = BTreeMap::from([(untagged.clone(), theirs(&[])), (tagged.clone(), theirs(&tags))]);
        assert_eq!(rules(&env).await, before);

        let _controller = env.controller(&RESYNC_1S);
        for (name, rule) in [("untagged", &untagged), ("tagged", &tagged)] {
            env.apply(&scheduled(name, "hourly", "schedule: rate(1 hour)")).await;
            let stalled = not_ours(&env, name, rule);
            until_conditions(&env, KIND, name, &stalled).await;
            let warning = event("Warning", "ConflictingRule", stalled[0][3].clone());
            assert_eq!(events_of(&env, name).await, [warning]);
        }
        nothing_is_written_at_rest(&env, KIND, &["untagged", "tagged"]).await;

        env.delete(KIND, "untagged").await;
        env.until_gone(KIND, "untagged").await;
        assert_eq!(rules(&env).await, before);

        env.events().delete_rule().name(&tagged).send().await.unwrap();
        until_conditions(&env, KIND, "tagged", &in_place()).await;
        env.delete(KIND, "tagged").await;
        env.until_gone(KIND, "tagged").await;
        assert_eq!(rules(&env).await, BTreeMap::from([(untagged, theirs(&[]))]));
        assert_eq!(env.statements("hourly", None).await, NOBODY);
    });
}

#[test]
fn a_missing_function_is_named_and_waited_for() {
    env::test("no-function", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        let message = "there is no Lambda function hourly in eu-west-1: create it, or name another one in spec.function";
        let stalled = failed("Stalled", "FunctionNotFound", message, &[], "FunctionReady");
        until_conditions(&env, KIND, "hourly", &stalled).await;
        nothing_is_written_at_rest(&env, KIND, &["hourly"]).await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(events_of(&env, "hourly").await, [event("Warning", "FunctionNotFound", message)]);

        env.function("hourly").await;
        until_conditions(&env, KIND, "hourly", &in_place()).await;
        assert_eq!(rules(&env).await, plain_rules(&env, &["hourly"]).await);
    });
}

#[test]
fn a_missing_alias_is_named_and_waited_for() {
    env::test("no-alias", async |env| {
        let function = env.function("hourly").await;
        let _controller = env.controller(&RESYNC_1S);
        let plain = scheduled("hourly", "hourly", "schedule: rate(1 hour)");
        env.apply(&plain.replace("{name: hourly}", "{name: hourly, qualifier: live}")).await;
        let message = "there is no Lambda function hourly with the alias or version live in eu-west-1: create it, \
                       or name another one in spec.function";
        let stalled = failed("Stalled", "FunctionNotFound", message, &[], "FunctionReady");
        until_conditions(&env, KIND, "hourly", &stalled).await;

        let version = publish(&env, "hourly").await;
        let alias =
            env.lambda().create_alias().function_name("hourly").name("live").function_version(version);
        alias.send().await.unwrap();
        until_conditions(&env, KIND, "hourly", &in_place()).await;
        let expected = plain_rule(&env, "hourly", &format!("{function}:live")).await;
        assert_eq!(rules(&env).await, Rules::from([(rule_name(&env, "hourly"), expected)]));
    });
}

#[test]
fn a_function_that_was_deleted_comes_back_to_its_rule() {
    env::test("function-gone", async |env| {
        env.function("hourly").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        until_conditions(&env, KIND, "hourly", &in_place()).await;
        env.lambda().delete_function().function_name("hourly").send().await.unwrap();
        let message = "there is no Lambda function hourly in eu-west-1: create it, or name another one in spec.function";
        let stalled = failed("Stalled", "FunctionNotFound", message, &[], "FunctionReady");
        until_conditions(&env, KIND, "hourly", &stalled).await;
        env.function("hourly").await;
        until_conditions(&env, KIND, "hourly", &in_place()).await;
        until_rules(&env, &plain_rules(&env, &["hourly"]).await).await;
        assert_eq!(env.statements("hourly", None).await.len(), 1);
    });
}

#[test]
fn a_quota_that_is_used_up_is_named_and_waited_for() {
    const QUOTA: usize = 300;
    env::test("quota", async |env| {
        env.function("hourly").await;
        let full = (0..QUOTA).map(|number| {
            let env = env.clone();
            async move { made_by_somebody(&env, &format!("theirs-{number}"), &[]).await }
        });
        futures::stream::iter(full).buffer_unordered(16).collect::<Vec<()>>().await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        let message = format!(
            "events:PutRule on rule {} exceeds a quota of AWS: The requested resource exceeds the maximum number \
             allowed. Raise the quota, or remove what is not needed",
            rule_name(&env, "hourly")
        );
        let fine = ["FunctionReady", "PermissionReady"];
        until_conditions(
            &env,
            KIND,
            "hourly",
            &failed("Stalled", "QuotaExceeded", &message, &fine, "RuleReady"),
        )
        .await;

        env.events().delete_rule().name("theirs-0").send().await.unwrap();
        until_conditions(&env, KIND, "hourly", &in_place()).await;
    });
}
