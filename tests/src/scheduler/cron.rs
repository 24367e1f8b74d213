//! The grammar and the meaning of AWS's cron expressions, for EventBridge rules and EventBridge Scheduler.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based>

use std::ops::RangeInclusive;

use jiff::{
    ToSpan,
    civil::{Date, DateTime},
};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const MINUTE: Field = Field::plain(0..=59);
const HOUR: Field = Field::plain(0..=23);
const DAY: Field = Field::plain(1..=31);
const MONTH: Field = Field { range: 1..=12, names: &MONTHS, ranges_wrap: true };
const WEEKDAY: Field = Field { range: 1..=7, names: &DAYS, ranges_wrap: true };
const NTH: Field = Field::plain(1..=5);
const YEAR: Field = Field { range: 1970..=2199, names: &[], ranges_wrap: false };

/// A parsed cron expression, without a time zone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cron {
    minutes: Vec<u32>,
    hours: Vec<u32>,
    days: Days,
    months: Vec<u32>,
    years: Vec<u32>,
}

/// The days of a month. A weekday is a number from 1 for Sunday to 7 for Saturday.
#[derive(Clone, Debug, PartialEq)]
enum Days {
    Dates(Vec<u32>),
    /// `L`
    LastDate,
    /// `LW`
    LastWorkday,
    /// `15W`
    NearestWorkday(u32),
    Weekdays(Vec<u32>),
    /// `5L`
    LastWeekday(u32),
    /// `3#2`
    NthWeekday(u32, u32),
}

impl Cron {
    /// Parses the six fields inside the parentheses; `None` if AWS refuses the expression.
    pub fn parse(cron: &str) -> Option<Self> {
        let fields: Vec<_> = cron.split_ascii_whitespace().collect();
        let &[minutes, hours, date, month, weekday, year] = fields.as_slice() else {
            return None;
        };
        let days = match (date, weekday) {
            ("?", "?") => return None,
            ("?", weekday) => weekdays(weekday)?,
            (date, "?") => dates(date)?,
            _ => return None,
        };
        Some(Self {
            minutes: MINUTE.values(minutes)?,
            hours: HOUR.values(hours)?,
            days,
            months: MONTH.values(month)?,
            years: YEAR.values(year)?,
        })
    }

    /// The civil times of the expression from `from` on, in order.
    pub fn civil_times(&self, from: DateTime) -> impl Iterator<Item = DateTime> {
        let years = self.years.iter().filter(move |year| **year >= from.year() as u32);
        let months = years.flat_map(|year| self.months.iter().map(move |month| (*year, *month)));
        let starts = months.filter_map(|(year, month)| Date::new(year as i16, month as i8, 1).ok());
        let dates = starts.flat_map(|start| start.series(1.day()).take(start.days_in_month() as usize));
        let times = move |date: Date| {
            self.hours.iter().flat_map(move |hour| {
                self.minutes.iter().map(move |minute| date.at(*hour as i8, *minute as i8, 0, 0))
            })
        };
        dates.filter(|date| self.has_day(*date)).flat_map(times).filter(move |time| *time >= from)
    }

    fn has_day(&self, date: Date) -> bool {
        let (day, last) = (date.day() as u32, date.days_in_month() as u32);
        let weekday = date.weekday().to_sunday_one_offset() as u32;
        match &self.days {
            Days::Dates(dates) => dates.contains(&day),
            Days::LastDate => day == last,
            Days::LastWorkday => Some(day) == nearest_workday(date, last),
            Days::NearestWorkday(wanted) => Some(day) == nearest_workday(date, *wanted),
            Days::Weekdays(weekdays) => weekdays.contains(&weekday),
            Days::LastWeekday(wanted) => weekday == *wanted && day + 7 > last,
            Days::NthWeekday(wanted, nth) => weekday == *wanted && (day - 1) / 7 + 1 == *nth,
        }
    }
}

/// The day from Monday to Friday that is nearest to `day` in the month of `date`. `None` if the month is shorter.
fn nearest_workday(date: Date, day: u32) -> Option<u32> {
    let last = date.days_in_month() as u32;
    let wanted = (day <= last).then(|| date.first_of_month().saturating_add((day as i64 - 1).days()))?;
    Some(match wanted.weekday().to_sunday_one_offset() {
        7 if day == 1 => 3,
        7 => day - 1,
        1 if day == last => day - 2,
        1 => day + 1,
        _ => day,
    })
}

/// `L` for the last day, `LW` for the last weekday, `15W` for the weekday nearest to the 15th.
fn dates(field: &str) -> Option<Days> {
    match (field, field.strip_suffix('W')) {
        ("L", _) => Some(Days::LastDate),
        (_, Some("L")) => Some(Days::LastWorkday),
        (_, Some(day)) => DAY.value(day).map(Days::NearestWorkday),
        _ => DAY.values(field).map(Days::Dates),
    }
}

