//! Metrics that are computed at each scrape: objects, queue and leadership.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::status::Reason;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::described::{LEADER, OBJECTS, QUEUE_DEPTH, QUEUE_OLDEST};
use super::metrics::{MetricDesc, OTHER_REASON, Priority};
use crate::leadership::Leadership;
use crate::objects::{IndexKey, IndexedStore, Stores, Trigger};

/// The current state of one priority in the workqueue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueState {
    /// The priority of the objects.
    pub priority: Priority,
    /// The number of waiting objects.
    pub depth: usize,
    /// The longest wait of an object since the object was due; zero for an empty queue.
    pub oldest: Duration,
}

/// Returns the current state of the workqueue.
pub type QueueView = Arc<dyn Fn() -> Vec<QueueState> + Send + Sync>;

/// The sources of the metrics. A metric without a source has no series: a zero would be wrong.
#[derive(Debug, Default)]
pub struct Sources {
    /// The objects, while this replica leads.
    pub stores: Source<Stores>,
    /// The workqueue, while this replica leads.
    pub queue: Source<QueueView>,
    /// The leadership of this replica.
    pub leadership: Source<Leadership>,
}

/// A source that is set after the start.
pub struct Source<T>(Mutex<Option<T>>);

impl<T> Default for Source<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl<T: Clone> Source<T> {
    /// Sets the source.
    pub fn set(&self, source: T) {
        *self.0.lock() = Some(source);
    }

    fn get(&self) -> Option<T> {
        self.0.lock().clone()
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        if let Some(leadership) = self.leadership.get() {
            gauges(&mut encoder, &LEADER, [([], i64::from(leadership.check().is_ok()) as f64)])?;
        }
        if let Some(stores) = self.stores.get().filter(Stores::are_synced) {
            let objects = objects(&stores);
            let labels = |(kind, reason)| [("kind", kind), ("reason", reason)];
            gauges(
                &mut encoder,
                &OBJECTS,
                objects.into_iter().map(|(of, count)| (labels(of), count as f64)),
            )?;
        }
        if let Some(queue) = self.queue.get() {
            let queues = queue();
            let label = |priority: &QueueState| [("priority", priority.priority.as_str())];
            gauges(
                &mut encoder,
                &QUEUE_DEPTH,
                queues.iter().map(|priority| (label(priority), priority.depth as f64)),
            )?;
            let oldest = queues.iter().map(|priority| (label(priority), priority.oldest.as_secs_f64()));
            gauges(&mut encoder, &QUEUE_OLDEST, oldest)?;
        }
        Ok(())
    }
}

fn gauges<const N: usize>(
    encoder: &mut DescriptorEncoder,
    described: &MetricDesc,
    values: impl IntoIterator<Item = ([(&'static str, &'static str); N], f64)>,
) -> fmt::Result
where
    [(&'static str, &'static str); N]: EncodeLabelSet,
{
    // The registry adds a full stop, too.
    let help = format!("{}.", described.help);
    let mut metric = encoder.encode_descriptor(described.base_name(), &help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        if labels.is_empty() {
            return ConstGauge::new(value).encode(metric);
        }
        ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

/// Counts the objects by kind and by reason of the condition Ready.
fn objects(stores: &Stores) -> BTreeMap<(&'static str, &'static str), usize> {
    let mut counts = BTreeMap::new();
    count(&stores.scheduled, &mut counts);
    count(&stores.s3, &mut counts);
    counts
}

fn count<K: Trigger>(store: &IndexedStore<K>, counts: &mut BTreeMap<(&'static str, &'static str), usize>) {
    let snapshot = store.snapshot();
    let mut others = store.len();
    for reason in Reason::ALL.iter().map(|reason| reason.as_str()) {
        let count = snapshot.count(&IndexKey::Ready(reason.into()));
        others = others.saturating_sub(count);
        if count > 0 {
            counts.insert((K::NAME, reason), count);
        }
    }
    if others > 0 {
        counts.insert((K::NAME, OTHER_REASON), others);
    }
}
