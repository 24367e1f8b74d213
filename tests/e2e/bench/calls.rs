//! The number of calls for thirty schedules and thirty S3 triggers on one bucket.

use std::collections::BTreeMap;

use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use lambda_triggers_tests::env::TestEnv;
use serde_json::{Value, json};

use super::operator::{Operator, api, calls, describe};
use super::print;
use crate::support::AwsView;

/// Nothing is in flight before the start, so no deletion waits for a late write.
const GRACE: &str = "1ms";
const KINDS: [&str; 2] = ["ScheduledFunction", "S3TriggeredFunction"];
const OF_EACH_KIND: usize = 30;
const ALL: usize = 2 * OF_EACH_KIND;

fn row(what: &str, calls: &BTreeMap<String, usize>, goal: usize) {
    let (total, counts) = describe(calls);
    print(&format!("calls: {what}"), total, &format!("goal: {goal}; {counts}"));
}

/// Creates the objects with these functions, and returns the calls until all are Ready.
async fn create(
    env: &TestEnv,
    operator: &Operator,
    function: impl Fn(usize) -> Value,
) -> BTreeMap<String, usize> {
    let bucket = env.new_bucket("bench").await;
    env.aws_proxy().clear_calls(env.account());
    for number in 0..OF_EACH_KIND {
        let specs = [
            json!({"function": function(number), "schedule": "rate(1 hour)"}),
            json!({"function": function(OF_EACH_KIND + number), "bucket": bucket,
                "filters": [{"prefix": format!("{number}/")}]}),
        ];
        for (kind, spec) in KINDS.into_iter().zip(specs) {
            let object = json!({
                "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": kind,
                "metadata": {"name": format!("t{number}")}, "spec": spec,
            });
            let object = serde_json::from_value(object).unwrap();
            api(env, kind).create(&PostParams::default(), &object).await.unwrap();
        }
    }
    operator.until_ready(ALL).await;
    calls(env).await
}

/// Deletes all objects, and returns the calls until no object is left.
async fn delete(env: &TestEnv, operator: &Operator) -> BTreeMap<String, usize> {
    env.aws_proxy().clear_calls(env.account());
    for kind in KINDS {
        api(env, kind).delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    }
    operator.until_gone().await;
    calls(env).await
}

pub async fn on_own_functions(env: &TestEnv) {
    for number in 0..ALL {
        env.function(&format!("f{number}")).await;
    }
    let mut operator = Operator::start(env, GRACE).await;
    let function = |number| json!({"name": format!("f{number}")});
    row("create 30 + 30", &create(env, &operator, function).await, 135);
    operator.restart(env).await;
    operator.until_reconciled(ALL).await;
    row("restart", &calls(env).await, 100);
    env.aws_proxy().clear_calls(env.account());
    let change = json!({"spec": {"filters": [{"prefix": "changed/"}]}});
    api(env, KINDS[1]).patch("t7", &PatchParams::default(), &Patch::Merge(&change)).await.unwrap();
    operator.until_reconciled(ALL + 1).await;
    row("one changed", &calls(env).await, 5);
    row("delete 30 + 30", &delete(env, &operator).await, 165);
}

pub async fn on_one_function(env: &TestEnv) {
    env.function("f").await;
    let operator = Operator::start(env, GRACE).await;
    row("create 30 + 30 on one function", &create(env, &operator, |_| json!({"name": "f"})).await, 75);
    row("delete 30 + 30 on one function", &delete(env, &operator).await, 75);
}

pub async fn with_definitions(env: &TestEnv) {
    let operator = Operator::start(env, GRACE).await;
    let function = |_| {
        json!({"definition": {
            "runtime": "python3.12", "handler": "index.handler",
            "roleArn": format!("arn:aws:iam::{}:role/test", env.account()),
            "code": {"inline": {"index.py": "def handler(event, context):\n    pass\n"}},
        }})
    };
    row("create 30 + 30 with a definition each", &create(env, &operator, function).await, 260);
    row("delete 30 + 30 with a definition each", &delete(env, &operator).await, 225);
}
