//! A hundred resources at once under very small quotas. AWS throttles some calls, and all resources become ready.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::kstatus::is_ready;
use crate::sim::aws::Rate;
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::oracles::Watchdog;
use crate::sim::run::{Sim, simulate};
use crate::sim::workflows::{self, NAMESPACE};

const RESOURCES: usize = 100;
/// A fifth of AWS's quotas, and a low rate for S3.
const RATES: [Rate; 5] = [
    ("lambda:GetFunction", 20.0),
    ("lambda:GetPolicy", 3.0),
    ("lambda:", 3.0),
    ("events:", 10.0),
    ("s3:", 2.0),
];
/// The time limit for all creations, and for all deletions.
const LIMIT: Duration = Duration::from_secs(45 * 60);

fn resource(number: usize) -> Value {
    let name = ["resize", "report"][number / 2 % 2];
    let function = json!({"name": name});
    let (kind, spec) = match number % 2 {
        0 => ("ScheduledFunction", json!({"function": function, "schedule": "rate(1 hour)"})),
        _ => {
            let filters = json!([{"prefix": format!("{number}/")}]);
            ("S3TriggeredFunction", json!({"function": function, "bucket": "photos", "filters": filters}))
        }
    };
    json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": kind,
        "metadata": {"name": format!("r{number}"), "namespace": NAMESPACE}, "spec": spec,
    })
}

/// Waits until a condition holds for all objects. The interval is ten seconds, since the check of many objects is slow.
async fn until(sim: &Sim, what: &str, holds: impl Fn(&[Value]) -> bool) {
    let end = sim.injector.elapsed() + LIMIT;
    while !holds(&objects(sim)) {
        assert!(sim.injector.elapsed() < end, "not all are {what} after {LIMIT:?}");
        sleep(Duration::from_secs(10)).await;
    }
}

fn objects(sim: &Sim) -> Vec<Value> {
    ["ScheduledFunction", "S3TriggeredFunction"].map(|kind| sim.cluster.objects(kind)).concat()
}

#[test]
fn a_hundred_resources_sync_and_delete_under_small_quotas() {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            let watchdog = Watchdog::watch(&sim, &[]);
            sim.aws.limit_calls(&RATES);
            let operator = sim.start();
            for number in 0..RESOURCES {
                sim.cluster.apply(&resource(number)).unwrap_or_else(|refused| panic!("{refused:?}"));
            }
            until(&sim, "ready", |objects| objects.iter().all(is_ready)).await;
            let ready = sim.injector.elapsed();
            workflows::until_idle(&sim).await;
            watchdog.check();
            for object in objects(&sim) {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
                sim.cluster.delete(&kind, NAMESPACE, &name).unwrap_or_else(|refused| panic!("{refused:?}"));
            }
            until(&sim, "gone", <[Value]>::is_empty).await;
            let gone = sim.injector.elapsed() - ready;
            println!(
                "quotas: ready after {ready:.0?}, gone after {gone:.0?}, {} calls, {} refused",
                sim.injector.count(),
                sim.aws.throttled()
            );
            watchdog.check();
            operator.kill();
            assert_eq!(watchdog.findings(), []);
        },
    );
}
