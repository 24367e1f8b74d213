//! The Region and the owner of a bucket: correct, wrong, corrected later, or changed by another account.

use aws_sdk_lambda::config::Region;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use crate::objects::NO_RESYNC;

use super::view::{
    Condition, EmittedEvent, KIND, RESYNC_1S, allow, clear_calls, deny, entry, event, own, permission,
    policy, stalled, wait_for_conditions, wait_for_events,
};
use crate::support::{AwsView, s3};

const OTHER_REGION: &str = "eu-central-1";

/// Another Region of the same account.
struct OtherRegion {
    lambda: aws_sdk_lambda::Client,
    s3: aws_sdk_s3::Client,
}

impl OtherRegion {
    fn new(env: &TestEnv) -> Self {
        let region = Region::new(OTHER_REGION);
        let lambda = env.lambda().config().to_builder().region(region.clone()).build();
        let s3 = env.s3().config().to_builder().region(region).build();
        Self { lambda: aws_sdk_lambda::Client::from_conf(lambda), s3: aws_sdk_s3::Client::from_conf(s3) }
    }

    async fn bucket(&self, env: &TestEnv, name: &str) -> String {
        let bucket = env.bucket(name);
        let location = BucketLocationConstraint::from(OTHER_REGION);
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
fn a_new_region_moves_entry_and_permission() {
    env::test("region", async |env| {
        let other_region = OtherRegion::new(&env);
        env.function("thumbs").await;
        let function = env.function_in(OTHER_REGION, "thumbs").await;
        let (old, new) = (env.new_bucket("old").await, other_region.bucket(&env, "new").await);
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &old, "")).await;
        env.until_ready(KIND, "thumbs").await;

        env.apply(&s3("thumbs", "thumbs", &new, &format!("region: {OTHER_REGION}"))).await;
        env.until_ready(KIND, "thumbs").await;
        let id = entry(&env, "thumbs", &function, "", "").id;
        assert_eq!(other_region.entries(&new).await, [(id, function.clone())]);
        assert_eq!(other_region.policy("thumbs").await, [permission(&env, &function, &new)]);
        assert_eq!(own(&env.document(&old).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(other_region.entries(&new).await, []);
        assert_eq!(other_region.policy("thumbs").await, Vec::<Value>::new());
    });
}

#[test]
fn a_bucket_in_another_region_is_reported_with_its_region() {
    env::test("other-region", async |env| {
        let other_region = OtherRegion::new(&env);
        env.function("thumbs").await;
        let function = env.function_in(OTHER_REGION, "thumbs").await;
        let bucket = other_region.bucket(&env, "photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let message = format!(
            "bucket {bucket} is in {OTHER_REGION}: write `region: {OTHER_REGION}`, and name a function there"
        );
        let expected = stalled("BucketInOtherRegion", &message, &[], "NotificationReady");
        wait_for_conditions(&env, "thumbs", &expected).await;

        env.apply(&s3("thumbs", "thumbs", &bucket, &format!("region: {OTHER_REGION}"))).await;
        env.until_ready(KIND, "thumbs").await;
        let id = entry(&env, "thumbs", &function, "", "").id;
        assert_eq!(other_region.entries(&bucket).await, [(id, function.clone())]);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn an_object_with_a_bucket_in_another_region_can_be_deleted() {
    env::test("delete-other-region", async |env| {
        let other_region = OtherRegion::new(&env);
        env.function("thumbs").await;
        let bucket = other_region.bucket(&env, "photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_condition(KIND, "thumbs", "NotificationReady", "False").await;

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

const OTHER_ACCOUNT: &str = "999999999999";

/// The conditions of an object with a bucket in another account than `owner`. Only an object that recorded the bucket
/// before has the other components.
fn in_other_account(bucket: &str, owner: &str, is_recorded: bool) -> Vec<Condition> {
    let message = format!(
        "bucket {bucket} is in another account than {owner}: write the account that owns the bucket in spec.bucketOwner, or \
         name another bucket in spec.bucket"
    );
    let others = if is_recorded { &["FunctionReady", "PermissionReady"][..] } else { &[] };
    stalled("BucketInOtherAccount", &message, others, "NotificationReady")
}

/// The message of an object whose bucket cannot be read.
fn read_denied(bucket: &str) -> String {
    format!(
        "AWS denies s3:GetBucketNotification on bucket {bucket}: allow s3:GetBucketNotification in the IAM policy \
         of the operator's role, and make sure that the bucket's policy does not deny it and that \
         spec.bucketOwner is the account that owns the bucket"
    )
}

/// The event of an object that had entries in a bucket of `owner`.
fn owner_changed(bucket: &str, owner: &str) -> EmittedEvent {
    let note = format!(
        "bucket {bucket} now belongs to another account than {owner}: the entries of this resource disappeared \
         with the previous bucket of that name"
    );
    event("Warning", "BucketOwnerChanged", note)
}

#[test]
fn a_bucket_with_a_new_owner_is_not_written_until_confirmed() {
    env::test("owner", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{}'", env.account()))).await;
        env.until_ready(KIND, "thumbs").await;
        let before = env.document(&bucket).await;
        assert_eq!(own(&before), [entry(&env, "thumbs", &function, "", "")]);

        assert!(env.aws_proxy().pass_bucket_to(env.account(), &bucket, OTHER_ACCOUNT).await);
        clear_calls(&env);
        wait_for_conditions(&env, "thumbs", &in_other_account(&bucket, env.account(), true)).await;
        assert_eq!(env.aws_writes(), []);

        env.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{OTHER_ACCOUNT}'"))).await;
        env.until_ready(KIND, "thumbs").await;
        let mut statement = permission(&env, &function, &bucket);
        statement["Condition"]["StringEquals"] = json!({"AWS:SourceAccount": OTHER_ACCOUNT});
        assert_eq!(policy(&env, "thumbs", None).await, [statement]);
        assert_eq!(env.document(&bucket).await, before);
    });
}

#[test]
fn an_object_with_a_wrong_owner_can_be_deleted() {
    env::test("wrong-owner", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{OTHER_ACCOUNT}'"))).await;
        wait_for_conditions(&env, "thumbs", &in_other_account(&bucket, OTHER_ACCOUNT, false)).await;
        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn a_wrong_owner_in_the_spec_does_not_block_the_cleanup() {
    env::test("owner-edited", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        env.apply(&s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{OTHER_ACCOUNT}'"))).await;
        wait_for_conditions(&env, "thumbs", &in_other_account(&bucket, OTHER_ACCOUNT, false)).await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn objects_of_a_taken_bucket_name_can_move_and_be_deleted() {
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
        assert!(env.aws_proxy().take_bucket_name(env.account(), &old, OTHER_ACCOUNT).await);
        for name in ["goes", "moves"] {
            wait_for_conditions(&env, name, &in_other_account(&old, env.account(), true)).await;
        }
        clear_calls(&env);
        env.delete(KIND, "goes").await;
        env.until_gone(KIND, "goes").await;
        assert_eq!(
            wait_for_events(&env, "goes", "BucketOwnerChanged").await,
            owner_changed(&old, env.account())
        );
        assert_eq!(env.aws_writes(), []);

        env.apply(&spec("moves", &new)).await;
        env.until_ready(KIND, "moves").await;
        assert_eq!(
            wait_for_events(&env, "moves", "BucketOwnerChanged").await,
            owner_changed(&old, env.account())
        );
        assert_eq!(own(&env.document(&new).await), [entry(&env, "moves", &function, "moves/", "")]);
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &new)]);
    });
}

/// An object that names the bucket of a stranger by mistake. S3 refuses every read, and no call proves another owner.
async fn with_bucket_of_a_stranger(env: &TestEnv) -> String {
    let function = env.function("thumbs").await;
    let bucket = env.new_bucket("theirs").await;
    assert!(env.aws_proxy().take_bucket_name(env.account(), &bucket, OTHER_ACCOUNT).await);
    deny(env, "ListBuckets");
    clear_calls(env);
    env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
    wait_for_conditions(
        env,
        "thumbs",
        &stalled("AccessDenied", &read_denied(&bucket), &[], "NotificationReady"),
    )
    .await;
    let object = env.object(KIND, "thumbs").await.expect("the object");
    assert_eq!(object["status"]["applied"], Value::Null);
    assert_eq!(env.aws_writes(), []);
    function
}

#[test]
fn the_bucket_name_of_a_stranger_can_be_corrected() {
    env::test("stranger-corrected", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let function = with_bucket_of_a_stranger(&env).await;
        let bucket = env.new_bucket("ours").await;
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
    });
}

#[test]
fn an_object_with_the_bucket_name_of_a_stranger_is_deleted_without_a_call() {
    env::test("stranger-deleted", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        with_bucket_of_a_stranger(&env).await;
        clear_calls(&env);
        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        controller.stop().await;
        let calls: Vec<String> =
            env.aws_proxy().calls(env.account()).into_iter().map(|call| call.operation).collect();
        assert_eq!(calls, [""; 0]);
    });
}

/// A refusal alone is no proof that the bucket has another owner.
#[test]
fn a_denied_read_alone_does_not_prove_another_owner() {
    env::test("unproven", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        deny(&env, "ListBuckets");
        assert!(env.aws_proxy().take_bucket_name(env.account(), &bucket, OTHER_ACCOUNT).await);
        env.delete(KIND, "thumbs").await;
        let denied = stalled("AccessDenied", &read_denied(&bucket), &[], "NotificationReady");
        wait_for_conditions(&env, "thumbs", &denied).await;

        allow(&env);
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}
