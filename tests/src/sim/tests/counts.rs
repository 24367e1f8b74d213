//! The number of calls for a batch of resources and for a resync, and the latency of an edit during a resync.

use std::collections::BTreeMap;
use std::time::Duration;

use lambda_triggers_core::api::{FINALIZER, KeyFilter};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::plan::bucket::{Claim, Desired, Destination, Document, Entry, Filter, plan_bucket};
use lambda_triggers_core::plan::permission::Statement;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::kstatus::is_ready;
use crate::sim::aws::{ACCOUNT, RATES, REGION};
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::{Sim, owner, simulate};
use crate::sim::workflows::{self, NAMESPACE};

pub const KIND: &str = "S3TriggeredFunction";
pub const SCHEDULE: &str = "ScheduledFunction";
/// The period of a resync.
const RESYNC_PERIOD: Duration = Duration::from_secs(600);

pub fn trigger(name: &str, function: &str, bucket: &str) -> Value {
    json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": KIND,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "function": {"name": function}, "bucket": bucket, "events": ["s3:ObjectCreated:*"],
            "filters": [{"prefix": format!("{name}/")}],
        },
    })
}

pub fn schedule(name: &str, function: &str) -> Value {
    json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": SCHEDULE,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"function": {"name": function}, "schedule": "rate(1 hour)"},
    })
}

pub fn apply(sim: &Sim, object: &Value) {
    sim.cluster.apply(object).unwrap_or_else(|refused| panic!("{object}: {refused:?}"));
}

/// The number of calls to AWS by operation, from this call on.
pub fn calls(sim: &Sim, from: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in sim.injector.calls().into_iter().filter(|call| call.number >= from) {
        if !call.operation.starts_with("kube:") {
            *counts.entry(call.operation).or_default() += 1;
        }
    }
    counts
}

pub fn are<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(operation, count)| (operation.to_owned(), count)).into()
}

pub async fn until_ready(sim: &Sim, kind: &str, count: usize) {
    let all_ready = |sim: &Sim| {
        let objects = sim.cluster.objects(kind);
        objects.len() == count && objects.iter().all(is_ready)
    };
    for _ in 0..1_000 {
        if all_ready(sim) {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
    panic!("not all are ready");
}

/// Creates thirty resources for one bucket, with this number of functions, under AWS's quotas. Returns the calls.
fn thirty(functions: usize) -> BTreeMap<String, usize> {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            for number in 0..functions {
                sim.aws.create_function(&sim.aws.function(&format!("f{number}")));
            }
            sim.aws.limit_calls(&RATES);
            let operator = sim.start();
            sleep(Duration::from_secs(1)).await;
            let before = sim.injector.count();
            for number in 0..30 {
                apply(&sim, &trigger(&format!("t{number}"), &format!("f{}", number % functions), "archive"));
            }
            until_ready(&sim, KIND, 30).await;
            operator.kill();
            assert_eq!(sim.aws.throttled(), 0);
            calls(&sim, before)
        },
    )
}

#[test]
fn thirty_resources_of_one_bucket_are_written_once() {
    for functions in [1, 3, 30] {
        // The bucket is read before the record, before the write and after the write.
        let expected = are([
            ("lambda:AddPermission", functions),
            ("s3:GetBucketNotification", 3),
            ("s3:PutBucketNotification", 1),
            ("sts:GetCallerIdentity", 1),
        ]);
        assert_eq!(thirty(functions), expected, "{functions} functions");
    }
}

/// The function, the bucket and the name of an object. A hundred objects share a bucket and a function.
fn location(number: usize) -> (String, String, String) {
    (format!("f{}", number / 100), format!("bucket-{}", number / 100), format!("t{number}"))
}

/// Creates objects in sync, as an earlier operator would have left the objects and AWS.
async fn create_synced(sim: &Sim, count: usize) {
    workflows::prepare(sim);
    let aws = sim.aws.outside();
    let owner = owner();
    let mut claims: BTreeMap<String, Vec<Claim>> = BTreeMap::new();
    for number in 0..count {
        let (function, bucket, name) = location(number);
        let arn = sim.aws.function(&function);
        let key = ObjectKey::new(NAMESPACE, &name);
        let filter = KeyFilter { prefix: Some(format!("{name}/")), ..KeyFilter::default() };
        let id = key.entry_id(&owner, &filter, false);
        let mut object = trigger(&name, &function, &bucket);
        object["metadata"]["finalizers"] = json!([FINALIZER]);
        apply(sim, &object);
        set_status(sim, &name, &arn, &bucket, &id);
        let entry = Entry {
            destination: Destination::Function,
            arn: arn.to_string(),
            id: Some(id),
            events: ["s3:ObjectCreated:*".to_owned()].into(),
            filter: Filter::from(&filter),
        };
        let claim = Claim { key, created: 0, uid: name, desired: Desired::Entries(vec![entry]) };
        claims.entry(bucket).or_default().push(claim);
    }
    for (bucket, claims) in claims {
        let Desired::Entries(entries) = &claims[0].desired else { unreachable!("{bucket}") };
        let arn = FunctionArn::parse(&entries[0].arn).unwrap();
        sim.aws.create_bucket(&sim.aws.bucket(&bucket));
        sim.aws.create_function(&arn);
        let statement = Statement::for_bucket(&owner, &arn, &bucket, ACCOUNT);
        aws.lambda(REGION).add_permission(&arn, &statement, None).await.unwrap();
        let empty = Document::parse("<NotificationConfiguration/>").unwrap();
        let document = plan_bucket(&empty, &owner, &claims).write.unwrap();
        sim.aws.put_notification(&bucket, &document.to_xml()).unwrap();
    }
}