/// `L` for Saturday, `5L` for the last Thursday, `3#2` for the second Tuesday. A list cannot contain `#`. AWS documents
/// no `/` for the field.
fn weekdays(field: &str) -> Option<Days> {
    if let Some((day, nth)) = field.split_once('#') {
        return Some(Days::NthWeekday(WEEKDAY.value(day)?, NTH.value(nth)?));
    }
    match field.strip_suffix('L') {
        Some("") => Some(Days::Weekdays(vec![7])),
        Some(day) => WEEKDAY.value(day).map(Days::LastWeekday),
        None if field.contains('/') => None,
        None => WEEKDAY.values(field).map(Days::Weekdays),
    }
}

pub(crate) fn digits(text: &str) -> Option<u32> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// A field of numbers, names, lists, ranges and steps.
struct Field {
    range: RangeInclusive<u32>,
    names: &'static [&'static str],
    /// True if a range may wrap around the end of the field, such as hours `20-2`. Only the year does not wrap.
    ranges_wrap: bool,
}

impl Field {
    const fn plain(range: RangeInclusive<u32>) -> Self {
        Self { range, names: &[], ranges_wrap: true }
    }

    /// The numbers of a field, sorted; `None` if AWS refuses the field.
    fn values(&self, field: &str) -> Option<Vec<u32>> {
        let parts: Vec<_> = field.split(',').map(|part| self.part(part)).collect::<Option<_>>()?;
        let mut values = parts.concat();
        values.sort_unstable();
        values.dedup();
        Some(values)
    }

    /// `5`, `MON-FRI`, `*`, and each with a step. A step after a single number runs to the end of the field.
    fn part(&self, part: &str) -> Option<Vec<u32>> {
        let (base, step) = match part.split_once('/') {
            Some((base, step)) => (base, Some(digits(step).filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (least, most) = (*self.range.start(), *self.range.end());
        let (from, to) = match base.split_once('-') {
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            None if base == "*" => (least, most),
            None => {
                let value = self.value(base)?;
                (value, if step.is_some() { most } else { value })
            }
        };
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        match from <= to {
            true => Some((from..=to).step_by(step).collect()),
            false => self.ranges_wrap.then(|| (from..=most).chain(least..=to).step_by(step).collect()),
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
    use super::*;

    /// The first civil times of an expression from the start of 2027, a year that begins on a Friday.
    fn first(cron: &str, count: usize) -> Vec<String> {
        let from = Date::constant(2027, 1, 1).at(0, 0, 0, 0);
        let times = Cron::parse(cron).unwrap();
        times.civil_times(from).take(count).map(|time| time.strftime("%m-%d %H:%M").to_string()).collect()
    }

    #[test]
    fn fields_name_their_civil_times() {
        let cases = [
            ("0 18 ? * MON-FRI *", ["01-01 18:00", "01-04 18:00", "01-05 18:00"]),
            ("0/20 8 * * ? *", ["01-01 08:00", "01-01 08:20", "01-01 08:40"]),
            ("50 22-1 * * ? *", ["01-01 00:50", "01-01 01:50", "01-01 22:50"]),
            ("0 20-2/3 * * ? *", ["01-01 02:00", "01-01 20:00", "01-01 23:00"]),
            ("5,1 0 * * ? *", ["01-01 00:01", "01-01 00:05", "01-02 00:01"]),
            ("0 0 L * ? *", ["01-31 00:00", "02-28 00:00", "03-31 00:00"]),
            ("0 0 LW * ? *", ["01-29 00:00", "02-26 00:00", "03-31 00:00"]),
            // The 2nd of January is a Saturday, the 14th of February a Sunday.
            ("0 0 2W 1,2 ? *", ["01-01 00:00", "02-02 00:00", "01-03 00:00"]),
            ("0 0 14W 2-4 ? *", ["02-15 00:00", "03-15 00:00", "04-14 00:00"]),
            ("0 0 1W 5,8 ? *", ["05-03 00:00", "08-02 00:00", "05-01 00:00"]),
            ("0 0 31W 1-3 ? *", ["01-29 00:00", "03-31 00:00", "01-31 00:00"]),
            ("0 0 ? * L *", ["01-02 00:00", "01-09 00:00", "01-16 00:00"]),
            ("0 0 ? * 6L *", ["01-29 00:00", "02-26 00:00", "03-26 00:00"]),
            ("0 0 ? * 3#2 *", ["01-12 00:00", "02-09 00:00", "03-09 00:00"]),
            ("0 0 ? NOV-FEB FRI-MON *", ["01-01 00:00", "01-02 00:00", "01-03 00:00"]),
        ];
        for (cron, expected) in cases {
            assert_eq!(first(cron, 3), expected, "{cron}");
        }
    }

    #[test]
    fn civil_times_begin_at_the_start_and_end_with_the_years() {
        let from = Date::constant(2027, 6, 1).at(12, 0, 0, 0);
        let cron = Cron::parse("0 12 1 * ? 2026-2027").unwrap();
        let times: Vec<_> = cron.civil_times(from).map(|time| time.date().month()).collect();
        assert_eq!(times, [6, 7, 8, 9, 10, 11, 12]);
    }
}
