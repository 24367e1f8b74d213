//! The failures and the events of a bucket.

use super::*;
use crate::arn::FunctionArn;
use crate::status::{Component, EventReason, EventToEmit, Failure, Reason};

fn photos() -> Bucket {
    Bucket { region: "eu-west-1".into(), name: "photos".into(), owner: "111122223333".into() }
}

fn failed(reason: Reason, message: &str) -> Failure {
    Failure::new(Component::Notification, reason, message)
}

fn audit() -> Entry {
    Entry {
        destination: Destination::Queue,
        arn: "arn:aws:sqs:eu-west-1:111122223333:audit".into(),
        id: Some("audit".into()),
        events: BTreeSet::from(["s3:ObjectCreated:*".to_owned()]),
        filter: Filter { prefix: "images/".into(), suffix: String::new() },
    }
}

const AUDIT: &str = r#"queue entry "audit" (s3:ObjectCreated:*, images/)"#;

#[test]
fn a_rejection_names_the_other_entry_and_its_holder() {
    let taken = format!(
        "spec.filters[0] (images/): bucket photos accepts only one entry for the same events and keys, and {AUDIT} already exists"
    );
    let conflict = conflict(0, "images/", &audit());
    let other = OwnerId::parse("5e6f7a8b").unwrap();
    let cases = [
        (
            Rejection::HeldBy(ObjectKey::new("media", "thumbs"), conflict.clone()),
            Reason::HeldByOther,
            format!("{taken}; that entry belongs to media/thumbs: change the events or filters of one of the two"),
        ),
        (
            Rejection::HeldBy(ObjectKey::new("", "lt-1a2b3c4d-media-thumbs-0123456789"), conflict.clone()),
            Reason::HeldByOther,
            format!(
                "{taken}; that entry belongs to another resource of this operator \
                 (lt-1a2b3c4d-media-thumbs-0123456789-...): change the events or filters of one of the two"
            ),
        ),
        (
            Rejection::Foreign(conflict.clone()),
            Reason::ConflictingEntry,
            format!(
                "{taken}; that entry is foreign, notifies arn:aws:sqs:eu-west-1:111122223333:audit and is not touched: change spec.events or spec.filters, or ask its owner to remove the entry"
            ),
        ),
        (
            Rejection::OtherOwner(other, conflict),
            Reason::ConflictingEntry,
            format!(
                "{taken}; that entry belongs to the operator with owner id 5e6f7a8b and is not touched: delete the resource there. If that operator no longer runs, remove the entry; see \"Move to another cluster\" in docs/upgrade.md"
            ),
        ),
        (
            Rejection::TooMany,
            Reason::TooManyEntries,
            "bucket photos would have more than the 100 entries that S3 accepts; use fewer filters, or send the events through EventBridge".into(),
        ),
        (
            Rejection::Refused("(InvalidArgument): no".into()),
            Reason::AwsRefused,
            "S3 refuses the notification configuration of bucket photos with the entries of this resource (InvalidArgument): no; the entries of other resources are not affected. Change spec.events or spec.filters; the operator tries the same entries again after a change in the bucket, or after some time".into(),
        ),
    ];
    for (rejection, reason, message) in cases {
        assert_eq!(failure::rejected(&photos(), &rejection), failed(reason, &message));
    }
}

