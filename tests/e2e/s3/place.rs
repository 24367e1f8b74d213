//! Where a bucket is and whose it is: its Region and its owner, right from the start or put right later.

use aws_sdk_lambda::config::Region;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use lambda_triggers_tests::world::{self, World};
use serde_json::{Value, json};

use super::view::{
    Condition, KIND, RESYNC_1S, Told, allow, deny, entry, event, forget_calls, own, permission, policy,
    stalled, until_conditions, until_told,
};
use crate::support::{AwsView, s3};

const ELSEWHERE: &str = "eu-central-1";
const PARTS_BEFORE: [&str; 2] = ["FunctionReady", "PermissionReady"];

/// Another Region of the same account.
struct Elsewhere {
    lambda: aws_sdk_lambda::Client,
    s3: aws_sdk_s3::Client,
}

impl Elsewhere {
    fn made_in(w: &World) -> Self {
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
        let there = Elsewhere::made_in(&w);
        w.function("thumbs").await;
        let function = w.function_in(ELSEWHERE, "thumbs").await;
        let (old, new) = (w.new_bucket("old").await, there.bucket(&w, "new").await);
        let _controller = w.controller(&RESYNC_1S);
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
        let there = Elsewhere::made_in(&w);
        w.function("thumbs").await;
        let function = w.function_in(ELSEWHERE, "thumbs").await;
        let bucket = there.bucket(&w, "photos").await;
        let _controller = w.controller(&RESYNC_1S);
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
        let there = Elsewhere::made_in(&w);
        w.function("thumbs").await;
        let bucket = there.bucket(&w, "photos").await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_condition(KIND, "thumbs", "NotificationReady", "False").await;

        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}

const OTHERS: &str = "999999999999";

/// The conditions of an object whose bucket is in another account than `owner`.
fn in_other_account(bucket: &str, owner: &str) -> Vec<Condition> {
    let message = format!(
        "bucket {bucket} is in another account than {owner}: write the account that owns the bucket in spec.bucketOwner, or \
         name another bucket in spec.bucket"
    );
    stalled("BucketInOtherAccount", &message, &PARTS_BEFORE, "NotificationReady")
}

/// The event of an object that had entries in a bucket of `owner`.
fn owner_changed(bucket: &str, owner: &str) -> Told {
    let note = format!(
        "bucket {bucket} is in another account than {owner} now: the entries of this resource went with the bucket that had \
         the name before"
    );
    event("Warning", "BucketOwnerChanged", note)
}

#[test]
fn a_bucket_whose_name_passed_on_is_left_alone_until_its_owner_is_named() {
    world::test("owner", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{}'", w.account()))).await;
        w.until_ready(KIND, "thumbs").await;
        let before = w.document(&bucket).await;
        assert_eq!(own(&before), [entry(&w, "thumbs", &function, "", "")]);

        assert!(w.aws_proxy().pass_bucket_to(w.account(), &bucket, OTHERS).await);
        forget_calls(&w);
        until_conditions(&w, "thumbs", &in_other_account(&bucket, w.account())).await;
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
fn an_object_that_named_a_wrong_owner_can_be_deleted() {
    world::test("wrong-owner", async |w| {
        w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{OTHERS}'"))).await;
        until_conditions(&w, "thumbs", &in_other_account(&bucket, OTHERS)).await;
        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn a_wrong_owner_in_the_spec_does_not_hide_the_entries_of_the_right_one() {
    world::test("owner-edited", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_ready(KIND, "thumbs").await;
        w.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{OTHERS}'"))).await;
        until_conditions(&w, "thumbs", &in_other_account(&bucket, OTHERS)).await;
        assert_eq!(own(&w.document(&bucket).await), [entry(&w, "thumbs", &function, "", "")]);

        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&w.document(&bucket).await), []);
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn objects_of_a_bucket_whose_name_another_account_took_can_move_and_go() {
    world::test("taken", async |w| {
        let function = w.function("thumbs").await;
        let (old, new) = (w.new_bucket("old").await, w.new_bucket("new").await);
        let _controller = w.controller(&RESYNC_1S);
        let spec =
            |name: &str, bucket: &str| s3(name, "thumbs", bucket, &format!("filters: [{{prefix: {name}/}}]"));
        for name in ["goes", "moves"] {
            w.apply(&spec(name, &old)).await;
            w.until_ready(KIND, name).await;
        }
        assert!(w.aws_proxy().take_bucket_name(w.account(), &old, OTHERS).await);
        for name in ["goes", "moves"] {
            until_conditions(&w, name, &in_other_account(&old, w.account())).await;
        }
        forget_calls(&w);
        w.delete(KIND, "goes").await;
        w.until_gone(KIND, "goes").await;
        assert_eq!(until_told(&w, "goes", "BucketOwnerChanged").await, owner_changed(&old, w.account()));
        assert_eq!(w.aws_writes(), []);

        w.apply(&spec("moves", &new)).await;
        w.until_ready(KIND, "moves").await;
        assert_eq!(until_told(&w, "moves", "BucketOwnerChanged").await, owner_changed(&old, w.account()));
        assert_eq!(own(&w.document(&new).await), [entry(&w, "moves", &function, "moves/", "")]);
        assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &function, &new)]);
    });
}

/// A refusal alone never means that nothing is there.
#[test]
fn a_bucket_is_not_taken_for_anothers_without_proof() {
    world::test("unproven", async |w| {
        w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_ready(KIND, "thumbs").await;
        deny(&w, "ListBuckets");
        assert!(w.aws_proxy().take_bucket_name(w.account(), &bucket, OTHERS).await);
        w.delete(KIND, "thumbs").await;
        let message = format!(
            "AWS denies s3:GetBucketNotification on bucket {bucket}: allow s3:GetBucketNotification in the IAM policy of the \
             operator's role, and see that the bucket's policy does not deny it and that spec.bucketOwner is the account that \
             owns the bucket"
        );
        let denied = stalled("AccessDenied", &message, &[], "NotificationReady");
        until_conditions(&w, "thumbs", &denied).await;

        allow(&w);
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}
