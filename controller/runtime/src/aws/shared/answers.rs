//! Answers of AWS that are kept for who needs the same one. One that is asked for is waited for, and not asked for again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::super::AwsError;
use super::super::call_context::CallContext;

/// So many answers are kept before old ones are looked for.
const FEW: usize = 64;

/// Answers, by what was asked.
pub struct Answers<K, V>(Mutex<Kept<K, V>>);

struct Kept<K, V> {
    slots: HashMap<K, Arc<Slot<V>>>,
    /// What was asked for before then, nobody shares any more.
    since: Option<Instant>,
    /// From so many on, those go.
    prune_at: usize,
}

/// The place of one answer.
struct Slot<V> {
    /// Kept by who asks on behalf of all that share.
    asking: tokio::sync::Mutex<()>,
    state: Mutex<State<V>>,
}

struct State<V> {
    /// The answer, and when it was asked for.
    answer: Option<(Instant, V)>,
    /// When what it tells of was last written, as far as we did it.
    written: Option<Instant>,
}

/// A write to what an answer tells of, until it is dropped.
pub struct Writing<V>(Arc<Slot<V>>);

impl<V> Drop for Writing<V> {
    fn drop(&mut self) {
        self.0.write();
    }
}

impl<K, V> Default for Answers<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Kept { slots: HashMap::new(), since: None, prune_at: FEW }))
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Answers<K, V> {
    /// The answer to `ask`, or where the call_context shares, one that somebody else has got to it. Kept is what `is_fine`.
    pub async fn ask(
        &self,
        key: K,
        is_fine: impl Fn(&V) -> bool,
        ask: impl Future<Output = Result<Option<V>, AwsError>>,
    ) -> Result<Option<V>, AwsError> {
        let call_context = CallContext::current();
        let since = call_context.oldest_cached_read();
        let slot = self.slot(&key, since);
        let mut _asking = None;
        if since.is_some() {
            _asking = Some(slot.asking.lock().await);
        }
        if let Some(answer) = slot.answer(&call_context) {
            return Ok(Some(answer));
        }
        let asked = Instant::now();
        let answer = ask.await?;
        slot.keep(asked, answer.clone().filter(is_fine));
        Ok(answer)
    }

    /// Says that what the answer tells of is written to, from now until the value that this returns is dropped.
    pub fn writing(&self, key: &K) -> Writing<V> {
        let slot = self.slot(key, None);
        slot.write();
        Writing(slot)
    }

    /// Forgets answers.
    pub fn forget(&self, is_gone: impl Fn(&K) -> bool) {
        let kept = self.kept();
        kept.slots.iter().filter(|(key, _)| is_gone(key)).for_each(|(_, slot)| slot.write());
    }

    fn slot(&self, key: &K, since: Option<Instant>) -> Arc<Slot<V>> {
        let mut kept = self.kept();
        kept.since = kept.since.max(since);
        if kept.slots.len() >= kept.prune_at {
            let since = kept.since;
            kept.slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.is_of_use(since));
            kept.prune_at = (2 * kept.slots.len()).max(FEW);
        }
        let new = || {
            let state = Mutex::new(State { answer: None, written: None });
            Arc::new(Slot { asking: tokio::sync::Mutex::default(), state })
        };
        kept.slots.entry(key.clone()).or_insert_with(new).clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Slot<V> {
    fn state(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_of_use(&self, since: Option<Instant>) -> bool {
        self.state().answer.as_ref().is_some_and(|(asked, _)| Some(*asked) >= since)
    }

    fn write(&self) {
        *self.state() = State { answer: None, written: Some(Instant::now()) };
    }

    /// Keeps an answer, unless what it tells of was written to after it was asked for.
    fn keep(&self, asked: Instant, answer: Option<V>) {
        let mut state = self.state();
        let is_newer = state.answer.as_ref().is_none_or(|(known, _)| *known <= asked);
        if is_newer && state.written.is_none_or(|written| written < asked) {
            state.answer = answer.map(|answer| (asked, answer));
        }
    }
}

impl<V: Clone> Slot<V> {
    fn answer(&self, call_context: &CallContext) -> Option<V> {
        self.state()
            .answer
            .as_ref()
            .filter(|(asked, _)| call_context.accepts(*asked))
            .map(|(_, answer)| answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use lambda_triggers_core::plan::queue::Priority;
    use tokio::time::sleep;

    use super::*;

    /// Asks for the number of times that it was asked, which takes a second.
    async fn ask(
        answers: &Answers<&'static str, u32>,
        asked: &AtomicU32,
        since: Option<Instant>,
    ) -> (Option<u32>, bool) {
        let call_context = CallContext::new("team", Priority::Low);
        if let Some(since) = since {
            call_context.accept_cached_reads(since);
        }
        let answer = async {
            let number = asked.fetch_add(1, Ordering::AcqRel) + 1;
            sleep(Duration::from_secs(1)).await;
            Ok(Some(number))
        };
        let answer = call_context.clone().scope(answers.ask("a", |number| *number < 10, answer)).await;
        (answer.unwrap(), call_context.used_cached_read())
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_resyncs_read_once() {
        let (answers, asked, began) = (Answers::default(), AtomicU32::new(0), Instant::now());
        let resync = || ask(&answers, &asked, Some(began));
        let (one, other) = tokio::join!(resync(), resync());
        assert_eq!([one, other], [(Some(1), false), (Some(1), true)]);
        // An edit asks anew, and a resync has its answer.
        assert_eq!(ask(&answers, &asked, None).await, (Some(2), false));
        assert_eq!(resync().await, (Some(2), true));
        // So has who wanted to know before that.
        let call_context = CallContext::new("team", Priority::High);
        call_context.treat_as_fresh_since(Some(began));
        let answer = call_context.clone().scope(answers.ask("a", |_| true, async { Ok(None) })).await;
        assert_eq!((answer.unwrap(), call_context.used_cached_read()), (Some(2), false));
        // None is of use that is older.
        assert_eq!(ask(&answers, &asked, Some(Instant::now())).await, (Some(3), false));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_before_a_write_is_not_kept() {
        let (answers, asked, began) = (Answers::default(), AtomicU32::new(0), Instant::now());
        let resync = || ask(&answers, &asked, Some(began));
        assert_eq!(resync().await, (Some(1), false));
        drop(answers.writing(&"a"));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(resync().await, (Some(2), false));
        // Neither is one that was asked for while it was under way.
        let writing = answers.writing(&"a");
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
        let (answers, asked, began) = (Answers::default(), AtomicU32::new(9), Instant::now());
        for expected in [10, 11] {
            assert_eq!(ask(&answers, &asked, Some(began)).await, (Some(expected), false));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_are_of_no_use_go() {
        let answers: Answers<u32, u32> = Answers::default();
        for number in 0..1_000 {
            let call_context = CallContext::new("team", Priority::Low);
            call_context.accept_cached_reads(Instant::now());
            call_context.scope(answers.ask(number, |_| true, async { Ok(Some(1)) })).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        assert!(answers.kept().slots.len() <= FEW);
    }
}
