//! The report as a value.

use super::super::finding::{Finding, Outcome};
use super::super::manifest::Manifest;

/// The report of an import. [`std::fmt::Display`] writes the text for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The namespace of the manifests.
    pub namespace: String,
    /// The owner id of the operator, if known.
    pub owner_id: Option<String>,
    /// The folder of the manifests; `None` for standard output.
    pub folder: Option<String>,
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

    /// True if everything could be read.
    pub fn is_complete(&self) -> bool {
        !self.findings().any(|finding| matches!(finding.outcome, Outcome::Unread(_)))
    }
}
