//! The grammar of schedule expressions.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>

use jiff::{SignedDuration, civil::DateTime};

use super::cron::{Cron, digits};

/// A parsed schedule expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    /// `rate(5 minutes)`. A day is 24 hours in every time zone.
    Rate(SignedDuration),
    /// `cron(0 18 ? * MON-FRI *)`
    Cron(Cron),
    /// `at(2026-12-24T18:00:00)`
    At(DateTime),
}

impl Expression {
    /// Parses an expression; `None` if AWS refuses the expression.
    pub fn parse(expression: &str) -> Option<Self> {
        let (kind, inside) = expression.strip_suffix(')')?.split_once('(')?;
        match kind {
            "rate" => rate(inside).map(Self::Rate),
            "cron" => Cron::parse(inside).map(Self::Cron),
            "at" => at(inside).map(Self::At),
            _ => None,
        }
    }
}

/// A positive number and its unit. Scheduler accepts singular and plural for each number.
fn rate(rate: &str) -> Option<SignedDuration> {
    let (number, unit) = rate.split_once(' ')?;
    let number = digits(number).filter(|number| *number > 0)?;
    let minutes = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => 1,
        "hour" => 60,
        "day" => 24 * 60,
        _ => return None,
    };
    Some(SignedDuration::from_mins(i64::from(number) * minutes))
}

/// A civil time with seconds, without an offset.
fn at(time: &str) -> Option<DateTime> {
    let parsed = DateTime::strptime("%Y-%m-%dT%H:%M:%S", time).ok()?;
    (parsed.strftime("%Y-%m-%dT%H:%M:%S").to_string() == time).then_some(parsed)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn singular_and_plural_are_the_same_rate() {
        let cases = [
            ("rate(1 minute)", 1),
            ("rate(1 minutes)", 1),
            ("rate(90 minute)", 90),
            ("rate(2 hours)", 120),
            ("rate(1 days)", 1440),
        ];
        for (text, minutes) in cases {
            let expected = Expression::Rate(SignedDuration::from_mins(minutes));
            assert_eq!(Expression::parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_single_time_is_a_civil_time_with_seconds() {
        let expected = Expression::At(date(2022, 12, 31).at(23, 59, 59, 0));
        assert_eq!(Expression::parse("at(2022-12-31T23:59:59)"), Some(expected));
        let refused = [
            "at(2021-12-31T23:59:59Z)",
            "at(2021-12-31T23:59:59+01:00)",
            "at(2021-12-31)",
            "at(2021-12-31T23:59)",
            "at(2026-02-31T10:00:00)",
            "at(2026-2-3T10:00:00)",
            "at( 2021-12-31T23:59:59)",
        ];
        assert_eq!(refused.map(Expression::parse), [const { None }; 7]);
    }
}
