//! The plan as a comment on a pull request. The same plan gives the same bytes, so an edited comment has no noise.

use lambda_triggers_core::preview::{
    Action, BucketPreview, ChangeAction, EntryAction, FieldChange, Part, PlannedChange, Preview,
    ResourcePreview, Severity,
};
use serde_json::Value;

use super::Shown;
use super::format::{
    against, bucket, change_sign, clean, destination, field, new_expression, other_region, part, summary,
    whose,
};

/// The plan as Markdown of at most `max_bytes`. The details are left out before the rows of the table, and the least
/// interesting first.
pub fn render(preview: &Preview, shown: &Shown) -> String {
    let mut resources: Vec<&ResourcePreview> = preview
        .resources
        .iter()
        .filter(|one| one.action != Action::Unchanged || !one.problems.is_empty())
        .collect();
    // The actions have the order of their interest.
    resources.sort_by_key(|one| one.action);
    let rows: Vec<String> = resources.iter().map(|one| row(one)).collect();
    let buckets = preview.buckets.iter().filter(|one| one.write).map(bucket_details);
    let (first, last) = resources.split_at(resources.partition_point(|one| one.action <= Action::Delete));
    let own_region = preview.against.region.as_deref();
    let of = |resources: &[&ResourcePreview]| {
        resources.iter().filter_map(|one| resource_details(one, own_region)).collect()
    };
    let (first, last): (Vec<String>, Vec<String>) = (of(first), of(last));
    let details: Vec<String> = first.into_iter().chain(buckets).chain(last).collect();
    let marker = format!("<!-- lambda-triggers plan: {} -->\n", escape(&shown.title));
    let head = format!("{marker}### {}: {}\n\n", escape(&shown.title), summary(preview));
    let foot = format!(
        "\n<sub>{} · lambda-triggers {}</sub>\n",
        escape(&against(preview)),
        env!("CARGO_PKG_VERSION")
    );
    const TABLE: &str = "| | resource | change |\n|---|---|---|\n";
    let more = |count: usize, what: &str| match count {
        0 => String::new(),
        count => format!("\n… and {count} more {what}: see the log of the job.\n"),
    };
    let spare = more(usize::MAX, "resources").len() + more(usize::MAX, "details").len();
    let room = shown.max_bytes.saturating_sub(head.len() + foot.len() + TABLE.len() + spare);
    let (table, left) = fit(&rows, room);
    let table = if table.is_empty() { String::new() } else { format!("{TABLE}{table}") };
    let (folded, undetailed) = fit(&details, room.saturating_sub(table.len()));
    format!("{head}{table}{}{folded}{}{foot}", more(left, "resources"), more(undetailed, "details"))
}

/// The first texts that fit, and the number of the others.
fn fit(texts: &[String], room: usize) -> (String, usize) {
    let mut out = String::new();
    for (index, text) in texts.iter().enumerate() {
        if out.len() + text.len() > room {
            return (out, texts.len() - index);
        }
        out += text;
    }
    (out, 0)
}

fn row(one: &ResourcePreview) -> String {
    let sign = match one.action {
        Action::Blocked => "❗",
        Action::Unknown => "❔",
        Action::Delete => "➖",
        Action::Create => "➕",
        Action::Update => "✏️",
        Action::Unchanged => "⚠️",
    };
    let problems = one.problems.iter().filter(|problem| problem.severity != Severity::Warning);
    let problems: Vec<String> = problems.map(|problem| format!("**{}**", escape(&problem.reason))).collect();
    let is_main = |change: &&PlannedChange| {
        !matches!(change.part, Part::Permission | Part::Target | Part::Tags | Part::ScheduleGroup)
            || change.action == ChangeAction::Update
    };
    let main: Vec<&PlannedChange> = one.changes.iter().filter(is_main).collect();
    let shown = if main.is_empty() { one.changes.iter().collect() } else { main };
    let mut words: Vec<String> = problems.into_iter().chain(shown.into_iter().map(change)).collect();
    if one.drift {
        words.insert(0, "drift, not by this change:".into());
    }
    let has_schedule = |change: &PlannedChange| change.fields.iter().any(|field| field.path == "expression");
    if one.action != Action::Delete && one.changes.iter().any(has_schedule) {
        words.extend(one.schedule.as_deref().map(escape));
    }
    let renamed = one.renamed_from.as_ref().map(|from| format!("renamed from `{}`", code(from)));
    words.splice(0..0, renamed);
    let name = format!("{}/{}", one.namespace, one.name);
    format!("| {sign} | `{}`<br>{} | {} |\n", code(&name), escape(&one.kind), words.join("<br>"))
}

