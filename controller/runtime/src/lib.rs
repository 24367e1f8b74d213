//! The operator around `lambda-triggers-core`: it observes AWS and Kubernetes, carries out the plans, and reports.

pub mod aws;
pub mod cli;
pub mod doctor;
mod error_chain;
pub mod leadership;
pub mod network;
pub mod objects;
pub mod operator;
pub mod reconcile;
pub mod telemetry;

pub use error_chain::error_chain;
