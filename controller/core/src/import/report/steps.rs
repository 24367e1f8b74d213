//! The steps of the hand-over.

use std::collections::{BTreeMap, BTreeSet};

use super::super::finding::{Finding, HandOver, OldPermission, Outcome};
use super::super::maker::Maker;
use super::super::runs::Runs;
use super::let_go::{Trigger, let_go, remove_permission};
use super::line::Line;
use super::section::{Place, Report};
use crate::shell::shell_word;

/// The old entries of a tool in a bucket.
#[derive(Default)]
struct OldEntries<'a> {
    /// The names of the tool's resources.
    resources: BTreeSet<Option<&'a str>>,
    /// The parts that Terraform made with them, and that stay.
    left: Vec<&'a str>,
}

/// The steps of the hand-over of the entries. Empty without imported entries.
pub(super) fn entries(report: &Report) -> Vec<Line> {
    let mut owners: BTreeMap<(Option<Maker>, &str), OldEntries> = BTreeMap::new();
    let mut permissions = Permissions::default();
    for section in &report.sections {
        let Place::Bucket { name, .. } = &section.place else { continue };
        let imported = section.findings.iter().filter(|finding| finding.manifest().is_some());
        for finding in imported {
            permissions.add(finding);
            let maker = finding.made_by.as_ref();
            let old = owners.entry((maker.map(Maker::tool), name)).or_default();
            old.resources.insert(maker.and_then(Maker::resource));
            let left = section.findings.iter().filter(|finding| is_left_by_terraform(finding));
            old.left = left.map(|finding| finding.part.as_str()).collect();
        }
    }
    if owners.is_empty() {
        return vec![];
    }
    let mut lines = vec![
        Line::text(0, "To hand over the entries, in this order:"),
        Line::text(0, "1. Let the other tools go. Otherwise they write their own document again."),
    ];
    for ((tool, bucket), OldEntries { resources, left }) in &owners {
        lines.push(Line::text(1, format!("bucket {bucket}, {}:", words(tool.as_ref()))));
        lines.extend(let_go(tool.as_ref(), resources, Trigger::Entries));
        if matches!(tool, Some(Maker::Terraform { .. })) && !left.is_empty() {
            let left = left.join(", ");
            lines.push(Line::text(2, format!("it also made {left}: they stay, and no tool manages them")));
        }
    }
    lines.extend([
        Line::text(0, "2. Apply the manifests. The operator replaces each entry in one write,"),
        Line::text(1, "so no event is missed, and none runs twice."),
    ]);
    lines.extend(apply(&shell_word(&files(report))));
    lines.extend(permissions.lines("3. Remove the permissions that only the old entries needed."));
    lines
}

/// True for an entry that stays, and that Terraform made with the imported ones.
fn is_left_by_terraform(finding: &Finding) -> bool {
    matches!(finding.outcome, Outcome::Stays(_)) && matches!(finding.made_by, Some(Maker::Terraform { .. }))
}

/// The permissions that only old triggers need, by the tool.
#[derive(Default)]
struct Permissions<'a>(BTreeMap<Option<Maker>, BTreeSet<&'a OldPermission>>);

impl<'a> Permissions<'a> {
    fn add(&mut self, finding: &'a Finding) {
        let Outcome::Imported(imported) = &finding.outcome else { return };
        if !imported.permissions.is_empty() {
            let tool = finding.made_by.as_ref().map(Maker::tool);
            self.0.entry(tool).or_default().extend(&imported.permissions);
        }
    }

    /// The step that removes them. Empty without permissions.
    fn lines(&self, step: &str) -> Vec<Line> {
        let mut lines = vec![];
        for (tool, permissions) in &self.0 {
            lines.push(Line::text(1, format!("{}:", words(tool.as_ref()))));
            lines.extend(permissions.iter().map(|permission| remove_permission(tool.as_ref(), permission)));
        }
        if !lines.is_empty() {
            lines.insert(0, Line::text(0, step));
        }
        lines
    }
}

/// An old rule or schedule, in the order of the report.
struct Old<'a> {
    what: String,
    stop: Line,
    /// The commands that delete the old rule, if no tool is known.
    delete: Vec<Line>,
    runs: Option<&'a Runs>,
    trigger: Trigger,
    maker: Option<&'a Maker>,
    /// Each new resource with its file.
    new: Vec<(&'a str, String)>,
}

