//! Counts each attempt of an AWS call by outcome, and debits retries from the rate limiter.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use lambda_triggers_core::pacing::token_bucket::Quota;
use serde_json::Value;
use tokio::time::Instant;

use crate::aws::RateLimiter;
use crate::aws::error::{AwsErrorKind, kind};
use crate::aws::unsent::NotSent;
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::{AwsOutcome, Service};

/// Counts the attempts of one service's client.
#[derive(Clone, Debug)]
pub struct CallMetrics {
    service: Service,
    telemetry: Telemetry,
    /// The rate limiter of the account, and the Region.
    rate_limiter: Option<(RateLimiter, String)>,
}

impl CallMetrics {
    /// Counts attempts for this service.
    pub fn for_service(service: Service, telemetry: &Telemetry) -> Self {
        Self { service, telemetry: telemetry.clone(), rate_limiter: None }
    }

    /// Also debits retries from the rate limiter. [`AwsClient`](crate::aws::AwsClient) has counted the first attempt.
    pub fn against(self, rate_limiter: &RateLimiter, region: &str) -> Self {
        Self { rate_limiter: Some((rate_limiter.clone(), region.into())), ..self }
    }

    /// Changes the rate limit of an operation.
    fn limit(&self, operation: &str, change: impl FnOnce(&RateLimiter, Quota, &str)) {
        let action = format!("{}:{operation}", self.service.as_str());
        if let (Some((rate_limiter, region)), Some(quota)) = (&self.rate_limiter, Quota::from_action(&action))
        {
            change(rate_limiter, quota, region);
        }
    }
}

/// An attempt in flight. An attempt that is cancelled with the reconcile has no answer.
#[derive(Debug)]
struct Attempt {
    counts: CallMetrics,
    operation: String,
    began: Instant,
    /// True after the request went to the HTTP client.
    sent: bool,
    ended: bool,
}

impl Attempt {
    fn ends(&mut self, outcome: AwsOutcome) {
        self.ended = true;
        let CallMetrics { service, telemetry, rate_limiter: _ } = &self.counts;
        telemetry.health.record_aws_call(outcome != AwsOutcome::NoAnswer);
        telemetry.metrics.aws_called(*service, &self.operation, outcome, self.began.elapsed());
        if outcome == AwsOutcome::Throttled {
            self.counts.limit(&self.operation, |rate_limiter, quota, region| {
                rate_limiter.on_throttled(quota, region)
            });
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.ended {
            self.ends(AwsOutcome::NoAnswer);
        }
    }
}

impl Storable for Attempt {
    type Storer = StoreReplace<Self>;
}

impl Intercept for CallMetrics {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = bag.load::<Metadata>().map(|metadata| metadata.name().to_owned()).unwrap_or_default();
        if bag.load::<RequestAttempts>().is_some_and(|attempts| attempts.attempts() > 1) {
            self.limit(&operation, |rate_limiter, quota, region| rate_limiter.debit(quota, region, 1));
        }
        let attempt =
            Attempt { counts: self.clone(), operation, began: Instant::now(), sent: false, ended: false };
        bag.interceptor_state().store_put(attempt);
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(attempt) = bag.get_mut_from_interceptor_state::<Attempt>() {
            attempt.sent = true;
        }
        Ok(())
    }

    /// Marks the error of an attempt that still waited for credentials: the outcome is known.
    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let sent = bag.load::<Attempt>().is_none_or(|attempt| attempt.sent);
        if let Some(Err(error)) = context.output_or_error_mut()
            && !sent
            && !error.is_interceptor_error()
        {
            let is_timeout = error.is_timeout_error();
            let cause = std::mem::replace(error, OrchestratorError::other("the request was not sent"));
            let unsent = NotSent { is_timeout, source: cause.into() }.into();
            // The SDK retries only after a timeout.
            *error = OrchestratorError::connector(if is_timeout {
                ConnectorError::timeout(unsent)
            } else {
                ConnectorError::other(unsent, None)
            });
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(attempt) = bag.get_mut_from_interceptor_state::<Attempt>() else { return Ok(()) };
        let result = context.output_or_error();
        if result.is_some_and(|result| result.is_err_and(|error| error.is_interceptor_error())) {
            // The leadership check has stopped the request: no call to count.
            attempt.ended = true;
        } else {
            let succeeded = result.is_some_and(|result| result.is_ok());
            attempt.ends(if succeeded {
                AwsOutcome::Ok
            } else {
                context.response().map_or(AwsOutcome::NoAnswer, refusal)
            });
        }
        Ok(())
    }
}

