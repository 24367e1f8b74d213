//! AWS in the words of this project: one narrow port a service, and the SDK behind it.

mod access_denied;
mod authorized;
mod call_context;
mod call_metrics;
mod credential_errors;
mod credentials;
mod dependency;
mod deploy;
mod error;
mod eventbridge;
mod eventual;
mod execution_role;
mod lambda;
mod ports;
mod rate_limit;
mod rate_limiter;
mod read_cache;
mod role;
mod s3;
mod sdk;
mod tenant_policy;
mod unsent;

pub use call_context::CallContext;
pub use call_metrics::CallMetrics;
pub use credentials::{AssumeRoles, NamespaceCredentials, Session};
pub use error::{AwsError, AwsErrorKind};
pub use eventual::{NOT_FOUND_RETRY_DELAY, confirm_absent, retry_not_found};
pub use ports::{
    Account, Aws, Bucket, DeploymentApi, EventBridgeApi, Function, LambdaApi, ListedRule, S3Api, Validation,
};
pub use rate_limit::RateLimited;
pub use rate_limiter::RateLimiter;
pub use read_cache::ReadCache;
pub use sdk::{Caller, NoRegion, Sdk, SdkSettings};
pub use unsent::{NoConnection, NoCredentials};
