//! A manifest of an imported object.

use kube::core::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::names::Names;
use super::settings::ImportSettings;
use crate::api::{
    S3TriggeredFunction, S3TriggeredFunctionSpec, ScheduledFunction, ScheduledFunctionSpec, check_manifest,
};

/// The format of manifests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManifestFormat {
    /// YAML, with the origin as a comment.
    #[default]
    Yaml,
    /// JSON, which has no comments.
    Json,
}

impl ManifestFormat {
    /// The extension of files in this format.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
        }
    }
}

/// A manifest with the place of its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The object, without fields at their defaults.
    pub object: Value,
    /// The origin in AWS, as lines for a comment.
    pub origin: Vec<String>,
}

impl Manifest {
    /// A checked manifest of an `S3TriggeredFunction`.
    ///
    /// # Errors
    ///
    /// The API server would refuse the manifest.
    pub(super) fn of_bucket(
        settings: &ImportSettings,
        names: &mut Names,
        name: &str,
        spec: &S3TriggeredFunctionSpec,
        origin: Vec<String>,
    ) -> Result<Self, String> {
        let (kind, version) = (S3TriggeredFunction::kind(&()), S3TriggeredFunction::api_version(&()));
        let defaults = defaults::<S3TriggeredFunctionSpec>(json!({"function": {}, "bucket": ""}));
        Self::new(settings, names, (&version, &kind), name, minimal(spec, defaults.as_ref()), origin)
    }

    /// A checked manifest of a `ScheduledFunction`.
    ///
    /// # Errors
    ///
    /// The API server would refuse the manifest.
    pub(super) fn of_schedule(
        settings: &ImportSettings,
        names: &mut Names,
        name: &str,
        spec: &ScheduledFunctionSpec,
        origin: Vec<String>,
    ) -> Result<Self, String> {
        let (kind, version) = (ScheduledFunction::kind(&()), ScheduledFunction::api_version(&()));
        let defaults = defaults::<ScheduledFunctionSpec>(json!({"function": {}}));
        Self::new(settings, names, (&version, &kind), name, minimal(spec, defaults.as_ref()), origin)
    }

    /// A refused manifest claims no name.
    fn new(
        settings: &ImportSettings,
        names: &mut Names,
        (version, kind): (&str, &str),
        name: &str,
        spec: Value,
        origin: Vec<String>,
    ) -> Result<Self, String> {
        let mut names_with_this = names.clone();
        let metadata = json!({"name": names_with_this.claim(name), "namespace": settings.namespace});
        let object = json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec});
        match check_manifest(object.clone()) {
            Ok(_) => {
                *names = names_with_this;
                Ok(Self { object, origin })
            }
            Err(errors) => {
                let errors: Vec<String> = errors.errors.iter().map(ToString::to_string).collect();
                Err(errors.join("; "))
            }
        }
    }

    /// The kind of the object.
    pub fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap_or_default()
    }

    /// The name of the object.
    pub fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// The name of the manifest's file.
    pub fn file_name(&self, format: ManifestFormat) -> String {
        format!("{}.{}", self.name(), format.extension())
    }

    /// The manifest in a format.
    ///
    /// # Errors
    ///
    /// The object cannot be written as YAML.
    pub fn to_text(&self, format: ManifestFormat) -> Result<String, serde_saphyr::ser_error::Error> {
        match format {
            ManifestFormat::Yaml => self.to_yaml(),
            ManifestFormat::Json => Ok(format!("{:#}\n", self.object)),
        }
    }

    /// The manifest as YAML, with the origin as a comment. Texts that YAML 1.1 reads as another type are quoted, since
    /// kubectl reads YAML 1.1.
    ///
    /// # Errors
    ///
    /// The object cannot be written as YAML.
    pub fn to_yaml(&self) -> Result<String, serde_saphyr::ser_error::Error> {
        let comment: String = self.origin.iter().map(|line| format!("# {}\n", one_line(line))).collect();
        Ok(format!("{comment}{}", serde_saphyr::to_string(&self.object)?))
    }
}

/// The text without line breaks, which would end a comment. A name in AWS may contain any character.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}') { ' ' } else { c })
        .collect()
}

/// The spec that the API server completes from these fields.
fn defaults<S: DeserializeOwned + Serialize>(required: Value) -> Option<Value> {
    serde_json::to_value(serde_json::from_value::<S>(required).ok()?).ok()
}

/// The spec without the fields at their defaults.
fn minimal(spec: &impl Serialize, defaults: Option<&Value>) -> Value {
    let mut spec = serde_json::to_value(spec).unwrap_or_default();
    if let (Some(fields), Some(defaults)) = (spec.as_object_mut(), defaults.and_then(Value::as_object)) {
        drop_defaults(fields, defaults);
    }
    spec
}

fn drop_defaults(fields: &mut Map<String, Value>, defaults: &Map<String, Value>) {
    fields.retain(|name, value| {
        let default = defaults.get(name);
        if let (Some(fields), Some(defaults)) = (value.as_object_mut(), default.and_then(Value::as_object)) {
            drop_defaults(fields, defaults);
            return true;
        }
        default != Some(value)
    });
}
