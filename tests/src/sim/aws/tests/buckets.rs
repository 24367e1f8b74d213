//! The rules of S3.

use lambda_triggers::aws::{AwsErrorKind, Validation};
use lambda_triggers_core::plan::bucket::Bucket;

use super::*;
use crate::sim::aws::Writer;
use crate::sim::aws::errors::Op;

const INVALID: AwsErrorKind = AwsErrorKind::Invalid;
const OVERLAP: &str =
    "Configurations overlap. Configurations on the same bucket cannot share a common event type.";
const BROKEN: &str = "Unable to validate the following destination configurations";

fn document(entries: &[String]) -> String {
    format!("<NotificationConfiguration>{}</NotificationConfiguration>", entries.concat())
}

/// A queue entry with this content.
fn queue(rest: &str) -> String {
    format!("<QueueConfiguration>{rest}<Queue>{QUEUE}</Queue></QueueConfiguration>")
}

fn function(arn: impl std::fmt::Display) -> String {
    format!(
        "<CloudFunctionConfiguration><Id>f</Id><CloudFunction>{arn}</CloudFunction>\
         <Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration>"
    )
}

fn event(name: &str) -> String {
    format!("<Event>{name}</Event>")
}

fn filter(name: &str, value: &str) -> String {
    let rule = format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>");
    format!("<Event>s3:ObjectCreated:*</Event><Filter><S3Key>{rule}</S3Key></Filter>")
}

/// The refusal of this document. Makes sure that the refused write has no effect.
async fn refused(entries: &[String]) -> (AwsErrorKind, String) {
    let aws = aws_with_bucket().await;
    aws.put_notification("photos", &document(&[queue(&event("s3:ObjectRemoved:*"))])).unwrap();
    let before = aws.snapshot();
    let refusal = kind_and_message(aws.put_notification("photos", &document(entries)));
    assert_eq!(aws.snapshot(), before);
    refusal
}

#[tokio::test]
async fn a_put_replaces_the_whole_document() {
    let aws = aws_with_bucket().await;
    let one = document(&[queue("<Id>a</Id><Event>s3:ObjectCreated:*</Event>")]);
    let other = document(&["<EventBridgeConfiguration/>".into()]);
    aws.put_notification("photos", &one).unwrap();
    aws.put_notification("photos", &other).unwrap();
    assert_eq!(aws.notification("photos"), Some(other));
}

#[tokio::test]
async fn unknown_elements_are_kept_byte_for_byte() {
    let aws = aws_with_bucket().await;
    let text = document(&[
        "<!-- ours --><Future kind = 'x'><A/></Future>".into(),
        queue("<Id>a</Id><Event>s3:ObjectCreated:*</Event><Later>1</Later>"),
    ]);
    aws.put_notification("photos", &text).unwrap();
    assert_eq!(aws.notification("photos"), Some(text));
}

#[tokio::test]
async fn a_read_has_capitalized_filter_names_and_generated_ids() {
    let aws = aws_with_bucket().await;
    aws.put_notification("photos", &document(&[queue(&filter("prefix", "in/"))])).unwrap();
    let shown = aws.notification("photos").unwrap();
    assert!(shown.contains("<Name>Prefix</Name>"), "{shown}");
    let id = shown.split("<Id>").nth(1).and_then(|rest| rest.split("</Id>").next()).unwrap();
    assert_eq!(id.len(), 36);
    // An entry with an Id keeps the Id.
    aws.put_notification("photos", &shown).unwrap();
    assert_eq!(aws.notification("photos"), Some(shown));
}

#[tokio::test]
async fn a_malformed_document_is_refused() {
    let aws = aws_with_bucket().await;
    let refusal = kind_and_message(aws.put_notification("photos", "<NotificationConfiguration>"));
    assert_eq!(refusal.0, INVALID);
    assert!(refusal.1.starts_with("The XML you provided was not well-formed"));
}

#[tokio::test]
async fn overlaps_with_other_destinations_are_refused() {
    let topic = format!(
        "<TopicConfiguration><Topic>{TOPIC}</Topic>{}</TopicConfiguration>",
        event("s3:ObjectCreated:Put")
    );
    let refusal = refused(&[queue(&event("s3:ObjectCreated:*")), topic]).await;
    assert_eq!(refusal, (INVALID, OVERLAP.into()));
}

#[tokio::test]
async fn duplicate_and_overlong_ids_are_refused() {
    let with_id = |id: &str, name: &str| queue(&format!("<Id>{id}</Id>{}", event(name)));
    let twice = [with_id("a", "s3:ObjectCreated:*"), with_id("a", "s3:ObjectRemoved:*")];
    let words = "Same ID used for multiple configurations. IDs must be unique";
    assert_eq!(refused(&twice).await, (INVALID, words.into()));
    assert_eq!(refused(&[with_id(&"a".repeat(256), "s3:ObjectCreated:*")]).await.0, INVALID);
}

