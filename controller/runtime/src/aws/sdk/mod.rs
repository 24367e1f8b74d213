//! The ports over the AWS SDK, with one set of clients for each Region, created on first use.

mod assume_role;
mod call_metrics;
mod cloudwatch;
mod eventbridge;
mod iam;
mod lambda;
mod s3;
mod scheduler;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::identity::IdentityCache;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use lambda_triggers_core::operations as op;
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tracing::debug;

use crate::aws::{
    Account, AssumeRoles, Aws, AwsClient, AwsError, AwsErrorKind, EventBridgeApi, LambdaApi, RateLimiter,
    S3Api, SchedulerApi, Session,
};
use crate::leadership::Leadership;
use crate::network::Network;
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::Service;
use assume_role::RoleCredentials;
pub use call_metrics::CallMetrics;
pub use cloudwatch::SdkCloudWatch;
use eventbridge::SdkEventBridge;
pub use iam::SdkIam;
use lambda::SdkLambda;
use s3::SdkS3;
use scheduler::SdkScheduler;

/// The timeout of one attempt. The SDK has no default timeout, and would wait forever for an answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout of a call with all retries.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum attempts of a call, with the SDK's backoff.
const ATTEMPTS: u32 = 3;

/// The first words of the operations that read.
const READS: [&str; 4] = ["Describe", "Get", "Head", "List"];

/// The application name in `User-Agent`, and so in CloudTrail. The environment can replace the name.
const APP_NAME: &str = concat!("lambda-triggers-", env!("CARGO_PKG_VERSION"));

/// Settings of the SDK in addition to the SDK's own environment variables and files.
#[derive(Clone, Debug)]
pub struct SdkSettings {
    /// Proxies and trusted certificate authorities.
    pub network: Network,
    /// The Region for resources without a Region; `None` for the SDK's own lookup.
    pub region: Option<String>,
    /// The leadership, checked before each call; `None` for a program that only reads, whose writes are refused.
    pub leadership: Option<Leadership>,
    /// The metrics and health for AWS calls.
    pub telemetry: Telemetry,
    /// The rate limiter that counts retries. Waiting for the rate limiter is the task of [`AwsClient`].
    pub rate_limiter: RateLimiter,
}

/// AWS through the SDK.
pub struct Sdk {
    config: SdkConfig,
    guard: Guard,
    telemetry: Telemetry,
    rate_limiter: RateLimiter,
    region: String,
    clients: Mutex<BTreeMap<String, Arc<Clients>>>,
    account: OnceCell<Account>,
}

/// The identity behind the credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account ID, 12 digits.
    pub account: String,
    /// The ARN of the role's session, or of the user.
    pub arn: String,
}

/// The clients of one Region.
struct Clients {
    lambda: Arc<SdkLambda>,
    eventbridge: Arc<SdkEventBridge>,
    scheduler: Arc<SdkScheduler>,
    s3: Arc<SdkS3>,
}

/// The error without a Region.
#[derive(Debug, thiserror::Error)]
#[error("no AWS Region is set: give --region or the environment variable AWS_REGION, such as eu-west-1")]
pub struct NoRegion;

impl Sdk {
    /// Loads credentials and Region from the SDK's default sources: environment, profile, IRSA, Pod Identity.
    pub async fn load(settings: SdkSettings) -> Result<Self, NoRegion> {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(settings.network.aws_client())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts);
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        // An explicit name would override AWS_SDK_UA_APP_ID.
        if std::env::var_os("AWS_SDK_UA_APP_ID").is_none()
            && let Ok(name) = AppName::new(APP_NAME)
        {
            loader = loader.app_name(name);
        }
        let SdkSettings { leadership, telemetry, rate_limiter, .. } = settings;
        Self::from_config(loader.load().await, leadership, telemetry, rate_limiter)
    }

    /// Uses a complete configuration, with credentials and Region. The other arguments are those of [`SdkSettings`].
    pub fn from_config(
        config: SdkConfig,
        leadership: Option<Leadership>,
        telemetry: Telemetry,
        rate_limiter: RateLimiter,
    ) -> Result<Self, NoRegion> {
        // An empty variable counts as unset.
        let region =
            config.region().map(ToString::to_string).filter(|region| !region.is_empty()).ok_or(NoRegion)?;
        Ok(Self {
            config,
            guard: Guard { leadership },
            telemetry,
            rate_limiter,
            region,
            clients: Mutex::default(),
            account: OnceCell::new(),
        })
    }

    /// Returns an SDK with the credentials of a role, which the first call requests. Quotas belong to the account, so
    /// callers in one account share the rate limiter.
    pub fn with_role(&self, session: &Session) -> Self {
        let account = session.role.account();
        let is_own = self.account.get().is_some_and(|own| own.id == account);
        let rate_limiter =
            if is_own { self.rate_limiter.clone() } else { self.rate_limiter.for_account(account) };
        let credentials = RoleCredentials::new(self.sts(), session.clone());
        let config = self
            .config
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            // The operator's cache would return the operator's credentials.
            .identity_cache(IdentityCache::lazy().load_timeout(CALL_TIMEOUT).build())
            .build();
        Self {
            config,
            guard: self.guard.clone(),
            telemetry: self.telemetry.clone(),
            rate_limiter,
            region: self.region.clone(),
            clients: Mutex::default(),
            account: OnceCell::new(),
        }
    }

    /// Wraps the SDK with the read cache and the rate limiter.
    pub fn into_client(self: Arc<Self>) -> AwsClient {
        let rate_limiter = self.rate_limiter.clone();
        AwsClient::new(self, rate_limiter)
    }

    fn sts(&self) -> aws_sdk_sts::Client {
        let config = aws_sdk_sts::config::Builder::from(&self.config);
        let config = config.interceptor(CallMetrics::for_service(Service::Sts, &self.telemetry));
        aws_sdk_sts::Client::from_conf(config.build())
    }

    /// IAM, which is global: the SDK derives the endpoint and the signing Region from the partition.
    pub fn iam(&self) -> SdkIam {
        SdkIam::new(aws_sdk_iam::Client::new(&self.config))
    }

    /// CloudWatch in a Region.
    pub fn cloudwatch(&self, region: &str) -> SdkCloudWatch {
        let config = aws_sdk_cloudwatch::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .interceptor(self.guard.clone());
        SdkCloudWatch::new(aws_sdk_cloudwatch::Client::from_conf(config.build()))
    }

    /// The names of the functions in a Region with this prefix, for `lambda-triggers doctor`. The operator never lists
    /// functions, so the least IAM policy does not allow the call.
    pub async fn function_names(&self, region: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
        self.clients(region).lambda.names(prefix).await
    }

    /// Reads the identity behind the credentials. No policy can deny this call
    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>).
    pub async fn caller(&self) -> Result<Caller, AwsError> {
        const ACTION: &str = op::GET_CALLER_IDENTITY.action;
        let on = "the operator's credentials";
        let answer =
            self.sts().get_caller_identity().send().await.map_err(|e| AwsError::from_sdk(ACTION, on, e))?;
        let incomplete =
            || AwsError::unexpected(AwsErrorKind::Invalid, ACTION, on, "the answer names no account");
        let text = |found: Option<&str>| found.map(ToOwned::to_owned).ok_or_else(incomplete);
        Ok(Caller { account: text(answer.account())?, arn: text(answer.arn())? })
    }

    fn clients(&self, region: &str) -> Arc<Clients> {
        let mut clients = self.clients.lock();
        clients.entry(region.to_owned()).or_insert_with(|| Arc::new(Clients::new(self, region))).clone()
    }
}