/// A change in a cell of the table.
fn change(change: &PlannedChange) -> String {
    let PlannedChange { part: what, action, id, fields, words, .. } = change;
    let what = part(*what);
    match action {
        ChangeAction::Create => match new_expression(change) {
            Some((expression, disabled)) => format!("new {what} `{}`{disabled}", code(expression)),
            None => format!("new {what}: {}", escape(words)),
        },
        ChangeAction::Update if fields.is_empty() => format!("{what} changed"),
        ChangeAction::Update => {
            let fields: Vec<String> = fields.iter().map(|one| short_field(what, one)).collect();
            fields.join("<br>")
        }
        ChangeAction::Delete if change.part == Part::Entry => format!("{what} removed: {}", escape(words)),
        ChangeAction::Delete => format!("{what} removed"),
        ChangeAction::TakeOver => format!("{what} `{}` taken over", code(id)),
    }
}

/// A changed setting in a cell. The details have long values as a whole.
fn short_field(what: &str, field: &FieldChange) -> String {
    const MAX: usize = 60;
    let short = |value: &Option<Value>| {
        let text = match value {
            None => return "(none)".to_owned(),
            Some(Value::String(text)) => clean(text),
            Some(other) => other.to_string(),
        };
        let cut = text.chars().count() > MAX;
        let text: String = text.chars().take(MAX).chain(cut.then_some('…')).collect();
        format!("`{}`", code(&text))
    };
    let FieldChange { path, before, after, sensitive } = field;
    match sensitive {
        true => format!("{what} {} changed", escape(path)),
        false => format!("{what} {}: {} → {}", escape(path), short(before), short(after)),
    }
}

fn resource_details(one: &ResourcePreview, own_region: Option<&str>) -> Option<String> {
    let mut lines: Vec<String> =
        one.schedule.iter().map(|words| format!("- runs: {}", escape(words))).collect();
    for change in &one.changes {
        let PlannedChange { part: what, action, id, words, fields, .. } = change;
        // The words of a schedule have a line of their own.
        let has_words = !words.is_empty() && !matches!(what, Part::Rule | Part::Schedule);
        let words = if has_words { format!(": {}", escape(words)) } else { String::new() };
        let region = other_region(change, own_region)
            .map(|region| format!(" in {}", escape(region)))
            .unwrap_or_default();
        lines.push(format!("- `{}` {} `{}`{region}{words}", change_sign(*action), part(*what), code(id)));
        let fields = fields.iter().filter(|_| *action == ChangeAction::Update);
        lines.extend(fields.map(|one| format!("  - {}", escape(&field(one)))));
    }
    lines.extend(one.notes.iter().map(|note| format!("- {}", escape(note))));
    lines.extend(one.problems.iter().map(|problem| {
        let line = problem.line.unwrap_or(one.source.line);
        let place = escape(&format!("{}:{line}", one.source.file));
        format!("- **{}** ({place}): {}", escape(&problem.reason), escape(&problem.message))
    }));
    let is_open = one.problems.iter().any(|problem| problem.severity != Severity::Warning);
    let open = if is_open { " open" } else { "" };
    (!lines.is_empty()).then(|| {
        let title = escape(&one.title());
        format!("\n<details{open}><summary>{title}</summary>\n\n{}\n\n</details>\n", lines.join("\n"))
    })
}

fn bucket_details(one: &BucketPreview) -> String {
    let rows = one.entries.iter().map(|entry| {
        let events: Vec<&str> = entry.events.iter().map(String::as_str).collect();
        let becomes = match entry.action {
            EntryAction::None => "stays",
            EntryAction::Create => "**new**",
            EntryAction::Update => "**changed**",
            EntryAction::Delete => "**removed**",
            EntryAction::TakeOver => "**taken over**",
        };
        format!(
            "| {becomes} | {} | {} | {} | {} | `{}` |\n",
            escape(&entry.keys),
            escape(&events.join(", ")),
            escape(&destination(entry)),
            escape(&whose(entry)),
            code(entry.id.as_deref().unwrap_or("(no Id)"))
        )
    });
    let tests = match one.test_events.as_slice() {
        [] => String::new(),
        tests => format!("\nS3 sends a test event at this write to: {}\n", escape(&tests.join(", "))),
    };
    format!(
        "\n<details><summary>Bucket <code>{}</code>: {}</summary>\n\n| | keys | events | to | whose | entry \
         |\n|---|---|---|---|---|---|\n{}{tests}\n</details>\n",
        escape(&one.name),
        escape(&bucket(one)),
        rows.collect::<String>()
    )
}

/// Text of others in Markdown: neither HTML nor a mention nor a table.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).replace("->", "→").chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text between two backticks, in a table.
fn code(text: &str) -> String {
    clean(text).replace("->", "→").replace('`', "'").replace('|', "\\|")
}
