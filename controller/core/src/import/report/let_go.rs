//! How each tool lets go of a trigger.

use super::super::maker::Maker;
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
pub(super) fn let_go(maker: Option<&Maker>, trigger: Trigger) -> Vec<String> {
    match maker {
        Some(Maker::Terraform { address }) => terraform(address.as_deref(), trigger),
        Some(Maker::Chalice { resource, stage, .. }) => {
            chalice(resource.as_deref(), stage.as_deref(), trigger)
        }
        Some(Maker::CloudFormation { resource, .. }) => cloud_formation(resource.as_deref(), trigger),
        None => vec![match trigger {
            Trigger::Entries => "no tool is known; a tool that made them must forget them first".into(),
            Trigger::Rule => "no tool is known; delete the old rule where it was made".into(),
            Trigger::Schedule => "no tool is known; delete the old schedule where it was made".into(),
        }],
    }
}

fn terraform(address: Option<&str>, trigger: Trigger) -> Vec<String> {
    let kind = match trigger {
        Trigger::Entries => "aws_s3_bucket_notification",
        Trigger::Rule => "aws_cloudwatch_event_rule",
        Trigger::Schedule => "aws_scheduler_schedule",
    };
    let find = address.is_none().then(|| format!("find the ADDRESS: terraform state list | grep {kind}"));
    let address = address.unwrap_or("ADDRESS");
    let lines = match trigger {
        Trigger::Entries => {
            let forget = format!(
                "run terraform state rm {}, and delete the resource from the configuration",
                shell_word(address)
            );
            // A removed block takes no index.
            if address.contains('[') {
                vec![forget]
            } else {
                let block = ["removed {", &format!("  from = {address}"), "  lifecycle {"];
                let end = ["    destroy = false", "  }", "}"];
                let block = block.iter().chain(&end).map(ToString::to_string);
                let why = "put this block in the place of the resource, and apply (Terraform 1.7 or later):";
                let other = format!("or {forget}");
                std::iter::once(why.to_owned()).chain(block).chain([other]).collect()
            }
        }
        Trigger::Rule => vec![format!(
            "delete {address}, its aws_cloudwatch_event_target and its aws_lambda_permission from the \
             configuration, and apply; until then, terraform apply enables the old rule again, unless its state is \
             DISABLED there"
        )],
        Trigger::Schedule => vec![format!("delete {address} from the configuration, and apply")],
    };
    find.into_iter().chain(lines).collect()
}

fn chalice(resource: Option<&str>, stage: Option<&str>, trigger: Trigger) -> Vec<String> {
    let suffix = if trigger == Trigger::Entries { "-s3event" } else { "-event" };
    let handler = resource.and_then(|name| name.strip_suffix(suffix)).unwrap_or("NAME");
    let replace = |decorator: &str| {
        format!(
            "replace the decorator {decorator} in app.py by @app.lambda_function(name=\"{handler}\"): without a \
             decorator, Chalice deletes the function"
        )
    };
    if trigger != Trigger::Entries {
        let deploy = "run chalice deploy: Chalice deletes the old rule and keeps the function";
        return vec![replace("@app.schedule"), deploy.into()];
    }
    let file = format!(".chalice/deployed/{}.json", stage.unwrap_or("STAGE"));
    vec![
        format!(
            "first take the object with the name \"{}\" out of the resources in {file}",
            resource.unwrap_or("NAME-s3event")
        ),
        format!("then {}", replace("@app.on_s3_event")),
        "in the other order, chalice deploy removes all entries and permissions of this function and bucket, the \
         operator's too"
            .into(),
    ]
}

fn cloud_formation(resource: Option<&str>, trigger: Trigger) -> Vec<String> {
    let resource = resource.unwrap_or("the resource");
    match trigger {
        Trigger::Entries => vec![
            format!(
                "set DeletionPolicy: Retain on {resource} and deploy, then take {resource} out of the template and \
                 deploy"
            ),
            "do not take NotificationConfiguration alone out: CloudFormation would remove all entries, the \
             operator's too"
                .into(),
            "the bucket stays; a stack can import it again, without NotificationConfiguration".into(),
        ],
        Trigger::Rule => vec![format!(
            "take {resource} and its AWS::Lambda::Permission out of the template, and deploy: CloudFormation deletes \
             the old rule"
        )],
        Trigger::Schedule => vec![format!(
            "take {resource} out of the template, and deploy: CloudFormation deletes the old schedule"
        )],
    }
}
