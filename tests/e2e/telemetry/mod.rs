//! The operator's telemetry: metrics, health, logs and traces.

pub mod collector;
mod health;
mod logs;
mod metrics;
mod traces;
mod view;
