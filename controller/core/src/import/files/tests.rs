//! Tests of the files of other tools.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::bucket::ListedEntries;
use super::super::maker::Maker;
use super::*;

const INDEX: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-index";
const REPORT: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-report";

fn read(path: &str, json: &Value) -> ToolFile {
    read_tool_file(path, &json.to_string()).unwrap()
}

#[test]
fn the_deployed_file_of_chalice_lists_entries_and_rules() {
    let deployed = json!({
        "schema_version": "2.0",
        "backend": "api",
        "resources": [
            {"name": "default-role", "resource_type": "iam_role", "role_arn": "arn:aws:iam::123456789012:role/x"},
            {"name": "index", "resource_type": "lambda_function", "lambda_arn": INDEX},
            {"name": "index-s3event", "resource_type": "s3_event", "bucket": "photos", "lambda_arn": INDEX},
            {"name": "report-s3event", "resource_type": "s3_event", "bucket": "photos", "lambda_arn": REPORT},
            {"name": "report-event", "resource_type": "cloudwatch_event", "rule_name": "shop-dev-report-event"},
        ],
    });
    let maker = |resource: &str| Maker::Chalice {
        app: None,
        stage: Some("dev".into()),
        resource: Some(resource.into()),
    };
    let functions = BTreeMap::from([
        (INDEX.to_owned(), maker("index-s3event")),
        (REPORT.to_owned(), maker("report-s3event")),
    ]);
    let expected = ToolFile {
        listed: vec![
            Listed::Bucket {
                name: "photos".into(),
                region: Some("eu-west-1".into()),
                entries: ListedEntries::Of(functions),
            },
            Listed::Rule {
                name: "shop-dev-report-event".into(),
                region: Some("eu-west-1".into()),
                made_by: maker("report-event"),
            },
        ],
        notes: vec![],
    };
    assert_eq!(read(".chalice/deployed/dev.json", &deployed), expected);
}

#[test]
fn the_state_of_terraform_lists_the_triggers_of_all_modules() {
    let managed = |address: &str, kind: &str, values: Value| json!({"address": address, "mode": "managed", "type": kind, "values": values});
    let state = json!({
        "format_version": "1.0",
        "terraform_version": "1.9.5",
        "values": {"root_module": {
            "resources": [
                managed("aws_s3_bucket_notification.photos", "aws_s3_bucket_notification", json!({
                    "bucket": "photos",
                    "lambda_function": [{"id": "tf-s3-lambda-1", "lambda_function_arn": INDEX}],
                    "queue": [{"id": "tf-s3-queue-1"}],
                })),
                {"address": "data.aws_cloudwatch_event_bus.x", "mode": "data", "type": "aws_cloudwatch_event_rule",
                 "values": {"name": "read", "schedule_expression": "rate(1 day)"}},
                managed("aws_cloudwatch_event_rule.pattern", "aws_cloudwatch_event_rule", json!({
                    "name": "pattern", "event_bus_name": "default", "schedule_expression": "",
                })),
                managed("aws_cloudwatch_event_rule.bus", "aws_cloudwatch_event_rule", json!({
                    "name": "other", "event_bus_name": "orders", "schedule_expression": null,
                })),
            ],
            "child_modules": [{
                "address": "module.reports",
                "resources": [managed("module.reports.aws_cloudwatch_event_rule.nightly", "aws_cloudwatch_event_rule", json!({
                    "name": "nightly",
                    "arn": "arn:aws:events:us-east-1:123456789012:rule/nightly",
                    "schedule_expression": "rate(1 day)",
                }))],
                "child_modules": [{
                    "resources": [managed("module.reports.module.deep.aws_scheduler_schedule.x", "aws_scheduler_schedule", json!({
                        "name": "weekly",
                        "group_name": "reports",
                        "arn": "arn:aws:scheduler:eu-west-1:123456789012:schedule/reports/weekly",
                    }))],
                }],
            }],
        }},
    });
    let maker = |address: &str| Maker::Terraform { address: Some(address.into()) };
    let photos = maker("aws_s3_bucket_notification.photos");
    let expected = ToolFile {
        listed: vec![
            Listed::Bucket {
                name: "photos".into(),
                region: Some("eu-west-1".into()),
                entries: ListedEntries::Of(BTreeMap::from([(INDEX.to_owned(), photos)])),
            },
            Listed::Rule {
                name: "nightly".into(),
                region: Some("us-east-1".into()),
                made_by: maker("module.reports.aws_cloudwatch_event_rule.nightly"),
            },
            Listed::Schedule {
                groups: vec!["reports".into()],
                name: "weekly".into(),
                region: Some("eu-west-1".into()),
                made_by: maker("module.reports.module.deep.aws_scheduler_schedule.x"),
            },
        ],
        notes: vec!["rule pattern has no schedule".into(), "rule other is on the event bus orders".into()],
    };
    assert_eq!(read("state.json", &state), expected);
}

