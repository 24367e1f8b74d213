//! P6: a thousand resources for hours, coming, changing and going, under faults, deaths and other writers. Nobody's entry is
//! lost, nothing is left in the end, and the memory does not fill.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use lambda_triggers_core::plan::identity::OwnerId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::chaos::{Chaos, others};
use crate::sim::gate::{Call, Plan, Verdict};
use crate::sim::oracles;
use crate::sim::run::{Sim, owner, simulate};
use crate::sim::workflows::{self, NAMESPACE};

const RESOURCES: usize = 1000;
/// Of ten resources, so many are schedules: EventBridge takes 300 rules in a Region.
const SCHEDULES: usize = 4;
const BUCKETS: [&str; 10] = [
    "bucket-0", "bucket-1", "bucket-2", "bucket-3", "bucket-4", "bucket-5", "bucket-6", "bucket-7",
    "bucket-8", "bucket-9",
];
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
const HOURS: u64 = 3;
/// So many calls in a hundred meet a fault.
const RATE: f64 = 5.0;
/// How much more memory there may be at the end than after the first hour, in percent: the world of the run is in it, too.
const GROWTH: usize = 25;

/// The resource in this slot, as its owner wants it for now.
fn resource(slot: usize, random: &mut StdRng) -> Value {
    let name = format!("r{slot}");
    let suspend = random.random_bool(0.2);
    let (kind, spec) = if slot % 10 < SCHEDULES {
        let rate = format!("rate({} hours)", random.random_range(2..9));
        let region = REGIONS[slot / 10 % 2];
        ("ScheduledFunction", json!({"schedule": rate, "region": region, "suspend": suspend}))
    } else {
        let suffix = [".jpg", ".png"][random.random_range(0..2)];
        let filters = json!([{"prefix": format!("{slot}/"), "suffix": suffix}]);
        let bucket = BUCKETS[slot / 10 % BUCKETS.len()];
        ("S3TriggeredFunction", json!({"bucket": bucket, "filters": filters, "suspend": suspend}))
    };
    let mut object = json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec,
    });
    let function = ["resize", "report"][slot % 2];
    object["spec"]["function"] = json!({"name": function});
    object
}

/// One change in a slot: its resource comes, is changed, or goes.
fn churn(sim: &Sim, slot: usize, random: &mut StdRng) {
    let object = resource(slot, random);
    let kind = object["kind"].as_str().unwrap_or_default();
    if random.random_bool(0.3) {
        // It may be gone already.
        let _ = sim.cluster.delete(kind, NAMESPACE, &format!("r{slot}"));
    } else if let Err(refused) = sim.cluster.apply(&object) {
        panic!("{object} is refused: {refused:?}");
    }
}

/// Resident memory, in pages of the kernel's own size; none where the kernel does not tell it so.
fn memory() -> Option<usize> {
    fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse().ok()
}

/// What is left of ours in AWS.
fn left(sim: &Sim, owner: &OwnerId) -> BTreeSet<String> {
    let snapshot = sim.aws.snapshot();
    let own = |text: &&str| text.contains(&owner.prefix());
    let texts = snapshot.buckets.values().map(String::as_str);
    let rules = snapshot.rules.keys().map(String::as_str);
    let statements = snapshot.policies.values().flat_map(|policy| policy.keys()).map(String::as_str);
    texts.chain(rules).chain(statements).filter(own).map(ToOwned::to_owned).collect()
}

async fn soak(sim: Sim, end: Duration) {
    workflows::prepare(&sim);
    BUCKETS.iter().for_each(|bucket| sim.aws.create_bucket(&sim.aws.bucket(bucket)));
    let mut random = StdRng::seed_from_u64(6);
    let mut operator = sim.start();
    for seed in 0..3 {
        let (sim, writes) = (sim.clone(), Default::default());
        tokio::spawn(async move { others(sim, seed, &BUCKETS, writes, end).await });
    }
    let mut after_an_hour = None;
    let mut windows = 0;
    while sim.gates.elapsed() < end {
        for _ in 0..RESOURCES / 50 {
            churn(&sim, random.random_range(0..RESOURCES), &mut random);
        }
        sleep(Duration::from_secs(60)).await;
        if sim.gates.elapsed().as_secs() % 3600 < 60 {
            windows += oracles::windows(&sim.aws.document_writes()).unwrap_or_else(|why| panic!("{why}"));
            sim.forget();
            operator.kill();
            operator = sim.start();
            let pages = memory();
            println!("soak: {:?}, {pages:?} pages, {windows} windows", sim.gates.elapsed());
            after_an_hour = after_an_hour.or(pages);
        }
    }
    if let (Some(before), Some(now)) = (after_an_hour, memory()) {
        assert!(now * 100 <= before * (100 + GROWTH), "{before} pages after an hour, {now} after {HOURS}");
    }
    for kind in ["ScheduledFunction", "S3TriggeredFunction"] {
        for object in sim.cluster.objects(kind) {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            sim.cluster.delete(kind, NAMESPACE, name).unwrap_or_else(|refused| panic!("{refused:?}"));
        }
    }
    workflows::rest(&sim).await;
    workflows::until_looked_again(&sim).await;
    operator.kill();
    for kind in ["ScheduledFunction", "S3TriggeredFunction"] {
        assert_eq!(sim.cluster.objects(kind), Vec::<Value>::new());
    }
    assert_eq!(left(&sim, &owner()), BTreeSet::new());
}

#[test]
#[ignore = "make chaos: a thousand resources for hours of their time, minutes of ours"]
fn chaos_among_a_thousand_resources_leaves_nothing_behind_and_fills_no_memory() {
    let end = Duration::from_secs(HOURS * 3600);
    let mut chaos = Chaos::new(6, RATE, end);
    // What a death leaves stays in this process; the operator is killed each hour instead.
    let plan = move |call: &Call| match chaos.verdict(call) {
        Verdict::Crash(_) => Verdict::Timeout,
        verdict => verdict,
    };
    simulate(6, plan, async |sim| soak(sim, end).await);
}
