//! The due times of a schedule.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>

use std::iter::successors;

use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

use super::expression::Expression;

/// Everything of a schedule that decides about its due times.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Timing {
    pub expression: Expression,
    pub zone: TimeZone,
    /// First and last instants at which the schedule may run. `at()` ignores both.
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    /// The time of the write. A rate without a start begins at this time.
    pub written: Timestamp,
}

/// The zone with exactly this IANA name.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    (zone.iana_name() == Some(name)).then_some(zone)
}

impl Timing {
    /// The due times without dates. `None` if AWS refuses the expression or the zone.
    pub fn new(expression: &str, zone_name: &str, written: Timestamp) -> Option<Self> {
        let (expression, zone) = (Expression::parse(expression)?, zone(zone_name)?);
        Some(Self { expression, zone, start: None, end: None, written })
    }

    /// The due times after `from`, in order; none for `at()`.
    pub fn times_after(&self, from: Timestamp) -> impl Iterator<Item = Timestamp> {
        successors(self.after(from), |due| self.after(*due))
    }

    /// The first due time of a schedule that was just written. The time of an `at()` may have passed.
    pub fn first(&self) -> Option<Timestamp> {
        match &self.expression {
            Expression::At(time) => self.instant(*time),
            // A rate can begin at the time of the write itself.
            Expression::Rate(_) => self.after(self.written - SignedDuration::from_nanos(1)),
            Expression::Cron(_) => self.after(self.written),
        }
    }

