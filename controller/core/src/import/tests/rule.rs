//! The import of rules.

use super::*;
use crate::api::{RetryPolicy, ScheduledFunctionSpec};
use crate::ownership::Origin;
use crate::plan::rule::{DesiredRule, ObservedRule, RuleSettings, Target, canonical_retry};

pub(super) const NOW: &str = "2026-11-27T17:00:00Z";

pub(in crate::import) fn target(id: &str, arn: &str) -> (String, Option<Target>) {
    let target = Target {
        id: id.into(),
        arn: arn.into(),
        input: None,
        retry_policy: None,
        dead_letter_queue_arn: None,
    };
    (id.into(), Some(target))
}

pub(in crate::import) fn rule(
    name: &str,
    expression: &str,
    targets: Vec<(String, Option<Target>)>,
) -> FoundRule {
    let settings = RuleSettings { expression: expression.into(), description: String::new(), enabled: true };
    let rule = ObservedRule { settings, has_more: false, managed_by: None, tags: Tags::new(), targets };
    let functions = BTreeMap::new();
    FoundRule { name: name.into(), region: "eu-west-1".into(), rule, functions, made_by: None }
}

fn import(found: &FoundRule) -> Vec<Finding> {
    import_rule(&settings(), &mut Names::default(), found, NOW.parse().unwrap())
}

fn rows(found: &FoundRule) -> Vec<Row> {
    import(found).iter().map(row).collect()
}

#[test]
fn a_rule_becomes_a_suspended_schedule_with_all_settings() {
    let mut found =
        rule("Nightly_Report", "cron(0 18 ? * MON-FRI *)", vec![target("a", &arn("report:live"))]);
    found.rule.settings.description = "Reports.".into();
    found.rule.tags = BTreeMap::from([
        ("team".into(), "media".into()),
        ("aws:cloudformation:stack-name".into(), "reports".into()),
        ("lambda-triggers.dev/x".into(), "y".into()),
    ]);
    let queue = format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:dead");
    if let Some(target) = &mut found.rule.targets[0].1 {
        target.input = Some("{\"report\": \"daily\"}".into());
        target.retry_policy =
            Some(RetryPolicy { maximum_retry_attempts: Some(3), maximum_event_age_seconds: Some(600) });
        target.dead_letter_queue_arn = Some(queue.clone());
    }
    let spec = json!({
        "function": {"name": "report", "qualifier": "live"},
        "schedule": "cron(0 18 ? * MON-FRI *)",
        "input": {"report": "daily"},
        "retryPolicy": {"maximumRetryAttempts": 3, "maximumEventAgeSeconds": 600},
        "deadLetterQueueArn": queue,
        "description": "Reports.",
        "suspend": true,
        "deletionPolicy": "Retain",
        "tags": {"team": "media"},
    });
    let expected = (
        "rule Nightly_Report (cron(0 18 ? * MON-FRI *)), target report:live".to_owned(),
        "imported",
        spec,
        Some("CloudFormation, stack reports".to_owned()),
        vec![format!("the policy of {queue} must also permit the operator's rules, lt-*")],
    );
    assert_eq!(rows(&found), [expected]);
}

#[test]
fn each_function_of_a_rule_becomes_a_schedule_with_the_same_hand_over() {
    let mut found = rule("hourly", "rate(1 hour)", vec![target("a", &arn("f")), target("b", &arn("g"))]);
    let hand_over = |runs| HandOver::Rule {
        name: "hourly".into(),
        region: "eu-west-1".into(),
        target_ids: vec!["a".into(), "b".into()],
        runs,
    };
    let made = |found: &FoundRule| -> Vec<(String, HandOver)> {
        let findings = import(found).into_iter();
        let made = findings.filter_map(|finding| match finding.outcome {
            Outcome::Imported(imported) => Some((imported.manifest.name().to_owned(), imported.hand_over)),
            _ => None,
        });
        made.collect()
    };
    let names = ["hourly".to_owned(), "hourly-2".to_owned()];
    assert_eq!(made(&found), names.clone().map(|name| (name, hand_over(Some(Runs::Interval)))));
    found.rule.settings.enabled = false;
    assert_eq!(made(&found), names.map(|name| (name, hand_over(None))));
}

