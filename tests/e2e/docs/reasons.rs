//! `docs/conditions.md` knows every reason and every event of the code, says of each who has to act, and invents none.

use lambda_triggers_core::status::{Component, ErrorClass, EventReason, Failure, Reason};

use super::Page;

const PAGE: &str = "docs/conditions.md";

/// The part of a page under a heading of the second level.
fn part<'a>(page: &'a Page, heading: &str) -> &'a str {
    let (_, rest) = page.text.split_once(&format!("\n## {heading}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// How the page begins to tell of a reason.
fn state(reason: Reason) -> &'static str {
    match (reason, Failure::new(Component::Rule, reason, "").class()) {
        (Reason::Applied | Reason::ExternalPermission | Reason::Suspended, _) => "`Ready`.",
        (Reason::Paused, _) => "`Ready` where AWS was as the spec says, else `Stalled`: waits for you.",
        (_, ErrorClass::Terminal) => "`Stalled`: waits for you.",
        (_, ErrorClass::Dependency) => "`Reconciling` for two minutes, then `Stalled`: waits for you.",
        (_, ErrorClass::Retryable | ErrorClass::Throttled) => "`Reconciling`: passes by itself.",
    }
}

#[test]
fn every_reason_has_its_cause_and_its_cure() {
    let page = Page::read(PAGE);
    let sections: Vec<&str> = part(&page, "Reasons").split("\n### ").skip(1).collect();
    let names: Vec<&str> = sections.iter().filter_map(|section| section.lines().next()).collect();
    assert_eq!(names, Reason::ALL.iter().map(|reason| reason.as_str()).collect::<Vec<_>>());
    for (reason, section) in Reason::ALL.iter().zip(sections) {
        let text = section.split_once("\n\n").unwrap().1;
        let state = state(*reason);
        assert!(text.starts_with(state), "{section}\nis to begin with {state}");
        let needs_both = !state.starts_with("`Ready`.");
        for what in ["\n- **Cause.** ", "\n- **Cure.** "] {
            assert_eq!(text.contains(what), needs_both, "{section}");
        }
    }
}

#[test]
fn every_event_is_told() {
    let page = Page::read(PAGE);
    let rows = part(&page, "Events").lines().filter_map(|line| line.strip_prefix("| `"));
    let emitted: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(emitted, EventReason::ALL.iter().map(|reason| reason.as_str()).collect::<Vec<_>>());
}

#[test]
fn every_condition_is_told() {
    let page = Page::read(PAGE);
    let rows = part(&page, "Conditions").lines().filter_map(|line| line.strip_prefix("| `"));
    let emitted: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let parts = [Component::Function, Component::Permission, Component::Rule, Component::Notification]
        .map(Component::condition);
    assert_eq!(emitted, [&["Ready", "Reconciling", "Stalled"][..], &parts].concat());
}
