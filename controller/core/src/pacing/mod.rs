//! When work may begin: pure decisions, in which time is a value.

pub mod lease;
pub mod queue;
pub mod resync;
pub mod token_bucket;