#[tokio::test]
async fn more_than_100_entries_are_refused() {
    let entries = |count: usize| -> Vec<String> {
        (0..count).map(|number| queue(&filter("prefix", &format!("{number:03}/")))).collect()
    };
    let words = "The notification configuration has 101 entries; at most 100 are allowed";
    assert_eq!(refused(&entries(101)).await, (INVALID, words.into()));
    let aws = aws_with_bucket().await;
    aws.put_notification("photos", &document(&entries(100))).unwrap();
}

#[tokio::test]
async fn unknown_events_and_filter_rules_are_refused() {
    let words = "The event 's3:Unknown' is not supported for notifications";
    assert_eq!(refused(&[queue(&event("s3:Unknown"))]).await, (INVALID, words.into()));
    let words = "filter rule name must be either prefix or suffix";
    assert_eq!(refused(&[queue(&filter("infix", "a"))]).await, (INVALID, words.into()));
    assert_eq!(refused(&[queue(&filter("prefix", &"a".repeat(1025)))]).await.0, INVALID);
}

#[tokio::test]
async fn a_function_without_the_permission_is_refused() {
    let aws = aws_with_bucket().await;
    let resize = aws.function("resize");
    let live = resize.with_qualifier(Some("live"));
    aws.publish(&live);
    let put = |arn: &FunctionArn| aws.put_notification("photos", &document(&[function(arn)]));
    put(&resize).unwrap();
    // A policy counts only for its own qualifier, and only for the account that owns the bucket.
    assert_eq!(
        kind_and_message(put(&live)),
        (AwsErrorKind::Destination(vec![live.to_string()]), BROKEN.into())
    );
    let functions = aws.outside().lambda(REGION);
    functions.add_permission(&live, &statement("other", "999999999999"), None).await.unwrap();
    assert_eq!(kind_and_message(put(&live)).0, AwsErrorKind::Destination(vec![live.to_string()]));
    permit(&aws, &live).await.unwrap();
    put(&live).unwrap();
}

#[tokio::test]
async fn a_missing_destination_is_refused() {
    let gone = MemoryAws::new().function("gone");
    let expected = (AwsErrorKind::Destination(vec![gone.to_string()]), BROKEN.into());
    assert_eq!(refused(&[function(gone)]).await, expected);
    let aws = aws_with_bucket().await;
    let entry = document(&[queue(&event("s3:ObjectCreated:*"))]);
    aws.break_destination(QUEUE);
    assert_eq!(
        kind_and_message(aws.put_notification("photos", &entry)).0,
        AwsErrorKind::Destination(vec![QUEUE.into()])
    );
    aws.repair_destination(QUEUE);
    aws.put_notification("photos", &entry).unwrap();
}

#[tokio::test]
async fn a_function_in_another_region_is_refused() {
    let there = FunctionArn { region: "us-east-1".into(), ..MemoryAws::new().function("resize") };
    assert_eq!(refused(&[function(there)]).await.0, INVALID);
}

#[tokio::test]
async fn wrong_owners_wrong_regions_and_missing_buckets_are_reported() {
    let aws = aws_with_bucket().await;
    let s3 = aws.outside().s3(REGION);
    let photos = aws.bucket("photos");
    let other = Bucket { owner: "999999999999".into(), ..photos.clone() };
    assert_eq!(kind_and_message(s3.get(&other).await), (AwsErrorKind::Denied, "Access Denied".into()));
    assert_eq!(
        kind_and_message(s3.put(&other, document(&[]), Validation::Full).await).0,
        AwsErrorKind::Denied
    );
    assert_eq!(kind_and_message(s3.get(&aws.bucket("gone")).await).0, AwsErrorKind::NotFound);
    let elsewhere = aws.outside().s3("us-east-1");
    assert_eq!(
        kind_and_message(elsewhere.get(&photos).await).0,
        AwsErrorKind::OtherRegion(Some(REGION.into()))
    );
    aws.delete_bucket("photos");
    assert_eq!(kind_and_message(s3.get(&photos).await).0, AwsErrorKind::NotFound);
}

#[tokio::test]
async fn without_validation_destinations_are_not_checked() {
    let aws = aws_with_bucket().await;
    let text = document(&[function(aws.function("gone"))]);
    let op = Op { by: Writer::Outside, action: "s3:PutBucketNotification", on: String::new(), write: true };
    aws.lock().put_notification(&op, REGION, &aws.bucket("photos"), &text, true).unwrap();
    assert_eq!(aws.notification("photos"), Some(text));
}
