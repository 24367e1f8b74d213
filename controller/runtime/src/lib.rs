//! The operator around `lambda-triggers-core`: observes AWS and Kubernetes, applies the plans, and reports the status.

pub mod aws;
pub mod cli;
pub mod doctor;
#[cfg(test)]
mod layers_test;
pub mod leadership;
pub mod manifests;
pub mod network;
pub mod objects;
pub mod operator;
pub mod preview;
pub mod reconcile;
pub mod telemetry;

pub use lambda_triggers_core::error_chain;
