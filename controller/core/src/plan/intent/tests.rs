//! The intents and the plans of both kinds, as whole values.

mod scheduler;

use std::collections::BTreeSet;

use crate::api::{
    Applied, AppliedFunction, AppliedNotification, AppliedPermission, AppliedRule, Backend, DeletionPolicy,
    FunctionDefinition, FunctionRef, KeyFilter, PermissionPolicy, S3TriggeredFunctionSpec,
    ScheduledFunctionSpec, Tags,
};
use crate::arn::FunctionArn;
use crate::ownership::{ObjectKey, Origin, Owner, OwnerId};
use crate::plan::bucket::{Bucket, Desired, Destination, Entry, Filter};
use crate::plan::intent::{ValidSpec, s3_triggered_function, scheduled_function};
use crate::plan::permission::{PermissionPlan, PermissionStep, PolicyView, Statement};
use crate::plan::rule::{ObservedRule, RulePlan, RuleView};
use crate::plan::trigger::TriggerPlan;
use crate::status::{Component, Failure, Outcome, Reason};

const ACCOUNT: &str = "123456789012";

fn owner() -> Owner {
    Owner { id: OwnerId::parse("1a2b3c4d").unwrap(), cluster: "cluster-1".into() }
}

fn key() -> ObjectKey {
    ObjectKey::new("media", "hourly")
}

fn function() -> FunctionArn {
    FunctionArn::of_name("f", "eu-west-1", ACCOUNT)
}

fn deployed() -> Vec<AppliedFunction> {
    let region = "eu-west-1".into();
    vec![AppliedFunction { region, name: "f".into(), tag_keys: vec![], async_invoke: false }]
}

/// The answers of a valid spec: function, Region, suspended, retained, deployed name and ARN.
fn answers(valid: &ValidSpec) -> (Option<&str>, &str, bool, bool, Option<String>, String) {
    let origin = Origin { kind: "ScheduledFunction", key: key(), uid: "uid-1".into() };
    (
        valid.function().name.as_deref(),
        valid.region(),
        valid.is_suspended(),
        valid.is_retained(),
        valid.deployed_name(&owner().id, &origin),
        valid.function_arn(&owner().id, &origin, ACCOUNT).to_string(),
    )
}

#[test]
fn the_valid_specs_of_both_kinds_answer_alike() {
    let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}");
    let named = FunctionRef { name: Some("report".into()), ..FunctionRef::default() };
    let definition =
        FunctionDefinition { function_name: Some("made".into()), ..FunctionDefinition::default() };
    let deployed = FunctionRef { definition: Some(definition), ..FunctionRef::default() };
    for (function, name, made, arn) in
        [(named, Some("report"), None, arn("report")), (deployed, None, Some("made"), arn("made"))]
    {
        for (suspend, retained) in [(false, false), (true, false), (false, true)] {
            let deletion_policy = if retained { DeletionPolicy::Retain } else { DeletionPolicy::Delete };
            let function = function.clone();
            let scheduled = ScheduledFunctionSpec {
                function: function.clone(),
                schedule: Some("rate(1 hour)".into()),
                suspend,
                deletion_policy,
                ..ScheduledFunctionSpec::default()
            };
            let scheduled = scheduled_function::Valid::new(scheduled, "eu-west-1", Backend::Rule).unwrap();
            let s3 = S3TriggeredFunctionSpec {
                function,
                bucket: "photos".into(),
                events: vec!["s3:ObjectCreated:*".into()],
                suspend,
                deletion_policy,
                ..S3TriggeredFunctionSpec::default()
            };
            let s3 = s3_triggered_function::Valid::new(s3, "eu-west-1").unwrap();
            let expected = (name, "eu-west-1", suspend, retained, made.map(str::to_owned), arn.clone());
            assert_eq!(answers(&ValidSpec::Scheduled(Box::new(scheduled))), expected);
            assert_eq!(answers(&ValidSpec::S3(Box::new(s3))), expected);
        }
    }
}

mod schedules {
    use super::*;

    use scheduled_function::{Operator, RuleIntent, Valid};

    fn spec(schedule: &str) -> ScheduledFunctionSpec {
        ScheduledFunctionSpec { schedule: Some(schedule.into()), ..ScheduledFunctionSpec::default() }
    }

    fn intent_of(spec: ScheduledFunctionSpec, function: FunctionArn) -> Result<RuleIntent, Failure> {
        let owner = owner();
        let valid = Valid::new(spec, "eu-west-1", Backend::Rule).unwrap();
        let operator = Operator { owner: &owner, default_tags: &Tags::new(), account: ACCOUNT };
        let origin = Origin { kind: "ScheduledFunction", key: key(), uid: "uid-1".into() };
        let now = "2026-11-01T00:00:00Z".parse().unwrap();
        RuleIntent::new(operator, origin, &valid, function, deployed(), now)
    }

