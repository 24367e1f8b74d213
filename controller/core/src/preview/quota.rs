//! Warnings for quotas of AWS that are nearly used up.

use super::{BucketPreview, Problem, Severity};
use crate::plan::bucket::MAX_ENTRIES;
use crate::plan::permission::{MAX_POLICY_BYTES, Policy};
use crate::plan::rule::DEFAULT_MAX_RULES;
use crate::status::Reason;

/// The warning for the policy of `function`, which gets another statement.
pub fn policy_nearly_full(policy: &Policy, function: &str) -> Option<Problem> {
    let remedy = "AWS does not raise the limit. Remove statements that are not needed, or name an alias, which has a \
                  policy of its own";
    nearly_full(policy.size(), MAX_POLICY_BYTES, &format!("bytes of the policy of {function}"), remedy)
}

/// The warning for a bucket that gets more entries.
pub fn bucket_nearly_full(bucket: &BucketPreview) -> Option<Problem> {
    let what = format!("entries of bucket {}", bucket.name);
    nearly_full(
        bucket.entries_after,
        MAX_ENTRIES,
        &what,
        "use fewer filters, or send the events through EventBridge",
    )
}

/// The warning for the rules of a Region, all owners together.
pub fn rules_nearly_full(rules: usize, region: &str) -> Option<Problem> {
    let remedy = "request a higher quota in time, or set spec.backend to Scheduler";
    nearly_full(rules, DEFAULT_MAX_RULES, &format!("rules in {region} (by default)"), remedy)
}

/// The warning if more than nine tenths are used.
fn nearly_full(used: usize, quota: usize, what: &str, remedy: &str) -> Option<Problem> {
    let message = || format!("{used} of {quota} {what} are used after this change: {remedy}");
    let is_nearly_full = used * 10 > quota * 9;
    is_nearly_full.then(|| Problem::new(Reason::QuotaExceeded, Severity::Warning, message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_nine_tenths_of_a_quota_are_a_warning() {
        assert_eq!(rules_nearly_full(270, "eu-west-1"), None);
        let warning = rules_nearly_full(271, "eu-west-1").unwrap();
        assert_eq!(warning.severity, Severity::Warning);
        let message = "271 of 300 rules in eu-west-1 (by default) are used after this change: request a higher quota in \
                       time, or set spec.backend to Scheduler";
        assert_eq!(warning.message, message);
    }

    #[test]
    fn the_size_of_a_policy_is_that_of_its_text() {
        let statement = |number: usize| format!(r#"{{"Sid":"{number:060}"}}"#);
        let text = |count: usize| {
            let statements: Vec<String> = (0..count).map(statement).collect();
            format!(r#"{{"Version":"2012-10-17","Id":"default","Statement":[{}]}}"#, statements.join(","))
        };
        let policy = |count: usize| Policy::parse(&text(count), None).unwrap();
        assert_eq!(policy(3).size(), text(3).len());
        assert_eq!(policy(0).size(), text(0).len());
        assert_eq!(policy_nearly_full(&policy(258), "f"), None);
        let message = policy_nearly_full(&policy(259), "f").unwrap().message;
        assert!(message.starts_with("18442 of 20480 bytes of the policy of f are used"), "{message}");
    }
}
