//! The protocols that the operator is put through.

mod chaos;
mod counts;
mod crash;
mod faults;
mod late;
mod parallel;
mod permissions;
mod quotas;
mod rollout;
mod seeds;
mod sequences;
mod soak;
mod two;
mod watches;
mod workflows;

use std::io::{Write, stderr};

/// Tells how much was tried, in each run: of a test that passes, cargo shows nothing else.
fn tell(figures: &str) {
    // Figures alone are lost where nobody can be told.
    let _ = writeln!(stderr(), "{figures}");
}
