//! Permission statements in the resource policy of a function, for S3 and EventBridge.

mod equivalent;
mod grant;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::arn::FunctionArn;
use crate::ownership::{OwnerId, bucket_statement_id, rules_statement_id};
pub use grant::Grant;

/// The maximum size of a function's policy
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const MAX_POLICY_BYTES: usize = 20_480;

/// A permission statement of the operator: a service may invoke the function on behalf of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The Sid of the statement.
    pub id: String,
    /// The service, such as `s3.amazonaws.com`.
    pub principal: String,
    /// The ARN of the bucket, or the ARN pattern of the rules.
    pub source_arn: String,
    /// The account of the source. Required for a bucket, because the bucket name can pass to another account
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html>).
    pub source_account: Option<String>,
}

impl Statement {
    /// The statement for all rules of this owner in the operator's account. One statement covers all rules, because a
    /// function's policy has room for only about 40 statements.
    pub fn for_rules(owner: &OwnerId, function: &FunctionArn, account: &str) -> Self {
        let FunctionArn { partition, region, .. } = function;
        Self {
            id: rules_statement_id(owner),
            principal: "events.amazonaws.com".into(),
            source_arn: format!("arn:{partition}:events:{region}:{account}:rule/{}*", owner.prefix()),
            source_account: None,
        }
    }

    /// The statement for `bucket`, valid only while the bucket belongs to `bucket_owner`.
    pub fn for_bucket(owner: &OwnerId, function: &FunctionArn, bucket: &str, bucket_owner: &str) -> Self {
        Self {
            id: bucket_statement_id(owner, bucket),
            principal: "s3.amazonaws.com".into(),
            source_arn: format!("arn:{}:s3:::{bucket}", function.partition),
            source_account: Some(bucket_owner.into()),
        }
    }

    /// The source in words: `the rules lt-1a2b3c4d-*` or `bucket photos`.
    pub fn source(&self) -> String {
        match self.source_arn.split_once(":rule/") {
            Some((_, rules)) => format!("the rules {rules}"),
            None => format!("bucket {}", self.source_arn.rsplit(':').next().unwrap_or_default()),
        }
    }
}

/// The observed resource policy of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The revision id, which changes with each write. Lambda rejects a write with an outdated revision.
    pub revision: Option<String>,
    /// The statements by Sid; `None` for a statement of a form that the operator never writes.
    pub statements: BTreeMap<String, Option<Statement>>,
    /// All statements as JSON, for [`Policy::permitted_by`].
    all: Vec<Value>,
}

impl Policy {
    /// Parses the JSON text of a policy.
    pub fn parse(text: &str, revision: Option<String>) -> Result<Self, serde_json::Error> {
        let policy: Value = serde_json::from_str(text)?;
        let all = policy["Statement"].as_array().cloned().unwrap_or_default();
        let read = |statement: &Value| {
            let id = statement["Sid"].as_str()?.to_owned();
            Some((id.clone(), read_statement(id, statement)))
        };
        Ok(Self { revision, statements: all.iter().filter_map(read).collect(), all })
    }

    /// The size of the policy's text in bytes.
    pub fn size(&self) -> usize {
        const AROUND: usize = r#"{"Version":"2012-10-17","Id":"default","Statement":[]}"#.len();
        let commas = self.all.len().saturating_sub(1);
        AROUND + commas + self.all.iter().map(|statement| statement.to_string().len()).sum::<usize>()
    }
}

/// A write to a function's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionStep {
    /// Remove the statement with this Sid.
    Remove(String),
    /// Add this statement.
    Add(Statement),
}

/// The knowledge about the statement of a trigger before a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyView {
    /// The spec leaves the permission to others, so the policy is not read.
    External,
    /// The policy was not read. The status does not record the statement, and Lambda's answer to the addition tells all:
    /// the statement is new, exists already, or the function does not exist.
    Unread,
    /// The status records the statement, but the function was missing before: a read may show the policy of an earlier
    /// function. Lambda's answer to the addition tells all.
    Doubted,
    /// The operator wrote the statement a moment ago, for another object.
    Written,
    /// The policy was read.
    Read(Policy),
}

