use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn condition(kind: &str, reason: Reason) -> Condition {
    Condition {
        type_: kind.into(),
        status: "True".into(),
        reason: reason.as_str().into(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: Time(Default::default()),
    }
}

#[test]
fn edits_have_high_priority_and_resyncs_low() {
    let status = |observed, conditions: &[Condition], handled: Option<&str>| TriggerStatus {
        observed_generation: observed,
        conditions: conditions.to_vec(),
        last_handled_reconcile_at: handled.map(Into::into),
        ..TriggerStatus::default()
    };
    let ready = [condition("Ready", Reason::Applied)];
    let in_progress = [condition("Reconciling", Reason::Progressing)];
    let failed = [condition("Reconciling", Reason::AwsUnavailable)];
    let stalled = [condition("Stalled", Reason::InvalidSpec)];
    let was_paused = [condition("Ready", Reason::Paused)];
    let cases = [
        ("never seen", false, None, status(None, &[], None), Priority::High),
        ("as wanted", false, None, status(Some(2), &ready, None), Priority::Low),
        ("deleted", true, None, status(Some(2), &ready, None), Priority::High),
        ("changed", false, None, status(Some(1), &ready, None), Priority::High),
        ("asked for", false, Some("b"), status(Some(2), &ready, Some("a")), Priority::High),
        ("asked for the first time", false, Some("b"), status(Some(2), &ready, None), Priority::High),
        ("answered", false, Some("a"), status(Some(2), &ready, Some("a")), Priority::Low),
        ("asked for no more", false, None, status(Some(2), &ready, Some("a")), Priority::Low),
        ("under way", false, None, status(Some(2), &in_progress, None), Priority::High),
        ("failed", false, None, status(Some(2), &failed, None), Priority::Low),
        ("paused no more", false, None, status(Some(2), &was_paused, None), Priority::High),
        ("stalled", false, None, status(Some(2), &stalled, None), Priority::Low),
    ];
    for (case, is_deleted, request, status, expected) in cases {
        assert_eq!(Priority::from_object(is_deleted, Some(2), request, &status), expected, "{case}");
    }
    // An object may have no generation.
    assert_eq!(Priority::from_object(false, None, None, &status(None, &[], None)), Priority::High);
}

fn all(queue: &mut Queue<&'static str>, priority: Priority) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.pop(priority)).collect()
}

#[test]
fn namespaces_take_turns_in_order_of_arrival() {
    let mut queue = Queue::default();
    for (key, namespace) in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("c1", "c"), ("b2", "b")] {
        queue.push(key, namespace, Priority::Low, at(0));
    }
    assert_eq!(queue.pop(Priority::Low), Some("a1"));
    // A namespace that comes later is served after the namespaces before it.
    queue.push("d1", "d", Priority::Low, at(1));
    assert_eq!(all(&mut queue, Priority::Low), ["b1", "c1", "a2", "d1", "b2", "a3"]);
    assert_eq!(queue.pop(Priority::Low), None);
    // A served key leaves no state behind.
    queue.push("a1", "a", Priority::Low, at(2));
    assert_eq!(all(&mut queue, Priority::Low), ["a1"]);
}

#[test]
fn a_waiting_key_keeps_its_place() {
    let mut queue = Queue::default();
    queue.push("a1", "a", Priority::High, at(0));
    queue.push("a2", "a", Priority::High, at(0));
    queue.push("a1", "a", Priority::Low, at(5));
    assert_eq!((queue.depth(Priority::High), queue.depth(Priority::Low)), (2, 0));
    assert_eq!(all(&mut queue, Priority::High), ["a1", "a2"]);
}

#[test]
fn raising_the_priority_moves_a_waiting_key() {
    let mut queue = Queue::default();
    for key in ["a1", "a2", "a3"] {
        queue.push(key, "a", Priority::Low, at(0));
    }
    queue.push("a4", "a", Priority::High, at(1));
    queue.raise_priority(&"a2", at(2));
    // No effect: `a4` has high priority, and `a5` does not wait.
    queue.raise_priority(&"a4", at(2));
    queue.raise_priority(&"a5", at(2));
    assert_eq!(all(&mut queue, Priority::High), ["a4", "a2"]);
    assert_eq!(all(&mut queue, Priority::Low), ["a1", "a3"]);
}

#[test]
fn a_removed_key_is_not_dispatched() {
    let mut queue = Queue::default();
    for (key, namespace) in [("a1", "a"), ("b1", "b"), ("b2", "b")] {
        queue.push(key, namespace, Priority::High, at(0));
    }
    queue.remove(&"a1");
    queue.remove(&"a1");
    queue.remove(&"b1");
    assert_eq!(all(&mut queue, Priority::High), ["b2"]);
}

#[test]
fn depth_and_longest_wait_are_known_per_priority() {
    let state = |queue: &Queue<&'static str>, now| {
        [Priority::High, Priority::Low]
            .map(|priority| (queue.depth(priority), queue.oldest(priority, at(now))))
    };
    let mut queue = Queue::default();
    assert_eq!(state(&queue, 3), [(0, at(0)), (0, at(0))]);
    queue.push("a1", "a", Priority::Low, at(1));
    queue.push("b1", "b", Priority::Low, at(2));
    queue.push("b2", "b", Priority::High, at(4));
    assert_eq!(state(&queue, 5), [(1, at(1)), (2, at(4))]);
    queue.pop(Priority::Low);
    assert_eq!(state(&queue, 5), [(1, at(1)), (1, at(3))]);
    // The wait of a raised key starts again at zero.
    queue.raise_priority(&"b1", at(5));
    assert_eq!(state(&queue, 6), [(2, at(2)), (0, at(0))]);
    queue.remove(&"b2");
    assert_eq!(state(&queue, 6), [(1, at(1)), (0, at(0))]);
}

/// Dashboards and alerts use these names.
#[test]
fn priorities_have_stable_names() {
    assert_eq!(Priority::ALL.iter().map(|priority| priority.as_str()).collect::<Vec<_>>(), ["high", "low"]);
    assert_eq!(Priority::TEXTS, ["high", "low"]);
}
