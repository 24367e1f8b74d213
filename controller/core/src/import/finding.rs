//! What became of each part of AWS.

use super::maker::Maker;
use super::manifest::Manifest;
use super::runs::Runs;
use crate::arn::FunctionArn;

/// What became of one part of AWS: some entries of a bucket, a rule or a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The part, such as `2 entries (images/*.jpg, images/*.png)`.
    pub part: String,
    /// The tool that made the part, if known.
    pub made_by: Option<Maker>,
    /// What became of the part.
    pub outcome: Outcome,
    /// Facts that a user must know before the hand-over.
    pub notes: Vec<String>,
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A manifest.
    Imported(Box<Imported>),
    /// The part stays as it is, with the reason. No action is needed.
    Stays(String),
    /// The part is not imported, with the reason and the remedy.
    NotImported(String),
    /// The part could not be read, with the reason.
    Unread(String),
}

/// A manifest, and how the operator takes over.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The manifest.
    pub manifest: Manifest,
    /// The steps of the hand-over.
    pub hand_over: HandOver,
    /// The statements that only the old trigger needs.
    pub permissions: Vec<OldPermission>,
}

/// A statement in the policy of a function that only the old trigger needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OldPermission {
    /// The function. A qualifier selects the policy that holds the statement.
    pub function: FunctionArn,
    /// The Sid of the statement.
    pub sid: String,
}

/// How the operator takes over.
#[derive(Clone, Debug, PartialEq)]
pub enum HandOver {
    /// The operator replaces the entries in one write.
    Adopt,
    /// A user stops the old rule and enables the new resource, between two runs.
    Rule {
        /// The name of the old rule.
        name: String,
        /// The Region of the old rule.
        region: String,
        /// The ids of the rule's targets.
        target_ids: Vec<String>,
        /// The runs of the old rule. `None` for a disabled rule.
        runs: Option<Runs>,
    },
    /// A user stops the old schedule and enables the new resource, between two runs.
    Schedule {
        /// The group of the old schedule.
        group: String,
        /// The name of the old schedule.
        name: String,
        /// The Region of the old schedule.
        region: String,
        /// The runs of the old schedule. `None` for a disabled schedule.
        runs: Option<Runs>,
    },
}

impl Finding {
    /// A finding without notes.
    pub(super) fn new(part: impl Into<String>, made_by: Option<Maker>, outcome: Outcome) -> Self {
        Self { part: part.into(), made_by, outcome, notes: vec![] }
    }

    /// The manifest of the part.
    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.outcome {
            Outcome::Imported(imported) => Some(&imported.manifest),
            Outcome::Stays(_) | Outcome::NotImported(_) | Outcome::Unread(_) => None,
        }
    }
}
