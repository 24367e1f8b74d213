//! The failures of a schedule, each with the next step for the user.

use jiff::Timestamp;

use crate::api::Schedule;
use crate::arn::{FunctionArn, partition_of};
use crate::status::{Component, Failure, Reason};

/// The failure if EventBridge Scheduler may not assume the role. The message has the condition that the trust policy
/// needs.
pub fn role_refused(role_arn: &str, region: &str, account: &str, group: &str) -> Failure {
    let partition = partition_of(region);
    let message = format!(
        "EventBridge Scheduler may not assume the role {role_arn}: make sure that the role exists, and that its \
         trust policy permits scheduler.amazonaws.com to call sts:AssumeRole with the condition aws:SourceAccount = \
         {account} and aws:SourceArn = arn:{partition}:scheduler:*:{account}:schedule-group/{group}, with ArnLike. \
         A new role needs up to two minutes"
    );
    Failure::new(Component::Schedule, Reason::SchedulerRoleRefused, message)
}

/// The failure for a function outside the schedule's `account`; `None` if the function is in the account.
pub fn target_in_other_account(function: &FunctionArn, account: &str) -> Option<Failure> {
    let there = &function.account;
    (there != account).then(|| {
        let message = format!(
            "the function {} is in account {there}, and its schedule would be in account {account}: create this \
             resource in a namespace with a role of account {there}, or name a function of account {account}",
            function.short()
        );
        Failure::new(Component::Schedule, Reason::OtherAccount, message)
    })
}

/// The failure of a schedule without a run after `now`, whatever its end. A time zone that the operator does not know
/// counts as UTC. The message is the same on every resync.
pub fn no_next_run(schedule: &Schedule, now: Timestamp) -> Option<Failure> {
    let endless = Schedule { end: None, ..schedule.clone() };
    let in_utc = Schedule { time_zone: None, ..endless.clone() };
    let has_next = [&endless, &in_utc].iter().any(|schedule| schedule.next_run(now).is_some());
    let expression = &schedule.expression;
    if has_next || expression.one_time().is_some() {
        return None;
    }
    let message = match endless.last_run(now) {
        Some(last) => format!(
            "{expression} had its last run on {} UTC and never runs again: write a later year, or delete this \
             resource",
            last.strftime("%F at %R")
        ),
        None => format!("{expression} never runs in any of its years: write a day and a year that exist"),
    };
    Some(Failure::new(Component::Schedule, Reason::NoNextRun, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_role_names_the_condition_of_its_trust_policy() {
        let role = "arn:aws:iam::123456789012:role/schedules";
        let failure = role_refused(role, "eu-west-1", "123456789012", "lt-1a2b3c4d");
        let message = "EventBridge Scheduler may not assume the role arn:aws:iam::123456789012:role/schedules: make \
                       sure that the role exists, and that its trust policy permits scheduler.amazonaws.com to call \
                       sts:AssumeRole with the condition aws:SourceAccount = 123456789012 and aws:SourceArn = \
                       arn:aws:scheduler:*:123456789012:schedule-group/lt-1a2b3c4d, with ArnLike. A new role needs \
                       up to two minutes";
        assert_eq!(failure, Failure::new(Component::Schedule, Reason::SchedulerRoleRefused, message));
    }

    #[test]
    fn a_function_of_another_account_is_refused() {
        let function = FunctionArn::of_name("report", "eu-west-1", "210987654321");
        assert_eq!(target_in_other_account(&function, "210987654321"), None);
        let message = "the function report is in account 210987654321, and its schedule would be in account \
                       123456789012: create this resource in a namespace with a role of account 210987654321, or \
                       name a function of account 123456789012";
        let expected = Failure::new(Component::Schedule, Reason::OtherAccount, message);
        assert_eq!(target_in_other_account(&function, "123456789012"), Some(expected));
    }

    #[test]
    fn only_a_schedule_that_repeats_without_a_run_fails() {
        let now = "2026-11-02T00:00:00Z".parse().unwrap();
        let failure = |expression: &str, zone: Option<&str>| {
            let schedule = Schedule {
                expression: expression.parse().unwrap(),
                time_zone: zone.map(Into::into),
                start: None,
                end: Some(now),
                window_minutes: None,
            };
            no_next_run(&schedule, now).map(|failure| failure.message)
        };
        for zone in [None, Some("Europe/Berlin"), Some("Mars/Phobos")] {
            assert_eq!(failure("cron(0 18 * * ? *)", zone), None, "{zone:?}");
            assert_eq!(failure("at(2025-12-24T18:00:00)", zone), None, "{zone:?}");
        }
        let over = "cron(0 18 24 12 ? 2025) had its last run on 2025-12-24 at 17:00 UTC and never runs again: write \
                    a later year, or delete this resource";
        assert_eq!(failure("cron(0 18 24 12 ? 2025)", Some("Europe/Berlin")), Some(over.into()));
        let never =
            "cron(0 18 29 2 ? 2027) never runs in any of its years: write a day and a year that exist";
        assert_eq!(failure("cron(0 18 29 2 ? 2027)", None), Some(never.into()));
    }
}
