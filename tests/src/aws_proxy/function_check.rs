//! Lambda's checks of a request that creates or changes a function, before Lambda reads the function.
//!
//! Limits: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>. All other rules come from the API
//! model.

use std::fmt;

use serde_json::Value;

use super::{arn::is_account, wire::Refusal};

/// Maximum layers of a function.
const MAX_LAYERS: usize = 5;
/// Maximum tags of a function.
const MAX_TAGS: usize = 50;
/// Maximum size of all environment variables together, in bytes.
const MAX_ENVIRONMENT_BYTES: usize = 4096;
/// Concurrent executions of an account in a Region, and the part that no function may reserve.
const CONCURRENCY: u64 = 1000;
const UNRESERVED_CONCURRENCY: u64 = 100;

/// Environment variables that the runtime sets itself.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
const RESERVED_VARIABLES: [&str; 18] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// 400 `InvalidParameterValueException`.
pub(crate) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterValueException", message)
}

/// 400 `ValidationException`: the value violates the API model.
fn violation(value: impl fmt::Display, member: &str, constraint: impl fmt::Display) -> Refusal {
    let text = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    );
    Refusal::new(400, "ValidationException", text)
}

/// Checks a creation: its settings, and the required and forbidden members for its package type.
pub(crate) fn creation(body: &Value) -> Result<(), Refusal> {
    let name = body["FunctionName"].as_str().unwrap_or_default();
    if name.is_empty() || name.len() > 64 {
        let constraint = "Member must have length between 1 and 64";
        return Err(violation(name, "functionName", constraint));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        let constraint = "Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+";
        return Err(violation(name, "functionName", constraint));
    }
    if body["Role"].is_null() {
        return Err(violation("null", "role", "Member must not be null"));
    }
    settings(body)?;
    tags(&body["Tags"], &Value::Null)?;
    if body["PackageType"] == "Image" {
        if body["Code"]["ImageUri"].is_null() {
            return Err(invalid("Please provide ImageUri when the intended function PackageType is Image."));
        }
        return no_settings_of_archives(body);
    }
    // The default package type is Zip, which AWS refuses for an image.
    if body["Runtime"].is_null() || body["Handler"].is_null() {
        let why =
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
        return Err(invalid(why));
    }
    if !body["Code"]["ImageUri"].is_null() {
        return Err(invalid("Please don't provide ImageUri when the intended function PackageType is Zip."));
    }
    no_settings_of_images(body)
}

/// Checks new code for a function of this package type.
pub(crate) fn code_update(body: &Value, package_type: &str) -> Result<(), Refusal> {
    architectures(&body["Architectures"])?;
    let image = !body["ImageUri"].is_null();
    let why = match package_type {
        "Image" if !image => "Please provide ImageUri when updating a function with packageType Image.",
        "Zip" if image => "Please don't provide ImageUri when updating a function with packageType Zip.",
        _ => return Ok(()),
    };
    Err(invalid(why))
}

/// Checks new settings for a function of this package type.
pub(crate) fn configuration_update(body: &Value, package_type: &str) -> Result<(), Refusal> {
    settings(body)?;
    match package_type {
        "Image" => no_settings_of_archives(body),
        _ => no_settings_of_images(body),
    }
}

fn no_settings_of_archives(body: &Value) -> Result<(), Refusal> {
    let layers = body["Layers"].as_array().is_some_and(|layers| !layers.is_empty());
    if layers || !body["Runtime"].is_null() || !body["Handler"].is_null() {
        let why = "Please don't provide Runtime or Handler or Layer when the intended function PackageType is Image.";
        return Err(invalid(why));
    }
    Ok(())
}

fn no_settings_of_images(body: &Value) -> Result<(), Refusal> {
    if body["ImageConfig"].is_null() {
        return Ok(());
    }
    Err(invalid("Please don't provide ImageConfig when the intended function PackageType is Zip."))
}

/// Checks the settings that do not depend on the package type.
fn settings(body: &Value) -> Result<(), Refusal> {
    within(&body["MemorySize"], "memorySize", 128, 10_240)?;
    within(&body["Timeout"], "timeout", 1, 900)?;
    within(&body["EphemeralStorage"]["Size"], "ephemeralStorage.size", 512, 10_240)?;
    longest(&body["Description"], "description", 256)?;
    longest(&body["Handler"], "handler", 128)?;
    role(&body["Role"])?;
    one_of(&body["TracingConfig"]["Mode"], "tracingConfig.mode", &["Active", "PassThrough"])?;
    key(&body["KMSKeyArn"])?;
    architectures(&body["Architectures"])?;
    environment(&body["Environment"]["Variables"])?;
    layers(&body["Layers"])?;
    vpc(&body["VpcConfig"])
}

pub(crate) fn within(value: &Value, member: &str, least: i64, most: i64) -> Result<(), Refusal> {
    let Some(number) = value.as_i64() else { return Ok(()) };
    let bound = match number {
        _ if number < least => format!("greater than or equal to {least}"),
        _ if number > most => format!("less than or equal to {most}"),
        _ => return Ok(()),
    };
    Err(violation(number, member, format!("Member must have value {bound}")))
}

fn longest(value: &Value, member: &str, most: usize) -> Result<(), Refusal> {
    let text = value.as_str().unwrap_or_default();
    if text.chars().count() <= most {
        return Ok(());
    }
    let constraint = format!("Member must have length less than or equal to {most}");
    Err(violation(text, member, constraint))
}

fn one_of(value: &Value, member: &str, known: &[&str]) -> Result<(), Refusal> {
    match value.as_str() {
        Some(text) if !known.contains(&text) => {
            let set = known.join(", ");
            Err(violation(text, member, format!("Member must satisfy enum value set: [{set}]")))
        }
        _ => Ok(()),
    }
}

