use super::*;
use Priority::{High, Low};

type Keys = WorkQueue<&'static str>;

const CONCURRENCY: Concurrency = Concurrency { total: 3, low_priority: 2 };

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn with(keys: &[(&'static str, Priority)]) -> Keys {
    let mut queue = WorkQueue::new(CONCURRENCY);
    keys.iter().for_each(|(key, priority)| queue.add(*key, "a", *priority, at(0)));
    queue
}

fn get_all(queue: &mut Keys) -> Vec<(&'static str, Priority)> {
    std::iter::from_fn(|| queue.get()).collect()
}

fn depths(queue: &Keys) -> [usize; 2] {
    [High, Low].map(|priority| queue.depth(priority))
}

#[test]
fn low_priority_leaves_permits_for_high_priority() {
    let mut queue = with(&[("s1", Low), ("s2", Low), ("s3", Low)]);
    assert_eq!(get_all(&mut queue), [("s1", Low), ("s2", Low)]);
    for key in ["e1", "e2", "e3"] {
        queue.add(key, "a", High, at(1));
    }
    assert_eq!(get_all(&mut queue), [("e1", High)]);
    // A free permit goes to high priority first.
    queue.done(&"s1", "a", None, at(2));
    assert_eq!(get_all(&mut queue), [("e2", High)]);
    queue.done(&"e1", "a", None, at(2));
    queue.done(&"e2", "a", None, at(2));
    assert_eq!(get_all(&mut queue), [("e3", High), ("s3", Low)]);
    assert_eq!(depths(&queue), [0, 0]);
}

#[test]
fn a_key_waits_once_with_its_highest_priority() {
    let mut queue = with(&[("a", Low), ("b", Low), ("a", Low)]);
    assert_eq!(depths(&queue), [0, 2]);
    queue.add("b", "a", High, at(3));
    queue.add("b", "a", Low, at(4));
    assert_eq!(depths(&queue), [1, 1]);
    assert_eq!((queue.oldest(High, at(5)), queue.oldest(Low, at(5))), (at(2), at(5)));
    queue.raise_priority(&"a", at(5));
    queue.raise_priority(&"c", at(5));
    assert_eq!(get_all(&mut queue), [("b", High), ("a", High)]);
}

#[test]
fn a_key_that_is_added_during_its_reconcile_is_processed_again() {
    let mut queue = with(&[("a", Low), ("b", Low)]);
    assert_eq!(get_all(&mut queue), [("a", Low), ("b", Low)]);
    queue.add("a", "a", Low, at(1));
    queue.add("a", "a", High, at(1));
    queue.add("a", "a", Low, at(1));
    queue.raise_priority(&"b", at(1));
    // A key is processed once at a time.
    assert_eq!((queue.get(), depths(&queue)), (None, [0, 0]));
    // The change replaces the requeue.
    queue.done(&"a", "a", Some(at(9)), at(2));
    queue.done(&"b", "a", None, at(2));
    assert_eq!((get_all(&mut queue), queue.next_due()), (vec![("a", High)], None));
    queue.done(&"a", "a", None, at(3));
    assert_eq!((queue.get(), queue.next_due()), (None, None));
    // The key runs no more.
    queue.done(&"a", "a", Some(at(9)), at(3));
    assert_eq!((queue.get(), queue.next_due()), (None, None));
}

#[test]
fn a_requeued_key_is_due_later() {
    let mut queue = with(&[("a", High), ("b", High), ("c", High)]);
    get_all(&mut queue);
    for (key, due) in [("a", 30), ("b", 10), ("c", 20)] {
        queue.done(&key, "a", Some(at(due)), at(0));
    }
    assert_eq!((queue.next_due(), queue.pop_due(at(9))), (Some(at(10)), None));
    assert_eq!([20, 20, 20].map(|now| queue.pop_due(at(now))), [Some("b"), Some("c"), None]);
    assert_eq!(queue.next_due(), Some(at(30)));
    // A change makes a delayed key due, and its next requeue replaces the old one.
    queue.add("a", "a", Low, at(21));
    assert_eq!((queue.next_due(), queue.get()), (None, Some(("a", Low))));
    queue.done(&"a", "a", Some(at(50)), at(22));
    queue.add("a", "a", Low, at(23));
    queue.get();
    queue.done(&"a", "a", Some(at(40)), at(24));
    assert_eq!([queue.pop_due(at(60)), queue.pop_due(at(60))], [Some("a"), None]);
}
