//! The Prometheus metrics. The descriptors in [`ALL`] are the source for both registration and documentation, so the
//! two always agree.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use super::collect::Sources;
pub use super::collect::{QueueState, QueueView};
pub use super::described::{
    ALL, AwsOutcome, EntryOwner, Label, MetricDesc, OTHER_REASON, Priority, ReconcileOutcome, Service, Type,
    Values,
};
use super::described::{
    AWS_CALL_DURATION, AWS_CALLS, AWS_THROTTLES, BUILD_INFO, DRIFT_REPAIRED, ENTRIES_LOST, ENTRIES_RESTORED,
    FOREIGN_CHANGES, RECONCILE_DURATION, RECONCILES, TENANCY_READ,
};
use crate::leadership::Leadership;
use crate::objects::{KINDS, Stores};

/// The prefix of all metric names.
const PREFIX: &str = "lambda_triggers";

/// The format of [`Metrics::text`]:
/// <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Histogram bounds, from a reconcile without changes up to the default of `--reconcile-timeout`.
const RECONCILE_SECONDS: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
/// Histogram bounds, up to the timeout of one attempt.
const CALL_SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKindAndOutcome {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByService {
    service: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOperation {
    service: &'static str,
    operation: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOperationAndOutcome {
    service: &'static str,
    operation: Cow<'static, str>,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOwner {
    owner: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByVersion {
    version: &'static str,
}

/// The metrics of one operator. Clones share the counters.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    sources: Arc<Sources>,
    reconciles: Family<ByKindAndOutcome, Counter>,
    reconcile_duration: Family<ByKind, Histogram, fn() -> Histogram>,
    aws_calls: Family<ByOperationAndOutcome, Counter>,
    aws_call_duration: Family<ByOperation, Histogram, fn() -> Histogram>,
    aws_throttles: Family<ByService, Counter>,
    drift_repaired: Family<ByKind, Counter>,
    foreign_changes: Counter,
    entries_lost: Family<ByOwner, Counter>,
    entries_restored: Counter,
    tenancy_read: Gauge,
}

impl Default for Inner {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let sources = Arc::<Sources>::default();
        let inner = Self {
            reconciles: Family::default(),
            reconcile_duration: Family::new_with_constructor(|| Histogram::new(RECONCILE_SECONDS)),
            aws_calls: Family::default(),
            aws_call_duration: Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            aws_throttles: Family::default(),
            drift_repaired: Family::default(),
            foreign_changes: Counter::default(),
            entries_lost: Family::default(),
            entries_restored: Counter::default(),
            tenancy_read: Gauge::default(),
            sources: sources.clone(),
            registry: Registry::default(),
        };
        register(&mut registry, &RECONCILES, inner.reconciles.clone());
        register(&mut registry, &RECONCILE_DURATION, inner.reconcile_duration.clone());
        register(&mut registry, &AWS_CALLS, inner.aws_calls.clone());
        register(&mut registry, &AWS_CALL_DURATION, inner.aws_call_duration.clone());
        register(&mut registry, &AWS_THROTTLES, inner.aws_throttles.clone());
        register(&mut registry, &DRIFT_REPAIRED, inner.drift_repaired.clone());
        register(&mut registry, &FOREIGN_CHANGES, inner.foreign_changes.clone());
        register(&mut registry, &ENTRIES_LOST, inner.entries_lost.clone());
        register(&mut registry, &ENTRIES_RESTORED, inner.entries_restored.clone());
        register(&mut registry, &TENANCY_READ, inner.tenancy_read.clone());
        register(&mut registry, &BUILD_INFO, build_info());
        registry.register_collector(Box::new(sources));
        let inner = Self { registry, ..inner };
        inner.begin_at_zero();
        inner
    }
}

impl Inner {
    /// Creates all counters at zero. Prometheus's `rate` misses the first increment of a counter without an earlier
    /// sample.
    fn begin_at_zero(&self) {
        self.tenancy_read.set(1);
        for kind in KINDS {
            drop(self.drift_repaired.get_or_create(&ByKind { kind }));
            for outcome in ReconcileOutcome::ALL {
                drop(self.reconciles.get_or_create(&ByKindAndOutcome { kind, outcome: outcome.as_str() }));
            }
        }
        for owner in EntryOwner::ALL {
            drop(self.entries_lost.get_or_create(&ByOwner { owner: owner.as_str() }));
        }
        for service in Service::ALL {
            drop(self.aws_throttles.get_or_create(&ByService { service: service.as_str() }));
        }
    }
}

/// Registers a metric by its descriptor. The library adds the prefix, and the suffix of counters, to the name.
fn register(registry: &mut Registry, described: &MetricDesc, metric: impl Metric) {
    registry.register(described.base_name(), described.help, metric);
}

fn build_info() -> Family<ByVersion, ConstGauge, fn() -> ConstGauge> {
    let family: Family<ByVersion, ConstGauge, fn() -> ConstGauge> =
        Family::new_with_constructor(|| ConstGauge::new(1));
    drop(family.get_or_create(&ByVersion { version: env!("CARGO_PKG_VERSION") }));
    family
}

impl Metrics {
    /// All metrics, as text of [`CONTENT_TYPE`].
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String never fails.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    /// Counts a reconcile of an object of this kind, and observes the duration.
    pub fn reconciled(&self, kind: &'static str, outcome: ReconcileOutcome, took: Duration) {
        self.0.reconciles.get_or_create(&ByKindAndOutcome { kind, outcome: outcome.as_str() }).inc();
        self.0.reconcile_duration.get_or_create(&ByKind { kind }).observe(took.as_secs_f64());
    }

    /// Counts an attempt of an AWS call, and observes the duration.
    pub fn aws_called(&self, service: Service, operation: &str, outcome: AwsOutcome, took: Duration) {
        let (service, operation) = (service.as_str(), Cow::<'static, str>::Owned(operation.to_owned()));
        let by_operation = ByOperation { service, operation: operation.clone() };
        self.0.aws_call_duration.get_or_create(&by_operation).observe(took.as_secs_f64());
        if outcome == AwsOutcome::Throttled {
            self.0.aws_throttles.get_or_create(&ByService { service }).inc();
        }
        let labels = ByOperationAndOutcome { service, operation, outcome: outcome.as_str() };
        self.0.aws_calls.get_or_create(&labels).inc();
    }

    /// Counts a repair of drift for an object of this kind.
    pub fn drift_repaired(&self, kind: &str) {
        if let Some(kind) = KINDS.into_iter().find(|known| *known == kind) {
            self.0.drift_repaired.get_or_create(&ByKind { kind }).inc();
        }
    }

    /// Counts changes by other writers to foreign parts of a bucket's notification configuration.
    pub fn foreign_changes(&self, changes: usize) {
        self.0.foreign_changes.inc_by(changes as u64);
    }

    /// Counts entries of a bucket that were removed or changed unexpectedly.
    pub fn entries_lost(&self, owner: EntryOwner, entries: usize) {
        self.0.entries_lost.get_or_create(&ByOwner { owner: owner.as_str() }).inc_by(entries as u64);
    }

    /// Counts own entries that were restored.
    pub fn entries_restored(&self, entries: usize) {
        self.0.entries_restored.inc_by(entries as u64);
    }

    /// Records the result of the last read of the tenancy file.
    pub fn tenancy_read(&self, taken: bool) {
        self.0.tenancy_read.set(i64::from(taken));
    }

    /// Exports the counts of these objects.
    pub fn show_objects(&self, stores: Stores) {
        self.0.sources.stores.set(stores);
    }

    /// Exports the state of this queue.
    pub fn show_queue(&self, queue: QueueView) {
        self.0.sources.queue.set(queue);
    }

    /// Exports the leadership of this replica.
    pub fn show_leader(&self, leadership: Leadership) {
        self.0.sources.leadership.set(leadership);
    }
}
