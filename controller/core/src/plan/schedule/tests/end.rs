//! Schedules that are over.

use super::*;

fn over(step: Option<ScheduleStep>) -> SchedulePlan {
    SchedulePlan { step, changes: vec![], is_over: true }
}

fn once() -> DesiredSchedule {
    desired(json!({
        "schedule": "at(2026-12-24T18:00:00)",
        "timeZone": "Europe/Berlin",
        "flexibleTimeWindowMinutes": 5,
        "retryPolicy": {"maximumEventAgeSeconds": 600},
    }))
}

const BEFORE: &str = "2026-12-24T16:59:59Z";
const DUE: &str = "2026-12-24T17:00:00Z";

#[test]
fn a_one_time_schedule_deletes_itself_and_has_no_start_date() {
    let plan = plan_schedule(&once(), None, at(BEFORE));
    let body = ScheduleBody { settings: once().settings, start: None };
    assert!(body.settings.deletes_itself);
    assert_eq!(plan, SchedulePlan { step: Some(ScheduleStep::Create(body)), ..SchedulePlan::default() });
}

#[test]
fn a_one_time_schedule_of_the_past_is_never_created_or_changed() {
    let observed = applied(plan_schedule(&once(), None, at(BEFORE)), None);
    assert_eq!(plan_schedule(&once(), None, at(DUE)), over(None));
    assert_eq!(plan_schedule(&once(), observed.as_ref(), at(DUE)), over(None));
    let mut suspended = observed.unwrap();
    suspended.settings.enabled = false;
    assert_eq!(plan_schedule(&once(), Some(&suspended), at(DUE)), over(None), "it would run late");
}

#[test]
fn a_one_time_schedule_that_aws_keeps_is_removed_after_its_last_retry() {
    let observed = applied(plan_schedule(&once(), None, at(BEFORE)), None);
    // Five minutes of the window, ten of the retries and ten of delay.
    let removal = "2026-12-24T17:25:00Z";
    assert_eq!(once().removal_at(), Some(at(removal)));
    assert_eq!(plan_schedule(&once(), observed.as_ref(), at("2026-12-24T17:24:59Z")), over(None));
    let removed = over(Some(ScheduleStep::Delete));
    assert_eq!(plan_schedule(&once(), observed.as_ref(), at(removal)), removed);
    let changes = [BEFORE, DUE, removal].map(|now| once().next_change(at(now)));
    assert_eq!(changes, [Some(at(DUE)), Some(at(removal)), None]);
}

#[test]
fn a_schedule_with_other_times_does_not_outlive_the_desired_end() {
    let later = desired(json!({"schedule": "at(2027-12-24T18:00:00)", "timeZone": "Europe/Berlin"}));
    let observed = applied(plan_schedule(&later, None, at(BEFORE)), None);
    assert_eq!(plan_schedule(&once(), observed.as_ref(), at(DUE)), over(Some(ScheduleStep::Delete)));
}

#[test]
fn a_later_time_arms_a_one_time_schedule_again() {
    let observed = applied(plan_schedule(&once(), None, at(BEFORE)), None);
    let later = desired(json!({"schedule": "at(2027-12-24T18:00:00)", "timeZone": "Europe/Berlin"}));
    for observed in [None, observed] {
        let plan = plan_schedule(&later, observed.as_ref(), at(DUE));
        assert_eq!(sent_start(&plan), None);
        assert!(!plan.is_over);
    }
}

#[test]
fn after_its_last_run_a_schedule_is_not_written() {
    for (schedule, last) in [("0 18 * * *", "2026-12-31T18:00:00Z"), ("rate(1 hour)", "2026-12-31T23:59:59Z")]
    {
        let wanted = desired(json!({"schedule": schedule, "endDate": "2026-12-31T23:59:59Z"}));
        assert!(wanted.settings.deletes_itself);
        let observed = applied(plan_schedule(&wanted, None, at(BEFORE)), None);
        for now in [last, "2029-01-01T00:00:00Z"] {
            assert_eq!(plan_schedule(&wanted, None, at(now)), over(None), "{schedule} {now}");
            assert_eq!(plan_schedule(&wanted, observed.as_ref(), at(now)), over(None), "{schedule} {now}");
        }
        assert_eq!(wanted.next_change(at(BEFORE)), Some(at(last)));
        let mut endless = observed.unwrap();
        endless.settings.end = None;
        let removed = over(Some(ScheduleStep::Delete));
        assert_eq!(plan_schedule(&wanted, Some(&endless), at("2027-01-01T00:00:00Z")), removed);
    }
}

#[test]
fn a_rate_without_a_run_before_its_end_date_is_over() {
    let wanted = desired(json!({"schedule": "rate(1 hour)", "endDate": "2026-12-31T12:00:00Z"}));
    assert_eq!(plan_schedule(&wanted, None, at("2026-12-31T11:30:00Z")), over(None));
}
