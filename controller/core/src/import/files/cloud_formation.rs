//! The resources of a stack, also of CDK, SAM and the Serverless Framework, as `aws cloudformation
//! describe-stack-resources` or `list-stack-resources` prints them
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResource.html>).

use serde_json::Value;

use super::super::bucket::ListedEntries;
use super::super::maker::Maker;
use super::listed::{Listed, ToolFile};

/// Reads the resources; `None` for other JSON.
pub(super) fn read(json: &Value) -> Option<ToolFile> {
    let resources =
        json["StackResources"].as_array().or_else(|| json["StackResourceSummaries"].as_array())?;
    let mut file = ToolFile::default();
    let default = std::iter::once("default".to_owned());
    let groups: Vec<String> =
        default.chain(physical_ids(resources, "AWS::Scheduler::ScheduleGroup").map(group_name)).collect();
    for resource in resources {
        let text = |field: &str| resource[field].as_str();
        let (Some(kind), Some(id)) = (text("ResourceType"), text("PhysicalResourceId")) else { continue };
        let logical = text("LogicalResourceId").map(ToOwned::to_owned);
        let stack = text("StackName").map(Into::into);
        let made_by = Maker::CloudFormation { stack, resource: logical.clone() };
        match kind {
            "AWS::S3::Bucket" => file.listed.push(Listed::Bucket {
                name: id.into(),
                region: None,
                entries: ListedEntries::All(made_by),
            }),
            "AWS::Events::Rule" => match id.split_once('|') {
                None => file.listed.push(Listed::Rule { name: id.into(), region: None, made_by }),
                Some((bus, name)) => file.notes.push(format!("rule {name} is on the event bus {bus}")),
            },
            "AWS::Scheduler::Schedule" => file.listed.push(Listed::Schedule {
                groups: groups.clone(),
                name: id.rsplit('|').next().unwrap_or(id).into(),
                region: None,
                made_by,
            }),
            // CDK, and the Serverless Framework for an existing bucket.
            "Custom::S3BucketNotifications" | "Custom::S3" => file.notes.push(format!(
                "{} is a resource for a bucket whose name the stack does not show: import the bucket by its name",
                logical.unwrap_or_default()
            )),
            _ => {}
        }
    }
    Some(file)
}

/// The physical IDs of the resources of a type.
fn physical_ids<'a>(resources: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a str> {
    let of_kind = resources.iter().filter(move |resource| resource["ResourceType"] == kind);
    of_kind.filter_map(|resource| resource["PhysicalResourceId"].as_str())
}

/// The name of a group, from its name or its ARN.
fn group_name(id: &str) -> String {
    id.rsplit('/').next().unwrap_or(id).into()
}
