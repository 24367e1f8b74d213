//! The two kinds as they are watched: read so leniently that no object can stop another one, or its own deletion.
//!
//! The spec and the status are taken as JSON, and read as their types only when an object is reconciled. So one
//! that an older or a laxer schema let in is reported on, keeps what it has, and can be deleted.

use std::fmt::Debug;
use std::sync::OnceLock;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use lambda_triggers_core::api::{
    Applied, DeletionPolicy, Problem, S3TriggeredFunction, S3TriggeredFunctionSpec, ScheduledFunction,
    ScheduledFunctionSpec, TriggerStatus,
};
use lambda_triggers_core::plan::identity::ObjectKey;
use lambda_triggers_core::plan::report::Part;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A `ScheduledFunction` as it is watched.
#[derive(Resource, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = ScheduledFunction)]
pub struct RawScheduledFunction {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Its spec, whatever it says.
    #[serde(default)]
    pub spec: Value,
    /// Its status, whatever it says.
    #[serde(default)]
    pub status: Value,
    #[serde(skip)]
    facts: OnceFacts,
}

/// An `S3TriggeredFunction` as it is watched.
#[derive(Resource, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = S3TriggeredFunction)]
pub struct RawS3TriggeredFunction {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Its spec, whatever it says.
    #[serde(default)]
    pub spec: Value,
    /// Its status, whatever it says.
    #[serde(default)]
    pub status: Value,
    #[serde(skip)]
    facts: OnceFacts,
}

/// A kind of trigger, as it is watched.
pub trait Raw:
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
    const PARTS: &'static [Part];
    /// What is wrong with a spec.
    fn check(spec: &Self::Spec) -> Vec<Problem>;
    /// Its spec.
    fn spec(&self) -> &Value;
    /// Its status.
    fn status(&self) -> &Value;
    /// What others ask of it at each of their reconciles, read from its spec and status once.
    fn facts(&self) -> &Facts;
}

/// What the reconcile of one object asks of all others: with a thousand of them, most of its work would be to read their
/// statuses again.
#[derive(Debug, PartialEq)]
pub struct Facts {
    /// Whether its spec can be read.
    pub readable: bool,
    /// What its status says that was made for it; nothing where it cannot be read.
    pub applied: Applied,
}

impl Facts {
    fn of<K: Raw>(object: &K) -> Self {
        Self { readable: read_spec(object).is_ok(), applied: read_status(object).applied }
    }
}

/// Those of one version of an object. A clone may be changed, so it has none yet.
#[derive(Debug, Default)]
struct OnceFacts(OnceLock<Facts>);

impl Clone for OnceFacts {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Raw for RawScheduledFunction {
    type Spec = ScheduledFunctionSpec;
    const NAME: &'static str = "ScheduledFunction";
    const PARTS: &'static [Part] = &[Part::Function, Part::Permission, Part::Rule];
    fn check(spec: &ScheduledFunctionSpec) -> Vec<Problem> {
        spec.check()
    }
    fn spec(&self) -> &Value {
        &self.spec
    }
    fn status(&self) -> &Value {
        &self.status
    }
    fn facts(&self) -> &Facts {
        self.facts.0.get_or_init(|| Facts::of(self))
    }
}

impl Raw for RawS3TriggeredFunction {
    type Spec = S3TriggeredFunctionSpec;
    const NAME: &'static str = "S3TriggeredFunction";
    const PARTS: &'static [Part] = &[Part::Function, Part::Permission, Part::Notification];
    fn check(spec: &S3TriggeredFunctionSpec) -> Vec<Problem> {
        spec.check()
    }
    fn spec(&self) -> &Value {
        &self.spec
    }
    fn status(&self) -> &Value {
        &self.status
    }
    fn facts(&self) -> &Facts {
        self.facts.0.get_or_init(|| Facts::of(self))
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
    pub fn of<K: Raw>(object: &K) -> Self {
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
pub fn read_spec<K: Raw>(object: &K) -> Result<K::Spec, String> {
    K::Spec::deserialize(object.spec()).map_err(|error| {
        let kind = K::kind(&()).to_lowercase();
        format!("the spec cannot be read: {error}; compare it with `kubectl explain {kind}.spec`")
    })
}

/// The spec, or what is wrong with it.
pub fn valid_spec<K: Raw>(object: &K) -> Result<K::Spec, String> {
    let spec = read_spec(object)?;
    let problems: Vec<String> = K::check(&spec).iter().map(ToString::to_string).collect();
    if problems.is_empty() { Ok(spec) } else { Err(problems.join("; ")) }
}

/// The status, empty where it cannot be read.
pub fn read_status<K: Raw>(object: &K) -> TriggerStatus {
    TriggerStatus::deserialize(object.status()).unwrap_or_default()
}

/// The deletion policy, which counts in a spec that cannot be read as a whole, too.
pub fn deletion_policy<K: Raw>(object: &K) -> DeletionPolicy {
    DeletionPolicy::deserialize(&object.spec()["deletionPolicy"]).unwrap_or_default()
}

/// A text of the spec, of one that cannot be read as a whole, too.
pub fn spec_text<'a, K: Raw>(object: &'a K, field: &str) -> Option<&'a str> {
    object.spec()[field].as_str()
}
