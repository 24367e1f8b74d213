//! The outcome of faulty calls for the operator, and the journal of their effects.

use std::sync::Arc;

use lambda_triggers::aws::{Aws, NoConnection, Validation};
use lambda_triggers_core::plan::permission::Policy;

use super::*;
use crate::sim::aws::{Applied, Effect, Writer};
use crate::sim::fault_injector::{Call, CallFault, FaultInjector, Refusal};
use tokio::time::Instant;

/// A client whose calls all meet this fault.
fn ports(aws: &MemoryAws, fault: CallFault) -> Arc<dyn Aws> {
    aws.ports(FaultInjector::new(1, move |_: &Call| fault).open())
}

const DOCUMENT: &str = "<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>";

#[tokio::test]
async fn a_planned_refusal_has_the_code_of_the_service() {
    let aws = aws_with_bucket().await;
    let codes_of = async |refusal| {
        let ports = ports(&aws, CallFault::Refuse(refusal));
        let bucket =
            ports.s3(REGION).put(&aws.bucket("photos"), DOCUMENT.into(), Validation::Full).await.unwrap_err();
        let function = ports.lambda(REGION).remove_permission(&aws.function("resize"), "a", None).await.err();
        let rule = ports.eventbridge(REGION).delete_rule("lt-1").await.err();
        let code = |error: AwsError| (error.kind, error.code.map(String::from).unwrap_or_default());
        (code(bucket), function.map(code), rule.map(code))
    };
    let of = |kind: AwsErrorKind, code: &str| (kind, code.to_owned());
    let both = |kind: AwsErrorKind, code: [&str; 3]| {
        (of(kind.clone(), code[0]), Some(of(kind.clone(), code[1])), Some(of(kind, code[2])))
    };
    assert_eq!(
        codes_of(Refusal::Forbidden).await,
        both(AwsErrorKind::Denied, ["AccessDenied", "AccessDeniedException", "AccessDeniedException"])
    );
    assert_eq!(
        codes_of(Refusal::Conflict).await,
        both(
            AwsErrorKind::Conflict,
            ["OperationAborted", "ResourceConflictException", "ConcurrentModificationException"]
        )
    );
    assert_eq!(
        codes_of(Refusal::Throttled).await,
        both(AwsErrorKind::Throttled, ["SlowDown", "TooManyRequestsException", "ThrottlingException"])
    );
    assert_eq!(
        codes_of(Refusal::Server).await,
        both(AwsErrorKind::Unavailable, ["InternalError", "ServiceException", "InternalException"])
    );
    assert_eq!(
        codes_of(Refusal::NotFound).await,
        both(
            AwsErrorKind::NotFound,
            ["NoSuchBucket", "ResourceNotFoundException", "ResourceNotFoundException"]
        )
    );
}

#[tokio::test]
async fn a_lost_answer_leaves_the_outcome_unknown() {
    let aws = aws_with_bucket().await;
    let put = async |fault| {
        let ports = ports(&aws, fault);
        kind_and_message(ports.s3(REGION).put(&aws.bucket("photos"), DOCUMENT.into(), Validation::Full).await)
            .0
    };
    assert_eq!(put(CallFault::Unsent).await, AwsErrorKind::NoConnection(NoConnection::Refused));
    assert_ne!(aws.notification("photos").as_deref(), Some(DOCUMENT));
    assert_eq!(put(CallFault::Timeout).await, AwsErrorKind::OutcomeUnknown);
    assert_ne!(aws.notification("photos").as_deref(), Some(DOCUMENT));
    assert_eq!(put(CallFault::LostAnswer).await, AwsErrorKind::OutcomeUnknown);
    assert_eq!(aws.notification("photos").as_deref(), Some(DOCUMENT));
    assert_eq!(put(CallFault::Truncated).await, AwsErrorKind::OutcomeUnknown);
}

#[tokio::test]
async fn a_truncated_document_arrives_as_its_first_half() {
    let aws = aws_with_bucket().await;
    aws.put_notification("photos", DOCUMENT).unwrap();
    let ports = ports(&aws, CallFault::Truncated);
    let got = ports.s3(REGION).get(&aws.bucket("photos")).await.unwrap();
    assert_eq!(got, DOCUMENT[..DOCUMENT.len() / 2]);
    assert_eq!(
        kind_and_message(ports.lambda(REGION).function("resize", None, Instant::now()).await).0,
        AwsErrorKind::OutcomeUnknown
    );
}

#[tokio::test]
async fn a_stale_read_returns_the_state_before_the_last_change() {
    let aws = aws_with_bucket().await;
    let ports = ports(&aws, CallFault::Stale);
    let bucket = aws.bucket("photos");
    aws.put_notification("photos", DOCUMENT).unwrap();
    let empty = ports.s3(REGION).get(&bucket).await.unwrap();
    assert!(!empty.contains("EventBridge"), "{empty}");
    aws.put_notification("photos", "<NotificationConfiguration/>").unwrap();
    assert_eq!(ports.s3(REGION).get(&bucket).await.unwrap(), DOCUMENT);
    let resize = aws.function("resize");
    let functions = ports.lambda(REGION);
    assert_eq!(functions.policy(&resize, Instant::now()).await.unwrap(), Some(Policy::default()));
    assert!(functions.function("resize", None, Instant::now()).await.unwrap().is_some());
    aws.delete_function(&resize);
    assert!(functions.function("resize", None, Instant::now()).await.unwrap().is_some());
}

#[tokio::test]
async fn the_journal_names_writer_and_effect() {
    let aws = aws_with_bucket().await;
    let resize = aws.function("resize");
    let before = aws.journal().len();
    let functions = ports(&aws, CallFault::Pass).lambda(REGION);
    functions.add_permission(&resize, &statement("a", ACCOUNT), None).await.unwrap();
    aws.remove_statement(&resize, "a");
    let entry = |by, action, effect| Applied {
        by,
        action,
        on: "function resize".into(),
        part: Some("a".into()),
        effect,
    };
    let expected = [
        entry(Writer::Operator, "lambda:AddPermission", Effect::Created),
        entry(Writer::Outside, "lambda:RemovePermission", Effect::Deleted),
    ];
    assert_eq!(aws.journal()[before..], expected);
}

#[tokio::test]
async fn each_port_call_is_recorded_once() {
    let aws = aws_with_bucket().await;
    let injector = FaultInjector::new(1, |_: &Call| CallFault::Pass);
    let ports = aws.ports(injector.open());
    for _ in 0..2 {
        assert_eq!(ports.account().await.unwrap().id, ACCOUNT);
    }
    ports.eventbridge(REGION).describe("lt-1").await.unwrap();
    let calls: Vec<_> =
        injector.calls().into_iter().map(|call| (call.operation, call.on, call.write)).collect();
    let call = |operation: &str, on: &str| (operation.to_owned(), on.to_owned(), false);
    let account = call("sts:GetCallerIdentity", "the operator's credentials");
    assert_eq!(calls, [account, call("events:DescribeRule", "rule lt-1")]);
}
