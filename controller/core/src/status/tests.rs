//! Conditions of whole objects, and the kstatus rules for conditions.

use super::*;

/// The time at this Unix second.
fn at(second: i64) -> Time {
    Time(jiff::Timestamp::from_second(second).unwrap())
}

fn condition(kind: &str, status: &str, reason: &str, message: &str, since: i64) -> Condition {
    Condition {
        type_: kind.into(),
        status: status.into(),
        reason: reason.into(),
        message: message.into(),
        observed_generation: Some(7),
        last_transition_time: at(since),
    }
}

fn after(previous: &[Condition], ready: &[Component], outcome: &Outcome, second: i64) -> Vec<Condition> {
    conditions(previous, &ready.iter().copied().collect(), None, outcome, Some(7), &at(second), true)
}

fn before_deadline(outcome: &Outcome) -> Vec<Condition> {
    conditions(&[], &BTreeSet::new(), None, outcome, Some(7), &at(5), false)
}

fn progressing() -> Outcome {
    Outcome::Progressing { message: "creating".into() }
}

fn applied(suspended: bool) -> Outcome {
    Outcome::Applied { suspended, message: "in place".into() }
}

fn paused(in_place: bool) -> Outcome {
    Outcome::Paused { in_place, message: "left".into() }
}

fn failed(component: Component, reason: Reason) -> Outcome {
    Outcome::Failed(Failure::new(component, reason, "why"))
}

const ALL: [Component; 3] = [Component::Function, Component::Permission, Component::Rule];

