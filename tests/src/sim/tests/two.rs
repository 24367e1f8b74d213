//! Two operators at once by mistake, with the same owner id, each with caches of its own and without leader election: what
//! others have stays safe, and when one is stopped, the other one brings all to where it should be.

use super::seeds;

/// So many in each `make test`.
const SEEDS: u64 = 500;

#[test]
fn two_operators_at_once_end_as_one_alone() {
    seeds::run_all("two operators", 0..SEEDS, 2, false);
}

#[test]
fn under_faults_two_operators_at_once_end_as_one_alone() {
    seeds::run_all("two operators under faults", 0..SEEDS, 2, true);
}
