//! EventBridge Scheduler's checks of a request.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>,
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Target.html>

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    due::{Timing, zone},
    expression::Expression,
};
use crate::aws_proxy::{
    arn::{FunctionRef, is_account},
    events_check::{constraint, invalid, length},
    wire::Refusal,
};

/// The group of a request that names no group.
pub(crate) const DEFAULT_GROUP: &str = "default";

/// Maximum tags of a group.
pub(super) const MAX_TAGS: usize = 200;

/// The text of a member; empty if the member is missing or no text.
pub(crate) fn text<'a>(members: &'a Value, member: &str) -> &'a str {
    members[member].as_str().unwrap_or_default()
}

/// The group that a request about a schedule names.
pub(crate) fn group(members: &Value) -> &str {
    members["GroupName"].as_str().unwrap_or(DEFAULT_GROUP)
}

/// Checks the members of `CreateSchedule` and `UpdateSchedule`, and reads the due times. AWS checks the expression
/// before the role, so the caller checks the role afterwards.
pub(crate) fn schedule(members: &Value, now: Timestamp) -> Result<Timing, Refusal> {
    identity(members)?;
    required(members, "ScheduleExpression", "scheduleExpression")?;
    size(members, "ScheduleExpression", "scheduleExpression", 1, 256)?;
    size(members, "ScheduleExpressionTimezone", "scheduleExpressionTimezone", 1, 50)?;
    size(members, "Description", "description", 0, 512)?;
    size(members, "KmsKeyArn", "kmsKeyArn", 1, 2048)?;
    one_of(members, "State", "state", &["ENABLED", "DISABLED"])?;
    one_of(members, "ActionAfterCompletion", "actionAfterCompletion", &["NONE", "DELETE"])?;
    window(members)?;
    target(members)?;
    timing(members, now)
}

/// The refusal of an execution role. For AWS, a missing role equals a role that does not trust Scheduler.
pub(crate) fn role_refused() -> Refusal {
    invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
}

/// Checks the names and the token of a request about a schedule.
pub(super) fn identity(members: &Value) -> Result<(), Refusal> {
    required(members, "Name", "name")?;
    name(members, "Name", "name")?;
    name(members, "GroupName", "groupName")?;
    token(members)
}

/// Checks the name and the token of a request about a group.
pub(super) fn group_identity(members: &Value) -> Result<(), Refusal> {
    name(members, "Name", "name")?;
    token(members)
}

