//! The test protocols of the simulator. Each protocol runs the whole operator under other faults.

mod calls;
mod chaos;
mod counts;
mod crash;
mod deletions;
mod faults;
mod import_rules;
mod late;
mod parallel;
mod permissions;
mod preview;
mod preview_calls;
mod quotas;
mod refused_entries;
mod removed_finalizers;
mod rollout;
mod schedule_counts;
mod schedule_refusals;
mod seeds;
mod sequences;
mod soak;
mod switch;
mod two_leaders;
mod watches;
mod workflows;

use std::io::{Write, stderr};

/// Prints how much a test has tried. The output goes directly to stderr, since cargo hides the captured output of a
/// passing test.
fn print_figures(figures: &str) {
    // The figures are optional, so an error is ignored.
    let _ = writeln!(stderr(), "{figures}");
}
