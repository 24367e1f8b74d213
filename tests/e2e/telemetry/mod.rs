//! What the operator tells of itself: metrics, health, logs and traces.

pub mod collector;
mod health;
mod logs;
mod metrics;
mod traces;
mod view;