/// The steps of the hand-over of rules and schedules. Empty without an imported rule or schedule.
pub(super) fn schedules(report: &Report) -> Vec<Line> {
    let mut all: Vec<Old> = vec![];
    let mut permissions = Permissions::default();
    for finding in report.findings() {
        let Some((manifest, old)) = finding.manifest().zip(old(finding)) else { continue };
        permissions.add(finding);
        let new = (manifest.name(), report.file(manifest).unwrap_or_else(|| files(report)));
        match all.iter_mut().find(|known| known.what == old.what) {
            Some(known) => known.new.push(new),
            None => all.push(Old { new: vec![new], ..old }),
        }
    }
    if all.is_empty() {
        return vec![];
    }
    let mut lines = vec![
        Line::text(0, "To hand over the schedules, in this order:"),
        Line::text(0, "1. Apply the manifests. They are suspended, so nothing runs twice."),
    ];
    lines.extend(apply(&shell_word(&files(report))));
    lines.push(Line::text(0, "2. Change over from each old schedule, at a time without a run."));
    for Old { what, stop, runs, new, .. } in &all {
        let names: Vec<&str> = new.iter().map(|(name, _)| *name).collect();
        let Some(runs) = runs else {
            lines.push(Line::text(1, format!("{what} is disabled, so {} stays suspended", names.join(", "))));
            continue;
        };
        lines.push(Line::text(1, format!("{what}:")));
        lines.extend(runs.lines().into_iter().map(|line| Line::text(2, line)));
        for (name, file) in new {
            lines.push(Line::text(2, format!("remove spec.suspend of ScheduledFunction {name} from {file}")));
        }
        let files: BTreeSet<String> = new.iter().map(|(_, file)| shell_word(file)).collect();
        lines.extend(files.iter().flat_map(|file| apply(file)));
        lines.push(stop.clone());
    }
    lines.push(Line::text(0, "3. Let the other tools go."));
    let mut by_tool: BTreeMap<(Trigger, Option<Maker>), Vec<&Old>> = BTreeMap::new();
    for old in &all {
        by_tool.entry((old.trigger, old.maker.map(Maker::tool))).or_default().push(old);
    }
    for ((trigger, tool), old) in by_tool {
        let what: Vec<&str> = old.iter().map(|old| old.what.as_str()).collect();
        lines.push(Line::text(1, format!("{}, {}:", what.join(", "), words(tool.as_ref()))));
        let resources = old.iter().map(|old| old.maker.and_then(Maker::resource)).collect();
        lines.extend(let_go(tool.as_ref(), &resources, trigger));
        lines.extend(old.iter().flat_map(|old| old.delete.clone()));
    }
    lines.extend(permissions.lines("4. Remove the permissions that only the old rules needed."));
    lines
}

/// The old rule or schedule of an imported finding.
fn old(finding: &Finding) -> Option<Old<'_>> {
    let Outcome::Imported(imported) = &finding.outcome else { return None };
    let maker = finding.made_by.as_ref();
    let new = vec![];
    match &imported.hand_over {
        HandOver::Adopt => None,
        HandOver::Rule { name, region, target_ids, runs } => {
            let name = shell_word(name);
            let ids: Vec<String> = target_ids.iter().map(|id| shell_word(id)).collect();
            let remove =
                format!("aws events remove-targets --rule {name} --ids {} --region {region}", ids.join(" "));
            let delete = format!("aws events delete-rule --name {name} --region {region}");
            let stop = Line::command(format!("aws events disable-rule --name {name} --region {region}"));
            let delete = if maker.is_none() { [remove, delete].map(Line::command).into() } else { vec![] };
            let what = format!("rule {name}");
            Some(Old { what, stop, delete, runs: runs.as_ref(), trigger: Trigger::Rule, maker, new })
        }
        HandOver::Schedule { group, name, region, runs } => {
            let (group, name) = (shell_word(group), shell_word(name));
            let stop = match maker {
                Some(maker) => Line::text(
                    2,
                    format!("set the state of the old schedule to DISABLED in {maker}, and deploy"),
                ),
                None => Line::command(format!(
                    "aws scheduler delete-schedule --group-name {group} --name {name} --region {region}"
                )),
            };
            let (what, trigger) = (format!("schedule {group}/{name}"), Trigger::Schedule);
            Some(Old { what, stop, delete: vec![], runs: runs.as_ref(), trigger, maker, new })
        }
    }
}

/// The commands that apply a file or a folder, and wait.
fn apply(files: &str) -> [Line; 2] {
    [
        Line::command(format!("kubectl apply --filename {files}")),
        Line::command(format!("kubectl wait --filename {files} --for condition=Ready --timeout 5m")),
    ]
}

/// The folder of the manifests, or their file. A user chooses the file for standard output.
pub(super) fn files(report: &Report) -> String {
    report.folder.clone().unwrap_or_else(|| format!("manifests.{}", report.format.extension()))
}

fn words(maker: Option<&Maker>) -> String {
    maker.map_or_else(|| "made by an unknown tool".to_owned(), |maker| format!("made by {maker}"))
}
