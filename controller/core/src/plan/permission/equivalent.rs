//! Foreign permission statements that make the operator's own statement unnecessary.
//!
//! The operator accepts a foreign statement if the operator must not, or may not, write the function's policy.

use serde_json::Value;

use super::{Policy, Statement};

/// The action that a trigger needs.
const INVOKE: &str = "lambda:InvokeFunction";

impl Policy {
    /// The Sid of a statement that permits at least as much as `wanted`. Returns `None` for a policy with any `Deny`,
    /// because a `Deny` could override the statement.
    pub fn permitted_by(&self, wanted: &Statement) -> Option<&str> {
        let denies = self.all.iter().any(|statement| statement["Effect"] != "Allow");
        let found = self.all.iter().find(|statement| permits(statement, wanted)).filter(|_| !denies)?;
        Some(found["Sid"].as_str().unwrap_or("without a Sid"))
    }
}

/// True if a statement permits `wanted`. A statement with an unknown element, such as `NotAction`, never counts.
fn permits(statement: &Value, wanted: &Statement) -> bool {
    const ELEMENTS: [&str; 6] = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
    let Some(elements) = statement.as_object() else { return false };
    let is_principal = elements
        .get("Principal")
        .and_then(Value::as_object)
        .is_some_and(|principal| texts(principal.get("Service")).contains(&wanted.principal.as_str()));
    let actions = texts(elements.get("Action"));
    // IAM compares action names case-insensitively
    // (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html).
    let is_action = |action: &&str| covers(&action.to_ascii_lowercase(), &INVOKE.to_ascii_lowercase());
    elements.keys().all(|name| ELEMENTS.contains(&name.as_str()))
        && is_principal
        && actions.iter().any(is_action)
        && elements.get("Condition").is_some_and(|condition| holds(condition, wanted))
}

/// True if the conditions hold for `wanted`. IAM requires all conditions, and any value of a key
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html>).
fn holds(condition: &Value, wanted: &Statement) -> bool {
    let Some(operators) = condition.as_object() else { return false };
    let mut names_source = false;
    for (operator, keys) in operators {
        let Some(keys) = keys.as_object() else { return false };
        for (key, values) in keys {
            let values = texts(Some(values));
            let is_met = match key.to_ascii_lowercase().as_str() {
                "aws:sourcearn" => {
                    names_source = true;
                    values.iter().any(|value| matches(operator, value, &wanted.source_arn))
                }
                "aws:sourceaccount" => {
                    let account = account(wanted);
                    operator == "StringEquals" && values.iter().any(|value| Some(*value) == account)
                }
                _ => false,
            };
            if !is_met {
                return false;
            }
        }
    }
    names_source
}

/// The account of the source. Buckets have an explicit account; the ARN of a rule contains the account.
fn account(wanted: &Statement) -> Option<&str> {
    wanted.source_account.as_deref().or_else(|| wanted.source_arn.split(':').nth(4))
}

/// Compares the ARN in a condition with the ARN or the pattern of `wanted`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>).
fn matches(operator: &str, pattern: &str, wanted: &str) -> bool {
    match operator {
        "StringEquals" => pattern == wanted && !wanted.contains(['*', '?']),
        "StringLike" => covers(pattern, wanted),
        // IAM compares the six parts of an ARN separately.
        "ArnLike" | "ArnEquals" => {
            let parts = |arn| str::splitn(arn, 6, ':').collect::<Vec<&str>>();
            let (patterns, wanted) = (parts(pattern), parts(wanted));
            patterns.len() == wanted.len()
                && patterns.iter().zip(wanted).all(|(pattern, part)| covers(pattern, part))
        }
        _ => false,
    }
}

