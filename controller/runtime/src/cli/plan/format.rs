//! The words that all formats share.

use lambda_triggers_core::preview::{
    Action, BucketPreview, ChangeAction, EntryAction, EntryOwner, EntryPreview, FieldChange, Part,
    PlannedChange, Preview, Severity, Summary,
};
use serde_json::Value;

pub use crate::cli::output::clean;

/// The sign of an action.
pub fn sign(action: Action) -> char {
    match action {
        Action::Blocked => '!',
        Action::Unknown => '?',
        Action::Delete => '-',
        Action::Create => '+',
        Action::Update => '~',
        Action::Unchanged => ' ',
    }
}

/// The sign of a change.
pub fn change_sign(action: ChangeAction) -> char {
    match action {
        ChangeAction::Create => '+',
        ChangeAction::Update => '~',
        ChangeAction::Delete => '-',
        ChangeAction::TakeOver => '>',
    }
}

/// The sign of what becomes of an entry.
pub fn entry_sign(action: EntryAction) -> char {
    Option::<ChangeAction>::from(action).map_or(' ', change_sign)
}

/// The sign of a problem.
pub fn severity_sign(severity: Severity) -> char {
    match severity {
        Severity::Error => '!',
        Severity::Unknown => '?',
        Severity::Warning => '*',
    }
}

/// The name of a part.
pub fn part(part: Part) -> &'static str {
    match part {
        Part::Function => "function",
        Part::Permission => "permission",
        Part::Rule => "rule",
        Part::Target => "target",
        Part::Tags => "tags",
        Part::ScheduleGroup => "schedule group",
        Part::Schedule => "schedule",
        Part::Entry => "entry",
    }
}

/// A changed setting: `memorySize: 128 -> 256`.
pub fn field(field: &FieldChange) -> String {
    let FieldChange { path, before, after, sensitive } = field;
    let text = |value: &Option<Value>| match value {
        None => "(none)".to_owned(),
        Some(Value::String(text)) => clean(text),
        Some(other) => other.to_string(),
    };
    match sensitive {
        true => format!("{path}: changed (--show-values shows it)"),
        false => format!("{path}: {} -> {}", text(before), text(after)),
    }
}

/// The expression of a new rule or schedule, and a word if it does not run; `None` for another part.
pub fn new_expression(change: &PlannedChange) -> Option<(&str, &'static str)> {
    let after = |path: &str| change.fields.iter().find(|field| field.path == path)?.after.as_ref();
    let disabled = if after("enabled") == Some(&Value::Bool(false)) { ", disabled" } else { "" };
    Some((after("expression")?.as_str()?, disabled))
}

/// The Region of a change, unless it is `own`, the operator's Region.
pub fn other_region<'a>(change: &'a PlannedChange, own: Option<&str>) -> Option<&'a str> {
    Some(change.region.as_str()).filter(|region| own != Some(region))
}

/// What the manifests are compared with.
pub fn against(preview: &Preview) -> String {
    let against = &preview.against;
    let mut words = vec![format!("owner id {}", against.owner_id)];
    words.extend(against.account.as_ref().map(|account| format!("account {account}")));
    words.extend(against.region.clone());
    words.push(match (against.aws, against.cluster, against.base) {
        (true, true, true) => "compared with AWS, the cluster and the base".into(),
        (true, true, false) => "compared with AWS and the cluster".into(),
        (true, false, true) => "compared with AWS and the base".into(),
        (true, false, false) => "compared with AWS".into(),
        (false, _, true) => "compared with the base alone (--offline)".into(),
        (false, _, false) => "compared with nothing (--offline)".into(),
    });
    words.join(", ")
}

/// The numbers of the plan: `1 to create, 2 to change, 37 unchanged`.
pub fn summary(preview: &Preview) -> String {
    let Summary {
        resources,
        create,
        update,
        delete,
        take_over,
        orphans,
        unchanged,
        drift,
        problems,
        unknown,
    } = preview.summary;
    if resources == 0 {
        return "no ScheduledFunction and no S3TriggeredFunction in the files".into();
    }
    let rest = if preview.against.aws { "unchanged" } else { "valid" };
    let counts = [
        (create, "to create"),
        (update, "to change"),
        (delete, "to delete"),
        (take_over, if take_over == 1 { "entry to take over" } else { "entries to take over" }),
        (orphans, if orphans == 1 { "orphan entry to remove" } else { "orphan entries to remove" }),
        (unchanged, rest),
        (drift, "with drift"),
        (problems, if problems == 1 { "problem" } else { "problems" }),
        (unknown, "unknown"),
    ];
    let words: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    words.join(", ")
}

/// The entries of a bucket in one sentence.
pub fn bucket(bucket: &BucketPreview) -> String {
    let BucketPreview { entries_before, entries_after, entries, event_bridge, write, .. } = bucket;
    let others = entries
        .iter()
        .filter(|entry| entry.owner != EntryOwner::Operator && matches!(entry.action, EntryAction::None));
    let others = others.count();
    let mut words = match write {
        true => format!("{entries_before} -> {entries_after} of 100 entries"),
        false => format!("{entries_before} of 100 entries, no change"),
    };
    if others > 0 {
        let stay = if others == 1 { "stays as it is" } else { "stay as they are" };
        words += &format!("; {others} of others {stay}");
    }
    if *event_bridge {
        words += "; EventBridge stays on";
    }
    words
}

/// The destination of an entry, without the account: `queue audit`.
pub fn destination(entry: &EntryPreview) -> String {
    let mut parts = entry.arn.split(':');
    let service = parts.nth(2).unwrap_or_default();
    let name = entry.arn.split_once(":function:").map_or_else(
        || entry.arn.rsplit(':').next().unwrap_or_default().to_owned(),
        |(_, name)| name.to_owned(),
    );
    match service {
        "sqs" => format!("queue {}", clean(&name)),
        "sns" => format!("topic {}", clean(&name)),
        _ => clean(&name),
    }
}

/// Whose an entry is.
pub fn whose(entry: &EntryPreview) -> String {
    let others = match &entry.made_by {
        Some(tool) => format!("others ({})", clean(tool)),
        None => "others".to_owned(),
    };
    match (entry.owner, &entry.resource) {
        (EntryOwner::Operator, Some(resource)) => resource.clone(),
        (EntryOwner::Operator, None) => "another resource of this operator".into(),
        (EntryOwner::OtherOperator, _) => "another operator".into(),
        (EntryOwner::Others, Some(resource)) => format!("{others} -> {resource}"),
        (EntryOwner::Others, None) => others,
    }
}