/// Checks the tags of a group. Unlike tags of rules, a value cannot be empty.
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Tag.html>
pub(super) fn tags(members: &Value) -> Result<(), Refusal> {
    let tags = members["Tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    length("tags", tags.len(), 0, MAX_TAGS)?;
    for (tag, number) in tags.iter().zip(1..) {
        length(&format!("tags.{number}.member.key"), text(tag, "Key").chars().count(), 1, 128)?;
        length(&format!("tags.{number}.member.value"), text(tag, "Value").chars().count(), 1, 256)?;
    }
    Ok(())
}

/// Checks `MaxResults` of a list, and returns the size of a page.
pub(super) fn page_size(members: &Value) -> Result<usize, Refusal> {
    range(members, "MaxResults", "maxResults", 1, 100)?;
    Ok(members["MaxResults"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(100))
}

fn null(path: &str) -> Refusal {
    invalid(format!(
        "1 validation error detected: Value null at '{path}' failed to satisfy constraint: Member must not be null"
    ))
}

fn required(members: &Value, member: &str, path: &str) -> Result<(), Refusal> {
    if members[member].is_null() { Err(null(path)) } else { Ok(()) }
}

fn size(members: &Value, member: &str, path: &str, least: usize, most: usize) -> Result<(), Refusal> {
    members[member].as_str().map_or(Ok(()), |text| length(path, text.chars().count(), least, most))
}

fn range(members: &Value, member: &str, path: &str, least: i64, most: i64) -> Result<(), Refusal> {
    let value = &members[member];
    match value.as_i64() {
        _ if value.is_null() => Ok(()),
        Some(number) if (least..=most).contains(&number) => Ok(()),
        number => {
            let (bound, word) = if number < Some(least) { (least, "greater") } else { (most, "less") };
            let rule = format!("have value {word} than or equal to {bound}");
            Err(constraint(&value.to_string(), path, &rule))
        }
    }
}

fn one_of(members: &Value, member: &str, path: &str, values: &[&str]) -> Result<(), Refusal> {
    let value = text(members, member);
    let holds = members[member].is_null() || values.contains(&value);
    let rule = || format!("satisfy enum value set: [{}]", values.join(", "));
    holds.then_some(()).ok_or_else(|| constraint(value, path, &rule()))
}

/// Checks the characters of a member, if the member is present.
fn pattern(
    members: &Value,
    (member, path): (&str, &str),
    pattern: &str,
    matches: impl Fn(&str) -> bool,
) -> Result<(), Refusal> {
    match members[member].as_str() {
        Some(value) if !matches(value) => {
            Err(constraint(value, path, &format!("satisfy regular expression pattern: {pattern}")))
        }
        _ => Ok(()),
    }
}

fn consists_of(text: &str, others: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

fn name(members: &Value, member: &str, path: &str) -> Result<(), Refusal> {
    size(members, member, path, 1, 64)?;
    pattern(members, (member, path), "^[0-9a-zA-Z-_.]+$", |name| consists_of(name, "-_."))
}

fn token(members: &Value) -> Result<(), Refusal> {
    size(members, "ClientToken", "clientToken", 1, 64)?;
    pattern(members, ("ClientToken", "clientToken"), "^[a-zA-Z0-9-_]+$", |token| consists_of(token, "-_"))
}

fn window(members: &Value) -> Result<(), Refusal> {
    let window = &members["FlexibleTimeWindow"];
    required(members, "FlexibleTimeWindow", "flexibleTimeWindow")?;
    required(window, "Mode", "flexibleTimeWindow.mode")?;
    one_of(window, "Mode", "flexibleTimeWindow.mode", &["OFF", "FLEXIBLE"])?;
    let (minutes, path) = ("MaximumWindowInMinutes", "flexibleTimeWindow.maximumWindowInMinutes");
    range(window, minutes, path, 1, 1440)?;
    match (text(window, "Mode"), window[minutes].is_null()) {
        ("OFF", false) => Err(invalid("MaximumWindowInMinutes cannot be set if FlexibleTimeWindow is OFF.")),
        ("FLEXIBLE", true) => {
            Err(invalid("MaximumWindowInMinutes is required if FlexibleTimeWindow is FLEXIBLE."))
        }
        _ => Ok(()),
    }
}

fn target(members: &Value) -> Result<(), Refusal> {
    let target = &members["Target"];
    required(members, "Target", "target")?;
    for (member, path) in [("Arn", "target.arn"), ("RoleArn", "target.roleArn")] {
        required(target, member, path)?;
        size(target, member, path, 1, 1600)?;
    }
    pattern(
        target,
        ("RoleArn", "target.roleArn"),
        r"^arn:aws(-[a-z]+)?:iam::\d{12}:role\/[\w+=,.@\/-]+$",
        |arn| match arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, "iam", "", account, role] => {
                is_partition(partition)
                    && is_account(account)
                    && role.strip_prefix("role/").is_some_and(|name| consists_of(name, "_+=,.@/-"))
            }
            _ => false,
        },
    )?;
    pattern(
        &target["DeadLetterConfig"],
        ("Arn", "target.deadLetterConfig.arn"),
        r"^arn:aws(-[a-z]+)?:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+$",
        |arn| match arn.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, "sqs", region, account, queue] => {
                is_partition(partition)
                    && consists_of(region, "-")
                    && is_account(account)
                    && consists_of(queue, "-_")
            }
            _ => false,
        },
    )?;
    let (retry, path) = (&target["RetryPolicy"], "target.retryPolicy");
    range(retry, "MaximumRetryAttempts", &format!("{path}.maximumRetryAttempts"), 0, 185)?;
    range(retry, "MaximumEventAgeInSeconds", &format!("{path}.maximumEventAgeInSeconds"), 60, 86_400)?;
    input(target)
}

fn is_partition(partition: &str) -> bool {
    partition == "aws" || partition.starts_with("aws-")
}

/// The input of a Lambda function must be JSON.
fn input(target: &Value) -> Result<(), Refusal> {
    let Some(input) = target["Input"].as_str() else {
        return Ok(());
    };
    length("target.input", input.len(), 1, usize::MAX)?;
    let is_function = FunctionRef::from_arn(text(target, "Arn")).is_some();
    if is_function && serde_json::from_str::<Value>(input).is_err() {
        return Err(invalid(
            "Invalid RequestJson provided. Reason: the input of a Lambda function must be valid JSON.",
        ));
    }
    Ok(())
}

fn timing(members: &Value, now: Timestamp) -> Result<Timing, Refusal> {
    let text_of_expression = text(members, "ScheduleExpression");
    let expression = Expression::parse(text_of_expression)
        .ok_or_else(|| invalid(format!("Invalid Schedule Expression {text_of_expression}.")))?;
    let zone_name = members["ScheduleExpressionTimezone"].as_str().unwrap_or("UTC");
    let zone =
        zone(zone_name).ok_or_else(|| invalid(format!("Invalid ScheduleExpressionTimezone {zone_name}.")))?;
    let (start, end) = (instant(members, "StartDate")?, instant(members, "EndDate")?);
    if start.is_some_and(|start| start < now - SignedDuration::from_mins(5)) {
        return Err(invalid("The StartDate you specify cannot be earlier than 5 minutes ago."));
    }
    if let (Some(start), Some(end)) = (start, end)
        && start >= end
    {
        return Err(invalid("The StartDate must be before the EndDate."));
    }
    Ok(Timing { expression, zone, start, end, written: now })
}

/// A date in seconds since 1970.
fn instant(members: &Value, member: &str) -> Result<Option<Timestamp>, Refusal> {
    let value = &members[member];
    if value.is_null() {
        return Ok(None);
    }
    let seconds = value.as_f64().and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    let instant = seconds.and_then(|seconds| Timestamp::from_duration(seconds).ok());
    instant.map(Some).ok_or_else(|| invalid(format!("Invalid {member} {value}.")))
}
