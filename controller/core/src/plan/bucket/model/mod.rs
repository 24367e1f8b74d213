//! A model check of the bucket's worker.
//!
//! The model drives the real [`BucketSync`](super::BucketSync) in the same way as the operator's worker. Other
//! writers, S3 and the network act in between. The model checker explores every order of the [`Action`]s within
//! [`Bounds`]. Time is abstract: a timer fires at any moment that the assumptions permit.
//!
//! Assumptions about AWS: A read returns the current or the previous document. A PUT is atomic. A PUT takes effect
//! within the write grace period ([`Assumption::WithinGracePeriod`]), or at least before the orphan check
//! ([`Assumption::BeforeOrphanCheck`]).
//!
//! Assumptions about Kubernetes: The worker sees a deleted object at once. Other changes of an object reach the worker
//! with the object's next request.

mod checks;
mod state;
mod step;

use stateright::{Model, Property};

use super::Document;
pub use state::ModelState;
use state::{Answer, Asked, Grace, History, Object};

/// The maximum number of syncs to reach rest after the last fault.
const ENOUGH_SYNCS: u8 = 12;

/// The maximum number of each fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bounds {
    pub deletions: u8,
    pub tool_writes: u8,
    pub stale_reads: u8,
    pub lost_answers: u8,
    pub given_up: u8,
    pub crashes: u8,
}

/// The latest time for the effect of a PUT without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assumption {
    WithinGracePeriod,
    BeforeOrphanCheck,
}

/// The model: bounds and assumptions of an exploration.
#[derive(Clone, Debug)]
pub struct Buckets {
    pub bounds: Bounds,
    /// The number of objects, 1 or 2.
    pub objects: usize,
    /// The object whose entry S3 refuses, and with the entry each document.
    pub refused: Option<usize>,
    pub assumption: Assumption,
    /// True if the operator may revert a foreign write between a read and the effect of the following PUT.
    pub excuses_the_window: bool,
}

/// A transition. An object has its number; a PUT has its index in [`ModelState::puts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    // The operator's work and its results.
    /// An object sends its desired state to the worker: for the first time, after a failed request, or at a resync.
    Request { object: usize },
    /// The worker starts a sync: for requests, after the write grace period, or for the orphan check.
    Begin,
    /// The worker's read returns the current document.
    Read,
    /// A PUT takes effect.
    TakesEffect { put: usize },
    /// S3 refuses a PUT.
    Refuse { put: usize },
    /// S3 answers a PUT that has taken effect.
    Answer,
    /// A PUT without a waiting worker is lost and never takes effect.
    Vanish { put: usize },
    /// The write grace period ends.
    GraceTimer,
    /// The maximum lifetime of a PUT ends.
    LateTimer,

    // Faults and actions of the environment.
    /// A user deletes an object.
    Delete { object: usize },
    /// Another tool reads the document.
    ToolReads,
    /// The tool writes back its read with its own entry added or removed.
    ToolWrites,
    /// The worker's read returns the previous document.
    StaleRead,
    /// A PUT has taken effect, but its answer is lost.
    LoseAnswer,
    /// The worker stops waiting for an answer; the PUT is still in flight.
    GiveUp,
    /// The operator crashes, and its successor starts.
    Crash,
}

impl Model for Buckets {
    type State = ModelState;
    type Action = Action;

    fn init_states(&self) -> Vec<ModelState> {
        vec![ModelState::first(self.bounds, self.objects)]
    }

    fn actions(&self, state: &ModelState, actions: &mut Vec<Action>) {
        self.work(state, actions);
        self.faults(state, actions);
    }

    fn next_state(&self, state: &ModelState, action: Action) -> Option<ModelState> {
        Some(step::after(self, state, &action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NOT_UNDONE, |model: &Self, state: &ModelState| {
                let History { undone_outside, undone_in_window, restored: _ } = &state.history;
                !*undone_outside && (model.excuses_the_window || !*undone_in_window)
            }),
            Property::always(ONE_PUT, |_, state: &ModelState| state.awaits_at_most_one_put()),
            Property::always(NOTHING_OF_THE_GONE, |_, state: &ModelState| state.has_nothing_of_the_gone()),
            Property::always(RIGHT_AT_REST, |model: &Self, state: &ModelState| {
                !model.is_at_rest(state) || state.is_right(model)
            }),
            Property::always(COMES_TO_REST, |_, state: &ModelState| state.quiet_syncs < ENOUGH_SYNCS),
            Property::sometimes(IS_GONE, |_, state: &ModelState| state.objects.contains(&Object::Gone)),
            Property::sometimes(IS_BACK, |_, state: &ModelState| {
                (0..state.objects.len())
                    .any(|object| state.objects[object] == Object::Gone && state.shows(object))
            }),
        ]
    }
}

/// Except in the window that no client can close: a foreign write between a read and the effect of the following PUT.
/// The exception applies only if `excuses_the_window` is true.
const NOT_UNDONE: &str = "a PUT of ours undoes no foreign write";
const ONE_PUT: &str = "the worker sends no PUT while it waits for another";
/// Except entries that another writer restored without knowledge of the deletion ([`History::restored`]), and entries
/// that await the orphan check.
const NOTHING_OF_THE_GONE: &str = "when a finalizer is gone, nothing of its object is there, nor comes back";
const RIGHT_AT_REST: &str = "when nothing is left to do, the document is as everybody wants it";
const IS_GONE: &str = "a finalizer is gone";
const IS_BACK: &str = "a finalizer is gone, and something of its object is there again";
const COMES_TO_REST: &str = "there is nothing left to do after some rounds without faults";

