//! The rules of Lambda's resource policies.

use lambda_triggers::aws::Function;
use lambda_triggers_core::plan::permission::Policy;
use serde_json::json;

use super::*;
use tokio::time::Instant;

#[tokio::test]
async fn each_write_changes_the_revision_and_refuses_an_old_revision() {
    let aws = aws_with_bucket().await;
    let resize = aws.function("resize");
    let functions = aws.outside().lambda(REGION);
    let first = functions.policy(&resize, Instant::now()).await.unwrap().unwrap();
    let add = |id: &'static str, revision: Option<String>| {
        let (functions, resize) = (functions.clone(), resize.clone());
        async move { functions.add_permission(&resize, &statement(id, ACCOUNT), revision.as_deref()).await }
    };
    add("a", first.revision.clone()).await.unwrap();
    let second = functions.policy(&resize, Instant::now()).await.unwrap().unwrap();
    assert_ne!(second.revision, first.revision);
    assert_eq!(kind_and_message(add("b", first.revision.clone()).await).0, AwsErrorKind::Conflict);
    let removal = functions.remove_permission(&resize, "a", first.revision.as_deref()).await;
    assert_eq!(kind_and_message(removal).0, AwsErrorKind::Conflict);
    assert_eq!(functions.policy(&resize, Instant::now()).await.unwrap().unwrap(), second);
}

#[tokio::test]
async fn an_existing_sid_conflicts() {
    let aws = aws_with_bucket().await;
    assert_eq!(kind_and_message(permit(&aws, &aws.function("resize")).await).0, AwsErrorKind::Conflict);
}

#[tokio::test]
async fn a_missing_policy_is_empty_and_a_missing_function_is_none() {
    let aws = aws_with_bucket().await;
    let functions = aws.outside().lambda(REGION);
    let resize = aws.function("resize");
    functions.remove_permission(&resize, "photos-in", None).await.unwrap();
    assert_eq!(functions.policy(&resize, Instant::now()).await.unwrap(), Some(Policy::default()));
    assert_eq!(functions.policy(&aws.function("gone"), Instant::now()).await.unwrap(), None);
    assert_eq!(kind_and_message(permit(&aws, &aws.function("gone")).await).0, AwsErrorKind::NotFound);
}

#[tokio::test]
async fn each_qualifier_has_its_own_policy() {
    let aws = aws_with_bucket().await;
    let live = aws.function("resize").with_qualifier(Some("live"));
    let functions = aws.outside().lambda(REGION);
    assert_eq!(functions.policy(&live, Instant::now()).await.unwrap(), None);
    assert_eq!(functions.function("resize", Some("live"), Instant::now()).await.unwrap(), None);
    aws.publish(&live);
    assert_eq!(functions.policy(&live, Instant::now()).await.unwrap(), Some(Policy::default()));
    let found = functions.function("resize", Some("live"), Instant::now()).await.unwrap();
    assert_eq!(found, Some(Function { arn: live, failed: None }));
    let latest = aws.function("resize").with_qualifier(Some("$LATEST"));
    assert_eq!(kind_and_message(permit(&aws, &latest).await).0, AwsErrorKind::Invalid);
}

#[tokio::test]
async fn a_policy_of_more_than_20480_bytes_is_refused() {
    let aws = aws_with_bucket().await;
    let full = loop {
        let sid = format!("s{}", aws.journal().len());
        let foreign = json!({"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "f".repeat(500)});
        if let Err(error) = aws.put_statement(&aws.function("resize"), &foreign) {
            break error;
        }
    };
    assert_eq!(full.kind, AwsErrorKind::Quota);
    let arn = aws.function("resize").to_string();
    let size: usize =
        aws.snapshot().policies[&arn].values().map(|statement| statement.to_string().len()).sum();
    assert!((19_000..20_480).contains(&size), "{size}");
}

#[tokio::test]
async fn the_removal_of_a_missing_statement_is_not_found() {
    let aws = aws_with_bucket().await;
    let functions = aws.outside().lambda(REGION);
    let before = aws.journal();
    for function in ["resize", "gone"] {
        let removed = functions.remove_permission(&aws.function(function), "gone", None).await;
        assert_eq!(kind_and_message(removed).0, AwsErrorKind::NotFound, "{function}");
    }
    assert_eq!(aws.journal(), before);
}
