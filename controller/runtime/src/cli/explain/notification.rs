//! The notification configuration of the bucket in question.

use clap::Args;
use lambda_triggers_core::plan::bucket::{Bucket, Document};
use lambda_triggers_core::status::Component;

use crate::aws::{AwsError, AwsErrorKind, AwsReads};
use crate::cli::read_failure::{account, message};
use crate::error_chain;
use crate::network::Network;
use crate::operator::StartError;

/// The flags that tell the place of a bucket.
#[derive(Args, Debug)]
pub struct BucketPlace {
    /// The account that owns the bucket (default: the account of the credentials).
    #[arg(long, value_name = "ACCOUNT")]
    bucket_owner: Option<String>,
    /// AWS Region for the first call. The command follows the bucket to another Region (default: from the AWS SDK, such
    /// as AWS_REGION).
    #[arg(long, env = "LAMBDA_TRIGGERS_REGION")]
    region: Option<String>,
}

/// Reads the notification configuration of a bucket in the bucket's own Region.
pub async fn read(name: &str, place: BucketPlace) -> Result<(AwsReads, Bucket, Document), StartError> {
    let aws = AwsReads::load(Network::from_env()?, place.region).await?;
    let owner = match place.bucket_owner {
        Some(owner) => owner,
        None => account(&aws).await?,
    };
    let bucket = Bucket { region: aws.default_region().to_owned(), name: name.into(), owner };
    let (bucket, xml) = match get(&aws, &bucket).await {
        Err(AwsError { kind: AwsErrorKind::OtherRegion(Some(region)), .. }) => {
            let there = Bucket { region, ..bucket };
            let xml = get(&aws, &there).await;
            (there, xml)
        }
        read => (bucket, read),
    };
    let unread =
        |why: String| format!("the notification configuration of bucket {name} is not readable: {why}");
    let xml = xml.map_err(|error| unread(message(&error, Component::Notification)))?;
    let document = Document::parse(&xml).map_err(|error| unread(error_chain(&error)))?;
    Ok((aws, bucket, document))
}

async fn get(aws: &AwsReads, bucket: &Bucket) -> Result<String, AwsError> {
    aws.s3(&bucket.region).get(bucket).await
}
