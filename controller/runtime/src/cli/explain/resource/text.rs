//! The tree of a resource.

use jiff::Timestamp;
use lambda_triggers_core::explain::{
    History, NextRuns, Part, PartKind, PartState, ResourceExplanation, Run, ShownCondition,
};

use crate::cli::color::LABEL;
use crate::cli::output::clean;

/// Characters of the longest label, with the branches of an inner line.
const WIDTH: usize = 13;

/// A line of the tree, with the lines below it.
struct Node {
    label: String,
    /// `!` for a problem, and `?` for a part that was not read.
    sign: char,
    text: String,
    nodes: Vec<Node>,
}

/// The tree.
pub fn text(explanation: &ResourceExplanation) -> String {
    let ResourceExplanation {
        resource_kind,
        namespace,
        name,
        ready,
        parts,
        schedule,
        next_runs,
        history,
        ..
    } = explanation;
    let mut nodes: Vec<Node> = vec![];
    if let Some(ShownCondition { status, message, .. }) = ready
        && status != "True"
    {
        nodes.push(node("message", '!', message));
    }
    nodes.extend(parts.iter().map(part));
    nodes.extend(schedule.as_ref().map(|words| node("runs", ' ', words)));
    nodes.extend(next_runs.as_ref().map(|runs| node("next runs", ' ', &in_words(runs))));
    nodes.extend(history.as_ref().map(last_day));
    let mut text =
        format!("{LABEL}{resource_kind} {namespace}/{name}{LABEL:#}   {}\n", state(ready.as_ref()));
    draw(&mut text, &nodes, "");
    text
}

fn state(ready: Option<&ShownCondition>) -> String {
    let Some(ShownCondition { status, reason, since, .. }) = ready else {
        return "the operator has not reported on it".into();
    };
    let state = match status.as_str() {
        "True" => "Ready",
        "False" => "not Ready",
        _ => "Ready is unknown",
    };
    format!("{state}: {reason}, since {}", time(*since))
}

fn node(label: &str, sign: char, text: &str) -> Node {
    Node { label: label.into(), sign, text: clean(text), nodes: vec![] }
}

fn part(part: &Part) -> Node {
    let Part { part: kind, name, state, facts, condition, parts } = part;
    let label = match kind {
        PartKind::Function => "function",
        PartKind::Permission => "permission",
        PartKind::Rule => "rule",
        PartKind::Target => "target",
        PartKind::Schedule => "schedule",
        PartKind::Bucket => "bucket",
        PartKind::Entry => "entry",
    };
    let sign = match state {
        PartState::InPlace => ' ',
        PartState::Missing | PartState::Wrong => '!',
        PartState::Unread => '?',
    };
    let shown = |ShownCondition { reason, message, .. }: &ShownCondition| {
        node("condition", '!', &format!("{reason}: {message}"))
    };
    let nodes = condition.iter().map(shown).chain(parts.iter().map(self::part)).collect();
    Node { nodes, ..node(label, sign, &format!("{name}: {}", facts.join(", "))) }
}

fn last_day(history: &History) -> Node {
    let nodes = history.parts.iter().map(part).collect();
    Node { nodes, ..node("last day", ' ', &format!("since {}", time(history.since))) }
}

fn in_words(runs: &NextRuns) -> String {
    match runs {
        NextRuns::Known(runs) => runs.iter().map(|Run { utc, .. }| time(*utc)).collect::<Vec<_>>().join(", "),
        NextRuns::Unknown => "unknown: AWS does not tell when the first interval began".into(),
        NextRuns::Never => "none: the schedule has no run left".into(),
    }
}

/// A time such as `Fri 2026-11-27 18:00 UTC`.
fn time(time: Timestamp) -> String {
    time.strftime("%a %F %R UTC").to_string()
}

