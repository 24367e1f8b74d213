//! The execution role of a schedule: trust and permissions, as the emulator's IAM has the role.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role>,
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html>

use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    arn::{arn_like, glob},
    upstream::Upstream,
    wire::Refusal,
};
use crate::scheduler::check::role_refused;

/// A condition key and its value.
type Context<'a> = [(&'a str, &'a str)];

/// Refuses a role that does not exist, is younger than `delay`, or does not trust Scheduler for schedules of the group.
/// The trust policy's `aws:SourceArn` is the group's ARN, never a schedule's.
pub(super) async fn check_trust(
    upstream: &Upstream,
    role: &str,
    (account, group): (&str, &str),
    delay: SignedDuration,
) -> Result<(), Refusal> {
    let found = iam(upstream, role, &[("Action", "GetRole")]).await?;
    let text = |element: &str| found.iter().find(|(name, _)| name == element).map(|(_, text)| text.as_str());
    let trust = document(text("AssumeRolePolicyDocument"));
    let context = [("aws:SourceAccount", account), ("aws:SourceArn", group)];
    let decision = evaluate(all(&trust["Statement"]), &context, |statement| {
        one_or_many(&statement["Principal"]["Service"], |service| service == "scheduler.amazonaws.com")
            && names_action(statement, "sts:AssumeRole")
    });
    let created = text("CreateDate").and_then(|created| created.parse::<Timestamp>().ok());
    let is_known = created.is_some_and(|created| Timestamp::now().duration_since(created) >= delay);
    if decision == Decision::Allowed && is_known {
        return Ok(());
    }
    Err(role_refused())
}

/// IAM's decision about an action, from the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Decision {
    Allowed,
    /// No statement allows the action.
    ImplicitDeny,
    /// A statement denies the action.
    ExplicitDeny,
}

impl Decision {
    /// IAM's word for the decision.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }
}

/// True if a role has exactly this ARN.
pub(super) async fn exists(upstream: &Upstream, role: &str) -> Result<bool, Refusal> {
    let found = iam(upstream, role, &[("Action", "GetRole")]).await?;
    Ok(found.iter().any(|(name, text)| name == "Arn" && text == role))
}

/// The decision of all inline policies of a role about an action on exactly this resource.
pub(super) async fn decide(
    upstream: &Upstream,
    role: &str,
    action: &str,
    resource: &str,
) -> Result<Decision, Refusal> {
    let mut statements = vec![];
    let listed = iam(upstream, role, &[("Action", "ListRolePolicies")]).await?;
    for (_, policy) in listed.iter().filter(|(name, _)| name == "member") {
        let found = iam(upstream, role, &[("Action", "GetRolePolicy"), ("PolicyName", policy)]).await?;
        let policy = found.iter().find(|(name, _)| name == "PolicyDocument");
        statements.extend(all(&document(policy.map(|(_, text)| text.as_str()))["Statement"]).to_vec());
    }
    let is_on_it = |pattern: &str| pattern == "*" || arn_like(pattern, resource);
    Ok(evaluate(&statements, &[], |statement| {
        names_action(statement, action) && one_or_many(&statement["Resource"], is_on_it)
    }))
}

/// Calls IAM in the role's account. Returns the elements of the answer with their texts; empty for a missing role.
async fn iam(
    upstream: &Upstream,
    role: &str,
    call: &[(&str, &str)],
) -> Result<Vec<(String, String)>, Refusal> {
    let account = role.split(':').nth(4).unwrap_or_default();
    let name = role.rsplit('/').next().unwrap_or_default();
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(call)
        .append_pair("Version", "2010-05-08")
        .append_pair("RoleName", name)
        .finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let scope = (account, "us-east-1", "iam");
    let answer = upstream.own(scope, Method::POST, "/", &headers, form).await?;
    let body = String::from_utf8_lossy(answer.body());
    let answer = roxmltree::Document::parse(&body).ok().filter(|_| answer.status().is_success());
    let elements = answer.iter().flat_map(|answer| answer.descendants());
    let texts = elements
        .filter_map(|element| Some((element.tag_name().name().to_owned(), element.text()?.to_owned())));
    Ok(texts.collect())
}