fn set_status(sim: &Sim, name: &str, arn: &FunctionArn, bucket: &str, id: &str) {
    let condition = |kind: &str, message: &str| {
        json!({
            "type": kind, "status": "True", "reason": "Applied", "message": message, "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let statement = Statement::for_bucket(&owner(), arn, bucket, ACCOUNT).id;
    let status = json!({
        "observedGeneration": 1,
        "conditions": [
            condition("Ready", &format!("1 entry is in bucket {bucket}")), condition("FunctionReady", ""),
            condition("PermissionReady", ""), condition("NotificationReady", ""),
        ],
        "functionArn": arn.to_string(), "functionName": arn.short(),
        "applied": {
            "notifications": [{"region": REGION, "bucket": bucket, "bucketOwner": ACCOUNT, "ids": [id]}],
            "permissions": [{"functionArn": arn.to_string(), "statementId": statement}],
        },
    });
    let set = sim.cluster.set_status(KIND, NAMESPACE, name, &status);
    set.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
}

#[test]
fn a_resync_reads_each_bucket_and_each_policy_once_and_writes_nothing() {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            create_synced(&sim, 1_000).await;
            sim.aws.limit_calls(&RATES);
            let operator = sim.start();
            // The initial sync, and half of the time to the next resync. Another read of each bucket, after the write
            // grace period, rules out a late write of the previous leader.
            sleep(RESYNC_PERIOD / 2).await;
            let mut restart = calls(&sim, 0);
            // A few of the resources have their daily full read, which reads the function, too.
            assert!(restart.remove("lambda:GetFunction").unwrap_or_default() <= 10);
            let expected = are([
                ("lambda:GetPolicy", 10),
                ("s3:GetBucketNotification", 20),
                ("sts:GetCallerIdentity", 1),
            ]);
            assert_eq!(restart, expected, "restart");
            for resync in 1..=2 {
                let (before, changes) = (sim.injector.count(), sim.cluster.journal().len());
                sleep(RESYNC_PERIOD).await;
                let mut calls = calls(&sim, before);
                assert!(calls.remove("lambda:GetFunction").unwrap_or_default() <= 10, "resync {resync}");
                let expected = are([("lambda:GetPolicy", 10), ("s3:GetBucketNotification", 10)]);
                assert_eq!(calls, expected, "resync {resync}");
                assert_eq!(sim.cluster.journal_from(changes), [], "resync {resync}");
            }
            operator.kill();
            assert_eq!(sim.aws.throttled(), 0);
        },
    );
}

/// A list returns the settings of all rules. Only the targets need a call for each rule.
#[test]
fn a_resync_lists_the_rules_of_all_schedules() {
    const SCHEDULES: usize = 250;
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            sim.aws.create_function(&sim.aws.function("f0"));
            sim.aws.limit_calls(&RATES);
            let operator = sim.start();
            for number in 0..SCHEDULES {
                apply(&sim, &schedule(&format!("s{number}"), "f0"));
            }
            until_ready(&sim, SCHEDULE, SCHEDULES).await;
            // The middle of the resync period after the first full read.
            let into = sim.injector.elapsed().as_secs() % RESYNC_PERIOD.as_secs();
            let before = sim.injector.count();
            sleep(RESYNC_PERIOD * 7 / 2 - Duration::from_secs(into)).await;
            assert!(calls(&sim, before)["events:ListTagsForResource"] >= SCHEDULES);
            let (before, changes) = (sim.injector.count(), sim.cluster.journal().len());
            sleep(RESYNC_PERIOD).await;
            let mut calls = calls(&sim, before);
            // Some of the rules have their daily full read, which reads the tags and the function, too.
            assert!(calls.remove("events:ListTagsForResource").unwrap_or_default() <= SCHEDULES / 20);
            assert!(calls.remove("lambda:GetFunction").unwrap_or_default() <= 1);
            let expected = are([
                ("events:ListRules", 1),
                ("events:ListTargetsByRule", SCHEDULES),
                ("lambda:GetPolicy", 1),
            ]);
            assert_eq!(calls, expected);
            assert_eq!(sim.cluster.journal_from(changes), []);
            operator.kill();
            assert_eq!(sim.aws.throttled(), 0);
        },
    );
}

/// The time from an edit of this object to the first write to AWS.
async fn time_to_write(sim: &Sim, number: usize) -> Duration {
    let (function, bucket, name) = location(number);
    let (before, began) = (sim.injector.count(), sim.injector.elapsed());
    let mut object = trigger(&name, &function, &bucket);
    object["spec"]["events"] = json!(["s3:ObjectCreated:Put"]);
    apply(sim, &object);
    for _ in 0..10_000 {
        let calls = sim.injector.calls();
        let written = calls.iter().find(|call| {
            let is_ours = call.operation == "s3:PutBucketNotification" && call.on.contains(&bucket);
            call.number >= before && is_ours
        });
        if let Some(call) = written {
            return call.at - began;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{name} is not written to AWS");
}

#[test]
fn ten_thousand_objects_at_a_start_delay_no_edit() {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            create_synced(&sim, 10_000).await;
            sim.aws.limit_calls(&RATES);
            let operator = sim.start();
            let mut times = vec![];
            // Edits right after the start and later, of objects before and after their initial sync.
            for (wait, number) in [(1, 0), (0, 9_999), (1, 5_050), (2, 1), (10, 4_000)] {
                sleep(Duration::from_secs(wait)).await;
                times.push(time_to_write(&sim, number).await);
            }
            operator.kill();
            println!("edits are written to AWS after {times:?}");
            assert!(times.iter().all(|time| *time <= Duration::from_secs(1)), "{times:?}");
            assert_eq!(sim.aws.throttled(), 0);
        },
    );
}
