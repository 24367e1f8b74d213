//! A kube `Controller` with its finalizer helper, from the creation of an object to its deletion.

use std::sync::Arc;

use ::kube::Api;
use ::kube::api::{Patch, PatchParams};
use ::kube::runtime::controller::Action;
use ::kube::runtime::finalizer::{Error as FinalizerError, Event, finalizer};
use ::kube::runtime::{Controller, watcher};
use futures::StreamExt;
use lambda_triggers_core::api::{FINALIZER, S3TriggeredFunction};
use parking_lot::Mutex;
use serde_json::json;

use super::*;

type Failure = FinalizerError<Error>;

/// The reconciled events, with their times.
#[derive(Default)]
struct Seen(Mutex<Vec<(&'static str, u64)>>);

async fn reconcile(
    api: Api<S3TriggeredFunction>,
    object: Arc<S3TriggeredFunction>,
    seen: Arc<Seen>,
    at: u64,
) -> Result<Action, Failure> {
    finalizer(&api, FINALIZER, object, |event| async {
        let (what, object) = match event {
            Event::Apply(object) => ("apply", object),
            Event::Cleanup(object) => ("cleanup", object),
        };
        seen.0.lock().push((what, at));
        let status = json!({
            "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": KIND, "metadata": {"uid": object.metadata.uid},
            "status": {"observedGeneration": object.metadata.generation},
        });
        let params = PatchParams::apply("us").force();
        let name = object.metadata.name.as_deref().unwrap_or_default();
        api.patch_status(name, &params, &Patch::Apply(status)).await?;
        Ok(Action::requeue(Duration::from_secs(600)))
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_controller_reconciles_in_virtual_time() {
    let (cluster, client, injector) = planned(|_| CallFault::Pass);
    let (api, seen) = (functions(&client), Arc::new(Seen::default()));
    let run = Controller::new(api.clone(), watcher::Config::default()).run(
        move |object, seen| reconcile(api.clone(), object, seen, injector.elapsed().as_secs()),
        |_, error: &Failure, _| panic!("no reconcile fails: {error}"),
        seen.clone(),
    );
    tokio::spawn(run.for_each(|_| std::future::ready(())));
    pass(5).await;
    cluster.apply(&manifest("a", "photos")).expect("apply");
    pass(1300).await;
    let object = cluster.get(KIND, "default", "a").expect("the object exists");
    assert_eq!(object["metadata"]["finalizers"], json!([FINALIZER]));
    assert_eq!((cluster.status_writes(), &object["status"]["observedGeneration"]), (1, &json!(1)));

    cluster.delete(KIND, "default", "a").expect("delete");
    pass(5).await;
    assert_eq!(cluster.get(KIND, "default", "a"), None);
    let journal = cluster.journal();
    let operations: Vec<&str> = journal[2..].iter().map(|change| change.operation.as_str()).collect();
    let (main, status) = ("kube:patch s3triggeredfunctions", "kube:patch s3triggeredfunctions/status");
    assert_eq!(
        operations,
        ["test:apply s3triggeredfunctions", main, status, "test:delete s3triggeredfunctions", status, main,]
    );
    let seen = seen.0.lock();
    let starts: Vec<&str> = seen.iter().map(|(what, _)| *what).collect();
    assert_eq!((starts.first(), starts.last()), (Some(&"apply"), Some(&"cleanup")), "{seen:?}");
    assert!(seen.iter().any(|(what, at)| *what == "apply" && *at >= 1200), "{seen:?}");
}
