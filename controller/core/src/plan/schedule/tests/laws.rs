//! The laws of each plan, for arbitrary specs and times.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// A valid spec whose schedule has further runs in the years 2026 and 2027.
fn fields() -> impl Strategy<Value = Value> {
    let schedule = prop_oneof![
        Just("rate(1 minute)"),
        Just("rate(1 hour)"),
        Just("rate(7 days)"),
        Just("cron(0 18 ? * MON-FRI *)"),
        Just("at(2029-12-24T18:00:00)"),
    ];
    let dates = proptest::option::of(prop_oneof![Just("2026-11-01T00:30:00Z"), Just("2028-03-01T00:00:00Z")]);
    (schedule, dates, any::<[bool; 6]>()).prop_map(|(schedule, start, set)| {
        let [end, zone, window, input, suspend, retry] = set;
        let is_once = schedule.starts_with("at");
        let mut fields = json!({"schedule": schedule, "suspend": suspend});
        let mut set = |is_set: bool, field: &str, value: Value| {
            if is_set {
                fields[field] = value;
            }
        };
        set(start.is_some() && !is_once, "startDate", json!(start));
        set(end && !is_once, "endDate", json!("2029-12-31T00:00:00Z"));
        set(zone && !schedule.starts_with("rate"), "timeZone", json!("Europe/Berlin"));
        set(window, "flexibleTimeWindowMinutes", json!(15));
        set(input, "input", json!({"a": 1}));
        set(retry, "retryPolicy", json!({"maximumRetryAttempts": 3}));
        fields
    })
}

/// A time in the years 2026 and 2027, and a later time.
fn times() -> impl Strategy<Value = (Timestamp, Timestamp)> {
    let seconds = SignedDuration::from_hours(24 * 300).as_secs();
    (0..seconds, 0..seconds).prop_map(|(first, later)| {
        let now = at("2026-11-02T00:00:00Z") + SignedDuration::from_secs(first);
        (now, now + SignedDuration::from_secs(later))
    })
}

/// Changes of one field each, as another tool may make them.
const CHANGES: [fn(&mut ObservedSchedule); 17] = [
    |schedule| schedule.settings.expression = "rate(11 minutes)".into(),
    |schedule| schedule.settings.time_zone = "Asia/Kolkata".into(),
    |schedule| schedule.settings.end = Some(at("2029-06-01T00:00:00Z")),
    |schedule| schedule.settings.window_minutes = Some(1),
    |schedule| schedule.settings.enabled = !schedule.settings.enabled,
    |schedule| schedule.settings.deletes_itself = !schedule.settings.deletes_itself,
    |schedule| schedule.settings.description = "theirs".into(),
    |schedule| schedule.settings.description = String::new(),
    |schedule| schedule.settings.target.arn = "arn:aws:lambda:eu-west-1:123456789012:function:theirs".into(),
    |schedule| schedule.settings.target.role_arn = "arn:aws:iam::123456789012:role/theirs".into(),
    |schedule| schedule.settings.target.input = None,
    |schedule| schedule.settings.target.input = Some("{}".into()),
    |schedule| schedule.settings.target.retry_policy.maximum_retry_attempts = Some(0),
    |schedule| schedule.settings.target.retry_policy.maximum_event_age_seconds = Some(60),
    |schedule| schedule.settings.target.dead_letter_queue_arn = Some("arn:aws:sqs:theirs".into()),
    |schedule| schedule.start = Some(at("2031-01-01T00:00:00Z")),
    |schedule| schedule.has_more = true,
];

proptest! {
    #[test]
    fn a_plan_of_the_applied_schedule_is_empty_at_any_later_time(fields in fields(), (now, later) in times()) {
        let wanted = desired(fields);
        let plan = plan_schedule(&wanted, None, now);
        prop_assert!(matches!(plan.step, Some(ScheduleStep::Create(_))));
        let observed = applied(plan, None);
        prop_assert_eq!(plan_schedule(&wanted, observed.as_ref(), now), SchedulePlan::default());
        prop_assert_eq!(plan_schedule(&wanted, observed.as_ref(), later), SchedulePlan::default());
    }

    #[test]
    fn one_update_reverts_any_foreign_change(
        fields in fields(),
        (now, later) in times(),
        change in proptest::sample::select(&CHANGES[..]),
    ) {
        let wanted = desired(fields);
        let mut observed = applied(plan_schedule(&wanted, None, now), None).unwrap();
        change(&mut observed);
        let plan = plan_schedule(&wanted, Some(&observed), later);
        prop_assert!(matches!(plan.step, Some(ScheduleStep::Update(_))), "{:?}", plan);
        prop_assert_eq!(plan.changes.len(), 1);
        let restored = applied(plan, Some(observed)).unwrap();
        prop_assert_eq!(&restored.settings, &wanted.settings);
        prop_assert_eq!(plan_schedule(&wanted, Some(&restored), later), SchedulePlan::default());
    }

    /// Each write of a rate has a StartDate in the future, at most one interval ahead or at the start date of the spec.
    #[test]
    fn a_write_never_runs_a_rate_at_once(fields in fields(), (now, later) in times()) {
        let wanted = desired(fields);
        let Some(interval) = wanted.schedule.expression.interval() else { return Ok(()) };
        let mut observed = applied(plan_schedule(&wanted, None, now), None).unwrap();
        let before = observed.start.unwrap();
        observed.settings.description = "theirs".into();
        let start = sent_start(&plan_schedule(&wanted, Some(&observed), later)).unwrap();
        prop_assert!(start > later);
        prop_assert_eq!(start.duration_since(before).as_secs() % interval.as_secs(), 0, "another phase");
        let latest = wanted.schedule.start.unwrap_or(before).max(later + interval);
        prop_assert!(start <= latest);
    }
}
