//! Time zones, and the runs of local times as EventBridge Scheduler computes them.
//!
//! Scheduler skips a local time that a clock change leaves out, and runs a local time that occurs twice once, before
//! the change (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time>).
//! croner with a time zone would move a run out of the gap. So croner counts local times as if there were no changes,
//! and this module finds their instants.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::validation::messages;

/// The data in the binary, so that no file of the host changes a result.
static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The time zone with an IANA name, letter for letter. `None` for an unknown name, which AWS may still know: the
/// data of AWS may be newer.
pub(super) fn find(name: &str) -> Option<TimeZone> {
    BUNDLED.get(name).ok().filter(|zone| zone.iana_name() == Some(name))
}

/// Parses the IANA name of a time zone.
///
/// # Errors
///
/// The CRD's text for a name that is unknown to the API server.
pub fn parse_time_zone(name: &str) -> Result<TimeZone, &'static str> {
    find(name).ok_or(messages::TIME_ZONE)
}

/// The instant of a local time: the first of two. `None` if the time zone leaves out the local time.
pub(super) fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let time = zone.to_ambiguous_zoned(local);
    if let AmbiguousOffset::Gap { .. } = time.offset() {
        return None;
    }
    time.earlier().ok().map(|time| time.timestamp())
}

/// The latest local time whose [`instant`] is at `now` or before. While local times repeat, this is later than the
/// time on the clock, since all repeated times had their instant before the change.
pub(super) fn latest_local(now: Timestamp, zone: &TimeZone) -> DateTime {
    let clock = zone.to_datetime(now);
    match zone.to_ambiguous_timestamp(clock).offset() {
        AmbiguousOffset::Fold { before, .. } => before.to_datetime(now),
        _ => clock,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_letter_for_letter() {
        for name in ["Europe/Berlin", "UTC", "EST", "Asia/Kolkata", "Europe/Kyiv", "US/Pacific", "Etc/GMT+5"]
        {
            assert_eq!(
                find(name).and_then(|zone| zone.iana_name().map(str::to_owned)),
                Some(name.to_owned())
            );
        }
        for name in ["europe/berlin", "Mars/Phobos", "UTC+2", "utc", "Local", "", "+02:00", "Europe/London/"]
        {
            assert_eq!(find(name), None, "{name}");
        }
    }

    /// A host without `/usr/share/zoneinfo` has the same time zones.
    #[test]
    fn every_name_of_the_bundled_data_is_found() {
        let names: Vec<String> = BUNDLED.available().map(|name| name.to_string()).collect();
        assert!(names.len() > 500, "{}", names.len());
        for name in names {
            assert!(find(&name).is_some(), "{name}");
        }
    }
}
