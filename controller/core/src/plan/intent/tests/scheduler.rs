//! The intents of schedules of EventBridge Scheduler.

use jiff::Timestamp;
use scheduled_function::{Operator, ScheduleIntent, Valid};
use serde_json::{Value, json};

use super::*;
use crate::api::AppliedSchedule;
use crate::plan::schedule::{ObservedSchedule, SchedulePlan, ScheduleStep};

const ROLE: &str = "arn:aws:iam::123456789012:role/schedules";
const NOW: &str = "2026-11-02T00:00:00Z";

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn valid(fields: Value) -> Result<Valid, Failure> {
    let mut spec = json!({"function": {"name": "f"}, "backend": "Scheduler"});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Valid::new(serde_json::from_value(spec).unwrap(), "eu-west-1", Backend::Rule)
}

fn intent(fields: Value) -> ScheduleIntent {
    let owner = owner();
    let operator = Operator { owner: &owner, default_tags: &Tags::new(), account: ACCOUNT };
    let origin = Origin { kind: "ScheduledFunction", key: key(), uid: "uid-1".into() };
    let valid = valid(fields).unwrap();
    ScheduleIntent::new(operator, &origin, &valid, function(), deployed(), ROLE, at(NOW))
}

fn daily() -> ScheduleIntent {
    intent(json!({"schedule": "0 18 * * *"}))
}

/// The record of the intent's resources.
fn wanted(intent: &ScheduleIntent) -> Applied {
    Applied {
        account: Some(ACCOUNT.into()),
        schedules: vec![intent.identity()],
        functions: deployed(),
        ..Applied::default()
    }
}

fn in_place(intent: &ScheduleIntent) -> ObservedSchedule {
    ObservedSchedule { settings: intent.schedule.settings.clone(), start: None, has_more: false }
}

#[test]
fn the_backend_and_the_schedule_belong_to_a_valid_spec() {
    let found = valid(json!({"schedule": "0 18 * * *", "timeZone": "Europe/Berlin"})).unwrap();
    assert_eq!((found.backend, found.region.as_str()), (Backend::Scheduler, "eu-west-1"));
    assert_eq!(found.schedule.time_zone.as_deref(), Some("Europe/Berlin"));
    let failure = valid(json!({"schedule": "never"})).unwrap_err();
    assert_eq!((failure.component, failure.reason), (Component::Schedule, Reason::InvalidSpec));
}

#[test]
fn a_one_time_schedule_needs_a_known_time() {
    let refused = |zone: &str| {
        let failure = valid(json!({"schedule": "at(2027-03-28T02:30:00)", "timeZone": zone})).unwrap_err();
        assert_eq!((failure.component, failure.reason), (Component::Schedule, Reason::InvalidSpec));
        failure.message
    };
    assert!(refused("Europe/Berlin").starts_with("spec.schedule: "), "the clock leaves out this time");
    let message = "spec.timeZone: the operator does not know the time zone Mars/Phobos, which at(...) needs: write \
                   UTC, or update the operator";
    assert_eq!(refused("Mars/Phobos"), message);
    assert!(valid(json!({"schedule": "0 18 * * *", "timeZone": "Mars/Phobos"})).is_ok());
}

#[test]
fn a_function_of_another_account_is_refused() {
    let failure = valid(json!({
        "schedule": "0 18 * * *",
        "function": {"arn": "arn:aws:lambda:eu-west-1:999999999999:function:f"},
    }));
    let failure = failure.unwrap().check_account(ACCOUNT).unwrap_err();
    assert_eq!((failure.component, failure.reason), (Component::Schedule, Reason::OtherAccount));
    assert_eq!(valid(json!({"schedule": "0 18 * * *"})).unwrap().check_account(ACCOUNT), Ok(()));
}

#[test]
fn a_new_schedule_is_created_without_a_statement() {
    let intent = daily();
    let identity = AppliedSchedule {
        region: "eu-west-1".into(),
        group: "lt-1a2b3c4d".into(),
        name: key().rule_name(&owner().id, "ScheduledFunction"),
    };
    assert_eq!(intent.identity(), identity);
    let plan = intent.plan(&Applied::default(), None, at(NOW));
    let schedule = plan.schedule.clone().unwrap();
    assert!(matches!(schedule.step, Some(ScheduleStep::Create(_))));
    let expected = TriggerPlan {
        permission: PermissionPlan::InPlace,
        rule: None,
        schedule: Some(schedule),
        entries: None,
        wanted: wanted(&intent),
        obsolete: Applied::default(),
    };
    assert_eq!(plan, expected);
    assert_eq!(plan.to_string(), "create schedule: cron(0 18 * * ? *)\n");
    assert!(intent.is_recorded(&plan.wanted) && !intent.is_recorded(&Applied::default()));
}

