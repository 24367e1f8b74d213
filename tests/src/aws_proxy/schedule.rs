//! The grammar of schedule expressions.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

use std::ops::RangeInclusive;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// True if AWS accepts the expression for a rule. Rules support neither `at()` nor time zones.
pub(super) fn is_valid(expression: &str) -> bool {
    match inside(expression, "rate(") {
        Some(rate) => is_rate(rate),
        None => inside(expression, "cron(").is_some_and(is_cron),
    }
}

fn inside<'a>(expression: &'a str, opening: &str) -> Option<&'a str> {
    expression.strip_prefix(opening)?.strip_suffix(')')
}

/// A positive number and its unit: singular for 1, plural for all other numbers.
fn is_rate(rate: &str) -> bool {
    let Some((number, unit)) = rate.split_once(' ') else {
        return false;
    };
    let units: &[&str] =
        if number == "1" { &["minute", "hour", "day"] } else { &["minutes", "hours", "days"] };
    digits(number).is_some_and(|number| number > 0) && units.contains(&unit)
}

fn digits(text: &str) -> Option<u32> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

fn is_cron(cron: &str) -> bool {
    let fields: Vec<_> = cron.split_ascii_whitespace().collect();
    let &[minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
        return false;
    };
    (day_of_month == "?") != (day_of_week == "?")
        && Field::plain(0..=59).accepts(minutes)
        && Field::plain(0..=23).accepts(hours)
        && (day_of_month == "?" || is_day_of_month(day_of_month))
        && Field { range: 1..=12, names: &MONTHS, ranges_wrap: true }.accepts(month)
        && (day_of_week == "?" || is_day_of_week(day_of_week))
        && Field { range: 1970..=2199, names: &[], ranges_wrap: false }.accepts(year)
}

/// `L` for the last day, `LW` for the last weekday, `15W` for the weekday nearest to the 15th.
fn is_day_of_month(field: &str) -> bool {
    let nearest =
        field.strip_suffix('W').is_some_and(|day| day == "L" || Field::plain(1..=31).value(day).is_some());
    field == "L" || nearest || Field::plain(1..=31).accepts(field)
}

/// `L` for Saturday, `5L` for the last Thursday, `3#2` for the second Tuesday. A list cannot contain `#`. AWS documents
/// no `/` for the field.
fn is_day_of_week(field: &str) -> bool {
    let week = Field { range: 1..=7, names: &DAYS, ranges_wrap: true };
    let last = field.strip_suffix('L').is_some_and(|day| day.is_empty() || week.value(day).is_some());
    let nth = field
        .split_once('#')
        .is_some_and(|(day, nth)| week.value(day).is_some() && Field::plain(1..=5).value(nth).is_some());
    last || nth || !field.contains('/') && week.accepts(field)
}

/// A field of numbers, names, lists, ranges and steps.
struct Field {
    range: RangeInclusive<u32>,
    names: &'static [&'static str],
    /// True if a range may wrap around the end of the field, such as hours `20-2`. Only the year does not wrap.
    ranges_wrap: bool,
}

impl Field {
    fn plain(range: RangeInclusive<u32>) -> Self {
        Self { range, names: &[], ranges_wrap: true }
    }

    fn accepts(&self, field: &str) -> bool {
        field.split(',').all(|part| self.accepts_part(part))
    }

    fn accepts_part(&self, part: &str) -> bool {
        match part.split_once('/') {
            Some((base, step)) => digits(step).is_some_and(|step| step > 0) && self.accepts_base(base),
            None => self.accepts_base(part),
        }
    }

    fn accepts_base(&self, base: &str) -> bool {
        match base.split_once('-') {
            Some((from, to)) => match (self.value(from), self.value(to)) {
                (Some(from), Some(to)) => self.ranges_wrap || from <= to,
                _ => false,
            },
            None => base == "*" || self.value(base).is_some(),
        }
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = named.and_then(|index| u32::try_from(index + 1).ok()).or_else(|| digits(text));
        number.filter(|number| self.range.contains(number))
    }
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn accepts_expressions_that_aws_documents() {
        let valid = [
            "rate(1 minute)",
            "rate(5 minutes)",
            "rate(1 hour)",
            "rate(7 days)",
            "cron(0 10 * * ? *)",
            "cron(15 12 * * ? *)",
            "cron(0 18 ? * MON-FRI *)",
            "cron(0 8 1 * ? *)",
            "cron(0/15 * * * ? *)",
            "cron(0/10 * ? * MON-FRI *)",
            "cron(0/5 8-17 ? * MON-FRI *)",
            "cron(0 0 L * ? *)",
            "cron(0 0 LW * ? *)",
            "cron(0 0 3W * ? *)",
            "cron(0 0 ? * 3#2 *)",
            "cron(0 0 ? * 6L 2026-2030)",
            "cron(0 0 ? JAN,FEB,MAR L *)",
            "cron(0/30 20-2 ? * MON-FRI *)",
            "cron(0 10 ? * SAT-SUN *)",
            "cron(0 6 ? NOV-FEB FRI-MON *)",
        ];
        assert_eq!(valid.map(is_valid), [true; 20]);
    }

    #[test]
    fn refuses_expressions_that_aws_refuses() {
        let invalid = [
            "",
            "rate(1 minutes)",
            "rate(1 hours)",
            "rate(0 minutes)",
            "rate(5 hour)",
            "rate(-1 minutes)",
            "rate(1.5 hours)",
            "rate(5  minutes)",
            "rate(10 seconds)",
            "rate(5 minutes",
            "at(2030-01-01T00:00:00)",
            "cron(0 10 * * * *)",
            "cron(0 10 ? * ? *)",
            "cron(60 10 * * ? *)",
            "cron(0 24 * * ? *)",
            "cron(0 10 32 * ? *)",
            "cron(0 10 0 * ? *)",
            "cron(0 10 * 13 ? *)",
            "cron(0 10 ? * 0 *)",
            "cron(0 10 ? * 8 *)",
            "cron(0 10 ? * 3#6 *)",
            "cron(0 10 ? * MON,3#2 *)",
            "cron(0 10 * * ? 1969)",
            "cron(0 10 * * ? 2200)",
            "cron(0 10 * * ?)",
            "cron(0 10 * * ? * *)",
            "cron(*/0 10 * * ? *)",
            "cron(0 10 * * ? 2030-2027)",
            "cron(0 10 ? * MON-FRI/2 *)",
            "0 10 * * *",
        ];
        assert_eq!(invalid.map(is_valid), [false; 30]);
    }
}
