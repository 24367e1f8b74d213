//! Where a bucket is and whose it is: its Region and its owner, right from the start or put right later.

use aws_sdk_lambda::config::Region;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use lambda_triggers_tests::world::{self, World};
use serde_json::{Value, json};

use super::view::{KIND, SWEEPING, entry, forget_calls, own, permission, policy, stalled, until_conditions};
use crate::support::{AwsView, s3};

const ELSEWHERE: &str = "eu-central-1";
const PARTS_BEFORE: [&str; 2] = ["FunctionReady", "PermissionReady"];

/// Another Region of the same account.
struct Elsewhere {
    lambda: aws_sdk_lambda::Client,
    s3: aws_sdk_s3::Client,
}

impl Elsewhere {
    fn of(w: &World) -> Self {
        let region = Region::new(ELSEWHERE);
        let lambda = w.lambda().config().to_builder().region(region.clone()).build();
        let s3 = w.s3().config().to_builder().region(region).build();
        Self { lambda: aws_sdk_lambda::Client::from_conf(lambda), s3: aws_sdk_s3::Client::from_conf(s3) }
    }

    async fn bucket(&self, w: &World, name: &str) -> String {
        let bucket = w.bucket(name);
        let location = BucketLocationConstraint::from(ELSEWHERE);
        let location = CreateBucketConfiguration::builder().location_constraint(location).build();
        self.s3.create_bucket().bucket(&bucket).create_bucket_configuration(location).send().await.unwrap();
        bucket
    }

    /// Id and function of each function entry of a bucket.
    async fn entries(&self, bucket: &str) -> Vec<(Option<String>, String)> {
        let document = self.s3.get_bucket_notification_configuration().bucket(bucket).send().await.unwrap();
        let entries = document.lambda_function_configurations();
        entries.iter().map(|e| (e.id().map(Into::into), e.lambda_function_arn().into())).collect()
    }

    async fn policy(&self, function: &str) -> Vec<Value> {
        let Ok(policy) = self.lambda.get_policy().function_name(function).send().await else { return vec![] };
        let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
        policy["Statement"].as_array().unwrap().clone()
    }
}

#[test]
fn another_region() {
    world::test("region", async |w| {
        let there = Elsewhere::of(&w);
        w.function("thumbs").await;
        let function = w.function_in(ELSEWHERE, "thumbs").await;
        let (old, new) = (w.new_bucket("old").await, there.bucket(&w, "new").await);
        let _controller = w.controller(&SWEEPING);
        w.apply(&s3("thumbs", "thumbs", &old, "")).await;
        w.until_ready(KIND, "thumbs").await;

        w.apply(&s3("thumbs", "thumbs", &new, &format!("region: {ELSEWHERE}"))).await;
        w.until_ready(KIND, "thumbs").await;
        let id = entry(&w, "thumbs", &function, "", "").id;
        assert_eq!(there.entries(&new).await, [(id, function.clone())]);
        assert_eq!(there.policy("thumbs").await, [permission(&w, &function, &new)]);
        assert_eq!(own(&w.document(&old).await), []);
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());

        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(there.entries(&new).await, []);
        assert_eq!(there.policy("thumbs").await, Vec::<Value>::new());
    });
}

#[test]
fn a_bucket_in_another_region_is_named_with_its_region_and_can_be_put_right() {
    world::test("other-region", async |w| {
        let there = Elsewhere::of(&w);
        w.function("thumbs").await;
        let function = w.function_in(ELSEWHERE, "thumbs").await;
        let bucket = there.bucket(&w, "photos").await;
        let _controller = w.controller(&SWEEPING);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let message = format!(
            "bucket {bucket} is in {ELSEWHERE}: write `region: {ELSEWHERE}`, and name a function there"
        );
        let expected = stalled("BucketInOtherRegion", &message, &PARTS_BEFORE, "NotificationReady");
        until_conditions(&w, "thumbs", &expected).await;

        w.apply(&s3("thumbs", "thumbs", &bucket, &format!("region: {ELSEWHERE}"))).await;
        w.until_ready(KIND, "thumbs").await;
        let id = entry(&w, "thumbs", &function, "", "").id;
        assert_eq!(there.entries(&bucket).await, [(id, function.clone())]);
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn an_object_that_names_a_bucket_in_another_region_can_be_deleted() {
    world::test("delete-other-region", async |w| {
        let there = Elsewhere::of(&w);
        w.function("thumbs").await;
        let bucket = there.bucket(&w, "photos").await;
        let _controller = w.controller(&SWEEPING);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_condition(KIND, "thumbs", "NotificationReady", "False").await;

        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}

/// What the operator says of a bucket that belongs to another account than it expects.
fn not_its_owner(bucket: &str) -> String {
    format!(
        "AWS denies s3:GetBucketNotification on bucket {bucket}: allow s3:GetBucketNotification in the IAM policy of \
         the operator's role, and see that the bucket's policy does not deny it and that spec.bucketOwner is the \
         account that owns the bucket"
    )
}

#[test]
fn a_bucket_whose_name_passed_on_is_left_alone_until_its_owner_is_named() {
    world::test("owner", async |w| {
        const OTHERS: &str = "999999999999";
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&SWEEPING);
        w.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{}'", w.account()))).await;
        w.until_ready(KIND, "thumbs").await;
        let before = w.document(&bucket).await;
        assert_eq!(own(&before), [entry(&w, "thumbs", &function, "", "")]);

        assert!(w.front().pass_bucket_to(w.account(), &bucket, OTHERS).await);
        forget_calls(&w);
        let denied = stalled("AccessDenied", &not_its_owner(&bucket), &PARTS_BEFORE, "NotificationReady");
        until_conditions(&w, "thumbs", &denied).await;
        assert_eq!(w.aws_writes(), []);

        w.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{OTHERS}'"))).await;
        w.until_ready(KIND, "thumbs").await;
        let mut statement = permission(&w, &function, &bucket);
        statement["Condition"]["StringEquals"] = json!({"AWS:SourceAccount": OTHERS});
        assert_eq!(policy(&w, "thumbs", None).await, [statement]);
        assert_eq!(w.document(&bucket).await, before);
    });
}

#[test]
fn a_wrong_owner_can_be_put_right_while_the_object_is_deleted() {
    world::test("wrong-owner", async |w| {
        w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&SWEEPING);
        w.apply(&s3("thumbs", "thumbs", &bucket, "bucketOwner: '999999999999'")).await;
        let denied = stalled("AccessDenied", &not_its_owner(&bucket), &PARTS_BEFORE, "NotificationReady");
        until_conditions(&w, "thumbs", &denied).await;
        w.delete(KIND, "thumbs").await;
        let denied = stalled("AccessDenied", &not_its_owner(&bucket), &[], "NotificationReady");
        until_conditions(&w, "thumbs", &denied).await;

        w.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{}'", w.account()))).await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}
