//! Faults for the calls of the simulated operator.
//!
//! Every call to AWS and to Kubernetes passes a [`CallInterceptor`], which records the call and applies the fault that
//! the plan of the run decides.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// The time after which a pending call of a dead operator is unwound.
const BURIED: Duration = Duration::from_secs(600);

/// The latency of each direction of a call, in milliseconds.
const LATENCY: std::ops::Range<u64> = 1..20;

/// A call, as the plan sees a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The number of the call in the run, from 0.
    pub number: usize,
    /// The operation: an IAM action such as `s3:PutBucketNotification`, or `kube:` with verb and resource, such as
    /// `kube:patch s3triggeredfunctions/status`.
    pub operation: String,
    /// The resource of the call: a function, a bucket, a rule, or the namespace and name of an object.
    pub on: String,
    /// True for a write.
    pub write: bool,
    /// The time of the call since the start of the run.
    pub at: Duration,
    /// The start of the operator that made the call, from 0.
    pub life: usize,
}

/// The fault that a call meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFault {
    /// No fault: the call succeeds.
    Pass,
    /// The operator crashes at this point of the call.
    Crash(CrashPoint),
    /// The server refuses the call and does nothing.
    Refuse(Refusal),
    /// The server performs the call, and the answer is lost.
    LostAnswer,
    /// The call gets no answer, and the server performs the call after this time.
    Late(Duration),
    /// The server performs the call twice, since the network repeated the request.
    Duplicate,
    /// The call gets no answer, and the server does nothing.
    Timeout,
    /// The request is not sent, and the operator knows this fact.
    Unsent,
    /// The call succeeds, and each direction takes this time.
    Slow(Duration),
    /// The server performs the call, and the answer is cut off.
    Truncated,
    /// A read returns the state before the last change.
    Stale,
}

/// The point of a call at which the operator crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Before the server performs the call.
    Before,
    /// After the server performed the call, without an answer.
    Applied,
    /// After the answer, before any later step of the operator.
    Answered,
}

/// A refusal, by HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 409.
    Conflict,
    /// 412.
    Precondition,
    /// 429.
    Throttled,
    /// 500.
    Server,
}

/// The outcome of a call, as the caller sees the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed<T> {
    /// The answer of the server.
    Answer(T),
    /// A refusal by plan.
    Refused(Refusal),
    /// No answer until the timeout of the caller.
    NoAnswer,
    /// The request was not sent.
    Unsent,
    /// An answer that is cut off.
    Truncated(T),
}

/// The state that a read sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The current state.
    Now,
    /// The state before the last change.
    Stale,
}

/// Decides the fault of each call.
pub trait Plan: Send {
    /// The fault of a call. The injector asks once for each call, in the order of the calls.
    fn fault(&mut self, call: &Call) -> CallFault;
}

impl<F: FnMut(&Call) -> CallFault + Send> Plan for F {
    fn fault(&mut self, call: &Call) -> CallFault {
        self(call)
    }
}

/// The fault injector of one run.
#[derive(Clone)]
pub struct FaultInjector(Arc<Shared>);

struct Shared {
    start: Instant,
    state: Mutex<InjectorState>,
}

struct InjectorState {
    plan: Box<dyn Plan>,
    random: StdRng,
    calls: Vec<Call>,
    /// The time of the last untrue answer, or of the last late write.
    untrue: Option<Duration>,
    made: usize,
    lives: usize,
}

impl FaultInjector {
    /// Creates the injector of a run. Call this function while tokio's time is paused.
    pub fn new(seed: u64, plan: impl Plan + 'static) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let state =
            InjectorState { plan: Box::new(plan), random, calls: vec![], untrue: None, made: 0, lives: 0 };
        Self(Arc::new(Shared { start: Instant::now(), state: Mutex::new(state) }))
    }

    /// Opens the interceptor of a new start of the operator.
    pub fn open(&self) -> CallInterceptor {
        let mut state = self.0.lock();
        let life = state.lives;
        state.lives += 1;
        CallInterceptor { shared: self.0.clone(), life, alive: watch::Sender::new(true) }
    }

    /// Replaces the plan for all later calls.
    pub fn set_plan(&self, plan: impl Plan + 'static) {
        self.0.lock().plan = Box::new(plan);
    }

