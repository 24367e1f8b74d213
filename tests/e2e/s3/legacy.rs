//! Legacy buckets: before March 2018, us-east-1 allowed bucket names that S3 refuses today.

use aws_sdk_lambda::config::Region;
use lambda_triggers_tests::env::{self, REGION, TestEnv};
use serde_json::Value;

use super::view::{KIND, RESYNC_1S, entry, permission, stalled, wait_for_conditions};
use crate::support::s3;

const OLD_REGION: &str = "us-east-1";

/// Id and function of each function entry of a bucket.
async fn entries(env: &TestEnv, bucket: &str) -> Vec<(Option<String>, String)> {
    let config = env.s3().config().to_builder().region(Region::new(OLD_REGION));
    let client = aws_sdk_s3::Client::from_conf(config.build());
    let document = client.get_bucket_notification_configuration().bucket(bucket).send().await.unwrap();
    let entries = document.lambda_function_configurations();
    entries.iter().map(|e| (e.id().map(Into::into), e.lambda_function_arn().into())).collect()
}

/// The statements of a function's policy.
async fn policy(env: &TestEnv, function: &str) -> Vec<Value> {
    let config = env.lambda().config().to_builder().region(Region::new(OLD_REGION));
    let client = aws_sdk_lambda::Client::from_conf(config.build());
    let Ok(policy) = client.get_policy().function_name(function).send().await else { return vec![] };
    let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
    policy["Statement"].as_array().unwrap().clone()
}

#[test]
fn a_bucket_with_a_legacy_name_works_only_in_us_east_1() {
    env::test("legacy", async |env| {
        let function = env.function_in(OLD_REGION, "thumbs").await;
        let bucket = env.bucket("Old_Photos");
        assert!(env.aws_proxy().create_legacy_bucket(env.account(), &bucket).await);
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let message = format!(
            "spec.bucket: write 3 to 63 lower-case letters, digits, hyphens and dots, with a letter or digit at \
             both ends, such as my-bucket: only old buckets of us-east-1 may have other names, and this resource \
             is in another Region ({REGION})"
        );
        wait_for_conditions(&env, "thumbs", &stalled("InvalidSpec", &message, &[], "NotificationReady"))
            .await;

        env.apply(&s3("thumbs", "thumbs", &bucket, "region: us-east-1")).await;
        env.until_ready(KIND, "thumbs").await;
        let id = entry(&env, "thumbs", &function, "", "").id;
        assert_eq!(entries(&env, &bucket).await, [(id, function.clone())]);
        assert_eq!(policy(&env, "thumbs").await, [permission(&env, &function, &bucket)]);

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(entries(&env, &bucket).await, []);
        assert_eq!(policy(&env, "thumbs").await, Vec::<Value>::new());
    });
}
