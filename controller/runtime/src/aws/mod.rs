//! AWS in the words of this project: one narrow port a service, and the SDK behind it.

mod attempts;
mod authorised;
mod call_context;
mod credentials;
mod denial;
mod dependency;
mod deploy;
mod error;
mod eventbridge;
mod execution_role;
mod gate;
mod lambda;
mod limited;
mod limits;
mod ports;
mod role;
mod s3;
mod sdk;
mod shared;
mod tenants;
mod unsent;

pub use attempts::Attempts;
pub use call_context::CallContext;
pub use error::{AwsError, AwsErrorKind};
pub use limited::Limited;
pub use limits::Limits;
pub use ports::{
    Account, Aws, Bucket, Deployments, Function, Functions, ListedRule, Notifications, Rules, Validation,
};
pub use sdk::{Caller, NoRegion, Sdk, SdkSettings};
pub use shared::Shared;
pub use tenants::{AssumeRoles, Session, Tenants};
pub use unsent::{NoConnection, NoCredentials};
