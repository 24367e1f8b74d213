//! Owners and Regions of buckets.

use super::{aws, code, functions::entry, run};

#[test]
fn the_expected_owner_is_checked() {
    run(async {
        let aws = aws().await;
        aws.bucket("owned").await;
        let read = |owner: &str| {
            aws.s3.get_bucket_notification_configuration().bucket("owned").expected_bucket_owner(owner).send()
        };
        read(&aws.account).await.expect("the owner is right");
        assert_eq!(code(read("999999999999").await), (403, "AccessDenied".to_owned()));
    });
}

#[test]
fn a_bucket_with_a_new_owner_denies_the_previous_owner() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("passed-on").await;
        assert!(aws.aws_proxy.pass_bucket_to(&aws.account, "passed-on", "999999999999").await);
        let read = aws
            .s3
            .get_bucket_notification_configuration()
            .bucket("passed-on")
            .expected_bucket_owner(&aws.account);
        assert_eq!(code(read.send().await), (403, "AccessDenied".to_owned()));
        let written = aws
            .notify(
                "passed-on",
                vec![entry("one", &aws.function_arn("passed-on"), &["s3:ObjectCreated:*"], &[])],
            )
            .await;
        assert_eq!(code(written), (400, "InvalidArgument".to_owned()));
    });
}

#[test]
fn a_bucket_in_another_region_answers_with_its_region() {
    run(async {
        let aws = aws().await;
        aws.bucket("far-away").await;
        let other_region = aws.in_region("us-east-2").await;
        let answer = other_region.s3.get_bucket_notification_configuration().bucket("far-away").send().await;
        let region = answer
            .as_ref()
            .err()
            .and_then(|error| error.raw_response())
            .and_then(|raw| raw.headers().get("x-amz-bucket-region"));
        assert_eq!(region, Some("eu-west-1"));
        assert_eq!(code(answer), (301, "PermanentRedirect".to_owned()));
    });
}

#[test]
fn a_missing_bucket_is_not_found() {
    run(async {
        let aws = aws().await;
        assert_eq!(code(aws.notify("nowhere", vec![]).await), (404, "NoSuchBucket".to_owned()));
        let read = aws.s3.get_bucket_notification_configuration().bucket("nowhere").send().await;
        assert_eq!(code(read), (404, "NoSuchBucket".to_owned()));
    });
}

#[test]
fn a_bucket_of_another_account_denies_access() {
    run(async {
        let (owner, other) = (aws().await, aws().await);
        owner.bucket("not-yours").await;
        assert_eq!(code(other.notify("not-yours", vec![]).await), (403, "AccessDenied".to_owned()));
        owner.s3.delete_bucket().bucket("not-yours").send().await.expect("deleted");
        assert_eq!(code(other.notify("not-yours", vec![]).await), (404, "NoSuchBucket".to_owned()));
    });
}

#[test]
fn a_recreated_bucket_has_no_notifications() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("again").await;
        aws.notify("again", vec![entry("one", &aws.function_arn("again"), &["s3:ObjectCreated:*"], &[])])
            .await
            .expect("accepted");
        aws.s3.delete_bucket().bucket("again").send().await.expect("deleted");
        aws.bucket("again").await;
        assert_eq!(aws.notification_ids("again").await, Vec::<String>::new());
    });
}

#[test]
fn a_bucket_name_taken_by_another_account_denies_access() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("taken").await;
        aws.bucket("kept").await;
        let names = async || {
            let list = aws.s3.list_buckets().send().await.expect("listed");
            list.buckets().iter().filter_map(|bucket| bucket.name().map(str::to_owned)).collect::<Vec<_>>()
        };
        assert_eq!(names().await, ["kept", "taken"]);
        assert!(aws.aws_proxy.take_bucket_name(&aws.account, "taken", "999999999999").await);
        let read = || aws.s3.get_bucket_notification_configuration().bucket("taken");
        assert_eq!(code(read().send().await), (403, "AccessDenied".to_owned()));
        let as_theirs = read().expected_bucket_owner("999999999999").send().await;
        assert_eq!(code(as_theirs), (403, "AccessDenied".to_owned()));
        assert_eq!(names().await, ["kept"]);
    });
}

#[test]
fn a_bucket_with_a_legacy_name_exists_only_in_us_east_1() {
    run(async {
        let aws = aws().await;
        let old = "Old_Bucket";
        assert!(aws.aws_proxy.create_legacy_bucket(&aws.account, old).await);
        assert_eq!(code(aws.notify(old, vec![]).await), (301, "PermanentRedirect".to_owned()));
        let us_east_1 = aws.in_region("us-east-1").await;
        us_east_1.notify(old, vec![]).await.expect("accepted");
        assert_eq!(us_east_1.notification_ids(old).await, Vec::<String>::new());
    });
}
