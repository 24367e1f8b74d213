//! The two kinds as they are watched: read so leniently that no object can stop another one, or its own deletion.
//!
//! The spec and the status are kept as JSON, and read as their types only when an object is reconciled. So one
//! that an older or a laxer schema let in is reported on, keeps what it has, and can be deleted. And they are kept as
//! text: of ten thousand objects, the values would take several times as much.

mod status_cache;
mod stores;

use std::fmt::Debug;
use std::sync::OnceLock;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use lambda_triggers_core::api::{
    Applied, DeletionPolicy, FieldError, PAUSED_ANNOTATION, S3TriggeredFunction, S3TriggeredFunctionSpec,
    ScheduledFunction, ScheduledFunctionSpec, TriggerStatus,
};
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::status::Component;
use lambda_triggers_core::status::pause;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use status_cache::StatusCache;
pub use stores::{Stopped, Stores};

/// The names of both kinds.
pub const KINDS: [&str; 2] = [RawScheduledFunction::NAME, RawS3TriggeredFunction::NAME];

/// A `ScheduledFunction` as it is watched.
#[derive(Resource, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = ScheduledFunction)]
pub struct RawScheduledFunction {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Its spec, whatever it says.
    #[serde(default)]
    pub spec: RawJson,
    /// Its status, whatever it says.
    #[serde(default)]
    pub status: RawJson,
    #[serde(skip)]
    summary: CachedSummary,
}

/// An `S3TriggeredFunction` as it is watched.
#[derive(Resource, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = S3TriggeredFunction)]
pub struct RawS3TriggeredFunction {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Its spec, whatever it says.
    #[serde(default)]
    pub spec: RawJson,
    /// Its status, whatever it says.
    #[serde(default)]
    pub status: RawJson,
    #[serde(skip)]
    summary: CachedSummary,
}

/// A JSON value, as its text.
#[derive(Clone, Debug)]
pub struct RawJson(Box<str>);

impl Default for RawJson {
    fn default() -> Self {
        Self("null".into())
    }
}

impl RawJson {
    /// The value.
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

/// A kind of trigger, as it is watched.
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
    /// What its spec is read as.
    type Spec: DeserializeOwned + Clone + Debug + PartialEq + Send + Sync;
    /// The name of the kind.
    const NAME: &'static str;
    /// Its parts, in the order in which they depend on each other.
    const COMPONENTS: &'static [Component];
    /// What is wrong with a spec.
    fn check(spec: &Self::Spec) -> Vec<FieldError>;
    /// Its spec.
    fn spec(&self) -> &RawJson;
    /// Its status.
    fn status(&self) -> &RawJson;
    /// What others ask of it at each of their reconciles, read from its spec and status once.
    fn summary(&self) -> &Summary;
}

/// What is asked of all objects again and again, as by the reconcile of each other one: with a thousand of them, most of
/// the work would be to read them again.
#[derive(Debug, PartialEq)]
pub struct Summary {
    /// Whether its spec can be read.
    pub readable: bool,
    /// The bucket that its spec names.
    pub bucket: Option<Box<str>>,
    /// The ConfigMap that its spec has the function's code from.
    pub config_map: Option<Box<str>>,
    /// What its status says that was made for it; nothing where it cannot be read.
    pub applied: Applied,
    /// The reason of its condition Ready; none where nobody has reported on it yet.
    pub ready: Option<Box<str>>,
}

impl Summary {
    fn from_object<K: Trigger>(object: &K) -> Self {
        let spec = object.spec().value();
        let text = |value: &Value| value.as_str().map(Into::into);
        let TriggerStatus { mut applied, conditions, .. } = read_status(object);
        applied.rules.shrink_to_fit();
        applied.notifications.shrink_to_fit();
        applied.functions.shrink_to_fit();
        applied.permissions.shrink_to_fit();
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
        Self {
            readable: K::Spec::deserialize(&spec).is_ok(),
            bucket: text(&spec["bucket"]),
            config_map: text(&spec["function"]["definition"]["code"]["configMap"]["name"]),
            applied,
            ready: ready.map(|ready| ready.reason.into()),
        }
    }
}

