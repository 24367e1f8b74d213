//! Argo CD's diff of Git and the cluster: the operator causes none, for the examples and for the chart's objects.

use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use crate::chart::{NAMESPACE, accepted, matrix, objects, read, template};
use crate::docs::files;
use crate::docs::manifests::has_kind;
use crate::objects::NO_RESYNC;
use crate::support::LIMIT;

const KINDS: [&str; 2] = ["ScheduledFunction", "S3TriggeredFunction"];

/// The AWS accounts of the examples.
const ACCOUNTS: [&str; 3] = ["000000000000", "123456789012", "210987654321"];

/// Sync by default, and with `ServerSideApply=true`.
const SYNCS: [&[&str]; 2] =
    [&["apply"], &["apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller"]];

/// A trigger with all kinds of JSON in its free-form field.
const FREE_FORM: &str = r#"
apiVersion: lambda-triggers.dev/v1alpha1
kind: ScheduledFunction
metadata: {name: free-form}
spec:
  function: {name: every-minute}
  schedule: rate(1 hour)
  input:
    number: 1.0
    large: 12345678901234567890
    exponent: 1e3
    text: "1.0"
    none: null
    empty: {list: [], object: {}, text: ""}
    list: [1, two, {three: 3}, null]
"#;

/// The objects of all examples, with roles of the env's account and unique names. GitOps tools have their own objects,
/// and chart values are no objects.
fn examples(env: &TestEnv) -> Vec<Value> {
    let is_manifest = |path: &String| path.ends_with(".yaml") && !path.contains("/gitops/");
    let texts = files("examples").into_iter().filter(is_manifest).map(|path| read(&path));
    let texts = texts.chain([FREE_FORM.to_owned()]).filter(|text| has_kind(text));
    let own = |text: &str| ACCOUNTS.iter().fold(text.to_owned(), |text, id| text.replace(id, env.account()));
    let mut all: Vec<Value> = texts.flat_map(|text| objects(&own(&text))).collect();
    for (number, object) in all.iter_mut().enumerate().filter(|(_, object)| is_trigger(object)) {
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.remove("namespace");
        let name = metadata["name"].as_str().unwrap();
        metadata["name"] = format!("{name}-{number}").into();
    }
    all
}

fn is_trigger(object: &Value) -> bool {
    KINDS.iter().any(|kind| object["kind"] == *kind)
}

fn yaml(objects: &[Value]) -> String {
    objects.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n")
}

/// Waits until the operator has reported a status for each trigger.
async fn until_reported(env: &TestEnv, objects: &[Value]) {
    for object in objects.iter().filter(|object| is_trigger(object)) {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        env.until(LIMIT, &format!("a status of {kind} {name}"), async || {
            let object = env.object(kind, name).await.unwrap();
            let reported = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if reported { Ok(()) } else { Err(object.to_string()) }
        })
        .await;
    }
}

/// The output of Argo CD's diff. `live` is the JSON of kubectl.
async fn diff(desired: &[Value], live: &str) -> String {
    let live: Value = serde_json::from_str(live).unwrap();
    let live = live["items"].as_array().unwrap();
    assert_eq!(live.len(), desired.len());
    let pairs: Vec<Value> =
        desired.iter().zip(live).map(|(desired, live)| json!({"desired": desired, "live": live})).collect();
    env::argodiff(&Value::from(pairs).to_string()).await.expect("argodiff")
}

/// Argo CD's diff of the examples and the env's namespace.
async fn diff_of_examples(env: &TestEnv, desired: &[Value]) -> String {
    let get = ["get", "--output", "json", "--filename", "-"];
    diff(desired, &env.kubectl(&get, &yaml(desired)).await.expect("kubectl get")).await
}

async fn assert_no_difference_in_examples(env: &TestEnv, sync: &[&str]) {
    env.function("every-minute").await;
    let _controller = env.controller(&NO_RESYNC);
    let desired = examples(env);
    env.kubectl(&[sync, &["--filename", "-"]].concat(), &yaml(&desired)).await.expect("kubectl apply");
    until_reported(env, &desired).await;
    let none = format!("{} compared, 0 out of sync\n", desired.len());
    assert_eq!(diff_of_examples(env, &desired).await, none);

    // Argo CD sees a changed field of Git, and no field that Git does not name.
    let is_free_form =
        |object: &&Value| object["metadata"]["name"].as_str().unwrap().starts_with("free-form");
    let name = desired.iter().find(is_free_form).unwrap()["metadata"]["name"].as_str().unwrap();
    let edit = async |spec: Value| {
        let patch = json!({"spec": spec}).to_string();
        let arguments = ["patch", KINDS[0], name, "--type=merge", "--patch", &patch];
        env.kubectl(&arguments, "").await.expect("kubectl patch");
        diff_of_examples(env, &desired).await
    };
    assert_eq!(edit(json!({"suspend": true})).await, none);
    let found = edit(json!({"schedule": "rate(2 hours)"})).await;
    assert!(found.starts_with(&format!("{}/{name} is ", KINDS[0])), "{found}");
    assert!(found.ends_with(" compared, 1 out of sync\n"), "{found}");
}

#[test]
#[ignore = "make gitops: needs Argo CD's diff"]
fn argo_cd_sees_no_difference_in_the_examples() {
    env::test("argocd-client-side", async |env| assert_no_difference_in_examples(&env, SYNCS[0]).await);
}

#[test]
#[ignore = "make gitops: needs Argo CD's diff"]
fn argo_cd_sees_no_difference_after_server_side_apply() {
    env::test("argocd-server-side", async |env| assert_no_difference_in_examples(&env, SYNCS[1]).await);
}

#[test]
#[ignore = "make gitops: needs Argo CD's diff"]
fn argo_cd_sees_no_difference_in_the_objects_of_the_chart() {
    env::test_on_own_cluster("argocd-chart", async |env| {
        accepted::install_prometheus_crds(&env).await;
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        env.apply(&namespace.to_string()).await;
        for (name, values) in matrix() {
            let mut desired = objects(&template(&values, &[]).await.unwrap());
            // The pod of `helm test` is a hook, which Argo CD does not compare.
            desired.retain(|object| object["metadata"]["annotations"]["helm.sh/hook"].is_null());
            for sync in SYNCS {
                // The API server answers a dry run with the object that it would store.
                let dry_run = ["--dry-run=server", "--output", "json", "--filename", "-"];
                let live = env.kubectl_anywhere(&[sync, &dry_run].concat(), &yaml(&desired)).await;
                let found = diff(&desired, &live.expect("kubectl apply")).await;
                assert_eq!(found, format!("{} compared, 0 out of sync\n", desired.len()), "{name}");
            }
        }
    });
}