#[test]
fn a_rule_without_an_equivalent_has_a_reason() {
    let one = || vec![target("a", &arn("f"))];
    let row = |change: fn(&mut FoundRule)| {
        let mut found = rule("nightly", "rate(1 day)", one());
        change(&mut found);
        let [finding] = <[Finding; 1]>::try_from(import(&found)).unwrap();
        let (_, sign, why, ..) = super::row(&finding);
        (sign, why.as_str().unwrap().to_owned())
    };
    let rows = [
        row(|found| found.name = "lt-0a1b2c3d-media-nightly-0123456789".into()),
        row(|found| found.rule.managed_by = Some("autoscaling.amazonaws.com".into())),
        row(|found| found.rule.settings.expression = String::new()),
        row(|found| found.rule.has_more = true),
        row(|found| found.rule.targets.clear()),
        row(|found| found.rule.targets.push(("b".into(), None))),
        row(|found| found.rule.targets.push(target("b", "arn:aws:sqs:eu-west-1:1:q"))),
        row(|found| found.rule.targets[0] = target("b", "arn:aws:lambda:eu-west-1:210987654321:function:f")),
        row(|found| found.rule.targets[0] = target("b", "arn:aws:lambda:us-east-1:123456789012:function:f")),
        row(|found| found.functions = BTreeMap::from([(arn("f"), FunctionState::Missing)])),
        row(|found| found.rule.settings.expression = "rate(1 hours)".into()),
    ];
    let expected = [
        ("stays", "an operator with the owner id 0a1b2c3d has it"),
        ("stays", "autoscaling.amazonaws.com manages it"),
        ("stays", "it has an event pattern and no schedule"),
        ("not imported", "it has an event pattern or a role beside its schedule"),
        ("not imported", "it has no target, so it runs nothing"),
        (
            "not imported",
            "its target \"b\" has settings without an equivalent, such as an input path, an input transformer or a \
             role",
        ),
        ("not imported", "its target \"b\" is no function: arn:aws:sqs:eu-west-1:1:q"),
        (
            "not imported",
            "its target \"b\" is a function of account 210987654321, which EventBridge invokes only with a role",
        ),
        ("not imported", "its target \"b\" is a function of us-east-1"),
        ("not imported", "its target \"a\" does not exist: arn:aws:lambda:eu-west-1:123456789012:function:f"),
        ("not imported", "spec.schedule: Invalid value: \"rate(1 hours)\": write rate(1 hour)"),
    ];
    assert_eq!(rows, expected.map(|(sign, why)| (sign, why.to_owned())));
}

#[test]
fn the_tags_of_the_function_show_the_maker_of_a_rule_without_tags() {
    let mut found = rule("nightly", "rate(1 day)", vec![target("a", &arn("f"))]);
    found.functions.insert(arn("f"), function(&[CHALICE], &[]));
    assert_eq!(rows(&found)[0].3.as_deref(), Some("Chalice, app shop, stage dev"));
}

#[test]
fn the_permission_of_exactly_this_rule_is_old() {
    let mut found = rule("nightly", "rate(1 day)", vec![target("a", &arn("f")), target("b", &arn("g:live"))]);
    let events = "events.amazonaws.com";
    let this = format!("arn:aws:events:eu-west-1:{ACCOUNT}:rule/nightly");
    let all = format!("arn:aws:events:eu-west-1:{ACCOUNT}:rule/*");
    let of_f = [("uuid", events, &*this), ("all", events, &all), ("s3", "s3.amazonaws.com", &this)];
    found.functions.insert(arn("f"), function(&[], &of_f));
    found.functions.insert(arn("g:live"), function(&[], &[("other", events, &this)]));
    let findings = import(&found);
    assert_eq!(old_sids(&findings), [["uuid"], ["other"]]);
    let Outcome::Imported(imported) = &findings[1].outcome else { panic!("{findings:?}") };
    assert_eq!(imported.permissions[0].function.to_string(), arn("g:live"));
}

