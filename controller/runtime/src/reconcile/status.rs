//! Writes the status of an object, and keeps the flags of one reconcile.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use lambda_triggers_core::api::{Applied, RECONCILE_ANNOTATION, TriggerStatus};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::Origin;
use lambda_triggers_core::pacing::resync;
use lambda_triggers_core::plan::trigger::TriggerPlan;
use lambda_triggers_core::status::{Component, EventToEmit, Outcome, Reason, conditions, is_overdue};
use serde_json::json;
use tokio::time::Instant;
use tracing::{debug, info};

use super::context::{Context, Settings};
use super::error::Error;
use super::recorded::Recorded;
use super::wakes::Hindrance;
use crate::objects::{Identity, RawJson, Trigger};

/// The field manager of the status in server-side apply.
pub const FIELD_MANAGER: &str = "lambda-triggers";

/// The status of one object during one reconcile.
pub struct StatusWriter<'a, K: Trigger> {
    /// The context of every reconcile.
    pub context: &'a Context,
    api: Api<K>,
    /// The start of the reconcile: a read that began later is fresh.
    pub began: Instant,
    /// The identity of the object.
    pub id: Identity,
    /// The spec of the object, valid or not.
    pub spec: RawJson,
    /// The status in the API server.
    written: TriggerStatus,
    /// The resource version of the object with that status.
    version: Option<String>,
    /// The status to write next.
    pub status: TriggerStatus,
    /// The components that match the spec.
    ready: BTreeSet<Component>,
    /// True if AWS matched this generation of the spec before the reconcile: a difference is drift.
    pub was_in_sync: bool,
    /// True if this reconcile changed AWS, or may have changed AWS.
    pub changed_aws: bool,
    /// True if the annotation requests a reconcile: no cached result may be used.
    pub reconcile_requested: bool,
    /// The recorded resources before the plan.
    before_record: Option<Applied>,
    /// True if the reconcile reads the state of the function and the tags of the rule, too.
    pub reads_everything: bool,
    /// The value of the annotation.
    request: Option<String>,
    /// True if the last reconcile of this generation found an equivalent foreign statement: the operator does not
    /// repeat the denied write.
    pub trusts_others: bool,
    /// The message of the condition for an external permission.
    external_permission: Option<String>,
}

impl<'a, K: Trigger + Debug> StatusWriter<'a, K> {
    /// A writer with the newest known status of the object.
    pub fn new(context: &'a Context, api: Api<K>, object: &K) -> Self {
        let id = Identity::from_object(object);
        let (written, version) = context.status_cache.latest(object);
        let was_in_sync = written.is_ready() && written.observed_generation == id.generation;
        let request = object.annotations().get(RECONCILE_ANNOTATION).cloned();
        let reconcile_requested = request.is_some() && request != written.last_handled_reconcile_at;
        let is_external = |c: &Condition| {
            c.type_ == Component::Permission.condition() && c.reason == Reason::ExternalPermission.as_str()
        };
        let trusts_others = was_in_sync && !reconcile_requested && written.conditions.iter().any(is_external);
        let is_known = written.observed_generation == id.generation;
        let now = || Some(Time(context.settings.clock.now()));
        let observed_generation_at = if is_known { written.observed_generation_at.clone() } else { now() };
        let is_full = is_full_resync(context, observed_generation_at.as_ref(), &id.uid);
        let reads_everything = reconcile_requested || is_full;
        Self {
            context,
            api,
            began: Instant::now(),
            id,
            spec: object.spec().clone(),
            status: TriggerStatus { observed_generation_at, ..written.clone() },
            written,
            version,
            ready: BTreeSet::new(),
            was_in_sync,
            changed_aws: false,
            reconcile_requested,
            reads_everything,
            before_record: None,
            request,
            trusts_others,
            external_permission: None,
        }
    }

    /// The origin of the object's resources, for tags.
    pub fn origin(&self) -> Origin {
        Origin { kind: K::NAME, key: self.id.key.clone(), uid: self.id.uid.clone() }
    }

    /// Records the identities of resources in the status before the resources are created. The deletion of the object
    /// then finds the resources after a crash or a failure.
    pub async fn record(&mut self, applied: Applied, message: &str) -> Result<Recorded, Error> {
        self.status.applied = applied;
        if self.status.applied != self.written.applied {
            self.write(&Outcome::Progressing { message: message.into() }).await?;
        }
        Ok(Recorded::new())
    }