/// True if `pattern` covers `wanted`, where `*` matches any text and `?` matches a single character. Only a `*`
/// covers a wildcard in `wanted`.
fn covers(pattern: &str, wanted: &str) -> bool {
    let mut rest = wanted.chars();
    match (pattern.chars().next(), rest.next()) {
        (None, None) => true,
        (Some('*'), first) => {
            covers(&pattern[1..], wanted) || first.is_some() && covers(pattern, rest.as_str())
        }
        (Some(expected), Some(found)) => {
            let is_one = !['*', '?'].contains(&found) && (expected == '?' || expected == found);
            is_one && covers(&pattern[expected.len_utf8()..], rest.as_str())
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// The strings of a JSON string or list.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arn::FunctionArn;
    use crate::ownership::OwnerId;

    fn function() -> FunctionArn {
        FunctionArn::parse("arn:aws:lambda:eu-west-1:123456789012:function:thumbs").unwrap()
    }

    fn bucket() -> Statement {
        Statement::for_bucket(&OwnerId::parse("1a2b3c4d").unwrap(), &function(), "photos", "111122223333")
    }

    fn rules() -> Statement {
        Statement::for_rules(&OwnerId::parse("1a2b3c4d").unwrap(), &function(), "123456789012")
    }

    const FOR_BUCKET: &str = r#"{"Sid":"byThem","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"f","Condition":{"StringEquals":{"AWS:SourceAccount":"111122223333"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::photos"}}}"#;
    const FOR_RULES: &str = r#"{"Sid":"byThem","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"f","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:events:eu-west-1:123456789012:rule/*"}}}"#;

    /// True if a policy with one statement permits `wanted`, after replacement of `from` with `to` in the statement.
    fn permits_with(statement: &str, from: &str, to: &str, wanted: &Statement) -> bool {
        assert!(statement.contains(from), "{from}");
        let text = format!(r#"{{"Statement":[{}]}}"#, statement.replace(from, to));
        let policy = Policy::parse(&text, None).unwrap();
        policy.permitted_by(wanted).is_some()
    }

    #[test]
    fn an_equivalent_foreign_statement_is_found() {
        let policy =
            |statements: &str| Policy::parse(&format!(r#"{{"Statement":[{statements}]}}"#), None).unwrap();
        let other = FOR_BUCKET.replace("photos", "other").replace("byThem", "other");
        assert_eq!(policy(&format!("{other},{FOR_BUCKET}")).permitted_by(&bucket()), Some("byThem"));
        assert_eq!(policy(&other).permitted_by(&bucket()), None);
        assert_eq!(policy(FOR_RULES).permitted_by(&rules()), Some("byThem"));
        assert_eq!(policy(FOR_RULES).permitted_by(&bucket()), None);
        let nameless = FOR_BUCKET.replace(r#""Sid":"byThem","#, "");
        assert_eq!(policy(&nameless).permitted_by(&bucket()), Some("without a Sid"));
        assert_eq!(Policy::default().permitted_by(&bucket()), None);
        assert_eq!(policy("1").permitted_by(&bucket()), None);
    }

    #[test]
    fn a_policy_with_a_deny_has_no_equivalent_statement() {
        let deny = r#"{"Sid":"deny","Effect":"Deny","Principal":"*","Action":"lambda:InvokeFunction","Resource":"f"}"#;
        for text in [format!("{FOR_BUCKET},{deny}"), format!("{deny},{FOR_BUCKET}")] {
            let policy = Policy::parse(&format!(r#"{{"Statement":[{text}]}}"#), None).unwrap();
            assert_eq!(policy.permitted_by(&bucket()), None);
        }
    }

    #[test]
    fn a_broader_statement_is_equivalent() {
        for (from, to) in [
            ("", ""),
            (r#"{"Service":"s3.amazonaws.com"}"#, r#"{"Service":["sns.amazonaws.com","s3.amazonaws.com"]}"#),
            ("lambda:InvokeFunction", "lambda:Invoke*"),
            ("lambda:InvokeFunction", "lambda:invokefunction"),
            ("lambda:InvokeFunction", "lambda:*"),
            (r#""lambda:InvokeFunction""#, r#""*""#),
            (r#""lambda:InvokeFunction""#, r#"["lambda:GetFunction","lambda:InvokeFunction"]"#),
            ("arn:aws:s3:::photos", "arn:aws:s3:::*"),
            ("arn:aws:s3:::photos", "arn:aws:s3:::photo?"),
            ("arn:aws:s3:::photos", "arn:*:s3:::p*s"),
            (r#""arn:aws:s3:::photos""#, r#"["arn:aws:s3:::other","arn:aws:s3:::photos"]"#),
            ("ArnLike", "ArnEquals"),
            ("ArnLike", "StringLike"),
            (r#""StringEquals":{"AWS:SourceAccount":"111122223333"},"#, ""),
            (r#"111122223333"},"ArnLike":{"#, r#"111122223333","#),
        ] {
            assert!(permits_with(FOR_BUCKET, from, to, &bucket()), "{to}");
        }
    }

    #[test]
    fn a_narrower_or_different_statement_is_not_equivalent() {
        for (from, to) in [
            ("Allow", "Deny"),
            ("s3.amazonaws.com", "sns.amazonaws.com"),
            (r#"{"Service":"s3.amazonaws.com"}"#, r#"{"AWS":"s3.amazonaws.com"}"#),
            (r#"{"Service":"s3.amazonaws.com"}"#, r#""s3.amazonaws.com""#),
            ("lambda:InvokeFunction", "lambda:GetFunction"),
            ("lambda:InvokeFunction", "lambda:InvokeFunctionUrl"),
            (r#""Action""#, r#""NotAction":"lambda:GetFunction","Action""#),
            ("arn:aws:s3:::photos", "arn:aws:s3:::photo"),
            ("arn:aws:s3:::photos", "arn:aws:s3:::photos?"),
            ("arn:aws:s3:::photos", "arn:aws:s3:photos"),
            ("arn:aws:s3:::photos", "*"),
            ("111122223333", "999999999999"),
            ("StringEquals", "StringLike"),
            ("ArnLike", "ArnNotLike"),
            ("ArnLike", "ArnLikeIfExists"),
            (r#""ArnLike":{"#, r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::1:role/one","#),
            (
                r#""ArnLike":{"AWS:SourceArn":"arn:aws:s3:::photos"}"#,
                r#""Bool":{"aws:SecureTransport":"true"}"#,
            ),
            (r#","ArnLike":{"AWS:SourceArn":"arn:aws:s3:::photos"}"#, ""),
            (r#""ArnLike":{"AWS:SourceArn":"arn:aws:s3:::photos"}"#, r#""ArnLike":1"#),
            (
                r#"{"StringEquals":{"AWS:SourceAccount":"111122223333"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::photos"}}"#,
                "1",
            ),
        ] {
            assert!(!permits_with(FOR_BUCKET, from, to, &bucket()), "{to}");
        }
        let without_condition = r#"{"Sid":"byThem","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"f"}"#;
        assert!(!permits_with(without_condition, "", "", &bucket()));
    }

    #[test]
    fn a_rule_pattern_must_cover_all_rules_of_the_owner() {
        let own = "rule/lt-1a2b3c4d-*";
        for (to, expected) in [
            ("rule/*", true),
            ("*", true),
            (own, true),
            ("rule/lt-*", true),
            ("rule/lt-1a2b3c4d-?", false),
            ("rule/lt-1a2b3c4d-media-*", false),
            ("rule/lt-1a2b3c4d-", false),
        ] {
            assert_eq!(permits_with(FOR_RULES, "rule/*", to, &rules()), expected, "{to}");
        }
        let equals = FOR_RULES.replace("rule/*", own).replace("ArnLike", "StringEquals");
        assert!(!permits_with(&equals, "", "", &rules()));
        let account = r#"{"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike""#;
        assert!(permits_with(FOR_RULES, r#"{"ArnLike""#, account, &rules()));
        assert!(!permits_with(FOR_RULES, r#"{"ArnLike""#, &account.replace("123", "923"), &rules()));
    }
}
