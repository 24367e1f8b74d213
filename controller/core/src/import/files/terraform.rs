//! The state of Terraform or OpenTofu, as `terraform show -json` prints it
//! (<https://developer.hashicorp.com/terraform/internals/json-format>).

use serde_json::Value;

use super::super::bucket::ListedEntries;
use super::super::maker::Maker;
use super::UnknownFile;
use super::listed::{Listed, ToolFile, region_of};

/// Reads the state. The major version of the format is 1; Terraform adds fields within a major version.
pub(super) fn read(json: &Value) -> Result<ToolFile, UnknownFile> {
    let version = json["format_version"].as_str().unwrap_or_default();
    if version.split('.').next() != Some("1") {
        return Err(UnknownFile::UnknownVersion { tool: "Terraform", found: version.into(), expected: "1" });
    }
    let mut file = ToolFile::default();
    for resource in resources(&json["values"]["root_module"]) {
        read_resource(&mut file, resource);
    }
    Ok(file)
}

/// The managed resources of a module and its child modules.
fn resources(module: &Value) -> Vec<&Value> {
    let own = module["resources"].as_array().into_iter().flatten();
    let own = own.filter(|resource| resource["mode"] == "managed");
    let children = module["child_modules"].as_array().into_iter().flatten();
    own.chain(children.flat_map(resources)).collect()
}

fn read_resource(file: &mut ToolFile, resource: &Value) {
    let address = resource["address"].as_str().map(Into::into);
    let made_by = Maker::Terraform { address };
    let values = &resource["values"];
    let text = |field: &str| values[field].as_str().filter(|text| !text.is_empty());
    let region = || text("region").map(Into::into).or_else(|| region_of(text("arn")));
    match (resource["type"].as_str(), text("bucket"), text("name")) {
        (Some("aws_s3_bucket_notification"), Some(bucket), _) => {
            let blocks = values["lambda_function"].as_array().into_iter().flatten();
            let functions: Vec<&str> =
                blocks.filter_map(|block| block["lambda_function_arn"].as_str()).collect();
            let region = text("region").map(Into::into).or_else(|| region_of(functions.first().copied()));
            let functions = functions.iter().map(|arn| ((*arn).to_owned(), made_by.clone())).collect();
            file.listed.push(Listed::Bucket {
                name: bucket.into(),
                region,
                entries: ListedEntries::Of(functions),
            });
        }
        (Some("aws_cloudwatch_event_rule"), _, Some(name)) => {
            let bus = text("event_bus_name").unwrap_or("default");
            match (bus, text("schedule_expression")) {
                ("default", Some(_)) => {
                    file.listed.push(Listed::Rule { name: name.into(), region: region(), made_by });
                }
                ("default", None) => file.notes.push(format!("rule {name} has no schedule")),
                (bus, _) => file.notes.push(format!("rule {name} is on the event bus {bus}")),
            }
        }
        (Some("aws_scheduler_schedule"), _, Some(name)) => file.listed.push(Listed::Schedule {
            groups: vec![text("group_name").unwrap_or("default").into()],
            name: name.into(),
            region: region(),
            made_by,
        }),
        _ => {}
    }
}
