//! The CEL rules of the CRDs, for an API server of Kubernetes 1.29 or later. The checks in Rust have the same
//! messages.
//!
//! The API server estimates a rule's cost from the longest value that the schema allows. So every string and list has
//! a limit
//! (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#resource-use-by-validation-functions>).

mod cron;
mod definition;
mod s3;

use schemars::Schema;
use serde_json::json;

use super::{limits, messages};
use crate::api::backend::SCHEDULER_FIELDS;

pub(in crate::api) use cron::{
    cron_object, day_of_month, day_of_week, hours, minutes, month, schedule, year,
};
pub(in crate::api) use definition::{
    async_invoke, code, code_bucket, code_key, config_map_name, defined_name, definition, environment,
    function_dead_letter, handler, image_uri, inline, kms_key, layers, log_group, logging, object_version,
    role, runtime, security_group_ids, subnet_ids, words,
};
pub(in crate::api) use s3::{bucket, bucket_owner, events, filter, filters, key_part, region_of_bucket};

/// Adds a rule on the schema's value.
fn rule(schema: &mut Schema, rule: impl Into<String>, message: &str) {
    add(schema, json!({"rule": rule.into(), "message": message}));
}

/// Adds a rule whose message is a CEL expression.
fn rule_with_computed_message(schema: &mut Schema, rule: impl Into<String>, message: impl Into<String>) {
    add(schema, json!({"rule": rule.into(), "messageExpression": message.into()}));
}

/// Adds a rule that reports an error at a field below the schema's value.
fn rule_at(schema: &mut Schema, field: &str, rule: impl Into<String>, message: &str) {
    add(schema, json!({"rule": rule.into(), "message": message, "fieldPath": field}));
}

fn add(schema: &mut Schema, rule: serde_json::Value) {
    let rules = schema.ensure_object().entry("x-kubernetes-validations").or_insert_with(|| json!([]));
    rules.as_array_mut().into_iter().for_each(|rules| rules.push(rule.clone()));
}

fn set(schema: &mut Schema, keyword: &str, value: impl Into<serde_json::Value>) {
    schema.insert(keyword.into(), value.into());
}

/// A CEL condition that exactly one of the fields is set.
fn one_of(fields: &[&str]) -> String {
    let set: Vec<String> = fields.iter().map(|field| format!("has(self.{field})")).collect();
    format!("[{}].filter(is_set, is_set).size() == 1", set.join(", "))
}

/// A raw string literal in CEL.
fn raw(text: &str) -> String {
    format!("r'{text}'")
}

/// A string literal in CEL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

const REGION: &str = "[a-z]+(-[a-z]+)+-[0-9]{1,2}";
const PARTITION: &str = "aws(-[a-z-]*)?";

pub(in crate::api) fn function(schema: &mut Schema) {
    rule(schema, one_of(&["name", "arn", "definition"]), messages::ONE_FUNCTION);
    rule(schema, "!has(self.qualifier) || !has(self.definition)", messages::QUALIFIER_BESIDE_DEFINITION);
    rule(
        schema,
        "!has(self.qualifier) || !has(self.arn) || self.arn.split(':').size() <= 7",
        messages::QUALIFIER_TWICE,
    );
}

pub(in crate::api) fn function_name(schema: &mut Schema) {
    set(schema, "maxLength", limits::ARN);
    rule(schema, "self.matches('^[a-zA-Z0-9_-]{1,64}$')", messages::FUNCTION_NAME);
}

pub(in crate::api) fn function_arn(schema: &mut Schema) {
    set(schema, "maxLength", limits::ARN);
    let arn = format!(
        "^arn:{PARTITION}:lambda:{REGION}:[0-9]{{12}}:function:[a-zA-Z0-9_-]{{1,64}}(:[a-zA-Z0-9_-]{{1,128}})?$"
    );
    rule(schema, format!("self.endsWith(':$LATEST') || self.matches('{arn}')"), messages::FUNCTION_ARN);
    rule(schema, "!self.endsWith(':$LATEST')", messages::LATEST);
}

pub(in crate::api) fn qualifier(schema: &mut Schema) {
    set(schema, "maxLength", limits::QUALIFIER);
    rule(schema, "self == '$LATEST' || self.matches('^[a-zA-Z0-9_-]{1,128}$')", messages::QUALIFIER);
    rule(schema, "self != '$LATEST'", messages::LATEST);
}

