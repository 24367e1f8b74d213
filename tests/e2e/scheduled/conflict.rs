//! What waits for somebody to act, outside of faults: somebody else's rule, no such function, a quota that is used up.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::Tag;
use futures::StreamExt;
use lambda_triggers_tests::world::{self, World};

use super::drift::not_ours;
use super::view::{KIND, Rules, in_place, plain_rule, plain_rules, rule_name, rules, until_rules};
use crate::objects::{RESYNC_1S, event, failed, nothing_is_written_at_rest, told, until_conditions};
use crate::support::{AwsView, Rule, publish, scheduled};

const NOBODY: [&str; 0] = [];

/// Somebody makes a rule, with these tags.
async fn made_by_somebody(w: &World, name: &str, tags: &[(&str, &str)]) {
    let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build().unwrap();
    let put = w.events().put_rule().name(name).schedule_expression("rate(7 days)");
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
    world::test("theirs", async |w| {
        w.function("hourly").await;
        let (untagged, tagged) = (rule_name(&w, "untagged"), rule_name(&w, "tagged"));
        made_by_somebody(&w, &untagged, &[]).await;
        made_by_somebody(&w, &tagged, &tags).await;
        let before = BTreeMap::from([(untagged.clone(), theirs(&[])), (tagged.clone(), theirs(&tags))]);
        assert_eq!(rules(&w).await, before);

        let _controller = w.controller(&RESYNC_1S);
        for (name, rule) in [("untagged", &untagged), ("tagged", &tagged)] {
            w.apply(&scheduled(name, "hourly", "schedule: rate(1 hour)")).await;
            let stalled = not_ours(&w, name, rule);
            until_conditions(&w, KIND, name, &stalled).await;
            let warning = event("Warning", "ConflictingRule", stalled[0][3].clone());
            assert_eq!(told(&w, name).await, [warning]);
        }
        nothing_is_written_at_rest(&w, KIND, &["untagged", "tagged"]).await;

        w.delete(KIND, "untagged").await;
        w.until_gone(KIND, "untagged").await;
        assert_eq!(rules(&w).await, before);

        w.events().delete_rule().name(&tagged).send().await.unwrap();
        until_conditions(&w, KIND, "tagged", &in_place()).await;
        w.delete(KIND, "tagged").await;
        w.until_gone(KIND, "tagged").await;
        assert_eq!(rules(&w).await, BTreeMap::from([(untagged, theirs(&[]))]));
        assert_eq!(w.statements("hourly", None).await, NOBODY);
    });
}

#[test]
fn a_missing_function_is_named_and_waited_for() {
    world::test("no-function", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        let message = "there is no Lambda function hourly in eu-west-1: create it, or name another one in spec.function";
        let stalled = failed("Stalled", "FunctionNotFound", message, &[], "FunctionReady");
        until_conditions(&w, KIND, "hourly", &stalled).await;
        nothing_is_written_at_rest(&w, KIND, &["hourly"]).await;
        assert_eq!(rules(&w).await, Rules::new());
        assert_eq!(told(&w, "hourly").await, [event("Warning", "FunctionNotFound", message)]);

        w.function("hourly").await;
        until_conditions(&w, KIND, "hourly", &in_place()).await;
        assert_eq!(rules(&w).await, plain_rules(&w, &["hourly"]).await);
    });
}

#[test]
fn a_missing_alias_is_named_and_waited_for() {
    world::test("no-alias", async |w| {
        let function = w.function("hourly").await;
        let _controller = w.controller(&RESYNC_1S);
        let plain = scheduled("hourly", "hourly", "schedule: rate(1 hour)");
        w.apply(&plain.replace("{name: hourly}", "{name: hourly, qualifier: live}")).await;
        let message = "there is no Lambda function hourly with the alias or version live in eu-west-1: create it, \
                       or name another one in spec.function";
        let stalled = failed("Stalled", "FunctionNotFound", message, &[], "FunctionReady");
        until_conditions(&w, KIND, "hourly", &stalled).await;

        let version = publish(&w, "hourly").await;
        let alias = w.lambda().create_alias().function_name("hourly").name("live").function_version(version);
        alias.send().await.unwrap();
        until_conditions(&w, KIND, "hourly", &in_place()).await;
        let expected = plain_rule(&w, "hourly", &format!("{function}:live")).await;
        assert_eq!(rules(&w).await, Rules::from([(rule_name(&w, "hourly"), expected)]));
    });
}

#[test]
fn a_function_that_was_deleted_comes_back_to_its_rule() {
    world::test("function-gone", async |w| {
        w.function("hourly").await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        until_conditions(&w, KIND, "hourly", &in_place()).await;
        w.lambda().delete_function().function_name("hourly").send().await.unwrap();
        let message = "there is no Lambda function hourly in eu-west-1: create it, or name another one in spec.function";
        let stalled = failed("Stalled", "FunctionNotFound", message, &[], "FunctionReady");
        until_conditions(&w, KIND, "hourly", &stalled).await;
        w.function("hourly").await;
        until_conditions(&w, KIND, "hourly", &in_place()).await;
        until_rules(&w, &plain_rules(&w, &["hourly"]).await).await;
        assert_eq!(w.statements("hourly", None).await.len(), 1);
    });
}

#[test]
fn a_quota_that_is_used_up_is_named_and_waited_for() {
    const QUOTA: usize = 300;
    world::test("quota", async |w| {
        w.function("hourly").await;
        let full = (0..QUOTA).map(|number| {
            let w = w.clone();
            async move { made_by_somebody(&w, &format!("theirs-{number}"), &[]).await }
        });
        futures::stream::iter(full).buffer_unordered(16).collect::<Vec<()>>().await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        let message = format!(
            "events:PutRule on rule {} exceeds a quota of AWS: The requested resource exceeds the maximum number \
             allowed. Raise the quota, or remove what is not needed",
            rule_name(&w, "hourly")
        );
        let fine = ["FunctionReady", "PermissionReady"];
        until_conditions(
            &w,
            KIND,
            "hourly",
            &failed("Stalled", "QuotaExceeded", &message, &fine, "RuleReady"),
        )
        .await;

        w.events().delete_rule().name("theirs-0").send().await.unwrap();
        until_conditions(&w, KIND, "hourly", &in_place()).await;
    });
}