/// Those of one version of an object. A clone may be changed, so it has none yet.
#[derive(Debug, Default)]
struct CachedSummary(OnceLock<Summary>);

impl Clone for CachedSummary {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Trigger for RawScheduledFunction {
    type Spec = ScheduledFunctionSpec;
    const NAME: &'static str = "ScheduledFunction";
    const COMPONENTS: &'static [Component] = &[Component::Function, Component::Permission, Component::Rule];
    fn check(spec: &ScheduledFunctionSpec) -> Vec<FieldError> {
        spec.check()
    }
    fn spec(&self) -> &RawJson {
        &self.spec
    }
    fn status(&self) -> &RawJson {
        &self.status
    }
    fn summary(&self) -> &Summary {
        self.summary.0.get_or_init(|| Summary::from_object(self))
    }
}

impl Trigger for RawS3TriggeredFunction {
    type Spec = S3TriggeredFunctionSpec;
    const NAME: &'static str = "S3TriggeredFunction";
    const COMPONENTS: &'static [Component] =
        &[Component::Function, Component::Permission, Component::Notification];
    fn check(spec: &S3TriggeredFunctionSpec) -> Vec<FieldError> {
        spec.check()
    }
    fn spec(&self) -> &RawJson {
        &self.spec
    }
    fn status(&self) -> &RawJson {
        &self.status
    }
    fn summary(&self) -> &Summary {
        self.summary.0.get_or_init(|| Summary::from_object(self))
    }
}

/// What identifies an object, and decides between two.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Namespace and name.
    pub key: ObjectKey,
    /// Its UID.
    pub uid: String,
    /// Its creationTimestamp, in seconds of Unix time.
    pub created: i64,
    /// Its generation.
    pub generation: Option<i64>,
    /// How events refer to it.
    pub reference: ObjectReference,
}

impl Identity {
    /// The identity of an object.
    pub fn from_object<K: Trigger>(object: &K) -> Self {
        let meta = object.meta();
        Self {
            key: ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any()),
            uid: object.uid().unwrap_or_default(),
            created: meta.creation_timestamp.as_ref().map(|time| time.0.as_second()).unwrap_or_default(),
            generation: meta.generation,
            reference: object.object_ref(&()),
        }
    }
}

/// The spec, or why it cannot be read.
pub fn read_spec<K: Trigger>(object: &K) -> Result<K::Spec, String> {
    K::Spec::deserialize(&object.spec().value()).map_err(|error| {
        let kind = K::kind(&()).to_lowercase();
        format!("the spec cannot be read: {error}; compare it with `kubectl explain {kind}.spec`")
    })
}

/// The spec, or what is wrong with it.
pub fn valid_spec<K: Trigger>(object: &K) -> Result<K::Spec, String> {
    let spec = read_spec(object)?;
    let errors: Vec<String> = K::check(&spec).iter().map(ToString::to_string).collect();
    if errors.is_empty() { Ok(spec) } else { Err(errors.join("; ")) }
}

/// The status, empty where it cannot be read.
pub fn read_status<K: Trigger>(object: &K) -> TriggerStatus {
    serde_json::from_str(&object.status().0).unwrap_or_default()
}

/// The deletion policy, which counts in a spec that cannot be read as a whole, too.
pub fn deletion_policy<K: Trigger>(object: &K) -> DeletionPolicy {
    DeletionPolicy::deserialize(&object.spec().value()["deletionPolicy"]).unwrap_or_default()
}

/// Whether the annotation has the operator leave the object alone.
pub fn is_paused<K: Trigger>(object: &K) -> bool {
    pause::is_paused(object.annotations().get(PAUSED_ANNOTATION).map(String::as_str))
}

/// Whether the object needs what was made for it: it lives, or its deletion waits until it is paused no more.
pub fn needs_what_it_has<K: Trigger>(object: &K) -> bool {
    object.meta().deletion_timestamp.is_none() || is_paused(object)
}
