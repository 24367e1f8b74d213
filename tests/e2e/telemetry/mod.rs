//! What the operator tells of itself: metrics, health, logs and traces.

mod collector;
mod health;
mod logs;
mod metrics;
mod traces;
mod view;
