//! S3's checks of a notification configuration, before the checks of its destinations.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html>

use std::collections::BTreeSet;

use super::{
    notification::{Entry, Notification},
    wire::Refusal,
};

const MAX_ENTRIES: usize = 100;
/// No AWS document says whether S3 counts characters or bytes. Bytes are the stricter limit.
const MAX_ID_BYTES: usize = 255;
const MAX_FILTER_BYTES: usize = 1024;

/// The event types of S3's API model.
const EVENTS: [&str; 31] = [
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:LifecycleTransition",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:IntelligentTiering",
    "s3:ObjectAcl:Put",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
    "s3:ObjectAnnotation:*",
    "s3:ObjectAnnotation:Put",
    "s3:ObjectAnnotation:Delete",
    "s3:ObjectRetention:Put",
];

/// Checks all rules that need only the document.
pub(crate) fn check(notification: &Notification) -> Result<(), Refusal> {
    let entries = &notification.entries;
    if entries.len() > MAX_ENTRIES {
        return Err(invalid(format!(
            "The notification configuration has {} entries; at most {MAX_ENTRIES} are allowed",
            entries.len()
        )));
    }
    for entry in entries {
        check_entry(entry)?;
    }
    let ids: BTreeSet<_> = entries.iter().map(|entry| &entry.id).collect();
    if ids.len() < entries.len() {
        return Err(invalid("Same ID used for multiple configurations. IDs must be unique"));
    }
    let mut pairs = entries
        .iter()
        .enumerate()
        .flat_map(|(index, one)| entries[index + 1..].iter().map(move |other| (one, other)));
    pairs.try_for_each(|(one, other)| check_pair(one, other))
}

/// S3's error for each of these checks.
pub(crate) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidArgument", message)
}

fn check_entry(entry: &Entry) -> Result<(), Refusal> {
    if entry.id.len() > MAX_ID_BYTES {
        return Err(
            invalid("The ID of a configuration can have at most 255 bytes").detail("ArgumentName", "Id")
        );
    }
    if let Some(unknown) = entry.events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
        let refusal = invalid(format!("The event '{unknown}' is not supported for notifications"));
        return Err(refusal.detail("ArgumentName", "Event").detail("ArgumentValue", unknown));
    }
    let named =
        |wanted: &str| entry.rules.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).count();
    if let Some((name, _)) = entry
        .rules
        .iter()
        .find(|(name, _)| !["prefix", "suffix"].contains(&name.to_ascii_lowercase().as_str()))
    {
        let refusal = invalid("filter rule name must be either prefix or suffix");
        return Err(refusal.detail("ArgumentName", "FilterRule.Name").detail("ArgumentValue", name));
    }
    if let Some(twice) = ["prefix", "suffix"].into_iter().find(|name| named(name) > 1) {
        return Err(invalid(format!("Cannot specify more than one {twice} rule in a filter.")));
    }
    if entry.rules.iter().any(|(_, value)| value.len() > MAX_FILTER_BYTES) {
        return Err(invalid("Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation"));
    }
    Ok(())
}

fn check_pair(one: &Entry, other: &Entry) -> Result<(), Refusal> {
    let prefixes = (one.filter("prefix"), other.filter("prefix"));
    let suffixes = (one.filter("suffix"), other.filter("suffix"));
    let prefixes_meet = prefixes.0.starts_with(prefixes.1) || prefixes.1.starts_with(prefixes.0);
    let suffixes_meet = suffixes.0.ends_with(suffixes.1) || suffixes.1.ends_with(suffixes.0);
    if !(prefixes_meet && suffixes_meet && share_an_event(one, other)) {
        return Ok(());
    }
    let unfiltered = one.rules.is_empty() && other.rules.is_empty();
    Err(invalid(if unfiltered {
        "Configurations overlap. Configurations on the same bucket cannot share a common event type."
    } else {
        "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type."
    }))
}

fn share_an_event(one: &Entry, other: &Entry) -> bool {
    !expanded(one).is_disjoint(&expanded(other))
}

/// The events of an entry, with wildcards expanded.
fn expanded(entry: &Entry) -> BTreeSet<&'static str> {
    let matches = |pattern: &str, event: &str| {
        pattern == event || pattern.strip_suffix('*').is_some_and(|family| event.starts_with(family))
    };
    let single = EVENTS.into_iter().filter(|event| !event.ends_with('*'));
    single.filter(|event| entry.events.iter().any(|pattern| matches(pattern, event))).collect()
}
