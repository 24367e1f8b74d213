//! Telemetry of the operator: metrics, health, logs and traces.

mod collect;
mod described;
mod health;
pub mod logs;
pub mod metrics;
pub mod server;
pub mod traces;

pub use health::Health;
pub use metrics::Metrics;

/// Metrics and health of one operator. Telemetry is a plain value and not global, so two operators in one process do
/// not mix. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// The Prometheus metrics.
    pub metrics: Metrics,
    /// Liveness and readiness.
    pub health: Health,
}
