//! What the operator tells of itself: metrics, health and logs.

mod health;
mod logs;
mod metrics;
mod view;
