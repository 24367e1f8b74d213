//! Our CRDs, generated from the types. Another test compares `crds/` with the types.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use kube::{Api, ResourceExt};
use lambda_triggers_core::api::crds;

/// Time limit for the API server to serve a new CRD.
const ESTABLISHED_LIMIT: Duration = Duration::from_secs(60);

/// Applies the CRDs and waits until the API server serves them.
pub(super) async fn apply_crds(client: &kube::Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in crds() {
        let name = crd.name_any();
        api.patch(&name, &PatchParams::apply("lambda-triggers-test").force(), &Patch::Apply(&crd))
            .await
            .unwrap_or_else(|error| match error {
                kube::Error::Api(refusal) => panic!("applying the CRD {name}: {}", refusal.message),
                error => panic!("applying the CRD {name}: {error}"),
            });
        tokio::time::timeout(ESTABLISHED_LIMIT, await_condition(api.clone(), &name, is_crd_established()))
            .await
            .unwrap_or_else(|_| panic!("the CRD {name} was not established within {ESTABLISHED_LIMIT:?}"))
            .unwrap_or_else(|error| panic!("watching the CRD {name}: {error}"));
    }
}
