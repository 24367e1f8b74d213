//! Compares the simulation with the real test environment. The same steps must leave the same documents, policies,
//! rules and conditions in both environments. The real environment is the API server and the AWS proxy; the simulation
//! keeps everything in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use lambda_triggers_tests::env::{self, TestEnv};
use lambda_triggers_tests::sim::aws::ACCOUNT;
use lambda_triggers_tests::sim::fault_injector::{Call, CallFault};
use lambda_triggers_tests::sim::run::{Sim, simulate};
use serde_json::{Value, json};

use crate::objects::{Condition, NO_RESYNC, conditions, wait_for_next_second};
use crate::support::{AwsView, LIMIT, rule};

const S3: &str = "S3TriggeredFunction";
const SCHEDULED: &str = "ScheduledFunction";
/// Names of buckets and functions, the same in both environments.
const FUNCTION: &str = "thumbs";
const BUCKET: &str = "BUCKET";

/// An action of a user.
#[derive(Clone)]
enum Step {
    Apply(Value),
    Delete(&'static str, &'static str),
}

/// The state of AWS and of the objects after a step.
#[derive(Debug, PartialEq)]
struct StateAfterStep {
    document: String,
    statements: Vec<String>,
    rules: BTreeMap<String, Rule>,
    conditions: BTreeMap<String, Vec<Condition>>,
}

/// The fields of a rule that both environments show alike.
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

/// The bucket's document before the first step: a foreign entry with an unknown attribute, and the EventBridge element.
fn foreign(account: &str) -> String {
    let root = "NotificationConfiguration";
    format!(
        "<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n <QueueConfiguration x='1'><Id>theirs</Id>\
         <Queue>arn:aws:sqs:eu-west-1:{account}:uploads</Queue><Event>s3:ObjectRemoved:*</Event></QueueConfiguration>\
         <EventBridgeConfiguration/></{root}>"
    )
}

/// Runs the steps in both environments and compares the state after each step.
fn assert_same_state_in_both_environments(name: &'static str, steps: Vec<Step>) {
    env::test(name, async |env| {
        env.function(FUNCTION).await;
        env.queue("uploads").await;
        let bucket = env.new_bucket("photos").await;
        env.put_document(&bucket, &foreign(env.account())).await;
        let objects: Vec<(&str, String)> = object_names(&steps);
        let _controller = env.controller(&NO_RESYNC);
        let mut real = vec![];
        for step in &steps {
            run_step(&env, &bucket, step).await;
            real.push(state_after_step(&env, &bucket, &objects).await);
        }
        let namespace = env.namespace().to_owned();
        let simulate_steps = tokio::task::spawn_blocking(move || simulate_steps(&namespace, &bucket, &steps));
        let account = env.account();
        for (step, (simulate_steps, mut real)) in
            simulate_steps.await.unwrap().into_iter().zip(real).enumerate()
        {
            real.in_account(account);
            assert_eq!(simulate_steps, real, "after step {step}");
        }
    });
}

/// The kinds and names of the objects in the steps.
fn object_names(steps: &[Step]) -> Vec<(&'static str, String)> {
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

async fn run_step(env: &TestEnv, bucket: &str, step: &Step) {
    match step {
        Step::Apply(object) => {
            let (kind, name) = &object_names(std::slice::from_ref(step))[0];
            env.apply(&in_bucket(object, bucket).to_string()).await;
            env.until(LIMIT, "a result", async || {
                let object = env.object(kind, name).await?;
                let is_current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
                let ready = &object["status"]["conditions"][0]["status"];
                (is_current && *ready != "Unknown").then_some(())
            })
            .await;
            // The simulation creates the next object later too. The UID decides between two objects of one second.
            wait_for_next_second(env, kind, name).await;
        }
        Step::Delete(kind, name) => {
            env.delete(kind, name).await;
            env.until_gone(kind, name).await;
        }
    }
}

async fn state_after_step(env: &TestEnv, bucket: &str, objects: &[(&str, String)]) -> StateAfterStep {
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
    StateAfterStep { document: env.document_text(bucket).await, statements, rules, conditions: all }
}

impl StateAfterStep {
    /// Replaces the account in all ARNs by the simulation's account.
    fn in_account(&mut self, account: &str) {
        let replace_account = |text: &mut String| *text = text.replace(account, ACCOUNT);
        replace_account(&mut self.document);
        self.conditions.values_mut().flatten().flatten().for_each(replace_account);
        let targets = self.rules.values_mut().flat_map(|rule| &mut rule.targets);
        targets.for_each(|(_, arn, _)| replace_account(arn));
    }
}

fn simulate_steps(namespace: &str, bucket: &str, steps: &[Step]) -> Vec<StateAfterStep> {
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
                // The progress deadline has passed after this time, as in the real environment.
                tokio::time::sleep(Duration::from_secs(180)).await;
                all.push(simulated_state(&sim, namespace, bucket, &object_names(steps)));
            }
            operator.stop().await;
            all
        },
    )
}

fn simulated_state(sim: &Sim, namespace: &str, bucket: &str, objects: &[(&str, String)]) -> StateAfterStep {
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
    StateAfterStep {
        document: snapshot.buckets[bucket].clone(),
        statements: policy.map(|policy| policy.keys().cloned().collect()).unwrap_or_default(),
        rules: rules.collect(),
        conditions,
    }
}

#[test]
fn simulation_agrees_on_bucket_entries() {
    assert_same_state_in_both_environments(
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
fn simulation_agrees_on_schedules() {
    assert_same_state_in_both_environments(
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
