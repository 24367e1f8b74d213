//! What a running operator serves: metrics and health.

use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::Controller;

/// The line in which the operator says where it listens.
const SAID: &str = "serving /metrics, /healthz and /readyz";

impl Controller {
    /// Status and body of a page, such as `/metrics`; none while nobody answers.
    pub async fn page(&self, path: &str) -> Option<(u16, String)> {
        let uri: Uri = format!("http://{}{path}", self.http_address()?).parse().ok()?;
        let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let response = client.get(uri).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// Where the last start of it listens, once its log says so.
    pub fn http_address(&self) -> Option<String> {
        let log = self.log();
        let since_start = log.rsplit_once("--- lambda-triggers ").map_or(log.as_str(), |(_, after)| after);
        let line = since_start.lines().find(|line| line.contains(SAID))?;
        let (_, address) = line.split_once("address=")?;
        let (_, port) = address.rsplit_once(':')?;
        Some(format!("127.0.0.1:{port}"))
    }
}
