//! Runs the examples with the least IAM policy on a local AWS that checks every signature and evaluates every policy.
//!
//! Differences to AWS that the AWS proxy covers:
//! - The local AWS finds no resource for some calls (CreateFunction, ListTagsForResource), and names the bus in the ARN
//!   of a rule on the default bus. Therefore this test allows all resources.
//! - The local AWS sets neither `lambda:Principal` nor `events:TargetArn`.
//! - The local AWS checks neither `iam:PassRole` nor the calls that Lambda makes with the caller's permissions.
//! - The local AWS runs no image without Docker. Therefore this test omits the example with an image.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use lambda_triggers_core::iam::{Feature, Scope, least_policy};
use lambda_triggers_core::plan::function::archive;
use lambda_triggers_tests::env::{self, REGION, SignedAws};

use crate::deployed::view::{S3, SCHEDULED};
use crate::objects::{RESYNC_1S, owner};

const EXAMPLES: [(&str, &str, &str); 6] = [
    (SCHEDULED, "every-minute", include_str!("../../../examples/scheduled-function.yaml")),
    (S3, "make-thumbnail", include_str!("../../../examples/s3-triggered-function.yaml")),
    (SCHEDULED, "heartbeat", include_str!("../../../examples/functions/inline-scheduled-function.yaml")),
    (S3, "list-documents", include_str!("../../../examples/functions/inline-s3-triggered-function.yaml")),
    (SCHEDULED, "working-day", include_str!("../../../examples/functions/config-map.yaml")),
    (S3, "make-previews", include_str!("../../../examples/functions/s3-archive.yaml")),
];
const ROLES: [&str; 5] = ["test", "heartbeat", "list-documents", "working-day", "make-previews"];

#[test]
fn the_examples_run_with_the_least_policy() {
    env::test("iam-signed", async |env| {
        let scope = Scope::for_account(env.account(), Some(owner()));
        let mut policy = least_policy(&scope.with([Feature::Definitions, Feature::Archives]));
        for statement in &mut policy.statements {
            statement.resources = vec!["*".into()];
        }
        let without = |missing: &'static str| policy.only(move |action| action != missing);
        let aws = SignedAws::start(&env, &without("events:PutRule"), &ROLES).await;
        for function in ["every-minute", "make-thumbnail"] {
            env.create_function(&aws.lambda, function).await;
        }
        for bucket in ["photos-of-somebody-else", "my-deployments"] {
            let location = BucketLocationConstraint::from(REGION);
            let location = CreateBucketConfiguration::builder().location_constraint(location).build();
            aws.s3.create_bucket().bucket(bucket).create_bucket_configuration(location).send().await.unwrap();
        }
        let code =
            archive(&[("previews/app.py".into(), b"def handler(event, context): pass\n".to_vec())].into())
                .unwrap();
        let put = aws.s3.put_object().bucket("my-deployments").key("previews/1.4.0.zip");
        put.body(ByteStream::from(code.bytes)).send().await.unwrap();
        let [key, secret] = &aws.keys;
        let _controller = env.controller_on(&aws.endpoint, [key, secret], &RESYNC_1S);

        for (.., manifest) in EXAMPLES {
            env.apply(&manifest.replace("000000000000", env.account())).await;
        }
        let denied = env.until_condition(SCHEDULED, "every-minute", "RuleReady", "False").await;
        let message = denied["message"].as_str().unwrap_or_default();
        assert!(message.starts_with("AWS denies events:PutRule on rule lt-0a1b2c3d-"), "{message}");
        assert!(
            message.ends_with(": allow events:PutRule in the IAM policy of the operator's role"),
            "{message}"
        );

        aws.give_policy(&without("lambda:DeleteFunction")).await;
        for (kind, name, _) in EXAMPLES {
            env.until_ready(kind, name).await;
        }
        for (kind, name, _) in EXAMPLES {
            env.delete(kind, name).await;
        }
        for (kind, name) in [(SCHEDULED, "every-minute"), (S3, "make-thumbnail")] {
            env.until_gone(kind, name).await;
        }
        let denied = env.until_condition(SCHEDULED, "heartbeat", "Ready", "False").await;
        let message = "AWS denies lambda:DeleteFunction on function heartbeat: allow lambda:DeleteFunction in the IAM policy of \
                       the operator's role";
        assert_eq!((&denied["reason"], &denied["message"]), (&"AccessDenied".into(), &message.into()));

        aws.give_policy(&policy).await;
        for (kind, name, _) in EXAMPLES {
            env.until_gone(kind, name).await;
        }
        let left = aws.lambda.list_functions().send().await.unwrap();
        let mut left: Vec<_> =
            left.functions().iter().filter_map(|function| function.function_name()).collect();
        left.sort_unstable();
        assert_eq!(left, ["every-minute", "make-thumbnail"]);
    });
}
