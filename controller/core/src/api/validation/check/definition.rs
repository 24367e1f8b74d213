//! Checks of `function.definition`.

use std::collections::BTreeMap;

use super::code::code;
use super::function::tags;
use super::{
    FieldError, is_account, is_partition, is_word, messages, over_count, over_length, resource_of, unless,
    unless_is,
};
use crate::api::handler::RuntimeFamily;
use crate::api::validation::limits;
use crate::api::validation::limits::RESERVED_VARIABLES;
use crate::api::{
    AsyncInvoke, FunctionDefinition, LogFormat, Logging, SnapStart, Vpc, missing_handler_files,
};

const FIELD: &str = "spec.function.definition";

fn at(field: &str) -> String {
    format!("{FIELD}.{field}")
}

pub(super) fn definition(definition: &FunctionDefinition) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> =
        combinations(definition).into_iter().chain(strings(definition)).flatten().collect();
    errors.extend(code(&at("code"), &definition.code));
    errors.extend(numbers(definition).into_iter().flatten());
    errors.extend(environment(&definition.environment));
    errors.extend(tags(&at("tags"), &definition.tags));
    errors.extend(definition.vpc.iter().flat_map(vpc));
    errors.extend(list(
        &at("layers"),
        &definition.layers,
        limits::LAYERS,
        limits::ARN,
        is_layer,
        messages::LAYER,
    ));
    errors.extend(definition.logging.iter().flat_map(logging));
    errors.extend(definition.async_invoke.iter().flat_map(async_invoke));
    errors
}

/// Checks of combinations of fields.
fn combinations(definition: &FunctionDefinition) -> [Option<FieldError>; 6] {
    let FunctionDefinition { runtime, handler, code, layers, snap_start, ephemeral_storage_mb, .. } =
        definition;
    let image = code.image.is_some();
    let snap_start = *snap_start != SnapStart::None;
    let storage = i64::from(*ephemeral_storage_mb) > limits::MIN_EPHEMERAL_STORAGE;
    [
        unless(image || runtime.is_some() && handler.is_some(), FIELD, messages::RUNTIME_AND_HANDLER),
        unless(!image || runtime.is_none() && handler.is_none(), FIELD, messages::RUNTIME_OF_IMAGE),
        unless(!image || layers.is_empty(), FIELD, messages::LAYERS_OF_IMAGE),
        unless(!image || !snap_start, FIELD, messages::SNAP_START_OF_IMAGE),
        unless(!storage || !snap_start, FIELD, messages::SNAP_START_STORAGE),
        handler_file(definition),
    ]
}

/// The error of inline code without the handler's file. With layers there is no error, since a layer may contain the
/// file.
fn handler_file(definition: &FunctionDefinition) -> Option<FieldError> {
    let FunctionDefinition { runtime, code, layers, .. } = definition;
    let files = code.inline.as_ref().filter(|files| !files.is_empty() && layers.is_empty())?;
    missing_handler_files(definition, |file| files.contains_key(file))?;
    let message = match RuntimeFamily::from_runtime(runtime.as_deref()?)? {
        RuntimeFamily::Python => messages::PYTHON_HANDLER_FILE,
        RuntimeFamily::NodeJs => messages::NODEJS_HANDLER_FILE,
        RuntimeFamily::Ruby => messages::RUBY_HANDLER_FILE,
        RuntimeFamily::Provided => messages::BOOTSTRAP,
        RuntimeFamily::Java | RuntimeFamily::DotNet => messages::COMPILED_RUNTIME,
    };
    Some(FieldError::new(FIELD, message))
}

