//! Two operators at once by mistake, with the same owner id, each with caches of its own: what others have stays safe, and
//! when one is stopped, the other one brings all to where it should be.
//!
//! Where they die, too, a residue is left, which is bounded here: of an object that is deleted while both are at work, one
//! operator makes a statement or a rule again as the other one lets the object go, and dies before it looks whether the
//! object is still there. What each makes was recorded, and has gone with the object, so nobody is left who knows. With
//! leader election, the default, there are no two.

use super::seeds::{self, Outcome};

/// So many in each `make test`.
const SEEDS: u64 = 300;
/// Under faults and deaths, no more of them may end otherwise than one alone.
const OTHER_ENDS: usize = 3;

#[test]
fn two_operators_at_once_end_as_one_alone() {
    let Outcome { other_ends, .. } = seeds::run_all("two operators", 0..SEEDS, 2, false);
    assert_eq!(other_ends, 0);
}

#[test]
fn under_faults_two_operators_at_once_leave_alone_what_others_have_and_hardly_anything_behind() {
    let Outcome { other_ends, .. } = seeds::run_all("two operators under faults", 0..SEEDS, 2, true);
    assert!(other_ends <= OTHER_ENDS, "{other_ends} other ends of {SEEDS}");
}
