//! A user removes the finalizer and deletes the object while a reconcile creates the AWS resources. The reconcile must
//! roll back: no later reconcile knows the object.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::simulate;
use crate::sim::workflows::{self, NAMESPACE, RESYNC_PERIOD, Step};

/// Removes the finalizer during the AWS write `number`, counted from 0. Returns false if the creation of the object has
/// fewer writes.
fn is_rolled_back(object: &Value, number: usize, fault: CallFault) -> bool {
    let begun = Arc::new(Notify::new());
    let (notify, mut writes) = (begun.clone(), 0);
    let plan = move |call: &Call| {
        let counts = call.write && !call.operation.starts_with("kube:");
        writes += usize::from(counts);
        if !counts || writes != number + 1 {
            return CallFault::Pass;
        }
        notify.notify_one();
        fault
    };
    simulate(1, plan, async |sim| {
        workflows::prepare(&sim);
        let before = sim.aws.snapshot();
        let operator = sim.start();
        sim.cluster.apply(object).expect("the object is valid");
        if timeout(RESYNC_PERIOD / 2, begun.notified()).await.is_err() {
            return false;
        }
        let [kind, name] = [&object["kind"], &object["metadata"]["name"]].map(|text| text.as_str().unwrap());
        sim.cluster.delete(kind, NAMESPACE, name).expect("the object exists");
        let mut without = object.clone();
        without["metadata"]["finalizers"] = Value::Null;
        sim.cluster.apply(&without).expect("a user may remove the finalizer");
        assert_eq!(sim.cluster.get(kind, NAMESPACE, name), None);
        workflows::until_idle(&sim).await;
        workflows::until_orphan_check(&sim).await;
        operator.kill();
        assert_eq!(sim.aws.snapshot(), before, "{kind} {name}, write {number}, {fault:?}");
        true
    })
}

/// The first object of a workflow.
fn first(workflow: &str) -> Value {
    match workflows::named(workflow).steps.swap_remove(0) {
        Step::Apply(mut objects) => objects.swap_remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_object_without_its_finalizer_leaves_nothing_in_aws() {
    for workflow in ["s3: create and delete", "schedule: create and delete"] {
        let object = first(workflow);
        for fault in [CallFault::Slow(Duration::from_secs(2)), CallFault::LostAnswer] {
            let writes = (0..).take_while(|number| is_rolled_back(&object, *number, fault)).count();
            assert!(writes > 1, "{workflow}: {writes} writes");
        }
    }
}
