//! Faults that a test injects into the AWS proxy.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aws_sdk_s3::error::ProvideErrorMetadata;
use lambda_triggers_tests::aws_proxy::{CredentialFault, Fault, FaultKind, Hook, LateAnswer, Then};

use super::{
    Aws, aws, code, eventually,
    functions::{entry, target},
    refusal, run,
};

const PUT_NOTIFICATION: &str = "PutBucketNotificationConfiguration";

impl Aws {
    fn inject(&self, fault: Fault) {
        self.aws_proxy.inject(&self.account, fault);
    }

    async fn notify_one(&self, bucket: &str, id: &str) -> Result<(), (u16, String)> {
        let written = self
            .notify(bucket, vec![entry(id, &self.function_arn(bucket), &["s3:ObjectCreated:*"], &[])])
            .await;
        if written.is_ok() { Ok(()) } else { Err(code(written)) }
    }

    async fn has_rule(&self, name: &str) -> bool {
        self.events.describe_rule().name(name).send().await.is_ok()
    }

    async fn put_rule_fails_without_an_answer(&self, name: &str) {
        let put = self.events.put_rule().name(name).schedule_expression("rate(7 days)").send();
        let answer = tokio::time::timeout(Duration::from_millis(500), put).await;
        assert!(
            answer.is_err()
                || answer.is_ok_and(|sent| sent.is_err_and(|error| error.as_service_error().is_none()))
        );
    }
}

#[test]
fn throttling_errors_have_the_shape_of_each_service() {
    run(async {
        let aws = aws().await;
        aws.bucket("slow-down").await;
        aws.inject(Fault::on(Fault::ANY, FaultKind::Throttle).times(3));
        assert_eq!(code(aws.notify("slow-down", vec![]).await), (503, "SlowDown".to_owned()));
        let policy = aws.lambda.get_policy().function_name("any").send().await;
        assert!(policy.as_ref().is_err_and(|error| {
            error.as_service_error().is_some_and(|error| error.is_too_many_requests_exception())
        }));
        assert_eq!(code(policy), (429, "TooManyRequestsException".to_owned()));
        assert_eq!(
            code(aws.events.describe_rule().name("any").send().await),
            (400, "ThrottlingException".to_owned())
        );
        assert_eq!(aws.aws_proxy.pending_faults(&aws.account), 0);
        aws.notify("slow-down", vec![]).await.expect("the faults are used up");
    });
}

#[test]
fn access_denied_names_the_action_and_the_resource() {
    run(async {
        let aws = aws().await;
        aws.bucket("denied").await;
        aws.inject(Fault::on(Fault::ANY, FaultKind::Denied).times(3));
        let user = format!(
            "User: arn:aws:sts::{}:assumed-role/operator/session is not authorized to perform:",
            aws.account
        );
        let text = |action: &str, arn: &str| {
            format!(
                "{user} {action} on resource: {arn} because no identity-based policy allows the {action} action"
            )
        };
        let bucket = text("s3:PutBucketNotification", "\"arn:aws:s3:::denied\"");
        assert_eq!(refusal(aws.notify("denied", vec![]).await), (403, "AccessDenied".to_owned(), bucket));
        let function = text("lambda:GetPolicy", &aws.function_arn("any"));
        assert_eq!(
            refusal(aws.lambda.get_policy().function_name("any").send().await),
            (403, "AccessDeniedException".to_owned(), function)
        );
        let rule = text("events:DeleteRule", &aws.rule_arn("any"));
        assert_eq!(
            refusal(aws.events.delete_rule().name("any").send().await),
            (400, "AccessDeniedException".to_owned(), rule)
        );
    });
}

#[test]
fn credential_errors_have_the_shape_of_each_service() {
    run(async {
        let aws = aws().await;
        aws.bucket("refused").await;
        let cases = [
            (
                CredentialFault::Expired,
                [(400, "ExpiredToken"), (403, "ExpiredTokenException"), (400, "ExpiredTokenException")],
            ),
            (
                CredentialFault::Unknown,
                [
                    (403, "InvalidAccessKeyId"),
                    (403, "UnrecognizedClientException"),
                    (400, "UnrecognizedClientException"),
                ],
            ),
            (
                CredentialFault::WrongSignature,
                [
                    (403, "SignatureDoesNotMatch"),
                    (403, "InvalidSignatureException"),
                    (400, "InvalidSignatureException"),
                ],
            ),
            (
                CredentialFault::ClockBehind,
                [
                    (403, "RequestTimeTooSkewed"),
                    (403, "InvalidSignatureException"),
                    (400, "InvalidSignatureException"),
                ],
            ),
            (
                CredentialFault::RegionNotEnabled,
                [(403, "OptInRequired"), (403, "OptInRequired"), (400, "OptInRequired")],
            ),
        ];
        for (fault, expected) in cases {
            aws.inject(Fault::on(Fault::ANY, FaultKind::Credentials(fault)).times(3));
            let found = [
                code(aws.notify("refused", vec![]).await),
                code(aws.lambda.get_policy().function_name("any").send().await),
                code(aws.events.delete_rule().name("any").send().await),
            ];
            assert_eq!(found, expected.map(|(status, code)| (status, code.to_owned())), "{fault:?}");
        }
    });
}

