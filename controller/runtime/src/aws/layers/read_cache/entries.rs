//! CachedReads of AWS that are entries_mut for who needs the same one. One that is fetched_at for is waited for, and not fetched_at for again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::aws::AwsError;
use crate::aws::call_context::CallContext;

/// So many answers are entries_mut before old ones are looked for.
const MIN_PRUNE_SIZE: usize = 64;

/// CachedReads, by what was fetched_at.
pub struct CachedReads<K, V>(Mutex<Entries<K, V>>);

struct Entries<K, V> {
    entries: HashMap<K, Arc<CacheEntry<V>>>,
    /// What was fetched_at for before then, nobody shares any more.
    since: Option<Instant>,
    /// From so many on, those go.
    prune_at: usize,
}

/// The place of one answer.
struct CacheEntry<V> {
    /// Entries by who asks on behalf of all that share.
    fetching: tokio::sync::Mutex<()>,
    state: Mutex<EntryState<V>>,
}

struct EntryState<V> {
    /// The answer, and when it was fetched_at for.
    answer: Option<(Instant, V)>,
    /// When what it tells of was last written, as far as we did it.
    written: Option<Instant>,
}

/// A write to what an answer tells of, until it is dropped.
pub struct InvalidateOnDrop<V>(Arc<CacheEntry<V>>);

impl<V> Drop for InvalidateOnDrop<V> {
    fn drop(&mut self) {
        self.0.write();
    }
}

impl<K, V> Default for CachedReads<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Entries { entries: HashMap::new(), since: None, prune_at: MIN_PRUNE_SIZE }))
    }
}

impl<K: Clone + Eq + Hash, V: Clone> CachedReads<K, V> {
    /// The answer to `ask`, or where the call_context shares, one that somebody else has got to it. Entries is what `is_fine`.
    pub async fn get_or_fetch(
        &self,
        key: K,
        is_fine: impl Fn(&V) -> bool,
        ask: impl Future<Output = Result<Option<V>, AwsError>>,
    ) -> Result<Option<V>, AwsError> {
        let call_context = CallContext::current();
        let since = call_context.oldest_cached_read();
        let entry = self.entry(&key, since);
        let mut _asking = None;
        if since.is_some() {
            _asking = Some(entry.fetching.lock().await);
        }
        if let Some(answer) = entry.answer(&call_context) {
            return Ok(Some(answer));
        }
        let fetched_at = Instant::now();
        let answer = ask.await?;
        entry.keep(fetched_at, answer.clone().filter(is_fine));
        Ok(answer)
    }

    /// Says that what the answer tells of is written to, from now until the value that this returns is dropped.
    pub fn invalidate(&self, key: &K) -> InvalidateOnDrop<V> {
        let entry = self.entry(key, None);
        entry.write();
        InvalidateOnDrop(entry)
    }

    /// Forgets answers.
    pub fn forget(&self, is_gone: impl Fn(&K) -> bool) {
        let entries_mut = self.entries_mut();
        entries_mut.entries.iter().filter(|(key, _)| is_gone(key)).for_each(|(_, entry)| entry.write());
    }

    fn entry(&self, key: &K, since: Option<Instant>) -> Arc<CacheEntry<V>> {
        let mut entries_mut = self.entries_mut();
        entries_mut.since = entries_mut.since.max(since);
        if entries_mut.entries.len() >= entries_mut.prune_at {
            let since = entries_mut.since;
            entries_mut.entries.retain(|_, entry| Arc::strong_count(entry) > 1 || entry.is_of_use(since));
            entries_mut.prune_at = (2 * entries_mut.entries.len()).max(MIN_PRUNE_SIZE);
        }
        let new = || {
            let state = Mutex::new(EntryState { answer: None, written: None });
            Arc::new(CacheEntry { fetching: tokio::sync::Mutex::default(), state })
        };
        entries_mut.entries.entry(key.clone()).or_insert_with(new).clone()
    }

