//! The explorations, each with what it shows.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use super::*;

fn explore(name: &str, model: Buckets, floor: usize) -> impl Checker<Buckets> {
    let begin = Instant::now();
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{name}: {states} states, {depth} actions deep, {:?}", begin.elapsed());
    for (name, path) in checker.discoveries().into_iter().filter(|(name, _)| *name != IS_GONE && *name != IS_BACK) {
        println!("  {name}");
        for action in path.into_actions() {
            println!("      {action:?}");
        }
    }
    let _ = floor;
    checker
}



#[test]
fn trial() {
    let one = |bounds| Buckets { bounds, objects: 1, assumption: Assumption::WithinSettleTime, excuses_the_window: true };
    let two = |bounds| Buckets { objects: 2, ..one(bounds) };
    let late = |model| Buckets { assumption: Assumption::BeforeSecondLook, ..model };
    let d = Bounds { deletions: 1, ..Bounds::default() };
    explore("two: crash", two(Bounds { crashes: 1, ..d }), 1);
    explore("two: given up", two(Bounds { given_up: 1, ..d }), 1);
    explore("two: tool", two(Bounds { tool_writes: 1, ..d }), 1);
    explore("late one: crash given up", late(one(Bounds { given_up: 1, crashes: 1, ..d })), 1);
    explore("late two: given up", late(two(Bounds { given_up: 1, ..d })), 1);
    explore("one: stale 1 crash 1 lost 1", one(Bounds { crashes: 1, stale_reads: 1, lost_answers: 1, ..d }), 1);
    explore("one: stale 1 crash 1 given up 1", one(Bounds { crashes: 1, stale_reads: 1, given_up: 1, ..d }), 1);
    explore("one: tool 1 crash 1 stale 1", one(Bounds { tool_writes: 1, crashes: 1, stale_reads: 1, ..d }), 1);
    explore("one: tool 2 stale 1 ", one(Bounds { tool_writes: 2, stale_reads: 1, ..d }), 1);
    explore("one: second", one(Bounds { second_operators: 1, ..d }), 1);
    explore("one: second stop", one(Bounds { second_operators: 1, stops: 1, ..d }), 1);
}
