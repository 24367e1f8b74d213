//! The resource policy of a function, version or alias: checks of new statements, and permissions of services.

use serde_json::{Value, json};

use super::{
    arn::{FunctionRef, arn_like, is_account},
    wire::{Refusal, request_id},
};

/// Maximum size of a function's resource policy, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_POLICY_BYTES: usize = 20_480;

/// Service principals that invoke functions. AWS refuses an unknown service.
const SERVICES: [&str; 24] = [
    "alexa-appkit",
    "apigateway",
    "bedrock",
    "cloudformation",
    "cloudfront",
    "codecommit",
    "codepipeline",
    "cognito-idp",
    "config",
    "connect",
    "edgelambda",
    "elasticloadbalancing",
    "events",
    "iot",
    "kinesisanalytics",
    "lex",
    "lexv2",
    "logs",
    "s3",
    "scheduler",
    "secretsmanager",
    "ses",
    "sns",
    "vpc-lattice",
];

/// A policy with at least one statement.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    statements: Vec<Value>,
    revision: String,
}

impl Policy {
    /// The revision, which changes with each write to the policy.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The statements in the order of addition.
    pub fn statements(&self) -> &[Value] {
        &self.statements
    }

    /// The document in the answer to `GetPolicy`.
    pub fn document(&self) -> String {
        document(&self.statements)
    }

    /// True if `service` (`s3.amazonaws.com`) may invoke the function for `source_arn` in `source_account`.
    pub fn permits(&self, service: &str, source_arn: &str, source_account: &str) -> bool {
        self.statements.iter().any(|statement| permits(statement, service, source_arn, source_account))
    }

    /// The policy with an additional statement. `expected` is the caller's `RevisionId`.
    pub fn add(current: Option<&Self>, statement: Value, expected: Option<&str>) -> Result<Self, Refusal> {
        check_revision(current, expected)?;
        let mut statements = current.map(|policy| policy.statements.clone()).unwrap_or_default();
        if statements.iter().any(|existing| existing["Sid"] == statement["Sid"]) {
            let sid = statement["Sid"].as_str().unwrap_or_default();
            let text = format!(
                "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing statement."
            );
            return Err(Refusal::new(409, "ResourceConflictException", text));
        }
        statements.push(statement);
        let size = document(&statements).len();
        if size > MAX_POLICY_BYTES {
            let text =
                format!("The final policy size ({size}) is bigger than the limit ({MAX_POLICY_BYTES}).");
            return Err(Refusal::new(400, "PolicyLengthExceededException", text));
        }
        Ok(Self { statements, revision: request_id() })
    }

    /// The policy without the statement; `None` if no statement is left.
    pub fn remove(
        current: Option<&Self>,
        sid: &str,
        expected: Option<&str>,
    ) -> Result<Option<Self>, Refusal> {
        let Some(policy) = current else {
            return Err(not_found("No policy is associated with the given resource."));
        };
        check_revision(current, expected)?;
        let statements: Vec<_> =
            policy.statements.iter().filter(|statement| statement["Sid"] != sid).cloned().collect();
        if statements.len() == policy.statements.len() {
            return Err(not_found(&format!("Statement {sid} is not found in resource policy.")));
        }
        Ok((!statements.is_empty()).then(|| Self { statements, revision: request_id() }))
    }
}

/// Lambda's 404.
pub(crate) fn not_found(message: &str) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", message)
}

fn document(statements: &[Value]) -> String {
    json!({"Version": "2012-10-17", "Id": "default", "Statement": statements}).to_string()
}

fn check_revision(current: Option<&Policy>, expected: Option<&str>) -> Result<(), Refusal> {
    let matches = expected.is_none_or(|expected| current.is_some_and(|policy| policy.revision == expected));
    let stale = || {
        let text = "The Revision Id provided does not match the latest Revision Id. \
                    Call the GetPolicy API to retrieve the latest Revision Id";
        Refusal::new(412, "PreconditionFailedException", text)
    };
    matches.then_some(()).ok_or_else(stale)
}

