//! The two resources of lambda-triggers and every decision about them, as functions from values to values.
//!
//! Nothing here reaches a network, a clock or a source of randomness: what AWS and Kubernetes say comes in as
//! values ([`plan`] calls them observations), and what is to be done goes out as values.

pub mod api;
pub mod arn;
pub mod iam;
pub mod ownership;
pub mod pacing;
pub mod plan;
pub mod status;
pub mod tenancy;
