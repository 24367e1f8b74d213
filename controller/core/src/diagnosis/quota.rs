//! The use of AWS quotas that stop the operator.

use super::Check;
use crate::plan::bucket::MAX_ENTRIES;
use crate::plan::permission::MAX_POLICY_BYTES;
use crate::plan::rule::DEFAULT_MAX_RULES;

/// The share of a quota from which the check fails, in percent. The rest is the time to act.
const NEARLY_FULL: usize = 90;

/// A quota on a resource in AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceQuota {
    /// The entries of a bucket.
    Entries,
    /// The bytes of a function's policy.
    PolicyBytes,
    /// The rules in a Region.
    Rules,
}

impl ResourceQuota {
    /// The limit, the unit, and the fix.
    fn terms(self) -> (usize, &'static str, &'static str) {
        match self {
            Self::Entries => (
                MAX_ENTRIES,
                "entries",
                "AWS does not raise the limit: use fewer filters, or let EventBridge serve other destinations",
            ),
            Self::PolicyBytes => (
                MAX_POLICY_BYTES,
                "bytes",
                "AWS does not raise the limit: remove statements that nothing needs",
            ),
            Self::Rules => {
                (DEFAULT_MAX_RULES, "rules", "ask AWS for a higher quota, or set spec.backend to Scheduler")
            }
        }
    }
}

/// The check of `used` against a quota. `details` describes what is used.
pub fn check_quota(name: impl Into<String>, quota: ResourceQuota, used: usize, details: &str) -> Check {
    let (limit, unit, fix) = quota.terms();
    let message = format!("{used} of {limit} {unit}{details}");
    match () {
        // Only the quota of rules can be raised.
        () if used > limit => {
            Check::ok(name, format!("{used} {unit}{details}; AWS has raised the quota of {limit}"))
        }
        () if used * 100 >= limit * NEARLY_FULL => Check::failed(name, format!("{message}; {fix}")),
        () => Check::ok(name, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_is_nearly_full_fails() {
        let entries =
            |used| check_quota("bucket photos", ResourceQuota::Entries, used, ", 3 of this operator");
        assert_eq!(entries(89), Check::ok("bucket photos", "89 of 100 entries, 3 of this operator"));
        let fix =
            "AWS does not raise the limit: use fewer filters, or let EventBridge serve other destinations";
        let full = |used| {
            Check::failed("bucket photos", format!("{used} of 100 entries, 3 of this operator; {fix}"))
        };
        assert_eq!([entries(90), entries(100)], [full(90), full(100)]);
        let policy = |used| check_quota("policy", ResourceQuota::PolicyBytes, used, "").message;
        assert_eq!(policy(18_431), "18431 of 20480 bytes");
        let fix = "AWS does not raise the limit: remove statements that nothing needs";
        assert_eq!(policy(18_432), format!("18432 of 20480 bytes; {fix}"));
    }

    #[test]
    fn more_rules_than_the_default_quota_are_fine() {
        let rules = |used| check_quota("rules", ResourceQuota::Rules, used, "");
        let fix = "ask AWS for a higher quota, or set spec.backend to Scheduler";
        assert_eq!(rules(300), Check::failed("rules", format!("300 of 300 rules; {fix}")));
        assert_eq!(rules(301), Check::ok("rules", "301 rules; AWS has raised the quota of 300"));
    }
}
