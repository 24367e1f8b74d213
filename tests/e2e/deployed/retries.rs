//! Retries of asynchronous invocations: set, put back, taken out, and left alone where a definition says nothing.

use aws_sdk_lambda::types::{DestinationConfig, OnFailure};
use lambda_triggers_tests::world::{self, World};
use serde_json::{Value, json};

use super::view::{SCHEDULED, apply, definition, function_name, scheduled, with};
use crate::objects::{RESYNC_1S, event, nothing_is_written_at_rest, told};
use crate::support::LIMIT;

/// Attempts, age and the destination of failed events in Lambda. `None` stands for no configuration.
type Retries = Option<(Option<i32>, Option<i32>, Option<String>)>;

async fn retries(w: &World, function: &str) -> Retries {
    let found = w.lambda().get_function_event_invoke_config().function_name(function).send().await.ok()?;
    let destinations = found.destination_config();
    let failed = destinations.and_then(|config| config.on_failure()).and_then(|one| one.destination());
    let failed = failed.map(ToOwned::to_owned);
    Some((found.maximum_retry_attempts(), found.maximum_event_age_in_seconds(), failed))
}

async fn until_retries(w: &World, function: &str, expected: &Retries) {
    w.until(LIMIT, &format!("the retries of {function} to be {expected:?}"), async || {
        let found = retries(w, function).await;
        if found == *expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    w.until_ready(SCHEDULED, "app").await;
}

/// Sets the retries and a destination, as another tool would.
async fn set_by_hand(w: &World, function: &str, attempts: Option<i32>, queue: &str) {
    let failure = OnFailure::builder().destination(queue).build();
    let destinations = DestinationConfig::builder().on_failure(failure).build();
    let call = w.lambda().put_function_event_invoke_config().function_name(function);
    let call = call.set_maximum_retry_attempts(attempts).destination_config(destinations);
    call.send().await.unwrap();
}

fn with_retries(w: &World, retries: Value) -> Value {
    scheduled("app", &with(definition(w, "app"), json!({"asyncInvoke": retries})))
}

#[test]
fn retries_are_set_put_back_and_taken_out() {
    world::test("retries", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        let both = json!({"maximumRetryAttempts": 0, "maximumEventAgeSeconds": 60});
        apply(&w, &with_retries(&w, both)).await;
        let name = function_name(&w, SCHEDULED, "app");
        until_retries(&w, &name, &Some((Some(0), Some(60), None))).await;
        nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;

        // The operator restores the retries, and keeps a foreign destination.
        let queue = format!("arn:aws:sqs:eu-west-1:{}:failed", w.account());
        set_by_hand(&w, &name, Some(1), &queue).await;
        until_retries(&w, &name, &Some((Some(0), Some(60), Some(queue.clone())))).await;
        nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;
        let repaired = event(
            "Warning",
            "DriftRepaired",
            format!("put back what was changed on the function {name}: retries"),
        );
        let found = told(&w, "app").await;
        assert!(found.contains(&repaired), "{found:#?}");

        apply(&w, &with_retries(&w, json!({"maximumRetryAttempts": 1}))).await;
        until_retries(&w, &name, &Some((Some(1), None, Some(queue.clone())))).await;
        apply(&w, &scheduled("app", &definition(&w, "app"))).await;
        until_retries(&w, &name, &Some((None, None, Some(queue.clone())))).await;

        // Without `asyncInvoke` the retries belong to the other tool.
        set_by_hand(&w, &name, Some(1), &queue).await;
        nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;
        assert_eq!(retries(&w, &name).await, Some((Some(1), None, Some(queue))));
        let reads = w.aws_proxy().calls(w.account());
        let reads = reads.iter().filter(|call| call.operation == "GetFunctionEventInvokeConfig");
        // The test has made a single read, and the operator none.
        assert_eq!(reads.count(), 1);
    });
}

#[test]
fn retries_without_foreign_destinations_are_deleted_when_they_are_taken_out() {
    world::test("retries-deleted", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        apply(&w, &with_retries(&w, json!({"maximumRetryAttempts": 2}))).await;
        let name = function_name(&w, SCHEDULED, "app");
        until_retries(&w, &name, &Some((Some(2), None, None))).await;
        apply(&w, &scheduled("app", &definition(&w, "app"))).await;
        until_retries(&w, &name, &None).await;
        nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;
    });
}