pub(in crate::api) fn region(schema: &mut Schema) {
    set(schema, "maxLength", limits::REGION);
    rule(schema, format!("self.matches('^{REGION}$')"), messages::REGION);
}

/// Rule of the whole spec: the Region equals the Region of the function's ARN.
pub(in crate::api) fn region_of_arn(schema: &mut Schema) {
    // Kubernetes' escape of `function`, which is a reserved word in CEL.
    let arn = "self.__function__.arn";
    rule_at(
        schema,
        ".region",
        format!("!has(self.region) || !has({arn}) || {arn}.contains(':lambda:' + self.region + ':')"),
        messages::REGION_OF_ARN,
    );
}

pub(in crate::api) fn tags(schema: &mut Schema) {
    set(schema, "maxProperties", limits::TAGS);
    set(schema, "additionalProperties", json!({"type": "string", "maxLength": limits::TAG_VALUE}));
    let keys = format!("self.all(key, key.size() >= 1 && key.size() <= {})", limits::TAG_KEY);
    rule(schema, keys, messages::TAG_KEY_LENGTH);
    rule(schema, "self.all(key, !key.matches('^(?i)aws:'))", messages::AWS_TAG_KEY);
    rule(schema, "self.all(key, !key.startsWith('lambda-triggers.dev/'))", messages::RESERVED_TAG_KEY);
    rule(schema, r"self.all(key, self[key].matches(r'^[\p{L}\p{N} _.:/=+@-]*$'))", messages::TAG_CHARACTERS);
}

/// Rules of a whole `ScheduledFunction` spec.
pub(in crate::api) fn scheduled_function(schema: &mut Schema) {
    rule(schema, one_of(&["schedule", "rate", "cron"]), messages::ONE_SCHEDULE);
    let text = |start: &str| format!("has(self.schedule) && self.schedule.startsWith('{start}')");
    let (one_time, rate) = (text("at("), format!("has(self.rate) || {}", text("rate(")));
    rule_at(schema, ".timeZone", format!("!has(self.timeZone) || !({rate})"), messages::TIME_ZONE_OF_RATE);
    for date in ["startDate", "endDate"] {
        let allowed = format!("!has(self.{date}) || !({one_time})");
        rule_at(schema, &format!(".{date}"), allowed, messages::DATE_OF_AT);
    }
    let in_order = "!has(self.startDate) || !has(self.endDate) || self.startDate < self.endDate";
    rule_at(schema, ".endDate", in_order, messages::END_BEFORE_START);
    for (field, feature) in SCHEDULER_FIELDS {
        let needs = if field == "schedule" { one_time.clone() } else { format!("has(self.{field})") };
        let allowed = format!("!has(self.backend) || self.backend != 'Rule' || !({needs})");
        rule_at(schema, &format!(".{field}"), allowed, &messages::needs_scheduler(feature));
    }
    region_of_arn(schema);
}

/// The name of a time zone. The API server knows all time zones, and reports an unknown name as an error of the rule:
/// the message follows after CEL's own words.
pub(in crate::api) fn time_zone(schema: &mut Schema) {
    set(schema, "maxLength", limits::TIME_ZONE);
    let form = "self.matches('^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$') && self != 'Local'";
    let known = "timestamp('2000-01-01T00:00:00Z').getHours(self) >= 0";
    rule(schema, format!("{form} && {known}"), messages::TIME_ZONE);
}

pub(in crate::api) fn dead_letter_queue(schema: &mut Schema) {
    set(schema, "maxLength", limits::ARN);
    let arn = format!("^arn:{PARTITION}:sqs:{REGION}:[0-9]{{12}}:[a-zA-Z0-9_-]{{1,80}}$");
    rule(schema, format!("self.matches('{arn}')"), messages::DEAD_LETTER_QUEUE);
}

/// JSON text. CEL checks only the beginning and the end, and the Rust check parses the whole text.
pub(in crate::api) fn input_json(schema: &mut Schema) {
    set(schema, "maxLength", limits::INPUT);
    let json = r#"(?s)^\s*(\{.*\}|\[.*\]|".*"|-?[0-9].*|true|false|null)\s*$"#;
    rule(schema, format!("self.matches({})", raw(json)), messages::INPUT_JSON);
}

/// Any JSON value. CEL cannot see a value without a schema, so only the Rust check limits the size.
pub(in crate::api) fn input(schema: &mut Schema) {
    *schema = schemars::json_schema!({
        "description": schema.get("description").cloned().unwrap_or_default(),
        "x-kubernetes-preserve-unknown-fields": true,
    });
}