#[test]
fn a_refused_rule_takes_no_name() {
    let mut names = Names::default();
    let (settings, now) = (settings(), NOW.parse().unwrap());
    let mut found = rule("hourly", "rate(1 hour)", vec![target("a", &arn("f")), target("b", &arn("g"))]);
    if let Some(target) = &mut found.rule.targets[1].1 {
        target.input = Some("x".into());
    }
    import_rule(&settings, &mut names, &found, now);
    assert_eq!(names, Names::default());
}

fn inputs() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        Just(Some("{\"yes\":\"no\",\"n\":[1,\"2001-01-01\",\"0x1F\",\"~\",\" a: b #c\\n\"]}".to_owned())),
        Just(Some("{\"limit\":null,\"x\":1.0}".to_owned())),
        "[a-z\\\\\": {}\n]{0,12}".prop_map(|text| Some(json!({ "text": text }).to_string())),
    ]
}

proptest! {
    #[test]
    fn every_manifest_of_a_rule_is_valid_and_keeps_the_settings(
        expression in prop_oneof![Just("rate(1 hour)"), Just("cron(0/5 8-17 ? * MON-FRI *)")],
        input in inputs(),
        description in "[ -~é]{0,40}",
        enabled in any::<bool>(),
        tags in prop::collection::btree_map("[a-z]{1,8}", "[a-zA-Z0-9 .:/=+@_-]{0,8}", 0..4),
        retries in prop::option::of((0..=185, 60..=86_400)),
    ) {
        let mut found = rule("some.Rule", expression, vec![target("a", &arn("f"))]);
        found.rule.settings = RuleSettings { expression: expression.into(), description, enabled };
        found.rule.tags = tags;
        let retry = retries.map(|(attempts, age)| RetryPolicy {
            maximum_retry_attempts: Some(attempts),
            maximum_event_age_seconds: Some(age),
        });
        if let Some(target) = &mut found.rule.targets[0].1 {
            target.input = input;
            target.retry_policy = retry;
        }
        let findings = import(&found);
        let manifest = findings[0].manifest().expect("a manifest");
        let read: Value = serde_saphyr::from_str(&manifest.to_yaml().unwrap()).unwrap();
        prop_assert_eq!(&read, &manifest.object);
        let checked = check_manifest(read).unwrap().object;
        let spec: ScheduledFunctionSpec = serde_json::from_value(checked["spec"].clone()).unwrap();
        let owner = Owner { id: OwnerId::parse("1a2b3c4d").unwrap(), cluster: String::new() };
        let key = ObjectKey::new("media", manifest.name());
        let origin = Origin { kind: "ScheduledFunction", key, uid: String::new() };
        let function = FunctionArn::parse(&arn("f")).unwrap();
        let desired = DesiredRule::from_spec(&owner, &origin, &Tags::new(), &spec, expression.into(), &function);
        let before = &found.rule;
        let settings = RuleSettings { enabled: false, ..before.settings.clone() };
        prop_assert_eq!(desired.settings, settings);
        let target = before.targets[0].1.clone().unwrap();
        let json = |text: Option<String>| text.map(|text| serde_json::from_str::<Value>(&text).unwrap());
        prop_assert_eq!(json(desired.target.input), json(target.input));
        prop_assert_eq!(desired.target.retry_policy, canonical_retry(target.retry_policy.as_ref()));
        prop_assert!(before.tags.iter().all(|(key, value)| desired.tags.get(key) == Some(value)));
    }
}
