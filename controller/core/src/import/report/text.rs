//! The report as text.

use std::fmt;

use super::super::finding::{Finding, Outcome};
use super::section::{Place, Report, Section};
use super::shell::shell_word;
use super::steps::{self, files};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for section in &self.sections {
            write_section(f, self, section)?;
        }
        for steps in [steps::entries(self), steps::schedules(self)] {
            if !steps.is_empty() {
                writeln!(f)?;
            }
            steps.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        }
        if self.manifests().next().is_none() {
            return writeln!(f, "\nThere is nothing to import.");
        }
        let owner = self.owner_id.as_deref().unwrap_or("OWNER_ID");
        writeln!(
            f,
            "\nCheck: lambda-triggers plan --filename {} --namespace {} --owner-id {owner}",
            files(self),
            shell_word(&self.namespace)
        )
    }
}

fn write_section(f: &mut fmt::Formatter<'_>, report: &Report, section: &Section) -> fmt::Result {
    match &section.place {
        Place::Bucket { name, region } => writeln!(f, "bucket {name}, {region}"),
        Place::Rules { region } => writeln!(f, "rules, {region}"),
        Place::Schedules { region } => writeln!(f, "schedules of EventBridge Scheduler, {region}"),
        Place::File { path } => writeln!(f, "file {path}"),
    }?;
    if section.findings.is_empty() {
        writeln!(f, "  nothing")?;
    }
    section.findings.iter().try_for_each(|finding| write_finding(f, report, finding))
}

fn write_finding(f: &mut fmt::Formatter<'_>, report: &Report, finding: &Finding) -> fmt::Result {
    let Finding { part, made_by, outcome, notes } = finding;
    let made_by = made_by.iter().map(|maker| format!(", made by {maker}")).collect::<String>();
    match outcome {
        Outcome::Imported(imported) => {
            let manifest = &imported.manifest;
            let folder = report.folder.as_ref().map(|folder| folder.trim_end_matches('/'));
            let file = folder.map(|folder| format!(", in {folder}/{}", manifest.file_name()));
            let (kind, name) = (manifest.kind(), manifest.name());
            writeln!(f, "  -> {kind} {}/{name}{}", report.namespace, file.unwrap_or_default())?;
            writeln!(f, "     {part}{made_by}")
        }
        Outcome::Stays(why) => writeln!(f, "  =  {part}{made_by}: stays; {why}"),
        Outcome::NotImported(why) => writeln!(f, "  !  {part}{made_by}: not imported; {why}"),
        Outcome::Unread(why) => writeln!(f, "  ?  {part}{made_by}: not read; {why}"),
    }?;
    notes.iter().try_for_each(|note| writeln!(f, "     note: {note}"))
}