#[test]
fn a_fault_affects_only_matching_calls() {
    run(async {
        let aws = aws().await;
        aws.bucket("hit").await;
        aws.bucket("spared").await;
        aws.inject(
            Fault::on(PUT_NOTIFICATION, FaultKind::OperationAborted).resource("hit").after(1).times(2),
        );
        let aborted = (409, "OperationAborted".to_owned());
        aws.notify("hit", vec![]).await.expect("the first is let through");
        aws.notify("spared", vec![]).await.expect("another bucket");
        assert_eq!(aws.aws_proxy.pending_faults(&aws.account), 1);
        assert_eq!(code(aws.notify("hit", vec![]).await), aborted);
        assert_eq!(code(aws.notify("hit", vec![]).await), aborted);
        aws.notify("hit", vec![]).await.expect("the fault is used up");
        aws.inject(Fault::on(Fault::ANY_WRITE, FaultKind::Error(503)));
        assert_eq!(aws.notification_ids("hit").await, Vec::<String>::new());
        assert_eq!(code(aws.notify("hit", vec![]).await), (503, "ServiceUnavailable".to_owned()));
        aws.inject(Fault::on(Fault::ANY, FaultKind::Error(500)));
        aws.aws_proxy.clear_faults(&aws.account);
        aws.notify("hit", vec![]).await.expect("the fault is taken back");
    });
}

#[test]
fn server_errors_have_the_shape_of_each_service() {
    run(async {
        let aws = aws().await;
        aws.bucket("broken").await;
        aws.inject(Fault::on(Fault::ANY, FaultKind::Error(500)).times(3));
        assert_eq!(code(aws.notify("broken", vec![]).await), (500, "InternalError".to_owned()));
        assert_eq!(
            code(aws.lambda.get_policy().function_name("any").send().await),
            (500, "ServiceException".to_owned())
        );
        assert_eq!(
            code(aws.events.describe_rule().name("any").send().await),
            (500, "InternalException".to_owned())
        );
    });
}

#[test]
fn a_call_that_is_never_answered_is_not_applied() {
    run(async {
        let aws = aws().await;
        aws.inject(Fault::on("PutRule", FaultKind::Timeout));
        aws.put_rule_fails_without_an_answer("silent").await;
        assert!(!aws.has_rule("silent").await);
        assert_eq!(aws.aws_proxy.calls(&aws.account)[0].status, 0);
    });
}

#[test]
fn a_lost_answer_leaves_the_call_applied() {
    run(async {
        let aws = aws().await;
        aws.inject(Fault::on("PutRule", FaultKind::LostAnswer));
        aws.put_rule_fails_without_an_answer("lost").await;
        assert!(aws.has_rule("lost").await);
    });
}

#[test]
fn a_slow_call_is_answered() {
    run(async {
        let aws = aws().await;
        aws.inject(Fault::on("PutRule", FaultKind::Slow(Duration::from_millis(300))));
        let started = Instant::now();
        aws.rule("slow").await;
        assert!(started.elapsed() >= Duration::from_millis(300));
    });
}

#[test]
fn a_late_call_is_applied_after_its_answer() {
    run(async {
        let aws = aws().await;
        let late = |answer| Fault::on("PutRule", FaultKind::Late(Duration::from_millis(300), answer));
        aws.inject(late(LateAnswer::Error(500)));
        let put = aws.events.put_rule().name("late").schedule_expression("rate(7 days)").send().await;
        assert_eq!(put.as_ref().err().and_then(|error| error.code()), Some("InternalException"));
        assert!(!aws.has_rule("late").await);
        eventually("the late call is applied", async || aws.has_rule("late").await).await;
        aws.inject(late(LateAnswer::Lost));
        aws.put_rule_fails_without_an_answer("later").await;
        eventually("the late call is applied", async || aws.has_rule("later").await).await;
    });
}

#[test]
fn a_stale_read_returns_the_previous_document() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("stale").await;
        aws.notify_one("stale", "old").await.expect("written");
        aws.notify_one("stale", "new").await.expect("written");
        aws.inject(Fault::on("GetBucketNotificationConfiguration", FaultKind::StaleRead));
        assert_eq!(aws.notification_ids("stale").await, ["old"]);
        assert_eq!(aws.notification_ids("stale").await, ["new"]);
    });
}

