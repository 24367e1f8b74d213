//! Two operators at once by mistake, with the same owner id, each with caches of its own: what others have stays safe, and
//! when one is stopped, the other one brings all to where it should be, but for a residue that is counted.
//!
//! Of what was deleted or moved while both were at work, a rule or a statement may stay behind, in two ways. One operator
//! makes it again as the other one lets the object go, and dies, under our faults, before it looks whether the object is
//! still there. Or it works on for an older spec, and makes again what the other one, which has the newer, has just taken
//! away and struck from the status. Neither leaves a note that somebody could find: what each makes was recorded, and the
//! other one has struck it out. With leader election, the default, there are no two.

use super::seeds::{self, Outcome};

/// So many in each `make test`.
const SEEDS: u64 = 300;
/// No more of them may end otherwise than one alone.
const OTHER_ENDS: usize = 6;

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