#[test]
fn the_state_of_pulumi_lists_its_triggers() {
    let urn = |kind: &str, name: &str| format!("urn:pulumi:dev::shop::{kind}::{name}");
    let resource = |kind: &str, name: &str, outputs: Value| json!({"urn": urn(kind, name), "custom": true, "id": name, "type": kind, "outputs": outputs});
    let [notification, rule, schedule] = [
        "aws:s3/bucketNotification:BucketNotification",
        "aws:cloudwatch/eventRule:EventRule",
        "aws:scheduler/schedule:Schedule",
    ];
    let nightly = json!({
        "name": "nightly-1a2b3c4", "eventBusName": "default", "scheduleExpression": "rate(1 day)",
        "arn": "arn:aws:events:us-east-1:123456789012:rule/nightly-1a2b3c4",
    });
    let mut replaced = resource(rule, "replaced", nightly.clone());
    replaced["delete"] = json!(true);
    let mut read_only = resource(rule, "read", nightly.clone());
    read_only["external"] = json!(true);
    let mut state = json!({"version": 3, "deployment": {"manifest": {"version": "v3.200.0"}, "resources": [
        {"urn": urn("pulumi:pulumi:Stack", "shop-dev"), "custom": false, "type": "pulumi:pulumi:Stack"},
        resource(notification, "photos", json!({
            "bucket": "photos", "lambdaFunctions": [{"id": "tf-s3-lambda-1", "lambdaFunctionArn": INDEX}],
        })),
        resource(rule, "nightly", nightly),
        replaced,
        read_only,
        resource(rule, "bus", json!({"name": "other", "eventBusName": "orders"})),
        resource(schedule, "weekly", json!({"name": "weekly-5d6e", "groupName": "reports"})),
    ]}});
    let maker = |kind: &str, name: &str| Maker::Pulumi { urn: Some(urn(kind, name)) };
    let photos = BTreeMap::from([(INDEX.to_owned(), maker(notification, "photos"))]);
    let expected = ToolFile {
        listed: vec![
            Listed::Bucket {
                name: "photos".into(),
                region: Some("eu-west-1".into()),
                entries: ListedEntries::Of(photos),
            },
            Listed::Rule {
                name: "nightly-1a2b3c4".into(),
                region: Some("us-east-1".into()),
                made_by: maker(rule, "nightly"),
            },
            Listed::Schedule {
                groups: vec!["reports".into()],
                name: "weekly-5d6e".into(),
                region: None,
                made_by: maker(schedule, "weekly"),
            },
        ],
        notes: vec!["rule other is on the event bus orders".into()],
    };
    assert_eq!(read("stack.json", &state), expected);
    state["version"] = json!(9);
    let error = read_tool_file("stack.json", &state.to_string()).unwrap_err();
    assert_eq!(error.to_string(), "Pulumi writes this file in the format 9, and the format 3 is known");
}

#[test]
fn the_resources_of_a_stack_list_its_triggers() {
    let resource = |logical: &str, kind: &str, id: &str| {
        json!({
            "StackName": "shop", "LogicalResourceId": logical, "ResourceType": kind, "PhysicalResourceId": id,
        })
    };
    let resources = json!([
        resource("Photos", "AWS::S3::Bucket", "shop-photos-1x2y"),
        resource("Nightly", "AWS::Events::Rule", "shop-Nightly-1X2Y"),
        resource("Order", "AWS::Events::Rule", "orders|shop-Order-1X2Y"),
        resource("Weekly", "AWS::Scheduler::Schedule", "weekly"),
        resource("Group", "AWS::Scheduler::ScheduleGroup", "reports"),
        resource("BucketNotifications8F", "Custom::S3BucketNotifications", "x"),
        resource("ResizeCustomS31", "Custom::S3", "y"),
        {"LogicalResourceId": "Failed", "ResourceType": "AWS::Events::Rule"},
    ]);
    let maker = |resource: &str| Maker::CloudFormation {
        stack: Some("shop".into()),
        resource: Some(resource.into()),
    };
    let by_name = |resource: &str| {
        format!(
            "{resource} is a resource for a bucket whose name the stack does not show: import the bucket by its name"
        )
    };
    let expected = ToolFile {
        listed: vec![
            Listed::Bucket {
                name: "shop-photos-1x2y".into(),
                region: None,
                entries: ListedEntries::All(maker("Photos")),
            },
            Listed::Rule { name: "shop-Nightly-1X2Y".into(), region: None, made_by: maker("Nightly") },
            Listed::Schedule {
                groups: vec!["default".into(), "reports".into()],
                name: "weekly".into(),
                region: None,
                made_by: maker("Weekly"),
            },
        ],
        notes: vec![
            "rule shop-Order-1X2Y is on the event bus orders".into(),
            by_name("BucketNotifications8F"),
            by_name("ResizeCustomS31"),
        ],
    };
    for list in ["StackResources", "StackResourceSummaries"] {
        assert_eq!(read("stack.json", &json!({list: resources})), expected, "{list}");
    }
}

#[test]
fn the_error_for_another_file_names_the_known_files() {
    let error = |text: &str| read_tool_file("x.json", text).unwrap_err().to_string();
    let known = "give .chalice/deployed/<stage>.json, or the output of `terraform show -json`, of `pulumi stack export` \
                 or of `aws cloudformation describe-stack-resources --output json`";
    assert_eq!(error("resource \"aws_x\" {}"), format!("the file is not JSON; {known}"));
    assert_eq!(error("{\"version\": 4}"), format!("no known tool writes such JSON; {known}"));
    assert_eq!(
        error("{\"terraform_version\": \"1.9.5\", \"planned_values\": {}}"),
        "the file is a plan of Terraform; give the output of `terraform show -json` without a plan file"
    );
    let version = "writes this file in the format 1.0, and the format 2.0 is known";
    assert_eq!(error("{\"schema_version\": \"1.0\", \"resources\": []}"), format!("Chalice {version}"));
    assert_eq!(
        error("{\"terraform_version\": \"3\", \"format_version\": \"2.0\", \"values\": {}}"),
        "Terraform writes this file in the format 2.0, and the format 1 is known"
    );
}
