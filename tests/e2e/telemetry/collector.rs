//! A collector of traces: receives spans by OTLP over HTTP, and stores them.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A collector. Its connections end on drop.
pub struct Collector {
    address: String,
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    _served: JoinSet<()>,
}

impl Collector {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests: Arc<Mutex<Vec<_>>> = Arc::default();
        let stored = requests.clone();
        let mut served = JoinSet::new();
        served.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, stored.clone()));
            }
        });
        Self { address, requests, _served: served }
    }

    /// The URL for the operator's flag.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All received spans.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock();
        let scopes =
            requests.iter().flat_map(|request| &request.resource_spans).flat_map(|spans| &spans.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The resource attributes of the received spans, without duplicates.
    pub fn senders(&self) -> Vec<Vec<(String, String)>> {
        let requests = self.requests.lock();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        let mut all: Vec<_> = resources
            .filter_map(|spans| spans.resource.as_ref())
            .map(|resource| texts(&resource.attributes))
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

/// The text attributes, by name.
pub fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some((attribute.key.clone(), text.clone())),
        _ => None,
    };
    let mut all: Vec<_> = attributes.iter().filter_map(text).collect();
    all.sort();
    all
}

async fn serve(stream: TcpStream, stored: Arc<Mutex<Vec<ExportTraceServiceRequest>>>) {
    let service = service_fn(move |request| store_request(request, stored.clone()));
    // An error means that the client has disconnected.
    let _closed = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn store_request(
    request: Request<Incoming>,
    stored: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    assert_eq!(request.uri().path(), "/v1/traces");
    let body = request.into_body().collect().await?.to_bytes();
    stored.lock().push(ExportTraceServiceRequest::decode(body).unwrap());
    Ok(Response::default())
}
