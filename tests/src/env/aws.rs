//! SDK clients for one account of the local AWS.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use tokio::sync::OnceCell;

use super::TestEnv;

/// The Region of all tests.
pub const REGION: &str = "eu-west-1";

/// The secret key of every account.
pub(super) const SECRET_KEY: &str = "test";

/// SDK clients of one account.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    pub s3: aws_sdk_s3::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub events: aws_sdk_eventbridge::Client,
    pub scheduler: aws_sdk_scheduler::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
}

impl Clients {
    /// `account` is also the access key, since the local AWS recognizes accounts by access key.
    pub async fn new(endpoint: &str, account: &str) -> Self {
        let credentials = Credentials::new(account, SECRET_KEY, None, None, "test");
        let config = base()
            .await
            .clone()
            .into_builder()
            .endpoint_url(endpoint)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            lambda: aws_sdk_lambda::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
            scheduler: aws_sdk_scheduler::Client::new(&config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
        }
    }
}

impl TestEnv {
    /// A bucket name that is unique among the tests, since bucket names are global.
    pub fn bucket(&self, name: &str) -> String {
        format!("{name}-{}", &self.account()[6..])
    }

    /// A Lambda client of another account.
    pub async fn lambda_of(&self, account: &str) -> aws_sdk_lambda::Client {
        Clients::new(self.aws_endpoint(), account).await.lambda
    }

    /// Creates a bucket of exactly this name, in [`REGION`].
    pub async fn create_bucket(&self, bucket: &str) {
        let region = BucketLocationConstraint::from(REGION);
        let location = CreateBucketConfiguration::builder().location_constraint(region).build();
        let create = self.s3().create_bucket().bucket(bucket).create_bucket_configuration(location);
        let created = create.send().await;
        created.unwrap_or_else(|error| panic!("creating the bucket {bucket}: {error:?}"));
    }
}

/// The configuration of all accounts, for a shared HTTP client. Nothing comes from the user's own AWS configuration.
async fn base() -> &'static SdkConfig {
    static BASE: OnceCell<SdkConfig> = OnceCell::const_new();
    BASE.get_or_init(|| {
        aws_config::defaults(BehaviorVersion::v2026_01_12()).region(Region::new(REGION)).load()
    })
    .await
}
