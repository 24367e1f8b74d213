//! Conflicts that need an action by a user: a foreign rule, a missing function, or an exceeded quota.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::Tag;
use futures::StreamExt;
use lambda_triggers_tests::env::{self, TestEnv};

use super::drift::not_ours;
use super::view::{KIND, Rules, in_place, plain_rule, plain_rules, rule_name, rules, wait_for_rules};
use crate::objects::{RESYNC_1S, assert_no_writes_at_rest, event, events_of, failed, wait_for_conditions};
use crate::support::{AwsView, Rule, publish, scheduled};

const NOTHING: [&str; 0] = [];

/// Creates a foreign rule with these tags.
async fn create_foreign_rule(env: &TestEnv, name: &str, tags: &[(&str, &str)]) {
    let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build().unwrap();
    let put = env.events().put_rule().name(name).schedule_expression("rate(7 days)");
    put.set_tags(Some(tags.iter().map(tag).collect())).send().await.unwrap();
}

fn foreign_rule(tags: &[(&str, &str)]) -> Rule {
    Rule {
        expression: "rate(7 days)".into(),
        description: String::new(),
        enabled: true,
        tags: tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        targets: vec![],
    }
}

#[test]
fn a_foreign_rule_is_neither_changed_nor_deleted() {
    let tags = [("lambda-triggers.dev/owner", "ffffffff"), ("team", "theirs")];
    env::test("theirs", async |env| {
        env.function("hourly").await;
        let (untagged, tagged) = (rule_name(&env, "untagged"), rule_name(&env, "tagged"));
        create_foreign_rule(&env, &untagged, &[]).await;
        create_foreign_rule(&env, &tagged, &tags).await;
        let before =
            BTreeMap::from([(untagged.clone(), foreign_rule(&[])), (tagged.clone(), foreign_rule(&tags))]);
        assert_eq!(rules(&env).await, before);

        let _controller = env.controller(&RESYNC_1S);
        for (name, rule) in [("untagged", &untagged), ("tagged", &tagged)] {
            env.apply(&scheduled(name, "hourly", "schedule: rate(1 hour)")).await;
            let stalled = not_ours(&env, name, rule);
            wait_for_conditions(&env, KIND, name, &stalled).await;
            let warning = event("Warning", "ConflictingRule", stalled[0][3].clone());
            assert_eq!(events_of(&env, name).await, [warning]);
        }
        assert_no_writes_at_rest(&env, KIND, &["untagged", "tagged"]).await;

        env.delete(KIND, "untagged").await;
        env.until_gone(KIND, "untagged").await;
        assert_eq!(rules(&env).await, before);

        env.events().delete_rule().name(&tagged).send().await.unwrap();
        wait_for_conditions(&env, KIND, "tagged", &in_place()).await;
        env.delete(KIND, "tagged").await;
        env.until_gone(KIND, "tagged").await;
        assert_eq!(rules(&env).await, BTreeMap::from([(untagged, foreign_rule(&[]))]));
        assert_eq!(env.statements("hourly", None).await, NOTHING);
    });
}

#[test]
fn a_missing_function_is_named_until_it_exists() {
    env::test("no-function", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        let message = "there is no Lambda function hourly in eu-west-1: create it, or name another one in spec.function";
        let stalled = failed("Stalled", "FunctionNotFound", message, &[], "FunctionReady");
        wait_for_conditions(&env, KIND, "hourly", &stalled).await;
        assert_no_writes_at_rest(&env, KIND, &["hourly"]).await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(events_of(&env, "hourly").await, [event("Warning", "FunctionNotFound", message)]);

        env.function("hourly").await;
        wait_for_conditions(&env, KIND, "hourly", &in_place()).await;
        assert_eq!(rules(&env).await, plain_rules(&env, &["hourly"]).await);
    });
}

#[test]
fn a_missing_alias_is_named_until_it_exists() {
    env::test("no-alias", async |env| {
        let function = env.function("hourly").await;
        let _controller = env.controller(&RESYNC_1S);
        let plain = scheduled("hourly", "hourly", "schedule: rate(1 hour)");
        env.apply(&plain.replace("{name: hourly}", "{name: hourly, qualifier: live}")).await;
        let message = "there is no Lambda function hourly with the alias or version live in eu-west-1: create it, \
                       or name another one in spec.function";
        let stalled = failed("Stalled", "FunctionNotFound", message, &[], "FunctionReady");
        wait_for_conditions(&env, KIND, "hourly", &stalled).await;

        let version = publish(&env, "hourly").await;
        let alias =
            env.lambda().create_alias().function_name("hourly").name("live").function_version(version);
        alias.send().await.unwrap();
        wait_for_conditions(&env, KIND, "hourly", &in_place()).await;
        let expected = plain_rule(&env, "hourly", &format!("{function}:live")).await;
        assert_eq!(rules(&env).await, Rules::from([(rule_name(&env, "hourly"), expected)]));
    });
}

#[test]
fn a_recreated_function_is_triggered_again() {
    env::test("function-gone", async |env| {
        env.function("hourly").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        wait_for_conditions(&env, KIND, "hourly", &in_place()).await;
        env.lambda().delete_function().function_name("hourly").send().await.unwrap();
        let message = "there is no Lambda function hourly in eu-west-1: create it, or name another one in spec.function";
        let stalled = failed("Stalled", "FunctionNotFound", message, &[], "FunctionReady");
        wait_for_conditions(&env, KIND, "hourly", &stalled).await;
        env.function("hourly").await;
        wait_for_conditions(&env, KIND, "hourly", &in_place()).await;
        wait_for_rules(&env, &plain_rules(&env, &["hourly"]).await).await;
        assert_eq!(env.statements("hourly", None).await.len(), 1);
    });
}

#[test]
fn an_exceeded_quota_is_reported_and_retried() {
    const QUOTA: usize = 300;
    env::test("quota", async |env| {
        env.function("hourly").await;
        let full = (0..QUOTA).map(|number| {
            let env = env.clone();
            async move { create_foreign_rule(&env, &format!("theirs-{number}"), &[]).await }
        });
        futures::stream::iter(full).buffer_unordered(16).collect::<Vec<()>>().await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        let message = format!(
            "events:PutRule on rule {} exceeds a quota of AWS: The requested resource exceeds the maximum \
             number allowed. Raise the quota, or remove unused resources, or set backend: Scheduler, which has no \
             such limit",
            rule_name(&env, "hourly")
        );
        let fine = ["FunctionReady", "PermissionReady"];
        wait_for_conditions(
            &env,
            KIND,
            "hourly",
            &failed("Stalled", "QuotaExceeded", &message, &fine, "RuleReady"),
        )
        .await;

        env.events().delete_rule().name("theirs-0").send().await.unwrap();
        wait_for_conditions(&env, KIND, "hourly", &in_place()).await;
    });
}
