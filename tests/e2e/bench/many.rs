//! The figures of many objects, all of them reconciled.

use std::fs;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use lambda_triggers_tests::env::TestEnv;
use serde_json::json;
use tokio::time::sleep;

use super::operator::{Operator, api, calls, describe};
use super::print;
use crate::support::AwsView;

const KIND: &str = "S3TriggeredFunction";
const PUT: &str = "PutBucketNotificationConfiguration";
/// The maximum number of entries in a bucket. The objects of a bucket share a function.
const PER_BUCKET: usize = 100;
/// The default.
const GRACE: &str = "30s";
const EDITS: usize = 100;
const MINUTE: Duration = Duration::from_secs(60);

/// Processor time of the whole machine since its start, in seconds.
fn machine() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let ticks: Vec<f64> =
        stat.lines().next().unwrap().split_whitespace().skip(1).map(|n| n.parse().unwrap()).collect();
    // user, nice, system, idle, iowait, irq, softirq
    (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / 100.0
}

/// Creates the objects, a hundred per bucket.
async fn create(env: &TestEnv, buckets: &[String], count: usize) {
    let api = api(env, KIND);
    let create = |number: usize| {
        let (api, at) = (api.clone(), number / PER_BUCKET);
        let object = json!({
            "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": KIND,
            "metadata": {"name": format!("t{number}")},
            "spec": {
                "function": {"name": format!("f{at}")}, "bucket": buckets[at],
                "filters": [{"prefix": format!("{number}/")}],
            },
        });
        async move {
            let object: DynamicObject = serde_json::from_value(object).unwrap();
            api.create(&PostParams::default(), &object).await.unwrap();
        }
    };
    stream::iter((0..count).map(create)).buffer_unordered(16).collect::<Vec<()>>().await;
}

/// Deletes the objects one by one: the deletion of a large collection exceeds the API server's time limit.
async fn delete(env: &TestEnv, count: usize) {
    let api = api(env, KIND);
    let delete = |number: usize| {
        let api = api.clone();
        async move {
            api.delete(&format!("t{number}"), &DeleteParams::default()).await.unwrap();
        }
    };
    stream::iter((0..count).map(delete)).buffer_unordered(16).collect::<Vec<()>>().await;
}

/// Edits objects of all buckets one after another. Returns the sorted times from each edit to its write to AWS.
async fn edits(env: &TestEnv, buckets: &[String], count: usize) -> Vec<Duration> {
    let mut times = vec![];
    for number in 0..EDITS.min(count) {
        let number = number * count / EDITS.min(count);
        let bucket = &buckets[number / PER_BUCKET];
        let puts = || {
            let calls = env.aws_proxy().calls(env.account());
            calls.iter().filter(|call| call.operation == PUT && call.resource == *bucket).count()
        };
        let (before, began) = (puts(), Instant::now());
        let change = json!({"spec": {"filters": [{"prefix": format!("edited/{number}/")}]}});
        api(env, KIND)
            .patch(&format!("t{number}"), &PatchParams::default(), &Patch::Merge(&change))
            .await
            .unwrap();
        while puts() == before {
            sleep(Duration::from_millis(2)).await;
        }
        times.push(began.elapsed());
    }
    times.sort();
    times
}

fn seconds(time: f64) -> String {
    format!("{time:.1} s")
}

fn memory(operator: &Operator, when: &str, goal: &str) {
    print(&format!("memory, {when}"), format!("{:.1} MiB", operator.memory()), goal);
}

pub async fn figures(env: &TestEnv, count: usize) {
    let mut buckets = vec![];
    for number in 0..count.div_ceil(PER_BUCKET) {
        env.function(&format!("f{number}")).await;
        buckets.push(env.new_bucket(&format!("bench{number}")).await);
    }
    let mut operator = Operator::start(env, GRACE).await;
    sleep(Duration::from_secs(5)).await;
    memory(&operator, "no objects", "goal: 15 MiB");

    env.aws_proxy().clear_calls(env.account());
    let (began, before, other) = (Instant::now(), operator.processor(), machine());
    create(env, &buckets, count).await;
    let created = began.elapsed().as_secs_f64();
    operator.until_ready(count).await;
    let (time, own) = (began.elapsed().as_secs_f64(), operator.processor() - before);
    let others = machine() - other - own;
    print(&format!("{count} created until Ready"), seconds(time), "goal for 10,000: 120 s");
    print("  of it until the API server has all objects", seconds(created), "");
    print("  processor time of the operator", seconds(own), "");
    print("  processor time of everything else", seconds(others), "");
    let (total, counts) = describe(&calls(env).await);
    print("  calls", total, &format!("goal for 10,000: 300 PUTs; {counts}"));
    memory(&operator, "after the creation", "goal for 10,000: 80 MiB");

    let before = operator.processor();
    sleep(MINUTE).await;
    let share = (operator.processor() - before) / MINUTE.as_secs_f64() * 100.0;
    print("processor at rest, of a core", format!("{share:.2} %"), "goal: 1 %");

    let began = Instant::now();
    operator.restart(env).await;
    operator.until_reconciled(count).await;
    print("restart until all are reconciled", seconds(began.elapsed().as_secs_f64()), "");
    print("  processor time of the operator", seconds(operator.processor()), "goal for 10,000: 20 s");
    // The sync that rules out late writes comes after the write grace period.
    sleep(MINUTE / 2).await;
    let (total, counts) = describe(&calls(env).await);
    print("  calls", total, &format!("goal for 10,000: some 205; {counts}"));
    memory(&operator, "after the restart", "goal for 10,000: 80 MiB");

    operator.restart(env).await;
    let times = edits(env, &buckets, count).await;
    let at =
        |part: usize| format!("{} ms", times[(times.len() * part / 100).min(times.len() - 1)].as_millis());
    print("edit during a restart to its write: median", at(50), "");
    print("  99 of 100", at(98), "goal: 1000 ms");
    print("  worst", at(100), "");
    operator.until_reconciled(count).await;
    memory(&operator, "after the edits", "goal for 10,000: 80 MiB");

    env.aws_proxy().clear_calls(env.account());
    let began = Instant::now();
    delete(env, count).await;
    operator.until_gone().await;
    print(&format!("{count} deleted"), seconds(began.elapsed().as_secs_f64()), "goal for 1,000: 60 s");
    let (total, counts) = describe(&calls(env).await);
    print("  calls", total, &format!("goal for 1,000: 60 PUTs; {counts}"));
}
