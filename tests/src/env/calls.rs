//! Calls to AWS services for which the tests have no SDK.

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::TestEnv;
use super::aws::REGION;

impl TestEnv {
    /// Posts a body to a service. `headers` select the protocol and the operation. The local AWS reads account, Region
    /// and service from the credential, and does not verify signatures.
    ///
    /// # Errors
    /// If the service refuses the call, with the answer.
    pub(super) async fn call(
        &self,
        service: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Bytes, String> {
        let credential = format!("{}/20260101/{REGION}/{service}/aws4_request", self.account());
        let signature =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=none");
        let request = Request::post(self.aws_endpoint())
            .header("x-amz-date", "20260101T000000Z")
            .header("authorization", signature);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a valid request");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response =
            client.request(request).await.unwrap_or_else(|error| panic!("{service} {body}: {error}"));
        let status = response.status();
        let answer = response.into_body().collect().await;
        let answer = answer.unwrap_or_else(|error| panic!("the answer of {service}: {error}")).to_bytes();
        let refused = || format!("{service} {body}: {status} {}", String::from_utf8_lossy(&answer));
        status.is_success().then(|| answer.clone()).ok_or_else(refused)
    }
}
