//! AWS in the words of this project: one narrow port a service, and the SDK behind it.

mod attempts;
mod denial;
mod deploy;
mod error;
mod eventbridge;
mod lambda;
mod ports;
mod s3;
mod sdk;
mod tenants;

pub use attempts::Attempts;
pub use error::{AwsError, Kind};
pub use ports::{Account, Aws, Bucket, Deployments, Function, Functions, Notifications, Rules, Validation};
pub use sdk::{Caller, NoRegion, Sdk, SdkSettings};
pub use tenants::Tenants;
