//! IAM for the operator. The least policy that the operator prints must allow each of its calls. A test fails if the
//! operator needs a permission that the policy lacks. All other callers, mainly the tests, may do everything.
//!
//! The evaluator knows only the features of the policy: statements that allow, `*` and `?` in ARNs, and the condition
//! operators below
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>).

use std::collections::{BTreeSet, HashMap, HashSet};

use lambda_triggers_core::iam::{Condition, Feature, Policy, Scope, Statement, least_policy};
use parking_lot::Mutex;

use super::{
    arn::{arn_like, glob},
    call::Request,
    fault_answers::not_authorized,
    iam_needs::{Need, needs},
    state::Shared,
    wire::Refusal,
};

/// The start of the operator's application name, as the SDK writes it into `User-Agent`.
const OPERATOR: &str = "app/lambda-triggers";

/// Permissions of the operators in each account, and calls beyond them.
#[derive(Default)]
pub(super) struct Iam {
    accounts: Mutex<HashMap<String, Rights>>,
    /// Required external ids, by role.
    external_ids: Mutex<HashMap<String, String>>,
    /// Roles whose trust policies lack `sts:TagSession`.
    untaggable: Mutex<HashSet<String>>,
}

#[derive(Default)]
struct Rights {
    expected: Vec<Scope>,
    /// A test's own policy, in place of the least policies.
    given: Option<Policy>,
    surprises: Vec<String>,
    /// The application names of the operators, such as `app/lambda-triggers-0.1.0`.
    applications: BTreeSet<String>,
    /// True if the operators' credentials have transitive session tags.
    tags_sessions: bool,
}

impl Iam {
    fn with<T>(&self, account: &str, act: impl FnOnce(&mut Rights) -> T) -> T {
        let mut accounts = self.accounts.lock();
        act(accounts.entry(account.to_owned()).or_default())
    }

    pub fn expect(&self, account: &str, scope: Scope) {
        self.with(account, |rights| {
            if !rights.expected.contains(&scope) {
                rights.expected.push(scope);
            }
        });
    }

    pub fn give(&self, account: &str, policy: Policy) {
        self.with(account, |rights| rights.given = Some(policy));
    }

    pub fn ask_for_external_id(&self, role: &str, id: Option<&str>) {
        let mut ids = self.external_ids.lock();
        match id {
            Some(id) => ids.insert(role.to_owned(), id.to_owned()),
            None => ids.remove(role),
        };
    }

    pub fn tag_sessions(&self, account: &str) {
        self.with(account, |rights| rights.tags_sessions = true);
    }

    pub fn refuse_session_tags(&self, role: &str, refuse: bool) {
        let mut untaggable = self.untaggable.lock();
        if refuse {
            untaggable.insert(role.to_owned());
        } else {
            untaggable.remove(role);
        }
    }

    /// The additional permission that a request needs because of session tags.
    fn tag_session(&self, request: &Request) -> Option<Need> {
        let is_tagged = self.with(&request.account, |rights| rights.tags_sessions);
        let role = request.form("RoleArn").filter(|_| request.operation == "AssumeRole" && is_tagged)?;
        Some(Need::new("sts:TagSession", role))
    }

    fn takes_session_tags(&self, role: &str) -> bool {
        !self.untaggable.lock().contains(role)
    }

    /// True if the role's trust policy allows a caller with this external id to assume the role.
    fn trusts(&self, role: &str, id: Option<&str>) -> bool {
        let ids = self.external_ids.lock();
        ids.get(role).is_none_or(|required| id == Some(required))
    }

    pub fn surprises(&self, account: &str) -> Vec<String> {
        self.with(account, |rights| rights.surprises.clone())
    }

    pub fn applications(&self, account: &str) -> BTreeSet<String> {
        self.with(account, |rights| rights.applications.clone())
    }

    fn allows(&self, account: &str, need: &Need) -> bool {
        self.with(account, |rights| match &rights.given {
            Some(policy) => allows(policy, need),
            None if rights.expected.is_empty() => allows(
                &least_policy(&named(Scope::for_account(account, None).with(Feature::ALL), need)),
                need,
            ),
            None => {
                let scopes = rights.expected.iter().cloned();
                scopes.map(|scope| least_policy(&named(scope, need))).any(|policy| allows(&policy, need))
            }
        })
    }

    fn denied(&self, account: &str, need: &Need) {
        self.with(account, |rights| {
            if rights.given.is_none() {
                rights.surprises.push(format!("{} on {}", need.action, need.resource));
            }
        });
    }
}

/// The scope with the bucket's owner added, like the scope of a user with `spec.bucketOwner`.
fn named(mut scope: Scope, need: &Need) -> Scope {
    scope.bucket_owners.extend(need.context("s3:ResourceAccount").unwrap_or_default().iter().cloned());
    scope
}

/// The refusal if the caller lacks a permission for the request; `None` if AWS allows the request.
pub(super) async fn judge(shared: &Shared, request: &Request) -> Option<Refusal> {
    if let (true, Some(role)) = (request.operation == "AssumeRole", request.form("RoleArn"))
        && !shared.iam.trusts(&role, request.form("ExternalId").as_deref())
    {
        // AWS answers the same if the caller's own policy lacks the permission.
        return Some(not_authorized(request, &Need::new("sts:AssumeRole", role)));
    }
    let application = application(request)?;
    shared.iam.with(&request.account, |rights| rights.applications.insert(application));
    let tagging = shared.iam.tag_session(request);
    if let Some(need) = tagging.as_ref().filter(|need| !shared.iam.takes_session_tags(&need.resource)) {
        return Some(not_authorized(request, need));
    }
    let mut needed = needs(shared, request).await.into_iter().chain(tagging);
    let denied = needed.find(|need| !shared.iam.allows(&request.account, need))?;
    shared.iam.denied(&request.account, &denied);
    Some(not_authorized(request, &denied))
}

