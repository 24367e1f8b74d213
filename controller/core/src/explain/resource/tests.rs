//! Tests of the tree of a resource.

mod history;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::api::{
    Backend, FunctionDefinition, FunctionRef, KeyFilter, PermissionPolicy, S3TriggeredFunctionSpec,
    ScheduledFunctionSpec, Tags,
};
use crate::ownership::{Origin, Owner};
use crate::plan::intent::scheduled_function::{Operator, RuleIntent, ScheduleIntent};
use crate::plan::intent::{s3_triggered_function as s3, scheduled_function as scheduled};
use crate::plan::rule::{RuleSettings, Target};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";

fn owner() -> OwnerId {
    OwnerId::parse("1a2b3c4d").unwrap()
}

fn now() -> Timestamp {
    "2026-11-27T16:00:00Z".parse().unwrap()
}

fn named(name: &str) -> FunctionRef {
    FunctionRef { name: Some(name.into()), ..FunctionRef::default() }
}

fn scheduled(function: FunctionRef, backend: Backend, suspend: bool) -> Subject {
    let schedule = Some("0 18 * * MON-FRI".into());
    of_spec(
        ScheduledFunctionSpec { function, schedule, suspend, ..ScheduledFunctionSpec::default() },
        backend,
    )
}

fn of_spec(spec: ScheduledFunctionSpec, backend: Backend) -> Subject {
    let valid = scheduled::Valid::new(spec, REGION, backend).unwrap();
    let key = ObjectKey::new("team-a", "nightly-report");
    subject("ScheduledFunction", key, ValidSpec::Scheduled(Box::new(valid)))
}

fn s3(filters: &[&str], suspend: bool) -> Subject {
    let filter = |prefix: &&str| KeyFilter { prefix: Some((*prefix).into()), ..KeyFilter::default() };
    let spec = S3TriggeredFunctionSpec {
        function: named("thumb"),
        bucket: "photos".into(),
        events: vec!["s3:ObjectCreated:*".into()],
        filters: filters.iter().map(filter).collect(),
        suspend,
        ..S3TriggeredFunctionSpec::default()
    };
    let valid = s3::Valid::new(spec, REGION).unwrap();
    subject("S3TriggeredFunction", ObjectKey::new("media", "thumbs"), ValidSpec::S3(Box::new(valid)))
}

fn subject(kind: &'static str, key: ObjectKey, spec: ValidSpec) -> Subject {
    Subject { kind, key, owner: owner(), account: ACCOUNT.into(), spec, status: TriggerStatus::default() }
}

/// The policy with a statement, in the form that Lambda returns.
fn policy(names: &Names) -> Policy {
    let statement = names.statement.clone().unwrap();
    let account = statement.source_account.iter();
    let account: String =
        account.map(|account| format!(r#", "StringEquals": {{"AWS:SourceAccount": "{account}"}}"#)).collect();
    let text = format!(
        r#"{{"Statement": [{{"Sid": "{}", "Effect": "Allow", "Principal": {{"Service": "{}"}},
            "Action": "lambda:InvokeFunction", "Resource": "{}",
            "Condition": {{"ArnLike": {{"AWS:SourceArn": "{}"}}{account}}}}}]}}"#,
        statement.id, statement.principal, names.function, statement.source_arn
    );
    let policy = Policy::parse(&text, None).unwrap();
    assert_eq!(policy.statements[&statement.id].as_ref(), Some(&statement));
    policy
}

fn rule(names: &Names, enabled: bool, expression: &str) -> ObservedRule {
    let target = Target {
        id: "lt-1a2b3c4d-function".into(),
        arn: names.function.to_string(),
        input: Some("{}".into()),
        retry_policy: None,
        dead_letter_queue_arn: Some("arn:aws:sqs:eu-west-1:123456789012:dead".into()),
    };
    ObservedRule {
        settings: RuleSettings { expression: expression.into(), description: String::new(), enabled },
        has_more: false,
        managed_by: None,
        tags: Tags::new(),
        targets: vec![(target.id.clone(), Some(target))],
    }
}

