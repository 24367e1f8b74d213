//! When objects are looked at again: in rounds, so that those which need the same answer of AWS come together and share it.
//! All times are those since the operator's start.

use std::time::Duration;

/// The time until an object is looked at again that was just found, or made, as it is to be: early in the next round.
/// `chance`, of nothing to one, spreads objects over a tenth of the round.
pub fn next(now: Duration, resync: Duration, chance: f64) -> Duration {
    period_start(now, resync) + resync - now + (resync / 10).mul_f64(chance)
}

/// Since when an answer of AWS may have been asked for to be shared in a resync: in its round, and not long ago. So what
/// somebody changes between two rounds is seen in the second one, whoever asks first.
pub fn oldest_cached_read(now: Duration, resync: Duration) -> Duration {
    period_start(now, resync).max(now.saturating_sub(resync / 5))
}

/// When the round began.
fn period_start(now: Duration, resync: Duration) -> Duration {
    let into = now.as_nanos().checked_rem(resync.as_nanos()).unwrap_or_default();
    now - Duration::from_nanos_u128(into)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RESYNC: Duration = Duration::from_secs(600);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn objects_come_together_early_in_each_round() {
        for (now, chance, expected) in [
            (0, 0.0, 600),
            (30, 0.0, 570),
            (599, 0.5, 31),
            // Not again in the round that it was just looked at in.
            (600, 0.0, 600),
            (660, 1.0, 600),
        ] {
            assert_eq!(next(at(now), RESYNC, chance), at(expected), "{now} {chance}");
        }
    }

    #[test]
    fn an_answer_of_an_earlier_round_or_an_old_one_is_not_shared() {
        for (now, expected) in
            [(0, 0), (60, 0), (120, 0), (300, 180), (599, 479), (600, 600), (610, 600), (725, 605)]
        {
            assert_eq!(oldest_cached_read(at(now), RESYNC), at(expected), "{now}");
        }
    }

    proptest! {
        /// Whatever an object shares: what somebody changes after its last look is seen within a round and a tenth.
        #[test]
        fn a_change_is_seen_within_a_round_and_a_tenth(
            start in 0u64..100_000,
            chances in prop::collection::vec(0.0..1.0f64, 20),
        ) {
            // At the start it was looked at with answers of its own.
            let (mut now, mut looked) = (at(start), at(start));
            for chance in chances {
                now += next(now, RESYNC, chance);
                prop_assert!(now - looked <= RESYNC + RESYNC / 10, "{now:?} {looked:?}");
                looked = oldest_cached_read(now, RESYNC);
            }
        }
    }
}
