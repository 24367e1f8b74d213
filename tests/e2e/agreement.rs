//! The simulated env and the real one agree: the same steps, on the real API server and the strict AWS as on those in
//! memory, leave the same documents, policies, rules and conditions.

use std::collections::BTreeMap;
use std::time::Duration;

use lambda_triggers_tests::env::{self, TestEnv};
use lambda_triggers_tests::sim::aws::ACCOUNT;
use lambda_triggers_tests::sim::fault_injector::{Call, CallFault};
use lambda_triggers_tests::sim::run::{Sim, simulate};
use serde_json::{Value, json};

use crate::objects::{Condition, NO_RESYNC, conditions};
use crate::support::{AwsView, LIMIT, rule};

const S3: &str = "S3TriggeredFunction";
const SCHEDULED: &str = "ScheduledFunction";
/// Names of buckets and functions, the same in both worlds.
const FUNCTION: &str = "thumbs";
const BUCKET: &str = "BUCKET";

/// One thing that a user does.
#[derive(Clone)]
enum Step {
    Apply(Value),
    Delete(&'static str, &'static str),
}

/// What AWS and the objects are like after a step.
#[derive(Debug, PartialEq)]
struct Seen {
    document: String,
    statements: Vec<String>,
    rules: BTreeMap<String, Rule>,
    conditions: BTreeMap<String, Vec<Condition>>,
}

/// A rule, as far as both worlds show it alike.
#[derive(Debug, PartialEq)]
struct Rule {
    expression: String,
    enabled: bool,
    targets: Vec<Target>,
}

/// A target by Id, ARN and input.
type Target = (String, String, Option<Value>);

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "lambda-triggers.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn s3(name: &str, bucket: &str, more: Value) -> Step {
    let mut spec = json!({"function": {"name": FUNCTION}, "bucket": bucket});
    spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    Step::Apply(object(S3, name, spec))
}

fn schedule(function: &str, spec: Value) -> Step {
    let mut all = json!({"function": {"name": function}});
    all.as_object_mut().unwrap().extend(spec.as_object().cloned().unwrap());
    Step::Apply(object(SCHEDULED, "hourly", all))
}

/// What stands in the bucket before.
fn foreign(account: &str) -> String {
    let root = "NotificationConfiguration";
    format!(
        "<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n <QueueConfiguration x='1'><Id>theirs</Id>\
         <Queue>arn:aws:sqs:eu-west-1:{account}:uploads</Queue><Event>s3:ObjectRemoved:*</Event></QueueConfiguration>\
         <EventBridgeConfiguration/></{root}>"
    )
}

/// Puts both worlds through the steps, and compares them after each.
fn agree(name: &'static str, steps: Vec<Step>) {
    env::test(name, async |env| {
        env.function(FUNCTION).await;
        env.queue("uploads").await;
        let bucket = env.new_bucket("photos").await;
        env.put_document(&bucket, &foreign(env.account())).await;
        let objects: Vec<(&str, String)> = names(&steps);
        let _controller = env.controller(&NO_RESYNC);
        let mut real = vec![];
        for step in &steps {
            really(&env, &bucket, step).await;
            real.push(seen(&env, &bucket, &objects).await);
        }
        let namespace = env.namespace().to_owned();
        let simulated = tokio::task::spawn_blocking(move || simulated(&namespace, &bucket, &steps));
        let account = env.account();
        for (step, (simulated, mut real)) in simulated.await.unwrap().into_iter().zip(real).enumerate() {
            real.in_account(account);
            assert_eq!(simulated, real, "after step {step}");
        }
    });
}

