//! The CRDs in releases of Helm: upgrade, uninstall, and a change of owner.

use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::installed::{CRDS, RELEASE, SCHEDULED, create_namespace, delete_crds, helm, run_as_pod};
use super::{CHARTS, NAMESPACE, chart, objects, read, repository};
use crate::docs::Page;
use crate::support::{AwsView, LIMIT};

/// The CRDs that a chart of the repository renders.
async fn rendered_crds(chart: &str, arguments: &[&str]) -> Vec<Value> {
    let chart = repository(chart);
    let own = ["template", "release", chart.to_str().unwrap(), "--show-only", "templates/crds.yaml"];
    let yaml = env::tool("helm", &[&own[..], arguments].concat(), "").await.expect("helm template");
    objects(&yaml)
}

/// Runs commands of a page in the root of the repository, with Helm on `PATH`.
async fn run(env: &TestEnv, commands: &str) -> String {
    let home = env.directory().join("helm");
    let script = format!(
        "cd '{}'\nexport PATH='{}':\"$PATH\" HELM_CACHE_HOME='{home}' HELM_CONFIG_HOME='{home}' \
         HELM_DATA_HOME='{home}'\n{commands}",
        repository("").display(),
        env::tools().await.display(),
        home = home.display()
    );
    env.shell(&script).await.expect(commands)
}

/// The release that owns the CRDs.
async fn owner_of_crds(env: &TestEnv) -> String {
    let owner = r"--output=jsonpath={.items[*].metadata.annotations.meta\.helm\.sh/release-name}";
    env.kubectl(&["get", "crd", owner, "--selector=app.kubernetes.io/part-of=lambda-triggers"], "")
        .await
        .expect("kubectl get")
}

/// UID and status of the object in the namespace of the release.
async fn identity(env: &TestEnv) -> String {
    let identity = "--output=jsonpath={.metadata.uid} {.status}";
    let arguments = ["get", "schedfn", "every-minute", "--namespace", NAMESPACE, identity];
    env.kubectl_anywhere(&arguments, "").await.expect("kubectl get")
}

async fn apply_object(env: &TestEnv) {
    let object = read("examples/scheduled-function.yaml");
    let apply = ["apply", "--namespace", NAMESPACE, "--filename", "-"];
    env.kubectl_anywhere(&apply, &object).await.expect("kubectl apply");
}

/// Replaces the description of a field in a CRD with `old`, as kubectl or an older chart would.
async fn change_description(env: &TestEnv) {
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/schedule/description";
    let patch = json!([{"op": "replace", "path": path, "value": "old"}]).to_string();
    env.kubectl(&["patch", CRDS[0], "--type=json", "--patch", &patch], "").await.expect("kubectl patch");
}

#[test]
fn helm_lint_accepts_the_chart_of_the_crds() {
    env::block_on(async {
        let chart = repository(CHARTS[1]);
        let values = "commonLabels: {team: a}\ncommonAnnotations: {note: b}\n";
        for values in ["", values, "keep: false"] {
            let arguments = ["lint", "--strict", "--quiet", chart.to_str().unwrap(), "--values", "-"];
            env::tool("helm", &arguments, values).await.expect(values);
        }
    });
}

/// Both charts have the same values for the metadata. Only the labels of the chart are different.
#[test]
fn both_charts_render_the_same_crds() {
    let common = ["--set", "commonLabels.team=a,commonAnnotations.note=b"];
    let without_labels = |mut crds: Vec<Value>| {
        for crd in &mut crds {
            crd["metadata"].as_object_mut().unwrap().remove("labels").unwrap();
        }
        crds
    };
    env::block_on(async {
        for (of_operator, of_crds) in [("crds.keep=true", "keep=true"), ("crds.keep=false", "keep=false")] {
            let with_operator =
                rendered_crds(CHARTS[0], &[&common[..], &["--set", of_operator]].concat()).await;
            let alone = rendered_crds(CHARTS[1], &[&common[..], &["--set", of_crds]].concat()).await;
            assert_eq!(without_labels(alone), without_labels(with_operator));
        }
        let expected = json!({
            "annotations": {"helm.sh/resource-policy": "keep", "note": "b"},
            "labels": {
                "app.kubernetes.io/component": "crds",
                "app.kubernetes.io/instance": "release",
                "app.kubernetes.io/managed-by": "Helm",
                "app.kubernetes.io/name": "lambda-triggers-crds",
                "app.kubernetes.io/part-of": "lambda-triggers",
                "app.kubernetes.io/version": env!("CARGO_PKG_VERSION"),
                "helm.sh/chart": concat!("lambda-triggers-crds-", env!("CARGO_PKG_VERSION")),
                "team": "a",
            },
        });
        let found: Vec<Value> = rendered_crds(CHARTS[1], &common)
            .await
            .into_iter()
            .map(|mut crd| {
                crd["metadata"].as_object_mut().unwrap().remove("name").unwrap();
                crd["metadata"].take()
            })
            .collect();
        assert_eq!(found, [expected.clone(), expected]);
    });
}

