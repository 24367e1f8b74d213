//! A list of all fields of the specs. A field either references an AWS resource that the tenancy file must permit, or
//! gives no access to further resources. A new field must be added to one of the lists.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::crds;

/// Fields with references to AWS resources, checked against the tenancy file.
const CHECKED: &[&str] = &[
    "bucket",
    "bucketOwner",
    "deadLetterQueueArn",
    "function.arn",
    "function.definition.code.image.uri",
    "function.definition.code.s3.bucket",
    "function.definition.deadLetterQueueArn",
    "function.definition.functionName",
    "function.definition.kmsKeyArn",
    "function.definition.layers",
    "function.definition.reservedConcurrency",
    "function.definition.roleArn",
    "function.definition.vpc.securityGroupIds",
    "function.definition.vpc.subnetIds",
    "function.name",
    "function.qualifier",
    "region",
];

/// Fields without references to AWS resources: settings of the function or rule, Kubernetes objects in the same
/// namespace, and details of a checked resource.
const HARMLESS: &[&str] = &[
    // Both services run only the checked function.
    "backend",
    "cron.dayOfMonth",
    "cron.dayOfWeek",
    "cron.hours",
    "cron.minutes",
    "cron.month",
    "cron.year",
    "deletionPolicy",
    "description",
    "endDate",
    "events",
    "filters.literalPercent",
    "filters.prefix",
    "filters.suffix",
    "flexibleTimeWindowMinutes",
    // Adopts only the function of the checked name.
    "function.definition.adoptionPolicy",
    "function.definition.architecture",
    "function.definition.asyncInvoke.maximumEventAgeSeconds",
    "function.definition.asyncInvoke.maximumRetryAttempts",
    "function.definition.code.configMap.name",
    "function.definition.code.image.command",
    "function.definition.code.image.entryPoint",
    "function.definition.code.image.workingDirectory",
    "function.definition.code.inline",
    "function.definition.code.s3.key",
    "function.definition.code.s3.version",
    "function.definition.description",
    "function.definition.environment",
    "function.definition.ephemeralStorageMB",
    "function.definition.handler",
    "function.definition.logging.applicationLevel",
    "function.definition.logging.format",
    // The function writes to the log group with its own role.
    "function.definition.logging.logGroup",
    "function.definition.logging.systemLevel",
    "function.definition.memorySizeMB",
    "function.definition.runtime",
    "function.definition.snapStart",
    "function.definition.tags",
    "function.definition.timeoutSeconds",
    "function.definition.tracing",
    // Can only reduce the operator's actions in AWS.
    "function.permission",
    "input",
    "inputJson",
    "rate.unit",
    "rate.value",
    "retryPolicy.maximumEventAgeSeconds",
    "retryPolicy.maximumRetryAttempts",
    "schedule",
    "startDate",
    "suspend",
    "tags",
    "timeZone",
];

#[test]
fn each_field_is_checked_or_harmless() {
    let mut found = BTreeSet::new();
    for crd in crds() {
        let crd = serde_json::to_value(crd).unwrap();
        let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        collect("", spec, &mut found);
    }
    let known: BTreeSet<String> = CHECKED.iter().chain(HARMLESS).map(|field| (*field).to_owned()).collect();
    assert_eq!(found, known);
}

fn collect(path: &str, schema: &Value, found: &mut BTreeSet<String>) {
    let items = &schema["items"];
    let properties = schema["properties"].as_object().or_else(|| items["properties"].as_object());
    match properties {
        Some(properties) => {
            for (name, schema) in properties {
                let dot = if path.is_empty() { "" } else { "." };
                collect(&format!("{path}{dot}{name}"), schema, found);
            }
        }
        None => {
            found.insert(path.to_owned());
        }
    }
}
