//! Leader election: of several replicas one works, and the others wait for its Lease to run out.

use std::time::Duration;

use http::{Method, Request};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::client::{Body, ClientBuilder};
use kube::{Api, Client, Config};
use lambda_triggers_core::pacing::lease::{LEASE, RENEW_WITHIN, RETRY, Record, Step, decide};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::filter::FilterLayer;
use tracing::{info, warn};

use super::StartError;
use crate::error_chain;
use crate::leadership::{Leadership, LeadershipLost};
use crate::telemetry::Health;

/// The most that the release of the Lease may take.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// A look at the Lease that came to nothing.
#[derive(Debug, thiserror::Error)]
enum LeaseError {
    #[error(transparent)]
    Failed(kube::Error),
    #[error("the API server did not answer within {0:?}")]
    Silent(Duration),
}

/// A replica that wants to lead.
pub struct LeaderElector {
    api: Api<Lease>,
    name: String,
    me: String,
    leadership: Leadership,
    health: Health,
    /// The Lease as it was last seen, and since when it has been like that.
    seen: Option<(Lease, Instant)>,
}

impl LeaderElector {
    /// A leader_elector of this name for the Lease `name` in `namespace`.
    pub fn new(
        client: Client,
        namespace: &str,
        name: String,
        me: String,
        leadership: Leadership,
        health: Health,
    ) -> Self {
        Self { api: Api::namespaced(client, namespace), name, me, leadership, health, seen: None }
    }

    /// Waits until this replica leads; false if a stop comes first. A stop does not interrupt an attempt: the Lease could be
    /// taken without an answer, and would block the next leader until the Lease expires.
    pub async fn lead(&mut self, stop: &CancellationToken) -> bool {
        info!(lease = self.name, me = self.me, "waiting to lead");
        loop {
            let wait = match self.attempt_in_time(RENEW_WITHIN).await {
                Ok(None) => break,
                Ok(Some(wait)) => wait,
                Err(error) => {
                    warn!(
                        lease = self.name,
                        error = error_chain(&error),
                        "cannot get the lease; trying again"
                    );
                    RETRY
                }
            };
            if stop.run_until_cancelled(sleep(wait)).await.is_none() {
                return false;
            }
        }
        info!(lease = self.name, me = self.me, "leading");
        true
    }

    /// Renews for as long as that succeeds in time.
    pub async fn keep(&mut self) -> LeadershipLost {
        while self.leadership.check().is_ok() {
            sleep(RETRY).await;
            match self.attempt_in_time(RENEW_WITHIN / 2).await {
                // Where somebody has only written beside it, it is still ours.
                Ok(Some(_)) if !self.holds() => break,
                Ok(_) => {}
                Err(error) => warn!(lease = self.name, error = error_chain(&error), "cannot renew the lease"),
            }
        }
        self.leadership.renewed(None);
        LeadershipLost
    }

    fn holds(&self) -> bool {
        self.seen.as_ref().is_some_and(|(lease, _)| record(lease).holder.as_ref() == Some(&self.me))
    }

    /// Releases the Lease, so that the next leader does not wait until the Lease expires.
    pub async fn release(&mut self) {
        self.leadership.renewed(None);
        let released = match timeout(RELEASE_WITHIN, self.clear_holder()).await {
            Ok(released) => released.map_err(LeaseError::Failed),
            Err(_) => Err(LeaseError::Silent(RELEASE_WITHIN)),
        };
        if let Err(error) = released {
            warn!(
                lease = self.name,
                error = error_chain(&error),
                "cannot release the lease; it expires by itself"
            );
        }
    }

    /// Clears the holder if this replica is the holder. An interrupted renewal may still be written, so the Lease is read
    /// first, and read again after a conflict.
    async fn clear_holder(&self) -> Result<(), kube::Error> {
        loop {
            let Some(mut lease) = self.api.get_opt(&self.name).await? else { return Ok(()) };
            let held = lease.spec.as_mut().filter(|spec| spec.holder_identity.as_ref() == Some(&self.me));
            let Some(spec) = held else { return Ok(()) };
            spec.holder_identity = None;
            match self.api.replace(&self.name, &PostParams::default(), &lease).await {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                done => return done.map(drop),
            }
        }
    }

    /// As [`Self::attempt`], but for no longer than this: kube's client waits for an answer for ever.
    async fn attempt_in_time(&mut self, limit: Duration) -> Result<Option<Duration>, LeaseError> {
        let attempt = match timeout(limit, self.attempt()).await {
            Ok(attempt) => attempt.map_err(LeaseError::Failed),
            Err(_) => Err(LeaseError::Silent(limit)),
        };
        // A refusal is an answer, too, but one that keeps it from leading.
        self.health.looked_at_lease(attempt.is_ok());
        attempt
    }

    /// One look, and what is to be done about it: none if this replica leads now, else when to look again.
    async fn attempt(&mut self) -> Result<Option<Duration>, kube::Error> {
        let sent = Instant::now();
        let found = self.api.get_opt(&self.name).await?;
        if found.as_ref() != self.seen.as_ref().map(|(lease, _)| lease) {
            self.seen = found.map(|lease| (lease, Instant::now()));
        }
        let record = self.seen.as_ref().map(|(lease, _)| record(lease));
        let unchanged_for = self.seen.as_ref().map(|(_, since)| since.elapsed()).unwrap_or_default();
        let step = decide(record.as_ref(), unchanged_for, &self.me);
        let params = PostParams::default();
        let written = match step {
            Step::Wait(time) => return Ok(Some(time)),
            Step::Create => self.api.create(&params, &self.lease(None, step)).await,
            Step::Take | Step::Renew => {
                let before = self.seen.as_ref().map(|(lease, _)| lease);
                self.api.replace(&self.name, &params, &self.lease(before, step)).await
            }
        };
        match written {
            Ok(lease) => {
                self.seen = Some((lease, Instant::now()));
                self.leadership.renewed(Some(sent));
                Ok(None)
            }
            // Another one was quicker; the next look tells who.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Some(RETRY)),
            Err(error) => Err(error),
        }
    }

    /// The Lease as this replica holds it. Its resourceVersion is that of `before`: a write over another one's is refused.
    fn lease(&self, before: Option<&Lease>, step: Step) -> Lease {
        let now = MicroTime(Timestamp::now());
        let spec = before.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let changed = step != Step::Renew;
        let transitions = spec.lease_transitions.unwrap_or_default();
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        Lease {
            metadata: before.map_or(metadata, |lease| lease.metadata.clone()),
            spec: Some(LeaseSpec {
                holder_identity: Some(self.me.clone()),
                lease_duration_seconds: i32::try_from(LEASE.as_secs()).ok(),
                acquire_time: if changed { Some(now.clone()) } else { spec.acquire_time.clone() },
                renew_time: Some(now),
                lease_transitions: Some(transitions + i32::from(step == Step::Take)),
                ..spec
            }),
        }
    }
}

fn record(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Record { holder: spec.holder_identity, duration: seconds.map_or(LEASE, Duration::from_secs) }
}

/// A client that writes only while this replica leads.
pub fn guarded_client(config: Config, leadership: Leadership) -> Result<Client, StartError> {
    let guard = move |request: Request<Body>| -> Result<Request<Body>, LeadershipLost> {
        let reads = request.method() == Method::GET;
        if reads { Ok(request) } else { leadership.check().map(|()| request) }
    };
    Ok(ClientBuilder::try_from(config)?.with_layer(&FilterLayer::new(guard)).build())
}
