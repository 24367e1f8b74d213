//! A real install: the operator runs with what the chart gives it, and nothing else, and the examples work. What it asks
//! of the API server is compared with the rules of its roles: it needs each of them, and no other.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{EnvVar, Namespace};
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use lambda_triggers_tests::env::{self, Asked, Controller, Recorder, TestEnv};
use serde_json::{Value, json};

use super::{chart, objects, read};
use crate::objects::{allow, deny, events_of};
use crate::support::{AwsView, LIMIT, own};

const SCHEDULED: &str = "ScheduledFunction";
const S3: &str = "S3TriggeredFunction";
const CRDS: [&str; 2] =
    ["crd/scheduledfunctions.lambda-triggers.dev", "crd/s3triggeredfunctions.lambda-triggers.dev"];
const RELEASE: &str = "lambda-triggers";

/// Values of all installs: the operator looks often, and waits for no write that is on its way.
const IMPATIENT: &str = "resync: 1s\nextraArgs: [--write-grace-period=1ms, --progress-deadline=1ms]\nlog: {format: text, level: 'info,lambda_triggers=debug'}\n";

async fn without_crds(env: &TestEnv) {
    env.kubectl(&["delete", "--ignore-not-found", CRDS[0], CRDS[1]], "").await.expect("kubectl delete");
}

async fn namespace(env: &TestEnv, name: &str) {
    let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
    let namespaces = Api::<Namespace>::all(env.kube().clone());
    namespaces.create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await.unwrap();
}

async fn helm(env: &TestEnv, command: &str, values: &str, arguments: &[&str]) -> String {
    let chart = chart();
    let own = [command, RELEASE, &chart, "--values", "-"];
    env.helm(&[&own[..], arguments].concat(), &format!("{IMPATIENT}{values}")).await.expect("helm")
}

/// The operator as its pod would run, with a token of the release's service account.
async fn pod(env: &TestEnv, recorder: &Recorder) -> Controller {
    let deployments: Api<Deployment> = Api::namespaced(env.kube().clone(), env.namespace());
    let deployment = deployments.get(RELEASE).await.unwrap();
    let pod = deployment.spec.unwrap().template.spec.unwrap();
    let account = pod.service_account_name.unwrap();
    let token = env.kubectl(&["create", "token", &account], "").await.expect("kubectl create token");
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": recorder.url()}}],
        "users": [{"name": "it", "user": {"token": token.trim()}}],
        // As the service account's folder says it.
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": env.namespace()}}],
        "current-context": "it",
    });
    let file = env.directory().join("kubeconfig-of-the-pod");
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    let container = pod.containers.into_iter().next().unwrap();
    let arguments =
        container.args.unwrap().into_iter().filter(|argument| !argument.starts_with("--http-address="));
    let value = |variable: EnvVar| match variable.value_from {
        Some(_) => (variable.name, RELEASE.into()),
        None => (variable.name, variable.value.unwrap_or_default().into()),
    };
    let mut environment: Vec<_> = container.env.unwrap().into_iter().map(value).collect();
    environment.push(("KUBECONFIG".into(), file.into()));
    // All pods of a machine would want the same port.
    environment.push(("LAMBDA_TRIGGERS_HTTP_ADDRESS".into(), "127.0.0.1:0".into()));
    env.operator(arguments.collect(), environment)
}

/// A rule of a role, taken apart into what it grants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// The namespace of a Role; none for a ClusterRole.
    place: Option<String>,
    group: String,
    resource: String,
    verb: String,
    name: Option<String>,
}

