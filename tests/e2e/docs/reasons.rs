//! `docs/conditions.md` documents exactly the reasons, events and conditions of the code, and who has to act.

use lambda_triggers_core::status::{Component, ErrorClass, EventReason, Failure, Reason};

use super::Page;

const PAGE: &str = "docs/conditions.md";

/// The part of a page under a heading of the second level.
fn section<'a>(page: &'a Page, heading: &str) -> &'a str {
    let (_, rest) = page.text.split_once(&format!("\n## {heading}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// The start of a reason's description on the page.
fn intro(reason: Reason) -> &'static str {
    match (reason, Failure::new(Component::Rule, reason, "").class()) {
        (Reason::Applied | Reason::ExternalPermission | Reason::Suspended | Reason::Completed, _) => {
            "`Ready`."
        }
        (Reason::Paused, _) => "`Ready` if AWS matched the spec, else `Stalled`: waits for you.",
        (_, ErrorClass::Terminal) => "`Stalled`: waits for you.",
        (_, ErrorClass::Dependency) => "`Reconciling` for two minutes, then `Stalled`: waits for you.",
        (_, ErrorClass::Retryable | ErrorClass::Throttled) => "`Reconciling`: passes by itself.",
    }
}

#[test]
fn every_reason_is_documented_with_cause_and_remedy() {
    let page = Page::read(PAGE);
    let sections: Vec<&str> = section(&page, "Reasons").split("\n### ").skip(1).collect();
    let names: Vec<&str> = sections.iter().filter_map(|section| section.lines().next()).collect();
    assert_eq!(names, Reason::ALL.iter().map(|reason| reason.as_str()).collect::<Vec<_>>());
    for (reason, section) in Reason::ALL.iter().zip(sections) {
        let text = section.split_once("\n\n").unwrap().1;
        let intro = intro(*reason);
        assert!(text.starts_with(intro), "{section}\nmust begin with {intro}");
        let needs_both = !intro.starts_with("`Ready`.");
        for what in ["\n- **Cause.** ", "\n- **Cure.** "] {
            assert_eq!(text.contains(what), needs_both, "{section}");
        }
    }
}

#[test]
fn every_event_is_documented() {
    let page = Page::read(PAGE);
    let rows = section(&page, "Events").lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(documented, EventReason::ALL.iter().map(|reason| reason.as_str()).collect::<Vec<_>>());
}

#[test]
fn every_condition_is_documented() {
    let page = Page::read(PAGE);
    let rows = section(&page, "Conditions").lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let components = [
        Component::Function,
        Component::Permission,
        Component::Rule,
        Component::Schedule,
        Component::Notification,
    ]
    .map(Component::condition);
    assert_eq!(documented, [&["Ready", "Reconciling", "Stalled"][..], &components].concat());
}