    fn hourly() -> RuleIntent {
        intent_of(spec("rate(1 hour)"), function()).unwrap()
    }

    /// The record of the intent's resources.
    fn wanted(intent: &RuleIntent) -> Applied {
        Applied {
            account: Some(ACCOUNT.into()),
            rules: vec![AppliedRule {
                region: "eu-west-1".into(),
                name: intent.rule.name.clone(),
                tag_keys: intent.rule.tags.keys().cloned().collect(),
            }],
            schedules: vec![],
            notifications: vec![],
            permissions: vec![AppliedPermission {
                function_arn: function().to_string(),
                statement_id: "lt-1a2b3c4d-rules".into(),
            }],
            functions: deployed(),
        }
    }

    #[test]
    fn a_valid_spec_has_an_expression_and_a_region() {
        let found = Valid::new(spec("0 18 * * *"), "us-east-1", Backend::Rule).unwrap();
        assert_eq!(
            (found.region.as_str(), found.schedule.expression.to_string().as_str()),
            ("us-east-1", "cron(0 18 * * ? *)")
        );
        let failure = Valid::new(spec("never"), "us-east-1", Backend::Rule).unwrap_err();
        assert_eq!((failure.component, failure.reason), (Component::Rule, Reason::InvalidSpec));
        assert_eq!(failure.message, spec("never").expression().unwrap_err().to_string());
    }

    #[test]
    fn the_outcome_says_whether_the_schedule_is_suspended() {
        let outcome = |suspend| {
            intent_of(ScheduledFunctionSpec { suspend, ..spec("rate(1 hour)") }, function())
                .unwrap()
                .outcome()
        };
        for (suspended, message) in
            [(false, "the rule is in place"), (true, "suspended: the rule is in place and disabled")]
        {
            assert_eq!(outcome(suspended), Outcome::Applied { suspended, message: message.into() });
        }
    }

    #[test]
    fn a_new_schedule_adds_the_statement_and_the_rule() {
        let intent = hourly();
        let plan =
            intent.plan(&Applied::default(), false, &PolicyView::Unread, &RuleView::Read(None)).unwrap();
        let statement = Statement::for_rules(&owner().id, &function(), ACCOUNT);
        let rule = plan.rule.clone().unwrap();
        assert!(rule.creates);
        let expected = TriggerPlan {
            permission: PermissionPlan::Write(vec![PermissionStep::Add(statement)], None),
            rule: Some(rule),
            schedule: None,
            entries: None,
            wanted: wanted(&intent),
            obsolete: Applied::default(),
        };
        assert_eq!(plan, expected);
        assert_eq!(intent.grant().source, "EventBridge");
    }

    #[test]
    fn a_schedule_in_place_leaves_only_what_is_obsolete() {
        let intent = hourly();
        let old = AppliedRule { region: "us-east-1".into(), ..wanted(&intent).rules[0].clone() };
        let mut recorded = wanted(&intent);
        recorded.rules.push(old.clone());
        let plan = intent.plan(&recorded, false, &PolicyView::Written, &RuleView::Matches).unwrap();
        let expected = TriggerPlan {
            permission: PermissionPlan::InPlace,
            rule: Some(RulePlan::default()),
            schedule: None,
            entries: None,
            wanted: wanted(&intent),
            obsolete: Applied { account: Some(ACCOUNT.into()), rules: vec![old], ..Applied::default() },
        };
        assert_eq!(plan, expected);
    }

    #[test]
    fn a_rule_without_a_difference_is_in_place() {
        let intent = hourly();
        let observed = ObservedRule {
            settings: intent.rule.settings.clone(),
            has_more: false,
            managed_by: None,
            tags: intent.rule.tags.clone(),
            targets: vec![(intent.rule.target.id.clone(), Some(intent.rule.target.clone()))],
        };
        assert!(intent.is_in_place(&Applied::default(), &observed));
        let untagged = ObservedRule { tags: Tags::new(), ..observed };
        assert!(!intent.is_in_place(&Applied::default(), &untagged));
    }

    #[test]
    fn a_foreign_rule_of_the_same_name_is_a_conflict() {
        let intent = hourly();
        let foreign = ObservedRule {
            settings: intent.rule.settings.clone(),
            has_more: false,
            managed_by: Some("a.service".into()),
            tags: Tags::new(),
            targets: vec![],
        };
        let found =
            intent.plan(&Applied::default(), false, &PolicyView::Unread, &RuleView::Read(Some(foreign)));
        let message = format!(
            "the rule {} in eu-west-1 exists and is not touched: it is managed by a.service; delete that rule, or give this resource another name",
            intent.rule.name
        );
        assert_eq!(found, Err(Failure::new(Component::Rule, Reason::ConflictingRule, message)));
    }

