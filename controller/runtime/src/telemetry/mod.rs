//! What the operator tells of itself: metrics, health, logs and traces.

mod collect;
mod described;
mod health;
pub mod logs;
pub mod metrics;
pub mod server;
pub mod traces;

pub use health::Health;
pub use metrics::Metrics;

/// Metrics and health of one operator. A plain value, so that two operators in one process do not mix; clones are the
/// same one.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// What is counted.
    pub metrics: Metrics,
    /// Whether it lives, and is ready.
    pub health: Health,
}
