//! Decisions about when work may start: leader election, the workqueue's order, resyncs and rate limits.
//!
//! The functions are pure: time is a parameter. The runtime crate owns the clocks, the Lease and the worker tasks.

pub mod lease;
pub mod queue;
pub mod resync;
pub mod token_bucket;
pub mod workqueue;
