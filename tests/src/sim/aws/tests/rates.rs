//! The quotas of calls.

use std::time::Duration;

use tokio::time::sleep;

use super::*;
use crate::sim::fault_injector::{Call, CallFault, FaultInjector};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn calls_over_a_quota_get_the_error_of_the_service() {
    let aws = aws_with_bucket().await;
    let ports = aws.ports(FaultInjector::new(1, |_: &Call| CallFault::Pass).open());
    aws.limit_calls(&[("lambda:GetPolicy", 1.0), ("lambda:", 1.0), ("events:", 0.1), ("s3:", 0.1)]);
    let (resize, photos) = (aws.function("resize"), aws.bucket("photos"));
    let code = |error: Option<AwsError>| {
        error.map(|error| (error.kind, error.code.map(String::from).unwrap_or_default()))
    };
    let refused = |code: &str| Some((AwsErrorKind::Throttled, code.to_owned()));
    let cases = [None, refused("TooManyRequestsException")];
    for expected in cases {
        assert_eq!(code(ports.lambda(REGION).policy(&resize, Instant::now()).await.err()), expected);
        assert_eq!(code(ports.lambda(REGION).function("resize", None, Instant::now()).await.err()), expected);
    }
    for expected in [None, refused("ThrottlingException")] {
        assert_eq!(code(ports.eventbridge(REGION).describe("lt-1").await.err()), expected);
        assert_eq!(code(ports.eventbridge("us-east-1").describe("lt-1").await.err()), expected);
    }
    for expected in [None, refused("SlowDown")] {
        assert_eq!(code(ports.s3(REGION).get(&photos).await.err()), expected);
    }
    assert_eq!(aws.throttled(), 5);
    // The quotas do not limit other writers.
    assert!(aws.outside().eventbridge(REGION).describe("lt-1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_quota_refills_and_throttled_calls_cost_nothing() {
    let aws = aws_with_bucket().await;
    let ports = aws.ports(FaultInjector::new(1, |_: &Call| CallFault::Pass).open());
    aws.limit_calls(&[("events:", 5.0)]);
    let at_once = async || {
        let mut done = 0;
        for _ in 0..20 {
            done += u32::from(ports.eventbridge(REGION).describe("lt-1").await.is_ok());
        }
        done
    };
    sleep(Duration::from_secs(60)).await;
    // The burst of one second, and the refill while the calls run, each in up to 40 ms.
    let first = at_once().await;
    assert!((5..10).contains(&first), "{first}");
    sleep(Duration::from_secs(1)).await;
    let second = at_once().await;
    assert!((5..10).contains(&second), "{second}");
    aws.limit_calls(&[]);
    assert_eq!(at_once().await, 20);
}