impl Buckets {
    /// Adds the operator's actions.
    fn work(&self, state: &ModelState, actions: &mut Vec<Action>) {
        let may_be_late = self.assumption == Assumption::BeforeOrphanCheck;
        let it = &state.worker;
        if it.work.is_none() {
            for (object, requester) in it.requesters.iter().enumerate() {
                let wants_more = match requester.answer {
                    None => true,
                    Some(Answer::InGracePeriod) => false,
                    Some(Answer::Done) => it.known.as_ref() != Some(&state.bucket.current),
                };
                if state.objects[object] != Object::Gone && !requester.in_batch && wants_more {
                    actions.push(Action::Request { object });
                }
            }
            let is_asked = it.requesters.iter().any(|requester| requester.in_batch);
            if is_asked || it.grace == Grace::Over || state.is_orphan_check_due() {
                actions.push(Action::Begin);
            }
        }
        if it.work.as_ref().is_some_and(|work| !work.writes) {
            actions.push(Action::Read);
        }
        if state.puts.iter().any(|put| put.taken) {
            actions.push(Action::Answer);
        }
        if it.grace == Grace::Waiting && (may_be_late || !state.has_stray_put()) {
            actions.push(Action::GraceTimer);
        }
        if it.late && may_be_late && !state.has_stray_put() {
            actions.push(Action::LateTimer);
        }
        for (put, it) in state.puts.iter().enumerate() {
            match self.refuses(&it.document) {
                true if it.awaited => actions.push(Action::Refuse { put }),
                false if !it.taken => actions.push(Action::TakesEffect { put }),
                _ => {}
            }
            if !it.awaited {
                actions.push(Action::Vanish { put });
            }
        }
    }

    /// Adds the actions of the environment.
    fn faults(&self, state: &ModelState, actions: &mut Vec<Action>) {
        let left = &state.left;
        if left.deletions > 0 {
            // The objects are symmetric, so one deletion order is enough.
            let wanted = state.objects.iter().position(|object| *object == Object::Wanted);
            actions.extend(wanted.map(|object| Action::Delete { object }));
        }
        if left.tool_writes > 0 {
            let has_read_this = state.tool.read.as_ref() == Some(&state.bucket.current);
            actions.extend((!has_read_this).then_some(Action::ToolReads));
            actions.extend(state.tool.read.is_some().then_some(Action::ToolWrites));
        }
        let reads = state.worker.work.as_ref().is_some_and(|work| !work.writes);
        if left.stale_reads > 0 && reads && state.bucket.current != state.bucket.previous {
            actions.push(Action::StaleRead);
        }
        for put in state.puts.iter().filter(|put| put.awaited) {
            if left.lost_answers > 0 && put.taken {
                actions.push(Action::LoseAnswer);
            }
            if left.given_up > 0 && !put.taken {
                actions.push(Action::GiveUp);
            }
        }
        if left.crashes > 0 {
            actions.push(Action::Crash);
        }
    }

    /// True if S3 refuses the document.
    fn refuses(&self, document: &Document) -> bool {
        self.refused.is_some_and(|object| state::has(document, &state::entry(object)))
    }

    /// True if only faults are possible.
    fn is_at_rest(&self, state: &ModelState) -> bool {
        let mut actions = vec![];
        self.work(state, &mut actions);
        actions.is_empty()
    }
}

impl ModelState {
    fn is_orphan_check_due(&self) -> bool {
        self.has_orphan_check && !self.puts.iter().any(|put| put.delays_orphan_check)
    }

    fn awaits_at_most_one_put(&self) -> bool {
        self.puts.iter().filter(|put| put.awaited).count() <= 1
    }

    fn has_nothing_of_the_gone(&self) -> bool {
        let is_there =
            |object| self.shows(object) && !self.has_orphan_check && !self.history.restored.contains(&object);
        (0..self.objects.len()).all(|object| self.objects[object] != Object::Gone || !is_there(object))
    }

    /// True if the document and the objects are in their final state.
    ///
    /// All deleted objects have lost their finalizers. The document shows exactly the entries of the wanted objects.
    /// The last write of the tool is present, unless a PUT reverted the write in the window. A restored entry of a
    /// deleted object may stay only if no object names the bucket.
    fn is_right(&self, model: &Buckets) -> bool {
        let nobody_is_left = self.objects.iter().all(|object| *object == Object::Gone);
        let is_object_right = |object: usize| match self.objects[object] {
            Object::Wanted => self.shows(object) != (model.refused == Some(object)),
            Object::Deleted => false,
            Object::Gone => {
                !self.shows(object) || (nobody_is_left && self.history.restored.contains(&object))
            }
        };
        let has_tools = state::has(&self.bucket.current, &state::tools_entry());
        (0..self.objects.len()).all(is_object_right)
            && (has_tools == self.tool.has_entry || self.history.undone_in_window)
    }
}

impl Object {
    fn desired(self) -> Asked {
        if self == Self::Wanted { Asked::Entries } else { Asked::Nothing }
    }
}
