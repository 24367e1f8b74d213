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
fn an_object_that_somebody_waits_for_is_an_edit() {
    let status = |observed, conditions: &[Condition], handled: Option<&str>| TriggerStatus {
        observed_generation: observed,
        conditions: conditions.to_vec(),
        last_handled_reconcile_at: handled.map(Into::into),
        ..TriggerStatus::default()
    };
    let ready = [condition("Ready", Reason::Applied)];
    let under_way = [condition("Reconciling", Reason::Progressing)];
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
        ("under way", false, None, status(Some(2), &under_way, None), Priority::High),
        ("failed", false, None, status(Some(2), &failed, None), Priority::Low),
        ("paused no more", false, None, status(Some(2), &was_paused, None), Priority::High),
        ("stalled", false, None, status(Some(2), &stalled, None), Priority::Low),
    ];
    for (what, is_deleted, request, status, expected) in cases {
        assert_eq!(Priority::from_object(is_deleted, Some(2), request, &status), expected, "{what}");
    }
    // As of an object that the API server has not given one.
    assert_eq!(Priority::from_object(false, None, None, &status(None, &[], None)), Priority::High);
}

fn all(queue: &mut Queue<&'static str>, priority: Priority) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.pop(priority)).collect()
}

#[test]
fn namespaces_take_turns_and_each_is_served_in_the_order_of_arrival() {
    let mut queue = Queue::default();
    for (key, namespace) in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("c1", "c"), ("b2", "b")] {
        queue.push(key, namespace, Priority::Low, at(0));
    }
    assert_eq!(queue.pop(Priority::Low), Some("a1"));
    // One that comes meanwhile waits for those before it, of its namespace alone.
    queue.push("d1", "d", Priority::Low, at(1));
    assert_eq!(all(&mut queue, Priority::Low), ["b1", "c1", "a2", "d1", "b2", "a3"]);
    assert_eq!(queue.pop(Priority::Low), None);
    // Nothing is left of what was before.
    queue.push("a1", "a", Priority::Low, at(2));
    assert_eq!(all(&mut queue, Priority::Low), ["a1"]);
}

#[test]
fn one_that_waits_already_keeps_its_place() {
    let mut queue = Queue::default();
    queue.push("a1", "a", Priority::High, at(0));
    queue.push("a2", "a", Priority::High, at(0));
    queue.push("a1", "a", Priority::Low, at(5));
    assert_eq!((queue.depth(Priority::High), queue.depth(Priority::Low)), (2, 0));
    assert_eq!(all(&mut queue, Priority::High), ["a1", "a2"]);
}

#[test]
fn one_that_is_edited_while_it_waits_waits_with_the_edits() {
    let mut queue = Queue::default();
    for key in ["a1", "a2", "a3"] {
        queue.push(key, "a", Priority::Low, at(0));
    }
    queue.push("a4", "a", Priority::High, at(1));
    queue.raise_priority(&"a2", at(2));
    // Neither is one of these a resync that waits.
    queue.raise_priority(&"a4", at(2));
    queue.raise_priority(&"a5", at(2));
    assert_eq!(all(&mut queue, Priority::High), ["a4", "a2"]);
    assert_eq!(all(&mut queue, Priority::Low), ["a1", "a3"]);
}

#[test]
fn who_waits_no_more_is_not_served() {
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
fn the_depth_and_the_longest_wait_of_each_lane_are_told() {
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
    // Edited just now, it waits as one who has just come.
    queue.raise_priority(&"b1", at(5));
    assert_eq!(state(&queue, 6), [(2, at(2)), (0, at(0))]);
    queue.remove(&"b2");
    assert_eq!(state(&queue, 6), [(1, at(1)), (0, at(0))]);
}

#[test]
fn low_priority_leaves_permits_for_high_priority() {
    let mut turns = Dispatcher::new(Concurrency { total: 3, low_priority: 2 });
    for key in ["s1", "s2", "s3"] {
        turns.queue.push(key, "a", Priority::Low, at(0));
    }
    let given =
        |turns: &mut Dispatcher<&'static str>| std::iter::from_fn(|| turns.dispatch()).collect::<Vec<_>>();
    assert_eq!(given(&mut turns), [("s1", Priority::Low), ("s2", Priority::Low)]);
    for key in ["e1", "e2", "e3"] {
        turns.queue.push(key, "a", Priority::High, at(1));
    }
    assert_eq!(given(&mut turns), [("e1", Priority::High)]);
    // A place that gets free is an edit's first.
    turns.release(Priority::Low);
    assert_eq!(given(&mut turns), [("e2", Priority::High)]);
    turns.release(Priority::High);
    turns.release(Priority::High);
    assert_eq!(given(&mut turns), [("e3", Priority::High), ("s3", Priority::Low)]);
}

/// Dashboards and alerts say these.
#[test]
fn lanes_have_names() {
    assert_eq!(Priority::ALL.iter().map(|priority| priority.as_str()).collect::<Vec<_>>(), ["high", "low"]);
    assert_eq!(Priority::TEXTS, ["high", "low"]);
}
