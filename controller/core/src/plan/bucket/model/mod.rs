//! A model check of the bucket's worker: [`BucketSync`](super::BucketSync) itself, driven as the operator's worker drives it, among
//! everything that others, S3 and the network may do in between.
//!
//! Every order of the [`Action`]s is explored, within [`Bounds`]. Time is abstract: a timer goes off at any moment that
//! what is assumed of it allows.
//!
//! Assumed of AWS: a read answers the document that is there or the one before it; a PUT takes effect at once as a whole,
//! within the settle time ([`Assumption::WithinGracePeriod`]) or at least before the second look
//! ([`Assumption::BeforeOrphanCheck`]).
//! Assumed of Kubernetes: a worker sees at once that an object is gone; what else an object wants, it hears when asked.

mod checks;
mod state;
mod step;

use stateright::{Model, Property};

pub use state::ModelState;
use state::{Answer, Asked, Grace, History, Object};

/// Rounds that are enough, once nothing happens any more that is nobody's work.
const ENOUGH_SYNCS: u8 = 12;

/// How often each of the things may happen that are nobody's work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bounds {
    pub deletions: u8,
    pub tool_writes: u8,
    pub stale_reads: u8,
    pub lost_answers: u8,
    pub given_up: u8,
    pub crashes: u8,
    pub second_operators: u8,
    pub stops: u8,
}

/// By when a PUT that has no answer takes effect, if it ever does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assumption {
    WithinGracePeriod,
    BeforeOrphanCheck,
}

/// What is explored.
#[derive(Clone, Debug)]
pub struct Buckets {
    pub bounds: Bounds,
    /// 1 or 2.
    pub objects: usize,
    pub assumption: Assumption,
    /// Whether a foreign write may be undone that came between our read and our PUT's taking effect.
    pub excuses_the_window: bool,
}