fn observed_rule(names: &Names, rule: Option<ObservedRule>) -> Observed {
    let sharing = Ok(vec!["a".into(), "b".into()]);
    Observed {
        function: Ok(Some(None)),
        policy: Ok(policy(names)),
        trigger: ObservedTrigger::Rule { rule: Ok(rule), sharing },
        counts: None,
    }
}

/// The parts as lines: kind, name, state and facts.
fn lines(subject: &Subject, observed: impl FnOnce(&Names) -> Observed) -> Vec<String> {
    fn line(part: &Part) -> Vec<String> {
        let Part { part: kind, name, state, facts, .. } = part;
        let own = format!("{kind:?} {name} {state:?}: {}", facts.join("; "));
        std::iter::once(own).chain(part.parts.iter().flat_map(line)).collect()
    }
    let names = Names::of(subject);
    let observed = observed(&names);
    explain_resource(subject, &names, &observed, now()).parts.iter().flat_map(line).collect()
}

const RULE: &str = "lt-1a2b3c4d-team-a-nightly-report-f5ef90fb0e";
const CRON: &str = "cron(0 18 ? * MON-FRI *)";

#[test]
fn the_names_are_those_of_the_operator() {
    let tags = Tags::new();
    let whole = Owner { id: owner(), cluster: String::new() };
    let operator = Operator { owner: &whole, default_tags: &tags, account: ACCOUNT };
    let of_rule = scheduled(named("report"), Backend::Rule, false);
    let ValidSpec::Scheduled(valid) = &of_rule.spec else { panic!("{of_rule:?}") };
    let origin = || Origin { kind: of_rule.kind, key: of_rule.key.clone(), uid: String::new() };
    let names = Names::of(&of_rule);
    let intent = RuleIntent::new(operator, origin(), valid, names.function.clone(), vec![], now()).unwrap();
    assert_eq!(names.statement, Some(intent.statement));
    assert_eq!(names.trigger, TriggerName::Rule(intent.rule.name));
    assert_eq!(names.function.to_string(), format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:report"));

    let names = Names::of(&scheduled(named("report"), Backend::Scheduler, false));
    let intent =
        ScheduleIntent::new(operator, &origin(), valid, names.function.clone(), vec![], "role", now());
    assert_eq!((names.statement, names.trigger), (None, TriggerName::Schedule(intent.schedule.key)));

    let definition =
        FunctionRef { definition: Some(FunctionDefinition::default()), ..FunctionRef::default() };
    let names = Names::of(&scheduled(definition, Backend::Rule, false));
    assert_eq!(names.function.name, of_rule.key.function_name(&owner(), of_rule.kind));
}

#[test]
fn a_rule_in_place_shows_its_target_and_who_shares_the_permission() {
    let report = scheduled(named("report"), Backend::Rule, false);
    assert_eq!(
        lines(&report, |names| observed_rule(names, Some(rule(names, true, CRON)))),
        [
            "Function report InPlace: exists".to_owned(),
            "Permission lt-1a2b3c4d-rules InPlace: lets the rules lt-1a2b3c4d-* invoke the function; 2 rules need it"
                .into(),
            format!("Rule {RULE} InPlace: enabled; {CRON}"),
            "Target lt-1a2b3c4d-function InPlace: invokes report; input is set; up to 185 retries in 24 h; dead-letter \
             queue dead"
                .into(),
        ]
    );
    let names = Names::of(&report);
    let explained = explain_resource(&report, &names, &observed_rule(&names, None), now());
    assert_eq!(explained.schedule.as_deref(), Some("At 18:00 UTC, on Monday to Friday."));
    let Some(NextRuns::Known(runs)) = explained.next_runs else { panic!("{explained:?}") };
    assert_eq!(runs.len(), NEXT_RUNS);
}

#[test]
fn a_rule_that_differs_says_how() {
    let report = scheduled(named("report"), Backend::Rule, false);
    let wrong = |names: &Names| {
        let mut rule = rule(names, false, "rate(1 day)");
        rule.targets.push(("other".into(), None));
        rule.targets[0].1.as_mut().unwrap().arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:old");
        observed_rule(names, Some(rule))
    };
    assert_eq!(
        lines(&report, wrong)[2..],
        [
            format!(
                "Rule {RULE} Wrong: disabled, and spec.suspend is false; rate(1 day), and the spec says {CRON}; 1 target \
                 is of others"
            ),
            "Target lt-1a2b3c4d-function Wrong: invokes old, and the spec says report; input is set; up to 185 retries \
             in 24 h; dead-letter queue dead"
                .into(),
        ]
    );
    let missing = |names: &Names| Observed {
        function: Ok(Some(Some("it has no code".into()))),
        policy: Ok(Policy::default()),
        ..observed_rule(names, None)
    };
    assert_eq!(
        lines(&report, missing),
        [
            "Function report Wrong: cannot be invoked: it has no code".to_owned(),
            "Permission lt-1a2b3c4d-rules Missing: missing, so the rules lt-1a2b3c4d-* may not invoke the function; 2 \
             rules need it"
                .into(),
            format!("Rule {RULE} Missing: does not exist"),
        ]
    );
    let suspended = scheduled(named("report"), Backend::Rule, true);
    let found = lines(&suspended, |names| observed_rule(names, Some(rule(names, false, CRON))));
    assert_eq!(found[2], format!("Rule {RULE} InPlace: disabled, as spec.suspend says; {CRON}"));
}

#[test]
fn a_schedule_without_a_run_left_may_be_gone() {
    let part = |at: &str| {
        let schedule = Some(format!("at({at})"));
        let spec =
            ScheduledFunctionSpec { function: named("report"), schedule, ..ScheduledFunctionSpec::default() };
        let observed = |_: &Names| Observed {
            function: Ok(Some(None)),
            policy: Ok(Policy::default()),
            trigger: ObservedTrigger::Schedule(Ok(None)),
            counts: None,
        };
        lines(&of_spec(spec, Backend::Scheduler), observed).pop().unwrap()
    };
    let name = "lt-1a2b3c4d/lt-1a2b3c4d-team-a-nightly-report-f5ef90fb0e";
    let gone = "InPlace: no longer exists, because no run is left";
    assert_eq!(part("2026-11-27T15:00:00"), format!("Schedule {name} {gone}"));
    assert_eq!(part("2026-11-28T15:00:00"), format!("Schedule {name} Missing: does not exist"));
}

#[test]
fn others_may_manage_the_permission() {
    let function = FunctionRef { permission: PermissionPolicy::External, ..named("report") };
    let report = scheduled(function, Backend::Rule, false);
    let by_others = |names: &Names| {
        let statement = names.statement.clone().unwrap();
        let text = format!(
            r#"{{"Statement": [{{"Sid": "theirs", "Effect": "Allow", "Principal": {{"Service": "events.amazonaws.com"}},
                "Action": "lambda:*", "Resource": "*", "Condition": {{"ArnLike": {{"aws:SourceArn": "{}"}}}}}}]}}"#,
            statement.source_arn
        );
        Observed {
            policy: Policy::parse(&text, None).map_err(|error| error.to_string()),
            ..observed_rule(names, None)
        }
    };
    let start = "Permission lt-1a2b3c4d-rules";
    assert_eq!(
        lines(&report, by_others)[1],
        format!(
            "{start} InPlace: the statement theirs of others lets the rules lt-1a2b3c4d-* invoke the function; 2 rules \
             need it"
        )
    );
    let none = |names: &Names| Observed { policy: Ok(Policy::default()), ..observed_rule(names, None) };
    assert_eq!(
        lines(&report, none)[1],
        format!(
            "{start} Wrong: the policy has no statement that surely lets the rules lt-1a2b3c4d-* invoke the function; 2 \
             rules need it"
        )
    );
}

