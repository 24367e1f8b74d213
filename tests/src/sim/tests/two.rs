//! Two operators at once by mistake, with the same owner id, each with caches of its own: what others have stays safe, and
//! how often they end otherwise than one alone is counted: a statement or a rule may stay behind.

use super::seeds;

/// So many in each `make test`.
const SEEDS: u64 = 300;

#[test]
fn two_operators_at_once_leave_alone_what_others_have() {
    seeds::run_all("two operators", 0..SEEDS, 2);
}
