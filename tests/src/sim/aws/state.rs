//! The state of AWS in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::SCHEDULER_ROLE;
use super::errors::Op;
use super::functions::Function;
use super::journal::{Applied, DocumentWrite, Effect, Writer};
use super::rates::Rates;
use super::rules::Rule;
use super::runs::Run;
use super::versioned::Versioned;
use crate::aws_proxy::arn::FunctionRef;
use crate::aws_proxy::function_state::Wishes;
use crate::aws_proxy::notification::Notification;
use crate::aws_proxy::policy::Policy;
use crate::aws_proxy::state::RuleKey;
use crate::aws_proxy::wire::Refusal;
use crate::scheduler::store::Scheduler;

/// The time of day at the start of a run, as in the simulated cluster.
const START: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// The answer to a call.
pub(super) type Answer<T> = Result<T, Refusal>;

/// The state of one account.
pub(super) struct AwsState {
    pub account: String,
    pub buckets: BTreeMap<String, Held>,
    /// Notification configurations by bucket.
    pub documents: Versioned<String, Notification>,
    /// ARNs to which S3 cannot deliver.
    pub broken: BTreeSet<String>,
    /// Prefixes of filters that S3 refuses.
    pub refused_prefixes: BTreeSet<String>,
    /// Functions by reference, without qualifiers.
    pub functions: Versioned<FunctionRef, Function>,
    /// Policies by reference, with qualifiers.
    pub policies: Versioned<FunctionRef, Policy>,
    pub rules: Versioned<RuleKey, Rule>,
    /// The schedules and the schedule groups.
    pub scheduler: Scheduler,
    /// Roles that EventBridge Scheduler can assume.
    pub scheduler_roles: BTreeSet<String>,
    /// The duration of function changes, and the planned failures.
    pub wishes: Wishes,
    /// Roles that Lambda cannot assume.
    pub unready_roles: BTreeSet<String>,
    /// The time from a due time of a rule until the run. AWS is precise to the minute.
    pub rule_delay: SignedDuration,
    /// Every run that invoked a function, in order.
    pub runs: Vec<Run>,
    pub rates: Rates,
    /// The time of the last write of another writer.
    pub outside_wrote: Option<Duration>,
    pub journal: Vec<Applied>,
    pub document_writes: Vec<DocumentWrite>,
    pub start: Instant,
}

/// A bucket.
pub(super) struct Held {
    pub owner: String,
    pub region: String,
    /// Objects by key and version, with the SHA-256 of their content.
    pub objects: BTreeMap<(String, Option<String>), String>,
}

impl AwsState {
    pub fn new(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            buckets: BTreeMap::new(),
            documents: Versioned::default(),
            broken: BTreeSet::new(),
            refused_prefixes: BTreeSet::new(),
            functions: Versioned::default(),
            policies: Versioned::default(),
            rules: Versioned::default(),
            scheduler: Scheduler::new(account),
            scheduler_roles: [SCHEDULER_ROLE.to_owned()].into(),
            wishes: Wishes::default(),
            unready_roles: BTreeSet::new(),
            rule_delay: SignedDuration::ZERO,
            runs: vec![],
            rates: Rates::default(),
            outside_wrote: None,
            journal: vec![],
            document_writes: vec![],
            start: Instant::now(),
        }
    }

    /// Ends all due changes of functions, and makes all due runs. Each read and each write needs this call first.
    pub fn age(&mut self) {
        self.run_until_now();
        let finished = self.wishes.finished(&self.account);
        for (_, function) in self.functions.age() {
            function.life.settle(finished);
        }
    }

    /// Records the effect of a call.
    pub fn note(&mut self, op: &Op, part: Option<&str>, effect: Effect) {
        let Op { by, action, on, write: _ } = op;
        let part = part.map(ToOwned::to_owned);
        if *by == Writer::Outside {
            self.outside_wrote = Some(self.start.elapsed());
        }
        self.journal.push(Applied { by: *by, action, on: on.clone(), part, effect });
    }

    /// The virtual time of day. The simulated cluster has the same clock, in whole seconds.
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.start.elapsed()).unwrap_or(SignedDuration::MAX);
        START.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// The virtual time as a date: `2026-01-01T00:00:01.500+0000`.
    pub fn date(&self) -> String {
        self.now().strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
    }
}