    /// Records the resources that a plan will create, beside the resources that the plan makes obsolete.
    pub async fn record_plan(&mut self, plan: &TriggerPlan, message: &str) -> Result<Recorded, Error> {
        if !plan.is_empty() {
            debug!(%plan, "the plan");
        }
        let mut applied = plan.wanted.clone();
        applied.merge(&self.status.applied);
        self.before_record = Some(self.status.applied.clone());
        self.record(applied, message).await
    }

    /// Withdraws the record of a plan, of which nothing was created.
    pub fn withdraw_record(&mut self) {
        if let Some(before) = self.before_record.take().filter(|_| !self.changed_aws) {
            self.status.applied = before;
        }
    }

    /// True if the state of the function may matter: the last reconcile found a failure of the function.
    pub fn reads_function(&self) -> bool {
        self.reads_everything || self.last_failure(Component::Function).is_some()
    }

    /// The reason of the component's failure in the last status; `None` without a failure.
    pub fn last_failure(&self, component: Component) -> Option<&str> {
        let has_failed = |c: &&Condition| c.type_ == component.condition() && c.status == "False";
        self.written.conditions.iter().find(has_failed).map(|condition| condition.reason.as_str())
    }

    /// Shows the function in the status.
    pub fn show_function(&mut self, arn: &FunctionArn) {
        self.status.function_arn = Some(arn.to_string());
        self.status.function_name = Some(arn.short());
    }

    /// Marks a component as ready, even if another component fails.
    pub fn mark_ready(&mut self, component: Component) {
        self.ready.insert(component);
    }

    /// Records an external permission.
    pub fn set_external_permission(&mut self, message: String) {
        self.ready.insert(Component::Permission);
        self.external_permission = Some(message);
    }

    /// Writes the outcome and the handled annotation, if the status changes.
    pub async fn outcome(&mut self, outcome: &Outcome) -> Result<(), Error> {
        if self.reconcile_requested {
            self.status.last_handled_reconcile_at.clone_from(&self.request);
        }
        self.write(outcome).await
    }

    /// Writes the outcome, if the status changes. The annotation stays unhandled.
    pub async fn write(&mut self, outcome: &Outcome) -> Result<(), Error> {
        self.status.conditions = self.conditions(outcome);
        self.status.observed_generation = self.id.generation;
        if self.status == self.written {
            return Ok(());
        }
        // The resource version makes the API server reject the write after another change of the object. A UID does not
        // protect against a successor with the same name: the API server accepts a status with any UID.
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

    /// True if the status reports this outcome already: another event would be a duplicate.
    pub fn already_reported(&self, outcome: &Outcome) -> bool {
        self.conditions(outcome) == self.written.conditions
    }

    fn conditions(&self, outcome: &Outcome) -> Vec<Condition> {
        let now = Time(self.context.settings.clock.now());
        let all = || K::components(&self.status).iter().copied().collect();
        let is_whole = matches!(
            outcome,
            Outcome::Applied { .. } | Outcome::Completed { .. } | Outcome::Paused { in_place: true, .. }
        );
        let ready = if is_whole { all() } else { self.ready.clone() };
        let external = self.external_permission.as_deref();
        let generation = self.id.generation;
        conditions(&self.written.conditions, &ready, external, outcome, generation, &now, self.is_overdue())
    }

    /// Registers the object for a reconcile when the hindrance ends.
    pub fn wake_after(&self, hindrance: Hindrance) {
        self.context.wakes.register(hindrance, (K::NAME, self.id.key.clone()));
    }

    /// True if the progress deadline of this generation has passed.
    pub fn is_overdue(&self) -> bool {
        let Settings { clock, progress_deadline, .. } = &self.context.settings;
        is_overdue(self.status.observed_generation_at.as_ref(), &Time(clock.now()), *progress_deadline)
    }

    /// Emits an event on the object, and logs the event.
    pub async fn emit(&self, event: EventToEmit) {
        info!(reason = event.reason, "{}", event.note);
        self.context.events.publish(&self.id.reference(), event).await;
    }
}

/// True if a resync of the object reads everything. A generation of unknown age counts as old.
fn is_full_resync(context: &Context, observed_generation_at: Option<&Time>, uid: &str) -> bool {
    let now = context.settings.clock.now();
    let changed =
        observed_generation_at.map_or(Duration::MAX, |time| now.duration_since(time.0).unsigned_abs());
    let time = Duration::from_secs(now.as_second().try_into().unwrap_or_default());
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    resync::reads_everything(changed, time, context.settings.resync, hasher.finish())
}
