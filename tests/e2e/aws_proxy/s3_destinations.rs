//! Destination validation: an entry's function must exist and must permit S3 to invoke the function.

use aws_sdk_s3::types::NotificationConfiguration;

use super::{Aws, aws, functions::entry, refusal, run};

const CREATED: &[&str] = &["s3:ObjectCreated:*"];

fn unable() -> (u16, String, String) {
    (
        400,
        "InvalidArgument".to_owned(),
        "Unable to validate the following destination configurations".to_owned(),
    )
}

/// The refusal of a document with one entry for the ARN, or `None` if S3 accepts the document.
async fn verdict(aws: &Aws, bucket: &str, arn: &str) -> Option<(u16, String, String)> {
    let written = aws.notify(bucket, vec![entry("one", arn, CREATED, &[])]).await;
    written.is_err().then(|| refusal(written))
}

#[test]
fn a_missing_function_is_refused() {
    run(async {
        let aws = aws().await;
        aws.bucket("missing").await;
        assert_eq!(verdict(&aws, "missing", &aws.function_arn("nobody")).await, Some(unable()));
    });
}

#[test]
fn only_a_permission_for_this_bucket_and_owner_counts() {
    run(async {
        let aws = aws().await;
        aws.function("strict").await;
        aws.bucket("strict").await;
        let arn = aws.function_arn("strict");
        assert_eq!(verdict(&aws, "strict", &arn).await, Some(unable()), "no permission");
        aws.permit_events("strict", "strict").await;
        assert_eq!(verdict(&aws, "strict", &arn).await, Some(unable()), "another service");
        aws.permission("strict", "other-bucket", "stricter").send().await.expect("added");
        assert_eq!(verdict(&aws, "strict", &arn).await, Some(unable()), "another bucket");
        aws.permission("strict", "other-owner", "strict")
            .source_account("999999999999")
            .send()
            .await
            .expect("added");
        assert_eq!(verdict(&aws, "strict", &arn).await, Some(unable()), "another owner");
        aws.permission("strict", "this-bucket", "strict").send().await.expect("added");
        assert_eq!(verdict(&aws, "strict", &arn).await, None);
    });
}

#[test]
fn a_pattern_in_the_source_arn_matches_the_bucket() {
    run(async {
        let aws = aws().await;
        aws.function("pattern").await;
        aws.bucket("pattern-one").await;
        aws.permit_s3("pattern", "pattern-*").await;
        assert_eq!(verdict(&aws, "pattern-one", &aws.function_arn("pattern")).await, None);
    });
}

#[test]
fn an_alias_needs_its_own_permission() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("aliased").await;
        aws.lambda
            .create_alias()
            .function_name("aliased")
            .name("live")
            .function_version("$LATEST")
            .send()
            .await
            .expect("created");
        let arn = aws.function_arn("aliased:live");
        assert_eq!(
            verdict(&aws, "aliased", &arn).await,
            Some(unable()),
            "only the unqualified function is open"
        );
        aws.permission("aliased", "s3", "aliased").qualifier("live").send().await.expect("added");
        assert_eq!(verdict(&aws, "aliased", &arn).await, None);
    });
}

#[test]
fn an_invalid_destination_refuses_the_document_unless_validation_is_skipped() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("skips").await;
        let entries = || {
            let foreign = entry("foreign", &aws.function_arn("gone"), CREATED, &[("prefix", "f/")]);
            vec![entry("ours", &aws.function_arn("skips"), CREATED, &[("prefix", "o/")]), foreign]
        };
        assert_eq!(refusal(aws.notify("skips", entries()).await), unable());
        assert_eq!(aws.notification_ids("skips").await, Vec::<String>::new());
        let document =
            NotificationConfiguration::builder().set_lambda_function_configurations(Some(entries())).build();
        let put = aws
            .s3
            .put_bucket_notification_configuration()
            .bucket("skips")
            .notification_configuration(document);
        put.skip_destination_validation(true).send().await.expect("accepted");
        assert_eq!(aws.notification_ids("skips").await, ["ours", "foreign"]);
    });
}

#[test]
fn a_function_in_another_region_is_refused() {
    run(async {
        let aws = aws().await;
        aws.bucket("abroad").await;
        let other_region = aws.in_region("us-east-2").await;
        other_region.function("abroad").await;
        other_region.permit_s3("abroad", "abroad").await;
        let text =
            "The notification destination service region is not valid for the bucket location constraint";
        let expected = (400, "InvalidArgument".to_owned(), text.to_owned());
        assert_eq!(verdict(&aws, "abroad", &other_region.function_arn("abroad")).await, Some(expected));
    });
}
