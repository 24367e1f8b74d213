//! Warnings for AWS quotas that are nearly used up.

use super::{BucketPreview, Problem, Severity};
use crate::plan::permission::Policy;
use crate::quota::Quota;
use crate::status::Reason;

/// The warning for the policy of `function`, which gets another statement.
pub fn policy_nearly_full(policy: &Policy, function: &str) -> Option<Problem> {
    nearly_full(Quota::PolicyBytes, policy.size(), &format!("of the policy of {function}"))
}

/// The warning for a bucket that gets more entries.
pub fn bucket_nearly_full(bucket: &BucketPreview) -> Option<Problem> {
    nearly_full(Quota::Entries, bucket.entries_after, &format!("of bucket {}", bucket.name))
}

/// The warning for the rules of a Region, all owners together. The plan adds `created` rules to the `existing` ones.
pub fn rules_nearly_full(existing: usize, created: usize, region: &str) -> Option<Problem> {
    if Quota::Rules.is_raised(existing) {
        return None;
    }
    nearly_full(Quota::Rules, existing + created, &format!("in {region} (by default)"))
}

fn nearly_full(quota: Quota, used: usize, of: &str) -> Option<Problem> {
    let (limit, unit, remedy) = (quota.limit(), quota.unit(), quota.remedy());
    let message = || format!("{used} of {limit} {unit} {of} are used after this change: {remedy}");
    quota.is_nearly_full(used).then(|| Problem::new(Reason::QuotaExceeded, Severity::Warning, message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_near_the_default_quota_are_a_warning() {
        assert_eq!(rules_nearly_full(260, 9, "eu-west-1"), None);
        let warning = rules_nearly_full(260, 10, "eu-west-1").unwrap();
        assert_eq!(warning.severity, Severity::Warning);
        let message = "270 of 300 rules in eu-west-1 (by default) are used after this change: ask AWS for a higher quota, \
                       or set spec.backend to Scheduler";
        assert_eq!(warning.message, message);
    }

    #[test]
    fn a_raised_quota_of_rules_is_no_warning() {
        assert!(rules_nearly_full(300, 10, "eu-west-1").is_some());
        assert_eq!(rules_nearly_full(301, 10, "eu-west-1"), None);
    }

    #[test]
    fn a_policy_of_nine_tenths_is_a_warning() {
        let policy = |bytes: usize| {
            let text = format!(r#"{{"Statement":[{{"Sid":"{}"}}]}}"#, "x".repeat(bytes));
            Policy::parse(&text, None).unwrap()
        };
        assert_eq!(policy_nearly_full(&policy(18_000), "f"), None);
        let full = policy(18_432);
        let message = policy_nearly_full(&full, "f").unwrap().message;
        let used = format!("{} of 20480 bytes of the policy of f are used", full.size());
        assert!(message.starts_with(&used), "{message}");
    }
}
