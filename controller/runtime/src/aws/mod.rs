//! AWS: the ports for each service, the client around the ports, and the SDK behind the ports. Reconciles call only
//! the ports, so that tests can replace AWS.

mod access_denied;
mod call_context;
mod client;
mod credential_errors;
mod credentials;
mod dependency;
mod error;
mod eventual;
mod execution_role;
mod person;
mod ports;
mod reads;
mod rules;
mod sdk;
mod unsent;

pub use call_context::CallContext;
pub use client::{AwsClient, RateLimiter};
pub use credentials::{AssumeRoles, NamespaceCredentials, Session};
pub use error::{AwsError, AwsErrorKind};
pub use eventual::{NOT_FOUND_RETRY_DELAY, confirm_absent, retry_not_found};
pub use ports::{
    Account, Aws, DatedSchedule, EventBridgeApi, EventBridgeReads, Function, LambdaApi, LambdaReads,
    ListedRule, ListedRules, ListedSchedule, ListedSchedules, ListedTags, S3Api, S3Reads, SchedulerApi,
    SchedulerReads, Validation,
};
pub use reads::{AwsReads, NamespaceReads};
pub use rules::{read_listed_rule, read_rule};
pub use sdk::{CallMetrics, Caller, NoRegion, Sdk, SdkSettings};
pub use unsent::{NoConnection, NoCredentials};