fn strings(definition: &FunctionDefinition) -> [Option<FieldError>; 7] {
    let optional = |name: &str, text: &Option<String>, limit, is: fn(&str) -> bool, message| {
        text.as_ref().and_then(|text| unless_is(&at(name), text, limit, is, message))
    };
    let FunctionDefinition { function_name: name, runtime, handler, role_arn, description, .. } = definition;
    let FunctionDefinition { dead_letter_queue_arn: queue, kms_key_arn: key, .. } = definition;
    let is_name = |text: &str| is_word(text, limits::FUNCTION_NAME);
    let is_handler = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_ascii_whitespace());
    [
        optional("functionName", name, limits::ARN, is_name, messages::DEFINED_NAME),
        optional("runtime", runtime, limits::RUNTIME, is_runtime, messages::RUNTIME),
        optional("handler", handler, limits::HANDLER, is_handler, messages::HANDLER),
        unless_is(&at("roleArn"), role_arn, limits::ROLE, is_role, messages::ROLE),
        over_length(&at("description"), description.as_ref(), limits::FUNCTION_DESCRIPTION),
        optional(
            "deadLetterQueueArn",
            queue,
            limits::QUEUE_OR_TOPIC,
            is_queue_or_topic,
            messages::FUNCTION_DEAD_LETTER,
        ),
        optional("kmsKeyArn", key, limits::ARN, is_key, messages::KMS_KEY),
    ]
}

fn numbers(definition: &FunctionDefinition) -> [Option<FieldError>; 4] {
    let range = |name: &str, value: i32, min, max| FieldError::of_range(&at(name), value.into(), min, max);
    let FunctionDefinition {
        memory_size_mb,
        timeout_seconds,
        ephemeral_storage_mb,
        reserved_concurrency,
        ..
    } = definition;
    [
        range("memorySizeMB", *memory_size_mb, limits::MIN_MEMORY_SIZE, limits::MAX_MEMORY_SIZE),
        range("timeoutSeconds", *timeout_seconds, limits::MIN_TIMEOUT, limits::MAX_TIMEOUT),
        range(
            "ephemeralStorageMB",
            *ephemeral_storage_mb,
            limits::MIN_EPHEMERAL_STORAGE,
            limits::MAX_EPHEMERAL_STORAGE,
        ),
        reserved_concurrency.and_then(|runs| range("reservedConcurrency", runs, 0, i32::MAX.into())),
    ]
}

fn environment(environment: &BTreeMap<String, String>) -> Vec<FieldError> {
    let field = at("environment");
    let long = environment.iter().filter_map(|(name, value)| {
        over_length(&format!("{field}.{name}"), Some(value), limits::ENVIRONMENT)
    });
    let mut errors: Vec<FieldError> = long.collect();
    errors.extend(over_count(&field, environment.len(), limits::VARIABLES));
    if !errors.is_empty() {
        return errors;
    }
    let reserved = RESERVED_VARIABLES.iter().any(|name| environment.contains_key(*name));
    let size = serde_json::json!(environment).to_string().len();
    let rules = [
        unless(environment.keys().all(|name| is_variable(name)), &field, messages::VARIABLE),
        unless(!reserved, &field, &messages::reserved_variables()),
        unless(size <= limits::ENVIRONMENT, &field, messages::ENVIRONMENT),
    ];
    rules.into_iter().flatten().collect()
}

fn vpc(vpc: &Vpc) -> Vec<FieldError> {
    let Vpc { subnet_ids: subnets, security_group_ids: groups } = vpc;
    let (subnet_field, group_field) = (at("vpc.subnetIds"), at("vpc.securityGroupIds"));
    let is_subnet = |id: &str| {
        id.strip_prefix("subnet-").is_some_and(|id| {
            has_only(id, u8::is_ascii_alphanumeric) && !id.contains(|c: char| c.is_ascii_uppercase())
        })
    };
    let is_group =
        |id: &str| id.strip_prefix("sg-").is_some_and(|id| has_only(id, u8::is_ascii_alphanumeric));
    let mut errors =
        list(&subnet_field, subnets, limits::SUBNETS, limits::NETWORK_ID, is_subnet, messages::SUBNETS);
    errors.extend(list(
        &group_field,
        groups,
        limits::SECURITY_GROUPS,
        limits::NETWORK_ID,
        is_group,
        messages::SECURITY_GROUPS,
    ));
    errors.extend(unless(!subnets.is_empty(), &subnet_field, messages::NO_SUBNETS));
    errors.extend(unless(!groups.is_empty(), &group_field, messages::NO_SECURITY_GROUPS));
    errors
}

