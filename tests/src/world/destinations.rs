//! Queues and topics for other people's entries: S3 accepts only destinations that exist.

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::World;
use super::aws::REGION;

impl World {
    /// Creates an SQS queue and returns its ARN.
    pub async fn queue(&self, name: &str) -> String {
        self.query("sqs", &format!("Action=CreateQueue&QueueName={name}&Version=2012-11-05")).await;
        format!("arn:aws:sqs:{REGION}:{}:{name}", self.account())
    }

    /// Creates an SNS topic and returns its ARN.
    pub async fn topic(&self, name: &str) -> String {
        self.query("sns", &format!("Action=CreateTopic&Name={name}&Version=2010-03-31")).await;
        format!("arn:aws:sns:{REGION}:{}:{name}", self.account())
    }

    /// A call of AWS's query protocol: two calls are not worth two more SDKs. The local AWS
    /// takes account, Region and service from the credential, and does not check signatures.
    async fn query(&self, service: &str, form: &str) {
        let credential = format!("{}/20260101/{REGION}/{service}/aws4_request", self.account());
        let request = Request::post(self.aws_endpoint())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-amz-date", "20260101T000000Z")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=none"),
            )
            .body(Full::new(Bytes::from(form.to_owned())))
            .expect("a valid request");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response =
            client.request(request).await.unwrap_or_else(|error| panic!("{service} {form}: {error}"));
        assert!(response.status().is_success(), "{service} {form}: {}", response.status());
    }
}
