//! `make bench`: prints the operator's memory, processor time and edit latency as a table. The table shows the goals
//! too, but a missed goal does not fail the benchmark.

use std::fs;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream;
use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use lambda_triggers_core::pacing::token_bucket::{Quota, Rates};
use lambda_triggers_tests::env::{self, Controller, TestEnv};
use lambda_triggers_tests::kstatus::is_ready;
use serde_json::json;
use tokio::time::sleep;

use crate::objects::NO_RESYNC;
use crate::support::AwsView;

const PUT: &str = "PutBucketNotificationConfiguration";
/// The maximum number of entries in a bucket.
const PER_BUCKET: usize = 100;
const EDITS: usize = 100;
const MINUTE: Duration = Duration::from_secs(60);
/// Ticks of the kernel's clock per second, as /proc counts them
/// (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
const TICKS: f64 = 100.0;

fn api(env: &TestEnv) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("lambda-triggers.dev", "v1alpha1", "S3TriggeredFunction");
    let resource = ApiResource::from_gvk(&kind);
    Api::namespaced_with(env.kube().clone(), env.namespace(), &resource)
}

/// Resident memory, in MiB.
fn memory(controller: &Controller) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", controller.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// Processor time since the start, in seconds.
fn processor(controller: &Controller) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", controller.process_id())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS
}

/// Creates the objects with these numbers, a hundred per bucket. The objects of a bucket share a function.
async fn create(env: &TestEnv, buckets: &[String], numbers: std::ops::Range<usize>) {
    let api = api(env);
    let create = |number: usize| {
        let (api, at) = (api.clone(), number / PER_BUCKET);
        let object = json!({
            "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": "S3TriggeredFunction",
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
    stream::iter(numbers.map(create)).buffer_unordered(16).collect::<Vec<()>>().await;
}

async fn ready(env: &TestEnv) -> usize {
    let objects = api(env).list(&ListParams::default()).await.unwrap();
    objects.iter().filter(|object| is_ready(&serde_json::to_value(object).unwrap())).count()
}

/// Waits until all objects are in the operator's cache.
async fn wait_until_cached(env: &TestEnv, controller: &Controller, count: usize) {
    env.until(5 * MINUTE, "the objects to be cached", async || {
        let (_, text) = controller.page("/metrics").await.ok_or("no metrics")?;
        let counts = text.lines().filter(|line| line.starts_with("lambda_triggers_objects{"));
        let values = counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        let cached: f64 = values.sum();
        if cached as usize == count { Ok(()) } else { Err(format!("{cached} of {count}")) }
    })
    .await;
}

/// Makes many edits one after another. Returns the sorted times from each edit to its write to AWS.
async fn edits(env: &TestEnv) -> Vec<Duration> {
    let mut times = vec![];
    for number in 0..EDITS {
        let before = env.aws_proxy().count(env.account(), PUT);
        let began = Instant::now();
        let change = json!({"spec": {"filters": [{"prefix": format!("edited/{number}/")}]}});
        let name = format!("t{}", number * 7);
        api(env).patch(&name, &PatchParams::default(), &Patch::Merge(&change)).await.unwrap();
        while env.aws_proxy().count(env.account(), PUT) == before {
            sleep(Duration::from_millis(2)).await;
        }
        times.push(began.elapsed());
        // Waits until the edit's reconcile has ended.
        sleep(Duration::from_millis(300)).await;
    }
    times.sort();
    times
}

fn print(what: &str, found: impl std::fmt::Display, goal: &str) {
    println!("{what:<46} {found:>12}   {goal}");
}

#[test]
#[ignore = "make bench: minutes"]
fn figures() {
    env::run("bench", async |env| {
        let count: usize = std::env::var("OBJECTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
        let few = count / 10;
        let mut buckets = vec![];
        for number in 0..count / PER_BUCKET {
            env.function(&format!("f{number}")).await;
            buckets.push(env.new_bucket(&format!("bench{number}")).await);
        }
        let controller = env.controller(&NO_RESYNC);
        wait_until_cached(&env, &controller, 0).await;
        sleep(Duration::from_secs(5)).await;
        print("memory without objects", format!("{:.1} MiB", memory(&controller)), "goal: 15 MiB");

        let began = Instant::now();
        create(&env, &buckets, 0..few).await;
        while ready(&env).await < few {
            sleep(Duration::from_millis(500)).await;
        }
        let rates = Rates::default();
        let (functions, policies) = (few as f64, 2.0 * few as f64 / PER_BUCKET as f64);
        let floor =
            (functions / rates.rate(Quota::LambdaFunction)).max(policies / rates.rate(Quota::LambdaPolicy));
        let time = format!("{:.1} s", began.elapsed().as_secs_f64());
        print(
            &format!("until {few} new objects are ready"),
            time,
            &format!("floor of the quotas: {floor:.1} s"),
        );
        print(
            &format!("memory with {few} objects"),
            format!("{:.1} MiB", memory(&controller)),
            "goal: 25 MiB",
        );

        let before = processor(&controller);
        sleep(MINUTE).await;
        let share = (processor(&controller) - before) / MINUTE.as_secs_f64() * 100.0;
        print(&format!("processor with {few} objects at rest"), format!("{share:.2} %"), "");

        let times = edits(&env).await;
        let at = |part: usize| {
            format!("{} ms", times[(times.len() * part / 100).min(times.len() - 1)].as_millis())
        };
        print("edit to AWS, p50", at(50), "");
        print("edit to AWS, p99", at(99), "");

        create(&env, &buckets, few..count).await;
        wait_until_cached(&env, &controller, count).await;
        sleep(Duration::from_secs(10)).await;
        print(
            &format!("memory with {count} objects"),
            format!("{:.1} MiB", memory(&controller)),
            "goal: 80 MiB",
        );
    });
}
