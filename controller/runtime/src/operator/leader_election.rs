//! Leader election: the holder of the Lease works, and each other replica waits until the Lease expires.

use std::time::Duration;

use http::{Method, Request};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::client::{Body, ClientBuilder};
use kube::{Api, Client, Config};
use lambda_triggers_core::pacing::lease::{
    LEASE_DURATION, RENEW_DEADLINE, RETRY_PERIOD, Record, Step, decide,
};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::filter::FilterLayer;
use tracing::{info, warn};

use super::start_error::StartError;
use crate::error_chain;
use crate::leadership::{Leadership, LeadershipLost};
use crate::telemetry::Health;

/// The timeout for the release of the Lease.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// A failed attempt to read or write the Lease.
#[derive(Debug, thiserror::Error)]
enum LeaseError {
    #[error(transparent)]
    Failed(kube::Error),
    #[error("the API server did not answer within {0:?}")]
    Silent(Duration),
}

/// The leader elector of one replica.
pub struct LeaderElector {
    api: Api<Lease>,
    name: String,
    me: String,
    leadership: Leadership,
    health: Health,
    /// The Lease as last seen, and the time of the last change.
    seen: Option<(Lease, Instant)>,
}

impl LeaderElector {
    /// Creates an elector with the identity `me` for the Lease `name` in `namespace`.
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

    /// Waits until this replica leads; false after a stop. A stop does not interrupt an attempt. An interrupted
    /// attempt could still acquire the Lease, and would block the next leader until the Lease expires.
    pub async fn lead(&mut self, stop: &CancellationToken) -> bool {
        info!(lease = self.name, me = self.me, "waiting to lead");
        loop {
            let wait = match self.attempt_in_time(RENEW_DEADLINE).await {
                Ok(None) => break,
                Ok(Some(wait)) => wait,
                Err(error) => {
                    warn!(
                        lease = self.name,
                        error = error_chain(&error),
                        "cannot get the lease; trying again"
                    );
                    RETRY_PERIOD
                }
            };
            if stop.run_until_cancelled(sleep(wait)).await.is_none() {
                return false;
            }
        }
        info!(lease = self.name, me = self.me, "leading");
        true
    }

    /// Renews the Lease, until another replica holds the Lease or no renewal succeeds in time.
    pub async fn keep(&mut self) -> LeadershipLost {
        while self.leadership.check().is_ok() {
            sleep(RETRY_PERIOD).await;
            match self.attempt_in_time(RENEW_DEADLINE / 2).await {
                // A conflict can come from a writer of other fields: this replica may still hold the Lease.
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

    /// Releases the Lease, so that the next leader does not wait for the expiry.
    pub async fn release(&mut self) {
        self.leadership.renewed(None);
        let cleared = match timeout(RELEASE_WITHIN, self.clear_holder()).await {
            Ok(cleared) => cleared.map_err(LeaseError::Failed),
            Err(_) => Err(LeaseError::Silent(RELEASE_WITHIN)),
        };
        if let Err(error) = cleared {
            warn!(
                lease = self.name,
                error = error_chain(&error),
                "cannot release the lease; it expires by itself"
            );
        }
    }

    /// Clears the holder if this replica is the holder. An interrupted renewal may still be written, so the Lease is
    /// read first, and read again after a conflict.
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

    /// Runs [`Self::attempt`] with a timeout, since kube's client would wait forever for an answer.
    async fn attempt_in_time(&mut self, limit: Duration) -> Result<Option<Duration>, LeaseError> {
        let attempt = match timeout(limit, self.attempt()).await {
            Ok(attempt) => attempt.map_err(LeaseError::Failed),
            Err(_) => Err(LeaseError::Silent(limit)),
        };
        // A refusal is an answer, but keeps the replica from leading.
        self.health.record_lease_attempt(attempt.is_ok());
        attempt
    }

    /// Reads the Lease, and creates, acquires or renews the Lease. Returns `None` if this replica leads now, else the
    /// time until the next attempt.
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
            // Another replica was faster, and the next attempt reads its Lease.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Some(RETRY_PERIOD)),
            Err(error) => Err(error),
        }
    }

    /// The Lease with this replica as holder. With the resourceVersion of `before`, the API server refuses the write
    /// if another replica has written since.
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
                lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
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
    Record { holder: spec.holder_identity, duration: seconds.map_or(LEASE_DURATION, Duration::from_secs) }
}

/// A client that can write only while this replica leads.
pub fn guarded_client(config: Config, leadership: Leadership) -> Result<Client, StartError> {
    let guard = move |request: Request<Body>| -> Result<Request<Body>, LeadershipLost> {
        let reads = request.method() == Method::GET;
        if reads { Ok(request) } else { leadership.check().map(|()| request) }
    };
    Ok(ClientBuilder::try_from(config)?.with_layer(&FilterLayer::new(guard)).build())
}
