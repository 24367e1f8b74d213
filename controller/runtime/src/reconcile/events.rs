//! Events: what happened to an object, for people who read `kubectl describe`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use lambda_triggers_core::status::{EventReason, Failure};
use tokio::time::Instant;
use tracing::warn;

use crate::error_chain;
use crate::telemetry::Metrics;

/// The same event within this time is counted on the first one; as kube has it.
const DEDUP_WINDOW: Duration = Duration::from_secs(360);
/// The most events that are kept for that. Each takes some ten kilobytes, and of a thousand resources that come at once
/// each has an event of its own, which does not come again.
const MAX_TRACKED: usize = 256;

/// Something that a user would want to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventToEmit {
    /// Whether it is a warning.
    pub warning: bool,
    /// What happened, in one word.
    pub reason: &'static str,
    /// What happened, in words.
    pub note: String,
}

impl EventToEmit {
    /// Something good.
    pub fn normal(reason: EventReason, note: impl Into<String>) -> Self {
        Self { warning: false, reason: reason.as_str(), note: note.into() }
    }

    /// Something that somebody should look at.
    pub fn warning(reason: EventReason, note: impl Into<String>) -> Self {
        Self { warning: true, reason: reason.as_str(), note: note.into() }
    }

    /// Something that went wrong.
    pub fn failure(failure: &Failure) -> Self {
        Self { warning: true, reason: failure.reason.as_str(), note: failure.message.clone() }
    }
}

/// Recorders by the object's UID and the words, each with the time of its last event.
type Recent = HashMap<(Option<String>, String), (Recorder, Instant)>;

/// Writes events.
///
/// kube's recorder takes two events for the same if their reasons are, and keeps the words of the first one. So there is
/// a recorder for each that says something else.
pub struct EventRecorder {
    client: Client,
    reporter: Reporter,
    metrics: Metrics,
    recent: Mutex<Recent>,
}

impl EventRecorder {
    /// Events by this reporter, which are counted, too.
    pub fn new(client: Client, reporter: Reporter, metrics: Metrics) -> Self {
        Self { client, reporter, metrics, recent: Mutex::default() }
    }

    /// Writes an event. No reconcile fails for one that cannot be written, as in a namespace that is going away.
    pub async fn publish(&self, about: &ObjectReference, event: EventToEmit) {
        let EventToEmit { warning, reason, note } = event;
        if reason == EventReason::DriftRepaired.as_str() {
            self.metrics.drift_repaired(about.kind.as_deref().unwrap_or_default());
        }
        // The API server takes notes up to 1 kB (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/).
        let note: String = note.chars().take(1000).collect();
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.into(),
            note: Some(note.clone()),
            action: "Reconcile".into(),
            secondary: None,
        };
        if let Err(error) = self.recorder(about, note).publish(&event, about).await {
            warn!(reason, error = error_chain(&error), "cannot write an event");
        }
    }

    fn recorder(&self, about: &ObjectReference, note: String) -> Recorder {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, (_, last)| last.elapsed() < DEDUP_WINDOW);
        if recent.len() >= MAX_TRACKED {
            let oldest = recent.iter().min_by_key(|(_, (_, last))| *last).map(|(event, _)| event.clone());
            oldest.and_then(|event| recent.remove(&event));
        }
        let new = || Recorder::new(self.client.clone(), self.reporter.clone());
        let (recorder, last) =
            recent.entry((about.uid.clone(), note)).or_insert_with(|| (new(), Instant::now()));
        *last = Instant::now();
        recorder.clone()
    }
}