/// The objects that steps are about.
fn names(steps: &[Step]) -> Vec<(&'static str, String)> {
    let kind = |object: &Value| if object["kind"] == S3 { S3 } else { SCHEDULED };
    let mut all: Vec<_> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Apply(object) => {
                Some((kind(object), object["metadata"]["name"].as_str().unwrap().to_owned()))
            }
            Step::Delete(..) => None,
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

fn in_bucket(object: &Value, bucket: &str) -> Value {
    let mut object = object.clone();
    if object["spec"]["bucket"] == BUCKET {
        object["spec"]["bucket"] = json!(bucket);
    }
    object
}

async fn really(env: &TestEnv, bucket: &str, step: &Step) {
    match step {
        Step::Apply(object) => {
            let (kind, name) = &names(std::slice::from_ref(step))[0];
            env.apply(&in_bucket(object, bucket).to_string()).await;
            env.until(LIMIT, "a result", async || {
                let object = env.object(kind, name).await?;
                let of_now = object["status"]["observedGeneration"] == object["metadata"]["generation"];
                let ready = &object["status"]["conditions"][0]["status"];
                (of_now && *ready != "Unknown").then_some(())
            })
            .await;
        }
        Step::Delete(kind, name) => {
            env.delete(kind, name).await;
            env.until_gone(kind, name).await;
        }
    }
}

async fn seen(env: &TestEnv, bucket: &str, objects: &[(&str, String)]) -> Seen {
    let mut all = BTreeMap::new();
    for (kind, name) in objects {
        all.insert(format!("{kind} {name}"), conditions(env, kind, name).await);
    }
    all.retain(|_, conditions: &mut Vec<Condition>| !conditions.is_empty());
    let mut rules = BTreeMap::new();
    for name in env.rule_names().await {
        let rule = rule(env.events(), &name).await.unwrap();
        let targets = rule.targets.into_iter().map(|target| (target.id, target.arn, target.input));
        let targets = targets.collect();
        rules.insert(name, Rule { expression: rule.expression, enabled: rule.enabled, targets });
    }
    let statements = env.statements(FUNCTION, None).await;
    Seen { document: env.document_text(bucket).await, statements, rules, conditions: all }
}

impl Seen {
    /// The same in the account of the simulated env.
    fn in_account(&mut self, account: &str) {
        let here = |text: &mut String| *text = text.replace(account, ACCOUNT);
        here(&mut self.document);
        self.conditions.values_mut().flatten().flatten().for_each(here);
        let targets = self.rules.values_mut().flat_map(|rule| &mut rule.targets);
        targets.for_each(|(_, arn, _)| here(arn));
    }
}

fn simulated(namespace: &str, bucket: &str, steps: &[Step]) -> Vec<Seen> {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            let Sim { aws, cluster, .. } = &sim;
            cluster.create_namespace(namespace);
            aws.create_function(&aws.function(FUNCTION));
            aws.create_bucket(&aws.bucket(bucket));
            aws.put_notification(bucket, &foreign(ACCOUNT)).unwrap();
            let operator = sim.start();
            let mut all = vec![];
            for step in steps {
                match step {
                    Step::Apply(object) => {
                        let mut object = in_bucket(object, bucket);
                        object["metadata"]["namespace"] = json!(namespace);
                        cluster.apply(&object).unwrap();
                    }
                    Step::Delete(kind, name) => cluster.delete(kind, namespace, name).unwrap(),
                }
                // The progress deadline has passed by then, as it has in the other env.
                tokio::time::sleep(Duration::from_secs(180)).await;
                all.push(seen_in_memory(&sim, namespace, bucket, &names(steps)));
            }
            operator.stop().await;
            all
        },
    )
}

fn seen_in_memory(sim: &Sim, namespace: &str, bucket: &str, objects: &[(&str, String)]) -> Seen {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let snapshot = sim.aws.snapshot();
    let mut conditions = BTreeMap::new();
    for (kind, name) in objects {
        let Some(object) = sim.cluster.get(kind, namespace, name) else { continue };
        let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let all = all.iter().map(|c| ["type", "status", "reason", "message"].map(|field| text(&c[field])));
        conditions.insert(format!("{kind} {name}"), all.collect());
    }
    let rules = snapshot.rules.iter().map(|(arn, rule)| {
        let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
        let input = |target: &Value| target["Input"].as_str().map(|text| serde_json::from_str(text).unwrap());
        let targets =
            rule.targets.iter().map(|(id, target)| (id.clone(), text(&target["Arn"]), input(target)));
        let expression = rule.settings.expression.clone();
        (name, Rule { expression, enabled: rule.settings.enabled, targets: targets.collect() })
    });
    let policy = snapshot.policies.get(&sim.aws.function(FUNCTION).to_string());
    Seen {
        document: snapshot.buckets[bucket].clone(),
        statements: policy.map(|policy| policy.keys().cloned().collect()).unwrap_or_default(),
        rules: rules.collect(),
        conditions,
    }
}

#[test]
fn on_entries_in_a_bucket() {
    agree(
        "agree-s3",
        vec![
            s3("first", BUCKET, json!({"filters": [{"prefix": "in/"}]})),
            s3(
                "first",
                BUCKET,
                json!({"filters": [{"prefix": "in/", "suffix": ".jpg"}, {"prefix": "raw & <new>/"}]}),
            ),
            s3("second", BUCKET, json!({"filters": [{"prefix": "in/2026/"}]})),
            s3("third", BUCKET, json!({"events": ["s3:ObjectRemoved:Delete"]})),
            s3("second", BUCKET, json!({"events": ["s3:ObjectTagging:Put"]})),
            s3("first", BUCKET, json!({"suspend": true})),
            s3("third", "no-such-bucket-of-ours", json!({})),
            Step::Delete(S3, "second"),
            Step::Delete(S3, "third"),
            Step::Delete(S3, "first"),
        ],
    );
}

#[test]
fn on_a_schedule() {
    agree(
        "agree-schedule",
        vec![
            schedule(FUNCTION, json!({"schedule": "rate(1 hour)", "input": {"a": [1, "ü"]}})),
            schedule(FUNCTION, json!({"schedule": "cron(0 18 ? * MON-FRI *)", "suspend": true})),
            schedule("missing", json!({"schedule": "rate(1 hour)"})),
            schedule(FUNCTION, json!({"schedule": "rate(5 minutes)"})),
            Step::Delete(SCHEDULED, "hourly"),
        ],
    );
}