fn permits(statement: &Value, service: &str, source_arn: &str, source_account: &str) -> bool {
    let principal = &statement["Principal"];
    let action = statement["Action"].as_str().unwrap_or_default();
    let named = principal == "*" || principal["Service"] == service;
    named
        && matches!(action, "lambda:InvokeFunction" | "lambda:*" | "*")
        && conditions_hold(statement, source_arn, source_account)
}

/// A condition fails if an invocation by a service does not have its key, as in IAM.
fn conditions_hold(statement: &Value, source_arn: &str, source_account: &str) -> bool {
    let Some(operators) = statement["Condition"].as_object() else {
        return true;
    };
    operators.values().filter_map(Value::as_object).flatten().all(|(key, value)| {
        let value = value.as_str().unwrap_or_default();
        match key.as_str() {
            "AWS:SourceArn" => arn_like(value, source_arn),
            "AWS:SourceAccount" => value == source_account,
            _ => false,
        }
    })
}

/// The statement of an `AddPermission` request, or AWS's refusal.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>
pub(crate) fn statement(request: &Value, function: &FunctionRef) -> Result<Value, Refusal> {
    let sid = required(request, "StatementId", "statementId")?;
    pattern(sid, "statementId", "([a-zA-Z0-9-_]+)", is_sid)?;
    let action = required(request, "Action", "action")?;
    pattern(action, "action", "(lambda:[*]|lambda:[a-zA-Z]+|[*])", is_action)?;
    let principal = principal(required(request, "Principal", "principal")?)?;
    let mut statement = json!({
        "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": function.arn(),
    });
    if let Some(account) = request["SourceAccount"].as_str() {
        pattern(account, "sourceAccount", "\\d{12}", is_account)?;
        statement["Condition"]["StringEquals"]["AWS:SourceAccount"] = json!(account);
    }
    for (member, key) in [
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
        ("EventSourceToken", "lambda:EventSourceToken"),
        ("FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
    ] {
        if let Some(value) = request[member].as_str() {
            statement["Condition"]["StringEquals"][key] = json!(value);
        }
    }
    if let Some(arn) = request["SourceArn"].as_str() {
        let grammar =
            "arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}(-gov)?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)";
        pattern(arn, "sourceArn", grammar, is_source_arn)?;
        statement["Condition"]["ArnLike"]["AWS:SourceArn"] = json!(arn);
    }
    Ok(statement)
}

fn required<'a>(request: &'a Value, member: &str, path: &str) -> Result<&'a str, Refusal> {
    request[member].as_str().ok_or_else(|| {
        let text = format!("1 validation error detected: Value null at '{path}' failed to satisfy constraint: Member must not be null");
        Refusal::new(400, "ValidationException", text)
    })
}

fn pattern(value: &str, path: &str, grammar: &str, holds: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    if holds(value) {
        return Ok(());
    }
    let text = format!(
        "1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: {grammar}"
    );
    Err(Refusal::new(400, "ValidationException", text))
}

fn is_sid(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn is_action(text: &str) -> bool {
    let verb = text.strip_prefix("lambda:").unwrap_or_default();
    text == "*" || verb == "*" || !verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_source_arn(text: &str) -> bool {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let &["arn", partition, service, region, account, _] = parts.as_slice() else {
        return false;
    };
    partition.starts_with("aws")
        && !service.is_empty()
        && service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && (region.is_empty() || is_region(region))
        && (account.is_empty() || is_account(account))
}

fn is_region(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let number =
        parts.last().is_some_and(|last| last.len() == 1 && last.bytes().all(|byte| byte.is_ascii_digit()));
    (3..=4).contains(&parts.len()) && parts[0].len() == 2 && number
}

fn principal(text: &str) -> Result<Value, Refusal> {
    let service = text.strip_suffix(".amazonaws.com").map(|name| name.split('.').next().unwrap_or_default());
    match service {
        _ if text == "*" => Ok(json!("*")),
        Some(name) if SERVICES.contains(&name) => Ok(json!({"Service": text})),
        None if is_account(text) => Ok(json!({"AWS": format!("arn:aws:iam::{text}:root")})),
        None if text.starts_with("arn:aws:iam::") => Ok(json!({"AWS": text})),
        _ => {
            let text = "The provided principal was invalid. Please check the principal and try again.";
            Err(Refusal::new(400, "InvalidParameterValueException", text))
        }
    }
}
