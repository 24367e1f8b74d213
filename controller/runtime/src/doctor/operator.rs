//! Checks of the running operator: the leader, and the pods.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1;
use kube::api::{ApiResource, ListParams};
use kube::{Api, Client, ResourceExt};
use lambda_triggers_core::diagnosis::{Check, LeaseRecord, Pod, check_leader, check_pod, is_renewed};
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::pacing::lease::RETRY_PERIOD;
use tokio::time::sleep;

use super::Options;
use crate::error_chain;

const LEADER: &str = "leader";
const PODS: &str = "pods";

/// The label of the operator's pods in the chart.
const LABEL: &str = "app.kubernetes.io/name=lambda-triggers";

/// The running operator.
pub struct Running<'a> {
    pub client: &'a Client,
    pub options: &'a Options,
    /// The namespace in which the operator is expected.
    pub own: &'a str,
}

impl Running<'_> {
    /// Checks the leaders and the pods. Returns the namespace of the operator, if a Lease shows it.
    pub async fn examine(&self, owner: &OwnerId) -> (Vec<Check>, Option<String>) {
        let name = owner.object_name();
        let leases = match self.leases(&name).await {
            Ok(leases) => leases,
            Err(error) => {
                let message = format!(
                    "the Lease {name} cannot be read: {}; allow get of Leases in the namespace {}",
                    error_chain(&error),
                    self.own
                );
                return ([vec![Check::skipped(LEADER, message)], self.pods(None).await].concat(), None);
            }
        };
        if leases.is_empty() {
            let pods = self.pods(None).await;
            let runs = pods.iter().any(|check| check.name != PODS);
            return ([vec![self.no_lease(&name, runs)], pods].concat(), None);
        }
        let mut checks = vec![];
        for lease in &leases {
            checks.push(self.leader(lease).await);
        }
        for lease in &leases {
            checks.extend(self.pods(Some(lease)).await);
        }
        (checks, leases[0].namespace())
    }

    /// The Leases of this name. An operator of all namespaces can be in another namespace than the kubeconfig's.
    async fn leases(&self, name: &str) -> Result<Vec<Lease>, kube::Error> {
        let own = Api::<Lease>::namespaced(self.client.clone(), self.own).get_opt(name).await;
        if matches!(own, Ok(Some(_))) || !self.options.namespaces.is_empty() {
            return own.map(|lease| lease.into_iter().collect());
        }
        let params = ListParams::default().fields(&format!("metadata.name={name}"));
        match Api::<Lease>::all(self.client.clone()).list(&params).await {
            Ok(leases) => Ok(leases.items),
            Err(_) => own.map(|lease| lease.into_iter().collect()),
        }
    }

    fn no_lease(&self, name: &str, runs: bool) -> Check {
        if runs {
            let message = format!(
                "no Lease {name} exists, so no pod has led with this owner id; find the cause in the log of the pods, or \
                 give the operator's own --owner-id"
            );
            return Check::failed(LEADER, message);
        }
        let message = format!(
            "no Lease {name} exists in the namespace {}, so no operator has led there with this owner id; install the \
             operator, or use a kubeconfig with the operator's namespace",
            self.own
        );
        Check::skipped(LEADER, message)
    }

    /// The check of the leader. Only a Lease without a young renewal needs the second read.
    async fn leader(&self, lease: &Lease) -> Check {
        let first = record(lease);
        if is_renewed(&first, Timestamp::now()) {
            return check_leader(&first, None, Timestamp::now());
        }
        sleep(2 * RETRY_PERIOD).await;
        let namespace = lease.namespace().unwrap_or_default();
        let later = Api::<Lease>::namespaced(self.client.clone(), &namespace).get(&lease.name_any()).await;
        match later {
            Ok(later) => check_leader(&first, Some(&record(&later)), Timestamp::now()),
            Err(error) => {
                let message =
                    format!("the Lease {} cannot be read again: {}", first.lease, error_chain(&error));
                Check::skipped(LEADER, message)
            }
        }
    }

    /// The checks of the pods in the operator's namespace, or in all namespaces if the namespace is unknown.
    async fn pods(&self, lease: Option<&Lease>) -> Vec<Check> {
        let namespace = match lease {
            Some(lease) => lease.namespace(),
            None => (!self.options.namespaces.is_empty()).then(|| self.own.to_owned()),
        };
        let resource = ApiResource::erase::<v1::Pod>(&());
        let (pods, place): (Api<Pod>, _) = match &namespace {
            Some(namespace) => (
                Api::namespaced_with(self.client.clone(), namespace, &resource),
                format!("the namespace {namespace}"),
            ),
            None => (Api::all_with(self.client.clone(), &resource), "all namespaces".into()),
        };
        let found = match pods.list(&ListParams::default().labels(LABEL)).await {
            Ok(found) => found.items,
            Err(error) => {
                let message = format!(
                    "cannot be listed in {place}: {}; the operator itself does not need this permission: allow list of \
                     pods, or use your own kubeconfig",
                    error_chain(&error)
                );
                return vec![Check::skipped(PODS, message)];
            }
        };
        // The values of the chart can change the label.
        let leader = lease.map(record).and_then(|record| Some(record.pod()?.to_owned()));
        let found = match (found.is_empty(), leader) {
            (true, Some(name)) => pods.get_opt(&name).await.ok().flatten().into_iter().collect(),
            _ => found,
        };
        let checks = found.iter().filter(|pod| !has_ended(pod));
        let checks: Vec<Check> = checks.flat_map(|pod| check_pod(pod, env!("CARGO_PKG_VERSION"))).collect();
        if checks.is_empty() {
            let message = format!("no pod with the label {LABEL} runs in {place}");
            return vec![Check::skipped(PODS, message)];
        }
        checks
    }
}

/// True for a pod that a Job or an eviction has left.
fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn record(lease: &Lease) -> LeaseRecord {
    let spec = lease.spec.clone().unwrap_or_default();
    LeaseRecord {
        lease: format!("{}/{}", lease.namespace().unwrap_or_default(), lease.name_any()),
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
        acquired: spec.acquire_time.map(|time| time.0),
        renewed: spec.renew_time.map(|time| time.0),
    }
}
