//! The rules of Lambda's functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use lambda_triggers::aws::LambdaApi;
use lambda_triggers_core::api::Architecture;
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, FunctionState, LoggingConfiguration,
    Update, archive,
};

use super::*;
use crate::aws_proxy::{Failure, Pace};

fn code(text: &str) -> CodeSource {
    CodeSource::Archive(archive(&BTreeMap::from([("index.py".to_owned(), text.into())])).unwrap())
}

fn desired() -> DesiredFunction {
    let role = "arn:aws:iam::123456789012:role/app";
    DesiredFunction {
        name: "app".into(),
        configuration: Configuration {
            runtime: Some("python3.13".into()),
            handler: Some("index.handler".into()),
            role: role.into(),
            memory_size: 128,
            timeout: 3,
            ephemeral_storage: 512,
            logging: LoggingConfiguration { log_group: "/aws/lambda/app".into(), ..Default::default() },
            ..Configuration::default()
        },
        architecture: Architecture::Arm64,
        code: code("1"),
        tags: [("team".to_owned(), "a".to_owned())].into(),
        reserved_concurrency: Some(3),
        async_invoke: None,
    }
}

/// An AWS in which changes of functions end only at the test's command.
async fn aws_with_held_changes() -> (MemoryAws, Arc<dyn LambdaApi>) {
    let aws = aws_with_bucket().await;
    aws.slow_functions(Pace::Held);
    let lambda = aws.outside().lambda(REGION);
    (aws, lambda)
}

async fn stage(lambda: &Arc<dyn LambdaApi>) -> (FunctionState, Update) {
    let function = lambda.deployed("app").await.unwrap().unwrap();
    (function.state, function.update)
}

#[tokio::test]
async fn a_new_function_is_pending_and_has_the_requested_settings() {
    let (aws, lambda) = aws_with_held_changes().await;
    lambda.create_function(&desired()).await.unwrap();
    assert_eq!(stage(&lambda).await, (FunctionState::Pending, Update::Settled));
    aws.finish_functions();
    let found = lambda.deployed("app").await.unwrap().unwrap();
    assert_eq!((&found.state, &found.update), (&FunctionState::Usable, &Update::Settled));
    let date = &found.last_modified;
    assert!(date.len() == 28 && date.starts_with("2026-01-01T") && date.ends_with("+0000"), "{date}");
    let DesiredFunction {
        name: _,
        configuration,
        architecture,
        code,
        tags,
        reserved_concurrency: _,
        async_invoke: _,
    } = desired();
    let CodeSource::Archive(archive) = code else { panic!("the code is an archive") };
    assert_eq!(
        (found.configuration, found.architecture, found.code_sha256, found.tags, found.reserved_concurrency),
        (configuration, architecture, archive.sha256, tags, None)
    );
}

#[tokio::test]
async fn an_update_during_another_change_conflicts() {
    let (aws, lambda) = aws_with_held_changes().await;
    lambda.create_function(&desired()).await.unwrap();
    let new = code("2");
    let update = || lambda.update_code("app", &new, Architecture::Arm64);
    assert_eq!(kind_and_message(update().await).0, AwsErrorKind::Conflict);
    aws.finish_functions();
    update().await.unwrap();
    assert_eq!(stage(&lambda).await, (FunctionState::Usable, Update::InProgress));
    let configuration = lambda.update_configuration("app", &desired().configuration).await;
    assert_eq!(kind_and_message(configuration).0, AwsErrorKind::Conflict);
    aws.finish_functions();
    lambda.update_configuration("app", &desired().configuration).await.unwrap();
}

#[tokio::test]
async fn a_failed_update_changes_nothing() {
    let (aws, lambda) = aws_with_held_changes().await;
    lambda.create_function(&desired()).await.unwrap();
    aws.finish_functions();
    let before = aws.snapshot();
    aws.fail_function("app", Failure::new("InvalidSubnet", "no such subnet"));
    lambda.update_code("app", &code("2"), Architecture::Arm64).await.unwrap();
    aws.finish_functions();
    assert_eq!(stage(&lambda).await, (FunctionState::Usable, Update::Failed("no such subnet".into())));
    assert_eq!(aws.snapshot(), before);
}

