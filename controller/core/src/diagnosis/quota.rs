//! The use of AWS quotas.

use super::Check;
use crate::quota::Quota;

/// The check of `used` against a quota. `details` describes what is used.
pub fn check_quota(name: impl Into<String>, quota: Quota, used: usize, details: &str) -> Check {
    let (limit, unit) = (quota.limit(), quota.unit());
    let message = format!("{used} of {limit} {unit}{details}");
    match () {
        () if quota.is_raised(used) => {
            Check::ok(name, format!("{used} {unit}{details}; AWS has raised the quota of {limit}"))
        }
        () if quota.is_nearly_full(used) => Check::failed(name, format!("{message}; {}", quota.remedy())),
        () => Check::ok(name, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_is_nearly_full_fails() {
        let entries = |used| check_quota("bucket photos", Quota::Entries, used, ", 3 of this operator");
        assert_eq!(entries(89), Check::ok("bucket photos", "89 of 100 entries, 3 of this operator"));
        let remedy = Quota::Entries.remedy();
        let message = format!("90 of 100 entries, 3 of this operator; {remedy}");
        assert_eq!(entries(90), Check::failed("bucket photos", message));
    }

    #[test]
    fn more_rules_than_the_default_quota_are_fine() {
        let rules = |used| check_quota("rules", Quota::Rules, used, "");
        let remedy = Quota::Rules.remedy();
        assert_eq!(rules(300), Check::failed("rules", format!("300 of 300 rules; {remedy}")));
        assert_eq!(rules(301), Check::ok("rules", "301 rules; AWS has raised the quota of 300"));
    }
}
