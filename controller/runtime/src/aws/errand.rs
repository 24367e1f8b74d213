//! What AWS is called for: in which lane a call waits until the quota allows it, and how long that took, which is no
//! work and counts as none; and whether an answer to somebody else will do.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lambda_triggers_core::plan::queue::Lane;
use tokio::time::{Instant, timeout};

/// Work that is out of time is given up at the latest after this time: by then it is known whether it waited.
const SHORTEST: Duration = Duration::from_millis(100);

tokio::task_local! {
    static ERRAND: Arc<Errand>;
}

/// The work on an object, or on several, that AWS is called for.
#[derive(Debug)]
pub struct Errand {
    /// The namespace in whose turn it is served.
    pub namespace: String,
    is_edit: AtomicBool,
    waits: Mutex<Waits>,
    sharing: Mutex<Sharing>,
    /// Those that wait while this one does.
    behalf: Vec<Arc<Errand>>,
}

#[derive(Debug, Default)]
struct Waits {
    /// All that have ended, together.
    ended: Duration,
    under_way: u32,
    since: Option<Instant>,
}

#[derive(Debug, Default)]
struct Sharing {
    /// Answers that were asked for since then will do.
    since: Option<Instant>,
    /// Those that were asked for since then are as good as its own.
    anew_since: Option<Instant>,
    /// Whether it has had one.
    has_shared: bool,
}

/// A wait, until it is dropped.
#[derive(Debug)]
pub struct Wait(Arc<Errand>);

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Errand {
    /// The work on an object of this namespace.
    pub fn new(namespace: impl Into<String>, lane: Lane) -> Arc<Self> {
        Self::on_behalf_of(namespace.into(), lane, vec![])
    }

    /// One for all of these: an edit, if one of them is.
    pub fn for_all(errands: Vec<Arc<Errand>>) -> Arc<Self> {
        let is_edit = |errand: &Arc<Self>| errand.lane() == Lane::Edit;
        let first = errands.iter().find(|errand| is_edit(errand)).or(errands.first());
        let (namespace, lane) =
            first.map_or((String::new(), Lane::Sweep), |first| (first.namespace.clone(), first.lane()));
        Self::on_behalf_of(namespace, lane, errands)
    }

    fn on_behalf_of(namespace: String, lane: Lane, behalf: Vec<Arc<Errand>>) -> Arc<Self> {
        let is_edit = AtomicBool::new(lane == Lane::Edit);
        Arc::new(Self { namespace, is_edit, waits: Mutex::default(), sharing: Mutex::default(), behalf })
    }

    /// The one that is run now. Somebody waits for what is done for no object.
    pub fn current() -> Arc<Self> {
        ERRAND.try_with(Clone::clone).unwrap_or_else(|_| Self::new("", Lane::Edit))
    }

    /// Has `work` be done as this one.
    pub async fn scope<T>(self: Arc<Self>, work: impl Future<Output = T>) -> T {
        ERRAND.scope(self, work).await
    }

    /// The lane that its calls wait in.
    pub fn lane(&self) -> Lane {
        if self.is_edit.load(Ordering::Acquire) { Lane::Edit } else { Lane::Sweep }
    }

    /// Has its next calls wait with those of edits.
    pub fn promote(&self) {
        self.is_edit.store(true, Ordering::Release);
    }

    /// Lets answers do from here on that somebody else has asked for, at `since` or later. They may say that there is
    /// nothing to do, and nothing else: see [`Errand::has_shared`].
    pub fn share(&self, since: Instant) {
        *self.sharing() = Sharing { since: Some(since), ..Sharing::default() };
    }

    /// Has all be asked for anew from here on.
    pub fn read_anew(&self) {
        *self.sharing() = Sharing::default();
    }

    /// Takes answers for its own that somebody else has asked for since then, when this one already wanted to know.
    pub fn asks_since(&self, wanted: Option<Instant>) {
        self.sharing().anew_since = wanted;
    }

    /// Whether an answer will do that somebody asked for then; it is noted if it is not as good as its own.
    pub fn takes(&self, asked: Instant) -> bool {
        let mut sharing = self.sharing();
        let is_anew = sharing.anew_since.is_some_and(|since| asked >= since);
        let is_shared = !is_anew && sharing.since.is_some_and(|since| asked >= since);
        sharing.has_shared |= is_shared;
        is_anew || is_shared
    }

    /// Since when an answer may have been asked for; none where it is to be asked for anew.
    pub fn shares_since(&self) -> Option<Instant> {
        self.sharing().since
    }

    /// Whether it has had an answer that somebody else asked for: then nothing may be done on the ground of it.
    pub fn has_shared(&self) -> bool {
        self.sharing().has_shared
    }

    /// Begins to wait.
    pub fn wait(self: &Arc<Self>) -> Wait {
        self.begin();
        Wait(self.clone())
    }

    /// Whether it waits now.
    pub fn is_kept_back(&self) -> bool {
        self.waits().under_way > 0
    }

    /// How long it has waited in all.
    pub fn waited(&self) -> Duration {
        let waits = self.waits();
        waits.ended + waits.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Does `work`; none where it takes longer than `limit`, without its waits.
    pub async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, began) = (pin!(work), Instant::now());
        loop {
            let worked = began.elapsed().saturating_sub(self.waited());
            let left = limit.checked_sub(worked).filter(|left| !left.is_zero())?;
            if let Ok(done) = timeout(left.max(SHORTEST), &mut work).await {
                return Some(done);
            }
        }
    }

    fn begin(&self) {
        let mut waits = self.waits();
        waits.under_way += 1;
        waits.since.get_or_insert_with(Instant::now);
        drop(waits);
        self.behalf.iter().for_each(|errand| errand.begin());
    }

    fn end(&self) {
        let mut waits = self.waits();
        waits.under_way = waits.under_way.saturating_sub(1);
        if waits.under_way == 0
            && let Some(since) = waits.since.take()
        {
            waits.ended += since.elapsed();
        }
        drop(waits);
        self.behalf.iter().for_each(|errand| errand.end());
    }

    fn sharing(&self) -> MutexGuard<'_, Sharing> {
        self.sharing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn waits_are_no_work_of_those_that_they_are_for() {
        let errands = [Lane::Sweep, Lane::Edit].map(|lane| Errand::new("team", lane));
        let worker = Errand::for_all(errands.to_vec());
        assert_eq!(worker.lane(), Lane::Edit);
        let work = async {
            sleep(seconds(5)).await;
            let wait = worker.wait();
            sleep(seconds(100)).await;
            drop(wait);
            sleep(seconds(4)).await;
        };
        assert_eq!(errands[0].within(seconds(10), work).await, Some(()));
        assert_eq!(errands.map(|errand| errand.waited()), [seconds(100); 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_takes_too_long_is_given_up() {
        let errand = Errand::new("team", Lane::Sweep);
        let began = Instant::now();
        let work = async {
            let wait = errand.wait();
            sleep(seconds(7)).await;
            drop(wait);
            sleep(seconds(11)).await;
        };
        assert_eq!(errand.within(seconds(10), work).await, None);
        assert_eq!(began.elapsed(), seconds(17));
    }

    #[tokio::test]
    async fn work_is_done_as_the_errand_that_it_is() {
        let lane = async || Errand::current().lane();
        assert_eq!(lane().await, Lane::Edit);
        let errand = Errand::new("team", Lane::Sweep);
        assert_eq!(errand.clone().scope(lane()).await, Lane::Sweep);
        errand.promote();
        assert_eq!(errand.scope(lane()).await, Lane::Edit);
    }
}
