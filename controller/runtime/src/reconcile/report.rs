//! Writes what is known of an object back to it: status, and events.

use std::collections::BTreeSet;
use std::fmt::Debug;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder};
use lambda_triggers_core::api::{Applied, TriggerStatus};
use lambda_triggers_core::plan::report::{Outcome, Part, conditions};
use serde_json::json;
use tracing::warn;

use super::context::Context;
use super::error::{Error, chain};
use super::object::{Identity, Raw};

/// Owns the fields of the status that we apply.
pub const FIELD_MANAGER: &str = "lambda-triggers";

/// The status of one object, for the length of a reconcile.
pub struct Report<'a, K: Raw> {
    context: &'a Context,
    api: Api<K>,
    /// The object.
    pub id: Identity,
    /// The status as the API server has it.
    written: TriggerStatus,
    /// The status as it will be written next.
    pub status: TriggerStatus,
    /// The parts that were found, or made, as the spec says.
    ready: BTreeSet<Part>,
    /// Whether AWS was as this generation of the spec says when the reconcile began: what differs now was changed
    /// by somebody else.
    pub settled: bool,
}

impl<'a, K: Raw + Debug> Report<'a, K> {
    /// The report on an object.
    pub fn new(context: &'a Context, api: Api<K>, object: &K) -> Self {
        let id = Identity::of(object);
        let written = context.statuses.latest(object);
        let ready = written.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True");
        let settled = ready && written.observed_generation == id.generation;
        Self { context, api, id, status: written.clone(), written, ready: BTreeSet::new(), settled }
    }

    /// Records the identity of what is about to be made: it is on the object before it is in AWS, so that whatever
    /// happens between, the object's deletion finds it.
    pub async fn record(&mut self, applied: Applied, message: &str) -> Result<(), Error> {
        if self.status.applied == applied {
            return Ok(());
        }
        self.status.applied = applied;
        self.outcome(&Outcome::Progressing { message: message.into() }).await
    }

    /// Notes that a part is as the spec says, whatever becomes of the others.
    pub fn ready(&mut self, part: Part) {
        self.ready.insert(part);
    }

    /// Writes the outcome, if it says anything new.
    pub async fn outcome(&mut self, outcome: &Outcome) -> Result<(), Error> {
        self.status.conditions = self.conditions(outcome);
        self.status.observed_generation = self.id.generation;
        if self.status == self.written {
            return Ok(());
        }
        let patch = Patch::Apply(json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"uid": self.id.uid},
            "status": self.status,
        }));
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let object = self.api.patch_status(&self.id.key.name, &params, &patch).await;
        let object = object.map_err(Error::kubernetes("write the status"))?;
        let version = object.meta().resource_version.as_deref();
        self.context.statuses.remember(&self.id.uid, version, self.status.clone());
        self.written = self.status.clone();
        Ok(())
    }

    /// Whether the status says so already: an event about it would be one more of the same.
    pub fn says(&self, outcome: &Outcome) -> bool {
        self.conditions(outcome) == self.written.conditions
    }

    fn conditions(&self, outcome: &Outcome) -> Vec<Condition> {
        let now = Time(jiff::Timestamp::now());
        let all = || K::PARTS.iter().copied().collect();
        let ready = if matches!(outcome, Outcome::Applied { .. }) { all() } else { self.ready.clone() };
        conditions(&self.written.conditions, &ready, outcome, self.id.generation, &now)
    }

    /// Tells what happened.
    pub async fn event(&self, notice: Notice) {
        publish(&self.context.recorder, &self.id.reference, notice).await;
    }
}

/// Something that a user would want to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether it is a warning.
    pub warning: bool,
    /// What happened, in one word.
    pub reason: &'static str,
    /// What happened, in words.
    pub note: String,
}

impl Notice {
    /// Something good.
    pub fn normal(reason: &'static str, note: impl Into<String>) -> Self {
        Self { warning: false, reason, note: note.into() }
    }

    /// Something that somebody should look at.
    pub fn warning(reason: &'static str, note: impl Into<String>) -> Self {
        Self { warning: true, reason, note: note.into() }
    }
}

/// Writes an event. No reconcile fails for an event that cannot be written, as in a namespace that is going away.
pub async fn publish(recorder: &Recorder, about: &ObjectReference, notice: Notice) {
    let Notice { warning, reason, note } = notice;
    // The API server takes notes up to 1 kB (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/).
    let note = note.chars().take(1000).collect();
    let event = Event {
        type_: if warning { EventType::Warning } else { EventType::Normal },
        reason: reason.into(),
        note: Some(note),
        action: "Reconcile".into(),
        secondary: None,
    };
    if let Err(error) = recorder.publish(&event, about).await {
        warn!(reason, error = chain(&error), "cannot write an event");
    }
}
