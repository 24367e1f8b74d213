//! Statements in the resource policy of a function: who may invoke it on our triggers' behalf.

mod equivalent;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::arn::FunctionArn;
use crate::ownership::{OwnerId, bucket_statement_id, rules_statement_id};

/// A statement as we make it: a service that may invoke the function on behalf of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its Sid.
    pub id: String,
    /// The service, such as `s3.amazonaws.com`.
    pub principal: String,
    /// The ARN of the bucket, or the pattern of the rules, that it is for.
    pub source_arn: String,
    /// The account of the source. Needed for a bucket: its name can pass to another owner
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html>).
    pub source_account: Option<String>,
}

impl Statement {
    /// Lets every rule of this owner in the operator's account invoke `function`. One statement for all of them,
    /// since a function's policy has room for some 40 only.
    pub fn for_rules(owner: &OwnerId, function: &FunctionArn, account: &str) -> Self {
        let FunctionArn { partition, region, .. } = function;
        Self {
            id: rules_statement_id(owner),
            principal: "events.amazonaws.com".into(),
            source_arn: format!("arn:{partition}:events:{region}:{account}:rule/{}*", owner.prefix()),
            source_account: None,
        }
    }

    /// Lets `bucket`, as long as it belongs to `bucket_owner`, invoke `function`.
    pub fn for_bucket(owner: &OwnerId, function: &FunctionArn, bucket: &str, bucket_owner: &str) -> Self {
        Self {
            id: bucket_statement_id(owner, bucket),
            principal: "s3.amazonaws.com".into(),
            source_arn: format!("arn:{}:s3:::{bucket}", function.partition),
            source_account: Some(bucket_owner.into()),
        }
    }
}

/// A function's resource policy as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Changes with each write; sent with a write, it lets Lambda refuse one that is based on an older policy.
    pub revision: Option<String>,
    /// Sid to statement; none where a statement is of a form that we never make.
    pub statements: BTreeMap<String, Option<Statement>>,
    /// All statements, as they are.
    all: Vec<Value>,
}

impl Policy {
    /// Reads the policy's JSON text.
    pub fn parse(text: &str, revision: Option<String>) -> Result<Self, serde_json::Error> {
        let policy: Value = serde_json::from_str(text)?;
        let all = policy["Statement"].as_array().cloned().unwrap_or_default();
        let read = |statement: &Value| {
            let id = statement["Sid"].as_str()?.to_owned();
            Some((id.clone(), read_statement(id, statement)))
        };
        Ok(Self { revision, statements: all.iter().filter_map(read).collect(), all })
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

/// What makes a policy contain `wanted`. A statement cannot be changed in place.
pub fn plan_permission(policy: &Policy, wanted: &Statement) -> Vec<PermissionStep> {
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

    /// A policy as GetPolicy answers it, with the wanted statement but for one change.
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
    fn a_policy_is_read_as_a_whole() {
        let statements = BTreeMap::from([("someone-else".into(), None), (wanted().id, Some(wanted()))]);
        let Policy { revision, statements: found, all } = policy("", "");
        assert_eq!((revision.as_deref(), found, all.len()), (Some("r1"), statements, 2));
        assert!(Policy::parse("no JSON", None).is_err());
    }

    #[test]
    fn one_statement_is_for_all_rules_of_an_owner() {
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
    fn what_is_there_is_left_alone() {
        assert_eq!(plan_permission(&policy("", ""), &wanted()), vec![]);
    }

    #[test]
    fn what_is_missing_is_added() {
        assert_eq!(plan_permission(&Policy::default(), &wanted()), vec![PermissionStep::Add(wanted())]);
    }

    #[test]
    fn what_was_changed_by_hand_is_made_anew() {
        let anew = vec![PermissionStep::Remove(wanted().id), PermissionStep::Add(wanted())];
        for (from, to) in [
            ("111122223333", "999999999999"),
            ("arn:aws:s3:::photos", "arn:aws:s3:::other"),
            ("s3.amazonaws.com", "sns.amazonaws.com"),
            (r#""Effect":"Allow","Principal":{"#, r#""Effect":"Deny","Principal":{"#),
            ("lambda:InvokeFunction", "lambda:*"),
            // It holds in fewer cases than ours.
            ("\"ArnLike\":{", r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::1:role/one","#),
        ] {
            assert_eq!(plan_permission(&policy(from, to), &wanted()), anew, "{to}");
        }
    }
}