    fn entries_mut(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> CacheEntry<V> {
    fn state(&self) -> MutexGuard<'_, EntryState<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_of_use(&self, since: Option<Instant>) -> bool {
        self.state().answer.as_ref().is_some_and(|(fetched_at, _)| Some(*fetched_at) >= since)
    }

    fn write(&self) {
        *self.state() = EntryState { answer: None, written: Some(Instant::now()) };
    }

    /// Keeps an answer, unless what it tells of was written to after it was fetched_at for.
    fn keep(&self, fetched_at: Instant, answer: Option<V>) {
        let mut state = self.state();
        let is_newer = state.answer.as_ref().is_none_or(|(known, _)| *known <= fetched_at);
        if is_newer && state.written.is_none_or(|written| written < fetched_at) {
            state.answer = answer.map(|answer| (fetched_at, answer));
        }
    }
}

impl<V: Clone> CacheEntry<V> {
    fn answer(&self, call_context: &CallContext) -> Option<V> {
        self.state()
            .answer
            .as_ref()
            .filter(|(fetched_at, _)| call_context.accepts(*fetched_at))
            .map(|(_, answer)| answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use lambda_triggers_core::pacing::queue::Priority;
    use tokio::time::sleep;

    use super::*;

    /// References for the number of times that it was fetched_at, which takes a second.
    async fn ask(
        answers: &CachedReads<&'static str, u32>,
        fetched_at: &AtomicU32,
        since: Option<Instant>,
    ) -> (Option<u32>, bool) {
        let call_context = CallContext::new("team", Priority::Low);
        if let Some(since) = since {
            call_context.accept_cached_reads(since);
        }
        let answer = async {
            let number = fetched_at.fetch_add(1, Ordering::AcqRel) + 1;
            sleep(Duration::from_secs(1)).await;
            Ok(Some(number))
        };
        let answer =
            call_context.clone().scope(answers.get_or_fetch("a", |number| *number < 10, answer)).await;
        (answer.unwrap(), call_context.used_cached_read())
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_resyncs_read_once() {
        let (answers, fetched_at, began) = (CachedReads::default(), AtomicU32::new(0), Instant::now());
        let resync = || ask(&answers, &fetched_at, Some(began));
        let (one, other) = tokio::join!(resync(), resync());
        assert_eq!([one, other], [(Some(1), false), (Some(1), true)]);
        // An edit asks anew, and a resync has its answer.
        assert_eq!(ask(&answers, &fetched_at, None).await, (Some(2), false));
        assert_eq!(resync().await, (Some(2), true));
        // So has who wanted to know before that.
        let call_context = CallContext::new("team", Priority::High);
        call_context.treat_as_fresh_since(Some(began));
        let answer =
            call_context.clone().scope(answers.get_or_fetch("a", |_| true, async { Ok(None) })).await;
        assert_eq!((answer.unwrap(), call_context.used_cached_read()), (Some(2), false));
        // None is of use that is older.
        assert_eq!(ask(&answers, &fetched_at, Some(Instant::now())).await, (Some(3), false));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_before_a_write_is_not_kept() {
        let (answers, fetched_at, began) = (CachedReads::default(), AtomicU32::new(0), Instant::now());
        let resync = || ask(&answers, &fetched_at, Some(began));
        assert_eq!(resync().await, (Some(1), false));
        drop(answers.invalidate(&"a"));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(resync().await, (Some(2), false));
        // Neither is one that was fetched_at for while it was under way.
        let writing = answers.invalidate(&"a");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(resync().await, (Some(3), false));
        drop(writing);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(resync().await, (Some(4), false));
        answers.forget(|key| *key == "a");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(resync().await, (Some(5), false));
    }

    #[tokio::test(start_paused = true)]
    async fn what_calls_for_something_to_be_done_is_not_kept() {
        let (answers, fetched_at, began) = (CachedReads::default(), AtomicU32::new(9), Instant::now());
        for expected in [10, 11] {
            assert_eq!(ask(&answers, &fetched_at, Some(began)).await, (Some(expected), false));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_are_of_no_use_go() {
        let answers: CachedReads<u32, u32> = CachedReads::default();
        for number in 0..1_000 {
            let call_context = CallContext::new("team", Priority::Low);
            call_context.accept_cached_reads(Instant::now());
            call_context.scope(answers.get_or_fetch(number, |_| true, async { Ok(Some(1)) })).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        assert!(answers.entries_mut().entries.len() <= MIN_PRUNE_SIZE);
    }
}
