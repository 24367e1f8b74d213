//! Traces by OTLP over HTTP: one span for each reconcile, with the reconcile's calls to Kubernetes and AWS.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::{Level, Metadata, Subscriber, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::network::Network;

/// The path added to the collector's URL (<https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>).
const PATH: &str = "/v1/traces";
/// The timeout for sending a batch of spans.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// The timeout for sending the last spans at the end of the process.
const END_LIMIT: Duration = Duration::from_secs(5);

/// The exporter of spans to a collector.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Sends spans to this collector in batches, on the runtime of `handle`.
    ///
    /// # Errors
    /// A variable `OTEL_EXPORTER_OTLP_*` is invalid.
    pub fn to(
        collector: &Uri,
        network: &Network,
        handle: Handle,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let client = OnRuntime { handle, client: network.collector_client(collector) };
        let url = format!("{}{PATH}", collector.to_string().trim_end_matches('/'));
        let exporter =
            SpanExporter::builder().with_http().with_http_client(client).with_endpoint(url).build()?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource());
        Ok(Self { provider: provider.build() })
    }

    /// The layer that collects the spans of the program.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let tracer = self.provider.tracer(env!("CARGO_PKG_NAME"));
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        layer.with_location(false).with_threads(false).with_filter(filter_fn(is_traced))
    }

    /// Sends the remaining spans. Call this function outside of the runtime, while the runtime still runs.
    pub fn end(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(END_LIMIT) {
            warn!(%error, "the last spans were not sent to the collector");
        }
    }
}

/// The service name and version of the spans. The environment can set the name
/// (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration>).
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version);
    match std::env::var_os("OTEL_SERVICE_NAME") {
        Some(_) => resource.build(),
        None => resource.with_service_name(env!("CARGO_PKG_NAME")).build(),
    }
}

/// True for the operator's own spans and events, and for one span of each call: the SDK's span with the operation, and
/// kube's span of the request.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    let (target, is_span) = (metadata.target(), metadata.is_span());
    if target.starts_with("lambda_triggers") {
        return is_span || *metadata.level() <= Level::INFO;
    }
    is_span
        && (target.starts_with("aws_sdk_") || target.starts_with("kube_client") && metadata.name() == "HTTP")
}

/// The client on the operator's runtime: the exporter sends spans from a thread outside of the runtime.
#[derive(Debug)]
struct OnRuntime<C> {
    handle: Handle,
    client: C,
}

#[async_trait]
impl<C: HttpClient + Clone + 'static> HttpClient for OnRuntime<C> {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let send = async move { tokio::time::timeout(SEND_LIMIT, client.send_bytes(request)).await? };
        self.handle.spawn(send).await?
    }
}