    #[test]
    fn a_function_of_another_account_is_refused_by_its_arn() {
        let of_account = |account: &str| {
            let mut spec = spec("rate(1 hour)");
            spec.function.arn = Some(FunctionArn::of_name("f", "eu-west-1", account).to_string());
            Valid::new(spec, "eu-west-1", Backend::Rule).unwrap()
        };
        let failure = of_account("999999999999").check_account(ACCOUNT).unwrap_err();
        assert_eq!((failure.component, failure.reason), (Component::Rule, Reason::OtherAccount));
        assert_eq!(of_account(ACCOUNT).check_account(ACCOUNT), Ok(()));
        let named = Valid::new(spec("rate(1 hour)"), "eu-west-1", Backend::Rule).unwrap();
        assert_eq!(named.check_account(ACCOUNT), Ok(()));
    }

    #[test]
    fn too_many_tags_are_refused() {
        let tags = (0..50).map(|number| (number.to_string(), String::new())).collect();
        let failure =
            intent_of(ScheduledFunctionSpec { tags, ..spec("rate(1 hour)") }, function()).unwrap_err();
        assert_eq!((failure.component, failure.reason), (Component::Rule, Reason::InvalidSpec));
    }

    #[test]
    fn the_rule_is_recorded_by_region_name_and_tag_keys() {
        let intent = hourly();
        let all = wanted(&intent);
        let with_rule = |rule| Applied { rules: vec![rule], ..Applied::default() };
        let rule = &all.rules[0];
        assert!(intent.is_recorded(&all) && intent.has_recorded_tag_keys(&all));
        for other in [
            AppliedRule { region: "us-east-1".into(), ..rule.clone() },
            AppliedRule { name: "other".into(), ..rule.clone() },
        ] {
            assert!(!intent.is_recorded(&with_rule(other.clone())));
            assert!(!intent.has_recorded_tag_keys(&with_rule(other)));
        }
        let fewer = with_rule(AppliedRule { tag_keys: vec![], ..rule.clone() });
        assert!(intent.is_recorded(&fewer) && !intent.has_recorded_tag_keys(&fewer));
    }

    #[test]
    fn a_schedule_that_has_ended_is_reported_unless_it_is_suspended() {
        let applied = || Outcome::Applied { suspended: false, message: "the rule is in place".into() };
        let progressing = || Outcome::Progressing { message: "creating".into() };
        let past = spec("cron(0 0 1 1 ? 2020)");
        let ended = intent_of(past.clone(), function()).unwrap();
        let failure = ended.refused_without_next_run().unwrap();
        assert_eq!((failure.component, failure.reason), (Component::Rule, Reason::NoNextRun));
        assert_eq!(ended.clone().check_next_run(applied()), Err(failure));
        assert_eq!(ended.check_next_run(progressing()), Ok(progressing()));
        let suspended = intent_of(ScheduledFunctionSpec { suspend: true, ..past }, function()).unwrap();
        assert_eq!(suspended.refused_without_next_run(), None);
        assert_eq!(suspended.check_next_run(applied()), Ok(applied()));
        assert_eq!(hourly().check_next_run(applied()), Ok(applied()));
    }
}

mod buckets {
    use super::*;

    use s3_triggered_function::{Intent, Valid};

    fn filter(prefix: &str) -> KeyFilter {
        KeyFilter { prefix: Some(prefix.into()), ..KeyFilter::default() }
    }

    fn spec() -> S3TriggeredFunctionSpec {
        S3TriggeredFunctionSpec {
            bucket: "photos".into(),
            events: vec!["s3:ObjectCreated:*".into()],
            ..S3TriggeredFunctionSpec::default()
        }
    }

    fn intent_of(spec: S3TriggeredFunctionSpec, deployed: Vec<AppliedFunction>) -> Intent {
        Intent::new(&owner(), &key(), &Valid::new(spec, "eu-west-1").unwrap(), function(), deployed)
    }

    fn entry(filter: &KeyFilter, retained: bool) -> Entry {
        Entry {
            destination: Destination::Function,
            arn: function().to_string(),
            id: Some(key().entry_id(&owner().id, filter, retained)),
            events: BTreeSet::from(["s3:ObjectCreated:*".to_owned()]),
            filter: Filter::from(filter),
        }
    }

