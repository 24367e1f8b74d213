//! The context of every reconcile: clients, caches and settings. The shared writers are in [`super::reconciler`].

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use lambda_triggers_core::api::{Backend, Tags};
use lambda_triggers_core::ownership::{ObjectKey, Owner};
use lambda_triggers_core::pacing::resync;
use tokio::time::Instant;

use super::clock::Clock;
use super::events::EventRecorder;
use super::jitter::Jitter;
use super::wakes::Wakes;
use crate::aws::{Aws, NamespaceCredentials};
use crate::objects::{StatusCache, Stores};
use crate::telemetry::Telemetry;

/// The settings of reconciles.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The interval between two resyncs of an object.
    pub resync: Duration,
    /// The time limit of one reconcile, without the waits for the rate limiter.
    pub timeout: Duration,
    /// The time in which S3 usually still applies a PUT without an answer. Finalizers wait this long for the PUT.
    pub write_grace_period: Duration,
    /// The time from the first status of a generation until a missing dependency makes the object Stalled.
    pub progress_deadline: Duration,
    /// Default tags of rules and functions. Tags of the spec override default tags.
    pub default_tags: Tags,
    /// The ARN of the role that EventBridge Scheduler assumes for the schedules of namespaces without their own role.
    pub scheduler_role: Option<String>,
    /// The backend of a `ScheduledFunction` that any backend can run.
    pub default_backend: Backend,
    /// The seed of the jitter.
    pub seed: u64,
    /// The time of day for statuses and schedules.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            resync: Duration::from_secs(600),
            timeout: Duration::from_secs(120),
            write_grace_period: Duration::from_secs(30),
            progress_deadline: Duration::from_secs(120),
            default_tags: Tags::new(),
            scheduler_role: None,
            default_backend: Backend::default(),
            seed: rand::random(),
            clock: Clock::default(),
        }
    }
}

/// The context of every reconcile.
pub struct Context {
    /// The Kubernetes client.
    pub client: Client,
    /// AWS credentials by namespace.
    pub credentials: NamespaceCredentials,
    /// The owner of the operator's AWS resources.
    pub owner: Owner,
    /// The objects of both kinds.
    pub stores: Stores,
    /// The operator's own writes that are newer than the stores.
    pub status_cache: StatusCache,
    /// Requests reconciles of objects whose hindrance ended.
    pub wakes: Arc<Wakes>,
    /// Emits Kubernetes events.
    pub events: EventRecorder,
    /// The operator's own namespace.
    pub namespace: String,
    /// The start of the operator.
    pub started: Instant,
    /// Varies waits.
    pub jitter: Arc<Jitter>,
    /// The settings of reconciles.
    pub settings: Settings,
    /// Metrics and health.
    pub telemetry: Telemetry,
}

impl Context {
    /// AWS with the credentials of the object's namespace. The tenancy file limits all calls.
    pub fn aws(&self, key: &ObjectKey) -> Arc<dyn Aws> {
        self.credentials.aws(&self.owner.id, key)
    }

    /// AWS for the removal of an object's resources, with the credentials of the object's namespace. The tenancy file
    /// does not limit removals: a namespace must be able to remove resources that the namespace may no longer
    /// reference.
    pub fn aws_for_removal(&self, key: &ObjectKey) -> Arc<dyn Aws> {
        self.credentials.aws_for_removal(&self.owner.id, key)
    }

    /// The time until the next resync of an object in sync.
    pub fn next_resync(&self) -> Duration {
        resync::next(self.started.elapsed(), self.settings.resync, self.jitter.chance())
    }

    /// The oldest start of a cached read that a resync may use.
    pub fn oldest_cached_read(&self) -> Instant {
        self.started + resync::oldest_cached_read(self.started.elapsed(), self.settings.resync)
    }

    /// The Region for resources without a Region.
    pub fn default_region(&self) -> &str {
        self.credentials.own().default_region()
    }
}
