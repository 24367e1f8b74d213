//! A real install of the chart: the operator runs with the chart's arguments and roles, and the examples work. The
//! requests to the API server are compared with the RBAC rules: no request is denied, and no rule is unused.

use std::collections::BTreeSet;
use std::ffi::OsString;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{EnvVar, Namespace};
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use lambda_triggers_tests::env::{self, Asked, Controller, Recorder, TestEnv};
use serde_json::{Value, json};

use super::{chart, objects, read};
use crate::objects::{allow, deny, events_of};
use crate::support::{AwsView, LIMIT, own};

pub const SCHEDULED: &str = "ScheduledFunction";
const S3: &str = "S3TriggeredFunction";
pub const CRDS: [&str; 2] =
    ["crd/scheduledfunctions.lambda-triggers.dev", "crd/s3triggeredfunctions.lambda-triggers.dev"];
pub const RELEASE: &str = "lambda-triggers";

/// Values of all installs: frequent resyncs, and almost no write grace period.
const IMPATIENT: &str = "resync: 1s\nextraArgs: [--write-grace-period=1ms, --progress-deadline=1ms]\nlog: {format: text, level: 'info,lambda_triggers=debug'}\n";

/// Deletes the CRDs, so that a release can create the CRDs.
pub async fn delete_crds(env: &TestEnv) {
    env.kubectl(&["delete", "--ignore-not-found", CRDS[0], CRDS[1]], "").await.expect("kubectl delete");
}

pub async fn create_namespace(env: &TestEnv, name: &str) {
    let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
    let namespaces = Api::<Namespace>::all(env.kube().clone());
    namespaces.create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await.unwrap();
}

/// Runs `helm install` or `helm upgrade` of the chart.
pub async fn helm(env: &TestEnv, command: &str, values: &str, arguments: &[&str]) -> String {
    let chart = chart();
    let own = [command, RELEASE, &chart, "--values", "-"];
    env.helm(&[&own[..], arguments].concat(), &format!("{IMPATIENT}{values}")).await.expect("helm")
}

/// The arguments and the variables of the operator's pod, with a token of the release's service account.
async fn pod(env: &TestEnv, api_server: &str) -> (Vec<String>, Vec<(String, OsString)>) {
    let deployments: Api<Deployment> = Api::namespaced(env.kube().clone(), env.namespace());
    let deployment = deployments.get(RELEASE).await.unwrap();
    let pod = deployment.spec.unwrap().template.spec.unwrap();
    let account = pod.service_account_name.unwrap();
    let token = env.kubectl(&["create", "token", &account], "").await.expect("kubectl create token");
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": api_server}}],
        "users": [{"name": "it", "user": {"token": token.trim()}}],
        // In a pod, the service account's folder sets the namespace.
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": env.namespace()}}],
        "current-context": "it",
    });
    let file = env.directory().join("kubeconfig-of-the-pod");
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    let container = pod.containers.into_iter().next().unwrap();
    let value = |variable: EnvVar| match variable.value_from {
        Some(_) => (variable.name, RELEASE.into()),
        None => (variable.name, variable.value.unwrap_or_default().into()),
    };
    let mut environment: Vec<_> = container.env.unwrap().into_iter().map(value).collect();
    environment.push(("KUBECONFIG".into(), file.into()));
    // A fixed port would conflict with the operators of other tests.
    environment.retain(|(name, _)| name != "LAMBDA_TRIGGERS_HTTP_ADDRESS");
    environment.push(("LAMBDA_TRIGGERS_HTTP_ADDRESS".into(), "127.0.0.1:0".into()));
    (container.args.unwrap(), environment)
}

/// Runs the operator like its pod.
pub async fn run_as_pod(env: &TestEnv, recorder: &Recorder) -> Controller {
    let (arguments, environment) = pod(env, &recorder.url()).await;
    env.operator(arguments, environment)
}

/// Waits until the API server serves both kinds. Each CRD takes some moments after `helm install`.
async fn until_served(env: &TestEnv) {
    env.until(LIMIT, "both kinds in API discovery", async || {
        let group = env.kube().list_api_group_resources("lambda-triggers.dev/v1alpha1").await;
        let served = group.map(|group| group.resources).map_err(|error| error.to_string())?;
        let names: BTreeSet<String> = served.into_iter().map(|resource| resource.name).collect();
        let is_served =
            ["scheduledfunctions", "s3triggeredfunctions"].iter().all(|name| names.contains(*name));
        if is_served { Ok(()) } else { Err(format!("{names:?}")) }
    })
    .await;
}

/// Runs `lambda-triggers doctor` as `kubectl exec` runs it in the operator's pod. No check of the cluster fails.
async fn assert_doctor_is_healthy(env: &TestEnv, recorder: &Recorder) {
    until_served(env).await;
    let (_, environment) = pod(env, &recorder.url()).await;
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let output = env.lambda_triggers(&["doctor"], &environment).await;
    let failed: Vec<&str> = output.stdout.lines().filter(|line| line.starts_with("failed")).collect();
    assert_eq!((failed, output.success), (vec![], true), "{}", output.stdout);
    assert!(!output.stdout.contains("not the operator's"), "{}", output.stdout);
}

/// A single permission of an RBAC rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// The namespace of a Role, or `None` for a ClusterRole.
    place: Option<String>,
    group: String,
    resource: String,
    verb: String,
    name: Option<String>,
}

