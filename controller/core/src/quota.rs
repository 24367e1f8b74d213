//! The AWS quotas that stop the operator, beside the quotas of calls.

use crate::plan::bucket::MAX_ENTRIES;
use crate::plan::permission::MAX_POLICY_BYTES;
use crate::plan::rule::DEFAULT_MAX_RULES;

/// The share of a quota from which a user should act, in percent.
const NEARLY_FULL: usize = 90;

/// A quota on a resource in AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// The entries of a bucket.
    Entries,
    /// The bytes of a function's policy.
    PolicyBytes,
    /// The rules in a Region, all owners together. AWS raises this quota for an account on request.
    Rules,
}

impl Quota {
    /// The limit, without a raise by AWS.
    pub fn limit(self) -> usize {
        match self {
            Self::Entries => MAX_ENTRIES,
            Self::PolicyBytes => MAX_POLICY_BYTES,
            Self::Rules => DEFAULT_MAX_RULES,
        }
    }

    /// What the quota counts.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::PolicyBytes => "bytes",
            Self::Rules => "rules",
        }
    }

    /// What to do before the quota is used up.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Entries => {
                "AWS does not raise the limit: use fewer filters, or let EventBridge serve other destinations"
            }
            Self::PolicyBytes => {
                "AWS does not raise the limit: remove statements that nothing needs, or name an alias, which has a \
                 policy of its own"
            }
            Self::Rules => "ask AWS for a higher quota, or set spec.backend to Scheduler",
        }
    }

    /// True if the use leaves little room.
    pub fn is_nearly_full(self, used: usize) -> bool {
        used * 100 >= self.limit() * NEARLY_FULL
    }

    /// True if the use proves that AWS has raised the quota.
    pub fn is_raised(self, used: usize) -> bool {
        used > self.limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_tenths_of_a_quota_are_nearly_full() {
        for (quota, first) in [(Quota::Entries, 90), (Quota::PolicyBytes, 18_432), (Quota::Rules, 270)] {
            assert_eq!([first - 1, first].map(|used| quota.is_nearly_full(used)), [false, true], "{quota:?}");
        }
    }

    #[test]
    fn more_than_the_limit_proves_a_raise() {
        assert_eq!([300, 301].map(|used| Quota::Rules.is_raised(used)), [false, true]);
    }
}
