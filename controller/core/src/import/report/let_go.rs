//! How each tool lets go of a trigger.

use std::collections::BTreeSet;

use super::super::finding::OldPermission;
use super::super::maker::Maker;
use super::line::Line;
use crate::shell::shell_word;

/// A kind of trigger that a tool lets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trigger {
    /// The entries of a bucket. The tool must leave the entries in place.
    Entries,
    /// A rule. The tool deletes the old rule.
    Rule,
    /// A schedule of EventBridge Scheduler. The tool deletes the old schedule.
    Schedule,
}

/// The lines that say how a tool lets its resources go, all in one change: a change for one resource can enable another
/// old rule again. A name of a resource is `None` if it is not known.
pub(super) fn let_go(
    tool: Option<&Maker>,
    resources: &BTreeSet<Option<&str>>,
    trigger: Trigger,
) -> Vec<Line> {
    match tool {
        Some(Maker::Terraform { .. }) => terraform(resources, trigger),
        Some(Maker::Chalice { stage, .. }) => chalice(resources, stage.as_deref(), trigger),
        Some(Maker::Pulumi { .. }) => pulumi(resources, trigger),
        Some(Maker::CloudFormation { .. }) => cloud_formation(resources, trigger),
        None => vec![text(match trigger {
            Trigger::Entries => "no tool is known; a tool that made them must forget them first",
            Trigger::Rule => "no tool is known; if a tool made the old rule, delete it there, otherwise:",
            Trigger::Schedule => "no tool is known; delete the old schedule where it was made",
        })],
    }
}

fn text(text: impl Into<String>) -> Line {
    Line::text(2, text)
}

fn terraform(addresses: &BTreeSet<Option<&str>>, trigger: Trigger) -> Vec<Line> {
    let kind = match trigger {
        Trigger::Entries => "aws_s3_bucket_notification",
        Trigger::Rule => "aws_cloudwatch_event_rule",
        Trigger::Schedule => "aws_scheduler_schedule",
    };
    let mut lines = vec![];
    if addresses.contains(&None) {
        lines.push(text("find the ADDRESS:"));
        lines.push(Line::command(format!("terraform state list | grep {kind}")));
    }
    for address in addresses.iter().map(|address| address.unwrap_or("ADDRESS")) {
        match trigger {
            Trigger::Entries => lines.extend(forget(address)),
            Trigger::Rule => {
                lines.push(text(format!("delete {address} and its aws_cloudwatch_event_target")))
            }
            Trigger::Schedule => lines.push(text(format!("delete {address}"))),
        }
    }
    if trigger != Trigger::Entries {
        lines.push(text("then apply, once for all of them:"));
        lines.push(Line::command("terraform apply"));
    }
    if trigger == Trigger::Rule {
        lines.push(text("terraform apply enables each old rule again that is still in the configuration"));
    }
    lines
}

/// The lines that make Terraform forget the document of a bucket.
fn forget(address: &str) -> Vec<Line> {
    let mut lines = vec![];
    // A removed block takes no index.
    let has_index = address.contains('[');
    if !has_index {
        lines.push(text("Terraform 1.7 or later: put this block in the place of the resource, and apply:"));
        let from = format!("  from = {address}");
        let block = ["removed {", &from, "  lifecycle {", "    destroy = false", "  }", "}"];
        lines.extend(block.map(|line| Line::text(3, line)));
    }
    let or = if has_index { "" } else { "or " };
    lines.push(text(format!("{or}delete the resource from the configuration, and run:")));
    lines.push(Line::command(format!("terraform state rm {}", shell_word(address))));
    lines
}

