//! What Lambda does over time with a function: creations and updates that take a while, and may fail.
//! <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::wire::{Refusal, request_id};

/// How long a function stays `Pending` after its creation, or `InProgress` after an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// For so many reads: `GetFunction` and `GetFunctionConfiguration` of the function itself, not of a version or an alias.
    Reads(usize),
    /// For so long.
    Time(Duration),
    /// Until [`AwsProxy::finish_functions`](super::AwsProxy::finish_functions).
    Held,
}

impl Default for Pace {
    /// 200 ms: a moment, as on AWS for a function without a VPC.
    fn default() -> Self {
        Self::Time(Duration::from_millis(200))
    }
}

/// Why a creation or an update fails in the end, after it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `StateReasonCode` or `LastUpdateStatusReasonCode`, for instance `InvalidSubnet`.
    pub code: String,
    /// `StateReason` or `LastUpdateStatusReason`.
    pub reason: String,
}

impl Failure {
    /// A failure with AWS's code for it and its reason in words.
    pub fn new(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { code: code.into(), reason: reason.into() }
    }
}

/// What tests want of the functions of each account.
#[derive(Default)]
pub(crate) struct Wishes(Mutex<HashMap<String, Wish>>);

#[derive(Default)]
struct Wish {
    pace: Pace,
    /// How often held changes were let go.
    finished: usize,
    failures: Vec<(String, Failure)>,
    hides_environments: bool,
}

impl Wishes {
    fn with<T>(&self, account: &str, act: impl FnOnce(&mut Wish) -> T) -> T {
        let mut wishes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Whether the account's callers may not decrypt environments.
    pub fn hides_environments(&self, account: &str) -> bool {
        self.with(account, |wish| wish.hides_environments)
    }

    /// How often the account's held changes were let go.
    pub fn finished(&self, account: &str) -> usize {
        self.with(account, |wish| wish.finished)
    }

    /// Whether the next change of a function is to fail.
    pub fn dooms(&self, account: &str, function: &str) -> bool {
        self.with(account, |wish| wish.failures.iter().any(|(name, _)| name == function))
    }

    /// A change that begins now. It takes with it the failure that was wished for.
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

/// A creation or an update under way.
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

/// Where a function stands.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    Creating(Change),
    CreationFailed(Failure),
    Updating(Change),
    Ready,
    UpdateFailed(Failure),
}

/// A function's stage, and the revision that changes with it.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub stage: Stage,
    pub revision: String,
}

impl Life {
    pub fn new(stage: Stage) -> Self {
        Self { stage, revision: request_id() }
    }

    /// Ends a change that is due. `finished` is how often held ones were let go.
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

    /// Counts a read that saw the change under way.
    pub fn seen(&mut self) {
        if let Stage::Creating(change) | Stage::Updating(change) = &mut self.stage
            && let Until::Reads(left) = &mut change.until
        {
            *left = left.saturating_sub(1);
        }
    }

    /// Refuses what needs a function that is complete and at rest.
    pub fn check_at_rest(&self, arn: &str) -> Result<(), Refusal> {
        let why = match self.stage {
            Stage::Updating(_) => format!("An update is in progress for resource: {arn}"),
            _ => return self.check_invocable(),
        };
        Err(conflict(&why))
    }

    /// Refuses what needs a function that can run. While an update is in progress, the code and configuration before it run.
    pub fn check_invocable(&self) -> Result<(), Refusal> {
        let state = match self.stage {
            Stage::Creating(_) => "Pending",
            Stage::CreationFailed(_) => "Failed",
            Stage::Updating(_) | Stage::Ready | Stage::UpdateFailed(_) => return Ok(()),
        };
        Err(conflict(&format!("The function is currently in the following state: {state}")))
    }

    /// The members of a configuration that say where the function stands.
    pub fn members(&self) -> Value {
        let creating = "The function is being created.";
        match &self.stage {
            Stage::Creating(_) => {
                json!({"State": "Pending", "StateReason": creating, "StateReasonCode": "Creating"})
            }
            Stage::CreationFailed(Failure { code, reason }) => {
                json!({"State": "Failed", "StateReason": reason, "StateReasonCode": code})
            }
            // AWS speaks of creating here, too.
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
