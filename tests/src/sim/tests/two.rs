//! Two operators at once by mistake, with the same owner id, each with caches of its own: what others have stays safe, and
//! when one is stopped, the other one brings all to where it should be, but for a residue that is bounded here.
//!
//! Of an object that is deleted or moved while both are at work, one operator makes a statement or a rule again as the other
//! one lets it go, and dies before it has looked again, be it by the kill that ends the time of both. What each makes was
//! recorded, and has been struck out, so nobody is left who knows. With leader election, the default, there are no two.

use super::seeds::{self, Outcome};

/// So many in each `make test`.
const SEEDS: u64 = 300;
/// No more of them may end otherwise than one alone.
const OTHER_ENDS: usize = 2;
/// The same where calls fail and operators die all the time.
const OTHER_ENDS_UNDER_FAULTS: usize = 4;

#[test]
fn two_operators_at_once_end_as_one_alone_but_for_a_few() {
    let Outcome { other_ends, .. } = seeds::run_all("two operators", 0..SEEDS, 2, false);
    assert!(other_ends <= OTHER_ENDS, "{other_ends} other ends of {SEEDS}");
}

#[test]
fn under_faults_two_operators_at_once_leave_alone_what_others_have_and_hardly_anything_behind() {
    let Outcome { other_ends, .. } = seeds::run_all("two operators under faults", 0..SEEDS, 2, true);
    assert!(other_ends <= OTHER_ENDS_UNDER_FAULTS, "{other_ends} other ends of {SEEDS}");
}
