//! Writes what is known of an object back to it, as its status.

use std::collections::BTreeSet;
use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use lambda_triggers_core::api::{Applied, RECONCILE_ANNOTATION, TriggerStatus};
use lambda_triggers_core::ownership::Origin;
use lambda_triggers_core::status::{Component, Outcome, Reason, conditions, is_overdue};
use serde_json::json;

use super::context::{Context, Settings};
use super::error::Error;
use super::events::EventToEmit;
use super::orphans::record_released;
use super::wakes::Hindrance;
use crate::objects::{Identity, RawJson, Trigger};

/// Owns the fields of the status that we apply.
pub const FIELD_MANAGER: &str = "lambda-triggers";

/// The status of one object, for the length of a reconcile.
pub struct StatusWriter<'a, K: Trigger> {
    context: &'a Context,
    api: Api<K>,
    /// The object.
    pub id: Identity,
    /// Its spec, whatever it says.
    pub spec: RawJson,
    /// The status as the API server has it.
    written: TriggerStatus,
    /// The object's version with that status.
    version: Option<String>,
    /// The status as it will be written next.
    pub status: TriggerStatus,
    /// The parts that were found, or made, as the spec says.
    ready: BTreeSet<Component>,
    /// Whether AWS was as this generation of the spec says when the reconcile began: what differs now was changed
    /// by somebody else.
    pub was_in_sync: bool,
    /// Whether something was changed in AWS, or may have been.
    pub changed_aws: bool,
    /// Whether AWS is at work on something, for whomever: it is to be looked at again soon.
    pub requeue_soon: bool,
    /// Whether somebody reconcile_requested for this reconcile by the annotation: nothing may be taken from an earlier look.
    pub reconcile_requested: bool,
    /// What the annotation says, where it is there.
    request: Option<String>,
    /// True if the last reconcile of this generation found an equivalent foreign statement: the operator does not repeat
    /// the denied write.
    pub trusts_others: bool,
    /// The message of the condition for an external permission.
    external_permission: Option<String>,
}

impl<'a, K: Trigger + Debug> StatusWriter<'a, K> {
    /// The writer on an object.
    pub fn new(context: &'a Context, api: Api<K>, object: &K) -> Self {
        let id = Identity::from_object(object);
        let (written, version) = context.status_cache.latest(object);
        let ready = written.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True");
        let was_in_sync = ready && written.observed_generation == id.generation;
        let request = object.annotations().get(RECONCILE_ANNOTATION).cloned();
        let reconcile_requested = request.is_some() && request != written.last_handled_reconcile_at;
        let is_external = |c: &Condition| {
            c.type_ == Component::Permission.condition() && c.reason == Reason::ExternalPermission.as_str()
        };
        let trusts_others = was_in_sync && !reconcile_requested && written.conditions.iter().any(is_external);
        let applied = context.status_cache.with_remembered(&id.uid, written.applied.clone());
        let is_known = written.observed_generation == id.generation;
        let now = || Some(Time(context.settings.clock.now()));
        let observed_generation_at = if is_known { written.observed_generation_at.clone() } else { now() };
        Self {
            context,
            api,
            id,
            spec: object.spec().clone(),
            status: TriggerStatus { applied, observed_generation_at, ..written.clone() },
            written,
            version,
            ready: BTreeSet::new(),
            was_in_sync,
            changed_aws: false,
            requeue_soon: false,
            reconcile_requested,
            request,
            trusts_others,
            external_permission: None,
        }
    }

    /// The object, as tags name it.
    pub fn origin(&self) -> Origin {
        Origin { kind: K::NAME, key: self.id.key.clone(), uid: self.id.uid.clone() }
    }

    /// The object's version, as far as we know.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Records the identity of what is about to be made: it is on the object before it is in AWS, so that whatever
    /// happens between, the object's deletion finds it.
    pub async fn record_intent(&mut self, applied: Applied, message: &str) -> Result<(), Error> {
        self.status.applied = applied;
        if self.status.applied == self.written.applied {
            return Ok(());
        }
        self.write(&Outcome::Progressing { message: message.into() }).await
    }

    /// Notes that a component is as the spec says, whatever becomes of the others.
    pub fn ready(&mut self, component: Component) {
        self.ready.insert(component);
    }

    /// Notes an external permission.
    pub fn permitted_by_others(&mut self, message: String) {
        self.ready.insert(Component::Permission);
        self.external_permission = Some(message);
    }

    /// Writes the outcome, if it says anything new, and that the request by the annotation was met.
    pub async fn outcome(&mut self, outcome: &Outcome) -> Result<(), Error> {
        if self.reconcile_requested {
            self.status.last_handled_reconcile_at.clone_from(&self.request);
        }
        self.write(outcome).await
    }

    /// Writes an outcome, if it says anything new. A request by the annotation stays open.
    pub async fn write(&mut self, outcome: &Outcome) -> Result<(), Error> {
        self.status.conditions = self.conditions(outcome);
        self.status.observed_generation = self.id.generation;
        if self.status == self.written {
            return Ok(());
        }
        let (context, version) = (self.context, self.version.as_deref());
        record_released(context, K::NAME, &self.id, version, &self.written.applied, &self.status.applied)
            .await?;
        // Refused where the object has changed since: it may be another one of that name. The UID alone would not do, since
        // the API server takes a status with any.
        let patch = Patch::Apply(json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"resourceVersion": self.version},
            "status": self.status,
        }));
        self.context.status_cache.begin_write(&self.id.uid, &self.status);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let object = self.api.patch_status(&self.id.key.name, &params, &patch).await;
        let object = object.map_err(Error::kubernetes("write the status"))?;
        self.version.clone_from(&object.meta().resource_version);
        self.context.status_cache.remember(&self.id.uid, self.version.as_deref(), self.status.clone());
        self.written = self.status.clone();
        Ok(())
    }

    /// Whether the status says so already: an event about it would be one more of the same.
    pub fn already_reported(&self, outcome: &Outcome) -> bool {
        self.conditions(outcome) == self.written.conditions
    }

    /// Whether the status would be another one with this outcome.
    pub fn would_change(&self, outcome: &Outcome) -> bool {
        let (conditions, observed_generation) = (self.conditions(outcome), self.id.generation);
        TriggerStatus { conditions, observed_generation, ..self.status.clone() } != self.written
    }

    fn conditions(&self, outcome: &Outcome) -> Vec<Condition> {
        let now = Time(self.context.settings.clock.now());
        let all = || K::COMPONENTS.iter().copied().collect();
        let is_whole = matches!(outcome, Outcome::Applied { .. } | Outcome::Paused { in_place: true, .. });
        let ready = if is_whole { all() } else { self.ready.clone() };
        let external = self.external_permission.as_deref();
        let generation = self.id.generation;
        conditions(&self.written.conditions, &ready, external, outcome, generation, &now, self.is_overdue())
    }

    /// Registers the object for a reconcile when the hindrance ends.
    pub fn wait(&self, hindrance: Hindrance) {
        self.context.wakes.wait(hindrance, (K::NAME, self.id.key.clone()));
    }

    /// Whether the progress deadline of this generation has passed.
    pub fn is_overdue(&self) -> bool {
        let Settings { clock, progress_deadline, .. } = &self.context.settings;
        is_overdue(self.status.observed_generation_at.as_ref(), &Time(clock.now()), *progress_deadline)
    }

    /// Tells what happened.
    pub async fn emit(&self, event: EventToEmit) {
        self.context.events.publish(&self.id.reference, event).await;
    }
}
