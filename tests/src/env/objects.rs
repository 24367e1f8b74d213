//! The environment's resources, applied and read like by a user.

use std::time::Duration;

use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use serde_json::Value;

use super::TestEnv;
use super::kubectl::{Output, kubectl};

impl TestEnv {
    /// Runs `kubectl` as administrator in the environment's namespace.
    pub async fn kubectl(&self, args: &[&str], stdin: &str) -> Output {
        kubectl(self.cluster(), Some(self.namespace()), args, stdin).await
    }

    /// Like [`TestEnv::kubectl`], with the namespaces of the manifests.
    pub async fn kubectl_anywhere(&self, args: &[&str], stdin: &str) -> Output {
        kubectl(self.cluster(), None, args, stdin).await
    }

    /// Runs `kubectl apply`, which must succeed. Returns the output.
    pub async fn apply(&self, yaml: &str) -> String {
        self.kubectl(&["apply", "--filename", "-"], yaml).await.expect("kubectl apply")
    }

    /// Runs `kubectl apply`, which must fail. Returns the error message.
    pub async fn refused(&self, yaml: &str) -> String {
        let output = self.kubectl(&["apply", "--filename", "-"], yaml).await;
        assert!(!output.success, "kubectl apply succeeded, but must fail: {}\n{yaml}", output.stdout);
        output.stderr.trim().to_owned()
    }

    /// Deletes an object without waiting for its finalizers.
    pub async fn delete(&self, kind: &str, name: &str) {
        self.kubectl(&["delete", kind, name, "--wait=false"], "").await.expect("kubectl delete");
    }

    /// Reads a resource of ours; `None` if it does not exist. `kind` is the kind in a manifest.
    pub async fn object(&self, kind: &str, name: &str) -> Option<Value> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("lambda-triggers.dev", "v1alpha1", kind));
        let api: Api<DynamicObject> = Api::namespaced_with(self.kube().clone(), self.namespace(), &resource);
        let object = api.get_opt(name).await.unwrap_or_else(|error| panic!("reading {kind} {name}: {error}"));
        object.map(|object| serde_json::to_value(object).expect("an object is JSON"))
    }

    /// Waits until the condition `type_` has this `status` (`True`, `False`) for the current generation. Returns the
    /// condition.
    pub async fn until_condition(&self, kind: &str, name: &str, type_: &str, status: &str) -> Value {
        let what = format!("{kind} {name} to be {type_}={status}");
        self.until(Duration::from_secs(60), &what, async || {
            let object = self.object(kind, name).await.ok_or("no such object")?;
            let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
            let condition = conditions.into_iter().find(|condition| {
                condition["type"] == type_
                    && condition["status"] == status
                    && condition["observedGeneration"] == object["metadata"]["generation"]
            });
            condition.cloned().ok_or_else(|| format!("{}, status {}", object["metadata"], object["status"]))
        })
        .await
    }

    /// Waits until a resource is `Ready` for its current generation. Returns the resource.
    pub async fn until_ready(&self, kind: &str, name: &str) -> Value {
        self.until_condition(kind, name, "Ready", "True").await;
        self.object(kind, name).await.unwrap_or_else(|| panic!("{kind} {name} was ready, and now is gone"))
    }

    /// Waits until a resource is deleted.
    pub async fn until_gone(&self, kind: &str, name: &str) {
        let what = format!("{kind} {name} to be gone");
        self.until(Duration::from_secs(60), &what, async || match self.object(kind, name).await {
            None => Ok(()),
            Some(object) => Err(object.to_string()),
        })
        .await;
    }
}
