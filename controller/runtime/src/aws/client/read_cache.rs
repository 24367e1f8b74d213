//! The read cache, in which resyncs share reads. Each reader names the oldest accepted read. Concurrent reads of one
//! resource wait for a single call.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::pacing::queue::Priority;
use lambda_triggers_core::plan::permission::Policy;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::aws::call_context::CallContext;
use crate::aws::{AwsError, Function, ListedRules, ListedSchedules};

/// The number of entries before the first removal of old entries.
const MIN_PRUNE_SIZE: usize = 64;
/// The age at which an entry is removed. No reader accepts such an old answer.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// The cached reads by kind of resource, with one set of credentials.
#[derive(Default)]
pub struct ReadCache {
    /// By Region, requested name or ARN, and qualifier.
    pub functions: CachedReads<(String, String, Option<String>), Function>,
    pub policies: CachedReads<FunctionArn, Policy>,
    /// By Region and name prefix; `None` if AWS denies the list.
    pub rules: CachedReads<(String, String), Option<ListedRules>>,
    /// By Region and group; `None` if AWS denies the list.
    pub schedules: CachedReads<(String, String), Option<ListedSchedules>>,
}

impl ReadCache {
    /// Invalidates the reads of a deleted function.
    pub fn forget_function(&self, name: &str) {
        let is_of = |name_or_arn: &str| name_or_arn == name || name_or_arn.contains(&format!(":{name}"));
        self.functions.forget(|(_, name_or_arn, _)| is_of(name_or_arn));
        self.policies.forget(|function| function.name == name);
    }
}

/// Cached reads, by the resource that was read.
pub struct CachedReads<K, V>(Mutex<Entries<K, V>>);

struct Entries<K, V> {
    entries: HashMap<K, Arc<CacheEntry<V>>>,
    /// The number of entries at which old entries are removed.
    prune_at: usize,
}

/// The cache entry of one resource.
struct CacheEntry<V> {
    /// Held during a fetch, so that concurrent readers of one priority fetch once.
    fetching_high: tokio::sync::Mutex<()>,
    fetching_low: tokio::sync::Mutex<()>,
    state: Mutex<EntryState<V>>,
}

struct EntryState<V> {
    /// The answer, and the start of the fetch.
    answer: Option<(Instant, V)>,
    /// The last write of the operator to the resource.
    written: Option<Instant>,
}

/// Invalidates an entry again on drop, so that no read made during a write is cached.
pub struct InvalidateOnDrop<V>(Arc<CacheEntry<V>>);

impl<V> Drop for InvalidateOnDrop<V> {
    fn drop(&mut self) {
        self.0.write();
    }
}

impl<K, V> Default for CachedReads<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Entries { entries: HashMap::new(), prune_at: MIN_PRUNE_SIZE }))
    }
}

impl<K: Clone + Eq + Hash, V: Clone> CachedReads<K, V> {
    /// Returns a cached answer that was fetched at or after `since`, or else runs `fetch`. An answer is cached only if
    /// `is_fine`. Concurrent readers of one priority share a fetch: an edit does not wait for the fetch of a resync.
    pub async fn get_or_fetch(
        &self,
        key: K,
        since: Instant,
        is_fine: impl Fn(&V) -> bool,
        fetch: impl Future<Output = Result<Option<V>, AwsError>>,
    ) -> Result<Option<V>, AwsError> {
        let entry = self.entry(&key);
        let fetching = match CallContext::current().priority() {
            Priority::High => &entry.fetching_high,
            Priority::Low => &entry.fetching_low,
        };
        let _fetching = fetching.lock().await;
        if let Some(answer) = entry.answer(since) {
            return Ok(Some(answer));
        }
        let fetched_at = Instant::now();
        let answer = fetch.await?;
        entry.keep(fetched_at, answer.clone().filter(is_fine));
        Ok(answer)
    }

    /// Changes a cached answer as a write of the operator has changed the resource.
    pub fn modify(&self, key: &K, change: impl FnOnce(&mut V)) {
        if let Some((_, answer)) = &mut self.entry(key).state.lock().answer {
            change(answer);
        }
    }

    /// Invalidates an entry for the duration of a write: now, and on drop of the returned value.
    pub fn invalidate(&self, key: &K) -> InvalidateOnDrop<V> {
        let entry = self.entry(key);
        entry.write();
        InvalidateOnDrop(entry)
    }

    /// Invalidates the entries of deleted resources.
    fn forget(&self, is_gone: impl Fn(&K) -> bool) {
        let cache = self.0.lock();
        cache.entries.iter().filter(|(key, _)| is_gone(key)).for_each(|(_, entry)| entry.write());
    }