fn draw(text: &mut String, nodes: &[Node], indent: &str) {
    for (at, Node { label, sign, text: line, nodes: below }) in nodes.iter().enumerate() {
        let is_last = at + 1 == nodes.len();
        let (branch, next) = if is_last { ("└─", "   ") } else { ("├─", "│  ") };
        let gap = " ".repeat(WIDTH.saturating_sub(label.len() + indent.chars().count()));
        *text += &format!("{indent}{branch} {LABEL}{label}{LABEL:#}{gap}{sign} {line}\n");
        draw(text, below, &format!("{indent}{next}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(status: &str, reason: &str, message: &str) -> ShownCondition {
        let since = "2026-11-27T15:57:00Z".parse().unwrap();
        ShownCondition { status: status.into(), reason: reason.into(), message: message.into(), since }
    }

    fn part(part: PartKind, name: &str, state: PartState, facts: &[&str]) -> Part {
        let facts = facts.iter().map(|fact| (*fact).into()).collect();
        Part { part, name: name.into(), state, facts, condition: None, parts: vec![] }
    }

    fn plain(explanation: &ResourceExplanation) -> String {
        anstream::adapter::strip_str(&text(explanation)).to_string()
    }

    #[test]
    fn the_parts_are_a_tree() {
        let target = part(PartKind::Target, "lt-1a2b3c4d-function", PartState::InPlace, &["invokes report"]);
        let rule = part(PartKind::Rule, "lt-1a2b3c4d-x", PartState::InPlace, &["enabled", "rate(1 hour)"]);
        let rule = Part { parts: vec![target], ..rule };
        let permission = part(PartKind::Permission, "lt-1a2b3c4d-rules", PartState::Missing, &["missing"]);
        let denied = condition("False", "AccessDenied", "AWS denies lambda:AddPermission");
        let permission = Part { condition: Some(denied), ..permission };
        let function = part(PartKind::Function, "report", PartState::Unread, &["not read: denied"]);
        let run = Run { utc: "2026-11-27T18:00:00Z".parse().unwrap(), local: None };
        let explanation = ResourceExplanation {
            resource_kind: "ScheduledFunction",
            namespace: "team-a".into(),
            name: "nightly-report".into(),
            owner_id: "1a2b3c4d".into(),
            ready: Some(condition("False", "AccessDenied", "AWS denies lambda:AddPermission")),
            parts: vec![function, permission, rule],
            schedule: Some("At 18:00 UTC.".into()),
            next_runs: Some(NextRuns::Known(vec![run])),
            history: Some(History {
                since: "2026-11-26T16:00:00Z".parse().unwrap(),
                parts: vec![
                    part(PartKind::Rule, "lt-1a2b3c4d-x", PartState::InPlace, &["fired once"]),
                    part(PartKind::Function, "report", PartState::Wrong, &["ran once", "1 run failed"]),
                ],
                counts: vec![],
            }),
        };
        assert_eq!(
            plain(&explanation),
            "\
ScheduledFunction team-a/nightly-report   not Ready: AccessDenied, since Fri 2026-11-27 15:57 UTC
├─ message      ! AWS denies lambda:AddPermission
├─ function     ? report: not read: denied
├─ permission   ! lt-1a2b3c4d-rules: missing
│  └─ condition ! AccessDenied: AWS denies lambda:AddPermission
├─ rule           lt-1a2b3c4d-x: enabled, rate(1 hour)
│  └─ target      lt-1a2b3c4d-function: invokes report
├─ runs           At 18:00 UTC.
├─ next runs      Fri 2026-11-27 18:00 UTC
└─ last day       since Thu 2026-11-26 16:00 UTC
   ├─ rule        lt-1a2b3c4d-x: fired once
   └─ function  ! report: ran once, 1 run failed
"
        );
        let new =
            ResourceExplanation { ready: None, parts: vec![], next_runs: None, history: None, ..explanation };
        assert_eq!(
            plain(&new),
            "ScheduledFunction team-a/nightly-report   the operator has not reported on it\n\
             └─ runs           At 18:00 UTC.\n"
        );
    }
}
