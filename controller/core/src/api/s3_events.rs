//! Event names of S3, and the overlap of events and filters. S3 refuses a notification configuration with two
//! overlapping entries.

use super::KeyFilter;

/// All event names of the API model. The four newest names are `s3:ObjectAnnotation:` and `s3:ObjectRetention:Put`
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_LambdaFunctionConfiguration.html>,
/// <https://docs.aws.amazon.com/sdk-for-python/v4/reference/clients/s3/enums/Event/>).
pub const EVENT_NAMES: [&str; 31] = [
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
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
    "s3:ObjectAnnotation:*",
    "s3:ObjectAnnotation:Put",
    "s3:ObjectAnnotation:Delete",
    "s3:ObjectAcl:Put",
    "s3:ObjectRetention:Put",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:ReducedRedundancyLostObject",
];

/// True if two event names cover a common event: `s3:ObjectCreated:*` meets `s3:ObjectCreated:Put`.
///
/// A name outside of [`EVENT_NAMES`] meets the same name and the wildcard above the name.
pub fn events_overlap(a: &str, b: &str) -> bool {
    a == b || covers(a, b) || covers(b, a)
}

fn covers(wildcard: &str, name: &str) -> bool {
    wildcard.strip_suffix('*').is_some_and(|start| start.ends_with(':') && name.starts_with(start))
}

/// True if a key can match both filters. An absent prefix or suffix is empty. [`affixes_overlap`] has the rule of S3.
pub fn keys_overlap(a: &KeyFilter, b: &KeyFilter) -> bool {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    affixes_overlap(&text(&a.prefix), &text(&a.suffix), &text(&b.prefix), &text(&b.suffix))
}

/// True if one prefix starts with the other prefix, and one suffix ends with the other suffix. S3 refuses two entries
/// with overlapping affixes and events, even if the types of the destinations differ
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html>).
pub fn affixes_overlap(prefix_a: &str, suffix_a: &str, prefix_b: &str, suffix_b: &str) -> bool {
    (prefix_a.starts_with(prefix_b) || prefix_b.starts_with(prefix_a))
        && (suffix_a.ends_with(suffix_b) || suffix_b.ends_with(suffix_a))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(prefix: &str, suffix: &str) -> KeyFilter {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        KeyFilter { prefix: part(prefix), suffix: part(suffix), literal_percent: None }
    }

    #[test]
    fn a_wildcard_meets_the_events_that_it_covers() {
        for (a, b, meet) in [
            ("s3:ObjectCreated:*", "s3:ObjectCreated:Put", true),
            ("s3:ObjectCreated:*", "s3:ObjectCreated:*", true),
            ("s3:ObjectCreated:*", "s3:ObjectCreated:SomethingNew", true),
            ("s3:SomethingNew", "s3:SomethingNew", true),
            ("s3:ObjectAnnotation:*", "s3:ObjectAnnotation:Delete", true),
            ("s3:ObjectCreated:Put", "s3:ObjectCreated:Post", false),
            ("s3:ObjectCreated:*", "s3:ObjectRemoved:Delete", false),
            ("s3:LifecycleExpiration:*", "s3:LifecycleTransition", false),
            ("s3:SomethingNew", "s3:SomethingNewer", false),
        ] {
            assert_eq!((events_overlap(a, b), events_overlap(b, a)), (meet, meet), "{a} and {b}");
        }
    }

    #[test]
    fn filters_meet_if_prefixes_and_suffixes_meet() {
        for (a, b, meet) in [
            (filter("", ""), filter("images/", ".jpg"), true),
            (filter("images/", ""), filter("images/2024/", ""), true),
            (filter("images/", ""), filter("", ".jpg"), true),
            (filter("", "jpg"), filter("", "pg"), true),
            (filter("images/", ".jpg"), filter("images/", ".jpg"), true),
            (filter("", ".jpg"), filter("", ".png"), false),
            (filter("images/", ""), filter("logs/", ""), false),
            (filter("images/", ".jpg"), filter("images/2024/", ".png"), false),
        ] {
            assert_eq!((keys_overlap(&a, &b), keys_overlap(&b, &a)), (meet, meet), "{a:?} and {b:?}");
        }
    }

    #[test]
    fn event_names_are_unique() {
        let mut names = EVENT_NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), EVENT_NAMES.len());
    }
}