/// True if the caller may read a function but not its tags.
pub(super) fn hides_tags(shared: &Shared, request: &Request) -> bool {
    let reads =
        request.service == "lambda" && request.operation == "GetFunction" && application(request).is_some();
    reads && !shared.iam.allows(&request.account, &Need::of_function("lambda:ListTags", request))
}

/// The application name of an operator; `None` for all other callers.
fn application(request: &Request) -> Option<String> {
    let agents = ["user-agent", "x-amz-user-agent"].into_iter().filter_map(|header| request.header(header));
    agents.flat_map(str::split_whitespace).find(|part| part.starts_with(OPERATOR)).map(ToOwned::to_owned)
}

fn allows(policy: &Policy, need: &Need) -> bool {
    policy.statements.iter().any(|statement| permits(statement, need))
}

fn permits(statement: &Statement, need: &Need) -> bool {
    let Statement { sid: _, actions, resources, conditions } = statement;
    let on_it = |pattern: &String| pattern == "*" || arn_like(pattern, &need.resource);
    actions.contains(&need.action.as_str())
        && resources.iter().any(on_it)
        && conditions.iter().all(|condition| holds(condition, need.context(&condition.key)))
}

/// Evaluates a condition.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
fn holds(condition: &Condition, found: Option<&[String]>) -> bool {
    let Condition { operator, key: _, values } = condition;
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (*operator, false),
    };
    let (operator, for_all) = match operator.strip_prefix("ForAllValues:") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let Some(found) = found else { return if_exists || for_all };
    let matches = |value: &String| match operator {
        "StringEquals" | "Bool" => values.contains(value),
        "StringLike" => values.iter().any(|pattern| glob(pattern.as_bytes(), value.as_bytes())),
        "ArnLike" => values.iter().any(|pattern| arn_like(pattern, value)),
        _ => panic!("the proxy does not know the condition operator {operator}"),
    };
    if for_all { found.iter().all(matches) } else { found.iter().any(matches) }
}

#[cfg(test)]
mod tests {
    use lambda_triggers_core::ownership::OwnerId;

    use super::*;

    fn policy() -> Policy {
        let owner = OwnerId::parse("1a2b3c4d").unwrap();
        least_policy(&Scope::for_account("123456789012", Some(owner)).with(Feature::ALL))
    }

    fn need(action: &str, resource: &str, context: &[(&'static str, &str)]) -> Need {
        let context = context.iter().map(|(key, value)| (*key, vec![(*value).to_owned()])).collect();
        Need { action: action.to_owned(), resource: resource.to_owned(), context }
    }

    #[test]
    fn the_least_policy_limits_resources_and_conditions() {
        let rule = "arn:aws:events:eu-west-1:123456789012:rule/lt-1a2b3c4d-media-hourly-0123456789";
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:hourly";
        let cases = [
            (true, need("events:PutRule", rule, &[])),
            (false, need("events:PutRule", &rule.replace("1a2b3c4d", "ffffffff"), &[])),
            (false, need("events:PutRule", &rule.replace("123456789012", "210987654321"), &[])),
            (false, need("events:PutEvents", rule, &[])),
            (true, need("events:PutTargets", rule, &[("events:TargetArn", function)])),
            (
                false,
                need(
                    "events:PutTargets",
                    rule,
                    &[("events:TargetArn", "arn:aws:sqs:eu-west-1:123456789012:q")],
                ),
            ),
            (true, need("lambda:GetPolicy", &format!("{function}:live"), &[])),
            (true, need("lambda:AddPermission", function, &[("lambda:Principal", "s3.amazonaws.com")])),
            (false, need("lambda:AddPermission", function, &[("lambda:Principal", "210987654321")])),
            (true, need("lambda:RemovePermission", function, &[])),
            (
                true,
                need(
                    "s3:PutBucketNotification",
                    "arn:aws:s3:::photos",
                    &[("s3:ResourceAccount", "123456789012")],
                ),
            ),
            (
                false,
                need(
                    "s3:PutBucketNotification",
                    "arn:aws:s3:::photos",
                    &[("s3:ResourceAccount", "210987654321")],
                ),
            ),
            (false, need("s3:PutBucketNotification", "arn:aws:s3:::photos", &[])),
            (
                true,
                need(
                    "lambda:DeleteFunction",
                    function,
                    &[("aws:ResourceTag/lambda-triggers.dev/owner", "1a2b3c4d")],
                ),
            ),
            (
                false,
                need(
                    "lambda:DeleteFunction",
                    function,
                    &[("aws:ResourceTag/lambda-triggers.dev/owner", "ffffffff")],
                ),
            ),
            (false, need("lambda:DeleteFunction", function, &[])),
            (
                true,
                need(
                    "iam:PassRole",
                    "arn:aws:iam::123456789012:role/app",
                    &[("iam:PassedToService", "lambda.amazonaws.com")],
                ),
            ),
            (
                false,
                need(
                    "iam:PassRole",
                    "arn:aws:iam::123456789012:role/app",
                    &[("iam:PassedToService", "ec2.amazonaws.com")],
                ),
            ),
        ];
        for (expected, need) in cases {
            assert_eq!(allows(&policy(), &need), expected, "{need:?}");
        }
    }
}
