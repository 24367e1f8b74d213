//! The plan for people at a terminal.

use std::fmt::Write;

use jiff::Timestamp;
use lambda_triggers_core::preview::{
    Action, BucketPreview, ChangeAction, Part, PlanResult, PlannedChange, Preview, ResourcePreview, Source,
};

use super::Shown;
use super::format::{
    against, bucket, change_sign, clean, destination, entry_sign, field, new_expression, other_region, part,
    severity_sign, sign, summary, whose,
};
use crate::cli::color::{CHANGED, CREATED, DELETED, LABEL, TAKEN_OVER};
use crate::cli::entries::table;

/// The plan as text.
pub fn render(preview: &Preview, shown: &Shown) -> String {
    let is_empty = preview.result == PlanResult::NoChanges && !shown.unchanged;
    let has_words = |one: &&ResourcePreview| {
        one.action != Action::Unchanged || !one.problems.is_empty() || shown.unchanged
    };
    if is_empty && shown.quiet {
        return String::new();
    }
    let mut out = format!("{}\n\n", against(preview));
    let (drift, changed): (Vec<&ResourcePreview>, Vec<&ResourcePreview>) =
        preview.resources.iter().filter(has_words).partition(|resource| resource.drift);
    let region = preview.against.region.as_deref();
    for one in changed {
        resource(&mut out, one, region);
    }
    for one in preview.buckets.iter().filter(|bucket| bucket.write || shown.unchanged) {
        entries(&mut out, one);
    }
    if !drift.is_empty() {
        let _ = writeln!(
            out,
            "Drift, not by this change ({}): AWS differs, and the operator repairs it\n",
            drift.len()
        );
    }
    for one in drift {
        resource(&mut out, one, region);
    }
    let last = match (preview.result, preview.against.aws, preview.summary.resources) {
        (PlanResult::NoChanges, true, 1..) => {
            let resources = preview.summary.resources;
            let words = if resources == 1 { "resource says" } else { "resources say" };
            format!("No changes: AWS is as {resources} {words}.")
        }
        _ => format!("{}.", summary(preview)),
    };
    out + &last + "\n"
}

fn resource(out: &mut String, one: &ResourcePreview, own_region: Option<&str>) {
    let gone = match (one.action, one.source.file.as_str()) {
        (Action::Delete, Source::CLUSTER) => "   in the cluster, not in the files",
        (Action::Delete, _) => "   in the base, not in the files",
        _ => "",
    };
    let source = match one.action {
        Action::Blocked | Action::Unknown => format!("   {}:{}", one.source.file, one.source.line),
        _ => String::new(),
    };
    let renamed = one.renamed_from.as_ref().map(|from| format!("   renamed from {}", clean(from)));
    let title = clean(&one.title());
    let _ = writeln!(
        out,
        "{} {LABEL}{title}{LABEL:#}{}{gone}{source}",
        painted(sign(one.action)),
        renamed.unwrap_or_default()
    );
    for change in &one.changes {
        change_lines(out, change, own_region);
    }
    if let Some(words) = one.schedule.as_ref().filter(|_| one.action != Action::Delete) {
        let _ = writeln!(out, "      runs        {words}");
    }
    if !one.next_runs.is_empty() && one.action != Action::Delete {
        let runs: Vec<String> = one.next_runs.iter().map(|run| readable(run)).collect();
        let _ = writeln!(out, "      next runs   {}", runs.join(", "));
    }
    for note in &one.notes {
        let _ = writeln!(out, "      note        {}", clean(note));
    }
    for problem in &one.problems {
        let message = clean(&problem.message);
        let sign = painted(severity_sign(problem.severity));
        let _ = writeln!(out, "    {sign} {}: {message}", problem.reason);
    }
    out.push('\n');
}

/// A sign in the colour of its meaning.
fn painted(sign: char) -> String {
    let style = match sign {
        '+' => CREATED,
        '~' | '*' => CHANGED,
        '-' | '!' => DELETED,
        '>' | '?' => TAKEN_OVER,
        _ => return sign.to_string(),
    };
    format!("{style}{sign}{style:#}")
}

/// A run as people write it: `Fri 2026-11-27 18:00 UTC`.
fn readable(run: &str) -> String {
    run.parse::<Timestamp>().map_or_else(|_| run.to_owned(), |run| run.strftime("%a %F %R UTC").to_string())
}

fn change_lines(out: &mut String, change: &PlannedChange, own_region: Option<&str>) {
    let PlannedChange { part: what, action, id, words, fields, .. } = change;
    // The words of a schedule have a line of their own.
    let (words, disabled) = match (what, action) {
        (Part::Rule | Part::Schedule, ChangeAction::Create) => new_expression(change).unwrap_or_default(),
        (Part::Rule | Part::Schedule, _) => ("", ""),
        _ => (words.as_str(), ""),
    };
    let is_taken_over = *action == ChangeAction::TakeOver;
    // The table of the bucket has the Ids of the operator's entries.
    let has_id = *what != Part::Entry || is_taken_over;
    let cells = [
        has_id.then(|| clean(id)),
        other_region(change, own_region).map(clean),
        (!words.is_empty()).then(|| format!("{}{disabled}", clean(words))),
        is_taken_over.then(|| "taken over in the same write".to_owned()),
    ];
    let cells: Vec<String> = cells.into_iter().flatten().collect();
    let _ = writeln!(out, "    {} {:<11} {}", painted(change_sign(*action)), part(*what), cells.join("   "));
    if *action == ChangeAction::Update {
        for one in fields {
            let _ = writeln!(out, "        {}", field(one));
        }
    }
}

fn entries(out: &mut String, one: &BucketPreview) {
    let _ = writeln!(out, "{LABEL}Bucket {}{LABEL:#}   {}", clean(&one.name), bucket(one));
    let rows: Vec<[String; 5]> = one
        .entries
        .iter()
        .map(|entry| {
            let events: Vec<&str> = entry.events.iter().map(String::as_str).collect();
            [
                clean(entry.id.as_deref().unwrap_or("(no Id)")),
                destination(entry),
                clean(&entry.keys),
                clean(&events.join(",")),
                whose(entry),
            ]
        })
        .collect();
    for (entry, line) in one.entries.iter().zip(table(&rows)) {
        let sign = painted(entry_sign(entry.action));
        let _ = writeln!(out, "    {sign} {line}");
    }
    if !one.test_events.is_empty() {
        let _ = writeln!(
            out,
            "    S3 sends a test event at this write to: {}",
            clean(&one.test_events.join(", "))
        );
    }
    out.push('\n');
}
