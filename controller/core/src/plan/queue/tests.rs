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
        ("never seen", false, None, status(None, &[], None), Lane::Edit),
        ("as wanted", false, None, status(Some(2), &ready, None), Lane::Sweep),
        ("deleted", true, None, status(Some(2), &ready, None), Lane::Edit),
        ("changed", false, None, status(Some(1), &ready, None), Lane::Edit),
        ("asked for", false, Some("b"), status(Some(2), &ready, Some("a")), Lane::Edit),
        ("asked for the first time", false, Some("b"), status(Some(2), &ready, None), Lane::Edit),
        ("answered", false, Some("a"), status(Some(2), &ready, Some("a")), Lane::Sweep),
        ("asked for no more", false, None, status(Some(2), &ready, Some("a")), Lane::Sweep),
        ("under way", false, None, status(Some(2), &under_way, None), Lane::Edit),
        ("failed", false, None, status(Some(2), &failed, None), Lane::Sweep),
        ("paused no more", false, None, status(Some(2), &was_paused, None), Lane::Edit),
        ("stalled", false, None, status(Some(2), &stalled, None), Lane::Sweep),
    ];
    for (what, is_deleted, request, status, expected) in cases {
        assert_eq!(Lane::of(is_deleted, Some(2), request, &status), expected, "{what}");
    }
    // As of an object that the API server has not given one.
    assert_eq!(Lane::of(false, None, None, &status(None, &[], None)), Lane::Edit);
}

fn all(queue: &mut Queue<&'static str>, lane: Lane) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.pop(lane)).collect()
}

#[test]
fn namespaces_take_turns_and_each_is_served_in_the_order_of_arrival() {
    let mut queue = Queue::default();
    for (key, namespace) in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("c1", "c"), ("b2", "b")] {
        queue.push(key, namespace, Lane::Sweep, at(0));
    }
    assert_eq!(queue.pop(Lane::Sweep), Some("a1"));
    // One that comes meanwhile waits for those before it, of its namespace alone.
    queue.push("d1", "d", Lane::Sweep, at(1));
    assert_eq!(all(&mut queue, Lane::Sweep), ["b1", "c1", "a2", "d1", "b2", "a3"]);
    assert_eq!(queue.pop(Lane::Sweep), None);
    // Nothing is left of what was before.
    queue.push("a1", "a", Lane::Sweep, at(2));
    assert_eq!(all(&mut queue, Lane::Sweep), ["a1"]);
}

#[test]
fn one_that_waits_already_keeps_its_place() {
    let mut queue = Queue::default();
    queue.push("a1", "a", Lane::Edit, at(0));
    queue.push("a2", "a", Lane::Edit, at(0));
    queue.push("a1", "a", Lane::Sweep, at(5));
    assert_eq!((queue.depth(Lane::Edit), queue.depth(Lane::Sweep)), (2, 0));
    assert_eq!(all(&mut queue, Lane::Edit), ["a1", "a2"]);
}

#[test]
fn one_that_is_edited_while_it_waits_waits_with_the_edits() {
    let mut queue = Queue::default();
    for key in ["a1", "a2", "a3"] {
        queue.push(key, "a", Lane::Sweep, at(0));
    }
    queue.push("a4", "a", Lane::Edit, at(1));
    queue.promote(&"a2", at(2));
    // Neither is one of these a sweep that waits.
    queue.promote(&"a4", at(2));
    queue.promote(&"a5", at(2));
    assert_eq!(all(&mut queue, Lane::Edit), ["a4", "a2"]);
    assert_eq!(all(&mut queue, Lane::Sweep), ["a1", "a3"]);
}

#[test]
fn who_waits_no_more_is_not_served() {
    let mut queue = Queue::default();
    for (key, namespace) in [("a1", "a"), ("b1", "b"), ("b2", "b")] {
        queue.push(key, namespace, Lane::Edit, at(0));
    }
    queue.remove(&"a1");
    queue.remove(&"a1");
    queue.remove(&"b1");
    assert_eq!(all(&mut queue, Lane::Edit), ["b2"]);
}

#[test]
fn the_depth_and_the_longest_wait_of_each_lane_are_told() {
    let state = |queue: &Queue<&'static str>, now| {
        [Lane::Edit, Lane::Sweep].map(|lane| (queue.depth(lane), queue.oldest(lane, at(now))))
    };
    let mut queue = Queue::default();
    assert_eq!(state(&queue, 3), [(0, at(0)), (0, at(0))]);
    queue.push("a1", "a", Lane::Sweep, at(1));
    queue.push("b1", "b", Lane::Sweep, at(2));
    queue.push("b2", "b", Lane::Edit, at(4));
    assert_eq!(state(&queue, 5), [(1, at(1)), (2, at(4))]);
    queue.pop(Lane::Sweep);
    assert_eq!(state(&queue, 5), [(1, at(1)), (1, at(3))]);
    // Edited just now, it waits as one who has just come.
    queue.promote(&"b1", at(5));
    assert_eq!(state(&queue, 6), [(2, at(2)), (0, at(0))]);
    queue.remove(&"b2");
    assert_eq!(state(&queue, 6), [(1, at(1)), (0, at(0))]);
}

#[test]
fn sweeps_leave_places_for_edits() {
    let mut turns = Turns::new(Places { all: 3, sweeps: 2 });
    for key in ["s1", "s2", "s3"] {
        turns.queue.push(key, "a", Lane::Sweep, at(0));
    }
    let given = |turns: &mut Turns<&'static str>| std::iter::from_fn(|| turns.give()).collect::<Vec<_>>();
    assert_eq!(given(&mut turns), [("s1", Lane::Sweep), ("s2", Lane::Sweep)]);
    for key in ["e1", "e2", "e3"] {
        turns.queue.push(key, "a", Lane::Edit, at(1));
    }
    assert_eq!(given(&mut turns), [("e1", Lane::Edit)]);
    // A place that gets free is an edit's first.
    turns.end(Lane::Sweep);
    assert_eq!(given(&mut turns), [("e2", Lane::Edit)]);
    turns.end(Lane::Edit);
    turns.end(Lane::Edit);
    assert_eq!(given(&mut turns), [("e3", Lane::Edit), ("s3", Lane::Sweep)]);
}

/// Dashboards and alerts say these.
#[test]
fn lanes_have_names() {
    assert_eq!(Lane::ALL.iter().map(|lane| lane.as_str()).collect::<Vec<_>>(), ["edit", "sweep"]);
    assert_eq!(Lane::TEXTS, ["edit", "sweep"]);
}