#[tokio::test]
async fn an_existing_name_conflicts() {
    let (_, lambda) = aws_with_held_changes().await;
    lambda.create_function(&desired()).await.unwrap();
    assert_eq!(
        kind_and_message(lambda.create_function(&desired()).await),
        (AwsErrorKind::Conflict, "Function already exist: app".into())
    );
}

#[tokio::test]
async fn tags_and_concurrency_change_at_once() {
    let (aws, lambda) = aws_with_held_changes().await;
    lambda.create_function(&desired()).await.unwrap();
    let app = aws.function("app");
    lambda.tag_function(&app, &[("stage".to_owned(), "test".to_owned())].into()).await.unwrap();
    lambda.untag_function(&app, &["team".into()]).await.unwrap();
    lambda.put_concurrency("app", 5).await.unwrap();
    let found = lambda.deployed("app").await.unwrap().unwrap();
    let tags = [("stage".to_owned(), "test".to_owned())].into();
    assert_eq!((found.tags, found.reserved_concurrency), (tags, Some(5)));
    lambda.delete_concurrency("app").await.unwrap();
    assert_eq!(lambda.deployed("app").await.unwrap().unwrap().reserved_concurrency, None);
    assert_eq!(kind_and_message(lambda.put_concurrency("app", 901).await).0, AwsErrorKind::Invalid);
}

#[tokio::test]
async fn deleting_a_function_deletes_its_policies() {
    let (aws, lambda) = aws_with_held_changes().await;
    let live = aws.function("resize").with_qualifier(Some("live"));
    aws.publish(&live);
    permit(&aws, &live).await.unwrap();
    lambda.delete_function("resize").await.unwrap();
    let after = aws.snapshot();
    assert_eq!((after.functions, after.policies), ([].into(), [].into()));
    assert_eq!(kind_and_message(lambda.delete_function("resize").await).0, AwsErrorKind::NotFound);
}

#[tokio::test]
async fn unready_roles_and_missing_code_are_reported() {
    let (aws, lambda) = aws_with_held_changes().await;
    let role = desired().configuration.role;
    aws.set_role_ready(&role, false);
    assert_eq!(kind_and_message(lambda.create_function(&desired()).await).0, AwsErrorKind::RoleNotReady);
    aws.set_role_ready(&role, true);
    let stored = CodeSource::S3 { bucket: "photos".into(), key: "app.zip".into(), version: None };
    let from_bucket = DesiredFunction { code: stored, ..desired() };
    let (kind, words) = kind_and_message(lambda.create_function(&from_bucket).await);
    assert!(matches!(kind, AwsErrorKind::DependencyMissing(_)), "{kind:?}");
    assert!(words.contains("NoSuchKey"), "{words}");
    aws.put_object("photos", "app.zip", None, b"1");
    lambda.create_function(&from_bucket).await.unwrap();
}

#[tokio::test]
async fn an_event_invoke_config_is_replaced_as_a_whole() {
    let (_, lambda) = aws_with_held_changes().await;
    lambda.create_function(&desired()).await.unwrap();
    assert_eq!(lambda.event_invoke_config("app").await.unwrap(), None);
    let first = EventInvokeConfig {
        maximum_retry_attempts: Some(0),
        on_failure: Some("arn:aws:sqs:eu-west-1:123456789012:failed".into()),
        ..EventInvokeConfig::default()
    };
    let second = EventInvokeConfig { maximum_event_age_seconds: Some(60), ..EventInvokeConfig::default() };
    for config in [first, second] {
        lambda.put_event_invoke_config("app", &config).await.unwrap();
        assert_eq!(lambda.event_invoke_config("app").await.unwrap(), Some(config));
    }
    let empty = lambda.put_event_invoke_config("app", &EventInvokeConfig::default()).await;
    assert_eq!(kind_and_message(empty).0, AwsErrorKind::Invalid);
    for _ in 0..2 {
        lambda.delete_event_invoke_config("app").await.unwrap();
        assert_eq!(lambda.event_invoke_config("app").await.unwrap(), None);
    }
}
