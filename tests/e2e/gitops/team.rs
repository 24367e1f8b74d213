//! A team's Git repository that Flux applies: the examples of this project, with the Kustomization of
//! `examples/gitops/flux/triggers.yaml`.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use lambda_triggers_tests::env::{FLUX_NAMESPACE, Flux, GitServer, TestEnv};
use serde_json::{Value, json};

use crate::chart::{objects, read};
use crate::support::{AwsView, LIMIT};

/// The name of the Kustomization.
pub const NAME: &str = "team-triggers";
/// The team's repository.
const REPOSITORY: &str = "team";

/// The triggers of [`Team::examples`].
pub const TRIGGERS: [(&str, &str); 3] = [
    ("ScheduledFunction", "every-minute"),
    ("ScheduledFunction", "working-day"),
    ("S3TriggeredFunction", "make-thumbnail"),
];

/// A cluster with Flux, and the Git repository of a team.
pub struct Team {
    pub git: GitServer,
    pub flux: Flux,
    pub bucket: String,
    env: TestEnv,
}

impl Team {
    /// Starts Flux and a Git server, and creates the AWS resources that the examples name. No operator runs yet.
    pub async fn start(env: &TestEnv) -> Self {
        let flux = env.flux().await;
        let git = env.git_server().await;
        for function in ["every-minute", "make-thumbnail"] {
            env.function(function).await;
        }
        let bucket = env.new_bucket("photos").await;
        Self { git, flux, bucket, env: env.clone() }
    }

    /// The files of the repository with one example in each.
    pub fn examples(&self) -> Vec<(String, String)> {
        ["scheduled-function", "s3-triggered-function", "functions/config-map"]
            .map(|name| {
                let text = read(&format!("examples/{name}.yaml"))
                    .replace("photos-of-somebody-else", &self.bucket)
                    .replace("000000000000", self.env.account());
                (format!("triggers/{name}.yaml"), text)
            })
            .into()
    }

    /// Replaces the files of the repository. Returns the hash of the commit.
    pub async fn commit(&self, files: &[(String, String)]) -> String {
        self.git.commit(REPOSITORY, files).await
    }

    /// Applies the Kustomization of the example, with short intervals and these fields of its spec.
    pub async fn apply(&self, spec: Value) {
        let [mut kustomization]: [Value; 1] =
            objects(&read("examples/gitops/flux/triggers.yaml")).try_into().unwrap();
        assert_eq!(kustomization["metadata"]["name"], NAME);
        hasten(&mut kustomization);
        kustomization["spec"]["targetNamespace"] = self.env.namespace().into();
        let fields = kustomization["spec"].as_object_mut().unwrap();
        fields.extend(spec.as_object().unwrap().clone());
        fields.retain(|_, value| !value.is_null());
        let source = repository(REPOSITORY, &self.git.url(REPOSITORY));
        apply(&self.env, &[source, kustomization]).await;
    }

    /// Commits files, applies the Kustomization without the dependency on the operator, and waits until it is Ready.
    pub async fn apply_files(&self, files: &[(String, String)]) {
        let revision = self.commit(files).await;
        self.apply(json!({"dependsOn": null})).await;
        self.until_applied(&revision).await;
    }

    /// Changes fields of the Kustomization's spec.
    pub async fn patch(&self, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.api().patch(NAME, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Requests a reconcile of the Kustomization, like `flux reconcile`.
    pub async fn request_reconcile(&self, value: &str) {
        let annotations = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": value}}});
        self.api().patch(NAME, &PatchParams::default(), &Patch::Merge(annotations)).await.unwrap();
    }

    /// Deletes the Kustomization without waiting.
    pub async fn delete(&self) {
        self.api().delete(NAME, &Default::default()).await.unwrap();
    }

    /// Waits until the Kustomization is Ready for a commit.
    pub async fn until_applied(&self, revision: &str) {
        self.until("Ready for the commit", |object| {
            let applied = object["status"]["lastAppliedRevision"].as_str().unwrap_or_default();
            applied.ends_with(revision) && condition(object, "Ready")["status"] == "True"
        })
        .await;
    }

    /// Waits until the Kustomization is not Ready for this reason. Returns the message.
    pub async fn until_failed(&self, reason: &str) -> String {
        let object = self.until(reason, |object| {
            let ready = condition(object, "Ready");
            ready["status"] == "False" && ready["reason"] == reason
        });
        let object = object.await;
        condition(&object, "Ready")["message"].as_str().unwrap().to_owned()
    }

    /// Waits until Flux has reconciled the same files a further `count` times, without a failure.
    pub async fn until_reconciled(&self, count: u64) {
        let total = |object: &Value| object["status"]["history"][0]["totalReconciliations"].as_u64();
        let digest = |object: &Value| object["status"]["history"][0]["digest"].clone();
        let before = self.object().await;
        let after = total(&before).unwrap() + count;
        let what = format!("reconciled {count} times");
        let object = self.until(&what, |object| total(object) >= Some(after)).await;
        assert_eq!(digest(&object), digest(&before));
    }

    async fn until(&self, what: &str, accept: impl Fn(&Value) -> bool) -> Value {
        self.env
            .until(LIMIT, &format!("the Kustomization to be: {what}"), async || {
                let object = self.object().await;
                if accept(&object) { Ok(object) } else { Err(object["status"].to_string()) }
            })
            .await
    }

    async fn object(&self) -> Value {
        serde_json::to_value(self.api().get(NAME).await.unwrap()).unwrap()
    }

    fn api(&self) -> Api<DynamicObject> {
        flux_api(&self.env, "kustomize.toolkit.fluxcd.io", "v1", "Kustomization")
    }
}

/// Applies objects of any namespace.
pub async fn apply(env: &TestEnv, objects: &[Value]) {
    let yaml: Vec<String> = objects.iter().map(Value::to_string).collect();
    let apply = ["apply", "--filename", "-"];
    env.kubectl_anywhere(&apply, &yaml.join("\n---\n")).await.expect("kubectl apply");
}

/// The objects of a kind in Flux's namespace.
pub fn flux_api(env: &TestEnv, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    Api::namespaced_with(env.kube().clone(), FLUX_NAMESPACE, &resource)
}

/// A GitRepository for a branch `main`.
pub fn repository(name: &str, url: &str) -> Value {
    json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": name, "namespace": FLUX_NAMESPACE},
        "spec": {"interval": "1s", "url": url, "ref": {"branch": "main"}},
    })
}

/// Shortens the intervals of a Kustomization, which must have both.
pub fn hasten(kustomization: &mut Value) {
    for field in ["interval", "retryInterval"] {
        assert!(kustomization["spec"][field].is_string(), "{kustomization}");
        kustomization["spec"][field] = "1s".into();
    }
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    conditions.iter().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}
