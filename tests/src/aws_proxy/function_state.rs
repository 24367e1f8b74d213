//! The states of a function over time: creations and updates take a while and may fail.
//! <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::wire::{Refusal, request_id};

/// How long a function stays `Pending` after its creation, or `InProgress` after an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// For a number of reads: `GetFunction` and `GetFunctionConfiguration` of the function itself, not of a version or
    /// an alias.
    Reads(usize),
    /// For a duration.
    Time(Duration),
    /// Until [`AwsProxy::finish_functions`](super::AwsProxy::finish_functions).
    Held,
}

impl Default for Pace {
    /// 200 ms: short, as on AWS for a function without a VPC.
    fn default() -> Self {
        Self::Time(Duration::from_millis(200))
    }
}

/// The reason why an accepted creation or update fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `StateReasonCode` or `LastUpdateStatusReasonCode`, for instance `InvalidSubnet`.
    pub code: String,
    /// `StateReason` or `LastUpdateStatusReason`.
    pub reason: String,
}

impl Failure {
    /// A failure with AWS's reason code and reason text.
    pub fn new(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { code: code.into(), reason: reason.into() }
    }
}

/// Settings by tests for the functions of each account.
#[derive(Default)]
pub(crate) struct Wishes(Mutex<HashMap<String, Wish>>);

#[derive(Default)]
struct Wish {
    pace: Pace,
    /// How often held changes were completed.
    finished: usize,
    failures: Vec<(String, Failure)>,
    hides_environments: bool,
}

impl Wishes {
    fn with<T>(&self, account: &str, act: impl FnOnce(&mut Wish) -> T) -> T {
        let mut wishes = self.0.lock();
        act(wishes.entry(account.to_owned()).or_default())
    }

    pub fn set_pace(&self, account: &str, pace: Pace) {
        self.with(account, |wish| wish.pace = pace);
    }

    pub fn finish(&self, account: &str) {
        self.with(account, |wish| wish.finished += 1);
    }

    pub fn fail(&self, account: &str, function: &str, failure: Failure) {
        self.with(account, |wish| wish.failures.push((function.to_owned(), failure)));
    }

    pub fn hide_environments(&self, account: &str, hides: bool) {
        self.with(account, |wish| wish.hides_environments = hides);
    }

    /// True if the account's callers may not decrypt environments.
    pub fn hides_environments(&self, account: &str) -> bool {
        self.with(account, |wish| wish.hides_environments)
    }

    /// How often the account's held changes were completed.
    pub fn finished(&self, account: &str) -> usize {
        self.with(account, |wish| wish.finished)
    }

    /// True if the next change of the function fails.
    pub fn dooms(&self, account: &str, function: &str) -> bool {
        self.with(account, |wish| wish.failures.iter().any(|(name, _)| name == function))
    }

    /// Starts a change. The change uses up a failure that a test requested for the function.
    pub fn change(&self, account: &str, function: &str) -> Change {
        self.with(account, |wish| {
            let doomed = wish.failures.iter().position(|(name, _)| name == function);
            Change {
                failure: doomed.map(|index| wish.failures.remove(index).1),
                until: match wish.pace {
                    Pace::Reads(reads) => Until::Reads(reads),
                    Pace::Time(duration) => Until::Time(Instant::now() + duration),
                    Pace::Held => Until::Finished(wish.finished + 1),
                },
            }
        })
    }
}

/// A creation or an update in progress.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    failure: Option<Failure>,
    until: Until,
}

#[derive(Clone, Debug)]
enum Until {
    Reads(usize),
    Time(Instant),
    Finished(usize),
}

/// The state of a function.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    Creating(Change),
    CreationFailed(Failure),
    Updating(Change),
    Ready,
    UpdateFailed(Failure),
}

/// The stage of a function, and the revision that changes with the stage.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub stage: Stage,
    pub revision: String,
}

impl Life {
    pub fn new(stage: Stage) -> Self {
        Self { stage, revision: request_id() }
    }

    /// Ends a change that is due. `finished` counts the releases of held changes.
    pub fn settle(&mut self, finished: usize) {
        let (Stage::Creating(change) | Stage::Updating(change)) = &self.stage else {
            return;
        };
        let due = match change.until {
            Until::Reads(left) => left == 0,
            Until::Time(end) => Instant::now() >= end,
            Until::Finished(turn) => finished >= turn,
        };
        if due {
            let failure = change.failure.clone();
            let creating = matches!(self.stage, Stage::Creating(_));
            *self = Self::new(match failure {
                None => Stage::Ready,
                Some(failure) if creating => Stage::CreationFailed(failure),
                Some(failure) => Stage::UpdateFailed(failure),
            });
        }
    }

    /// Counts a read that saw the change in progress.
    pub fn seen(&mut self) {
        if let Stage::Creating(change) | Stage::Updating(change) = &mut self.stage
            && let Until::Reads(left) = &mut change.until
        {
            *left = left.saturating_sub(1);
        }
    }

    /// Refuses a request that needs a complete function without a change in progress.
    pub fn check_at_rest(&self, arn: &str) -> Result<(), Refusal> {
        let why = match self.stage {
            Stage::Updating(_) => format!("An update is in progress for resource: {arn}"),
            _ => return self.check_invocable(),
        };
        Err(conflict(&why))
    }

    /// Refuses an invocation of a function that cannot run. During an update, the previous code and configuration run.
    pub fn check_invocable(&self) -> Result<(), Refusal> {
        let state = match self.stage {
            Stage::Creating(_) => "Pending",
            Stage::CreationFailed(_) => "Failed",
            Stage::Updating(_) | Stage::Ready | Stage::UpdateFailed(_) => return Ok(()),
        };
        Err(conflict(&format!("The function is currently in the following state: {state}")))
    }

    /// The state members of a function's configuration.
    pub fn members(&self) -> Value {
        let creating = "The function is being created.";
        match &self.stage {
            Stage::Creating(_) => {
                json!({"State": "Pending", "StateReason": creating, "StateReasonCode": "Creating"})
            }
            Stage::CreationFailed(Failure { code, reason }) => {
                json!({"State": "Failed", "StateReason": reason, "StateReasonCode": code})
            }
            // AWS reports `Creating` for updates, too.
            Stage::Updating(_) => json!({
                "State": "Active",
                "LastUpdateStatus": "InProgress",
                "LastUpdateStatusReason": creating,
                "LastUpdateStatusReasonCode": "Creating",
            }),
            Stage::Ready => json!({"State": "Active", "LastUpdateStatus": "Successful"}),
            Stage::UpdateFailed(Failure { code, reason }) => json!({
                "State": "Active",
                "LastUpdateStatus": "Failed",
                "LastUpdateStatusReason": reason,
                "LastUpdateStatusReasonCode": code,
            }),
        }
    }
}

fn conflict(why: &str) -> Refusal {
    let text = format!("The operation cannot be performed at this time. {why}");
    Refusal::new(409, "ResourceConflictException", text)
}
