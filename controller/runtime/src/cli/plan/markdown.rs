//! The plan as a comment on a pull request. The same plan gives the same bytes, so an edited comment has no noise.

use lambda_triggers_core::preview::{Action, BucketPreview, EntryAction, Preview, ResourcePreview, Severity};

use super::Shown;
use super::format::{against, bucket, change_sign, clean, destination, field, part, summary, whose};

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
    let details: Vec<String> =
        resources.iter().filter_map(|one| resource_details(one)).chain(buckets).collect();
    let marker = format!("<!-- lambda-triggers plan: {} -->\n", escape(&shown.title));
    let head = format!("{marker}### {}: {}\n\n", escape(&shown.title), summary(preview));
    let foot = format!(
        "\n<sub>{} · lambda-triggers {}</sub>\n",
        escape(&against(preview)),
        env!("CARGO_PKG_VERSION")
    );
    const TABLE: &str = "| | resource | in AWS |\n|---|---|---|\n";
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
    let changes: Vec<String> = one
        .changes
        .iter()
        .map(|change| format!("{} {} `{}`", change_sign(change.action), part(change.part), code(&change.id)))
        .collect();
    let problems = one.problems.iter().filter(|problem| problem.severity != Severity::Warning);
    let problems: Vec<String> = problems.map(|problem| format!("**{}**", escape(&problem.reason))).collect();
    let mut words: Vec<String> = problems.into_iter().chain(changes).collect();
    if one.drift {
        words.insert(0, "drift, not by this change:".into());
    }
    let name = format!("{}/{}", one.namespace, one.name);
    format!("| {sign} | {} `{}` | {} |\n", escape(&one.kind), code(&name), words.join("<br>"))
}

fn resource_details(one: &ResourcePreview) -> Option<String> {
    let mut lines: Vec<String> =
        one.schedule.iter().map(|words| format!("- runs: {}", escape(words))).collect();
    for change in &one.changes {
        let fields = change
            .fields
            .iter()
            .filter(|_| change.action == lambda_triggers_core::preview::ChangeAction::Update);
        lines.extend(fields.map(|one| format!("- {} {}", part(change.part), escape(&field(one)))));
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
            "| `{}` | {} | {} | {} | {} | {becomes} |\n",
            code(entry.id.as_deref().unwrap_or("(no Id)")),
            escape(&events.join(", ")),
            escape(&entry.keys),
            escape(&destination(entry)),
            escape(&whose(entry))
        )
    });
    let tests = match one.test_events.as_slice() {
        [] => String::new(),
        tests => format!("\nS3 sends a test event at this write to: {}\n", escape(&tests.join(", "))),
    };
    format!(
        "\n<details><summary>Bucket <code>{}</code>: {}</summary>\n\n| entry | events | keys | to | whose | \
         |\n|---|---|---|---|---|---|\n{}{tests}\n</details>\n",
        escape(&one.name),
        bucket(one),
        rows.collect::<String>()
    )
}

/// Text of others in Markdown: neither HTML nor a mention nor a table.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
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
    clean(text).replace('`', "'").replace('|', "\\|")
}