#[test]
fn another_writer_writes_between_read_and_write() {
    run(async {
        let aws = aws().await;
        aws.permitted_function_and_bucket("contended").await;
        let seen = Arc::new(Mutex::new(String::new()));
        let (note, arn) = (Arc::clone(&seen), aws.function_arn("contended"));
        let other_writer = FaultKind::second_edit(move |present| {
            *note.lock().expect("not poisoned") = present.to_owned();
            format!(
                "<NotificationConfiguration><CloudFunctionConfiguration><Id>theirs</Id><CloudFunction>{arn}</CloudFunction>\
                 <Event>s3:ObjectRemoved:*</Event></CloudFunctionConfiguration></NotificationConfiguration>"
            )
        });
        aws.notify_one("contended", "before").await.expect("written");
        aws.inject(Fault::on(PUT_NOTIFICATION, other_writer));
        aws.notify_one("contended", "ours").await.expect("written");
        assert!(seen.lock().expect("not poisoned").contains("<Id>before</Id>"));
        assert_eq!(aws.notification_ids("contended").await, ["ours"]);
        aws.inject(Fault::on("GetBucketNotificationConfiguration", FaultKind::StaleRead));
        assert_eq!(aws.notification_ids("contended").await, ["theirs"]);
        aws.inject(Fault::on(
            "GetBucketNotificationConfiguration",
            FaultKind::second_writer("<NotificationConfiguration/>"),
        ));
        assert_eq!(aws.notification_ids("contended").await, Vec::<String>::new(), "before a read, too");
    });
}

#[test]
fn an_entry_can_fail_in_a_successful_call() {
    run(async {
        let aws = aws().await;
        aws.rule("partial").await;
        let put = || {
            aws.events
                .put_targets()
                .rule("partial")
                .targets(target("one", &aws.function_arn("any")))
                .targets(target("two", &aws.function_arn("any")))
                .send()
        };
        let listed = async || {
            let listed = aws.events.list_targets_by_rule().rule("partial").send().await.expect("listed");
            listed.targets().iter().map(|target| target.id().to_owned()).collect::<Vec<_>>()
        };
        aws.inject(Fault::on("PutTargets", FaultKind::FailedEntry));
        let answer = put().await.expect("answered with 200");
        let failed = answer.failed_entries().iter().filter_map(|entry| entry.target_id()).collect::<Vec<_>>();
        assert_eq!((answer.failed_entry_count(), failed), (1, vec!["one"]));
        assert_eq!(listed().await, ["two"]);
        put().await.expect("the fault is used up");
        aws.inject(Fault::on("RemoveTargets", FaultKind::FailedEntry));
        let answer =
            aws.events.remove_targets().rule("partial").ids("one").send().await.expect("answered with 200");
        assert_eq!(answer.failed_entry_count(), 1);
        assert_eq!(listed().await, ["two", "one"]);
    });
}

#[test]
fn a_hook_runs_around_the_nth_call() {
    run(async {
        let aws = aws().await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = |then: Then| {
            let seen = Arc::clone(&seen);
            move |call: lambda_triggers_tests::aws_proxy::Call| {
                seen.lock().expect("not poisoned").push((call.resource, call.status));
                async move { then }
            }
        };
        aws.inject(Fault::on("PutRule", FaultKind::Hook(Hook::before(record(Then::GoOn)))).after(1));
        aws.rule("first").await;
        aws.rule("second").await;
        aws.inject(Fault::on("PutRule", FaultKind::Hook(Hook::before(record(Then::HangUp)))));
        aws.put_rule_fails_without_an_answer("third").await;
        aws.inject(Fault::on("PutRule", FaultKind::Hook(Hook::after(record(Then::HangUp)))));
        aws.put_rule_fails_without_an_answer("fourth").await;
        let expected =
            [("second", 0), ("third", 0), ("fourth", 200)].map(|(rule, status)| (rule.to_owned(), status));
        assert_eq!(*seen.lock().expect("not poisoned"), expected);
        assert_eq!((aws.has_rule("third").await, aws.has_rule("fourth").await), (false, true));
    });
}

#[test]
fn a_call_completes_after_its_client_disconnects() {
    run(async {
        let aws = aws().await;
        aws.inject(Fault::on(
            "PutRule",
            FaultKind::Hook(Hook::before(|_| async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Then::GoOn
            })),
        ));
        let put = aws.events.put_rule().name("abandoned").schedule_expression("rate(7 days)").send();
        assert!(tokio::time::timeout(Duration::from_millis(100), put).await.is_err());
        eventually("the call is finished", async || aws.has_rule("abandoned").await).await;
    });
}

#[test]
fn an_account_can_be_limited_to_the_real_quotas() {
    run(async {
        let aws = aws().await;
        aws.aws_proxy.limit_to_quotas(&aws.account);
        let read = || aws.lambda.get_policy().function_name("any").send();
        let answers = futures::future::join_all((0..40).map(|_| read())).await;
        let throttled = answers.into_iter().map(code).filter(|(status, _)| *status == 429).count();
        assert!((10..=25).contains(&throttled), "{throttled} of 40 calls were throttled");
        aws.aws_proxy.lift_quotas(&aws.account);
        assert_eq!(code(read().await).0, 404);
    });
}
