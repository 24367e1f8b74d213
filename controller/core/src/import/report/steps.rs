//! The steps of the hand-over, as lines of text.

use std::collections::BTreeMap;

use super::super::finding::{Finding, HandOver, Outcome};
use super::super::maker::Maker;
use super::let_go::{Trigger, let_go};
use super::section::{Place, Report};
use super::shell::shell_word;

/// The steps of the hand-over of the entries. Empty without imported entries.
pub(super) fn entries(report: &Report) -> Vec<String> {
    let mut owners: BTreeMap<(Option<&Maker>, &str), Vec<&str>> = BTreeMap::new();
    for section in &report.sections {
        let Place::Bucket { name, .. } = &section.place else { continue };
        let imported = section.findings.iter().filter(|finding| finding.manifest().is_some());
        for finding in imported {
            owners.entry((finding.made_by.as_ref(), name)).or_insert_with(|| {
                let stays = section.findings.iter().filter(|finding| is_left_by_terraform(finding));
                stays.map(|finding| finding.part.as_str()).collect()
            });
        }
    }
    if owners.is_empty() {
        return vec![];
    }
    let mut lines = vec![
        "To hand over the entries, in this order:".to_owned(),
        "1. Let the other tools go. Otherwise they write their own document again.".into(),
    ];
    for ((maker, bucket), left) in owners {
        lines.push(format!("   bucket {bucket}, {}:", words(maker)));
        lines.extend(let_go(maker, Trigger::Entries).iter().map(|line| format!("     {line}")));
        if matches!(maker, Some(Maker::Terraform { .. })) && !left.is_empty() {
            lines.push(format!(
                "     it also made {}; they stay, and no tool manages them any more",
                left.join(", ")
            ));
        }
    }
    lines.push(format!("2. Apply the manifests: {}", apply(report)));
    lines.push(
        "   The operator replaces each entry by its own in one write: no event is missed, and none runs twice.".into(),
    );
    lines.push(
        "3. Remove the other tool's permission for the bucket from the policies of the functions.".into(),
    );
    lines
}

/// True for an entry that stays, and that Terraform made with the imported ones.
fn is_left_by_terraform(finding: &Finding) -> bool {
    matches!(finding.outcome, Outcome::Stays(_)) && matches!(finding.made_by, Some(Maker::Terraform { .. }))
}

/// An old rule or schedule, in the order of the report.
struct Old<'a> {
    what: String,
    stop: String,
    runs: Option<String>,
    trigger: Trigger,
    maker: Option<&'a Maker>,
    new: Vec<&'a str>,
}

/// The steps of the hand-over of rules and schedules. Empty without an imported rule or schedule.
pub(super) fn schedules(report: &Report) -> Vec<String> {
    let mut all: Vec<Old> = vec![];
    for finding in report.findings() {
        let Some((manifest, old)) = finding.manifest().zip(old(finding)) else { continue };
        match all.iter_mut().find(|known| known.what == old.what) {
            Some(known) => known.new.push(manifest.name()),
            None => all.push(Old { new: vec![manifest.name()], ..old }),
        }
    }
    if all.is_empty() {
        return vec![];
    }
    let mut lines = vec![
        "To hand over the schedules, in this order:".to_owned(),
        format!("1. Apply the manifests: {}", apply(report)),
        "   They are suspended, so nothing runs twice.".into(),
        "2. Change over from each old schedule, between two of its runs. In a GitOps repository, remove suspend: \
         true from the manifest in place of the patch."
            .into(),
    ];
    let namespace = shell_word(&report.namespace);
    for Old { what, stop, runs, new, .. } in &all {
        let Some(runs) = runs else {
            lines.push(format!("   {what}: is disabled, so {} stays suspended", new.join(", ")));
            continue;
        };
        lines.push(format!("   {what}: {runs}"));
        for name in new {
            lines.push(format!(
                "     kubectl patch schedfn {name} --namespace {namespace} --type merge --patch \
                 '{{\"spec\":{{\"suspend\":false}}}}'"
            ));
            lines.push(format!(
                "     kubectl wait schedfn {name} --namespace {namespace} --for condition=Ready --timeout 2m"
            ));
        }
        lines.push(format!("     {stop}"));
    }
    lines.push("3. Let the other tools go.".into());
    let mut by_tool: BTreeMap<(Trigger, Option<&Maker>), Vec<&str>> = BTreeMap::new();
    for old in &all {
        by_tool.entry((old.trigger, old.maker)).or_default().push(&old.what);
    }
    for ((trigger, maker), what) in by_tool {
        lines.push(format!("   {}, {}:", what.join(", "), words(maker)));
        lines.extend(let_go(maker, trigger).iter().map(|line| format!("     {line}")));
    }
    lines
}

/// The old rule or schedule of an imported finding.
fn old(finding: &Finding) -> Option<Old<'_>> {
    let Outcome::Imported(imported) = &finding.outcome else { return None };
    let maker = finding.made_by.as_ref();
    let (what, stop, runs, trigger) = match &imported.hand_over {
        HandOver::Adopt => return None,
        HandOver::Rule { name, region, runs } => {
            let name = shell_word(name);
            let stop = format!("aws events disable-rule --name {name} --region {region}");
            (format!("rule {name}"), stop, runs, Trigger::Rule)
        }
        HandOver::Schedule { group, name, region, runs } => {
            let (group, name) = (shell_word(group), shell_word(name));
            let stop = match maker {
                Some(maker) => {
                    format!("set the state of the old schedule to DISABLED in {maker}, and deploy")
                }
                None => {
                    format!(
                        "aws scheduler delete-schedule --group-name {group} --name {name} --region {region}"
                    )
                }
            };
            (format!("schedule {group}/{name}"), stop, runs, Trigger::Schedule)
        }
    };
    let runs = runs.as_ref().map(ToString::to_string);
    Some(Old { what, stop, runs, trigger, maker, new: vec![] })
}

/// The command that applies the manifests.
fn apply(report: &Report) -> String {
    format!("kubectl apply --filename {}", files(report))
}

/// The folder of the manifests as an argument. A user chooses the file for standard output.
pub(super) fn files(report: &Report) -> String {
    shell_word(report.folder.as_deref().unwrap_or("manifests.yaml"))
}

fn words(maker: Option<&Maker>) -> String {
    maker.map_or_else(|| "made by an unknown tool".to_owned(), |maker| format!("made by {maker}"))
}
