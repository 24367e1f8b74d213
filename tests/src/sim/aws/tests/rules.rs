//! The rules of EventBridge.

use lambda_triggers::aws::EventBridgeApi;
use lambda_triggers_core::api::Tags;
use lambda_triggers_core::plan::rule::{ObservedRule, RuleSettings, Target};
use serde_json::json;
use std::sync::Arc;

use super::*;

fn settings(expression: &str) -> RuleSettings {
    RuleSettings { expression: expression.into(), description: "often".into(), enabled: true }
}

fn tags(value: &str) -> Tags {
    [("team".to_owned(), value.to_owned())].into()
}

fn target(id: &str) -> Target {
    Target {
        id: id.into(),
        arn: MemoryAws::new().function("resize").to_string(),
        input: None,
        retry_policy: None,
        dead_letter_queue_arn: None,
    }
}

/// An AWS with the rule `lt-1`, without targets.
async fn aws_with_rule() -> (MemoryAws, Arc<dyn EventBridgeApi>) {
    let aws = aws_with_bucket().await;
    let rules = aws.outside().eventbridge(REGION);
    rules.put_rule("lt-1", &settings("rate(1 minute)"), &tags("a")).await.unwrap();
    (aws, rules)
}

/// The rule with its tags and targets.
async fn read(rules: &dyn EventBridgeApi, name: &str) -> ObservedRule {
    let rule = rules.describe(name).await.unwrap().unwrap();
    let (tags, targets) = (rules.tags(&rule).await.unwrap(), rules.targets(name).await.unwrap());
    rule.with(tags, targets)
}

#[tokio::test]
async fn put_rule_resets_omitted_settings_and_ignores_tags_of_existing_rules() {
    let (aws, rules) = aws_with_rule().await;
    aws.create_managed_rule("more", &settings("rate(1 minute)"), None);
    let plain = RuleSettings { description: String::new(), ..settings("rate(1 hour)") };
    for name in ["lt-1", "more"] {
        rules.put_rule(name, &plain, &tags("b")).await.unwrap();
    }
    let observed = |tags| ObservedRule {
        settings: plain.clone(),
        has_more: false,
        managed_by: None,
        tags,
        targets: vec![],
    };
    assert_eq!(read(&*rules, "lt-1").await, observed(tags("a")));
    assert_eq!(read(&*rules, "more").await, observed(Tags::new()));
    rules.tag_rule("lt-1", &tags("b")).await.unwrap();
    assert_eq!(read(&*rules, "lt-1").await, observed(tags("b")));
    rules.untag_rule("lt-1", &["team".into()]).await.unwrap();
    assert_eq!(read(&*rules, "lt-1").await, observed(Tags::new()));
}

#[tokio::test]
async fn a_target_needs_a_rule_and_a_rule_takes_five() {
    let (_, rules) = aws_with_rule().await;
    assert_eq!(kind_and_message(rules.put_target("gone", &target("a")).await).0, AwsErrorKind::NotFound);
    for id in ["a", "b", "c", "d", "e", "e"] {
        rules.put_target("lt-1", &target(id)).await.unwrap();
    }
    assert_eq!(kind_and_message(rules.put_target("lt-1", &target("f")).await).0, AwsErrorKind::Quota);
}

#[tokio::test]
async fn a_rule_with_targets_is_not_deleted() {
    let (aws, rules) = aws_with_rule().await;
    rules.put_target("lt-1", &target("a")).await.unwrap();
    let words = "Rule can't be deleted since it has targets.";
    assert_eq!(kind_and_message(rules.delete_rule("lt-1").await), (AwsErrorKind::Invalid, words.into()));
    rules.remove_targets("lt-1", &["a".into()]).await.unwrap();
    rules.delete_rule("lt-1").await.unwrap();
    assert_eq!(aws.snapshot().rules, [].into());
}

#[tokio::test]
async fn the_removal_of_a_missing_rule_succeeds_but_not_of_its_targets() {
    let (_, rules) = aws_with_rule().await;
    rules.delete_rule("gone").await.unwrap();
    rules.remove_targets("lt-1", &["gone".into()]).await.unwrap();
    let removed = rules.remove_targets("gone", &["a".into()]).await;
    assert_eq!(kind_and_message(removed).0, AwsErrorKind::NotFound);
    assert_eq!(rules.describe("gone").await.unwrap(), None);
    assert_eq!(kind_and_message(rules.tag_rule("gone", &tags("a")).await).0, AwsErrorKind::NotFound);
}

#[tokio::test]
async fn rules_are_found_by_target_and_prefix() {
    let (aws, rules) = aws_with_rule().await;
    for name in ["lt-2", "other"] {
        rules.put_rule(name, &settings("rate(1 minute)"), &Tags::new()).await.unwrap();
        rules.put_target(name, &target("a")).await.unwrap();
    }
    let arn = aws.function("resize").to_string();
    assert_eq!(rules.rules_with_target(&arn, "lt-").await.unwrap(), ["lt-2"]);
    let elsewhere = aws.outside().eventbridge("us-east-1");
    assert_eq!(elsewhere.rules_with_target(&arn, "").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_foreign_target_with_unknown_members_is_returned_by_id_only() {
    let (aws, rules) = aws_with_rule().await;
    aws.put_target("lt-1", &json!({"Id": "a", "Arn": target("a").arn, "InputPath": "$.detail"})).unwrap();
    aws.put_target("lt-1", &json!({"Id": "b", "Arn": target("b").arn})).unwrap();
    let targets = rules.targets("lt-1").await.unwrap();
    assert_eq!(targets, [("a".into(), None), ("b".into(), Some(target("b")))]);
}

#[tokio::test]
async fn a_managed_rule_and_an_unknown_schedule_are_refused() {
    let (aws, rules) = aws_with_rule().await;
    aws.create_managed_rule("theirs", &settings("rate(1 minute)"), Some("ecs.amazonaws.com"));
    assert_eq!(
        kind_and_message(rules.put_rule("theirs", &settings("rate(1 hour)"), &Tags::new()).await).0,
        AwsErrorKind::Invalid
    );
    let words = "Parameter ScheduleExpression is not valid.";
    let put = rules.put_rule("lt-1", &settings("rate(1 minutes)"), &Tags::new()).await;
    assert_eq!(kind_and_message(put), (AwsErrorKind::Invalid, words.into()));
}

#[tokio::test]
async fn a_region_takes_300_rules() {
    let (aws, rules) = aws_with_rule().await;
    for number in 1..300 {
        rules.put_rule(&format!("more-{number}"), &settings("rate(1 hour)"), &Tags::new()).await.unwrap();
    }
    let put = |rules: Arc<dyn EventBridgeApi>, name| async move {
        rules.put_rule(name, &settings("rate(1 day)"), &Tags::new()).await
    };
    assert_eq!(kind_and_message(put(rules.clone(), "one-too-many").await).0, AwsErrorKind::Quota);
    // An update of an existing rule is permitted, and another Region has its own quota.
    put(rules, "lt-1").await.unwrap();
    put(aws.outside().eventbridge("us-east-1"), "lt-1").await.unwrap();
}
