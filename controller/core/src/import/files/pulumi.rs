//! The state of a stack, as `pulumi stack export` prints it
//! (<https://www.pulumi.com/docs/iac/cli/commands/pulumi_stack_export/>).

use serde_json::Value;

use super::super::maker::Maker;
use super::UnknownFile;
use super::listed::ToolFile;
use super::provider::Names;

const VERSION: u64 = 3;

const NAMES: Names = Names {
    notification: "aws:s3/bucketNotification:BucketNotification",
    rule: "aws:cloudwatch/eventRule:EventRule",
    schedule: "aws:scheduler/schedule:Schedule",
    functions: "lambdaFunctions",
    function_arn: "lambdaFunctionArn",
    bus: "eventBusName",
    expression: "scheduleExpression",
    group: "groupName",
};

/// Reads the state. A resource with `delete` waits for its deletion, and an `external` one is only read by the program.
pub(super) fn read(json: &Value) -> Result<ToolFile, UnknownFile> {
    if json["version"] != VERSION {
        return Err(UnknownFile::UnknownVersion {
            tool: "Pulumi",
            found: json["version"].to_string(),
            expected: "3",
        });
    }
    let mut file = ToolFile::default();
    let resources = json["deployment"]["resources"].as_array().into_iter().flatten();
    for resource in resources.filter(|one| one["delete"] != true && one["external"] != true) {
        let made_by = Maker::Pulumi { urn: resource["urn"].as_str().map(Into::into) };
        NAMES.read(&mut file, made_by, &resource["type"], &resource["outputs"]);
    }
    Ok(file)
}