/// `docs/install.md` and `docs/upgrade.md`: the CRDs come first, and outlive both releases.
#[test]
fn crds_have_a_release_of_their_own() {
    env::test_on_own_cluster("chart-crds-alone", async |env| {
        delete_crds(&env).await;
        let [install, _move] = Page::read("docs/install.md").commands("CRDs in a release of their own");
        let [upgrade] = Page::read("docs/upgrade.md").commands("CRDs in a release of their own");
        let notes = run(&env, &install).await;
        assert!(notes.contains("Install the operator without CRDs"), "{notes}");
        assert!(notes.contains("This release does not contain the CRDs"), "{notes}");
        apply_object(&env).await;
        let before = identity(&env).await;
        // The CRDs of an older chart have another column.
        let old = env.directory().join("old").display().to_string();
        let copy = format!(
            "cp -r {} '{old}'\nsed -i.bak 's/name: Reason/name: Cause/' '{old}'/files/crds/*.yaml\n",
            CHARTS[1]
        );
        run(&env, &format!("{copy}helm upgrade lambda-triggers-crds '{old}' --namespace {NAMESPACE}")).await;
        let columns = "--output=jsonpath={.spec.versions[0].additionalPrinterColumns[1].name}";
        let column = async || env.kubectl(&["get", CRDS[0], columns], "").await.expect("kubectl get");
        assert_eq!(column().await, "Cause");
        run(&env, &upgrade).await;
        assert_eq!(column().await, "Reason");
        let manifest = env.helm(&["get", "manifest", RELEASE, "--namespace", NAMESPACE], "").await;
        assert!(!manifest.expect("helm get manifest").contains("CustomResourceDefinition"));
        for release in ["lambda-triggers", "lambda-triggers-crds"] {
            env.helm(&["uninstall", release, "--namespace", NAMESPACE], "").await.expect("helm uninstall");
        }
        assert_eq!(identity(&env).await, before);
    });
}

/// `docs/install.md`: the CRDs of the operator's release move to a release of their own.
#[test]
fn crds_move_to_a_release_of_their_own() {
    env::test_on_own_cluster("chart-crds-moved", async |env| {
        delete_crds(&env).await;
        let [_install, moved] = Page::read("docs/install.md").commands("CRDs in a release of their own");
        run(
            &env,
            &format!("helm install {RELEASE} {} --namespace {NAMESPACE} --create-namespace", CHARTS[0]),
        )
        .await;
        assert_eq!(owner_of_crds(&env).await, "lambda-triggers lambda-triggers");
        apply_object(&env).await;
        let before = identity(&env).await;
        run(&env, &moved).await;
        assert_eq!(owner_of_crds(&env).await, "lambda-triggers-crds lambda-triggers-crds");
        assert_eq!(identity(&env).await, before);
    });
}

/// `helm upgrade` upgrades the CRDs. `helm uninstall` keeps the CRDs and the objects. No second release gets the CRDs.
#[test]
fn crds_are_upgraded_and_outlive_the_release() {
    env::test_on_own_cluster("chart-crds", async |env| {
        delete_crds(&env).await;
        create_namespace(&env, "team").await;
        helm(&env, "install", "", &[]).await;
        let second = ["install", "second", &chart(), "--namespace", "team"];
        let second = env.helm(&second, "").await;
        assert!(second.stderr.contains("cannot be imported into the current release"), "{}", second.stderr);
        let schedule = "--output=jsonpath={.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.schedule.type}";
        let schema = async || env.kubectl(&["get", CRDS[0], schedule], "").await.expect("kubectl get");
        assert_eq!(schema().await, "string");
        // Simulate the CRD of an older chart.
        change_description(&env).await;
        helm(&env, "upgrade", "replicaCount: 1\n", &["--force-conflicts"]).await;
        let description = schedule.replace(".type}", ".description}");
        let found = env.kubectl(&["get", CRDS[0], &description], "").await.expect("kubectl get");
        assert!(found.len() > "old".len(), "{found}");

        let object = read("examples/scheduled-function.yaml");
        env.kubectl(&["apply", "--namespace", "team", "--filename", "-"], &object)
            .await
            .expect("kubectl apply");
        env.helm(&["uninstall", RELEASE], "").await.expect("helm uninstall");
        let left =
            env.kubectl(&["get", "scheduledfunctions", "--namespace", "team", "--output=name"], "").await;
        assert_eq!(left.expect("kubectl get"), "scheduledfunction.lambda-triggers.dev/every-minute\n");
        // Another install adopts the remaining CRDs.
        helm(&env, "install", "", &[]).await;
    });
}

