//! The resources that manifests declare.

use lambda_triggers_core::api::{
    PAUSED_ANNOTATION, S3TriggeredFunctionSpec, ScheduledFunctionSpec, check_manifest,
};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{ObjectKey, Origin, OwnerId};
use lambda_triggers_core::plan::intent::{
    ValidSpec, s3_triggered_function as s3, scheduled_function as scheduled,
};
use lambda_triggers_core::preview::{Problem, ResourcePreview, Severity};
use lambda_triggers_core::status::{Failure, Reason};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::options::Options;
use crate::manifests::Manifest;
use crate::objects::{RawS3TriggeredFunction, RawScheduledFunction, Trigger};

/// A valid resource of a manifest.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The manifest.
    pub manifest: Manifest,
    /// The kind.
    pub kind: &'static str,
    /// The namespace and the name.
    pub key: ObjectKey,
    /// The valid spec of the kind.
    pub spec: ValidSpec,
    /// The spec with all defaults, to compare two manifests.
    pub json: Value,
}

impl Declared {
    /// The resource of a manifest.
    ///
    /// # Errors
    ///
    /// A preview with the problems of the manifest.
    pub fn new(manifest: Manifest, options: &Options) -> Result<Self, Box<ResourcePreview>> {
        let text =
            |pointer: &str| manifest.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let kind = match text("/kind") {
            RawScheduledFunction::NAME => RawScheduledFunction::NAME,
            _ => RawS3TriggeredFunction::NAME,
        };
        let given = Some(text("/metadata/namespace")).filter(|namespace| !namespace.is_empty());
        let namespace = given.or(options.namespace.as_deref()).unwrap_or_default();
        let key = ObjectKey::new(namespace, text("/metadata/name"));
        let refuse = |problems: Vec<Problem>| {
            let mut preview = ResourcePreview::new(kind, &key, manifest.source.clone());
            preview.problems = problems.into_iter().map(|problem| in_file(problem, &manifest)).collect();
            preview.decide(false, false, &[]);
            Box::new(preview)
        };
        let invalid =
            |message: &str| refuse(vec![Problem::new(Reason::InvalidSpec, Severity::Error, message)]);
        if key.name.is_empty() && !text("/metadata/generateName").is_empty() {
            return Err(invalid(
                "metadata.generateName: give the resource a name: names in AWS are made from it",
            ));
        }
        let checked = check_manifest(manifest.object.clone())
            .map_err(|errors| refuse(errors.errors.iter().map(Problem::of_manifest).collect()))?;
        if namespace.is_empty() {
            return Err(invalid(
                "metadata.namespace: give --namespace: names in AWS are made from it. Flux's targetNamespace and Argo \
                 CD's destination set it after this file",
            ));
        }
        let json = checked.object["spec"].clone();
        let failed = |failure: Failure| refuse(vec![Problem::from_failure(&failure)]);
        let spec = match kind {
            RawScheduledFunction::NAME => {
                let spec: ScheduledFunctionSpec = typed(&json).map_err(|error| invalid(&error))?;
                let valid = scheduled::Valid::new(spec, &options.region, options.default_backend);
                ValidSpec::Scheduled(Box::new(valid.map_err(failed)?))
            }
            _ => {
                let spec: S3TriggeredFunctionSpec = typed(&json).map_err(|error| invalid(&error))?;
                ValidSpec::S3(Box::new(s3::Valid::new(spec, &options.region).map_err(failed)?))
            }
        };
        Ok(Self { kind, key, spec, json, manifest })
    }

    /// The name of the function that the definition deploys; `None` for a named function.
    pub fn deployed_name(&self, owner: &OwnerId) -> Option<String> {
        self.spec.deployed_name(owner, &self.origin(String::new()))
    }

    /// The function, by its name alone.
    pub fn function_arn(&self, options: &Options) -> FunctionArn {
        let account = options.account_of(&self.key.namespace);
        self.spec.function_arn(&options.owner, &self.origin(String::new()), account)
    }

    /// The annotation that pauses the object.
    pub fn paused_annotation(&self) -> Option<&str> {
        self.manifest.object["metadata"]["annotations"][PAUSED_ANNOTATION].as_str()
    }

    /// The origin of the resources in AWS.
    pub fn origin(&self, uid: String) -> Origin {
        Origin { kind: self.kind, key: self.key.clone(), uid }
    }

    /// The preview without any change.
    pub fn preview(&self) -> ResourcePreview {
        ResourcePreview::new(self.kind, &self.key, self.manifest.source.clone())
    }
}

/// The problem with the line of its field.
pub fn in_file(problem: Problem, manifest: &Manifest) -> Problem {
    let line = manifest.source_of(problem.field.as_deref().unwrap_or_default()).line;
    Problem { line: Some(line), ..problem }
}

fn typed<T: DeserializeOwned>(spec: &Value) -> Result<T, String> {
    T::deserialize(spec).map_err(|error| format!("the spec cannot be read: {error}"))
}