#[test]
fn a_move_makes_the_rule_and_its_statement_obsolete() {
    let intent = daily();
    let rule = AppliedRule { region: "eu-west-1".into(), name: "lt-old".into(), tag_keys: vec![] };
    let statement =
        AppliedPermission { function_arn: function().to_string(), statement_id: "lt-1a2b3c4d-rules".into() };
    let mut recorded = wanted(&intent);
    recorded.rules.push(rule.clone());
    recorded.permissions.push(statement.clone());
    let plan = intent.plan(&recorded, Some(&in_place(&intent)), at(NOW));
    let expected = TriggerPlan {
        permission: PermissionPlan::InPlace,
        rule: None,
        schedule: Some(SchedulePlan::default()),
        entries: None,
        wanted: wanted(&intent),
        obsolete: Applied {
            account: Some(ACCOUNT.into()),
            rules: vec![rule],
            permissions: vec![statement],
            ..Applied::default()
        },
    };
    assert_eq!(plan, expected);
}

#[test]
fn the_outcome_describes_the_schedule() {
    let outcome = |fields: Value| {
        let intent = intent(fields);
        let plan = intent.plan(&Applied::default(), None, at(NOW));
        intent.outcome(&plan, at(NOW))
    };
    let applied = |suspended, message: &str| Outcome::Applied { suspended, message: message.into() };
    let cases = [
        (json!({"schedule": "0 18 * * *"}), applied(false, "the schedule is in place")),
        (
            json!({"schedule": "0 18 * * *", "suspend": true, "tags": {"team": "a"}}),
            applied(true, "suspended: the schedule is in place and disabled; AWS has no tags on schedules"),
        ),
        (
            json!({"schedule": "rate(1 day)", "startDate": "2027-01-01T00:00:00Z"}),
            applied(false, "the schedule is in place; it starts on 2027-01-01 at 00:00 UTC"),
        ),
        (
            json!({"schedule": "at(2026-10-24T18:00:00)", "timeZone": "Europe/Berlin"}),
            Outcome::Completed {
                message:
                    "the run on 2026-10-24 at 16:00 UTC was over when this resource was made; it did not run"
                        .into(),
            },
        ),
        (
            json!({"schedule": "0 18 * * *", "endDate": "2026-10-31T23:59:59Z"}),
            Outcome::Completed {
                message: "no run is left before the end date, 2026-10-31 at 23:59 UTC".into(),
            },
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(outcome(fields.clone()), expected, "{fields}");
    }
}

#[test]
fn a_completed_run_stays_in_the_record_and_is_no_drift() {
    let intent = intent(json!({"schedule": "at(2026-10-24T18:00:00)"}));
    let plan = intent.plan(&wanted(&intent), None, at(NOW));
    assert_eq!(plan.wanted, wanted(&intent));
    assert!(plan.is_empty());
    let message = "the run was due on 2026-10-24 at 18:00 UTC".into();
    assert_eq!(intent.outcome(&plan, at(NOW)), Outcome::Completed { message });
    let never_made = intent.plan(&Applied::default(), None, at(NOW));
    assert_eq!(never_made.wanted, Applied { schedules: vec![], ..wanted(&intent) });
}

#[test]
fn a_schedule_without_a_next_run_is_reported_unless_it_is_suspended() {
    let applied = || Outcome::Applied { suspended: false, message: "the schedule is in place".into() };
    let ended = |suspend: bool| intent(json!({"schedule": "cron(0 0 1 1 ? 2020)", "suspend": suspend}));
    let failure = ended(false).check_next_run(applied()).unwrap_err();
    assert_eq!((failure.component, failure.reason), (Component::Schedule, Reason::NoNextRun));
    assert_eq!(ended(true).check_next_run(applied()), Ok(applied()));
    assert_eq!(daily().check_next_run(applied()), Ok(applied()));
}
