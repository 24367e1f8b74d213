//! The read cache, in which resyncs share reads. A cached read may only prove that nothing needs to change. Concurrent
//! reads of one resource wait for a single call.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::permission::Policy;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::aws::call_context::CallContext;
use crate::aws::{AwsError, Function, ListedRule};

/// The number of entries before the first removal of expired entries.
const MIN_PRUNE_SIZE: usize = 64;

/// The cached reads by kind of resource, with one set of credentials.
#[derive(Default)]
pub struct ReadCache {
    /// By Region, requested name or ARN, and qualifier.
    pub functions: CachedReads<(String, String, Option<String>), Function>,
    pub policies: CachedReads<FunctionArn, Policy>,
    /// By Region and name prefix. The value maps names to rules.
    pub rules: CachedReads<(String, String), Arc<BTreeMap<String, ListedRule>>>,
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
    /// Entries fetched before this instant are expired.
    since: Option<Instant>,
    /// The number of entries at which expired entries are removed.
    prune_at: usize,
}

/// The cache entry of one resource.
struct CacheEntry<V> {
    /// Held during a fetch, so that concurrent resyncs fetch once.
    fetching: tokio::sync::Mutex<()>,
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
        Self(Mutex::new(Entries { entries: HashMap::new(), since: None, prune_at: MIN_PRUNE_SIZE }))
    }
}

impl<K: Clone + Eq + Hash, V: Clone> CachedReads<K, V> {
    /// Returns a cached answer that the caller accepts, or else runs `fetch`. An answer is cached only if `is_fine`.
    pub async fn get_or_fetch(
        &self,
        key: K,
        is_fine: impl Fn(&V) -> bool,
        fetch: impl Future<Output = Result<Option<V>, AwsError>>,
    ) -> Result<Option<V>, AwsError> {
        let call_context = CallContext::current();
        let since = call_context.oldest_cached_read();
        let entry = self.entry(&key, since);
        let mut _fetching = None;
        if since.is_some() {
            _fetching = Some(entry.fetching.lock().await);
        }
        if let Some(answer) = entry.answer(&call_context) {
            return Ok(Some(answer));
        }
        let fetched_at = Instant::now();
        let answer = fetch.await?;
        entry.keep(fetched_at, answer.clone().filter(is_fine));
        Ok(answer)
    }

    /// Invalidates an entry for the duration of a write: now, and on drop of the returned value.
    pub fn invalidate(&self, key: &K) -> InvalidateOnDrop<V> {
        let entry = self.entry(key, None);
        entry.write();
        InvalidateOnDrop(entry)
    }

    /// Invalidates the entries of deleted resources.
    fn forget(&self, is_gone: impl Fn(&K) -> bool) {
        let cache = self.0.lock();
        cache.entries.iter().filter(|(key, _)| is_gone(key)).for_each(|(_, entry)| entry.write());
    }

    fn entry(&self, key: &K, since: Option<Instant>) -> Arc<CacheEntry<V>> {
        let mut cache = self.0.lock();
        cache.since = cache.since.max(since);
        if cache.entries.len() >= cache.prune_at {
            let since = cache.since;
            cache.entries.retain(|_, entry| Arc::strong_count(entry) > 1 || entry.is_current(since));
            cache.prune_at = (2 * cache.entries.len()).max(MIN_PRUNE_SIZE);
        }
        let new = || {
            let state = Mutex::new(EntryState { answer: None, written: None });
            Arc::new(CacheEntry { fetching: tokio::sync::Mutex::default(), state })
        };
        cache.entries.entry(key.clone()).or_insert_with(new).clone()
    }
}

impl<V> CacheEntry<V> {
    fn is_current(&self, since: Option<Instant>) -> bool {
        self.state.lock().answer.as_ref().is_some_and(|(fetched_at, _)| Some(*fetched_at) >= since)
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
    fn answer(&self, call_context: &CallContext) -> Option<V> {
        self.state
            .lock()
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

    /// Returns the number of fetches so far, and true after the use of a cached read. A fetch takes a second.
    async fn read(
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
        let resync = || read(&answers, &fetched_at, Some(began));
        let (one, other) = tokio::join!(resync(), resync());
        assert_eq!([one, other], [(Some(1), false), (Some(1), true)]);
        // A high-priority read goes to AWS, and refreshes the cache for resyncs.
        assert_eq!(read(&answers, &fetched_at, None).await, (Some(2), false));
        assert_eq!(resync().await, (Some(2), true));
        // A caller that wanted the answer before the fetch treats the answer as fresh.
        let call_context = CallContext::new("team", Priority::High);
        call_context.treat_as_fresh_since(Some(began));
        let answer =
            call_context.clone().scope(answers.get_or_fetch("a", |_| true, async { Ok(None) })).await;
        assert_eq!((answer.unwrap(), call_context.used_cached_read()), (Some(2), false));
        // An older answer is not accepted.
        assert_eq!(read(&answers, &fetched_at, Some(Instant::now())).await, (Some(3), false));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_before_a_write_is_not_cached() {
        let (answers, fetched_at, began) = (CachedReads::default(), AtomicU32::new(0), Instant::now());
        let resync = || read(&answers, &fetched_at, Some(began));
        assert_eq!(resync().await, (Some(1), false));
        drop(answers.invalidate(&"a"));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(resync().await, (Some(2), false));
        // A fetch during the write is not cached either.
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
    async fn an_answer_that_is_not_fine_is_not_cached() {
        let (answers, fetched_at, began) = (CachedReads::default(), AtomicU32::new(9), Instant::now());
        for expected in [10, 11] {
            assert_eq!(read(&answers, &fetched_at, Some(began)).await, (Some(expected), false));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn expired_entries_are_removed() {
        let answers: CachedReads<u32, u32> = CachedReads::default();
        for number in 0..1_000 {
            let call_context = CallContext::new("team", Priority::Low);
            call_context.accept_cached_reads(Instant::now());
            call_context.scope(answers.get_or_fetch(number, |_| true, async { Ok(Some(1)) })).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        assert!(answers.0.lock().entries.len() <= MIN_PRUNE_SIZE);
    }
}
