//! The planner for schedules, with whole bodies and with the laws of each plan.

mod end;
mod laws;

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::api::{RetryPolicy, ScheduledFunctionSpec};
use crate::arn::FunctionArn;
use crate::ownership::{ObjectKey, Origin, Owner, OwnerId};

const ACCOUNT: &str = "123456789012";
const ROLE: &str = "arn:aws:iam::123456789012:role/schedules";

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn spec(fields: serde_json::Value) -> ScheduledFunctionSpec {
    let mut spec = json!({"function": {"name": "report"}});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

fn desired_of(name: &str, spec: &ScheduledFunctionSpec) -> DesiredSchedule {
    let owner = Owner { id: OwnerId::parse("1a2b3c4d").unwrap(), cluster: "cluster-1".into() };
    let origin =
        Origin { kind: "ScheduledFunction", key: ObjectKey::new("media", name), uid: "uid-1".into() };
    let function = FunctionArn::of_name("report", "eu-west-1", ACCOUNT);
    let schedule = spec.to_schedule().unwrap();
    DesiredSchedule::from_spec(&owner, &origin, spec, schedule, &function, ROLE, ("eu-west-1", ACCOUNT))
}

fn desired(fields: serde_json::Value) -> DesiredSchedule {
    desired_of("hourly", &spec(fields))
}

/// The schedule after the step, as GetSchedule returns it.
fn applied(plan: SchedulePlan, observed: Option<ObservedSchedule>) -> Option<ObservedSchedule> {
    match plan.step {
        Some(ScheduleStep::Create(body) | ScheduleStep::Update(body)) => {
            let ScheduleBody { settings, start } = body;
            Some(ObservedSchedule { settings, start, has_more: false })
        }
        Some(ScheduleStep::Delete) => None,
        None => observed,
    }
}

/// The StartDate that the plan sends.
fn sent_start(plan: &SchedulePlan) -> Option<Timestamp> {
    match plan.step.as_ref().unwrap() {
        ScheduleStep::Create(body) | ScheduleStep::Update(body) => body.start,
        ScheduleStep::Delete => panic!("a deletion"),
    }
}

#[test]
fn a_schedule_has_all_settings_with_their_defaults() {
    let full = desired(json!({
        "schedule": "cron(0 18 ? * MON-FRI *)",
        "timeZone": "Europe/Berlin",
        "startDate": "2027-01-01T00:00:00Z",
        "endDate": "2027-12-31T23:59:59.5Z",
        "flexibleTimeWindowMinutes": 15,
        "inputJson": "{\"limit\": 1.0}",
        "retryPolicy": {"maximumRetryAttempts": 3},
        "deadLetterQueueArn": "arn:aws:sqs:eu-west-1:123456789012:failed",
        "description": "the report",
        "suspend": true,
    }));
    let retry = |attempts| RetryPolicy {
        maximum_retry_attempts: Some(attempts),
        maximum_event_age_seconds: Some(86_400),
    };
    let settings = ScheduleSettings {
        expression: "cron(0 18 ? * MON-FRI *)".into(),
        time_zone: "Europe/Berlin".into(),
        end: Some(at("2027-12-31T23:59:59Z")),
        window_minutes: Some(15),
        enabled: false,
        deletes_itself: true,
        description: "the report".into(),
        target: ScheduleTarget {
            arn: "arn:aws:lambda:eu-west-1:123456789012:function:report".into(),
            role_arn: ROLE.into(),
            input: Some("{\"limit\": 1.0}".into()),
            retry_policy: retry(3),
            dead_letter_queue_arn: Some("arn:aws:sqs:eu-west-1:123456789012:failed".into()),
        },
    };
    assert_eq!(full.settings, settings);
    let plan = plan_schedule(&full, None, at("2026-11-02T00:00:00Z"));
    let body = ScheduleBody { settings, start: Some(at("2027-01-01T00:00:00Z")) };
    assert_eq!(plan, SchedulePlan { step: Some(ScheduleStep::Create(body)), ..SchedulePlan::default() });

    let least = desired(json!({"schedule": "0 18 * * *"}));
    let expected = ScheduleSettings {
        expression: "cron(0 18 * * ? *)".into(),
        time_zone: "UTC".into(),
        end: None,
        window_minutes: None,
        enabled: true,
        deletes_itself: false,
        description: "ScheduledFunction media/hourly".into(),
        target: ScheduleTarget {
            arn: "arn:aws:lambda:eu-west-1:123456789012:function:report".into(),
            role_arn: ROLE.into(),
            input: least.settings.target.input.clone(),
            retry_policy: retry(185),
            dead_letter_queue_arn: None,
        },
    };
    assert_eq!(least.settings, expected);
    assert_eq!(least.key.group, "lt-1a2b3c4d");
    let owner = OwnerId::parse("1a2b3c4d").unwrap();
    assert_eq!(least.key.name, ObjectKey::new("media", "hourly").rule_name(&owner, "ScheduledFunction"));
}

#[test]
fn without_an_input_the_function_receives_the_event_of_a_rule() {
    let input = desired(json!({"schedule": "rate(1 hour)"})).settings.target.input.unwrap();
    let expected = r#"{"version":"0","id":"<aws.scheduler.execution-id>","detail-type":"Scheduled Event","source":"aws.scheduler","account":"123456789012","time":"<aws.scheduler.scheduled-time>","region":"eu-west-1","resources":["<aws.scheduler.schedule-arn>"],"detail":{}}"#;
    assert_eq!(input, expected);
    let parsed: serde_json::Value = serde_json::from_str(&input).unwrap();
    assert_eq!(parsed["detail"], json!({}));
    // A JSON encoder on the wire must keep the attributes literal.
    assert!(serde_json::to_string(&input).unwrap().contains("<aws.scheduler.schedule-arn>"));
}

#[test]
fn two_objects_with_equal_specs_differ_in_their_names_alone() {
    let now = at("2026-11-02T10:00:00Z");
    for fields in [
        json!({"schedule": "rate(1 hour)", "description": "a"}),
        json!({"schedule": "at(2026-12-24T18:00:00)", "timeZone": "Europe/Berlin", "description": "a"}),
    ] {
        let [one, two] = ["one", "two"].map(|name| desired_of(name, &spec(fields.clone())));
        assert_eq!(plan_schedule(&one, None, now), plan_schedule(&two, None, now));
        assert_ne!(one.key, two.key);
    }
}

#[test]
fn a_rate_first_runs_after_one_interval_or_at_its_start_date() {
    let now = at("2026-11-02T10:00:00.25Z");
    let start = |fields| sent_start(&plan_schedule(&desired(fields), None, now));
    assert_eq!(start(json!({"schedule": "rate(1 hour)"})), Some(at("2026-11-02T11:00:00Z")));
    let rate = |start: &str| json!({"schedule": "rate(1 hour)", "startDate": start});
    assert_eq!(start(rate("2026-11-05T00:30:00Z")), Some(at("2026-11-05T00:30:00Z")));
    assert_eq!(start(rate("2026-11-01T00:30:00Z")), Some(at("2026-11-02T10:30:00Z")));
}

#[test]
fn a_start_date_of_this_moment_is_no_longer_in_the_future() {
    let now = at("2026-11-02T10:00:00Z");
    let fields = |schedule: &str| json!({"schedule": schedule, "startDate": "2026-11-02T10:00:00Z"});
    for (schedule, start) in [("rate(1 hour)", Some(at("2026-11-02T11:00:00Z"))), ("0 18 * * *", None)] {
        let wanted = desired(fields(schedule));
        let plan = plan_schedule(&wanted, None, now);
        assert_eq!(sent_start(&plan), start, "{schedule}");
        // The steps of a rate go on from a StartDate of the spec.
        let observed = applied(plan, None);
        assert_eq!(plan_schedule(&wanted, observed.as_ref(), now), SchedulePlan::default(), "{schedule}");
    }
}

#[test]
fn another_role_alone_is_a_rollout() {
    let now = at("2026-11-02T10:00:00Z");
    let mut wanted = desired(json!({"schedule": "cron(0 18 * * ? *)"}));
    let observed = applied(plan_schedule(&wanted, None, now), None);
    wanted.settings.target.role_arn = "arn:aws:iam::123456789012:role/new".into();
    let plan = plan_schedule(&wanted, observed.as_ref(), now);
    assert_eq!((plan.is_rollout(), plan.changes), (true, vec!["role"]));
    wanted.settings.enabled = false;
    let plan = plan_schedule(&wanted, observed.as_ref(), now);
    assert_eq!((plan.is_rollout(), plan.changes), (false, vec!["state", "role"]));
}

#[test]
fn an_update_of_a_rate_keeps_the_phase() {
    let made = at("2026-11-02T10:00:00Z");
    let old = desired(json!({"schedule": "rate(1 hour)"}));
    let observed = applied(plan_schedule(&old, None, made), None);
    let update = |fields, now: &str| plan_schedule(&desired(fields), observed.as_ref(), at(now));
    let new_input = json!({"schedule": "rate(1 hour)", "input": {"a": 1}});
    for (now, start) in [
        ("2026-11-02T10:20:00Z", "2026-11-02T11:00:00Z"),
        ("2026-11-02T11:00:00Z", "2026-11-02T12:00:00Z"),
        ("2026-11-09T17:59:59Z", "2026-11-09T18:00:00Z"),
    ] {
        let plan = update(new_input.clone(), now);
        assert_eq!(sent_start(&plan), Some(at(start)), "{now}");
        assert_eq!(plan.changes, ["input"]);
    }
    let faster = update(json!({"schedule": "rate(30 minutes)"}), "2026-11-09T17:10:00Z");
    assert_eq!(sent_start(&faster), Some(at("2026-11-09T17:40:00Z")), "a new interval starts again");
    let moved = json!({"schedule": "rate(1 hour)", "startDate": "2026-11-01T00:15:00Z"});
    let plan = update(moved, "2026-11-09T17:10:00Z");
    assert_eq!(sent_start(&plan), Some(at("2026-11-09T17:15:00Z")), "the start date has another phase");
    assert_eq!(plan.changes, ["start date"]);
}

#[test]
fn a_start_date_far_in_the_future_does_not_silence_a_rate() {
    let wanted = desired(json!({"schedule": "rate(1 hour)"}));
    let now = at("2026-11-02T10:00:00Z");
    let mut observed = applied(plan_schedule(&wanted, None, now), None).unwrap();
    observed.start = Some(at("2027-11-02T10:00:00Z"));
    let plan = plan_schedule(&wanted, Some(&observed), now);
    assert_eq!(sent_start(&plan), Some(at("2026-11-02T11:00:00Z")));
    observed.start = None;
    assert_eq!(plan_schedule(&wanted, Some(&observed), now), SchedulePlan::default());
}

#[test]
fn a_start_date_of_the_past_is_neither_sent_nor_compared() {
    let wanted = desired(json!({"schedule": "0 18 * * *", "startDate": "2026-11-02T00:00:00Z"}));
    let before = at("2026-11-01T00:00:00Z");
    let plan = plan_schedule(&wanted, None, before);
    assert_eq!(sent_start(&plan), Some(at("2026-11-02T00:00:00Z")));
    let mut observed = applied(plan, None).unwrap();
    let after = at("2026-11-03T00:00:00Z");
    for start in [Some(at("2026-11-02T00:00:00Z")), Some(at("2026-11-01T00:00:00Z")), None] {
        observed.start = start;
        assert_eq!(plan_schedule(&wanted, Some(&observed), after), SchedulePlan::default(), "{start:?}");
    }
    assert_eq!(sent_start(&plan_schedule(&wanted, None, after)), None);
    observed.start = Some(at("2027-01-01T00:00:00Z"));
    let plan = plan_schedule(&wanted, Some(&observed), after);
    assert_eq!((plan.changes.clone(), sent_start(&plan)), (vec!["start date"], None));
}

#[test]
fn a_suspended_schedule_is_disabled() {
    let suspended = desired(json!({"schedule": "0 18 * * *", "suspend": true}));
    let awake = desired(json!({"schedule": "0 18 * * *"}));
    let now = at("2026-11-02T10:00:00Z");
    let observed = applied(plan_schedule(&awake, None, now), None);
    let plan = plan_schedule(&suspended, observed.as_ref(), now);
    let body = ScheduleBody { settings: suspended.settings.clone(), start: None };
    let expected =
        SchedulePlan { step: Some(ScheduleStep::Update(body)), changes: vec!["state"], is_over: false };
    assert_eq!(plan, expected);
}
