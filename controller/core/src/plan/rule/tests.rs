//! Property tests of the rule planner's laws, and tables of single cases.

mod recorded;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::ownership::OwnerId;
use crate::ownership::{TAG_KIND, TAG_NAME, TAG_NAMESPACE, TAG_UID};

fn owner() -> Owner {
    Owner { id: OwnerId::parse("1a2b3c4d").unwrap(), cluster: "cluster-1".into() }
}

fn origin() -> Origin {
    Origin { kind: "ScheduledFunction", key: ObjectKey::new("media", "hourly"), uid: "uid-1".into() }
}

fn function(name: &str) -> FunctionArn {
    FunctionArn::parse(&format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}")).unwrap()
}

/// The desired rule for a spec and a schedule.
fn desired(expression: &str, spec: &ScheduledFunctionSpec) -> DesiredRule {
    with_defaults(expression, &Tags::new(), spec)
}

/// The desired rule of an operator with default tags.
fn with_defaults(expression: &str, defaults: &Tags, spec: &ScheduledFunctionSpec) -> DesiredRule {
    DesiredRule::from_spec(&owner(), &origin(), defaults, spec, expression.into(), &function("every-hour"))
}

fn hourly() -> DesiredRule {
    desired("rate(1 hour)", &ScheduledFunctionSpec::default())
}

/// The observed rule after all steps.
fn in_sync(desired: &DesiredRule) -> ObservedRule {
    ObservedRule {
        settings: desired.settings.clone(),
        has_more: false,
        managed_by: None,
        tags: desired.tags.clone(),
        targets: vec![(desired.target.id.clone(), Some(desired.target.clone()))],
    }
}

fn keys(tags: &Tags) -> BTreeSet<String> {
    tags.keys().cloned().collect()
}

fn plan(desired: &DesiredRule, observed: Option<&ObservedRule>, before: &BTreeSet<String>) -> RulePlan {
    plan_rule(desired, observed, before, &owner(), &origin()).unwrap()
}

/// EventBridge's behaviour: the rule after the steps.
fn apply(steps: &[RuleStep], observed: Option<ObservedRule>) -> Option<ObservedRule> {
    steps.iter().fold(observed, |rule, step| match step {
        RuleStep::Put(settings, tags) => {
            let settings = settings.clone();
            Some(match rule {
                // PutRule ignores the tags of an existing rule and resets omitted settings.
                Some(rule) => ObservedRule { settings, has_more: false, ..rule },
                None => ObservedRule {
                    settings,
                    has_more: false,
                    managed_by: None,
                    tags: tags.clone(),
                    targets: vec![],
                },
            })
        }
        RuleStep::Delete => {
            assert_eq!(rule.unwrap().targets, vec![], "a rule with targets cannot be deleted");
            None
        }
        change => {
            let mut rule = rule.unwrap();
            match change {
                RuleStep::Tag(tags) => rule.tags.extend(tags.clone()),
                RuleStep::Untag(keys) => rule.tags.retain(|key, _| !keys.contains(key)),
                RuleStep::PutTarget(target) => {
                    rule.targets.retain(|(id, _)| *id != target.id);
                    rule.targets.push((target.id.clone(), Some(target.clone())));
                }
                RuleStep::RemoveTargets(ids) => rule.targets.retain(|(id, _)| !ids.contains(id)),
                RuleStep::Put(..) | RuleStep::Delete => unreachable!(),
            }
            Some(rule)
        }
    })
}