fn role(value: &Value) -> Result<(), Refusal> {
    let Some(arn) = value.as_str() else { return Ok(()) };
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let is_role = match parts.as_slice() {
        ["arn", partition, "iam", "", account, resource] => {
            partition.starts_with("aws")
                && is_account(account)
                && resource.strip_prefix("role/").is_some_and(|role| !role.is_empty())
        }
        _ => false,
    };
    if is_role {
        return Ok(());
    }
    let pattern = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";
    Err(violation(arn, "role", format!("Member must satisfy regular expression pattern: {pattern}")))
}

fn key(value: &Value) -> Result<(), Refusal> {
    match value.as_str() {
        Some(arn) if !arn.is_empty() && !arn.starts_with("arn:") => {
            let pattern = r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()";
            Err(violation(
                arn,
                "kMSKeyArn",
                format!("Member must satisfy regular expression pattern: {pattern}"),
            ))
        }
        _ => Ok(()),
    }
}

fn architectures(value: &Value) -> Result<(), Refusal> {
    let Some(list) = value.as_array() else { return Ok(()) };
    if list.len() != 1 {
        let constraint = "Member must have length less than or equal to 1";
        return Err(violation(value, "architectures", constraint));
    }
    one_of(&list[0], "architectures", &["x86_64", "arm64"])
}

fn environment(variables: &Value) -> Result<(), Refusal> {
    let Some(variables) = variables.as_object() else { return Ok(()) };
    if !variables.keys().all(|name| is_variable(name) || RESERVED_VARIABLES.contains(&name.as_str())) {
        let text = "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must \
                    satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]";
        return Err(Refusal::new(400, "ValidationException", text));
    }
    let why = "Lambda was unable to configure your environment variables because the environment variables you have provided";
    let reserved: Vec<_> =
        variables.keys().map(String::as_str).filter(|name| RESERVED_VARIABLES.contains(name)).collect();
    if !reserved.is_empty() {
        let reserved = reserved.join(", ");
        return Err(invalid(format!(
            "{why} contains reserved keys that are currently not supported for modification. \
             Reserved keys used in this request: {reserved}"
        )));
    }
    let measured = serde_json::json!(variables).to_string();
    if measured.len() > MAX_ENVIRONMENT_BYTES {
        return Err(invalid(format!("{why} exceeded the 4KB limit. String measured: {measured}")));
    }
    Ok(())
}

fn is_variable(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn layers(value: &Value) -> Result<(), Refusal> {
    let Some(layers) = value.as_array() else { return Ok(()) };
    if layers.len() > MAX_LAYERS {
        return Err(invalid("Cannot reference more than 5 layers."));
    }
    let mut names: Vec<_> =
        layers.iter().filter_map(|arn| arn.as_str()?.rsplit_once(':')).map(|(name, _)| name).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        let why =
            "Two different versions of the same layer are not allowed to be referenced in the same function.";
        return Err(invalid(why));
    }
    Ok(())
}

fn vpc(value: &Value) -> Result<(), Refusal> {
    let has = |member: &str| value[member].as_array().is_some_and(|list| !list.is_empty());
    if has("SubnetIds") == has("SecurityGroupIds") {
        return Ok(());
    }
    Err(invalid("SubnetIds and SecurityIds must coexist or be both empty list."))
}

/// Checks a logging configuration. `whole` also has the defaults and the present values.
pub(crate) fn logging(given: &Value, whole: &Value) -> Result<(), Refusal> {
    one_of(&given["LogFormat"], "loggingConfig.logFormat", &["JSON", "Text"])?;
    let levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    one_of(&given["ApplicationLogLevel"], "loggingConfig.applicationLogLevel", &levels)?;
    one_of(&given["SystemLogLevel"], "loggingConfig.systemLogLevel", &levels[1..4])?;
    let has_level = !given["ApplicationLogLevel"].is_null() || !given["SystemLogLevel"].is_null();
    if has_level && whole["LogFormat"] != "JSON" {
        return Err(invalid("To use ApplicationLogLevel or SystemLogLevel, LogFormat must be JSON."));
    }
    Ok(())
}

/// Checks new tags together with the present tags.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html>
pub(crate) fn tags(given: &Value, present: &Value) -> Result<(), Refusal> {
    let keys = |tags: &Value| -> Vec<String> {
        tags.as_object().map(|tags| tags.keys().cloned().collect()).unwrap_or_default()
    };
    for (name, value) in given.as_object().into_iter().flatten() {
        if name.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(format!(
                "The tag key {name} is reserved: keys that begin with aws: are for AWS."
            )));
        }
        if name.is_empty() || name.chars().count() > 128 {
            return Err(violation(name, "tags", "Map keys must have length between 1 and 128"));
        }
        if value.as_str().is_some_and(|text| text.chars().count() > 256) {
            return Err(violation(value, "tags", "Map values must have length less than or equal to 256"));
        }
    }
    let mut all = keys(present);
    all.extend(keys(given));
    all.sort_unstable();
    all.dedup();
    if all.len() > MAX_TAGS {
        return Err(invalid("Number of tags exceeds resource tag limit."));
    }
    Ok(())
}

/// Checks reserved concurrency against the reservations of other functions in the account and Region.
pub(crate) fn reservation(wanted: &Value, of_others: u64) -> Result<u64, Refusal> {
    let Some(wanted) = wanted.as_u64() else {
        let constraint = "Member must have value greater than or equal to 0";
        return Err(violation(wanted, "reservedConcurrentExecutions", constraint));
    };
    if of_others.saturating_add(wanted) > CONCURRENCY - UNRESERVED_CONCURRENCY {
        return Err(invalid(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
             below its minimum value of [{UNRESERVED_CONCURRENCY}]."
        )));
    }
    Ok(wanted)
}
