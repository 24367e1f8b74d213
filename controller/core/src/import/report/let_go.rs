//! How each tool lets go of a trigger.

use super::super::finding::OldPermission;
use super::super::maker::Maker;
use super::line::Line;
use super::shell::shell_word;

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

/// The lines that say how a tool lets go.
pub(super) fn let_go(maker: Option<&Maker>, trigger: Trigger) -> Vec<Line> {
    match maker {
        Some(Maker::Terraform { address }) => terraform(address.as_deref(), trigger),
        Some(Maker::Chalice { resource, stage, .. }) => {
            chalice(resource.as_deref(), stage.as_deref(), trigger)
        }
        Some(Maker::CloudFormation { resource, .. }) => cloud_formation(resource.as_deref(), trigger),
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

fn terraform(address: Option<&str>, trigger: Trigger) -> Vec<Line> {
    let kind = match trigger {
        Trigger::Entries => "aws_s3_bucket_notification",
        Trigger::Rule => "aws_cloudwatch_event_rule",
        Trigger::Schedule => "aws_scheduler_schedule",
    };
    let mut lines = vec![];
    if address.is_none() {
        lines.push(text("find the ADDRESS:"));
        lines.push(Line::command(format!("terraform state list | grep {kind}")));
    }
    let address = address.unwrap_or("ADDRESS");
    match trigger {
        Trigger::Entries => {
            // A removed block takes no index.
            let has_index = address.contains('[');
            if !has_index {
                lines.push(text(
                    "Terraform 1.7 or later: put this block in the place of the resource, and apply:",
                ));
                let from = format!("  from = {address}");
                let block = ["removed {", &from, "  lifecycle {", "    destroy = false", "  }", "}"];
                lines.extend(block.map(|line| Line::text(3, line)));
            }
            let or = if has_index { "" } else { "or " };
            lines.push(text(format!("{or}delete the resource from the configuration, and run:")));
            lines.push(Line::command(format!("terraform state rm {}", shell_word(address))));
        }
        Trigger::Rule => {
            lines.push(text(format!("delete {address} and its aws_cloudwatch_event_target, and apply")));
            lines.push(text("until then, terraform apply enables the old rule again"));
        }
        Trigger::Schedule => lines.push(text(format!("delete {address}, and apply"))),
    }
    lines
}

fn chalice(resource: Option<&str>, stage: Option<&str>, trigger: Trigger) -> Vec<Line> {
    let suffix = if trigger == Trigger::Entries { "-s3event" } else { "-event" };
    let handler = resource.and_then(|name| name.strip_suffix(suffix)).unwrap_or("NAME");
    let stage = stage.unwrap_or("STAGE");
    let replace = |decorator: &str| {
        text(format!("replace {decorator} in app.py by @app.lambda_function(name=\"{handler}\")"))
    };
    let parameters = text("give the handler the parameters event and context; the event is then a dict");
    let without = text("without a decorator, chalice deploy deletes the function");
    if trigger != Trigger::Entries {
        return vec![
            replace("@app.schedule"),
            parameters,
            without,
            Line::command(format!("chalice deploy --stage {}", shell_word(stage))),
            text("until then, each chalice deploy enables the old rule again"),
        ];
    }
    vec![
        text(format!(
            "take \"{}\" out of the resources in .chalice/deployed/{stage}.json",
            resource.unwrap_or("NAME-s3event")
        )),
        replace("@app.on_s3_event"),
        parameters,
        without,
        text("in the other order, it removes the operator's entries and permissions, too"),
    ]
}

fn cloud_formation(resource: Option<&str>, trigger: Trigger) -> Vec<Line> {
    let resource = resource.unwrap_or("the resource");
    match trigger {
        Trigger::Entries => vec![
            text(format!("set DeletionPolicy: Retain on {resource}, and deploy")),
            text(format!("take {resource} out of the template, and deploy")),
            text("never take out NotificationConfiguration alone: that removes all entries"),
            text("the bucket stays; a stack can import it again without the configuration"),
        ],
        Trigger::Rule => {
            vec![text(format!(
                "take {resource} out of the template, and deploy: CloudFormation deletes the old rule"
            ))]
        }
        Trigger::Schedule => vec![text(format!(
            "take {resource} out of the template, and deploy: CloudFormation deletes the old schedule"
        ))],
    }
}

/// How a permission is removed. A tool that keeps the statement would write it again.
pub(super) fn remove_permission(maker: Option<&Maker>, permission: &OldPermission) -> Line {
    let OldPermission { function, sid } = permission;
    match maker {
        Some(Maker::Terraform { .. }) => {
            text(format!("delete the aws_lambda_permission with the statement_id \"{sid}\", and apply"))
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