/// Helm refuses CRDs that `kubectl apply` created, until a flag takes them over. The objects stay.
#[test]
fn crds_of_kubectl_are_taken_over_with_a_flag() {
    env::test_on_own_cluster("chart-take-over", async |env| {
        delete_crds(&env).await;
        let folder = repository("crds");
        let apply = ["apply", "--filename", folder.to_str().unwrap()];
        env.kubectl(&apply, "").await.expect("kubectl apply");
        let established = ["wait", CRDS[0], "--for=condition=Established", "--timeout=60s"];
        env.kubectl(&established, "").await.expect("kubectl wait");
        env.apply(&read("examples/scheduled-function.yaml")).await;
        let install = ["install", RELEASE, &chart()];
        let refused = env.helm(&install, "").await;
        assert!(refused.stderr.contains("invalid ownership metadata"), "{}", refused.stderr);
        helm(&env, "install", "", &["--take-ownership"]).await;
        let object = env.object(SCHEDULED, "every-minute").await.unwrap();
        assert_eq!(object["status"], json!({"observedGeneration": -1}));
        // As docs/upgrade.md says, another apply by kubectl makes the next upgrade fail.
        change_description(&env).await;
        let refused = env.helm(&["upgrade", RELEASE, &chart()], "").await;
        assert!(refused.stderr.contains("conflict"), "{}", refused.stderr);
        helm(&env, "upgrade", "", &["--force-conflicts"]).await;
    });
}

/// `docs/uninstall.md`: an install while a finalizer holds a CRD. The operator cleans up, and an upgrade creates the CRD
/// again.
#[test]
fn a_reinstall_while_the_crds_are_deleted_ends_with_new_crds() {
    env::test_on_own_cluster("chart-terminating", async |env| {
        delete_crds(&env).await;
        helm(&env, "install", "", &[]).await;
        env.function("every-minute").await;
        let recorder = env.recorder().await;
        let mut controller = run_as_pod(&env, &recorder).await;
        let object = read("examples/scheduled-function.yaml");
        env.apply(&object).await;
        env.until_ready(SCHEDULED, "every-minute").await;
        controller.stop().await;
        env.helm(&["uninstall", RELEASE], "").await.expect("helm uninstall");
        env.kubectl(&["delete", "--wait=false", CRDS[0], CRDS[1]], "").await.expect("kubectl delete");
        let gone = ["wait", "--for=delete", "--timeout=60s", CRDS[1]];
        env.kubectl(&gone, "").await.expect("the CRD without objects is gone");

        let second = env.helm(&["install", "second", &chart()], "").await;
        assert!(second.stderr.contains("invalid ownership metadata"), "{}", second.stderr);
        helm(&env, "install", "", &[]).await;
        let deletions = "--output=jsonpath={.items[*].metadata.deletionTimestamp}";
        let deletions = async || env.kubectl(&["get", "crd", deletions], "").await.expect("kubectl get");
        assert_ne!(deletions().await, "", "helm install does not stop the deletion");

        let mut controller = run_as_pod(&env, &recorder).await;
        let [again] = Page::read("docs/uninstall.md").commands("Install it again while the CRDs are deleted");
        run(&env, &again.replace("--namespace lambda-triggers", &format!("--namespace {}", env.namespace())))
            .await;
        assert_eq!(env.rule_names().await, Vec::<String>::new());
        assert_eq!(deletions().await, "");
        // The API server may not serve a new kind at first.
        env.until(LIMIT, "the new CRD to accept an object", async || {
            let output = env.kubectl(&["apply", "--filename", "-"], &object).await;
            if output.success { Ok(()) } else { Err(output.stderr) }
        })
        .await;
        env.until_ready(SCHEDULED, "every-minute").await;
        controller.stop().await;
    });
}