fn chalice(resources: &BTreeSet<Option<&str>>, stage: Option<&str>, trigger: Trigger) -> Vec<Line> {
    let (suffix, decorator) = match trigger {
        Trigger::Entries => ("-s3event", "@app.on_s3_event"),
        Trigger::Rule | Trigger::Schedule => ("-event", "@app.schedule"),
    };
    let stage = stage.unwrap_or("STAGE");
    let mut lines = vec![];
    if trigger == Trigger::Entries {
        for resource in resources {
            let resource = resource.unwrap_or("NAME-s3event");
            lines.push(text(format!(
                "take \"{resource}\" out of the resources in .chalice/deployed/{stage}.json"
            )));
        }
    }
    for resource in resources {
        let handler = resource.and_then(|name| name.strip_suffix(suffix)).unwrap_or("NAME");
        lines
            .push(text(format!("replace {decorator} in app.py by @app.lambda_function(name=\"{handler}\")")));
    }
    lines.push(text("give the handler the parameters event and context; the event is then a dict"));
    lines.push(text("without a decorator, chalice deploy deletes the function"));
    if trigger == Trigger::Entries {
        lines.push(text("in the other order, it removes the operator's entries and permissions, too"));
    } else {
        lines.push(Line::command(format!("chalice deploy --stage {}", shell_word(stage))));
        lines.push(text("chalice deploy enables each old rule again that still has its decorator"));
    }
    lines
}

fn pulumi(urns: &BTreeSet<Option<&str>>, trigger: Trigger) -> Vec<Line> {
    let urns: Vec<&str> = urns.iter().map(|urn| urn.unwrap_or("URN")).collect();
    if trigger == Trigger::Entries {
        let mut lines =
            vec![text("before the next pulumi up, delete the resource from the program, and run:")];
        let delete = |urn: &&str| Line::command(format!("pulumi state delete {}", shell_word(urn)));
        lines.extend(urns.iter().map(delete));
        return lines;
    }
    let mut lines: Vec<Line> =
        urns.iter().map(|urn| text(format!("delete {urn} from the program"))).collect();
    lines.push(text("then update, once for all of them:"));
    lines.push(Line::command("pulumi up"));
    lines
}

fn cloud_formation(resources: &BTreeSet<Option<&str>>, trigger: Trigger) -> Vec<Line> {
    let resources: Vec<&str> = resources.iter().map(|resource| resource.unwrap_or("the resource")).collect();
    let resources = resources.join(", ");
    match trigger {
        Trigger::Entries => vec![
            text(format!("set DeletionPolicy: Retain on {resources}, and deploy")),
            text(format!("take {resources} out of the template, and deploy")),
            text("never take out NotificationConfiguration alone: that removes all entries"),
            text("the bucket stays; a stack can import it again without the configuration"),
        ],
        Trigger::Rule => {
            vec![text(format!("take {resources} out of the template, and deploy: that deletes the old rule"))]
        }
        Trigger::Schedule => {
            vec![text(format!(
                "take {resources} out of the template, and deploy: that deletes the old schedule"
            ))]
        }
    }
}

/// How a permission is removed. A tool that keeps the statement would write it again.
pub(super) fn remove_permission(maker: Option<&Maker>, permission: &OldPermission) -> Line {
    let OldPermission { function, sid } = permission;
    match maker {
        Some(Maker::Terraform { .. }) => {
            text(format!("delete the aws_lambda_permission with the statement_id \"{sid}\", and apply"))
        }
        Some(Maker::Pulumi { .. }) => {
            text(format!("delete the aws.lambda.Permission with the statementId \"{sid}\", and update"))
        }
        Some(Maker::CloudFormation { .. }) => {
            text(format!("take the AWS::Lambda::Permission of \"{sid}\" out of the template, and deploy"))
        }
        Some(Maker::Chalice { .. }) | None => {
            let qualifier = function.qualifier.iter();
            let qualifier: String =
                qualifier.map(|qualifier| format!(" --qualifier {}", shell_word(qualifier))).collect();
            Line::command(format!(
                "aws lambda remove-permission --function-name {}{qualifier} --statement-id {} --region {}",
                shell_word(&function.name),
                shell_word(sid),
                function.region
            ))
        }
    }
}
