//! The client around the ports: authorization, read cache and rate limiter.

mod aws_client;
mod eventbridge;
mod lambda;
mod rate_limiter;
mod read_cache;
mod s3;
mod scheduler;
mod tenant_policy;
#[cfg(test)]
mod tests;

pub use aws_client::AwsClient;
pub use rate_limiter::RateLimiter;
pub use tenant_policy::{TenantPolicy, acting_account};
