//! The rules of AWS in memory, one test for each rule.

mod buckets;
mod fault_injector;
mod functions;
mod policies;
mod rates;
mod rules;
mod runs;
mod schedules;

use lambda_triggers::aws::{AwsError, AwsErrorKind};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::permission::Statement;

use super::{ACCOUNT, MemoryAws, REGION};

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:queue";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:topic";

/// An AWS with the bucket `photos` and the function `resize`, which permits the bucket.
async fn aws_with_bucket() -> MemoryAws {
    let aws = MemoryAws::new();
    aws.create_bucket(&aws.bucket("photos"));
    aws.create_function(&aws.function("resize"));
    permit(&aws, &aws.function("resize")).await.unwrap();
    aws
}

/// Permits the bucket `photos` to invoke a function.
async fn permit(aws: &MemoryAws, function: &FunctionArn) -> Result<(), AwsError> {
    let functions = aws.outside().lambda(REGION);
    functions.add_permission(function, &statement("photos-in", ACCOUNT), None).await
}

fn statement(id: &str, account: &str) -> Statement {
    Statement {
        id: id.into(),
        principal: "s3.amazonaws.com".into(),
        source_arn: "arn:aws:s3:::photos".into(),
        source_account: Some(account.into()),
    }
}

/// The kind and the message of an error.
fn kind_and_message<T: std::fmt::Debug>(result: Result<T, AwsError>) -> (AwsErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind, error.message.map(String::from).unwrap_or_default())
}
