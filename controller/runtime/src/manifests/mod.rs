//! The manifests in files, folders and standard input, for the commands that need no cluster.

mod located;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use lambda_triggers_core::plan::function::files_of_config_map;
use lambda_triggers_core::preview::Source;
use serde_json::{Value, json};

use crate::objects::{KINDS, Trigger};
use located::Located;

/// The manifests of both kinds, and the files that code may come from.
#[derive(Debug, Default)]
pub struct Manifests {
    /// The manifests of both kinds, valid or not.
    pub triggers: Vec<Manifest>,
    /// The files of each ConfigMap, by namespace and name. The namespace is empty if the manifest has none.
    pub config_maps: BTreeMap<(String, String), BTreeMap<String, Vec<u8>>>,
    /// The number of documents of all kinds.
    pub documents: usize,
}

/// A manifest of one of both kinds.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The object.
    pub object: Value,
    /// The place of the manifest.
    pub source: Source,
    /// The lines of the fields; `None` for an object of the cluster.
    located: Option<Located>,
    /// The line before the document, to add to the lines of fields.
    offset: u64,
}

impl Manifest {
    /// The manifest of an object in the cluster.
    pub fn of_object<K: Trigger>(object: &K) -> Self {
        let mut annotations = object.annotations().clone();
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        let manifest = json!({
            "apiVersion": K::api_version(&()), "kind": K::NAME, "spec": object.spec().value(),
            "metadata": {
                "name": object.name_any(), "namespace": object.namespace(), "annotations": annotations,
            },
        });
        let source = Source { file: Source::CLUSTER.into(), line: 1 };
        Self { object: manifest, source, located: None, offset: 0 }
    }

    /// The place of a field, such as `spec.filters[0]`.
    pub fn source_of(&self, field: &str) -> Source {
        let line = self.located.as_ref().map(|located| self.offset + located.line_of(field));
        Source { line: line.unwrap_or(self.source.line), ..self.source.clone() }
    }
}

/// A file that is not readable as manifests.
#[derive(Debug, thiserror::Error)]
pub enum ManifestsError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The path.
        path: String,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The text is neither YAML nor JSON.
    #[error("{file}:{line}: not valid YAML: {message}{hint}")]
    Invalid {
        /// The file.
        file: String,
        /// The line of the document.
        line: u64,
        /// The error of the parser.
        message: String,
        /// What to do, or nothing.
        hint: &'static str,
    },
    /// The folder needs another tool first.
    #[error("{path} {what}: pipe the output of {command} into -f -")]
    Unrendered {
        /// The folder.
        path: String,
        /// What the folder has.
        what: &'static str,
        /// The command that prints the manifests.
        command: String,
    },
}

/// Reads files, folders and standard input (`-`). With `recursive`, folders are read with all that is in them.
///
/// # Errors
///
/// A file cannot be read, or is not valid YAML, or needs Helm or Kustomize first.
pub fn read(paths: &[PathBuf], recursive: bool) -> Result<Manifests, ManifestsError> {
    let mut manifests = Manifests::default();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|source| ManifestsError::Unreadable { path: "standard input".into(), source })?;
            manifests.add("-", &text)?;
        } else {
            manifests.add_path(path, recursive)?;
        }
    }
    Ok(manifests)
}

impl Manifests {
    /// The manifests in a text, such as the output of another command.
    ///
    /// # Errors
    ///
    /// The text is not valid YAML.
    pub fn of_text(file: &str, text: &str) -> Result<Self, ManifestsError> {
        let mut manifests = Self::default();
        manifests.add(file, text)?;
        Ok(manifests)
    }

    fn add_path(&mut self, path: &Path, recursive: bool) -> Result<(), ManifestsError> {
        let shown = path.display().to_string();
        let unreadable = |source| ManifestsError::Unreadable { path: shown.clone(), source };
        if !path.is_dir() {
            return self.add(&shown, &std::fs::read_to_string(path).map_err(unreadable)?);
        }
        let entries = std::fs::read_dir(path).map_err(unreadable)?;
        let mut entries: Vec<PathBuf> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(unreadable)?;
        entries.sort();
        let has = |names: &[&str]| names.iter().any(|name| path.join(name).is_file());
        let unrendered = |what, command| ManifestsError::Unrendered { path: shown.clone(), what, command };
        if has(&["Chart.yaml"]) {
            return Err(unrendered("is a Helm chart", format!("helm template {shown}")));
        }
        if has(&["kustomization.yaml", "kustomization.yml", "Kustomization"]) {
            return Err(unrendered("has a Kustomization", format!("kustomize build {shown}")));
        }
        for entry in entries {
            let is_manifest =
                entry.extension().is_some_and(|ext| ["yaml", "yml", "json"].iter().any(|one| ext == *one));
            if entry.is_dir() && recursive || entry.is_file() && is_manifest {
                self.add_path(&entry, recursive)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), ManifestsError> {
        for (offset, document) in documents(text) {
            let located: Option<Located> = serde_saphyr::from_str(&document).map_err(|error| {
                let line = offset + error.location().map_or(1, |location| location.line());
                let message = error.to_string().lines().next().unwrap_or_default().to_owned();
                let hint = if document.contains("{{") { "; run `helm template` first" } else { "" };
                ManifestsError::Invalid { file: file.into(), line, message, hint }
            })?;
            if let Some(located) = located {
                self.add_document(file, offset, located);
            }
        }
        Ok(())
    }

    fn add_document(&mut self, file: &str, offset: u64, located: Located) {
        let object = located.value();
        let kind = object["kind"].as_str().unwrap_or_default();
        if kind == "List" || object["items"].is_array() && kind.ends_with("List") {
            for item in located.items("items") {
                self.add_document(file, offset, item);
            }
            return;
        }
        self.documents += 1;
        if kind == "ConfigMap" {
            self.add_config_map(&object);
        } else if KINDS.contains(&kind) {
            let source = Source { file: file.into(), line: offset + located.line_of("") };
            self.triggers.push(Manifest { object, source, located: Some(located), offset });
        }
    }

    fn add_config_map(&mut self, object: &Value) {
        let Ok(config_map) = serde_json::from_value::<ConfigMap>(object.clone()) else { return };
        let metadata = config_map.metadata.clone();
        let key = (metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default());
        self.config_maps.insert(key, files_of_config_map(config_map));
    }
}

/// The documents of a text, each with the number of lines before it. As in kubectl, a line that begins with `---`
/// separates two documents.
fn documents(text: &str) -> Vec<(u64, String)> {
    let mut documents = vec![(0, String::new())];
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with("---") {
            documents.push((number, String::new()));
        } else if let Some((_, document)) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    documents
}