    fn ids(entries: &[Entry]) -> Vec<String> {
        entries.iter().filter_map(|entry| entry.id.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The record of the entries in the bucket.
    fn wanted(entries: &[Entry]) -> Applied {
        Applied {
            account: None,
            rules: vec![],
            schedules: vec![],
            notifications: vec![AppliedNotification {
                region: "eu-west-1".into(),
                bucket: "photos".into(),
                bucket_owner: ACCOUNT.into(),
                ids: ids(entries),
            }],
            permissions: vec![intent_of(spec(), vec![]).grant().identity()],
            functions: vec![],
        }
    }

    #[test]
    fn a_spec_is_valid_only_in_a_region_that_accepts_it() {
        assert_eq!(Valid::new(spec(), "eu-west-1").unwrap().region, "eu-west-1");
        let legacy = S3TriggeredFunctionSpec { bucket: "Photos".into(), ..spec() };
        assert!(Valid::new(legacy.clone(), "us-east-1").is_ok());
        let message = format!("{} (eu-west-1)", legacy.check_region("eu-west-1").unwrap());
        let failure = Failure::new(Component::Notification, Reason::InvalidSpec, message);
        assert_eq!(Valid::new(legacy, "eu-west-1"), Err(failure));
    }

    #[test]
    fn the_outcome_counts_the_entries() {
        let outcome = |filters, suspend| {
            Valid::new(S3TriggeredFunctionSpec { filters, suspend, ..spec() }, "eu-west-1").unwrap().outcome()
        };
        let two = vec![filter("a/"), filter("b/")];
        for (filters, suspended, message) in [
            (vec![], false, "1 entry is in bucket photos"),
            (two.clone(), false, "2 entries are in bucket photos"),
            (two, true, "suspended: the entries are removed from bucket photos until suspend is false"),
        ] {
            assert_eq!(outcome(filters, suspended), Outcome::Applied { suspended, message: message.into() });
        }
    }

    #[test]
    fn a_new_trigger_adds_the_statement_and_an_entry_for_each_filter() {
        let (a, b) = (filter("a/"), filter("b/"));
        let filters = vec![b.clone(), a.clone()];
        let intent = intent_of(S3TriggeredFunctionSpec { filters, ..spec() }, vec![]);
        let entries = vec![entry(&b, false), entry(&a, false)];
        let bucket = Bucket { region: "eu-west-1".into(), name: "photos".into(), owner: ACCOUNT.into() };
        assert_eq!((&intent.bucket, intent.grant().source.as_str()), (&bucket, "bucket photos"));
        let statement = Statement::for_bucket(&owner().id, &function(), "photos", ACCOUNT);
        let expected = TriggerPlan {
            permission: PermissionPlan::Write(vec![PermissionStep::Add(statement)], None),
            rule: None,
            schedule: None,
            entries: Some(("photos".into(), Desired::Entries(entries.clone()))),
            wanted: wanted(&entries),
            obsolete: Applied::default(),
        };
        assert_eq!(intent.plan(&Applied::default(), false, &PolicyView::Unread), expected);
    }

    #[test]
    fn a_trigger_of_a_deployed_function_records_the_account() {
        let plan = intent_of(spec(), deployed()).plan(&Applied::default(), false, &PolicyView::Written);
        let entries = [entry(&KeyFilter::default(), false)];
        let expected = Applied { account: Some(ACCOUNT.into()), functions: deployed(), ..wanted(&entries) };
        assert_eq!(plan.wanted, expected);
    }

    #[test]
    fn a_suspended_trigger_keeps_its_record_without_entries() {
        let intent = intent_of(S3TriggeredFunctionSpec { suspend: true, ..spec() }, vec![]);
        let plan = intent.plan(&Applied::default(), false, &PolicyView::Written);
        assert_eq!(plan.entries, Some(("photos".into(), Desired::None)));
        assert_eq!(plan.wanted, wanted(&[entry(&KeyFilter::default(), false)]));
    }

    #[test]
    fn retained_entries_and_the_owner_of_the_bucket_follow_the_spec() {
        let retained = S3TriggeredFunctionSpec {
            deletion_policy: DeletionPolicy::Retain,
            bucket_owner: Some("999999999999".into()),
            ..spec()
        };
        let intent = intent_of(retained, vec![]);
        assert_eq!(intent.desired, Desired::Entries(vec![entry(&KeyFilter::default(), true)]));
        assert_eq!(intent.bucket.owner, "999999999999");
        assert_eq!(intent.statement.source_account.as_deref(), Some("999999999999"));
    }

    #[test]
    fn a_bucket_that_is_no_longer_named_is_obsolete() {
        let mut external = spec();
        external.function.permission = PermissionPolicy::External;
        let intent = intent_of(external, vec![]);
        let mut old = wanted(&[]).notifications[0].clone();
        old.bucket = "archive".into();
        let recorded = Applied { notifications: vec![old.clone()], ..Applied::default() };
        let plan = intent.plan(&recorded, false, &PolicyView::External);
        assert_eq!(plan.obsolete, Applied { notifications: vec![old], ..Applied::default() });
        assert_eq!(
            plan.wanted,
            Applied { permissions: vec![], ..wanted(&[entry(&KeyFilter::default(), false)]) }
        );
    }
}
