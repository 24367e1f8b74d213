//! The way out of the simulated operator: every call to AWS and to Kubernetes passes a interceptor, which records it and does with
//! it what the plan of the run says.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// What a dead operator has begun is gone after this time.
const BURIED: Duration = Duration::from_secs(600);

/// One way of a call, there or back, takes up to so many milliseconds.
const LATENCY: std::ops::Range<u64> = 1..20;

/// A call as the plan sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its place among all calls of the run, from 0.
    pub number: usize,
    /// What is asked: an action of IAM, as `s3:PutBucketNotification`, or `kube:` with the verb and the resource, as
    /// `kube:patch s3triggeredfunctions/status`.
    pub operation: String,
    /// What it is asked of: a function, a bucket, a rule, or namespace and name of an object.
    pub on: String,
    /// Whether it changes anything.
    pub write: bool,
    /// When it was made, since the start of the run.
    pub at: Duration,
    /// Which start of the operator made it, from 0.
    pub life: usize,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFault {
    /// It is done and answered.
    Pass,
    /// The operator dies at this moment of it.
    Crash(CrashPoint),
    /// It is refused, and nothing is done.
    Refuse(Refusal),
    /// It is done, and its answer is lost.
    LostAnswer,
    /// It gets no answer, and is done after this time.
    Late(Duration),
    /// It is done twice, as by a network that repeats it.
    Duplicate,
    /// It is neither done nor answered.
    Timeout,
    /// It is not sent, and the operator knows that.
    Unsent,
    /// It is done and answered, each way in this time.
    Slow(Duration),
    /// It is done, and its answer is cut off.
    Truncated,
    /// A read answers what was there before the last change.
    Stale,
}

/// A moment of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Nothing is done.
    Before,
    /// It is done, and the operator does not hear of it.
    Applied,
    /// The operator has the answer, and does nothing more.
    Answered,
}

/// A refusal, by its HTTP status.
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

/// What a caller learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed<T> {
    /// What the world answered.
    Answer(T),
    /// A refusal by plan.
    Refused(Refusal),
    /// Nothing, until it gives up.
    NoAnswer,
    /// The call was not sent.
    Unsent,
    /// A part of the answer.
    Truncated(T),
}

/// What a read sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The world as it is.
    Now,
    /// The world before its last change.
    Stale,
}

/// Decides what becomes of calls.
pub trait Plan: Send {
    /// The fault on a call, asked once for each, in the order in which they are made.
    fn fault(&mut self, call: &Call) -> CallFault;
}

impl<F: FnMut(&Call) -> CallFault + Send> Plan for F {
    fn fault(&mut self, call: &Call) -> CallFault {
        self(call)
    }
}

/// The injector of one run.
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
    /// When something untrue was last answered, or a write took effect whose answer nobody waits for any more.
    untrue: Option<Duration>,
    made: usize,
    lives: usize,
}

impl FaultInjector {
    /// The injector of a run with this seed and plan. To be made where tokio's time is paused.
    pub fn new(seed: u64, plan: impl Plan + 'static) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let state =
            InjectorState { plan: Box::new(plan), random, calls: vec![], untrue: None, made: 0, lives: 0 };
        Self(Arc::new(Shared { start: Instant::now(), state: Mutex::new(state) }))
    }

    /// The interceptor of a new start of the operator.
    pub fn open(&self) -> CallInterceptor {
        let mut state = self.0.lock();
        let life = state.lives;
        state.lives += 1;
        CallInterceptor { shared: self.0.clone(), life, alive: watch::Sender::new(true) }
    }

    /// From here on, this plan decides.
    pub fn set_plan(&self, plan: impl Plan + 'static) {
        self.0.lock().plan = Box::new(plan);
    }

    /// Forgets the calls so far, but not their number.
    pub fn forget(&self) {
        self.0.lock().calls.clear();
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().calls.clone()
    }

    /// The number of calls so far.
    pub fn count(&self) -> usize {
        self.0.lock().made
    }

    /// When a read was last answered with what was there before, a call with a 404 that was not so, or when a late write
    /// takes effect; none where that never was.
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Ends this start of the operator: no call of it comes through any more, and none under way is answered.
    pub fn kill(&self) {
        self.alive.send_replace(false);
    }

    /// Waits until it is killed.
    pub async fn killed(&self) {
        // The sender lives as long as this interceptor does.
        let _ = self.alive.subscribe().wait_for(|alive| !alive).await;
    }

    /// Lets a call through as the plan says. `perform` does it, at once, in the world; where the plan says so, not at all,
    /// twice, or later, when the operator may be gone.
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

    /// What is dead does not go on. The futures of a dead operator are dropped with it; a task that it has begun is none of
    /// those, and is unwound after a while, without a word, so that it holds no memory for ever.
    async fn still_alive(&self) {
        if !*self.alive.borrow() {
            sleep(BURIED).await;
            resume_unwind(Box::new("a call of an operator that is dead"));
        }
    }
}