/// One thing that happens. Workers and objects are told by their numbers, PUTs by their place in [`ModelState::puts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    // The operator's work, and what comes of it.
    /// An object asks the worker of an operator for what it wants: at first, when it was not granted, or as it sees to
    /// it from time to time that nobody has changed the bucket.
    Reference { worker: usize, object: usize },
    /// A worker begins a round: for those who have asked, since the settle time is over, or for the second look.
    Begin { worker: usize },
    /// A worker's read is answered with the document that is there.
    Read { worker: usize },
    /// A PUT takes effect.
    TakesEffect { put: usize },
    /// A PUT that has taken effect is answered.
    Answer { worker: usize },
    /// A PUT for which nobody waits is lost: it will never take effect.
    Vanish { put: usize },
    /// The settle time is over.
    GraceTimer { worker: usize },
    /// The time is over in which a PUT may take effect at all.
    LateTimer { worker: usize },

    // What is nobody's work.
    /// Somebody deletes an object.
    Delete { object: usize },
    /// Another tool reads the document.
    ToolReads,
    /// It writes what it read, with its own entry added or removed.
    ToolWrites,
    /// A worker's read is answered with the document from before.
    StaleRead { worker: usize },
    /// A PUT has taken effect, and its answer is lost.
    LoseAnswer { worker: usize },
    /// A worker waits no longer for an answer; the PUT is still on its way.
    GiveUp { worker: usize },
    /// An operator ends at once, and the next one starts in its place.
    Crash { worker: usize },
    /// A second operator is started by mistake, with the same owner id.
    StartSecond,
    /// One of two operators ends.
    Stop { worker: usize },
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
            Property::always(ONE_PUT, |_, state: &ModelState| state.has_at_most_one_put_each()),
            Property::always(NOTHING_OF_THE_GONE, |_, state: &ModelState| state.has_nothing_of_the_gone()),
            Property::always(RIGHT_AT_REST, |model: &Self, state: &ModelState| {
                !model.is_at_rest(state) || state.is_right()
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

/// But for the one window that no client can close, where that is excused: a foreign write between our read and our
/// PUT's taking effect.
const NOT_UNDONE: &str = "a PUT of ours undoes no foreign write";
const ONE_PUT: &str = "no worker sends a PUT while it waits for another";
/// But for what somebody has written back who could not know better ([`History::restored`]), and, where a PUT may take
/// effect after the settle time, what is has_orphan_check for the second look.
const NOTHING_OF_THE_GONE: &str = "when a finalizer is gone, nothing of its object is there, nor comes back";
const RIGHT_AT_REST: &str = "when nothing is left to do, the document is as everybody wants it";
const IS_GONE: &str = "a finalizer is gone";
const IS_BACK: &str = "a finalizer is gone, and something of its object is there again";
const COMES_TO_REST: &str = "there is nothing left to do after some rounds without faults";

impl Buckets {
    /// What happens by itself.
    fn work(&self, state: &ModelState, actions: &mut Vec<Action>) {
        let may_be_late = self.assumption == Assumption::BeforeOrphanCheck;
        for (worker, it) in state.workers.iter().enumerate() {
            if it.is_idle() {
                for (object, requester) in it.requesters.iter().enumerate() {
                    let wants_more = match requester.answer {
                        None => true,
                        Some(Answer::InGracePeriod) => false,
                        Some(Answer::Done) => it.known.as_ref() != Some(&state.bucket.current),
                    };
                    if state.objects[object] != Object::Gone && !requester.in_batch && wants_more {
                        actions.push(Action::Reference { worker, object });
                    }
                }
                let is_asked = it.requesters.iter().any(|requester| requester.in_batch);
                if is_asked || it.grace == Grace::Over || state.is_orphan_check_due() {
                    actions.push(Action::Begin { worker });
                }
            }
            if it.work.as_ref().is_some_and(|work| !work.writes) {
                actions.push(Action::Read { worker });
            }
            if state.puts.iter().any(|put| put.worker == worker && put.taken) {
                actions.push(Action::Answer { worker });
            }
            if it.runs && it.grace == Grace::Waiting && (may_be_late || !state.has_stray_put()) {
                actions.push(Action::GraceTimer { worker });
            }
            if it.runs && it.late && may_be_late && !state.has_stray_put() {
                actions.push(Action::LateTimer { worker });
            }
        }
        for (put, it) in state.puts.iter().enumerate() {
            if !it.taken {
                actions.push(Action::TakesEffect { put });
            }
            if !it.awaited {
                actions.push(Action::Vanish { put });
            }
        }
    }

    /// What else may happen.
    fn faults(&self, state: &ModelState, actions: &mut Vec<Action>) {
        let left = &state.left;
        if left.deletions > 0 {
            // The objects are alike: it makes no difference which goes first.
            let wanted = state.objects.iter().position(|object| *object == Object::Wanted);
            actions.extend(wanted.map(|object| Action::Delete { object }));
        }
        if left.tool_writes > 0 {
            let has_read_this = state.tool.read.as_ref() == Some(&state.bucket.current);
            actions.extend((!has_read_this).then_some(Action::ToolReads));
            actions.extend(state.tool.read.is_some().then_some(Action::ToolWrites));
        }
        for (worker, it) in state.workers.iter().enumerate().filter(|(_, it)| it.runs) {
            let reads = it.work.as_ref().is_some_and(|work| !work.writes);
            if left.stale_reads > 0 && reads && state.bucket.current != state.bucket.previous {
                actions.push(Action::StaleRead { worker });
            }
            for put in state.puts.iter().filter(|put| put.worker == worker && put.awaited) {
                if left.lost_answers > 0 && put.taken {
                    actions.push(Action::LoseAnswer { worker });
                }
                if left.given_up > 0 && !put.taken {
                    actions.push(Action::GiveUp { worker });
                }
            }
            if left.crashes > 0 {
                actions.push(Action::Crash { worker });
            }
            if left.stops > 0 && state.workers.iter().all(|worker| worker.runs) {
                actions.push(Action::Stop { worker });
            }
        }
        if left.second_operators > 0 {
            actions.push(Action::StartSecond);
        }
    }

    /// Whether only faults are left to happen.
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

    fn has_at_most_one_put_each(&self) -> bool {
        let awaited = |worker| self.puts.iter().filter(|put| put.worker == worker && put.awaited).count();
        (0..self.workers.len()).all(|worker| awaited(worker) <= 1)
    }

    fn has_nothing_of_the_gone(&self) -> bool {
        let is_there =
            |object| self.shows(object) && !self.has_orphan_check && !self.history.restored.contains(&object);
        (0..self.objects.len()).all(|object| self.objects[object] != Object::Gone || !is_there(object))
    }

    /// Whether all finalizers that should be are gone, the entries of those objects that are there show, and no others
    /// of ours, and the last write of the tool stands, unless it fell into the window. What was written back of
    /// a gone object stays only if no object is left that names the bucket.
    fn is_right(&self) -> bool {
        let nobody_is_left = self.objects.iter().all(|object| *object == Object::Gone);
        let is_object_right = |object: usize| match self.objects[object] {
            Object::Wanted => self.shows(object),
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
    fn wish(self) -> Asked {
        if self == Self::Wanted { Asked::Entries } else { Asked::Nothing }
    }
}