fn async_invoke(retries: &AsyncInvoke) -> Vec<FieldError> {
    let AsyncInvoke { maximum_retry_attempts: attempts, maximum_event_age_seconds: age } = *retries;
    let range = |name: &str, value: Option<i32>, min, max| {
        value.and_then(|value| {
            FieldError::of_range(&at(&format!("asyncInvoke.{name}")), value.into(), min, max)
        })
    };
    let any = attempts.is_some() || age.is_some();
    let errors = [
        unless(any, &at("asyncInvoke"), messages::NO_ASYNC_INVOKE),
        range("maximumRetryAttempts", attempts, 0, limits::MAX_ASYNC_RETRY_ATTEMPTS),
        range("maximumEventAgeSeconds", age, limits::MIN_EVENT_AGE, limits::MAX_ASYNC_EVENT_AGE),
    ];
    errors.into_iter().flatten().collect()
}

fn logging(logging: &Logging) -> Vec<FieldError> {
    let Logging { format, log_group, application_level, system_level } = logging;
    let levels = application_level.is_some() || system_level.is_some();
    let is_log_group = |name: &str| has_only(name, |b| b.is_ascii_alphanumeric() || b"._/#-".contains(b));
    let group = log_group.as_ref().and_then(|name| {
        unless_is(&at("logging.logGroup"), name, limits::LOG_GROUP, is_log_group, messages::LOG_GROUP)
    });
    let levels = unless(*format == LogFormat::Json || !levels, &at("logging"), messages::LOG_LEVELS);
    group.into_iter().chain(levels).collect()
}

/// The errors of a list of strings that each must pass the check `is`.
fn list(
    field: &str,
    items: &[String],
    most: usize,
    longest: usize,
    is: impl Fn(&str) -> bool,
    message: &str,
) -> Vec<FieldError> {
    let many = over_count(field, items.len(), most);
    if many.is_some() {
        return many.into_iter().collect();
    }
    let item = |(i, item)| unless_is(&format!("{field}[{i}]"), item, longest, &is, message);
    items.iter().enumerate().filter_map(item).collect()
}

/// True if the text is not empty and has only bytes that pass the check `is`.
fn has_only(text: &str, is: impl Fn(&u8) -> bool) -> bool {
    !text.is_empty() && text.as_bytes().iter().all(is)
}

fn is_runtime(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.')
}

fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else { return false };
    let is_name = |name| has_only(name, |b| b.is_ascii_alphanumeric() || b"_+=,.@/-".contains(b));
    is_partition(partition) && is_account(account) && resource.strip_prefix("role/").is_some_and(is_name)
}

fn is_layer(arn: &str) -> bool {
    match resource_of(arn, &["lambda"]).as_deref() {
        Some(["layer", name, version]) => is_word(name, 140) && has_only(version, u8::is_ascii_digit),
        _ => false,
    }
}

fn is_queue_or_topic(arn: &str) -> bool {
    matches!(resource_of(arn, &["sqs", "sns"]).as_deref(), Some([name]) if is_word(name, 256))
}

fn is_key(arn: &str) -> bool {
    let is_id = |id| has_only(id, |b| b.is_ascii_alphanumeric() || *b == b'-');
    match resource_of(arn, &["kms"]).as_deref() {
        Some([key]) => key.strip_prefix("key/").is_some_and(is_id),
        _ => false,
    }
}

/// True for at least two characters, beginning with a letter.
fn is_variable(name: &str) -> bool {
    name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