impl Grant {
    fn allows(&self, request: &Asked) -> bool {
        (self.place.is_none() || self.place == request.namespace)
            && self.group == request.group
            && self.resource == request.resource
            && self.verb == request.verb
            && (self.name.is_none() || self.name == request.name)
    }
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// The permissions of the release's service account.
async fn grants(env: &TestEnv) -> BTreeSet<Grant> {
    let manifest = env.helm(&["get", "manifest", RELEASE], "").await.expect("helm get manifest");
    let objects = objects(&manifest);
    let bound: BTreeSet<String> =
        objects.iter().filter(|o| !o["roleRef"].is_null()).map(|o| o["roleRef"].to_string()).collect();
    let mut grants = BTreeSet::new();
    for role in objects.iter().filter(|object| object["rules"].is_array()) {
        let reference = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": role["metadata"]["name"]});
        if !bound.contains(&reference.to_string()) {
            continue; // for users
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

/// Checks that exactly one rule grants each request, and that each rule is used.
async fn assert_rules_match_requests(env: &TestEnv, recorder: &Recorder, beside: Option<&str>) {
    let mut requests = recorder.asked();
    requests.retain(|(request, _)| beside.is_none() || request.namespace.as_deref() != beside);
    let refused: Vec<_> = requests.iter().filter(|(_, status)| [401, 403].contains(status)).collect();
    assert_eq!(refused, Vec::<&(Asked, u16)>::new());
    let mut grants = grants(env).await;
    grants.retain(|grant| beside.is_none() || grant.place.as_deref() != beside);
    let mut used_grants = BTreeSet::new();
    for (request, _) in &requests {
        let granted_by: Vec<&Grant> = grants.iter().filter(|grant| grant.allows(request)).collect();
        assert_eq!(granted_by.len(), 1, "{request:?} is granted by {granted_by:?}");
        used_grants.insert(granted_by[0].clone());
    }
    assert_eq!(used_grants, grants, "left: used; right: granted");
}

/// Creates and deletes all examples in the env's namespace. A denied write, repeated events and a removed statement
/// happen on the way.
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
    // A repeated event increments the count of the first event.
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
        // After the event, the reconcile reads the policy no more. The next removal therefore causes another event.
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

/// Runs the examples, then stops the operator. RBAC rules in the namespace `beside` are not compared with the requests.
async fn install_works(env: &TestEnv, beside: Option<&str>) {
    assert_doctor_is_healthy(env, &env.recorder().await).await;
    let recorder = env.recorder().await;
    let mut controller = run_as_pod(env, &recorder).await;
    examples_work(env, &mut controller).await;
    let renewed = |recorder: &Recorder| {
        recorder.asked().iter().any(|(request, _)| request.resource == "leases" && request.verb == "update")
    };
    env.until(LIMIT, "the Lease to be renewed", async || renewed(&recorder).then_some(())).await;
    controller.stop().await;
    assert_rules_match_requests(env, &recorder, beside).await;
    assert_requests_name_the_version(env, &recorder);
}

/// Audit logs and CloudTrail show the version of the operator.
fn assert_requests_name_the_version(env: &TestEnv, recorder: &Recorder) {
    let kubernetes = concat!("lambda-triggers/", env!("CARGO_PKG_VERSION"));
    assert_eq!(recorder.user_agents(), [kubernetes.to_owned()].into());
    let aws = concat!("app/lambda-triggers-", env!("CARGO_PKG_VERSION"));
    assert_eq!(env.aws_proxy().applications(env.account()), [aws.to_owned()].into());
}

#[test]
fn the_chart_grants_exactly_the_needed_permissions() {
    env::test_on_own_cluster("chart", async |env| {
        delete_crds(&env).await;
        helm(&env, "install", "", &[]).await;
        install_works(&env, None).await;
    });
}

#[test]
fn an_operator_of_listed_namespaces_needs_no_cluster_role() {
    env::test_on_own_cluster("chart-namespaced", async |env| {
        delete_crds(&env).await;
        create_namespace(&env, "team").await;
        let values = format!("watchNamespaces: [team, {}]\nrbac: {{aggregate: false}}\n", env.namespace());
        let notes = helm(&env, "install", &values, &[]).await;
        let expected = format!("watches only these namespaces: team, {}.", env.namespace());
        assert!(notes.contains(&expected), "{notes}");
        let manifest = env.helm(&["get", "manifest", RELEASE], "").await.expect("helm get manifest");
        assert!(!manifest.contains("ClusterRole") && !manifest.contains("kube-system"), "{manifest}");
        install_works(&env, Some("team")).await;
    });
}

/// The operator can watch another namespace than its own, and requests only the watched namespaces and its own.
#[test]
fn an_operator_can_watch_another_namespace() {
    env::test_on_own_cluster("chart-beside", async |env| {
        delete_crds(&env).await;
        create_namespace(&env, "team").await;
        env.function("every-minute").await;
        helm(&env, "install", "watchNamespaces: [team]\nownerId: 1a2b3c4d\nrbac: {aggregate: false}\n", &[])
            .await;
        assert_doctor_is_healthy(&env, &env.recorder().await).await;
        let recorder = env.recorder().await;
        let mut controller = run_as_pod(&env, &recorder).await;
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
        let requests = recorder.asked();
        let refused: Vec<_> = requests.iter().filter(|(_, status)| [401, 403].contains(status)).collect();
        assert_eq!(refused, Vec::<&(Asked, u16)>::new());
        let namespaces: BTreeSet<_> =
            requests.iter().filter_map(|(request, _)| request.namespace.as_deref()).collect();
        assert_eq!(namespaces, [env.namespace(), "team"].into());
    });
}

/// An owner id restricts the roles to objects with the owner's name.
#[test]
fn an_owner_id_restricts_the_roles_to_owned_objects() {
    env::test_on_own_cluster("chart-owner", async |env| {
        delete_crds(&env).await;
        helm(&env, "install", "ownerId: 1a2b3c4d\n", &[]).await;
        install_works(&env, None).await;
    });
}
