//! Where a bucket is and whose it is: its Region and its owner, right from the start or put right later.

use aws_sdk_lambda::config::Region;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::view::{
    Condition, EmittedEvent, KIND, RESYNC_1S, allow, deny, entry, event, forget_calls, own, permission,
    policy, stalled, until_conditions, until_events,
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
    fn made_in(env: &TestEnv) -> Self {
        let region = Region::new(ELSEWHERE);
        let lambda = env.lambda().config().to_builder().region(region.clone()).build();
        let s3 = env.s3().config().to_builder().region(region).build();
        Self { lambda: aws_sdk_lambda::Client::from_conf(lambda), s3: aws_sdk_s3::Client::from_conf(s3) }
    }

    async fn bucket(&self, env: &TestEnv, name: &str) -> String {
        let bucket = env.bucket(name);
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
    env::test("region", async |env| {
        let there = Elsewhere::made_in(&env);
        env.function("thumbs").await;
        let function = env.function_in(ELSEWHERE, "thumbs").await;
        let (old, new) = (env.new_bucket("old").await, there.bucket(&env, "new").await);
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &old, "")).await;
        env.until_ready(KIND, "thumbs").await;

        env.apply(&s3("thumbs", "thumbs", &new, &format!("region: {ELSEWHERE}"))).await;
        env.until_ready(KIND, "thumbs").await;
        let id = entry(&env, "thumbs", &function, "", "").id;
        assert_eq!(there.entries(&new).await, [(id, function.clone())]);
        assert_eq!(there.policy("thumbs").await, [permission(&env, &function, &new)]);
        assert_eq!(own(&env.document(&old).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(there.entries(&new).await, []);
        assert_eq!(there.policy("thumbs").await, Vec::<Value>::new());
    });
}

#[test]
fn a_bucket_in_another_region_is_named_with_its_region_and_can_be_put_right() {
    env::test("other-region", async |env| {
        let there = Elsewhere::made_in(&env);
        env.function("thumbs").await;
        let function = env.function_in(ELSEWHERE, "thumbs").await;
        let bucket = there.bucket(&env, "photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let message = format!(
            "bucket {bucket} is in {ELSEWHERE}: write `region: {ELSEWHERE}`, and name a function there"
        );
        let expected = stalled("BucketInOtherRegion", &message, &PARTS_BEFORE, "NotificationReady");
        until_conditions(&env, "thumbs", &expected).await;

        env.apply(&s3("thumbs", "thumbs", &bucket, &format!("region: {ELSEWHERE}"))).await;
        env.until_ready(KIND, "thumbs").await;
        let id = entry(&env, "thumbs", &function, "", "").id;
        assert_eq!(there.entries(&bucket).await, [(id, function.clone())]);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn an_object_that_names_a_bucket_in_another_region_can_be_deleted() {
    env::test("delete-other-region", async |env| {
        let there = Elsewhere::made_in(&env);
        env.function("thumbs").await;
        let bucket = there.bucket(&env, "photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_condition(KIND, "thumbs", "NotificationReady", "False").await;

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
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
fn owner_changed(bucket: &str, owner: &str) -> EmittedEvent {
    let note = format!(
        "bucket {bucket} is in another account than {owner} now: the entries of this resource went with the bucket that had \
         the name before"
    );
    event("Warning", "BucketOwnerChanged", note)
}

#[test]
fn a_bucket_whose_name_passed_on_is_left_alone_until_its_owner_is_named() {
    env::test("owner", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{}'", env.account()))).await;
        env.until_ready(KIND, "thumbs").await;
        let before = env.document(&bucket).await;
        assert_eq!(own(&before), [entry(&env, "thumbs", &function, "", "")]);

        assert!(env.aws_proxy().pass_bucket_to(env.account(), &bucket, OTHERS).await);
        forget_calls(&env);
        until_conditions(&env, "thumbs", &in_other_account(&bucket, env.account())).await;
        assert_eq!(env.aws_writes(), []);

        env.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{OTHERS}'"))).await;
        env.until_ready(KIND, "thumbs").await;
        let mut statement = permission(&env, &function, &bucket);
        statement["Condition"]["StringEquals"] = json!({"AWS:SourceAccount": OTHERS});
        assert_eq!(policy(&env, "thumbs", None).await, [statement]);
        assert_eq!(env.document(&bucket).await, before);
    });
}

#[test]
fn an_object_that_named_a_wrong_owner_can_be_deleted() {
    env::test("wrong-owner", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{OTHERS}'"))).await;
        until_conditions(&env, "thumbs", &in_other_account(&bucket, OTHERS)).await;
        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn a_wrong_owner_in_the_spec_does_not_hide_the_entries_of_the_right_one() {
    env::test("owner-edited", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        env.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{OTHERS}'"))).await;
        until_conditions(&env, "thumbs", &in_other_account(&bucket, OTHERS)).await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn objects_of_a_bucket_whose_name_another_account_took_can_move_and_go() {
    env::test("taken", async |env| {
        let function = env.function("thumbs").await;
        let (old, new) = (env.new_bucket("old").await, env.new_bucket("new").await);
        let _controller = env.controller(&RESYNC_1S);
        let spec =
            |name: &str, bucket: &str| s3(name, "thumbs", bucket, &format!("filters: [{{prefix: {name}/}}]"));
        for name in ["goes", "moves"] {
            env.apply(&spec(name, &old)).await;
            env.until_ready(KIND, name).await;
        }
        assert!(env.aws_proxy().take_bucket_name(env.account(), &old, OTHERS).await);
        for name in ["goes", "moves"] {
            until_conditions(&env, name, &in_other_account(&old, env.account())).await;
        }
        forget_calls(&env);
        env.delete(KIND, "goes").await;
        env.until_gone(KIND, "goes").await;
        assert_eq!(
            until_events(&env, "goes", "BucketOwnerChanged").await,
            owner_changed(&old, env.account())
        );
        assert_eq!(env.aws_writes(), []);

        env.apply(&spec("moves", &new)).await;
        env.until_ready(KIND, "moves").await;
        assert_eq!(
            until_events(&env, "moves", "BucketOwnerChanged").await,
            owner_changed(&old, env.account())
        );
        assert_eq!(own(&env.document(&new).await), [entry(&env, "moves", &function, "moves/", "")]);
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &new)]);
    });
}

/// A refusal alone never means that nothing is there.
#[test]
fn a_bucket_is_not_taken_for_anothers_without_proof() {
    env::test("unproven", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        deny(&env, "ListBuckets");
        assert!(env.aws_proxy().take_bucket_name(env.account(), &bucket, OTHERS).await);
        env.delete(KIND, "thumbs").await;
        let message = format!(
            "AWS denies s3:GetBucketNotification on bucket {bucket}: allow s3:GetBucketNotification in the IAM policy of the \
             operator's role, and see that the bucket's policy does not deny it and that spec.bucketOwner is the account that \
             owns the bucket"
        );
        let denied = stalled("AccessDenied", &message, &[], "NotificationReady");
        until_conditions(&env, "thumbs", &denied).await;

        allow(&env);
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}