    fn entry(&self, key: &K) -> Arc<CacheEntry<V>> {
        let mut cache = self.0.lock();
        if cache.entries.len() >= cache.prune_at {
            cache.entries.retain(|_, entry| Arc::strong_count(entry) > 1 || entry.is_young());
            cache.prune_at = (2 * cache.entries.len()).max(MIN_PRUNE_SIZE);
        }
        let new = || {
            let state = Mutex::new(EntryState { answer: None, written: None });
            let [fetching_high, fetching_low] = <[tokio::sync::Mutex<()>; 2]>::default();
            Arc::new(CacheEntry { fetching_high, fetching_low, state })
        };
        cache.entries.entry(key.clone()).or_insert_with(new).clone()
    }
}

impl<V> CacheEntry<V> {
    fn is_young(&self) -> bool {
        self.state.lock().answer.as_ref().is_some_and(|(fetched_at, _)| fetched_at.elapsed() < MAX_AGE)
    }

    fn write(&self) {
        *self.state.lock() = EntryState { answer: None, written: Some(Instant::now()) };
    }

    /// Caches an answer, unless the resource was written after the start of the fetch: the answer may predate the
    /// write.
    fn keep(&self, fetched_at: Instant, answer: Option<V>) {
        let mut state = self.state.lock();
        let is_newer = state.answer.as_ref().is_none_or(|(known, _)| *known <= fetched_at);
        if is_newer && state.written.is_none_or(|written| written < fetched_at) {
            state.answer = answer.map(|answer| (fetched_at, answer));
        }
    }
}

impl<V: Clone> CacheEntry<V> {
    fn answer(&self, since: Instant) -> Option<V> {
        let state = self.state.lock();
        state.answer.as_ref().filter(|(fetched_at, _)| *fetched_at >= since).map(|(_, answer)| answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::sleep;

    use super::*;

    /// Returns the number of fetches so far, as the answer of a fetch. A fetch takes a second.
    async fn read(
        answers: &CachedReads<&'static str, u32>,
        fetches: &AtomicU32,
        priority: Priority,
        since: Instant,
    ) -> Option<u32> {
        let fetch = async {
            let number = fetches.fetch_add(1, Ordering::AcqRel) + 1;
            sleep(Duration::from_secs(1)).await;
            Ok(Some(number))
        };
        let read = answers.get_or_fetch("a", since, |number| *number < 10, fetch);
        CallContext::new("team", priority).scope(read).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_readers_of_one_priority_fetch_once() {
        let (answers, fetches, began) = (CachedReads::default(), AtomicU32::new(0), Instant::now());
        let read = |priority, since| read(&answers, &fetches, priority, since);
        for expected in [1, 3] {
            let since = Instant::now();
            let reads = tokio::join!(
                read(Priority::Low, since),
                read(Priority::Low, since),
                read(Priority::High, since),
                read(Priority::High, since),
            );
            let (low, high) = (Some(expected), Some(expected + 1));
            assert_eq!(reads, (low, low, high, high));
        }
        assert_eq!(read(Priority::Low, began).await, Some(3));
        // An older answer is not accepted.
        assert_eq!(read(Priority::Low, Instant::now()).await, Some(5));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_before_a_write_is_not_cached() {
        let (answers, fetches, began) = (CachedReads::default(), AtomicU32::new(0), Instant::now());
        let read = || read(&answers, &fetches, Priority::Low, began);
        assert_eq!(read().await, Some(1));
        drop(answers.invalidate(&"a"));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(read().await, Some(2));
        // A fetch during the write is not cached either.
        let writing = answers.invalidate(&"a");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(read().await, Some(3));
        drop(writing);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(read().await, Some(4));
        answers.forget(|key| *key == "a");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(read().await, Some(5));
        answers.modify(&"a", |number| *number = 9);
        assert_eq!(read().await, Some(9));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_fine_is_not_cached() {
        let (answers, fetches, began) = (CachedReads::default(), AtomicU32::new(9), Instant::now());
        for expected in [10, 11] {
            assert_eq!(read(&answers, &fetches, Priority::Low, began).await, Some(expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn old_entries_are_removed() {
        let answers: CachedReads<u32, u32> = CachedReads::default();
        for number in 0..1_000 {
            answers.get_or_fetch(number, Instant::now(), |_| true, async { Ok(Some(1)) }).await.unwrap();
            sleep(MAX_AGE).await;
        }
        assert!(answers.0.lock().entries.len() <= MIN_PRUNE_SIZE);
    }
}
