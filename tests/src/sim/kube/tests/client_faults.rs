//! The faults of the interceptor, as a client sees the faults.

use ::kube::api::{ListParams, PostParams, WatchParams};
use ::kube::runtime::wait::await_condition;
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use tokio::time::timeout;

use super::*;
use crate::sim::fault_injector::{CrashPoint, Refusal};

/// A cluster where each call of this operation meets this fault.
fn meets(operation: &'static str, fault: CallFault) -> (Cluster, Client, FaultInjector) {
    planned(move |call| if call.operation == operation { fault } else { CallFault::Pass })
}

async fn create(client: &Client) -> Result<ConfigMap, Error> {
    config_maps(client).create(&PostParams::default(), &typed(config_map("a", "1"))).await
}

#[tokio::test(start_paused = true)]
async fn calls_are_recorded_with_operation_and_object() {
    let (_, client, injector) = planned(|_| CallFault::Pass);
    create(&client).await.expect("create");
    config_maps(&client).list(&ListParams::default()).await.expect("list");
    let _ = functions(&client).watch(&WatchParams::default(), "1").await.expect("watch");
    let _ = functions(&client).get_status("b").await;
    let calls: Vec<_> =
        injector.calls().into_iter().map(|call| (call.operation, call.on, call.write)).collect();
    let call = |operation: &str, on: &str, write| (operation.to_owned(), on.to_owned(), write);
    assert_eq!(
        calls,
        [
            call("kube:create configmaps", "default/a", true),
            call("kube:list configmaps", "", false),
            call("kube:watch s3triggeredfunctions", "", false),
            call("kube:get s3triggeredfunctions/status", "default/b", false),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_have_the_codes_and_reasons_of_the_api_server() {
    for (refusal_planned, code, reason) in [
        (Refusal::Forbidden, 403, "Forbidden"),
        (Refusal::NotFound, 404, "NotFound"),
        (Refusal::Conflict, 409, "AlreadyExists"),
        (Refusal::Precondition, 409, "Conflict"),
        (Refusal::Throttled, 429, "TooManyRequests"),
        (Refusal::Server, 500, "InternalError"),
    ] {
        let (cluster, client, injector) = meets("kube:create configmaps", CallFault::Refuse(refusal_planned));
        assert_eq!(refusal(create(&client).await), (code, reason.to_owned()));
        assert_eq!(cluster.objects("ConfigMap"), Vec::<Value>::new());
        assert_eq!(injector.count(), if code == 429 { 16 } else { 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_are_transport_errors() {
    for (fault, done) in [(CallFault::LostAnswer, 1), (CallFault::Timeout, 0), (CallFault::Truncated, 1)] {
        let (cluster, client, _) = meets("kube:create configmaps", fault);
        let error = create(&client).await.expect_err("the answer is lost");
        assert!(!matches!(error, Error::Api(_)), "{error:?}");
        assert_eq!(cluster.objects("ConfigMap").len(), done, "{fault:?}");
    }
    let (cluster, client, _) = meets("kube:create configmaps", CallFault::Late(Duration::from_secs(60)));
    create(&client).await.expect_err("no answer arrives");
    assert_eq!(cluster.objects("ConfigMap").len(), 0);
    pass(60).await;
    assert_eq!(cluster.objects("ConfigMap").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_returns_the_state_before_the_change() {
    let (cluster, client, _) = planned(|call| if call.write { CallFault::Pass } else { CallFault::Stale });
    let api = config_maps(&client);
    create(&client).await.expect("create");
    assert!(api.get_opt("a").await.expect("get").is_none());
    let old = cluster.get("ConfigMap", "default", "a").expect("the object exists");
    cluster.apply(&config_map("a", "2")).expect("apply");
    cluster.apply(&config_map("b", "1")).expect("apply");
    assert_eq!(json_of(&api.get("a").await.expect("get")), old);
    let list = api.list(&ListParams::default()).await.expect("list");
    assert_eq!((list.items.len(), list.metadata.resource_version.as_deref()), (1, Some("5")));
}

#[tokio::test(start_paused = true)]
async fn a_truncated_watch_ends_without_its_event() {
    let (cluster, client, _) = meets("kube:watch configmaps", CallFault::Truncated);
    cluster.apply(&config_map("a", "1")).expect("apply");
    let stream = config_maps(&client).watch(&WatchParams::default(), "1").await.expect("watch");
    let events: Vec<_> = stream.collect().await;
    assert!(events.iter().all(Result::is_err), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_operator_gets_no_answer() {
    let (cluster, client, _) = meets("kube:create configmaps", CallFault::Crash(CrashPoint::Applied));
    let waits = await_condition(config_maps(&client), "a", |object: Option<&ConfigMap>| object.is_some());
    let waits = tokio::spawn(waits);
    pass(1).await;
    assert!(timeout(Duration::from_secs(300), create(&client)).await.is_err());
    assert_eq!(cluster.objects("ConfigMap").len(), 1);
    assert!(!waits.is_finished());
}
