//! Layers around the ports: authorization, rate limit, read cache. Each layer implements [`super::Aws`] over an inner
//! `Aws`.

mod authorize;
mod rate_limit;
mod rate_limiter;
mod read_cache;
mod tenant_policy;

pub use authorize::Authorized;
pub use rate_limit::RateLimited;
pub use rate_limiter::RateLimiter;
pub use read_cache::ReadCache;
pub use tenant_policy::{TenantPolicy, acting_account};
