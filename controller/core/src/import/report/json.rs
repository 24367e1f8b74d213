//! The report as JSON.

use serde_json::{Value, json};

use super::super::finding::{Finding, Outcome};
use super::section::{Place, Report, Section};

impl Report {
    /// The report as JSON: the findings of each place, the steps, and the command of the check.
    pub fn to_json(&self) -> Value {
        json!({
            "namespace": self.namespace,
            "sections": self.sections.iter().map(|section| self.section(section)).collect::<Vec<_>>(),
            "steps": self.steps(),
            "check": self.check(),
        })
    }

    fn section(&self, section: &Section) -> Value {
        let (kind, name, region) = match &section.place {
            Place::Bucket { name, region } => ("Bucket", Some(name), Some(region)),
            Place::Rules { region } => ("Rules", None, Some(region)),
            Place::Schedules { region } => ("Schedules", None, Some(region)),
            Place::File { path } => ("File", Some(path), None),
        };
        let findings = section.findings.iter().map(|finding| self.finding(finding));
        without_nulls(json!({
            "kind": kind, "name": name, "region": region, "findings": findings.collect::<Vec<_>>(),
        }))
    }

    fn finding(&self, finding: &Finding) -> Value {
        let Finding { part, made_by, outcome, notes } = finding;
        let (outcome, why, manifest) = match outcome {
            Outcome::Imported(imported) => ("Imported", None, Some(&imported.manifest)),
            Outcome::Stays(why) => ("Stays", Some(why), None),
            Outcome::NotImported(why) => ("NotImported", Some(why), None),
            Outcome::Unread(why) => ("Unread", Some(why), None),
        };
        let manifest = manifest.map(|manifest| {
            without_nulls(json!({
                "kind": manifest.kind(), "name": manifest.name(), "file": self.file(manifest),
            }))
        });
        without_nulls(json!({
            "part": part, "madeBy": made_by.as_ref().map(ToString::to_string), "outcome": outcome, "reason": why,
            "manifest": manifest, "notes": notes,
        }))
    }
}

/// The object without its empty fields.
fn without_nulls(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    object
}
