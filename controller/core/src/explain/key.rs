//! The entries that a key of a bucket meets, and the entries that the key nearly meets.

use serde::Serialize;

use super::entry::ExplainedEntry;
use crate::api::{S3TriggeredFunctionSpec, decode_key, encode_key};
use crate::ownership::ObjectKey;
use crate::plan::bucket::{Document, Filter};

/// The start of the events of an upload, a copy or a restore.
const CREATED: &str = "s3:ObjectCreated:";

/// The entries of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyExplanation {
    /// The bucket.
    pub bucket: String,
    /// The key, as `aws s3 ls` shows it.
    pub key: String,
    /// The key in events and in filters. `unquote_plus` of Python decodes the key.
    pub encoded: String,
    /// True if an upload of the key runs something.
    pub runs_on_upload: bool,
    /// The entries that the key meets.
    pub matches: Vec<ExplainedEntry>,
    /// The entries that the key nearly meets.
    pub misses: Vec<KeyMiss>,
}

/// An entry that a key nearly meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyMiss {
    /// The entry.
    #[serde(flatten)]
    pub entry: ExplainedEntry,
    /// The difference between the key and the filter.
    pub reason: MissReason,
}

/// The difference between a key and a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum MissReason {
    /// Upper and lower case differ.
    Capitals,
    /// The filter begins with a slash, and the key does not.
    LeadingSlash,
    /// The filter is not encoded for S3, so no key meets the filter.
    UnencodedFilter,
    /// The filter is encoded twice: a manifest has the filter in the encoding of events.
    EncodedFilter,
    /// The key is written in the encoding of events.
    EncodedKey,
    /// The prefix matches, and the suffix does not.
    Suffix,
    /// The suffix matches, and the prefix does not.
    Prefix,
}

/// Explains which entries of a bucket run for `key`. `document` is the notification configuration, if known. `triggers`
/// are the resources of manifests; their entries count unless the bucket has them already.
pub fn explain_key<'a>(
    bucket: &str,
    key: &str,
    document: Option<&Document>,
    triggers: impl IntoIterator<Item = (&'a ObjectKey, &'a S3TriggeredFunctionSpec)>,
) -> KeyExplanation {
    let triggers: Vec<(&ObjectKey, &S3TriggeredFunctionSpec)> = triggers.into_iter().collect();
    let known: Vec<&ObjectKey> = triggers.iter().map(|(resource, _)| *resource).collect();
    let entries = document.into_iter().flat_map(Document::entries);
    let mut entries: Vec<(Filter, ExplainedEntry)> =
        entries.map(|entry| (entry.filter.clone(), ExplainedEntry::of(entry, None, &known))).collect();
    let of_bucket = triggers.into_iter().filter(|(_, spec)| spec.bucket == bucket);
    let new = of_bucket.flat_map(|(resource, spec)| ExplainedEntry::of_manifest(resource, spec));
    let new: Vec<_> = new.filter(|entry| !entries.iter().any(|applied| is_same(applied, entry))).collect();
    entries.extend(new);
    let (mut matches, mut misses) = (vec![], vec![]);
    for (filter, entry) in entries {
        if is_met(&filter, key) {
            matches.push(entry);
        } else if let Some(reason) = miss(&filter, key) {
            misses.push(KeyMiss { entry, reason });
        }
    }
    let runs = |entry: &ExplainedEntry| {
        !entry.made_by.is_suspended() && entry.events.iter().any(|event| event.starts_with(CREATED))
    };
    KeyExplanation {
        bucket: bucket.into(),
        key: key.into(),
        encoded: encode_key(key),
        runs_on_upload: matches.iter().any(runs),
        matches,
        misses,
    }
}

/// True if an entry of a manifest is in the bucket: the same resource, the same keys and the same events.
fn is_same(applied: &(Filter, ExplainedEntry), new: &(Filter, ExplainedEntry)) -> bool {
    let parts = |(filter, entry): &(Filter, ExplainedEntry)| {
        (filter.clone(), entry.events.clone(), entry.made_by.resource().map(str::to_owned))
    };
    parts(applied) == parts(new)
}

/// True if the encoded key has the prefix and the suffix, as S3 compares them.
fn is_met(Filter { prefix, suffix }: &Filter, key: &str) -> bool {
    let key = encode_key(key);
    key.starts_with(prefix) && key.ends_with(suffix)
}

/// The difference, if a small change of the filter or of the key is enough for a match, or if one part matches.
fn miss(filter: &Filter, key: &str) -> Option<MissReason> {
    let Filter { prefix, suffix } = filter;
    let Some((decoded_prefix, decoded_suffix)) = decode_key(prefix).zip(decode_key(suffix)) else {
        let meets = key.starts_with(prefix.as_str()) && key.ends_with(suffix.as_str());
        return meets.then_some(MissReason::UnencodedFilter);
    };
    let is_met_after = |change: &dyn Fn(&str) -> Option<String>, key: &str| {
        let parts = change(&decoded_prefix).zip(change(&decoded_suffix));
        parts.is_some_and(|(prefix, suffix)| {
            is_met(&Filter { prefix: encode_key(&prefix), suffix: encode_key(&suffix) }, key)
        })
    };
    let lower = |text: &str| Some(text.to_lowercase());
    let without_slash = |text: &str| Some(text.trim_start_matches('/').to_owned());
    let has = |prefix: &str, suffix: &str| {
        let part = Filter { prefix: prefix.into(), suffix: suffix.into() };
        part != Filter::default() && is_met(&part, key)
    };
    if is_met_after(&lower, &key.to_lowercase()) {
        Some(MissReason::Capitals)
    } else if is_met_after(&without_slash, key) {
        Some(MissReason::LeadingSlash)
    } else if is_met_after(&decode_key, key) {
        Some(MissReason::EncodedFilter)
    } else if decode_key(key).is_some_and(|key| is_met(filter, &key)) {
        Some(MissReason::EncodedKey)
    } else if has(prefix, "") {
        Some(MissReason::Suffix)
    } else if has("", suffix) {
        Some(MissReason::Prefix)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
