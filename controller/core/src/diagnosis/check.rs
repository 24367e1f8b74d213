//! A check, and the numbers of all checks.

use std::fmt;

use serde::Serialize;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum CheckResult {
    /// The check failed, and a user must act.
    Failed,
    /// The check was not possible.
    Skipped,
    /// The check passed.
    Ok,
}

/// A check with its name, its result, and the finding or the fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The subject of the check.
    pub name: String,
    /// The result.
    pub result: CheckResult,
    /// The finding, or the reason of a failure and the fix.
    pub message: String,
    /// The commands that fix a failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

impl Check {
    fn new(result: CheckResult, name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), result, message: message.into(), commands: vec![] }
    }

    /// A check that passed.
    pub fn ok(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CheckResult::Ok, name, message)
    }

    /// A check that failed.
    pub fn failed(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CheckResult::Failed, name, message)
    }

    /// A check that was not possible.
    pub fn skipped(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CheckResult::Skipped, name, message)
    }
}

/// The numbers of checks by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The failed checks.
    pub failed: usize,
    /// The checks that were not possible.
    pub skipped: usize,
    /// The passed checks.
    pub ok: usize,
}

impl Summary {
    /// Counts the checks.
    pub fn new(checks: &[Check]) -> Self {
        let count = |result| checks.iter().filter(|check| check.result == result).count();
        Self {
            failed: count(CheckResult::Failed),
            skipped: count(CheckResult::Skipped),
            ok: count(CheckResult::Ok),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed, skipped, ok } = *self;
        let counts = [(failed, "failed"), (skipped, "skipped"), (ok, "ok")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, result)| format!("{count} {result}")).collect();
        f.write_str(&counts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_the_checks_by_result() {
        let checks = [
            Check::ok("a", ""),
            Check::failed("b", ""),
            Check::ok("c", ""),
            Check::skipped("d", ""),
            Check::ok("e", ""),
        ];
        assert_eq!(Summary::new(&checks), Summary { failed: 1, skipped: 1, ok: 3 });
        assert_eq!(Summary::new(&checks).to_string(), "1 failed, 1 skipped, 3 ok");
        assert_eq!(Summary::new(&checks[2..3]).to_string(), "1 ok");
    }
}
