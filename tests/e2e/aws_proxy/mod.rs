//! Tests of the AWS proxy: every AWS rule that the proxy enforces. The rows of the tables in this folder are explained in
//! [`table`]. The proxy is in `tests/src/aws_proxy`.

mod control;
mod delivery;
mod faults;
mod functions;
mod notification;
mod request;
mod s3_buckets;
mod s3_destinations;
mod s3_document;
mod s3_overlap;
mod table;
mod variables;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_sdk_s3::{
    config::Credentials,
    error::{ProvideErrorMetadata, SdkError},
};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use lambda_triggers_tests::{aws_proxy::AwsProxy, env};

/// The Region of most tests.
pub const REGION: &str = "eu-west-1";

/// Runs a test on the runtime of the shared AWS proxy.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    env::block_on(test)
}

/// A test's own account behind the shared AWS proxy.
pub struct Aws {
    pub aws_proxy: &'static AwsProxy,
    pub account: String,
    pub region: &'static str,
    pub s3: aws_sdk_s3::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub events: aws_sdk_eventbridge::Client,
}

/// A new account.
pub async fn aws() -> Aws {
    static NEXT: AtomicU64 = AtomicU64::new(700_000_000_000);
    let account = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
    Aws::for_account(account, REGION).await
}

impl Aws {
    /// The clients of an account in a Region. Retries are disabled, so that a test sees every answer.
    pub async fn for_account(account: String, region: &'static str) -> Self {
        let aws_proxy = env::aws_proxy().await;
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region))
            .endpoint_url(aws_proxy.url())
            .credentials_provider(Credentials::new(&account, "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        Self {
            aws_proxy,
            account,
            region,
            s3: aws_sdk_s3::Client::from_conf(s3),
            lambda: aws_sdk_lambda::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
        }
    }

    /// The same account in another Region.
    pub async fn in_region(&self, region: &'static str) -> Self {
        Self::for_account(self.account.clone(), region).await
    }

    pub fn function_arn(&self, name: &str) -> String {
        format!("arn:aws:lambda:{}:{}:function:{name}", self.region, self.account)
    }

    pub fn rule_arn(&self, name: &str) -> String {
        format!("arn:aws:events:{}:{}:rule/{name}", self.region, self.account)
    }

    /// Sends a request that the SDK would not send.
    pub async fn raw(&self, service: &str, method: &str, path: &str, body: impl Into<Bytes>) -> Raw {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/{service}/aws4_request",
            self.account, self.region
        );
        let request = hyper::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.aws_proxy.url()))
            .header("authorization", format!("{scope}, SignedHeaders=host, Signature=0"))
            .body(Full::new(body.into()))
            .expect("a valid request");
        let answer =
            Client::builder(TokioExecutor::new()).build_http().request(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
        Raw { status, body: String::from_utf8_lossy(&body).into_owned() }
    }
}

/// An unparsed answer.
pub struct Raw {
    pub status: u16,
    pub body: String,
}

/// Status, code and message of a refusal, as the SDK parses them.
pub fn refusal<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>) -> (u16, String, String) {
    let Err(SdkError::ServiceError(error)) = result else {
        panic!("the service accepted the call");
    };
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    (error.raw().status().as_u16(), text(error.err().code()), text(error.err().message()))
}

/// Status and code of a refusal.
pub fn code<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>) -> (u16, String) {
    let (status, code, _) = refusal(result);
    (status, code)
}

/// Polls until the condition is true, at most 20 seconds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(20), "not within 20 seconds: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Tests that run the rows of a table.
macro_rules! tables {
    ($($name:ident)+) => {$(
        #[test]
        fn $name() {
            table::assert_rows(include_str!(concat!(stringify!($name), ".yaml")));
        }
    )+};
}

tables! {
    calls
    events_rules
    events_targets
    injected_faults
    lambda_code
    lambda_functions
    lambda_policy
    lambda_settings
}
