//! The client side: requests to the emulator behind the proxy.

use std::{fmt, sync::Arc};

use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Uri,
    body::Bytes,
    header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

use super::{
    arn::FunctionRef,
    call::Request,
    wire::{Answer, Refusal},
};

/// A client of the emulator at one address.
#[derive(Clone)]
pub(super) struct Upstream {
    client: Client<HttpConnector, Full<Bytes>>,
    base: Arc<str>,
}

/// The emulator was unreachable, or its answer was incomplete.
#[derive(Debug)]
pub(super) struct Unreachable {
    what: String,
    cause: String,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the front got no answer from the emulator to {}: {}", self.what, self.cause)
    }
}

impl From<Unreachable> for Refusal {
    fn from(error: Unreachable) -> Self {
        Self::new(503, "ServiceUnavailable", error.to_string())
    }
}

impl Upstream {
    /// `base` is scheme, host and port, without a path.
    pub fn new(base: &Uri) -> Self {
        // No idle connections: the emulator closes idle connections at any time, and a request on a closing connection
        // would fail.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { client, base: base.to_string().trim_end_matches('/').into() }
    }

    /// Forwards a client's request unchanged.
    pub async fn forward(&self, request: &Request) -> Result<Answer, Unreachable> {
        self.send(
            &request.method,
            &request.path,
            request.query.as_deref(),
            request.headers.clone(),
            request.body.clone(),
        )
        .await
    }

    /// Sends a request of the proxy itself for `account` in `region`. The emulator reads the signature's scope but does
    /// not verify the signature.
    pub async fn own(
        &self,
        (account, region, service): (&str, &str, &str),
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Unreachable> {
        let mut all = HeaderMap::new();
        all.insert(AUTHORIZATION, authorization(account, region, service));
        for (name, value) in headers {
            all.insert(*name, value.parse().expect("the proxy's own headers are valid"));
        }
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        self.send(&method, path, query, all, body.into()).await
    }

    /// Calls an EventBridge operation for the proxy itself.
    pub async fn events(
        &self,
        account: &str,
        region: &str,
        operation: &str,
        body: &Value,
    ) -> Result<Answer, Unreachable> {
        let target = format!("AWSEvents.{operation}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
        self.own((account, region, "events"), Method::POST, "/", &headers, body.to_string()).await
    }

    /// The emulator's `GetFunctionConfiguration`: 200 if function and qualifier exist, else 404.
    pub async fn function(&self, account: &str, function: &FunctionRef) -> Result<Answer, Unreachable> {
        let query = function
            .qualifier
            .as_ref()
            .map(|qualifier| format!("?Qualifier={qualifier}"))
            .unwrap_or_default();
        let path = format!("/2015-03-31/functions/{}/configuration{query}", function.name);
        self.own((account, &function.region, "lambda"), Method::GET, &path, &[], Bytes::new()).await
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        query: Option<&str>,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Unreachable> {
        let what = format!("{method} {path}");
        let failed = |cause: &dyn fmt::Debug| Unreachable { what: what.clone(), cause: format!("{cause:?}") };
        let target =
            format!("{}{path}{}", self.base, query.map(|query| format!("?{query}")).unwrap_or_default());
        for hop in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
            headers.remove(hop);
        }
        headers.remove("expect");
        let mut request = hyper::Request::builder().method(method).uri(target);
        if let Some(all) = request.headers_mut() {
            *all = headers;
        }
        let request = request.body(Full::new(body)).map_err(|error| failed(&error))?;
        let answer = self.client.request(request).await.map_err(|error| failed(&error))?;
        let (mut parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| failed(&error))?.to_bytes();
        for hop in [CONNECTION, TRANSFER_ENCODING] {
            parts.headers.remove(hop);
        }
        if *method != Method::HEAD {
            parts.headers.remove(CONTENT_LENGTH);
        }
        Ok(Answer::from_parts(parts, body))
    }
}

/// A signature with nothing but its scope. The emulator verifies no signature.
fn authorization(account: &str, region: &str, service: &str) -> HeaderValue {
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    scope.parse().expect("account and Region came in a header")
}

/// The same request for another account.
pub(super) fn on_behalf_of(request: &Request, account: &str) -> Request {
    let mut changed = request.clone();
    changed.headers.insert(AUTHORIZATION, authorization(account, &request.region, &request.service));
    changed.account = account.to_owned();
    changed
}

/// Replaces a request's body, and removes the headers that describe the old body.
pub(super) fn with_body(request: &Request, body: impl Into<Bytes>) -> Request {
    let mut changed = request.clone();
    changed.body = body.into();
    for header in [
        "content-md5",
        "x-amz-content-sha256",
        "x-amz-decoded-content-length",
        "content-encoding",
        "x-amz-trailer",
    ] {
        changed.headers.remove(header);
    }
    let checksums: Vec<_> =
        changed.headers.keys().filter(|name| name.as_str().starts_with("x-amz-checksum-")).cloned().collect();
    for name in checksums {
        changed.headers.remove(name);
    }
    changed
}