#[test]
fn the_desired_rule_contains_every_field() {
    let spec = ScheduledFunctionSpec {
        input: Some(serde_json::json!({"b": 1, "a": [null]})),
        retry_policy: Some(RetryPolicy { maximum_retry_attempts: Some(2), maximum_event_age_seconds: None }),
        dead_letter_queue_arn: Some("arn:aws:sqs:eu-west-1:123456789012:lost".into()),
        description: Some("all of it".into()),
        suspend: true,
        tags: Tags::from([("team".into(), "a".into())]),
        ..ScheduledFunctionSpec::default()
    };
    let tags = [
        (TAG_CLUSTER, "cluster-1"),
        (TAG_KIND, "ScheduledFunction"),
        (TAG_NAME, "hourly"),
        (TAG_NAMESPACE, "media"),
        (TAG_OWNER, "1a2b3c4d"),
        (TAG_UID, "uid-1"),
        ("team", "a"),
    ];
    let expected = DesiredRule {
        name: "lt-1a2b3c4d-media-hourly-9e829b6a1c".into(),
        settings: RuleSettings {
            expression: "rate(1 hour)".into(),
            description: "all of it".into(),
            enabled: false,
        },
        tags: tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        target: Target {
            id: "lt-1a2b3c4d-function".into(),
            arn: "arn:aws:lambda:eu-west-1:123456789012:function:every-hour".into(),
            input: Some(r#"{"a":[null],"b":1}"#.into()),
            retry_policy: Some(RetryPolicy {
                maximum_retry_attempts: Some(2),
                maximum_event_age_seconds: Some(86_400),
            }),
            dead_letter_queue_arn: Some("arn:aws:sqs:eu-west-1:123456789012:lost".into()),
        },
    };
    assert_eq!(desired("rate(1 hour)", &spec), expected);
}

#[test]
fn only_differences_cause_steps() {
    let wanted = hourly();
    let put = RuleStep::Put(wanted.settings.clone(), wanted.tags.clone());
    let put_target = RuleStep::PutTarget(wanted.target.clone());
    let with = |change: &dyn Fn(&mut ObservedRule)| {
        let mut rule = in_sync(&wanted);
        change(&mut rule);
        Some(rule)
    };
    let cases = [
        ("no rule", None, vec![put.clone(), put_target.clone()]),
        ("all in place", with(&|_| ()), vec![]),
        ("disabled", with(&|rule| rule.settings.enabled = false), vec![put.clone()]),
        (
            "another schedule",
            with(&|rule| rule.settings.expression = "rate(1 day)".into()),
            vec![put.clone()],
        ),
        ("a description", with(&|rule| rule.settings.description = "mine".into()), vec![put.clone()]),
        ("an event pattern", with(&|rule| rule.has_more = true), vec![put.clone()]),
        ("target gone", with(&|rule| rule.targets.clear()), vec![put_target.clone()]),
        ("target of another form", with(&|rule| rule.targets[0].1 = None), vec![put_target.clone()]),
        (
            "target changed",
            with(&|rule| rule.targets[0].1.as_mut().unwrap().arn = function("other").to_string()),
            vec![put_target.clone()],
        ),
        (
            "the UID of a predecessor",
            with(&|rule| _ = rule.tags.insert(TAG_UID.into(), "uid-0".into())),
            vec![RuleStep::Tag(Tags::from([(TAG_UID.into(), "uid-1".into())]))],
        ),
        (
            "a tag that was set before",
            with(&|rule| _ = rule.tags.insert("team".into(), "a".into())),
            vec![RuleStep::Untag(BTreeSet::from(["team".into()]))],
        ),
        ("a foreign tag", with(&|rule| _ = rule.tags.insert("cost".into(), "7".into())), vec![]),
        ("a foreign target", with(&|rule| rule.targets.push(("theirs".into(), None))), vec![]),
    ];
    let before = BTreeSet::from(["team".to_owned(), TAG_UID.to_owned()]);
    for (case, observed, steps) in cases {
        let expected = RulePlan { steps, creates: observed.is_none(), adopted_from: None };
        assert_eq!(plan(&wanted, observed.as_ref(), &before), expected, "{case}");
    }
}

#[test]
fn a_rule_of_the_same_owner_in_another_cluster_is_adopted() {
    let mut rule = in_sync(&hourly());
    rule.tags.insert(TAG_CLUSTER.into(), "cluster-0".into());
    let expected = RulePlan {
        steps: vec![RuleStep::Tag(Tags::from([(TAG_CLUSTER.into(), "cluster-1".into())]))],
        creates: false,
        adopted_from: Some("cluster-0".into()),
    };
    assert_eq!(plan(&hourly(), Some(&rule), &BTreeSet::new()), expected);
}

#[test]
fn changed_default_tags_do_not_override_the_spec() {
    let tags = |pairs: &[(&str, &str)]| -> Tags {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    };
    let spec = ScheduledFunctionSpec { tags: tags(&[("team", "a")]), ..ScheduledFunctionSpec::default() };
    let (old, new) = (tags(&[("team", "x"), ("stage", "test")]), tags(&[("cost", "7")]));
    let observed = in_sync(&with_defaults("rate(1 hour)", &old, &spec));
    assert_eq!((observed.tags["team"].as_str(), observed.tags["stage"].as_str()), ("a", "test"));
    let wanted = with_defaults("rate(1 hour)", &new, &spec);
    let RulePlan { steps, .. } = plan(&wanted, Some(&observed), &keys(&observed.tags));
    let expected =
        [RuleStep::Untag(BTreeSet::from(["stage".to_owned()])), RuleStep::Tag(tags(&[("cost", "7")]))];
    assert_eq!(steps, expected);
    let are_rollout = |steps: &[RuleStep]| RuleStep::are_rollout(steps, &new, &spec.tags);
    assert!(are_rollout(&steps));
    assert!(are_rollout(&steps[1..]));
    assert!(!are_rollout(&[]));
    assert!(!are_rollout(&[RuleStep::Tag(tags(&[("team", "a")]))]));
    assert!(!are_rollout(&[steps[0].clone(), RuleStep::PutTarget(wanted.target.clone())]));
}

/// The rule of [`hourly`] with one tag changed or removed.
fn with_tag(key: &str, value: Option<&str>) -> ObservedRule {
    let mut rule = in_sync(&hourly());
    rule.tags.remove(key);
    rule.tags.extend(value.map(|value| (key.to_owned(), value.to_owned())));
    rule
}

/// The rule of [`hourly`] without tags.
fn untagged() -> ObservedRule {
    ObservedRule { tags: Tags::new(), ..in_sync(&hourly()) }
}

/// A rule made by hand, with another target Id than the operator's.
fn by_hand() -> ObservedRule {
    let targets = vec![("1".to_owned(), Some(hourly().target))];
    ObservedRule { targets, ..untagged() }
}

fn removal(rule: &ObservedRule, set_before: &BTreeSet<String>) -> Result<Vec<RuleStep>, Unmarked> {
    plan_removal(Some(rule), set_before, &owner(), &origin())
}

fn unmarked() -> Unmarked {
    Unmarked::new(&owner(), &origin())
}

#[test]
fn a_recorded_rule_without_tags_is_repaired_and_removed() {
    let recorded = keys(&hourly().tags);
    let without = |key: &str| with_tag(key, None);
    let cases =
        [untagged(), without(TAG_OWNER), without(TAG_KIND), without(TAG_NAMESPACE), without(TAG_NAME)];
    for rule in cases {
        let RulePlan { steps, adopted_from, .. } = plan(&hourly(), Some(&rule), &recorded);
        assert_eq!((steps.len(), adopted_from), (1, None), "{rule:?}");
        assert_eq!(apply(&steps, Some(rule.clone())), Some(in_sync(&hourly())), "{rule:?}");
        let removed = removal(&rule, &recorded).unwrap();
        assert_eq!(apply(&removed, Some(rule.clone())), None, "{rule:?}");
        for done in 0..removed.len() {
            let left = apply(&removed[..done], Some(rule.clone())).unwrap();
            let rest = removal(&left, &recorded).unwrap();
            assert_eq!(apply(&rest, Some(left)), None, "{rule:?} after {done} steps");
        }
    }
}

#[test]
fn a_rule_of_unknown_ownership_is_an_error() {
    let recorded = keys(&hourly().tags);
    let no_record = BTreeSet::new();
    let cases = [
        // A person created the rule after the deletion of the operator's rule.
        (by_hand(), &recorded),
        // The object was restored without its status.
        (untagged(), &no_record),
        (with_tag(TAG_OWNER, None), &no_record),
        (with_tag(TAG_KIND, None), &no_record),
    ];
    for (rule, set_before) in cases {
        let planned = plan_rule(&hourly(), Some(&rule), set_before, &owner(), &origin());
        assert_eq!(planned, Err(unmarked().into()), "{rule:?}");
        assert_eq!(removal(&rule, set_before), Err(unmarked()), "{rule:?}");
    }
    // A removal that failed half-way has removed the target. A rule without targets invokes nothing.
    let half_removed = ObservedRule { targets: vec![], ..untagged() };
    let planned = plan_rule(&hourly(), Some(&half_removed), &recorded, &owner(), &origin());
    assert_eq!(planned, Err(unmarked().into()));
    assert_eq!(apply(&removal(&half_removed, &recorded).unwrap(), Some(half_removed.clone())), None);
    assert_eq!(removal(&half_removed, &no_record), Ok(vec![]));
    assert_eq!(plan_removal(None, &recorded, &owner(), &origin()), Ok(vec![]));
}

#[test]
fn a_foreign_rule_is_neither_changed_nor_removed() {
    let not_ours = RuleConflict::NotOurs { key: origin().key, owner: "1a2b3c4d".into() };
    let tags = |key: &str, value: &str| with_tag(key, Some(value));
    let managed = ObservedRule { managed_by: Some("schemas.amazonaws.com".into()), ..in_sync(&hourly()) };
    let cases = [
        (by_hand(), BTreeSet::new(), not_ours.clone()),
        (tags(TAG_OWNER, "ffffffff"), keys(&hourly().tags), not_ours.clone()),
        (tags(TAG_KIND, "S3TriggeredFunction"), keys(&hourly().tags), not_ours.clone()),
        (tags(TAG_NAMESPACE, "other"), keys(&hourly().tags), not_ours.clone()),
        (tags(TAG_NAME, "other"), keys(&hourly().tags), not_ours),
        (managed, keys(&hourly().tags), RuleConflict::Managed("schemas.amazonaws.com".into())),
    ];
    for (rule, set_before, conflict) in cases {
        let planned = plan_rule(&hourly(), Some(&rule), &set_before, &owner(), &origin());
        assert_eq!(planned, Err(conflict), "{rule:?}");
        assert_eq!(removal(&rule, &set_before), Ok(vec![]), "{rule:?}");
    }
}

#[test]
fn a_retry_policy_with_the_defaults_is_none() {
    let policy =
        |attempts, age| RetryPolicy { maximum_retry_attempts: attempts, maximum_event_age_seconds: age };
    let cases = [
        (None, None),
        (Some(policy(None, None)), None),
        (Some(policy(Some(185), Some(86_400))), None),
        (Some(policy(Some(0), None)), Some(policy(Some(0), Some(86_400)))),
        (Some(policy(None, Some(60))), Some(policy(Some(185), Some(60)))),
    ];
    for (given, expected) in cases {
        assert_eq!(canonical_retry(given.as_ref()), expected, "{given:?}");
    }
}

fn arbitrary_tags() -> impl Strategy<Value = Tags> {
    btree_map("[a-d]", "[xyz]", 0..4)
}

fn arbitrary_desired() -> impl Strategy<Value = DesiredRule> {
    let input = option::of(select(vec![serde_json::json!({"a": 1}), serde_json::json!("text")]));
    let attempts = option::of(select(vec![0, 3, 185]));
    let spec = (arbitrary_tags(), option::of("[ab]{0,2}"), any::<bool>(), input, option::of(attempts));
    (spec, select(vec!["rate(1 hour)", "rate(2 days)"])).prop_map(
        |((tags, description, suspend, input, attempts), expression)| {
            let retry_policy = attempts.map(|attempts| RetryPolicy {
                maximum_retry_attempts: attempts,
                maximum_event_age_seconds: None,
            });
            let spec = ScheduledFunctionSpec {
                tags,
                description,
                suspend,
                input,
                retry_policy,
                ..Default::default()
            };
            desired(expression, &spec)
        },
    )
}

/// A rule of this owner after arbitrary foreign changes.
fn arbitrary_observed() -> impl Strategy<Value = ObservedRule> {
    let targets = vec(select(vec!["theirs", "another", "third"]), 0..3);
    let ours = option::of(any::<bool>());
    (arbitrary_desired(), any::<bool>(), arbitrary_tags(), targets, ours).prop_map(
        |(was, has_more, added, foreign, ours)| {
            let mut rule = ObservedRule { has_more, ..in_sync(&was) };
            rule.tags.extend(added);
            match ours {
                None => rule.targets.clear(),
                Some(true) => rule.targets[0].1 = None,
                Some(false) => {}
            }
            let foreign: BTreeSet<&str> = foreign.into_iter().collect();
            rule.targets.extend(foreign.into_iter().map(|id| (id.to_owned(), None)));
            rule
        },
    )
}

fn foreign_targets(rule: &ObservedRule) -> Vec<(String, Option<Target>)> {
    rule.targets.iter().filter(|(id, _)| *id != hourly().target.id).cloned().collect()
}

proptest! {
    #[test]
    fn planning_after_applying_is_empty(
        desired in arbitrary_desired(),
        observed in option::of(arbitrary_observed()),
        before in btree_set("[a-d]", 0..4),
    ) {
        let RulePlan { steps, .. } = plan(&desired, observed.as_ref(), &before);
        let after = apply(&steps, observed);
        prop_assert_eq!(plan(&desired, after.as_ref(), &before), RulePlan::default());
        let after = after.unwrap();
        prop_assert_eq!(&after.settings, &desired.settings);
        prop_assert!(after.targets.contains(&(desired.target.id.clone(), Some(desired.target.clone()))));
        prop_assert!(desired.tags.iter().all(|(key, value)| after.tags.get(key) == Some(value)));
    }

    #[test]
    fn foreign_targets_and_tags_stay_the_same(
        desired in arbitrary_desired(),
        observed in arbitrary_observed(),
        before in btree_set("[a-d]", 0..4),
    ) {
        let RulePlan { steps, .. } = plan(&desired, Some(&observed), &before);
        let after = apply(&steps, Some(observed.clone())).unwrap();
        prop_assert_eq!(foreign_targets(&after), foreign_targets(&observed));
        let foreign = |rule: &ObservedRule| -> Tags {
            let ours = |key: &&String| before.contains(*key) || desired.tags.contains_key(*key);
            rule.tags.iter().filter(|(key, _)| !ours(key)).map(own_pair).collect()
        };
        prop_assert_eq!(foreign(&after), foreign(&observed));
    }

    #[test]
    fn setting_and_unsetting_a_field_restores_the_rule(
        first in arbitrary_desired(),
        second in arbitrary_desired(),
    ) {
        let steps_to_second = plan(&second, Some(&in_sync(&first)), &keys(&first.tags)).steps;
        let changed = apply(&steps_to_second, Some(in_sync(&first)));
        let set = keys(&first.tags).union(&keys(&second.tags)).cloned().collect();
        let back = plan(&first, changed.as_ref(), &set).steps;
        prop_assert_eq!(apply(&back, changed), Some(in_sync(&first)));
    }

    #[test]
    fn removal_deletes_only_rules_of_this_owner(
        observed in arbitrary_observed(),
        owner_tag in select(vec!["1a2b3c4d", "ffffffff", ""]),
    ) {
        let mut rule = observed;
        rule.tags.insert(TAG_OWNER.into(), owner_tag.into());
        let after = apply(&removal(&rule, &BTreeSet::new()).unwrap(), Some(rule.clone()));
        prop_assert_eq!(after, (owner_tag != "1a2b3c4d").then_some(rule));
    }
}

#[test]
fn a_schedule_without_a_next_run_is_a_failure() {
    let now: Timestamp = "2026-11-26T18:00:00Z".parse().unwrap();
    let later = "write a later year, or delete this resource";
    let ended = |expression: &str, last: &str| {
        Some(format!("{expression} had its last run on {last} UTC and never runs again: {later}"))
    };
    let never = |expression: &str| {
        Some(format!(
            "{expression} never runs, because its day does not exist in any of its years: write a day that \
             exists"
        ))
    };
    for (schedule, expected) in [
        ("rate(1 hour)", None),
        ("cron(0 18 * * ? *)", None),
        ("cron(0 0 29 2 ? *)", None),
        ("cron(1 18 26 11 ? 2026)", None),
        ("cron(0 0 1 1 ? 2199)", None),
        ("cron(0 0 ? * 2#5 2027)", None),
        ("cron(0 18 26 11 ? 2026)", ended("cron(0 18 26 11 ? 2026)", "2026-11-26 at 18:00")),
        ("cron(0 0 1 1 ? 1999)", ended("cron(0 0 1 1 ? 1999)", "1999-01-01 at 00:00")),
        ("cron(30 6 ? * FRI 2020-2025)", ended("cron(30 6 ? * FRI 2020-2025)", "2025-12-26 at 06:30")),
        ("cron(0 0 29 2 ? 2027)", never("cron(0 0 29 2 ? 2027)")),
        ("cron(0 0 30/1 2/12 ? *)", never("cron(0 0 30/1 2/12 ? *)")),
        ("cron(0 0 ? 2 2#5 2027)", never("cron(0 0 ? 2 2#5 2027)")),
    ] {
        let failure = no_next_run(&schedule.parse().unwrap(), now);
        assert_eq!(failure.as_ref().map(|failure| failure.message.clone()), expected, "{schedule}");
        let found = failure.map(|failure| (failure.component, failure.reason));
        assert_eq!(found, expected.map(|_| (Component::Rule, Reason::NoNextRun)), "{schedule}");
    }
}

#[test]
fn the_message_of_an_ended_schedule_is_stable() {
    let expression = "cron(0 0 1 1 ? 1999)".parse().unwrap();
    let at = |second| no_next_run(&expression, Timestamp::from_second(second).unwrap());
    assert_eq!(at(1_800_000_000), at(1_900_000_000));
}

#[test]
fn input_json_is_sent_unchanged() {
    let text = "{\"b\": 1.0,  \"a\": null}";
    let spec = ScheduledFunctionSpec { input_json: Some(text.into()), ..ScheduledFunctionSpec::default() };
    assert_eq!(desired("rate(1 hour)", &spec).target.input.as_deref(), Some(text));
}

#[test]
fn a_rule_cannot_target_another_account() {
    let thumbs = FunctionArn::parse("arn:aws:lambda:eu-west-1:210987654321:function:thumbs:live").unwrap();
    assert_eq!(target_in_other_account(&thumbs, "210987654321"), None);
    let why = "the function thumbs:live is in account 210987654321, and its rule would be in account \
               123456789012: EventBridge invokes a function of another account only with a role on the target, \
               which this operator does not set. Create this resource in a namespace with a role of account \
               210987654321, or name a function of account 123456789012";
    assert_eq!(target_in_other_account(&thumbs, "123456789012").as_deref(), Some(why));
}
