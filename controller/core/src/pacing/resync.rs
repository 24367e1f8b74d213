//! The times of resyncs.
//!
//! Resyncs happen in periods, so that objects which need the same read of AWS come close together and share a cached
//! read. All times count from the start of the operator.

use std::time::Duration;

/// The time until the next resync of an object in sync: early in the next period. `chance`, from 0 to 1, spreads the
/// objects over a tenth of the period.
pub fn next(now: Duration, resync: Duration, chance: f64) -> Duration {
    period_start(now, resync) + resync - now + (resync / 10).mul_f64(chance)
}

/// The oldest read of AWS that a resync may take from the cache: a read of the same period. So a resync of all objects
/// reads each resource once, however long the resync takes. A change is seen in the next period at the latest.
pub fn oldest_cached_read(now: Duration, resync: Duration) -> Duration {
    period_start(now, resync)
}

/// The number of seconds between two full reads of an object's AWS resources.
const DAY: u64 = 86_400;

/// True if a resync reads everything, and not only what changes in practice: the state of the function and the tags of
/// the rule, too.
///
/// `changed` is the age of the object's generation, and `time` the Unix time. A full read happens in the first whole
/// period after a change of the spec. Afterwards, a full read happens once a day. The reconcile of a change itself reads
/// only what it needs. `spread` is any number that differs between objects, and spreads the objects over the day.
pub fn reads_everything(changed: Duration, time: Duration, resync: Duration, spread: u64) -> bool {
    // Resyncs are up to a tenth of a period early or late, so the window is longer than a period.
    let window = resync + resync / 5;
    let into_day = (time.as_secs() + spread % DAY) % DAY;
    changed >= resync && (changed < resync + window || into_day < window.as_secs())
}

/// The start of the period that contains `now`.
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
    fn resyncs_happen_early_in_each_period() {
        for (now, chance, expected) in [
            (0, 0.0, 600),
            (30, 0.0, 570),
            (599, 0.5, 31),
            // Not twice in one period.
            (600, 0.0, 600),
            (660, 1.0, 600),
        ] {
            assert_eq!(next(at(now), RESYNC, chance), at(expected), "{now} {chance}");
        }
    }

    #[test]
    fn reads_of_an_earlier_period_are_not_taken_from_the_cache() {
        for (now, expected) in
            [(0, 0), (60, 0), (300, 0), (599, 0), (600, 600), (610, 600), (1199, 600), (1200, 1200)]
        {
            assert_eq!(oldest_cached_read(at(now), RESYNC), at(expected), "{now}");
        }
    }

    #[test]
    fn everything_is_read_after_a_change_and_once_a_day() {
        let (midnight, noon) = (at(0), at(43_200));
        for (changed, at_noon, at_midnight) in [
            (0, false, false),
            (599, false, false),
            (600, true, true),
            (1_319, true, true),
            (1_320, false, true),
        ] {
            let read = [noon, midnight].map(|time| reads_everything(at(changed), time, RESYNC, 0));
            assert_eq!(read, [at_noon, at_midnight], "{changed}");
        }
        let old = at(1_000_000);
        for (time, spread, expected) in [
            (0, 0, true),
            (719, 0, true),
            (720, 0, false),
            (86_399, 0, false),
            (86_400, 0, true),
            (86_399, 1, true),
            (43_200, 43_200, true),
            (43_200, 86_400 + 43_200, true),
            (86_400 - u64::MAX % 86_400, u64::MAX, true),
        ] {
            assert_eq!(reads_everything(old, at(time), RESYNC, spread), expected, "{time} {spread}");
        }
    }

    proptest! {
        /// Holds for every choice of cached reads.
        #[test]
        fn a_change_is_seen_within_one_period_and_a_tenth(
            start in 0u64..100_000,
            chances in prop::collection::vec(0.0..1.0f64, 20),
        ) {
            // The first reconcile uses no cached reads.
            let (mut now, mut last_read) = (at(start), at(start));
            for chance in chances {
                now += next(now, RESYNC, chance);
                prop_assert!(now - last_read <= RESYNC + RESYNC / 10, "{now:?} {last_read:?}");
                last_read = oldest_cached_read(now, RESYNC);
            }
        }
    }
}