#[test]
fn a_failure_of_a_bucket_names_the_next_step() {
    let function = FunctionArn::parse(&format!("{}:live", function("f"))).unwrap();
    let gone = "the function was deleted: create it again, or name another one in spec.function";
    let cases = [
        (
            failure::not_found(&photos()),
            failed(
                Reason::BucketNotFound,
                "there is no bucket photos: create it, or name another one in spec.bucket",
            ),
        ),
        (
            failure::unreadable(&photos(), &Document::parse("<Error/>").unwrap_err()),
            failed(
                Reason::AwsRefused,
                "the notification configuration of bucket photos cannot be parsed, so the operator does not touch it: \
                 the answer's root element is Error, not NotificationConfiguration",
            ),
        ),
        (
            failure::in_other_account(&photos()),
            failed(
                Reason::BucketInOtherAccount,
                "bucket photos is in another account than 111122223333: write the account that owns the bucket in spec.bucketOwner, or name another bucket in spec.bucket",
            ),
        ),
        (failure::function_gone(), Failure::new(Component::Function, Reason::FunctionNotFound, gone)),
        (
            failure::not_permitted_by_others(&photos(), &function),
            failed(
                Reason::DestinationRefused,
                "S3 refuses entries for the function f:live, whose policy does not permit bucket photos to invoke it; spec.function.permission is External, so the operator does not add the permission: ask the owner of the policy to permit lambda:InvokeFunction to s3.amazonaws.com with AWS:SourceArn arn:aws:s3:::photos and AWS:SourceAccount 111122223333, or set spec.function.permission to Managed",
            ),
        ),
        (
            failure::awaiting_write(&photos()),
            failed(
                Reason::OutcomeUnknown,
                "a write to bucket photos may still take effect: AWS did not answer the write, or the operator has just started and does not know the outcome of the last write. The finalizer stays until the end of the write grace period",
            ),
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn contention_names_the_foreign_entries_in_the_bucket() {
    let queue =
        foreign("QueueConfiguration", "Queue", &audit().arn, Some("audit"), "s3:ObjectCreated:*", "images/");
    for (children, found) in
        [(vec![queue], format!("{AUDIT}, which notifies {}", audit().arn)), (vec![], "nothing".into())]
    {
        let message = format!(
            "bucket photos does not have the operator's entries after 3 writes: another tool removes them each time. The bucket now has: {found}. Configure that tool to keep foreign entries, or send the bucket's events through EventBridge"
        );
        let contended = failure::contended(&photos(), &owner(), &document(&children), 3);
        assert_eq!(contended, failed(Reason::Contended, &message));
    }
}

#[test]
fn a_bucket_that_is_missing_or_elsewhere_has_no_entries() {
    for (reason, is_missing, is_nowhere) in [
        (Reason::BucketNotFound, true, true),
        (Reason::BucketInOtherRegion, false, true),
        (Reason::BucketInOtherAccount, false, false),
    ] {
        let failure = failed(reason, "");
        assert_eq!((failure::is_missing(&failure), failure::is_nowhere(&failure)), (is_missing, is_nowhere));
    }
}

#[test]
fn an_event_names_the_bucket_and_the_function_once_and_all_keys() {
    let entry = |arn: &str, prefix: &str| Entry {
        destination: Destination::Function,
        arn: arn.into(),
        filter: Filter { prefix: prefix.into(), suffix: ".jpg".into() },
        ..audit()
    };
    let (arn, place) = (function("thumbs"), "bucket photos, for thumbs on s3:ObjectCreated:*");
    let (a, b) = (entry(&arn, "a/"), entry(&arn, "b/"));
    let repair = |note: String| EventToEmit::warning(EventReason::DriftRepaired, note);
    let normal = |reason, note: String| EventToEmit::normal(reason, note);
    let cases = [
        (vec![], false, vec![]),
        (
            vec![Change::Added(a.clone()), Change::Added(b.clone())],
            false,
            vec![normal(EventReason::EntryCreated, format!("added 2 entries to {place}: a/*.jpg, b/*.jpg"))],
        ),
        (
            vec![Change::Added(a.clone()), Change::Replaced(b.clone())],
            true,
            vec![
                repair(format!("restored an entry missing from {place}: a/*.jpg")),
                repair(format!("restored an entry changed in {place}: b/*.jpg")),
            ],
        ),
        (
            vec![
                Change::Replaced(a.clone()),
                Change::Removed(b.clone()),
                Change::Adopted(a.clone(), ObjectKey::new("media", "thumbs")),
            ],
            false,
            vec![
                normal(EventReason::EntryUpdated, format!("changed an entry in {place}: a/*.jpg")),
                normal(EventReason::EntryRemoved, format!("removed an entry from {place}: b/*.jpg")),
                normal(EventReason::Adopted, format!("adopted an entry of another tool in {place}: a/*.jpg")),
            ],
        ),
        (
            vec![Change::Added(a), Change::Added(entry("no ARN", "b/"))],
            false,
            vec![
                normal(EventReason::EntryCreated, format!("added an entry to {place}: a/*.jpg")),
                normal(
                    EventReason::EntryCreated,
                    "added an entry to bucket photos, for no ARN on s3:ObjectCreated:*: b/*.jpg".into(),
                ),
            ],
        ),
    ];
    for (changes, was_in_sync, expected) in cases {
        let changes: Vec<&Change> = changes.iter().collect();
        assert_eq!(entry_events(&changes, was_in_sync, &photos()), expected);
    }
}

#[test]
fn an_event_about_a_foreign_entry_names_the_entry_and_its_destination() {
    let lost = format!(
        "the {AUDIT} that notified {} disappeared from bucket photos during a write of the operator: another tool removed the entry, or wrote between the operator's read and write. Ask the owner of the entry to check it",
        audit().arn
    );
    assert_eq!(
        lost_entry_event(&audit(), &photos()),
        EventToEmit::warning(EventReason::ForeignEntryGone, lost)
    );
    let broken = format!(
        "S3 cannot deliver to {}, the destination of the foreign {AUDIT} in bucket photos: the destination does not exist, or does not permit s3.amazonaws.com. The operator wrote its entries without S3's validation of destinations. Fix the destination, or remove the entry",
        audit().arn
    );
    assert_eq!(
        broken_destination_event(&audit(), &photos()),
        EventToEmit::warning(EventReason::ForeignDestinationBroken, broken)
    );
}
