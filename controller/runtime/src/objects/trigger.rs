//! The two kinds as the operator watches them. An unreadable object must not block other objects or its own deletion.
//!
//! The spec and the status stay JSON until a reconcile parses the spec and the status. So an object from an older or
//! laxer schema gets a status, keeps its resources, and can be deleted. The JSON is text, since parsed values of ten
//! thousand objects would need several times the memory.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use lambda_triggers_core::api::{
    Backend, DeletionPolicy, FieldError, PAUSED_ANNOTATION, S3TriggeredFunction, S3TriggeredFunctionSpec,
    ScheduledFunction, ScheduledFunctionSpec, TriggerStatus,
};
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::status::Component;
use lambda_triggers_core::status::pause;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The names of both kinds.
pub const KINDS: [&str; 2] = [RawScheduledFunction::NAME, RawS3TriggeredFunction::NAME];

/// A watched `ScheduledFunction`.
#[derive(Resource, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = ScheduledFunction)]
pub struct RawScheduledFunction {
    /// The metadata.
    pub metadata: ObjectMeta,
    /// The spec, valid or not.
    #[serde(default)]
    pub spec: RawJson,
    /// The status, valid or not.
    #[serde(default)]
    pub status: RawJson,
}

/// A watched `S3TriggeredFunction`.
#[derive(Resource, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = S3TriggeredFunction)]
pub struct RawS3TriggeredFunction {
    /// The metadata.
    pub metadata: ObjectMeta,
    /// The spec, valid or not.
    #[serde(default)]
    pub spec: RawJson,
    /// The status, valid or not.
    #[serde(default)]
    pub status: RawJson,
}

/// A JSON value as text.
#[derive(Clone, Debug)]
pub struct RawJson(Box<str>);

impl Default for RawJson {
    fn default() -> Self {
        Self("null".into())
    }
}

impl RawJson {
    /// The parsed value.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer)?.to_string().into()))
    }
}

/// A watched kind of trigger.
pub trait Trigger:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The type of a valid spec.
    type Spec: DeserializeOwned + Clone + Debug + PartialEq + Send + Sync;
    /// The name of the kind.
    const NAME: &'static str;
    /// The components of an object with this status, each after the components that it depends on. The backend in the
    /// status decides about the components of a `ScheduledFunction`.
    fn components(status: &TriggerStatus) -> &'static [Component];
    /// The errors of a spec.
    fn check(spec: &Self::Spec) -> Vec<FieldError>;
    /// The spec as JSON.
    fn spec(&self) -> &RawJson;
    /// The status as JSON.
    fn status(&self) -> &RawJson;
}

impl Trigger for RawScheduledFunction {
    type Spec = ScheduledFunctionSpec;
    const NAME: &'static str = "ScheduledFunction";
    fn components(status: &TriggerStatus) -> &'static [Component] {
        match status.backend {
            Some(Backend::Scheduler) => &[Component::Function, Component::Schedule],
            Some(Backend::Rule) | None => &[Component::Function, Component::Permission, Component::Rule],
        }
    }
    fn check(spec: &ScheduledFunctionSpec) -> Vec<FieldError> {
        spec.check()
    }
    fn spec(&self) -> &RawJson {
        &self.spec
    }
    fn status(&self) -> &RawJson {
        &self.status
    }
}

impl Trigger for RawS3TriggeredFunction {
    type Spec = S3TriggeredFunctionSpec;
    const NAME: &'static str = "S3TriggeredFunction";
    fn components(_: &TriggerStatus) -> &'static [Component] {
        &[Component::Function, Component::Permission, Component::Notification]
    }
    fn check(spec: &S3TriggeredFunctionSpec) -> Vec<FieldError> {
        spec.check()
    }
    fn spec(&self) -> &RawJson {
        &self.spec
    }
    fn status(&self) -> &RawJson {
        &self.status
    }
}

/// The identity of an object. The creation time and the UID order two objects.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The namespace and the name.
    pub key: ObjectKey,
    /// The UID.
    pub uid: String,
    /// The creationTimestamp, in seconds of Unix time.
    pub created: i64,
    /// The generation.
    pub generation: Option<i64>,
    /// The kind.
    kind: &'static str,
}

impl Identity {
    /// The identity of an object.
    pub fn from_object<K: Trigger>(object: &K) -> Self {
        let meta = object.meta();
        Self {
            key: key_of(object),
            uid: object.uid().unwrap_or_default(),
            created: meta.creation_timestamp.as_ref().map(|time| time.0.as_second()).unwrap_or_default(),
            generation: meta.generation,
            kind: K::NAME,
        }
    }

    /// The reference for events. A reference in place of the method would take as much memory as the identity.
    pub fn reference(&self) -> ObjectReference {
        ObjectReference {
            api_version: Some(RawScheduledFunction::api_version(&()).into_owned()),
            kind: Some(self.kind.into()),
            namespace: Some(self.key.namespace.clone()),
            name: Some(self.key.name.clone()),
            uid: Some(self.uid.clone()),
            ..ObjectReference::default()
        }
    }
}

/// The namespace and the name of an object.
pub fn key_of<K: Resource>(object: &K) -> ObjectKey {
    ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())
}

/// The spec, or the error of an unreadable spec.
pub fn read_spec<K: Trigger>(object: &K) -> Result<K::Spec, String> {
    K::Spec::deserialize(&object.spec().value()).map_err(|error| {
        let kind = K::kind(&()).to_lowercase();
        format!("the spec cannot be read: {error}; compare it with `kubectl explain {kind}.spec`")
    })
}

/// The valid spec, or the errors of the spec.
pub fn valid_spec<K: Trigger>(object: &K) -> Result<K::Spec, String> {
    let spec = read_spec(object)?;
    let errors: Vec<String> = K::check(&spec).iter().map(ToString::to_string).collect();
    if errors.is_empty() { Ok(spec) } else { Err(errors.join("; ")) }
}

/// The status; empty if the status is unreadable.
pub fn read_status<K: Trigger>(object: &K) -> TriggerStatus {
    serde_json::from_str(&object.status().0).unwrap_or_default()
}

/// The deletion policy, even of a spec that is unreadable as a whole.
pub fn deletion_policy<K: Trigger>(object: &K) -> DeletionPolicy {
    DeletionPolicy::deserialize(&object.spec().value()["deletionPolicy"]).unwrap_or_default()
}

/// True if the annotation pauses the object.
pub fn is_paused<K: Trigger>(object: &K) -> bool {
    pause::is_paused(object.annotations().get(PAUSED_ANNOTATION).map(String::as_str))
}

/// True if the object needs its AWS resources: the object is not being deleted, or the pause delays the deletion.
pub fn needs_applied_resources<K: Trigger>(object: &K) -> bool {
    object.meta().deletion_timestamp.is_none() || is_paused(object)
}
