//! EventBridgeApi of S3.

use lambda_triggers::aws::{AwsErrorKind, Bucket, Validation};

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

/// An entry with this content besides its destination.
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

/// What S3 says to this document, and that it is not there then.
async fn refused(entries: &[String]) -> (AwsErrorKind, String) {
    let aws = world().await;
    aws.put_notification("photos", &document(&[queue(&event("s3:ObjectRemoved:*"))])).unwrap();
    let before = aws.snapshot();
    let told = told(aws.put_notification("photos", &document(entries)));
    assert_eq!(aws.snapshot(), before);
    told
}

#[tokio::test]
async fn a_put_replaces_the_whole_document() {
    let aws = world().await;
    let one = document(&[queue("<Id>a</Id><Event>s3:ObjectCreated:*</Event>")]);
    let other = document(&["<EventBridgeConfiguration/>".into()]);
    aws.put_notification("photos", &one).unwrap();
    aws.put_notification("photos", &other).unwrap();
    assert_eq!(aws.notification("photos"), Some(other));
}

#[tokio::test]
async fn unknown_elements_are_kept_byte_for_byte() {
    let aws = world().await;
    let text = document(&[
        "<!-- ours --><Future kind = 'x'><A/></Future>".into(),
        queue("<Id>a</Id><Event>s3:ObjectCreated:*</Event><Later>1</Later>"),
    ]);
    aws.put_notification("photos", &text).unwrap();
    assert_eq!(aws.notification("photos"), Some(text));
}

#[tokio::test]
async fn a_get_shows_filter_names_in_capitals_and_gives_ids() {
    let aws = world().await;
    aws.put_notification("photos", &document(&[queue(&filter("prefix", "in/"))])).unwrap();
    let shown = aws.notification("photos").unwrap();
    assert!(shown.contains("<Name>Prefix</Name>"), "{shown}");
    let id = shown.split("<Id>").nth(1).and_then(|rest| rest.split("</Id>").next()).unwrap();
    assert_eq!(id.len(), 36);
    // What has its Id keeps it.
    aws.put_notification("photos", &shown).unwrap();
    assert_eq!(aws.notification("photos"), Some(shown));
}

#[tokio::test]
async fn a_malformed_document_is_refused() {
    let aws = world().await;
    let told = told(aws.put_notification("photos", "<NotificationConfiguration>"));
    assert_eq!(told.0, INVALID);
    assert!(told.1.starts_with("The XML you provided was not well-formed"));
}

#[tokio::test]
async fn overlaps_are_refused_whatever_the_destinations() {
    let topic = format!(
        "<TopicConfiguration><Topic>{TOPIC}</Topic>{}</TopicConfiguration>",
        event("s3:ObjectCreated:Put")
    );
    let told = refused(&[queue(&event("s3:ObjectCreated:*")), topic]).await;
    assert_eq!(told, (INVALID, OVERLAP.into()));
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
    let aws = world().await;
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
async fn a_function_that_does_not_permit_is_refused() {
    let aws = world().await;
    let resize = aws.function("resize");
    let live = resize.with_qualifier(Some("live"));
    aws.publish(&live);
    let put = |arn: &FunctionArn| aws.put_notification("photos", &document(&[function(arn)]));
    put(&resize).unwrap();
    // A policy counts for its own qualifier, and for the account that owns the bucket.
    assert_eq!(told(put(&live)), (AwsErrorKind::Destination(vec![live.to_string()]), BROKEN.into()));
    let functions = aws.outside().lambda(REGION);
    functions.add_permission(&live, &statement("other", "999999999999"), None).await.unwrap();
    assert_eq!(told(put(&live)).0, AwsErrorKind::Destination(vec![live.to_string()]));
    permit(&aws, &live).await.unwrap();
    put(&live).unwrap();
}

#[tokio::test]
async fn a_destination_that_is_gone_is_refused() {
    let gone = MemoryAws::new().function("gone");
    let expected = (AwsErrorKind::Destination(vec![gone.to_string()]), BROKEN.into());
    assert_eq!(refused(&[function(gone)]).await, expected);
    let aws = world().await;
    let entry = document(&[queue(&event("s3:ObjectCreated:*"))]);
    aws.break_destination(QUEUE);
    assert_eq!(told(aws.put_notification("photos", &entry)).0, AwsErrorKind::Destination(vec![QUEUE.into()]));
    aws.mend_destination(QUEUE);
    aws.put_notification("photos", &entry).unwrap();
}

#[tokio::test]
async fn a_function_in_another_region_is_refused() {
    let there = FunctionArn { region: "us-east-1".into(), ..MemoryAws::new().function("resize") };
    assert_eq!(refused(&[function(there)]).await.0, INVALID);
}

#[tokio::test]
async fn another_owner_region_or_no_bucket_is_told() {
    let aws = world().await;
    let s3 = aws.outside().s3(REGION);
    let photos = aws.bucket("photos");
    let other = Bucket { owner: "999999999999".into(), ..photos.clone() };
    assert_eq!(told(s3.get(&other).await), (AwsErrorKind::Denied, "Access Denied".into()));
    assert_eq!(told(s3.put(&other, document(&[]), Validation::Full).await).0, AwsErrorKind::Denied);
    assert_eq!(told(s3.get(&aws.bucket("gone")).await).0, AwsErrorKind::NotFound);
    let elsewhere = aws.outside().s3("us-east-1");
    assert_eq!(told(elsewhere.get(&photos).await).0, AwsErrorKind::OtherRegion(Some(REGION.into())));
    aws.delete_bucket("photos");
    assert_eq!(told(s3.get(&photos).await).0, AwsErrorKind::NotFound);
}

#[tokio::test]
async fn without_validation_no_destination_is_looked_at() {
    let aws = world().await;
    let text = document(&[function(aws.function("gone"))]);
    let op = Op { by: Writer::Outside, action: "s3:PutBucketNotification", on: String::new(), write: true };
    aws.lock().put_notification(&op, REGION, &aws.bucket("photos"), &text, true).unwrap();
    assert_eq!(aws.notification("photos"), Some(text));
}
