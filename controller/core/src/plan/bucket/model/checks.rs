//! The explorations of the model, each with its expected result.

use std::collections::BTreeSet;
use std::io::{Write, stderr};
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use super::*;

const DELETION: Bounds =
    Bounds { deletions: 1, tool_writes: 0, stale_reads: 0, lost_answers: 0, given_up: 0, crashes: 0 };

fn one_object(bounds: Bounds) -> Buckets {
    let assumption = Assumption::WithinGracePeriod;
    Buckets { bounds, objects: 1, refused: None, assumption, excuses_the_window: true }
}

fn two_objects(bounds: Bounds) -> Buckets {
    Buckets { objects: 2, ..one_object(bounds) }
}

/// Explores all states, at least `at_least` states. Checks all `always` properties, and checks that exactly the
/// `expected` properties of kind `sometimes` occur.
fn explore(name: &str, model: Buckets, at_least: usize, expected: &[&str]) {
    let begin = Instant::now();
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let states = checker.unique_state_count();
    let (depth, time) = (checker.max_depth(), begin.elapsed());
    // Written to stderr, because cargo captures the stdout of passing tests.
    writeln!(stderr(), "{name}: {states} states, {depth} actions deep, {time:.1?}").unwrap();
    let found = checker.discoveries();
    for (property, path) in found.iter().filter(|(property, _)| !expected.contains(*property)) {
        println!("{property}: {:#?}", path.clone().into_actions());
    }
    let found: BTreeSet<&str> = found.into_keys().collect();
    assert_eq!(found, BTreeSet::from_iter(expected.iter().copied()), "{name}");
    assert!(states >= at_least, "{name}: only {states} states");
}

#[test]
fn a_crash_leaves_no_orphans() {
    let explore = |name, model, at_least| explore(name, model, at_least, &[IS_GONE]);
    let crash = Bounds { crashes: 1, ..DELETION };
    explore("crash, two objects", two_objects(crash), 9_000);
    explore("two crashes, two objects", two_objects(Bounds { crashes: 2, ..DELETION }), 60_000);
    explore("PUT given up, two objects", two_objects(Bounds { given_up: 1, ..DELETION }), 4_500);
    let unanswered = Bounds { given_up: 1, lost_answers: 1, ..crash };
    explore("crash, PUT given up, answer lost", one_object(unanswered), 4_000);
    explore(
        "crash, PUT given up, stale read",
        one_object(Bounds { given_up: 1, stale_reads: 1, ..crash }),
        5_000,
    );
}

#[test]
fn foreign_writes_at_any_time_are_safe() {
    // The tool writes back an old read, so entries of a deleted object may return.
    let explore = |name, model, at_least| explore(name, model, at_least, &[IS_GONE, IS_BACK]);
    let tool = Bounds { tool_writes: 1, ..DELETION };
    explore("tool, two objects", two_objects(tool), 8_000);
    explore("tool, crash, stale read", one_object(Bounds { crashes: 1, stale_reads: 1, ..tool }), 8_000);
    explore("tool twice, stale read", one_object(Bounds { tool_writes: 2, stale_reads: 1, ..tool }), 8_000);
}

#[test]
fn the_orphan_check_removes_entries_of_a_late_put() {
    let late = |model| Buckets { assumption: Assumption::BeforeOrphanCheck, ..model };
    let given_up = Bounds { given_up: 1, ..DELETION };
    let explore = |name, model, at_least| explore(name, model, at_least, &[IS_GONE, IS_BACK]);
    explore("late PUT, crash", late(one_object(Bounds { crashes: 1, ..given_up })), 7_000);
    explore("late PUT, two objects", late(two_objects(given_up)), 10_000);
}

/// No client can close the window, because S3 has no conditional write.
#[test]
fn a_foreign_write_is_reverted_only_in_the_read_write_window() {
    let bounds = Bounds { tool_writes: 1, ..Bounds::default() };
    explore("window excused", one_object(bounds), 200, &[]);

    let strict = Buckets { excuses_the_window: false, ..one_object(bounds) };
    let checker = strict.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let path = checker.assert_any_discovery(NOT_UNDONE).into_vec();
    let undone = path.iter().position(|(state, _)| state.history.undone_in_window).unwrap();
    let is_of_document =
        |action: &Action| matches!(action, Action::Read | Action::ToolWrites | Action::TakesEffect { .. });
    let actions = path.into_iter().take(undone).filter_map(|(_, action)| action);
    let actions: Vec<Action> = actions.filter(is_of_document).collect();
    assert_eq!(actions, [Action::Read, Action::ToolWrites, Action::TakesEffect { put: 0 }]);
}

/// The refused object has no entry, and the other object has its entry or is deleted.
#[test]
fn an_entry_that_s3_refuses_blocks_no_other_object() {
    let explore = |refused, name: &str, bounds, at_least, expected: &[&str]| {
        let model = Buckets { refused: Some(refused), ..two_objects(bounds) };
        explore(name, model, at_least, expected);
    };
    let faults = Bounds { crashes: 1, given_up: 1, ..DELETION };
    let tool = Bounds { tool_writes: 1, stale_reads: 1, ..DELETION };
    explore(0, "refused, deletion, crash, PUT given up", faults, 12_000, &[IS_GONE]);
    explore(0, "refused, deletion, tool, stale read", tool, 11_000, &[IS_GONE]);
    explore(1, "refused, deletion of the other, crash, PUT given up", faults, 18_000, &[IS_GONE]);
    explore(1, "refused, deletion of the other, tool, stale read", tool, 16_000, &[IS_GONE, IS_BACK]);
}
