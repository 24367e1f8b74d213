//! EventBridge's checks of a rule and of a target.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>,
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html>

use serde_json::Value;

use super::{schedule, wire::Refusal};

/// Maximum rules on an event bus.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
pub(crate) const MAX_RULES_PER_BUS: usize = 300;
/// Maximum targets of a rule, from the same page.
pub(crate) const MAX_TARGETS_PER_RULE: usize = 5;

/// `ValidationException`.
pub(crate) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationException", message)
}

/// `LimitExceededException`.
pub(crate) fn exceeded() -> Refusal {
    Refusal::new(400, "LimitExceededException", "The requested resource exceeds the maximum number allowed.")
}

/// A member that violates a constraint of the API model.
pub(crate) fn constraint(value: &str, path: &str, rule: &str) -> Refusal {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: Member must {rule}"
    ))
}

/// Checks the length and the characters of a rule name or a target Id.
pub(crate) fn pattern(value: &str, path: &str) -> Result<(), Refusal> {
    length(path, value.len(), 1, 64)?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let holds = value.bytes().all(known);
    holds
        .then_some(())
        .ok_or_else(|| constraint(value, path, "satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"))
}

/// Checks the length of a text or a list.
pub(crate) fn length(path: &str, length: usize, least: usize, most: usize) -> Result<(), Refusal> {
    let (bound, word) = if length < least { (least, "greater") } else { (most, "less") };
    let holds = (least..=most).contains(&length);
    let rule = || format!("have length {word} than or equal to {bound}");
    holds.then_some(()).ok_or_else(|| constraint(&format!("of length {length}"), path, &rule()))
}

/// Checks a `PutRule` request for `bus`.
pub(crate) fn check_rule(body: &Value, bus: &str) -> Result<(), Refusal> {
    let text = |member: &str| body[member].as_str().unwrap_or_default();
    pattern(text("Name"), "name")?;
    length("scheduleExpression", text("ScheduleExpression").len(), 0, 256)?;
    length("description", text("Description").chars().count(), 0, 512)?;
    let states = ["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"];
    if !body["State"].is_null() && !states.contains(&text("State")) {
        return Err(constraint(
            text("State"),
            "state",
            &format!("satisfy enum value set: [{}]", states.join(", ")),
        ));
    }
    let expression = text("ScheduleExpression");
    if expression.is_empty() && text("EventPattern").is_empty() {
        return Err(invalid("Parameter(s) EventPattern or ScheduleExpression must be specified."));
    }
    if !expression.is_empty() && bus != "default" {
        return Err(invalid("ScheduleExpression is supported only on the default event bus."));
    }
    if !expression.is_empty() && !schedule::is_valid(expression) {
        return Err(invalid("Parameter ScheduleExpression is not valid."));
    }
    Ok(())
}

/// Checks the targets of a `PutTargets` request for a rule in `account`.
pub(crate) fn check_targets(targets: &[Value], account: &str) -> Result<(), Refusal> {
    targets.iter().zip(1..).try_for_each(|(target, number)| {
        check_target(target, &format!("targets.{number}.member"))?;
        check_account(target, account)
    })
}

/// A target in another account needs a role
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html>).
fn check_account(target: &Value, account: &str) -> Result<(), Refusal> {
    let arn = target["Arn"].as_str().unwrap_or_default();
    let is_elsewhere = arn.split(':').nth(4).is_some_and(|owner| !owner.is_empty() && owner != account);
    if is_elsewhere && target["RoleArn"].is_null() {
        return Err(invalid(format!("RoleArn is required for target {arn}.")));
    }
    Ok(())
}

fn check_target(target: &Value, path: &str) -> Result<(), Refusal> {
    let id = target["Id"].as_str().unwrap_or_default();
    pattern(id, &format!("{path}.id"))?;
    check_arn(target["Arn"].as_str().unwrap_or_default())?;
    check_input(target, id, path)?;
    check_retries(target, path)?;
    let queue = target["DeadLetterConfig"]["Arn"].as_str();
    match queue {
        Some(arn) if !arn.starts_with("arn:aws:sqs:") => Err(invalid(format!(
            "Parameter DeadLetterConfig.Arn is not valid. Reason: {arn} is not the ARN of an Amazon SQS queue."
        ))),
        _ => Ok(()),
    }
}

fn check_arn(arn: &str) -> Result<(), Refusal> {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let holds = matches!(parts.as_slice(), ["arn", partition, service, _, _, resource] if partition.starts_with("aws") && !service.is_empty() && !resource.is_empty());
    holds.then_some(()).ok_or_else(|| {
        invalid(format!("Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."))
    })
}

fn check_input(target: &Value, id: &str, path: &str) -> Result<(), Refusal> {
    let kinds = ["Input", "InputPath", "InputTransformer"]
        .into_iter()
        .filter(|kind| !target[*kind].is_null())
        .count();
    if kinds > 1 {
        return Err(invalid(format!(
            "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
        )));
    }
    let Some(input) = target["Input"].as_str() else {
        return Ok(());
    };
    length(&format!("{path}.input"), input.len(), 0, 8192)?;
    let json = serde_json::from_str::<Value>(input);
    json.map(|_| ()).map_err(|_| invalid(format!("JSON syntax error in input for target {id}.")))
}

fn check_retries(target: &Value, path: &str) -> Result<(), Refusal> {
    let ranges = [
        ("MaximumRetryAttempts", "maximumRetryAttempts", 0, 185),
        ("MaximumEventAgeInSeconds", "maximumEventAgeInSeconds", 60, 86_400),
    ];
    for (member, wire, least, most) in ranges {
        let Some(value) = target["RetryPolicy"][member].as_i64() else {
            continue;
        };
        let path = format!("{path}.retryPolicy.{wire}");
        if value < least {
            return Err(constraint(
                &value.to_string(),
                &path,
                &format!("have value greater than or equal to {least}"),
            ));
        }
        if value > most {
            return Err(constraint(
                &value.to_string(),
                &path,
                &format!("have value less than or equal to {most}"),
            ));
        }
    }
    Ok(())
}