/// The outcome of an attempt with an error response.
fn refusal(response: &HttpResponse) -> AwsOutcome {
    let status = response.status().as_u16();
    let code = code(response.headers().get("x-amzn-errortype"), response.body().bytes().unwrap_or_default());
    outcome(&kind(status, code.as_deref(), None, None))
}

fn outcome(kind: &AwsErrorKind) -> AwsOutcome {
    match kind {
        AwsErrorKind::NotFound => AwsOutcome::NotFound,
        AwsErrorKind::Denied
        | AwsErrorKind::RoleRefused(_)
        | AwsErrorKind::NotPermitted
        | AwsErrorKind::CredentialsExpired
        | AwsErrorKind::ClockSkewed
        | AwsErrorKind::CredentialsRefused
        | AwsErrorKind::RegionNotEnabled => AwsOutcome::Denied,
        AwsErrorKind::Throttled => AwsOutcome::Throttled,
        AwsErrorKind::Conflict => AwsOutcome::Conflict,
        AwsErrorKind::Quota
        | AwsErrorKind::Destination(_)
        | AwsErrorKind::DependencyMissing(_)
        | AwsErrorKind::RoleNotReady
        | AwsErrorKind::SchedulerRoleRefused
        | AwsErrorKind::OtherRegion(_)
        | AwsErrorKind::Invalid => AwsOutcome::Refused,
        AwsErrorKind::Unavailable => AwsOutcome::Failed,
        AwsErrorKind::NoCredentials(_) | AwsErrorKind::NoConnection(_) | AwsErrorKind::OutcomeUnknown => {
            AwsOutcome::NoAnswer
        }
    }
}

/// The error code: in a header (Lambda), a JSON field (Lambda and EventBridge) or an XML element (S3 and STS). From
/// `aws.example#Code:http://...`, AWS's clients take the part between `#` and `:`
/// (<https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization>).
fn code(header: Option<&str>, body: &[u8]) -> Option<String> {
    let of_json = || {
        let json: Value = serde_json::from_slice(body).ok()?;
        ["__type", "code"].iter().find_map(|field| json[*field].as_str().map(ToOwned::to_owned))
    };
    let of_xml = || {
        let text = std::str::from_utf8(body).ok()?;
        let (_, rest) = text.split_once("<Code>")?;
        rest.split_once("</Code>").map(|(code, _)| code.to_owned())
    };
    let code = header.map(ToOwned::to_owned).or_else(of_json).or_else(of_xml)?;
    let code = code.rsplit_once('#').map_or(code.as_str(), |(_, code)| code);
    Some(code.split_once(':').map_or(code, |(code, _)| code).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_in_every_protocol() {
        let cases: [(Option<&str>, &str, Option<&str>); 7] = [
            (Some("ResourceNotFoundException"), "{}", Some("ResourceNotFoundException")),
            (Some("aws.lambda#TooMany:http://internal/coral/"), "", Some("TooMany")),
            (
                None,
                r#"{"__type":"com.amazonaws.events#ThrottlingException","message":"m"}"#,
                Some("ThrottlingException"),
            ),
            (None, r#"{"code":"AccessDeniedException"}"#, Some("AccessDeniedException")),
            (
                None,
                "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>m</Message></Error>",
                Some("SlowDown"),
            ),
            (None, "<html>Bad gateway</html>", None),
            (None, "", None),
        ];
        for (header, body, expected) in cases {
            assert_eq!(code(header, body.as_bytes()).as_deref(), expected, "{header:?} {body}");
        }
    }
}