#[test]
fn each_outcome_has_its_conditions() {
    let is = |kind: &str, reason: &str| condition(kind, "True", reason, "", 5);
    let cases = [
        (
            "in progress",
            after(&[], &[], &progressing(), 5),
            vec![
                condition("Ready", "Unknown", "Progressing", "creating", 5),
                condition("Reconciling", "True", "Progressing", "creating", 5),
            ],
        ),
        (
            "in sync",
            after(&[], &ALL, &applied(false), 5),
            vec![
                condition("Ready", "True", "Applied", "in place", 5),
                is("FunctionReady", "Applied"),
                is("PermissionReady", "Applied"),
                is("RuleReady", "Applied"),
            ],
        ),
        (
            "in sync and suspended",
            after(&[], &[Component::Rule], &applied(true), 5),
            vec![condition("Ready", "True", "Suspended", "in place", 5), is("RuleReady", "Applied")],
        ),
        (
            "completed",
            after(&[], &[Component::Schedule], &Outcome::Completed { message: "over".into() }, 5),
            vec![condition("Ready", "True", "Completed", "over", 5), is("ScheduleReady", "Applied")],
        ),
        (
            "paused, in sync at the last check",
            after(&[], &[Component::Rule], &paused(true), 5),
            vec![condition("Ready", "True", "Paused", "left", 5), is("RuleReady", "Applied")],
        ),
        (
            "paused, perhaps not in sync",
            after(&[], &[Component::Rule], &paused(false), 5),
            vec![
                condition("Ready", "False", "Paused", "left", 5),
                condition("Stalled", "True", "Paused", "left", 5),
            ],
        ),
        (
            "terminal failure, other components unknown",
            after(&[], &[], &failed(Component::Rule, Reason::InvalidSpec), 5),
            vec![
                condition("Ready", "False", "InvalidSpec", "why", 5),
                condition("Stalled", "True", "InvalidSpec", "why", 5),
                condition("RuleReady", "False", "InvalidSpec", "why", 5),
            ],
        ),
        (
            "throttled, another component ready",
            after(&[], &[Component::Function], &failed(Component::Permission, Reason::Throttled), 5),
            vec![
                condition("Ready", "False", "Throttled", "why", 5),
                condition("Reconciling", "True", "Throttled", "why", 5),
                is("FunctionReady", "Applied"),
                condition("PermissionReady", "False", "Throttled", "why", 5),
            ],
        ),
        (
            "a ready component fails",
            after(&[], &ALL, &failed(Component::Function, Reason::FunctionFailed), 5),
            vec![
                condition("Ready", "False", "FunctionFailed", "why", 5),
                condition("Stalled", "True", "FunctionFailed", "why", 5),
                is("PermissionReady", "Applied"),
                is("RuleReady", "Applied"),
                condition("FunctionReady", "False", "FunctionFailed", "why", 5),
            ],
        ),
        (
            "blocked deletion shows only the failed component",
            after(
                &[],
                &ALL,
                &Outcome::DeletionBlocked(Failure::new(Component::Rule, Reason::AccessDenied, "why")),
                5,
            ),
            vec![
                condition("Ready", "False", "AccessDenied", "why", 5),
                condition("Stalled", "True", "AccessDenied", "why", 5),
                condition("RuleReady", "False", "AccessDenied", "why", 5),
            ],
        ),
    ];
    for (case, found, expected) in cases {
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn credential_failures_have_the_right_class() {
    let cases = [
        (Reason::CredentialsUnavailable, ErrorClass::Retryable),
        (Reason::CredentialsExpired, ErrorClass::Retryable),
        (Reason::ClockSkewed, ErrorClass::Retryable),
        (Reason::CredentialsRefused, ErrorClass::Terminal),
        (Reason::RegionNotEnabled, ErrorClass::Terminal),
        (Reason::AccessDenied, ErrorClass::Dependency),
    ];
    for (reason, class) in cases {
        assert_eq!(Failure::new(Component::Function, reason, "").class(), class, "{reason:?}");
    }
}

#[test]
fn dependency_failures_stall_only_after_the_deadline() {
    let state = |conditions: &[Condition]| conditions[1].type_.clone();
    for reason in Reason::ALL {
        let outcome = failed(Component::Function, *reason);
        let class = Failure::new(Component::Function, *reason, "").class();
        let [early, late] = [before_deadline(&outcome), after(&[], &[], &outcome, 5)];
        let expected = match class {
            ErrorClass::Retryable | ErrorClass::Throttled => ["Reconciling"; 2],
            ErrorClass::Dependency => ["Reconciling", "Stalled"],
            ErrorClass::Terminal => ["Stalled"; 2],
        };
        assert_eq!([state(&early), state(&late)], expected, "{reason:?}");
        assert_eq!(class.is_retryable(), expected[1] == "Reconciling", "{reason:?}");
    }
    let missing = before_deadline(&failed(Component::Function, Reason::FunctionNotFound));
    assert_eq!(
        missing,
        [
            condition("Ready", "False", "FunctionNotFound", "why", 5),
            condition("Reconciling", "True", "FunctionNotFound", "why", 5),
            condition("FunctionReady", "False", "FunctionNotFound", "why", 5),
        ]
    );
}

#[test]
fn dependency_reasons_are_complete() {
    let dependencies: Vec<&str> = Reason::ALL
        .iter()
        .filter(|reason| Failure::new(Component::Rule, **reason, "").class() == ErrorClass::Dependency)
        .map(|reason| reason.as_str())
        .collect();
    assert_eq!(
        dependencies,
        [
            "FunctionNotFound",
            "ConflictingFunction",
            "CodeNotFound",
            "DependencyNotFound",
            "RoleNotReady",
            "BucketNotFound",
            "HeldByOther",
            "ConflictingEntry",
            "ConflictingRule",
            "ConflictingGroup",
            "SchedulerRoleRefused",
            "TooManyEntries",
            "NotPermitted",
            "AccessDenied",
        ]
    );
}

#[test]
fn a_blocked_deletion_stalls_at_once() {
    let blocked = Outcome::DeletionBlocked(Failure::new(Component::Rule, Reason::AccessDenied, "why"));
    assert_eq!(before_deadline(&blocked)[1], condition("Stalled", "True", "AccessDenied", "why", 5));
}

#[test]
fn a_generation_is_overdue_at_its_deadline() {
    let deadline = Duration::from_secs(120);
    let overdue = |observed, now| is_overdue(Some(&at(observed)), &at(now), deadline);
    assert_eq!([overdue(10, 10), overdue(10, 129), overdue(10, 130)], [false, false, true]);
    assert!(is_overdue(None, &at(10), deadline), "a status of an older version");
    // Another replica's clock may be slightly ahead.
    assert!(!overdue(15, 10));
}

#[test]
fn the_transition_time_changes_only_with_the_status() {
    let first = after(&[], &[], &failed(Component::Function, Reason::FunctionNotFound), 10);
    let second = after(&first, &[], &failed(Component::Function, Reason::AccessDenied), 20);
    let times = |conditions: &[Condition]| -> Vec<(String, Time)> {
        conditions.iter().map(|c| (c.type_.clone(), c.last_transition_time.clone())).collect()
    };
    let since = |kind: &str, second| (kind.to_owned(), at(second));
    assert_eq!(times(&second), [since("Ready", 10), since("Stalled", 10), since("FunctionReady", 10)]);

    let third = after(&second, &ALL, &applied(false), 30);
    let all = ["Ready", "FunctionReady", "PermissionReady", "RuleReady"].map(|kind| since(kind, 30));
    assert_eq!(times(&third), all);

    let fourth = after(&third, &ALL, &applied(true), 40);
    assert_eq!(times(&fourth), all, "a suspended trigger stays ready");
}

#[test]
fn every_failure_is_either_reconciling_or_stalled() {
    for reason in Reason::ALL {
        for outcome in [
            failed(Component::Rule, *reason),
            Outcome::DeletionBlocked(Failure::new(Component::Rule, *reason, "")),
        ] {
            let previous = after(&[], &[], &progressing(), 1);
            let found = after(&previous, &[], &outcome, 2);
            let of = |kind: &str| found.iter().filter(|c| c.type_ == kind).collect::<Vec<_>>();
            assert_eq!(of("Ready").len(), 1, "{reason:?}");
            let abnormal = [of("Reconciling"), of("Stalled")].concat();
            assert_eq!(abnormal.len(), 1, "expected either Reconciling or Stalled: {reason:?}");
            assert_eq!(abnormal[0].status, "True", "{reason:?}");
        }
    }
}

#[test]
fn a_foreign_permission_has_its_own_reason() {
    let ready = ALL.into_iter().collect();
    let external = condition("PermissionReady", "True", "ExternalPermission", "theirs", 5);
    for outcome in [applied(false), failed(Component::Rule, Reason::AwsRefused)] {
        let found = conditions(&[], &ready, Some("theirs"), &outcome, Some(7), &at(5), true);
        let expected: Vec<Condition> = after(&[], &ALL, &outcome, 5)
            .into_iter()
            .map(|is| if is.type_ == external.type_ { external.clone() } else { is })
            .collect();
        assert_eq!(found, expected);
    }
    let denied = failed(Component::Permission, Reason::AccessDenied);
    assert_eq!(
        conditions(&[], &ready, Some("theirs"), &denied, Some(7), &at(5), true),
        after(&[], &ALL, &denied, 5)
    );
}

#[test]
fn long_texts_are_cut_between_two_words() {
    for (text, bytes, expected) in [
        ("one two", 7, "one two"),
        ("one two three", 12, "one two ..."),
        ("one two three", 11, "one ..."),
        ("onetwothree", 10, "onetwo ..."),
        ("é日é日", 9, "é日 ..."),
        ("é日é日", 8, "é ..."),
    ] {
        assert_eq!(truncated(text, bytes), expected, "{text} {bytes}");
    }
    let message = "é".repeat(20_000);
    let conditions = after(&[], &[], &Outcome::Progressing { message: message.clone() }, 5);
    let expected = truncated(&message, 32_768);
    assert_eq!(conditions.iter().map(|found| found.message.as_str()).collect::<Vec<_>>(), [&*expected; 2]);
}