impl Clients {
    fn new(sdk: &Sdk, region: &str) -> Self {
        let Sdk { config, guard, telemetry, rate_limiter, .. } = sdk;
        let config = config.clone().into_builder().region(Region::new(region.to_owned())).build();
        // A custom endpoint (a proxy, an emulator) answers for a single host name, so the path must contain the
        // bucket.
        let path_style = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        let guard = || guard.clone();
        let attempts = |service| CallMetrics::for_service(service, telemetry).against(rate_limiter, region);
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .interceptor(guard())
            .interceptor(attempts(Service::S3))
            .force_path_style(path_style);
        let lambda = aws_sdk_lambda::config::Builder::from(&config)
            .interceptor(guard())
            .interceptor(attempts(Service::Lambda));
        let events = aws_sdk_eventbridge::config::Builder::from(&config)
            .interceptor(guard())
            .interceptor(attempts(Service::Events));
        let tagging = aws_sdk_resourcegroupstagging::config::Builder::from(&config).interceptor(guard());
        let scheduler = aws_sdk_scheduler::config::Builder::from(&config)
            .interceptor(guard())
            .interceptor(attempts(Service::Scheduler));
        Self {
            lambda: Arc::new(SdkLambda::new(aws_sdk_lambda::Client::from_conf(lambda.build()))),
            eventbridge: Arc::new(SdkEventBridge::new(
                aws_sdk_eventbridge::Client::from_conf(events.build()),
                aws_sdk_resourcegroupstagging::Client::from_conf(tagging.build()),
            )),
            scheduler: Arc::new(SdkScheduler::new(aws_sdk_scheduler::Client::from_conf(scheduler.build()))),
            s3: Arc::new(SdkS3::new(aws_sdk_s3::Client::from_conf(s3.build()))),
        }
    }
}

#[async_trait]
impl Aws for Sdk {
    fn default_region(&self) -> &str {
        &self.region
    }

    async fn account(&self) -> Result<Account, AwsError> {
        let ask = || async { self.caller().await.map(|caller| Account { id: caller.account }) };
        self.account.get_or_try_init(ask).await.cloned()
    }

    fn lambda(&self, region: &str) -> Arc<dyn LambdaApi> {
        self.clients(region).lambda.clone()
    }

    fn eventbridge(&self, region: &str) -> Arc<dyn EventBridgeApi> {
        self.clients(region).eventbridge.clone()
    }

    fn scheduler(&self, region: &str) -> Arc<dyn SchedulerApi> {
        self.clients(region).scheduler.clone()
    }

    fn s3(&self, region: &str) -> Arc<dyn S3Api> {
        self.clients(region).s3.clone()
    }
}

impl AssumeRoles for Sdk {
    fn assume(&self, session: &Session) -> AwsClient {
        Arc::new(self.with_role(session)).into_client()
    }
}

/// Stops every call after the loss of leadership, even a call from before the loss. Without a leadership, only reads are
/// sent.
#[derive(Clone, Debug)]
struct Guard {
    leadership: Option<Leadership>,
}

impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "Leadership"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let metadata = config.load::<Metadata>();
        let operation = metadata.map_or("an unknown operation", Metadata::name);
        debug!("{} {operation}", metadata.map_or("AWS", Metadata::service));
        if let Some(leadership) = &self.leadership {
            return Ok(leadership.check()?);
        }
        match READS.iter().any(|read| operation.starts_with(read)) {
            true => Ok(()),
            false => Err(format!("this command only reads, so {operation} is not sent").into()),
        }
    }
}

#[cfg(test)]
mod tests;