/// A policy document in an answer of IAM, which is percent-encoded JSON.
fn document(encoded: Option<&str>) -> Value {
    let decoded = percent_decode_str(encoded.unwrap_or_default()).decode_utf8_lossy();
    serde_json::from_str(&decoded).unwrap_or_default()
}

/// The decision of the statements that apply.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
fn evaluate(statements: &[Value], context: &Context, applies: impl Fn(&Value) -> bool) -> Decision {
    let has = |effect: &str| {
        statements.iter().any(|statement| {
            statement["Effect"] == effect && applies(statement) && conditions_hold(statement, context)
        })
    };
    match (has("Deny"), has("Allow")) {
        (true, _) => Decision::ExplicitDeny,
        (false, true) => Decision::Allowed,
        (false, false) => Decision::ImplicitDeny,
    }
}

fn names_action(statement: &Value, action: &str) -> bool {
    one_or_many(&statement["Action"], |pattern| glob(pattern.as_bytes(), action.as_bytes()))
}

/// True if a text, or a text of a list, holds.
fn one_or_many(value: &Value, holds: impl Fn(&str) -> bool) -> bool {
    all(value).iter().filter_map(Value::as_str).any(holds)
}

/// The values of a list, or a single value.
fn all(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// A condition fails if the request does not have its key. Condition keys ignore case.
fn conditions_hold(statement: &Value, context: &Context) -> bool {
    let operators = statement["Condition"].as_object();
    operators.into_iter().flatten().all(|(operator, keys)| {
        let matches = |pattern: &str, found: &str| match operator.as_str() {
            "StringEquals" => pattern == found,
            "StringLike" => glob(pattern.as_bytes(), found.as_bytes()),
            "ArnEquals" | "ArnLike" => arn_like(pattern, found),
            _ => false,
        };
        keys.as_object().into_iter().flatten().all(|(key, values)| {
            let found = context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
            found.is_some_and(|(_, found)| one_or_many(values, |pattern| matches(pattern, found)))
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CONTEXT: &Context = &[
        ("aws:SourceAccount", "123456789012"),
        ("aws:SourceArn", "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/lt-1a2b3c4d"),
    ];

    #[test]
    fn conditions_compare_account_and_group() {
        let group = |pattern: &str| format!("arn:aws:scheduler:{pattern}");
        let cases = [
            (true, json!({})),
            (true, json!({"StringEquals": {"aws:SourceAccount": ["210987654321", "123456789012"]}})),
            (false, json!({"StringEquals": {"aws:SourceAccount": "210987654321"}})),
            (true, json!({"ArnLike": {"AWS:SourceArn": group("*:123456789012:schedule-group/lt-1a2b3c4d")}})),
            (true, json!({"ArnLike": {"aws:SourceArn": group("*:123456789012:schedule-group/*")}})),
            (false, json!({"ArnLike": {"aws:SourceArn": group("*:123456789012:schedule/lt-1a2b3c4d/*")}})),
            (false, json!({"ArnLike": {"aws:SourceArn": group("*:123456789012:schedule-group/other")}})),
            (false, json!({"StringEquals": {"aws:SourceArn": group("*:123456789012:schedule-group/*")}})),
            (true, json!({"StringLike": {"aws:SourceArn": group("*:123456789012:schedule-group/*")}})),
            (false, json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}})),
        ];
        for (expected, condition) in cases {
            assert_eq!(conditions_hold(&json!({"Condition": condition}), CONTEXT), expected, "{condition}");
        }
    }

    #[test]
    fn a_denial_overrides_a_permission() {
        let statement = |effect: &str, action: Value| json!({"Effect": effect, "Action": action});
        let allow = statement("Allow", json!(["lambda:*", "s3:GetObject"]));
        let deny = statement("Deny", json!("lambda:InvokeFunction"));
        let other = statement("Allow", json!("lambda:GetFunction"));
        let decision = |statements: &[Value]| {
            evaluate(statements, &[], |statement| names_action(statement, "lambda:InvokeFunction"))
        };
        let decisions = [&[allow.clone()][..], &[allow, deny], &[other]].map(decision);
        assert_eq!(decisions, [Decision::Allowed, Decision::ExplicitDeny, Decision::ImplicitDeny]);
    }
}