    /// Forgets the calls until now, but keeps their number.
    pub fn forget(&self) {
        self.0.lock().calls.clear();
    }

    /// All recorded calls.
    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().calls.clone()
    }

    /// The number of calls, including forgotten calls.
    pub fn count(&self) -> usize {
        self.0.lock().made
    }

    /// The time of the last stale read, of the last planned 404, or of the last late write. `None` without any of these
    /// faults.
    pub fn untrue(&self) -> Option<Duration> {
        self.0.lock().untrue
    }

    /// The time since the start of the run.
    pub fn elapsed(&self) -> Duration {
        self.0.start.elapsed()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, InjectorState> {
        self.state.lock()
    }
}

/// The interceptor of one start of the operator.
#[derive(Clone)]
pub struct CallInterceptor {
    shared: Arc<Shared>,
    life: usize,
    alive: watch::Sender<bool>,
}

impl CallInterceptor {
    /// Ends this start of the operator. Later calls do not run, and calls in flight get no answer.
    pub fn kill(&self) {
        self.alive.send_replace(false);
    }

    /// Waits until [`CallInterceptor::kill`].
    pub async fn killed(&self) {
        // The sender lives as long as this interceptor.
        let _ = self.alive.subscribe().wait_for(|alive| !alive).await;
    }

    /// Passes a call with the fault of the plan. `perform` runs the call in memory without delay. By plan, `perform`
    /// runs not at all, twice, or later, when the operator may be dead.
    pub async fn pass<T: Send + 'static>(
        &self,
        operation: &str,
        on: &str,
        write: bool,
        perform: impl Fn(View) -> T + Send + 'static,
    ) -> Passed<T> {
        self.still_alive().await;
        let (fault, there, back) = self.fault(operation, on, write);
        let travel = async |time| {
            sleep(time).await;
            self.still_alive().await;
        };
        if fault == CallFault::Crash(CrashPoint::Before) {
            self.kill();
        }
        travel(there).await;
        let passed = match fault {
            CallFault::Pass | CallFault::Slow(_) => Passed::Answer(perform(View::Now)),
            CallFault::Crash(moment) => {
                let answer = perform(View::Now);
                self.kill();
                if moment == CrashPoint::Answered {
                    return Passed::Answer(answer);
                }
                Passed::NoAnswer
            }
            CallFault::Refuse(refusal) => Passed::Refused(refusal),
            CallFault::LostAnswer => {
                perform(View::Now);
                Passed::NoAnswer
            }
            CallFault::Late(time) => {
                tokio::spawn(async move {
                    sleep(time).await;
                    perform(View::Now);
                });
                Passed::NoAnswer
            }
            CallFault::Duplicate => {
                let answer = perform(View::Now);
                perform(View::Now);
                Passed::Answer(answer)
            }
            CallFault::Timeout => Passed::NoAnswer,
            CallFault::Unsent => Passed::Unsent,
            CallFault::Truncated => Passed::Truncated(perform(View::Now)),
            CallFault::Stale => Passed::Answer(perform(View::Stale)),
        };
        travel(back).await;
        passed
    }

    fn fault(&self, operation: &str, on: &str, write: bool) -> (CallFault, Duration, Duration) {
        let mut state = self.shared.lock();
        let call = Call {
            number: state.made,
            operation: operation.into(),
            on: on.into(),
            write,
            at: self.shared.start.elapsed(),
            life: self.life,
        };
        let fault = state.plan.fault(&call);
        let untrue = match fault {
            CallFault::Stale | CallFault::Refuse(Refusal::NotFound) => Some(call.at),
            CallFault::Late(time) => Some(call.at + time),
            _ => None,
        };
        state.untrue = state.untrue.max(untrue);
        state.calls.push(call);
        state.made += 1;
        let mut way = || match fault {
            CallFault::Slow(time) => time,
            _ => Duration::from_millis(state.random.random_range(LATENCY)),
        };
        (fault, way(), way())
    }

    /// Stops the caller if the operator is dead. The futures of a dead operator are dropped with the operator. A
    /// spawned task is unwound after a while, so that the task does not hold memory for ever.
    async fn still_alive(&self) {
        if !*self.alive.borrow() {
            sleep(BURIED).await;
            resume_unwind(Box::new("a call of an operator that is dead"));
        }
    }
}
