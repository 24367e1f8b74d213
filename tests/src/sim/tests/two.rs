//! Two operators at once by mistake: the same owner ID, separate caches, and no leader election. Foreign entries stay.
//! After the stop of one operator, the other operator brings all resources in sync.

use super::seeds;

/// The number of seeds in `make test`.
const SEEDS: u64 = 500;

#[test]
fn two_operators_end_like_one_operator() {
    seeds::run_all("two operators", 0..SEEDS, 2, false);
}

#[test]
fn two_operators_under_faults_end_like_one_operator() {
    seeds::run_all("two operators under faults", 0..SEEDS, 2, true);
}
