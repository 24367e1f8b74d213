//! Kubernetes events on objects, for users who run `kubectl describe`. The recorder removes duplicates.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use lambda_triggers_core::status::{EventReason, EventToEmit, truncated};
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::error_chain;
use crate::telemetry::Metrics;

/// Equal events within this time become one event series, as in kube's recorder.
const DEDUP_WINDOW: Duration = Duration::from_secs(360);
/// The maximum number of recorders. A recorder takes some ten kilobytes. A thousand new resources would create a
/// thousand recorders for events that never repeat.
const MAX_TRACKED: usize = 256;

/// The maximum bytes of an event's note
/// (<https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>).
const MAX_NOTE_BYTES: usize = 1024;

/// Recorders by the object's UID and the note, each with the time of the last event.
type Recent = HashMap<(Option<String>, String), (Recorder, Instant)>;

/// Emits events.
///
/// kube's recorder treats events with the same reason as equal, and keeps the note of the first event. So each note has
/// a recorder.
pub struct EventRecorder {
    client: Client,
    reporter: Reporter,
    metrics: Metrics,
    recent: Mutex<Recent>,
}

impl EventRecorder {
    /// A recorder with this reporter. Drift repairs are counted in `metrics`.
    pub fn new(client: Client, reporter: Reporter, metrics: Metrics) -> Self {
        Self { client, reporter, metrics, recent: Mutex::default() }
    }

    /// Emits an event. A reconcile does not fail if the event cannot be written, for example in a namespace that is
    /// being deleted.
    pub async fn publish(&self, about: &ObjectReference, event: EventToEmit) {
        let EventToEmit { warning, reason, note } = event;
        if reason == EventReason::DriftRepaired.as_str() {
            self.metrics.drift_repaired(about.kind.as_deref().unwrap_or_default());
        }
        let note = truncated(&note, MAX_NOTE_BYTES).into_owned();
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.into(),
            note: Some(note.clone()),
            action: "Reconcile".into(),
            secondary: None,
        };
        match self.recorder(about, note).publish(&event, about).await {
            Err(error) if is_terminating(&error) => {
                debug!(reason, "no event in a namespace that is being deleted")
            }
            Err(error) => warn!(reason, error = error_chain(&error), "cannot write an event"),
            Ok(()) => {}
        }
    }

    fn recorder(&self, about: &ObjectReference, note: String) -> Recorder {
        let mut recent = self.recent.lock();
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

/// True if the namespace accepts no new objects, since it is being deleted
/// (<https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle>).
pub fn is_terminating(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}
