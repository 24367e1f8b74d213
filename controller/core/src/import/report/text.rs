//! The report as text.

use std::fmt;

use super::super::finding::{Finding, Outcome};
use super::section::{Place, Report, Section};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for section in &self.sections {
            write_section(f, self, section)?;
        }
        for steps in self.steps() {
            writeln!(f)?;
            steps.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        }
        match self.check() {
            Some(check) => writeln!(f, "\nTo check the result:\n     {check}"),
            None => writeln!(f, "\nThere is nothing to import."),
        }
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
    let made_by = made_by.iter().map(|maker| format!("     made by {maker}\n")).collect::<String>();
    match outcome {
        Outcome::Imported(imported) => {
            let manifest = &imported.manifest;
            let file = report.file(manifest).map(|file| format!(", in {file}")).unwrap_or_default();
            let (kind, name) = (manifest.kind(), manifest.name());
            write!(f, "  -> {kind} {}/{name}{file}\n     {part}\n{made_by}", report.namespace)
        }
        Outcome::Stays(why) => write!(f, "  =  {part}\n{made_by}     stays: {why}\n"),
        Outcome::NotImported(why) => write!(f, "  !  {part}\n{made_by}     not imported: {why}\n"),
        Outcome::Unread(why) => write!(f, "  ?  {part}\n{made_by}     not read: {why}\n"),
    }?;
    notes.iter().try_for_each(|note| writeln!(f, "     note: {note}"))
}
