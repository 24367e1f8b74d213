//! Faults that take time or run code of the test, and waits for calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use lambda_triggers_tests::aws_proxy::{Call, Fault, FaultKind, Hook, Then};
use lambda_triggers_tests::env;
use parking_lot::Mutex;
use serde_json::json;

use super::REGION;
use super::table::{Defaults, Runner};

/// Runs a test in a new account.
fn test(body: impl AsyncFnOnce(Runner)) {
    env::block_on(async { body(Runner::new(&Defaults::new()).await).await });
}

fn inject(aws: &Runner, fault: Fault) {
    aws.proxy.inject(&aws.account, fault);
}

/// Status and code of a refusal, as the SDK reads them.
fn code<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>) -> (u16, String) {
    let Err(SdkError::ServiceError(error)) = result else {
        panic!("the service accepted the call");
    };
    (error.raw().status().as_u16(), error.err().code().unwrap_or_default().to_owned())
}

#[test]
fn the_sdk_reads_the_errors_of_each_service() {
    test(async |aws| {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(aws.proxy.url())
            .credentials_provider(Credentials::new(&aws.account, "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        inject(&aws, Fault::on(Fault::ANY, FaultKind::Throttle).times(3));
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        let slow_down = s3.get_bucket_notification_configuration().bucket("any").send().await;
        assert_eq!(code(slow_down), (503, "SlowDown".to_owned()));
        let policy = aws_sdk_lambda::Client::new(&config).get_policy().function_name("any").send().await;
        assert!(policy.as_ref().is_err_and(|error| {
            error.as_service_error().is_some_and(|error| error.is_too_many_requests_exception())
        }));
        assert_eq!(code(policy), (429, "TooManyRequestsException".to_owned()));
        let rule = aws_sdk_eventbridge::Client::new(&config).describe_rule().name("any").send().await;
        assert_eq!(code(rule), (400, "ThrottlingException".to_owned()));
    });
}

#[test]
fn a_slow_call_is_answered() {
    test(async |mut aws| {
        inject(&aws, Fault::on("PutRule", FaultKind::Slow(Duration::from_millis(300))));
        let started = Instant::now();
        aws.run_steps("[PutRule: {Name: slow}]").await;
        assert!(started.elapsed() >= Duration::from_millis(300));
    });
}

#[test]
fn another_writer_writes_between_read_and_write() {
    test(async |mut aws| {
        aws.run_steps("[CreateFunction: {}, CreateBucket: {}, AddPermission: {}]").await;
        let seen = Arc::new(Mutex::new(String::new()));
        let (note, arn) = (Arc::clone(&seen), aws.variables.text("$app").unwrap());
        let other_writer = FaultKind::second_edit(move |present| {
            present.clone_into(&mut note.lock());
            format!(
                "<NotificationConfiguration><CloudFunctionConfiguration><Id>theirs</Id><CloudFunction>{arn}</CloudFunction>\
                 <Event>s3:ObjectRemoved:*</Event></CloudFunctionConfiguration></NotificationConfiguration>"
            )
        });
        aws.run_steps("[PutBucketNotificationConfiguration: {Entries: [{Id: before}]}]").await;
        inject(&aws, Fault::on("PutBucketNotificationConfiguration", other_writer));
        aws.run_steps(
            "
            - PutBucketNotificationConfiguration: {Entries: [{Id: ours}]}
            - GetBucketNotificationConfiguration: {}
              answer: {Id: [ours]}
            - proxy: {inject: {on: GetBucketNotificationConfiguration, fault: stale_read}}
            - GetBucketNotificationConfiguration: {}
              answer: {Id: [theirs]}
            # Before a read, too.
            - proxy: {inject: {on: GetBucketNotificationConfiguration, fault: {second_writer: <NotificationConfiguration/>}}}
            - GetBucketNotificationConfiguration: {}
              answer: {Id: null}",
        )
        .await;
        assert!(seen.lock().contains("<Id>before</Id>"));
    });
}

#[test]
fn a_hook_runs_around_the_nth_call() {
    test(async |mut aws| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = |then: Then| {
            let seen = Arc::clone(&seen);
            move |call: Call| {
                seen.lock().push((call.resource, call.status));
                async move { then }
            }
        };
        inject(&aws, Fault::on("PutRule", FaultKind::Hook(Hook::before(record(Then::GoOn)))).after(1));
        aws.run_steps("[PutRule: {Name: first}, PutRule: {Name: second}]").await;
        inject(&aws, Fault::on("PutRule", FaultKind::Hook(Hook::before(record(Then::HangUp)))));
        inject(&aws, Fault::on("PutRule", FaultKind::Hook(Hook::after(record(Then::HangUp)))).after(1));
        aws.run_steps(
            "
            - PutRule: {Name: third}
              no_answer: true
            - PutRule: {Name: fourth}
              no_answer: true
            - DescribeRule: {Name: third}
              refused: '400 ResourceNotFoundException: Rule third does not exist on EventBus default.'
            - DescribeRule: {Name: fourth}",
        )
        .await;
        let expected =
            [("second", 0), ("third", 0), ("fourth", 200)].map(|(rule, status)| (rule.to_owned(), status));
        assert_eq!(*seen.lock(), expected);
    });
}

#[test]
fn a_call_completes_after_its_client_disconnects() {
    test(async |mut aws| {
        let delay = Hook::before(|_| async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Then::GoOn
        });
        inject(&aws, Fault::on("PutRule", FaultKind::Hook(delay)));
        let put = aws.run_steps("[PutRule: {Name: abandoned}]");
        assert!(tokio::time::timeout(Duration::from_millis(100), put).await.is_err());
        aws.run_steps("[{DescribeRule: {Name: abandoned}, eventually: true}]").await;
    });
}

#[test]
fn an_account_can_be_limited_to_the_real_quotas() {
    test(async |mut aws| {
        let no_members = json!({});
        aws.proxy.limit_to_quotas(&aws.account);
        let get_policy = || aws.request((&aws.account, REGION), "GetPolicy", &no_members);
        let answers = futures::future::join_all((0..40).map(|_| get_policy())).await;
        let refusals = answers.into_iter().filter_map(|answer| answer.unwrap().unwrap().refusal);
        let throttled = refusals.filter(|refusal| refusal.starts_with("429 ")).count();
        assert!((10..=25).contains(&throttled), "{throttled} of 40 calls were throttled");
        aws.proxy.lift_quotas(&aws.account);
        aws.run_steps(
            "[{GetPolicy: {}, refused: '404 ResourceNotFoundException: Function not found: $app'}]",
        )
        .await;
    });
}

#[test]
fn a_test_can_wait_for_a_call() {
    test(async |mut aws| {
        let (proxy, account) = (aws.proxy, aws.account.clone());
        let answered =
            |calls: &[Call]| calls.iter().any(|call| call.operation == "PutRule" && call.status == 200);
        let (waited, ()) = tokio::join!(
            proxy.wait_for_calls(&account, Duration::from_secs(10), answered),
            aws.run_steps("[PutRule: {Name: awaited}]")
        );
        let put_rule = Call {
            service: "events".to_owned(),
            operation: "PutRule".to_owned(),
            resource: "awaited".to_owned(),
            region: REGION.to_owned(),
            write: true,
            role: None,
            status: 200,
        };
        assert_eq!(waited, Ok(vec![put_rule.clone()]));
        let never = proxy.wait_for_calls(&account, Duration::from_millis(1), |calls| calls.len() > 1).await;
        assert_eq!(never, Err(vec![put_rule]));
    });
}