/// The writes for the statement of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionPlan {
    /// The spec leaves the permission to others.
    External,
    /// The policy has the statement.
    InPlace,
    /// The foreign statement with this Sid permits the invocation.
    ByOthers(String),
    /// Write the statement. The first step needs the revision of the policy, if the policy was read.
    Write(Vec<PermissionStep>, Option<String>),
}

impl PermissionPlan {
    /// True if the plan has no writes.
    pub fn is_empty(&self) -> bool {
        !matches!(self, Self::Write(..))
    }
}

/// The writes that make a policy contain `wanted`. If `trusts_others`, an equivalent foreign statement is enough.
pub fn plan_statement(view: &PolicyView, wanted: &Statement, trusts_others: bool) -> PermissionPlan {
    let policy = match view {
        PolicyView::External => return PermissionPlan::External,
        PolicyView::Written => return PermissionPlan::InPlace,
        PolicyView::Unread | PolicyView::Doubted => {
            return PermissionPlan::Write(vec![PermissionStep::Add(wanted.clone())], None);
        }
        PolicyView::Read(policy) => policy,
    };
    let steps = plan_permission(policy, wanted);
    match policy.permitted_by(wanted) {
        _ if steps.is_empty() => PermissionPlan::InPlace,
        Some(sid) if trusts_others => PermissionPlan::ByOthers(sid.to_owned()),
        _ => PermissionPlan::Write(steps, policy.revision.clone()),
    }
}

/// The steps that add `wanted` to a policy. Lambda cannot update a statement in place, so a changed statement is
/// removed first.
fn plan_permission(policy: &Policy, wanted: &Statement) -> Vec<PermissionStep> {
    match policy.statements.get(&wanted.id) {
        Some(Some(found)) if found == wanted => vec![],
        Some(_) => vec![PermissionStep::Remove(wanted.id.clone()), PermissionStep::Add(wanted.clone())],
        None => vec![PermissionStep::Add(wanted.clone())],
    }
}