impl Grant {
    fn allows(&self, asked: &Asked) -> bool {
        (self.place.is_none() || self.place == asked.namespace)
            && self.group == asked.group
            && self.resource == asked.resource
            && self.verb == asked.verb
            && (self.name.is_none() || self.name == asked.name)
    }
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// What the release's roles grant its service account.
async fn grants(env: &TestEnv) -> BTreeSet<Grant> {
    let manifest = env.helm(&["get", "manifest", RELEASE], "").await.expect("helm get manifest");
    let objects = objects(&manifest);
    let bound: BTreeSet<String> =
        objects.iter().filter(|o| !o["roleRef"].is_null()).map(|o| o["roleRef"].to_string()).collect();
    let mut grants = BTreeSet::new();
    for role in objects.iter().filter(|object| object["rules"].is_array()) {
        let reference = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": role["metadata"]["name"]});
        if !bound.contains(&reference.to_string()) {
            continue; // for people
        }
        let place = role["metadata"]["namespace"].as_str().map(ToOwned::to_owned);
        for rule in role["rules"].as_array().unwrap() {
            let mut names: Vec<Option<String>> =
                words(&rule["resourceNames"]).into_iter().map(Some).collect();
            if names.is_empty() {
                names.push(None);
            }
            for group in words(&rule["apiGroups"]) {
                for resource in words(&rule["resources"]) {
                    for verb in words(&rule["verbs"]) {
                        for name in &names {
                            let (place, group, resource, name) =
                                (place.clone(), group.clone(), resource.clone(), name.clone());
                            grants.insert(Grant { place, group, resource, verb: verb.clone(), name });
                        }
                    }
                }
            }
        }
    }
    grants
}

/// Each request was allowed, by one rule, and each rule was needed.
async fn rules_are_what_was_used(env: &TestEnv, recorder: &Recorder, beside: Option<&str>) {
    let mut asked = recorder.asked();
    asked.retain(|(asked, _)| beside.is_none() || asked.namespace.as_deref() != beside);
    let refused: Vec<_> = asked.iter().filter(|(_, status)| [401, 403].contains(status)).collect();
    assert_eq!(refused, Vec::<&(Asked, u16)>::new());
    let mut grants = grants(env).await;
    grants.retain(|grant| beside.is_none() || grant.place.as_deref() != beside);
    let mut used = BTreeSet::new();
    for (asked, _) in &asked {
        let by: Vec<&Grant> = grants.iter().filter(|grant| grant.allows(asked)).collect();
        assert_eq!(by.len(), 1, "{asked:?} is granted by {by:?}");
        used.insert(by[0].clone());
    }
    assert_eq!(used, grants, "left: used; right: granted");
}

/// A life of all examples, in the env's namespace, with something in it that goes wrong for a while.
async fn examples_work(env: &TestEnv, controller: &mut Controller) {
    for function in ["every-minute", "make-thumbnail"] {
        env.function(function).await;
    }
    let bucket = env.new_bucket("photos").await;
    let put = "PutBucketNotificationConfiguration";
    deny(env, put, &bucket);
    let examples = ["scheduled-function", "s3-triggered-function", "functions/config-map"];
    let manifests: Vec<String> = examples.iter().map(|name| read(&format!("examples/{name}.yaml"))).collect();
    let manifests = manifests
        .join("---\n")
        .replace("photos-of-somebody-else", &bucket)
        .replace("000000000000", env.account());
    env.apply(&manifests).await;
    env.until_condition(S3, "make-thumbnail", "Stalled", "True").await;
    assert!(events_of(env, "make-thumbnail").await.iter().any(|[_, reason, _]| reason == "AccessDenied"));
    allow(env);
    let all = [(SCHEDULED, "every-minute"), (SCHEDULED, "working-day"), (S3, "make-thumbnail")];
    for (kind, name) in all {
        env.until_ready(kind, name).await;
    }
    // The same event once more is counted on the first one.
    let statements = env.statements("make-thumbnail", None).await;
    for _ in 0..2 {
        let remove =
            env.lambda().remove_permission().function_name("make-thumbnail").statement_id(&statements[0]);
        remove.send().await.unwrap();
        env.until(LIMIT, "the statement to be put back", async || {
            let found = env.statements("make-thumbnail", None).await;
            if found == statements { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
        // The reconcile has ended its looks at the policy by then: another removal is another event.
        env.until(LIMIT, "the event", async || {
            let events = events_of(env, "make-thumbnail").await;
            events.iter().any(|[_, reason, _]| reason == "DriftRepaired").then_some(())
        })
        .await;
    }
    assert_eq!((env.rule_names().await.len(), own(&env.document(&bucket).await).len()), (2, 2));
    for (kind, name) in all {
        env.delete(kind, name).await;
    }
    for (kind, name) in all {
        env.until_gone(kind, name).await;
    }
    assert_eq!((env.rule_names().await.len(), own(&env.document(&bucket).await).len()), (0, 0));
    assert_eq!(controller.ended(), None, "{}", controller.log());
}

/// It works as installed, then stops. The rules in the namespace `beside` are not compared with their use.
async fn works(env: &TestEnv, beside: Option<&str>) {
    let recorder = env.recorder().await;
    let mut controller = pod(env, &recorder).await;
    examples_work(env, &mut controller).await;
    let renewed = |recorder: &Recorder| {
        recorder.asked().iter().any(|(asked, _)| asked.resource == "leases" && asked.verb == "update")
    };
    env.until(LIMIT, "the Lease to be renewed", async || renewed(&recorder).then_some(())).await;
    controller.stop().await;
    rules_are_what_was_used(env, &recorder, beside).await;
}

#[test]
fn the_operator_works_with_what_the_chart_installs_and_needs_all_of_it() {
    env::test_on_own_cluster("chart", async |env| {
        without_crds(&env).await;
        helm(&env, "install", "", &[]).await;
        works(&env, None).await;
    });
}

#[test]
fn the_operator_of_some_namespaces_needs_no_cluster_role() {
    env::test_on_own_cluster("chart-namespaced", async |env| {
        without_crds(&env).await;
        namespace(&env, "team").await;
        let values = format!("watchNamespaces: [team, {}]\nrbac: {{aggregate: false}}\n", env.namespace());
        let notes = helm(&env, "install", &values, &[]).await;
        let said = format!("watches only these namespaces: team, {}.", env.namespace());
        assert!(notes.contains(&said), "{notes}");
        let manifest = env.helm(&["get", "manifest", RELEASE], "").await.expect("helm get manifest");
        assert!(!manifest.contains("ClusterRole") && !manifest.contains("kube-system"), "{manifest}");
        works(&env, Some("team")).await;
    });
}

/// The release's own namespace need not be watched; no other than the watched ones is looked into.
#[test]
fn an_operator_in_a_namespace_of_its_own_watches_another() {
    env::test_on_own_cluster("chart-beside", async |env| {
        without_crds(&env).await;
        namespace(&env, "team").await;
        env.function("every-minute").await;
        helm(&env, "install", "watchNamespaces: [team]\nownerId: 1a2b3c4d\nrbac: {aggregate: false}\n", &[])
            .await;
        let recorder = env.recorder().await;
        let mut controller = pod(&env, &recorder).await;
        let object = read("examples/scheduled-function.yaml");
        let apply = ["apply", "--namespace", "team", "--filename", "-"];
        env.kubectl(&apply, &object).await.expect("kubectl apply");
        let wait = [
            "wait",
            "--namespace=team",
            "--for=condition=Ready",
            "--timeout=60s",
            "scheduledfunction/every-minute",
        ];
        env.kubectl_anywhere(&wait, "").await.expect("kubectl wait");
        controller.stop().await;
        let asked = recorder.asked();
        let refused: Vec<_> = asked.iter().filter(|(_, status)| [401, 403].contains(status)).collect();
        assert_eq!(refused, Vec::<&(Asked, u16)>::new());
        let namespaces: BTreeSet<_> =
            asked.iter().filter_map(|(asked, _)| asked.namespace.as_deref()).collect();
        assert_eq!(namespaces, [env.namespace(), "team"].into());
    });
}

/// An owner id narrows the roles to the objects of its name.
#[test]
fn with_an_owner_id_the_roles_name_what_is_the_operators() {
    env::test_on_own_cluster("chart-owner", async |env| {
        without_crds(&env).await;
        helm(&env, "install", "ownerId: 1a2b3c4d\n", &[]).await;
        works(&env, None).await;
    });
}

/// `helm upgrade` upgrades the definitions, and `helm uninstall` leaves them and what is in them.
#[test]
fn definitions_are_upgraded_and_outlive_the_release() {
    env::test_on_own_cluster("chart-crds", async |env| {
        without_crds(&env).await;
        namespace(&env, "team").await;
        helm(&env, "install", "", &[]).await;
        let schedule = "--output=jsonpath={.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.schedule.type}";
        let schema = async || env.kubectl(&["get", CRDS[0], schedule], "").await.expect("kubectl get");
        assert_eq!(schema().await, "string");
        // As an older chart may have had them.
        let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/schedule/description";
        let patch = json!([{"op": "replace", "path": path, "value": "old"}]).to_string();
        env.kubectl(&["patch", CRDS[0], "--type=json", "--patch", &patch], "").await.expect("kubectl patch");
        helm(&env, "upgrade", "replicaCount: 1\n", &["--force-conflicts"]).await;
        let description = schedule.replace(".type}", ".description}");
        let seen = env.kubectl(&["get", CRDS[0], &description], "").await.expect("kubectl get");
        assert!(seen.len() > "old".len(), "{seen}");

        let object = read("examples/scheduled-function.yaml");
        env.kubectl(&["apply", "--namespace", "team", "--filename", "-"], &object)
            .await
            .expect("kubectl apply");
        env.helm(&["uninstall", RELEASE], "").await.expect("helm uninstall");
        let left =
            env.kubectl(&["get", "scheduledfunctions", "--namespace", "team", "--output=name"], "").await;
        assert_eq!(left.expect("kubectl get"), "scheduledfunction.lambda-triggers.dev/every-minute\n");
        // Another install takes them up again.
        helm(&env, "install", "", &[]).await;
    });
}
