//! Tests of the conversion of GetSchedule's answer.

use aws_sdk_scheduler::operation::get_schedule::builders::GetScheduleOutputBuilder;
use aws_sdk_scheduler::types::SqsParameters;

use super::*;

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:report";
const ROLE: &str = "arn:aws:iam::123456789012:role/schedules";

fn answer(set: impl FnOnce(GetScheduleOutputBuilder) -> GetScheduleOutputBuilder) -> GetScheduleOutput {
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap();
    let minimal = GetScheduleOutput::builder()
        .schedule_expression("rate(1 hour)")
        .flexible_time_window(window)
        .target(sdk::Target::builder().arn(FUNCTION).role_arn(ROLE).build().unwrap())
        .last_modification_date(DateTime::from_millis(1_764_000_000_123));
    set(minimal).build()
}

/// The schedule in [`answer`].
fn minimal() -> DatedSchedule {
    let target = ScheduleTarget {
        arn: FUNCTION.into(),
        role_arn: ROLE.into(),
        input: None,
        retry_policy: full_retry(None),
        dead_letter_queue_arn: None,
    };
    let settings = ScheduleSettings {
        expression: "rate(1 hour)".into(),
        time_zone: "UTC".into(),
        end: None,
        window_minutes: None,
        enabled: true,
        deletes_itself: false,
        description: String::new(),
        target,
    };
    let schedule = ObservedSchedule { settings, start: None, has_more: false };
    DatedSchedule { schedule, modified: "2025-11-24T16:00:00.123Z".parse().unwrap() }
}

#[test]
fn the_defaults_of_aws_are_filled_in() {
    assert_eq!(observed(&answer(|schedule| schedule)), Some(minimal()));
}

#[test]
fn dates_are_whole_seconds() {
    let time = || DateTime::from_millis(1_900_000_000_900);
    let mut expected = minimal();
    let whole = Timestamp::from_second(1_900_000_000).ok();
    (expected.schedule.start, expected.schedule.settings.end) = (whole, whole);
    let found = observed(&answer(|schedule| schedule.start_date(time()).end_date(time())));
    assert_eq!(found, Some(expected));
}

#[test]
fn a_setting_that_the_operator_never_sets_is_reported() {
    let with_target = |change: &dyn Fn(&mut sdk::Target)| {
        answer(|schedule| {
            let mut target = schedule.get_target().clone().unwrap();
            change(&mut target);
            schedule.target(target)
        })
    };
    let window = |mode: &str, minutes| {
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::from(mode));
        window.set_maximum_window_in_minutes(minutes).build().unwrap()
    };
    let foreign = [
        answer(|schedule| schedule.kms_key_arn("arn:aws:kms:eu-west-1:123456789012:key/1")),
        with_target(&|target| target.sqs_parameters = Some(SqsParameters::builder().build())),
        answer(|schedule| schedule.state(ScheduleState::from("PAUSED"))),
        answer(|schedule| schedule.action_after_completion(ActionAfterCompletion::from("ARCHIVE"))),
        answer(|schedule| schedule.flexible_time_window(window("RANDOM", Some(5)))),
        answer(|schedule| schedule.flexible_time_window(window("FLEXIBLE", None))),
        answer(|schedule| schedule.flexible_time_window(window("OFF", Some(5)))),
    ];
    let has_more = foreign.iter().map(|answer| observed(answer).unwrap().schedule.has_more);
    assert_eq!(has_more.collect::<Vec<_>>(), [true; 7]);
    let known = [
        answer(|schedule| schedule.flexible_time_window(window("FLEXIBLE", Some(5)))),
        answer(|schedule| schedule.state(ScheduleState::Disabled)),
        answer(|schedule| schedule.action_after_completion(ActionAfterCompletion::Delete)),
        with_target(&|target| target.input = Some("{}".into())),
    ];
    let has_more = known.iter().map(|answer| observed(answer).unwrap().schedule.has_more);
    assert_eq!(has_more.collect::<Vec<_>>(), [false; 4]);
}