fn read_statement(id: String, statement: &Value) -> Option<Statement> {
    let allows_invoke = statement["Effect"] == "Allow" && statement["Action"] == "lambda:InvokeFunction";
    let principal = statement["Principal"]["Service"].as_str()?.to_owned();
    let mut conditions: BTreeMap<String, String> = BTreeMap::new();
    for (_, keys) in statement["Condition"].as_object()? {
        for (key, value) in keys.as_object()? {
            conditions.insert(key.to_ascii_lowercase(), value.as_str()?.to_owned());
        }
    }
    let source_arn = conditions.remove("aws:sourcearn")?;
    let source_account = conditions.remove("aws:sourceaccount");
    (allows_invoke && conditions.is_empty()).then_some(Statement {
        id,
        principal,
        source_arn,
        source_account,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Statement {
        let owner = OwnerId::parse("1a2b3c4d").unwrap();
        let function = FunctionArn::parse("arn:aws:lambda:eu-west-1:123456789012:function:f:live").unwrap();
        Statement::for_bucket(&owner, &function, "photos", "111122223333")
    }

    /// A GetPolicy answer with the wanted statement, after replacement of `from` with `to`.
    fn policy(from: &str, to: &str) -> Policy {
        let text = format!(
            r#"{{"Version":"2012-10-17","Id":"default","Statement":[
                {{"Sid":"someone-else","Effect":"Allow","Principal":"*","Action":"lambda:GetFunction","Resource":"f"}},
                {{"Sid":"{sid}","Effect":"Allow","Principal":{{"Service":"s3.amazonaws.com"}},
                 "Action":"lambda:InvokeFunction","Resource":"f",
                 "Condition":{{"StringEquals":{{"AWS:SourceAccount":"111122223333"}},
                               "ArnLike":{{"AWS:SourceArn":"arn:aws:s3:::photos"}}}}}}]}}"#,
            sid = wanted().id
        );
        assert!(text.contains(from), "{from}");
        Policy::parse(&text.replace(from, to), Some("r1".into())).unwrap()
    }

    #[test]
    fn the_size_of_a_policy_is_that_of_its_text() {
        let statement = |number: usize| format!(r#"{{"Sid":"{number:060}"}}"#);
        for count in [0, 1, 3] {
            let statements: Vec<String> = (0..count).map(statement).collect();
            let text = format!(
                r#"{{"Version":"2012-10-17","Id":"default","Statement":[{}]}}"#,
                statements.join(",")
            );
            assert_eq!(Policy::parse(&text, None).unwrap().size(), text.len(), "{count}");
        }
    }

    #[test]
    fn all_statements_of_a_policy_are_parsed() {
        let statements = BTreeMap::from([("someone-else".into(), None), (wanted().id, Some(wanted()))]);
        let Policy { revision, statements: found, all } = policy("", "");
        assert_eq!((revision.as_deref(), found, all.len()), (Some("r1"), statements, 2));
        assert!(Policy::parse("no JSON", None).is_err());
    }

    #[test]
    fn one_statement_covers_all_rules_of_an_owner() {
        let owner = OwnerId::parse("1a2b3c4d").unwrap();
        let function = FunctionArn::parse("arn:aws-cn:lambda:cn-north-1:123456789012:function:f").unwrap();
        let expected = Statement {
            id: "lt-1a2b3c4d-rules".into(),
            principal: "events.amazonaws.com".into(),
            source_arn: "arn:aws-cn:events:cn-north-1:111122223333:rule/lt-1a2b3c4d-*".into(),
            source_account: None,
        };
        assert_eq!(Statement::for_rules(&owner, &function, "111122223333"), expected);
    }

    #[test]
    fn the_source_of_a_statement_has_words() {
        let rules = Statement { source_arn: "arn:aws:events:eu-west-1:1:rule/lt-1-*".into(), ..wanted() };
        assert_eq!([rules.source(), wanted().source()], ["the rules lt-1-*", "bucket photos"]);
    }

    #[test]
    fn an_existing_statement_is_kept() {
        assert_eq!(plan_permission(&policy("", ""), &wanted()), vec![]);
    }

    #[test]
    fn a_missing_statement_is_added() {
        assert_eq!(plan_permission(&Policy::default(), &wanted()), vec![PermissionStep::Add(wanted())]);
    }

    #[test]
    fn an_unread_policy_gets_the_statement_without_a_revision() {
        let add = vec![PermissionStep::Add(wanted())];
        for trusts_others in [false, true] {
            let plan = |view| plan_statement(&view, &wanted(), trusts_others);
            for view in [PolicyView::Unread, PolicyView::Doubted] {
                let unread = plan(view);
                assert_eq!(unread, PermissionPlan::Write(add.clone(), None));
                assert!(!unread.is_empty());
            }
            assert_eq!(plan(PolicyView::External), PermissionPlan::External);
            assert_eq!(plan(PolicyView::Written), PermissionPlan::InPlace);
            assert!(plan(PolicyView::External).is_empty() && plan(PolicyView::Written).is_empty());
        }
    }

    #[test]
    fn a_foreign_statement_is_enough_only_if_others_are_trusted() {
        let foreign = PolicyView::Read(policy(&wanted().id, "by-hand"));
        let write = PermissionPlan::Write(vec![PermissionStep::Add(wanted())], Some("r1".into()));
        assert_eq!(plan_statement(&foreign, &wanted(), false), write);
        assert_eq!(plan_statement(&foreign, &wanted(), true), PermissionPlan::ByOthers("by-hand".into()));
        let own = PolicyView::Read(policy("", ""));
        for trusts_others in [false, true] {
            assert_eq!(plan_statement(&own, &wanted(), trusts_others), PermissionPlan::InPlace);
        }
    }

    #[test]
    fn a_changed_statement_is_replaced() {
        let replacement = vec![PermissionStep::Remove(wanted().id), PermissionStep::Add(wanted())];
        for (from, to) in [
            ("111122223333", "999999999999"),
            ("arn:aws:s3:::photos", "arn:aws:s3:::other"),
            ("s3.amazonaws.com", "sns.amazonaws.com"),
            (r#""Effect":"Allow","Principal":{"#, r#""Effect":"Deny","Principal":{"#),
            ("lambda:InvokeFunction", "lambda:*"),
            // The statement applies in fewer cases than the wanted statement.
            ("\"ArnLike\":{", r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::1:role/one","#),
        ] {
            assert_eq!(plan_permission(&policy(from, to), &wanted()), replacement, "{to}");
        }
    }
}