#[test]
fn a_bucket_shows_the_entries_of_the_resource() {
    let thumbs = s3(&["a/", "b/", "c/"], false);
    let observed = |names: &Names| {
        let TriggerName::Entries(_, entries) = &names.trigger else { panic!("{names:?}") };
        let entry = |at: usize, arn: &str| {
            let Some(id) = entries[at].id.as_deref() else { panic!("{entries:?}") };
            let prefix = &entries[at].filter.prefix;
            format!(
                "<CloudFunctionConfiguration><Id>{id}</Id><CloudFunction>{arn}</CloudFunction>\
                 <Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name>\
                 <Value>{prefix}</Value></FilterRule></S3Key></Filter></CloudFunctionConfiguration>"
            )
        };
        let function = names.function.to_string();
        let xml = [entry(0, &function), entry(1, "other")].concat();
        let document =
            Document::parse(&format!("<NotificationConfiguration>{xml}</NotificationConfiguration>"));
        let document = document.map_err(|error| error.to_string());
        Observed {
            function: Ok(Some(None)),
            policy: Ok(policy(names)),
            trigger: ObservedTrigger::Entries(document),
            counts: None,
        }
    };
    let id = |prefix: &str| {
        let filter = KeyFilter { prefix: Some(prefix.into()), ..KeyFilter::default() };
        thumbs.key.entry_id(&owner(), &filter, false)
    };
    let [a, b, c] = ["a/", "b/", "c/"].map(id);
    assert_eq!(
        lines(&thumbs, observed)[1..],
        [
            format!(
                "Permission {} InPlace: lets bucket photos invoke the function; 1 resource needs it",
                crate::ownership::bucket_statement_id(&owner(), "photos")
            ),
            "Bucket photos InPlace: 2 entries in all".to_owned(),
            format!("Entry {a} InPlace: a/; s3:ObjectCreated:*"),
            format!(
                "Entry {b} Wrong: b/; s3:ObjectCreated:*; the bucket has function entry \"{b}\" (s3:ObjectCreated:*, b/)"
            ),
            format!("Entry {c} Missing: c/; s3:ObjectCreated:*; does not exist"),
        ]
    );
    let suspended = lines(&s3(&["a/"], true), observed_empty);
    assert_eq!(suspended[2..], ["Bucket photos InPlace: 0 entries in all; no entry, as spec.suspend says"]);
}

