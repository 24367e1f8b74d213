//! Metrics and health pages of a running operator.

use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::Controller;

/// The log line with the operator's address.
const LISTENING: &str = "serving /metrics, /healthz and /readyz";

impl Controller {
    /// Status and body of a page, such as `/metrics`; `None` while the operator does not answer.
    pub async fn page(&self, path: &str) -> Option<(u16, String)> {
        page_at(&self.http_address()?, path).await
    }

    /// The address of the operator since its last start; `None` until the log contains the address.
    pub fn http_address(&self) -> Option<String> {
        let log = self.log();
        let since_start = log.rsplit_once("--- lambda-triggers ").map_or(log.as_str(), |(_, after)| after);
        let line = since_start.lines().find(|line| line.contains(LISTENING))?;
        let (_, address) = line.split_once("address=")?;
        let (_, port) = address.rsplit_once(':')?;
        Some(format!("127.0.0.1:{port}"))
    }
}

/// Status and body of a page at a known address. A long log has no [`Controller::http_address`] any more.
pub async fn page_at(address: &str, path: &str) -> Option<(u16, String)> {
    let uri: Uri = format!("http://{address}{path}").parse().ok()?;
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = client.get(uri).await.ok()?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    Some((status, String::from_utf8_lossy(&body).into_owned()))
}
