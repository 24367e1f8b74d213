//! A check of the doctor, and its line in the output.

use std::fmt;

use lambda_triggers_core::status::Component;

use crate::aws::AwsError;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// The check passed.
    Ok,
    /// The check failed, and a user must act.
    Failed,
    /// The check was not possible.
    Skipped,
}

/// A check with the result, the subject, and the finding or the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The result.
    pub state: CheckState,
    /// The subject of the check.
    pub what: String,
    /// The finding, or the reason of a failure and the fix.
    pub said: String,
}

impl Check {
    fn new(state: CheckState, what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { state, what: what.into(), said: said.into() }
    }

    /// A check that passed.
    pub fn ok(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self::new(CheckState::Ok, what, said)
    }

    /// A check that failed.
    pub fn failed(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self::new(CheckState::Failed, what, said)
    }

    /// A check that was not possible.
    pub fn skipped(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self::new(CheckState::Skipped, what, said)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, what, said } = self;
        let state = match state {
            CheckState::Ok => "ok",
            CheckState::Failed => "failed",
            CheckState::Skipped => "skipped",
        };
        write!(f, "{state:<8} {what}: {said}")
    }
}

/// The check of a call that only reads. An error is the message of a resource that needs the call.
pub fn read<T>(
    what: &str,
    answer: Result<T, AwsError>,
    component: Component,
    finding: impl FnOnce(T) -> String,
) -> Check {
    match answer {
        Ok(found) => Check::ok(what, finding(found)),
        Err(error) => Check::failed(what, error.failure(component).message),
    }
}
