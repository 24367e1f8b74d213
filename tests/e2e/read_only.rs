//! A command that only reads cannot write: its SDK refuses a write before the request leaves.

use std::sync::Arc;

use aws_config::BehaviorVersion;
use aws_sdk_lambda::config::{Credentials, Region};
use lambda_triggers::aws::{Aws, AwsError, RateLimiter, Sdk, Validation};
use lambda_triggers::error_chain;
use lambda_triggers::telemetry::Telemetry;
use lambda_triggers_core::api::Tags;
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::pacing::token_bucket::Rates;
use lambda_triggers_core::plan::bucket::Bucket;
use lambda_triggers_core::plan::schedule::ScheduleKey;
use lambda_triggers_tests::env::{self, REGION};

#[test]
fn a_read_only_sdk_sends_no_write() {
    env::test("read-only", async |env| {
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(REGION))
            .endpoint_url(env.aws_endpoint())
            .credentials_provider(Credentials::new(env.account(), "test", None, None, "test"))
            .load()
            .await;
        let rate_limiter = RateLimiter::new(Rates::default());
        let sdk = Arc::new(Sdk::from_config(config, None, Telemetry::default(), rate_limiter).unwrap());
        let aws = sdk.into_client();
        let (lambda, events) = (aws.lambda(REGION), aws.eventbridge(REGION));
        let (schedules, s3) = (aws.scheduler(REGION), aws.s3(REGION));
        let function = FunctionArn::of_name("report", REGION, env.account());
        let key = ScheduleKey { group: "lt-1a2b3c4d".into(), name: "report".into() };
        let bucket = Bucket { region: REGION.into(), name: "photos".into(), owner: env.account().into() };
        let refused = [
            ("DeleteFunction", lambda.delete_function("report").await),
            ("RemovePermission", lambda.remove_permission(&function, "sid", None).await),
            ("PutFunctionConcurrency", lambda.put_concurrency("report", 0).await),
            ("DeleteRule", events.delete_rule("report").await),
            ("RemoveTargets", events.remove_targets("report", &["1".into()]).await),
            ("DeleteSchedule", schedules.delete_schedule(&key).await),
            ("CreateScheduleGroup", schedules.create_group("lt-1a2b3c4d", &Tags::new()).await),
            (
                "PutBucketNotificationConfiguration",
                s3.put(&bucket, "<NotificationConfiguration/>".into(), Validation::Full).await,
            ),
        ];
        for (operation, answer) in refused {
            let error: AwsError = answer.expect_err(operation);
            let text = error_chain(&error);
            let expected = format!("this command only reads, so {operation} is not sent");
            assert!(text.contains(&expected), "{operation}: {text}");
        }
        assert_eq!(env.aws_proxy().calls(env.account()), []);
        assert_eq!(lambda.deployed("report").await.unwrap(), None);
        let calls = env.aws_proxy().calls(env.account());
        assert_eq!(calls.iter().map(|call| call.operation.as_str()).collect::<Vec<_>>(), ["GetFunction"]);
    });
}
