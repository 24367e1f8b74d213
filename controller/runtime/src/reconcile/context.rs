//! What every reconcile has at hand.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use lambda_triggers_core::api::Tags;
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

/// How reconciles behave.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Each object is checked again after this time.
    pub resync: Duration,
    /// The most that one reconcile may take.
    pub timeout: Duration,
    /// How long a write to a bucket that got no answer takes effect still, as a rule; as long does a finalizer wait for it.
    pub write_grace_period: Duration,
    /// The time from the first writer on a generation until a missing dependency makes the object Stalled.
    pub progress_deadline: Duration,
    /// Default tags of rules and functions. The spec's tags win.
    pub default_tags: Tags,
    /// What waits are varied by.
    pub seed: u64,
    /// The time of day.
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
            seed: rand::random(),
            clock: Clock::default(),
        }
    }
}

/// What every reconcile has at hand.
pub struct Context {
    /// Kubernetes.
    pub client: Client,
    /// AWS, by namespace.
    pub credentials: NamespaceCredentials,
    /// Whose references in AWS are ours.
    pub owner: Owner,
    /// The objects of both kinds.
    pub stores: Stores,
    /// StatusCache newer than the stores.
    pub status_cache: StatusCache,
    /// Requests reconciles of objects whose hindrance ended.
    pub wakes: Arc<Wakes>,
    /// Writes events.
    pub events: EventRecorder,
    /// Whether a leader is elected; else, another operator of this owner id may run beside us by mistake.
    pub elected: bool,
    /// The operator's own namespace.
    pub namespace: String,
    /// When the operator started.
    pub started: Instant,
    /// Varies waits.
    pub jitter: Arc<Jitter>,
    /// How reconciles behave.
    pub settings: Settings,
    /// What is told of all this.
    pub telemetry: Telemetry,
}

impl Context {
    /// AWS for what an object asks for: with the credentials of its namespace, and no further than the tenancy permits.
    pub fn aws(&self, key: &ObjectKey) -> Arc<dyn Aws> {
        self.credentials.aws(&self.owner.id, key)
    }

    /// AWS for taking away what was made for an object, with the credentials of its namespace: what that may not name any
    /// more has to go all the same.
    pub fn aws_for_removal(&self, key: &ObjectKey) -> Arc<dyn Aws> {
        self.credentials.aws_for_removal(&self.owner.id, key)
    }

    /// When an object is looked at again that is as it is to be: after this time.
    pub fn next_resync(&self) -> Duration {
        resync::next(self.started.elapsed(), self.settings.resync, self.jitter.chance())
    }

    /// Since when an answer of AWS may have been asked for to be shared in a resync.
    pub fn oldest_cached_read(&self) -> Instant {
        self.started + resync::oldest_cached_read(self.started.elapsed(), self.settings.resync)
    }

    /// The Region of resources that name none.
    pub fn default_region(&self) -> &str {
        self.credentials.own().default_region()
    }
}
