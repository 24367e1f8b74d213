//! The report as a value.

use serde_json::{Value, json};

use super::super::finding::{Finding, Outcome};
use super::super::manifest::{Manifest, ManifestFormat};
use super::line::Line;
use super::steps::{self, files};
use crate::shell::shell_word;

/// The report of an import. [`std::fmt::Display`] writes the text for people, and [`Report::to_json`] the JSON for
/// scripts.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The namespace of the manifests.
    pub namespace: String,
    /// The owner id of the operator, if known.
    pub owner_id: Option<String>,
    /// The folder of the manifests; `None` for standard output.
    pub folder: Option<String>,
    /// The format of the manifests.
    pub format: ManifestFormat,
    /// The findings by place.
    pub sections: Vec<Section>,
}

/// The findings of one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The place.
    pub place: Place,
    /// What became of each part.
    pub findings: Vec<Finding>,
}

/// A place that an import reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The notification configuration of a bucket.
    Bucket {
        /// The name of the bucket.
        name: String,
        /// The Region of the bucket.
        region: String,
    },
    /// The rules of the default event bus in a Region.
    Rules {
        /// The Region.
        region: String,
    },
    /// The schedules of EventBridge Scheduler in a Region.
    Schedules {
        /// The Region.
        region: String,
    },
    /// A file of another tool.
    File {
        /// The path.
        path: String,
    },
}

impl Report {
    /// All findings, in order.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.sections.iter().flat_map(|section| &section.findings)
    }

    /// The manifests, in order.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.findings().filter_map(Finding::manifest)
    }

    /// All manifests as one text: documents of YAML, or a `List` in JSON.
    ///
    /// # Errors
    ///
    /// An object cannot be written as YAML.
    pub fn manifests_text(&self) -> Result<String, serde_saphyr::ser_error::Error> {
        match self.format {
            ManifestFormat::Yaml => {
                let documents: Result<Vec<String>, _> = self.manifests().map(Manifest::to_yaml).collect();
                Ok(documents?.join("---\n"))
            }
            ManifestFormat::Json => {
                let items: Vec<&Value> = self.manifests().map(|manifest| &manifest.object).collect();
                Ok(format!("{:#}\n", json!({"apiVersion": "v1", "kind": "List", "items": items})))
            }
        }
    }

    /// The file of a manifest; `None` for standard output.
    pub(super) fn file(&self, manifest: &Manifest) -> Option<String> {
        let folder = self.folder.as_ref()?.trim_end_matches('/');
        Some(format!("{folder}/{}", manifest.file_name(self.format)))
    }

    /// The steps of the hand-over of the entries, and those of the schedules.
    pub fn steps(&self) -> Vec<Vec<Line>> {
        let all = [steps::entries(self), steps::schedules(self)];
        all.into_iter().filter(|steps| !steps.is_empty()).collect()
    }

    /// The command that checks the result; `None` without manifests.
    pub fn check(&self) -> Option<String> {
        self.manifests().next()?;
        let owner = self.owner_id.as_deref().unwrap_or("OWNER_ID");
        let (files, namespace) = (shell_word(&files(self)), shell_word(&self.namespace));
        Some(format!("lambda-triggers plan --filename {files} --namespace {namespace} --owner-id {owner}"))
    }

    /// True if everything could be read.
    pub fn is_complete(&self) -> bool {
        !self.findings().any(|finding| matches!(finding.outcome, Outcome::Unread(_)))
    }
}