    /// The first due time after `time`; always `None` for `at()`.
    pub fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let due = match &self.expression {
            Expression::At(_) => None,
            Expression::Rate(interval) => {
                let start = self.start.unwrap_or(self.written);
                let passed = time.duration_since(start).as_nanos();
                let count = if passed < 0 { 0 } else { passed / interval.as_nanos() + 1 };
                start.checked_add(*interval * i32::try_from(count).ok()?).ok()
            }
            Expression::Cron(cron) => {
                let before_start = self.start.map(|start| start - SignedDuration::from_nanos(1));
                let time = before_start.map_or(time, |start| start.max(time));
                let instants = cron.civil_times(self.zone.to_datetime(time));
                instants.filter_map(|civil| self.instant(civil)).find(|due| *due > time)
            }
        };
        due.filter(|due| self.end.is_none_or(|end| *due <= end))
    }

    /// True if the schedule has a last due time.
    pub fn is_finite(&self) -> bool {
        matches!(self.expression, Expression::At(_)) || self.end.is_some()
    }

    /// The instant of a civil time in the zone. A civil time that does not exist has none. Of two instants, AWS takes
    /// the earlier.
    fn instant(&self, civil: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => None,
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(expression: &str, zone_name: &str, written: &str) -> Timing {
        Timing {
            expression: Expression::parse(expression).unwrap(),
            zone: zone(zone_name).unwrap(),
            start: None,
            end: None,
            written: written.parse().unwrap(),
        }
    }

    fn due_times(timing: &Timing, count: usize) -> Vec<String> {
        let times = std::iter::successors(timing.first(), |due| timing.after(*due));
        times.take(count).map(|due| due.to_string()).collect()
    }

    #[test]
    fn a_civil_time_that_does_not_exist_is_skipped() {
        let cases = [
            ("cron(30 2 * * ? *)", "America/Los_Angeles", "2027-03-13T12:00:00Z", "2027-03-15T09:30:00Z"),
            ("cron(30 2 * * ? *)", "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-29T00:30:00Z"),
            // The shift of Lord Howe is 30 minutes: 02:00 to 02:30 does not exist.
            ("cron(15 2 * * ? *)", "Australia/Lord_Howe", "2027-10-02T00:00:00Z", "2027-10-03T15:15:00Z"),
            // 30 December 2011 does not exist in Apia.
            ("cron(0 12 30,31 12 ? *)", "Pacific/Apia", "2011-12-29T23:00:00Z", "2011-12-30T22:00:00Z"),
        ];
        for (expression, zone, written, expected) in cases {
            assert_eq!(due_times(&timing(expression, zone, written), 1), [expected], "{zone}");
        }
        let at = timing("at(2027-03-28T02:30:00)", "Europe/Berlin", "2027-03-01T00:00:00Z");
        assert_eq!(at.first(), None);
    }

    #[test]
    fn a_civil_time_that_comes_twice_is_due_once_before_the_shift() {
        let cases = [
            (
                "cron(30 1 * * ? *)",
                "America/Los_Angeles",
                "2027-11-07T00:00:00Z",
                ["2027-11-07T08:30:00Z", "2027-11-08T09:30:00Z"],
            ),
            (
                "cron(30 2 * * ? *)",
                "Europe/Berlin",
                "2027-10-30T12:00:00Z",
                ["2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"],
            ),
            // Written in the second half hour.
            (
                "cron(45 1 * * ? *)",
                "Australia/Lord_Howe",
                "2027-04-03T15:00:00Z",
                ["2027-04-04T15:15:00Z", "2027-04-05T15:15:00Z"],
            ),
            (
                "cron(0/30 2 * * ? *)",
                "Europe/Berlin",
                "2027-10-31T00:15:00Z",
                ["2027-10-31T00:30:00Z", "2027-11-01T01:00:00Z"],
            ),
        ];
        for (expression, zone, written, expected) in cases {
            assert_eq!(due_times(&timing(expression, zone, written), 2), expected, "{zone}");
        }
        let at = timing("at(2027-10-31T02:30:00)", "Europe/Berlin", "2027-03-01T00:00:00Z");
        assert_eq!(due_times(&at, 2), ["2027-10-31T00:30:00Z"]);
    }

    #[test]
    fn a_zone_without_shifts_is_a_constant_offset() {
        let timing = timing("cron(0 18 ? * FRI *)", "Asia/Kolkata", "2027-01-01T00:00:00Z");
        assert_eq!(due_times(&timing, 2), ["2027-01-01T12:30:00Z", "2027-01-08T12:30:00Z"]);
    }

    #[test]
    fn a_rate_begins_at_the_write_or_at_its_start() {
        let mut timing = timing("rate(1 day)", "Europe/Berlin", "2027-03-27T12:00:00Z");
        // A day has 24 hours, although the 28th of March has 23 in Berlin.
        assert_eq!(due_times(&timing, 2), ["2027-03-27T12:00:00Z", "2027-03-28T12:00:00Z"]);
        timing.start = Some("2027-04-01T06:00:00Z".parse().unwrap());
        assert_eq!(due_times(&timing, 2), ["2027-04-01T06:00:00Z", "2027-04-02T06:00:00Z"]);
        timing.start = Some("2027-03-27T11:57:00Z".parse().unwrap());
        assert_eq!(due_times(&timing, 1), ["2027-03-28T11:57:00Z"]);
    }

    #[test]
    fn dates_limit_recurring_schedules_only() {
        let mut cron = timing("cron(0 18 * * ? *)", "UTC", "2027-01-01T00:00:00Z");
        cron.start = Some("2027-01-03T18:00:00Z".parse().unwrap());
        cron.end = Some("2027-01-04T18:00:00Z".parse().unwrap());
        assert_eq!(due_times(&cron, 3), ["2027-01-03T18:00:00Z", "2027-01-04T18:00:00Z"]);
        let mut at = timing("at(2027-02-01T18:00:00)", "UTC", "2027-01-01T00:00:00Z");
        at.end = cron.end;
        assert_eq!(due_times(&at, 3), ["2027-02-01T18:00:00Z"]);
        assert_eq!(due_times(&timing("cron(0 0 30 2 ? *)", "UTC", "2027-01-01T00:00:00Z"), 1), [""; 0]);
    }

    #[test]
    fn zone_names_match_letter_for_letter() {
        let known = ["Europe/Berlin", "UTC", "EST", "US/Pacific", "Etc/GMT+5"];
        assert!(known.iter().all(|name| zone(name).is_some()));
        let unknown = ["europe/berlin", "Mars/Phobos", "UTC+2", "Local", "", "+02:00", "Europe/London/"];
        assert_eq!(unknown.map(|name| zone(name).is_some()), [false; 7]);
    }
}
