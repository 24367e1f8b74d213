//! The custom resources of lambda-triggers and all decisions about the resources, as pure functions.
//!
//! The crate does no I/O and reads neither a clock nor a source of randomness. The state of AWS and Kubernetes comes
//! in as values ([`plan`] calls the values observations). The steps to take go out as values. The `lambda-triggers`
//! crate reads the state and executes the steps.

pub mod api;
pub mod arn;
pub mod diagnosis;
mod error_chain;
pub mod explain;
pub mod iam;
pub mod import;
pub mod operations;
pub mod ownership;
pub mod pacing;
pub mod plan;
pub mod preview;
pub mod quota;
mod shell;
pub mod status;
pub mod tenancy;

pub use error_chain::error_chain;
