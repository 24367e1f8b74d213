//! Tests of the guard in front of every call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use lambda_triggers_core::api::Tags;
use lambda_triggers_core::pacing::token_bucket::Rates;

use super::*;
use crate::error_chain;

const REGION: &str = "eu-west-1";

/// An HTTP client that counts the requests, and answers none.
#[derive(Clone, Debug, Default)]
struct Requests(Arc<AtomicUsize>);

impl Requests {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl HttpConnector for Requests {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.0.fetch_add(1, Ordering::Relaxed);
        HttpConnectorFuture::ready(Err(ConnectorError::user("no network".into())))
    }
}

impl HttpClient for Requests {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn sdk(requests: &Requests, leadership: Option<Leadership>) -> Sdk {
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(requests.clone())
        .build();
    Sdk::from_config(config, leadership, Telemetry::default(), RateLimiter::new(Rates::default())).unwrap()
}

#[tokio::test]
async fn an_sdk_for_reads_sends_no_write() {
    assert!(SdkSettings::for_reads(Network::from_env().unwrap(), None).leadership.is_none());
    let requests = Requests::default();
    let sdk = sdk(&requests, None);
    let refused = [
        ("TagResource", sdk.scheduler(REGION).tag_group("arn:aws:scheduler:::x", &Tags::new()).await),
        ("DeleteRule", sdk.eventbridge(REGION).delete_rule("x").await),
        ("DeleteFunction", sdk.lambda(REGION).delete_function("x").await),
    ];
    for (operation, answer) in refused {
        let error = error_chain(&answer.expect_err(operation));
        let expected = format!("this command only reads, so {operation} is not sent");
        assert!(error.contains(&expected), "{error}");
    }
    assert_eq!(requests.count(), 0);
    assert!(sdk.eventbridge(REGION).describe("x").await.is_err());
    assert_eq!(requests.count(), 1);
}

#[tokio::test]
async fn a_replica_without_leadership_sends_nothing() {
    let requests = Requests::default();
    let sdk = sdk(&requests, Some(Leadership::default()));
    assert!(sdk.eventbridge(REGION).describe("x").await.is_err());
    assert_eq!(requests.count(), 0);
}
