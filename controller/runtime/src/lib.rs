//! The operator around `lambda-triggers-core`: it observes AWS and Kubernetes, carries out the plans, and reports.

pub mod aws;
pub mod cli;
pub mod doctor;
pub mod network;
pub mod operator;
pub mod reconcile;
pub mod telemetry;
