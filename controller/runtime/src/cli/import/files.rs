//! The import of what the files of other tools list.

use std::path::PathBuf;

use lambda_triggers_core::import::files::{Listed, ToolFile, read_tool_file};
use lambda_triggers_core::import::{Finding, Outcome, Place, Section};

use super::reader::{BucketToRead, Reader};
use crate::operator::StartError;

/// Reads the files, each with its path.
///
/// # Errors
/// A file cannot be read, or is of no known tool.
pub fn read(paths: &[PathBuf]) -> Result<Vec<(String, ToolFile)>, StartError> {
    let read = |path: &PathBuf| -> Result<(String, ToolFile), StartError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let file = read_tool_file(&shown, &text).map_err(|error| format!("{shown}: {error}"))?;
        Ok((shown, file))
    };
    paths.iter().map(read).collect()
}

/// Reads the listed triggers from AWS.
pub async fn import(reader: &mut Reader<'_>, files: Vec<(String, ToolFile)>) -> Vec<Section> {
    let mut sections: Vec<Section> = vec![];
    for (path, ToolFile { listed, notes }) in files {
        if listed.is_empty() || !notes.is_empty() {
            let stays =
                || Outcome::Stays("the import reads only schedules of the default bus and buckets".into());
            let findings = notes.into_iter().map(|note| finding(note, stays())).collect();
            sections.push(Section { place: Place::File { path }, findings });
        }
        for listed in listed {
            let section = one(reader, listed).await;
            match sections.iter_mut().find(|known| known.place == section.place) {
                Some(known) => known.findings.extend(section.findings),
                None => sections.push(section),
            }
        }
    }
    sections
}

async fn one(reader: &mut Reader<'_>, listed: Listed) -> Section {
    match listed {
        Listed::Bucket { name, region, entries } => {
            let bucket = BucketToRead { region, listed: Some(entries), ..BucketToRead::named(&name) };
            reader.bucket(bucket).await
        }
        Listed::Rule { name, region, made_by } => reader.rule(&name, region, made_by).await,
        Listed::Schedule { groups, name, region, made_by } => {
            reader.schedule(&groups, &name, region, made_by).await
        }
    }
}

fn finding(part: String, outcome: Outcome) -> Finding {
    Finding { part, made_by: None, outcome, notes: vec![] }
}
