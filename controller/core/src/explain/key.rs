//! The filters that a key of a bucket meets, and the filters that the key nearly meets.

use serde::Serialize;

use crate::api::{KeyFilter, S3TriggeredFunctionSpec, decode_key, encode_key};
use crate::ownership::ObjectKey;
use crate::plan::bucket::Filter;

/// The triggers of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyExplanation {
    /// The key in events and in filters. `unquote_plus` of Python decodes the key.
    pub encoded: String,
    /// The filters that the key meets.
    pub matches: Vec<KeyMatch>,
    /// The filters that the key nearly meets.
    pub misses: Vec<KeyMiss>,
}

/// A filter that a key meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyMatch {
    /// Namespace and name of the resource.
    pub resource: String,
    /// The filter in words, such as `images/*.jpg`.
    pub filter: String,
    /// The events that run the function.
    pub events: Vec<String>,
    /// True if the bucket has no entry until `spec.suspend` is false.
    pub suspended: bool,
}

/// A filter that a key nearly meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyMiss {
    /// Namespace and name of the resource.
    pub resource: String,
    /// The filter in words.
    pub filter: String,
    /// The difference between the key and the filter.
    pub reason: MissReason,
}

/// The difference between a key and a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum MissReason {
    /// Upper and lower case differ.
    Capitals,
    /// The filter begins with a slash, and keys do not.
    LeadingSlash,
    /// The filter is written in the encoding of events. The operator would encode the filter a second time.
    EncodedFilter,
    /// The key is written in the encoding of events.
    EncodedKey,
    /// The prefix matches, and the suffix does not.
    Suffix,
    /// The suffix matches, and the prefix does not.
    Prefix,
}

/// Explains which of the `triggers` run for `key` in `bucket`. Triggers of other buckets are left out.
pub fn explain_key<'a>(
    bucket: &str,
    key: &str,
    triggers: impl IntoIterator<Item = (&'a ObjectKey, &'a S3TriggeredFunctionSpec)>,
) -> KeyExplanation {
    let (mut matches, mut misses) = (vec![], vec![]);
    let every_key = [KeyFilter::default()];
    for (resource, spec) in triggers.into_iter().filter(|(_, spec)| spec.bucket == bucket) {
        let resource = resource.to_string();
        let filters = if spec.filters.is_empty() { &every_key[..] } else { &spec.filters };
        for filter in filters {
            let (words, resource) = (Filter::from(filter).describe(), resource.clone());
            if is_met(filter, key) {
                let (events, suspended) = (spec.events.clone(), spec.suspend);
                matches.push(KeyMatch { resource, filter: words, events, suspended });
            } else if let Some(reason) = miss(filter, key) {
                misses.push(KeyMiss { resource, filter: words, reason });
            }
        }
    }
    KeyExplanation { encoded: encode_key(key), matches, misses }
}

/// True if the encoded key has the prefix and the suffix, as S3 compares them.
fn is_met(filter: &KeyFilter, key: &str) -> bool {
    let (Filter { prefix, suffix }, key) = (Filter::from(filter), encode_key(key));
    key.starts_with(&prefix) && key.ends_with(&suffix)
}

