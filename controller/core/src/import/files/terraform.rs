//! The state of Terraform or OpenTofu, as `terraform show -json` prints it
//! (<https://developer.hashicorp.com/terraform/internals/json-format>).

use serde_json::Value;

use super::super::maker::Maker;
use super::UnknownFile;
use super::listed::ToolFile;
use super::provider::Names;

const NAMES: Names = Names {
    notification: "aws_s3_bucket_notification",
    rule: "aws_cloudwatch_event_rule",
    schedule: "aws_scheduler_schedule",
    functions: "lambda_function",
    function_arn: "lambda_function_arn",
    bus: "event_bus_name",
    expression: "schedule_expression",
    group: "group_name",
};

/// Reads the state. The major version of the format is 1; Terraform adds fields within a major version.
pub(super) fn read(json: &Value) -> Result<ToolFile, UnknownFile> {
    let version = json["format_version"].as_str().unwrap_or_default();
    if version.split('.').next() != Some("1") {
        return Err(UnknownFile::UnknownVersion { tool: "Terraform", found: version.into(), expected: "1" });
    }
    let mut file = ToolFile::default();
    for resource in resources(&json["values"]["root_module"]) {
        let made_by = Maker::Terraform { address: resource["address"].as_str().map(Into::into) };
        NAMES.read(&mut file, made_by, &resource["type"], &resource["values"]);
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
