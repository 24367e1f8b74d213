//! Tests of the entries that a key meets.

use super::*;
use crate::api::{FunctionRef, KeyFilter};
use crate::explain::EntryMaker;
use crate::ownership::OwnerId;

fn filter(prefix: &str, suffix: &str) -> KeyFilter {
    let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    KeyFilter { prefix: part(prefix), suffix: part(suffix), literal_percent: None }
}

fn trigger(bucket: &str, filters: Vec<KeyFilter>) -> S3TriggeredFunctionSpec {
    let function = FunctionRef { name: Some("thumb".into()), ..FunctionRef::default() };
    let events = vec!["s3:ObjectCreated:*".into()];
    S3TriggeredFunctionSpec { function, bucket: bucket.into(), events, filters, ..Default::default() }
}

/// An entry of a manifest with the function `thumb`.
fn of_manifest(resource: &str, keys: &str, suspended: bool) -> ExplainedEntry {
    ExplainedEntry {
        id: None,
        destination: "function thumb".into(),
        arn: None,
        events: ["s3:ObjectCreated:*".into()].into(),
        keys: keys.into(),
        made_by: EntryMaker::Manifest { resource: format!("media/{resource}"), suspended },
    }
}

#[test]
fn matches_and_misses_name_resource_and_filter() {
    let [thumbnails, index, suspended, other] =
        ["thumbnails", "index", "suspended", "other"].map(|name| ObjectKey::new("media", name));
    let two = trigger("photos", vec![filter("images/", ".jpg"), filter("", ".JPG"), filter("logs/", ".png")]);
    let every_key = trigger("photos", vec![]);
    let stopped = S3TriggeredFunctionSpec { suspend: true, ..every_key.clone() };
    let elsewhere = trigger("archive", vec![]);
    let triggers = [(&thumbnails, &two), (&index, &every_key), (&suspended, &stopped), (&other, &elsewhere)];
    let miss = |entry, reason| KeyMiss { entry, reason };
    let expected = KeyExplanation {
        bucket: "photos".into(),
        key: "images/2026/a b.JPG".into(),
        encoded: "images/2026/a+b.JPG".into(),
        runs_on_upload: true,
        matches: vec![
            of_manifest("thumbnails", "*.JPG", false),
            of_manifest("index", "all keys", false),
            of_manifest("suspended", "all keys", true),
        ],
        misses: vec![miss(of_manifest("thumbnails", "images/*.jpg", false), MissReason::Capitals)],
    };
    assert_eq!(explain_key("photos", "images/2026/a b.JPG", None, triggers), expected);
    let only_stopped = explain_key("photos", "x", None, [(&suspended, &stopped)]);
    assert_eq!((only_stopped.matches.len(), only_stopped.runs_on_upload), (1, false));
    assert_eq!(explain_key("nowhere", "x", None, triggers).matches, []);
}

#[test]
fn entries_of_the_bucket_come_first_and_count_once() {
    let owner = OwnerId::parse("1a2b3c4d").unwrap();
    // The Id has only the beginning of the second name.
    for name in ["thumbnails", "thumbnails-of-the-whole-big-archive-of-the-year"] {
        let resource = ObjectKey::new("media", name);
        let id = resource.entry_id(&owner, &filter("dt=2026/", ""), false);
        let document = Document::parse(&format!(
            "<NotificationConfiguration>\
             <QueueConfiguration><Id>audit</Id><Queue>arn:aws:sqs:eu-west-1:123456789012:audit</Queue>\
             <Event>s3:ObjectRemoved:*</Event></QueueConfiguration>\
             <CloudFunctionConfiguration><Id>{id}</Id>\
             <CloudFunction>arn:aws:lambda:eu-west-1:123456789012:function:thumb</CloudFunction>\
             <Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>dt%3D2026/</Value>\
             </FilterRule></S3Key></Filter></CloudFunctionConfiguration></NotificationConfiguration>"
        ))
        .unwrap();
        let spec = trigger("photos", vec![filter("dt=2026/", ""), filter("", ".csv")]);
        let explain = |key: &str| {
            let explained = explain_key("photos", key, Some(&document), [(&resource, &spec)]);
            let words = |entry: &ExplainedEntry| format!("{}, {}", entry.keys, entry.made_by);
            (explained.matches.iter().map(words).collect::<Vec<_>>(), explained.runs_on_upload)
        };
        let every_key = "all keys, unknown".to_owned();
        assert_eq!(
            explain("dt=2026/a.csv"),
            (
                vec![
                    every_key.clone(),
                    format!("dt=2026/, media/{name} (operator 1a2b3c4d)"),
                    format!("*.csv, media/{name} (not in the bucket)")
                ],
                true
            )
        );
        // The queue gets removals alone.
        assert_eq!(explain("x"), (vec![every_key], false));
    }
}

#[test]
fn a_miss_has_its_reason() {
    for (prefix, suffix, key, reason) in [
        ("images/", ".jpg", "Images/a.jpg", Some(MissReason::Capitals)),
        ("é/", "", "É/a", Some(MissReason::Capitals)),
        ("/images/", "", "images/a.jpg", Some(MissReason::LeadingSlash)),
        ("dt%3D2026/", ".csv", "dt=2026/a.csv", Some(MissReason::EncodedFilter)),
        ("a+b/", "", "a b/c", Some(MissReason::EncodedFilter)),
        ("a b/", "", "a+b/c", Some(MissReason::EncodedKey)),
        ("a=b/", "", "a%3Db/c", Some(MissReason::EncodedKey)),
        ("images/", ".jpg", "images/a.png", Some(MissReason::Suffix)),
        ("images/", ".jpg", "photos/a.jpg", Some(MissReason::Prefix)),
        ("images/", "", "photos/a.jpg", None),
        ("", ".jpg", "images/a.png", None),
        ("images/", ".jpg", "photos/a.png", None),
    ] {
        let filter = Filter::from(&filter(prefix, suffix));
        assert!(!is_met(&filter, key), "{prefix} {suffix} {key}");
        assert_eq!(miss(&filter, key), reason, "{prefix} {suffix} {key}");
    }
}

#[test]
fn a_foreign_filter_may_lack_the_encoding() {
    for (prefix, key, reason) in [
        ("dt=2026/", "dt=2026/a", Some(MissReason::UnencodedFilter)),
        ("a b/", "a b/c", Some(MissReason::UnencodedFilter)),
        ("%G/", "%G/a", Some(MissReason::UnencodedFilter)),
        ("dt=2026/", "x", None),
    ] {
        let filter = Filter { prefix: prefix.into(), suffix: String::new() };
        assert!(!is_met(&filter, key), "{prefix} {key}");
        assert_eq!(miss(&filter, key), reason, "{prefix} {key}");
    }
}

#[test]
fn s3_compares_encoded_texts() {
    for (prefix, suffix, key) in [
        ("", "D.csv", "a=.csv"),
        ("dt=2026/", "", "dt=2026/a b"),
        ("ab", "bc", "abc"),
        ("a+b (1)/é", "", "a+b (1)/é.csv"),
        ("100%", "%", "100%"),
    ] {
        assert!(is_met(&Filter::from(&filter(prefix, suffix)), key), "{prefix} {suffix} {key}");
    }
}
