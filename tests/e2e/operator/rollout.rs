//! A rollout that applies objects in any order: no object is Stalled before its progress deadline.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use lambda_triggers_tests::env::{self, REGION, TestEnv};
use serde_json::{Value, json};

use crate::objects::{OWNER, assert_no_writes_at_rest, conditions, failed, wait_for_conditions};
use crate::scheduled::view::{IN_PLACE, KIND, rule_name};
use crate::support::scheduled;

const WAITING: [&str; 4] = ["--owner-id", OWNER, "--progress-deadline", "2m"];

fn missing(state: &str) -> Vec<crate::objects::Condition> {
    let message = format!(
        "there is no Lambda function late in {REGION}: create it, or name another one in spec.function"
    );
    failed(state, "FunctionNotFound", &message, &[], "FunctionReady")
}

async fn set_status(env: &TestEnv, name: &str, status: &Value) {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("lambda-triggers.dev", "v1alpha1", KIND));
    let api: Api<DynamicObject> = Api::namespaced_with(env.kube().clone(), env.namespace(), &resource);
    let patch = Patch::Merge(json!({"status": status}));
    api.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

#[test]
fn a_function_may_be_created_after_its_trigger() {
    env::test("late-function", async |env| {
        let mut controller = env.controller(&WAITING);
        env.apply(&scheduled("hourly", "late", "schedule: rate(1 hour)")).await;
        wait_for_conditions(&env, KIND, "hourly", &missing("Reconciling")).await;
        let observed =
            async || env.object(KIND, "hourly").await.unwrap()["status"]["observedGenerationAt"].clone();
        let since = observed().await;
        assert!(since.is_string(), "{since}");
        controller.stop().await;
        controller.start();
        env.function("late").await;
        env.until_ready(KIND, "hourly").await;
        assert_eq!(observed().await, since);
    });
}

#[test]
fn a_function_missing_at_the_deadline_stalls_its_trigger() {
    env::test("no-function-at-deadline", async |env| {
        let flags = [&WAITING[..], &["--resync", "1s"]].concat();
        let _controller = env.controller(&flags);
        env.apply(&scheduled("hourly", "late", "schedule: rate(1 hour)")).await;
        wait_for_conditions(&env, KIND, "hourly", &missing("Reconciling")).await;
        assert_no_writes_at_rest(&env, KIND, &["hourly"]).await;
        // The generation is now older than two minutes.
        set_status(&env, "hourly", &json!({"observedGenerationAt": "2026-01-01T00:00:00Z"})).await;
        wait_for_conditions(&env, KIND, "hourly", &missing("Stalled")).await;
        assert_no_writes_at_rest(&env, KIND, &["hourly"]).await;
    });
}

/// The next resync would follow ten minutes later.
#[test]
fn a_forged_status_is_repaired_at_once() {
    env::test("forged", async |env| {
        let _controller = env.controller(&WAITING);
        env.function("late").await;
        env.apply(&scheduled("hourly", "late", "schedule: rate(1 hour)")).await;
        env.until_ready(KIND, "hourly").await;
        let before = env.object(KIND, "hourly").await.unwrap()["status"].clone();
        let in_place = conditions(&env, KIND, "hourly").await;
        assert_eq!(in_place[0][3], IN_PLACE);
        let mut forged = before["conditions"].clone();
        forged[0]["reason"] = "Forged".into();
        set_status(&env, "hourly", &json!({"conditions": forged, "applied": {"rules": []}})).await;
        wait_for_conditions(&env, KIND, "hourly", &in_place).await;
        let after = env.object(KIND, "hourly").await.unwrap()["status"].clone();
        assert_eq!(after["applied"], before["applied"]);
        let calls = env.aws_proxy().calls(env.account()).len();
        let version = env.object(KIND, "hourly").await.unwrap()["metadata"]["resourceVersion"].clone();
        // The repair's own write causes no reconcile while another resource is created and becomes ready.
        env.apply(&scheduled("second", "late", "schedule: rate(1 hour)")).await;
        env.until_ready(KIND, "second").await;
        let later = env.aws_proxy().calls(env.account()).split_off(calls);
        let first = rule_name(&env, "hourly");
        assert!(later.iter().all(|call| !call.resource.ends_with(&first)), "{later:?}");
        assert_eq!(env.object(KIND, "hourly").await.unwrap()["metadata"]["resourceVersion"], version);
    });
}
