//! Retries of asynchronous invocations: set, repaired, removed, and left alone without `asyncInvoke`.

use aws_sdk_lambda::types::{DestinationConfig, OnFailure};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::view::{SCHEDULED, apply, definition, function_name, scheduled, with};
use crate::objects::{RESYNC_1S, assert_no_writes_at_rest, event, events_of};
use crate::support::LIMIT;

/// Attempts, maximum age and the destination of failed events in Lambda. `None`: no configuration.
type Retries = Option<(Option<i32>, Option<i32>, Option<String>)>;

async fn retries(env: &TestEnv, function: &str) -> Retries {
    let found = env.lambda().get_function_event_invoke_config().function_name(function).send().await.ok()?;
    let destinations = found.destination_config();
    let failed =
        destinations.and_then(|config| config.on_failure()).and_then(|destination| destination.destination());
    let failed = failed.map(ToOwned::to_owned);
    Some((found.maximum_retry_attempts(), found.maximum_event_age_in_seconds(), failed))
}

async fn wait_for_retries(env: &TestEnv, function: &str, expected: &Retries) {
    env.until(LIMIT, &format!("the retries of {function} to be {expected:?}"), async || {
        let found = retries(env, function).await;
        if found == *expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    env.until_ready(SCHEDULED, "app").await;
}

/// Sets the retries and a destination, as another tool would.
async fn set_by_another_tool(env: &TestEnv, function: &str, attempts: Option<i32>, queue: &str) {
    let failure = OnFailure::builder().destination(queue).build();
    let destinations = DestinationConfig::builder().on_failure(failure).build();
    let call = env.lambda().put_function_event_invoke_config().function_name(function);
    let call = call.set_maximum_retry_attempts(attempts).destination_config(destinations);
    call.send().await.unwrap();
}

fn with_retries(env: &TestEnv, retries: Value) -> Value {
    scheduled("app", &with(definition(env, "app"), json!({"asyncInvoke": retries})))
}

#[test]
fn retries_are_set_repaired_and_removed() {
    env::test("retries", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let both = json!({"maximumRetryAttempts": 0, "maximumEventAgeSeconds": 60});
        apply(&env, &with_retries(&env, both)).await;
        let name = function_name(&env, SCHEDULED, "app");
        wait_for_retries(&env, &name, &Some((Some(0), Some(60), None))).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;

        // The operator restores the retries and keeps a foreign destination.
        let queue = format!("arn:aws:sqs:eu-west-1:{}:failed", env.account());
        set_by_another_tool(&env, &name, Some(1), &queue).await;
        wait_for_retries(&env, &name, &Some((Some(0), Some(60), Some(queue.clone())))).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
        let repaired =
            event("Warning", "DriftRepaired", format!("reverted a change of the function {name}: retries"));
        let found = events_of(&env, "app").await;
        assert!(found.contains(&repaired), "{found:#?}");

        apply(&env, &with_retries(&env, json!({"maximumRetryAttempts": 1}))).await;
        wait_for_retries(&env, &name, &Some((Some(1), None, Some(queue.clone())))).await;
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        wait_for_retries(&env, &name, &Some((None, None, Some(queue.clone())))).await;

        // Without `asyncInvoke`, the retries belong to the other tool.
        set_by_another_tool(&env, &name, Some(1), &queue).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
        assert_eq!(retries(&env, &name).await, Some((Some(1), None, Some(queue))));
        let reads = env.aws_proxy().calls(env.account());
        let reads = reads.iter().filter(|call| call.operation == "GetFunctionEventInvokeConfig");
        // The test has made a single read, and the operator none.
        assert_eq!(reads.count(), 1);
    });
}

#[test]
fn retries_without_foreign_destinations_are_deleted() {
    env::test("retries-deleted", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        apply(&env, &with_retries(&env, json!({"maximumRetryAttempts": 2}))).await;
        let name = function_name(&env, SCHEDULED, "app");
        wait_for_retries(&env, &name, &Some((Some(2), None, None))).await;
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        wait_for_retries(&env, &name, &None).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
    });
}