fn observed_empty(names: &Names) -> Observed {
    let document = Document::parse("<NotificationConfiguration/>").map_err(|error| error.to_string());
    Observed {
        function: Ok(Some(None)),
        policy: Ok(policy(names)),
        trigger: ObservedTrigger::Entries(document),
        counts: None,
    }
}

#[test]
fn a_failed_read_leaves_the_other_parts() {
    let report = scheduled(named("report"), Backend::Rule, false);
    let denied = || "AWS denies it".to_owned();
    let observed = |_: &Names| Observed {
        function: Ok(Some(None)),
        policy: Err(denied()),
        trigger: ObservedTrigger::Rule { rule: Err(denied()), sharing: Err(denied()) },
        counts: None,
    };
    assert_eq!(
        lines(&report, observed),
        [
            "Function report InPlace: exists".to_owned(),
            "Permission lt-1a2b3c4d-rules Unread: not read: AWS denies it".into(),
            format!("Rule {RULE} Unread: not read: AWS denies it"),
        ]
    );
    // Without a function, there is no policy.
    let missing = |_: &Names| Observed {
        function: Ok(None),
        policy: Ok(Policy::default()),
        trigger: ObservedTrigger::Rule { rule: Ok(None), sharing: Ok(vec![]) },
        counts: None,
    };
    assert_eq!(
        lines(&report, missing),
        [
            "Function report Missing: does not exist in eu-west-1".to_owned(),
            format!("Rule {RULE} Missing: does not exist")
        ]
    );
}

#[test]
fn conditions_that_are_not_true_stand_at_their_parts() {
    let since = Time(now());
    let condition = |type_: &str, status: &str| Condition {
        type_: type_.into(),
        status: status.into(),
        reason: "Applied".into(),
        message: "words".into(),
        last_transition_time: since.clone(),
        observed_generation: None,
    };
    let mut report = scheduled(named("report"), Backend::Rule, false);
    report.status.conditions = vec![
        condition("Ready", "False"),
        condition("FunctionReady", "True"),
        condition("RuleReady", "Unknown"),
    ];
    let names = Names::of(&report);
    let explained = explain_resource(&report, &names, &observed_rule(&names, None), now());
    let shown: Vec<Option<String>> =
        explained.parts.into_iter().map(|part| part.condition.map(|condition| condition.status)).collect();
    assert_eq!(shown, [None, None, Some("Unknown".into())]);
    let words = ShownCondition {
        status: "False".into(),
        reason: "Applied".into(),
        message: "words".into(),
        since: now(),
    };
    assert_eq!(explained.ready, Some(words));
}