/// The difference, if a small change of the filter or of the key is enough for a match, or if one part matches.
fn miss(filter: &KeyFilter, key: &str) -> Option<MissReason> {
    let map = |change: &dyn Fn(&str) -> Option<String>| {
        let part = |part: &Option<String>| match part {
            Some(text) => change(text).map(Some),
            None => Some(None),
        };
        Some(KeyFilter {
            prefix: part(&filter.prefix)?,
            suffix: part(&filter.suffix)?,
            literal_percent: None,
        })
    };
    let is_met_after =
        |change: &dyn Fn(&str) -> Option<String>| map(change).is_some_and(|filter| is_met(&filter, key));
    let lower = |text: &str| Some(text.to_lowercase());
    let is_met_alone = |prefix: &Option<String>, suffix: &Option<String>| {
        let part = KeyFilter { prefix: prefix.clone(), suffix: suffix.clone(), literal_percent: None };
        part != KeyFilter::default() && is_met(&part, key)
    };
    if map(&lower).is_some_and(|filter| is_met(&filter, &key.to_lowercase())) {
        Some(MissReason::Capitals)
    } else if is_met_after(&|text| Some(text.trim_start_matches('/').to_owned())) {
        Some(MissReason::LeadingSlash)
    } else if is_met_after(&decode_key) {
        Some(MissReason::EncodedFilter)
    } else if decode_key(key).is_some_and(|key| is_met(filter, &key)) {
        Some(MissReason::EncodedKey)
    } else if is_met_alone(&filter.prefix, &None) {
        Some(MissReason::Suffix)
    } else if is_met_alone(&None, &filter.suffix) {
        Some(MissReason::Prefix)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(prefix: &str, suffix: &str) -> KeyFilter {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        KeyFilter { prefix: part(prefix), suffix: part(suffix), literal_percent: None }
    }

    fn trigger(bucket: &str, filters: Vec<KeyFilter>) -> S3TriggeredFunctionSpec {
        let events = vec!["s3:ObjectCreated:*".into()];
        S3TriggeredFunctionSpec { bucket: bucket.into(), events, filters, ..Default::default() }
    }

    #[test]
    fn matches_and_misses_name_resource_and_filter() {
        let [thumbnails, index, suspended, other] =
            ["thumbnails", "index", "suspended", "other"].map(|name| ObjectKey::new("media", name));
        let two =
            trigger("photos", vec![filter("images/", ".jpg"), filter("", ".JPG"), filter("logs/", ".png")]);
        let every_key = trigger("photos", vec![]);
        let stopped = S3TriggeredFunctionSpec { suspend: true, ..every_key.clone() };
        let elsewhere = trigger("archive", vec![]);
        let triggers =
            [(&thumbnails, &two), (&index, &every_key), (&suspended, &stopped), (&other, &elsewhere)];
        let matched = |resource: &str, filter: &str, suspended| KeyMatch {
            resource: format!("media/{resource}"),
            filter: filter.into(),
            events: vec!["s3:ObjectCreated:*".into()],
            suspended,
        };
        let expected = KeyExplanation {
            encoded: "images/2026/a+b.JPG".into(),
            matches: vec![
                matched("thumbnails", "*.JPG", false),
                matched("index", "all keys", false),
                matched("suspended", "all keys", true),
            ],
            misses: vec![KeyMiss {
                resource: "media/thumbnails".into(),
                filter: "images/*.jpg".into(),
                reason: MissReason::Capitals,
            }],
        };
        assert_eq!(explain_key("photos", "images/2026/a b.JPG", triggers), expected);
        let nothing = KeyExplanation { encoded: "x".into(), matches: vec![], misses: vec![] };
        assert_eq!(explain_key("nowhere", "x", triggers), nothing);
    }

    #[test]
    fn a_miss_has_its_reason() {
        for (prefix, suffix, key, reason) in [
            ("images/", ".jpg", "Images/a.jpg", Some(MissReason::Capitals)),
            ("/images/", "", "images/a.jpg", Some(MissReason::LeadingSlash)),
            ("dt%3D2026/", ".csv", "dt=2026/a.csv", Some(MissReason::EncodedFilter)),
            ("a+b/", "", "a b/c", Some(MissReason::EncodedFilter)),
            ("a b/", "", "a+b/c", Some(MissReason::EncodedKey)),
            ("images/", ".jpg", "images/a.png", Some(MissReason::Suffix)),
            ("images/", ".jpg", "photos/a.jpg", Some(MissReason::Prefix)),
            ("images/", "", "photos/a.jpg", None),
            ("", ".jpg", "images/a.png", None),
            ("images/", ".jpg", "photos/a.png", None),
        ] {
            assert!(!is_met(&filter(prefix, suffix), key), "{prefix} {suffix} {key}");
            assert_eq!(miss(&filter(prefix, suffix), key), reason, "{prefix} {suffix} {key}");
        }
    }

    #[test]
    fn s3_compares_encoded_texts() {
        assert!(is_met(&filter("", "D.csv"), "a=.csv"));
        assert!(is_met(&filter("dt=2026/", ""), "dt=2026/a b"));
        assert!(is_met(&filter("ab", "bc"), "abc"));
    }
}
