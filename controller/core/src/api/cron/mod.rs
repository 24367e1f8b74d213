//! AWS's cron, and the translation of a CronJob's five fields into AWS's cron. `describe.rs` writes a cron schedule
//! in English.

mod field;

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::validation::messages;
use super::{describe, time_zone};
use field::DAYS;
use field::{Item, Value};

pub(super) use field::{CRONTAB, FIELDS, Field};

const DAY_OF_MONTH: usize = 2;
const MONTH: usize = 3;
const DAY_OF_WEEK: usize = 4;

/// The number of days of each month, in a leap year.
const LONGEST_MONTHS: [u16; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// An error in one field, or in the combination of the day fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CronError {
    field: Option<&'static str>,
    /// The text to write instead, for a message that has the field's path.
    pub hint: &'static str,
    /// The text to write instead, with the field's name, for a message about the whole schedule.
    pub message: String,
}

impl CronError {
    /// Path of the field in a `ScheduledFunction`.
    pub fn field_path(&self) -> String {
        match self.field {
            Some(key) => format!("spec.cron.{key}"),
            None => "spec.cron".into(),
        }
    }
}

fn parse_fields<const N: usize>(
    fields: &'static [Field; N],
    texts: [&str; N],
) -> Result<[Vec<Item>; N], Vec<CronError>> {
    let errors: Vec<CronError> = fields
        .iter()
        .zip(texts)
        .filter(|(field, text)| field.parse(text).is_none())
        .map(|(field, text)| CronError {
            field: Some(field.key),
            hint: field.hint,
            message: messages::cron_field(field.name, text, field.hint),
        })
        .collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(std::array::from_fn(|i| fields[i].parse(texts[i]).unwrap_or_default()))
}

/// The six fields of AWS's cron, each as a list of items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron([Vec<Item>; 6]);

impl Cron {
    /// Parses AWS's six fields. Fails with one error for each invalid field.
    pub fn from_aws(texts: [&str; 6]) -> Result<Self, Vec<CronError>> {
        let cron = Self(parse_fields(&FIELDS, texts)?);
        let unspecified =
            [DAY_OF_MONTH, DAY_OF_WEEK].iter().filter(|&&day| cron.0[day] == [Item::Unspecified]);
        let hint = match unspecified.count() {
            1 if cron.has_impossible_day() => messages::NO_SUCH_DAY,
            1 => return Ok(cron),
            _ => messages::ONE_QUESTION_MARK,
        };
        Err(vec![CronError { field: None, hint, message: hint.into() }])
    }

    /// Translates the five fields of a CronJob. The error says what to write instead.
    pub fn from_crontab(texts: [&str; 5]) -> Result<Self, String> {
        let [minutes, hours, day_of_month, month, day_of_week] =
            parse_fields(&CRONTAB, texts).map_err(|mut errors| errors.swap_remove(0).message)?;
        let (any_day_of_month, any_day_of_week) = (is_any(&day_of_month), is_any(&day_of_week));
        if !any_day_of_month && !any_day_of_week {
            return Err(messages::BOTH_DAYS.into());
        }
        let cron = Self([
            translate(&CRONTAB[0], minutes),
            translate(&CRONTAB[1], hours),
            match (any_day_of_month, any_day_of_week) {
                (true, true) => vec![Item::Every],
                (true, false) => vec![Item::Unspecified],
                (false, _) => translate(&CRONTAB[2], day_of_month),
            },
            translate(&CRONTAB[3], month),
            if any_day_of_week { vec![Item::Unspecified] } else { translate_days_of_week(&day_of_week) },
            vec![Item::Every],
        ]);
        if cron.has_impossible_day() { Err(messages::NO_SUCH_DAY.into()) } else { Ok(cron) }
    }

    /// True if no year has the day, like 30 February. Like the CRD's rule, the function covers lists of single days
    /// and months, and the range 30-31. [`Cron::next_run`] covers every form.
    fn has_impossible_day(&self) -> bool {
        let first_day = |item: &Item| match item {
            Item::One(day) => Some(day.number),
            Item::Range(from, to, None) if from.number <= to.number => Some(from.number),
            _ => None,
        };
        let length = |item: &Item| match item {
            Item::One(month) => LONGEST_MONTHS.get(usize::from(month.number).checked_sub(1)?).copied(),
            _ => None,
        };
        let first_day = self.0[DAY_OF_MONTH].iter().map(first_day).min().flatten();
        let lengths: Option<Vec<u16>> = self.0[MONTH].iter().map(length).collect();
        let longest = lengths.and_then(|lengths| lengths.into_iter().max());
        matches!((first_day, longest), (Some(day), Some(longest)) if day > longest)
    }

    /// The first run after `now`. `None` if no run is left.
    pub fn next_run(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let cron = describe::croner(&self.for_croner())?;
        let mut local = zone.to_datetime(now);
        loop {
            local = cron.find_next_occurrence(&as_utc(local)?, false).ok()?.datetime();
            if let Some(run) = time_zone::instant(local, zone).filter(|run| *run > now) {
                return Some(run);
            }
        }
    }

    /// The last run at `now` or before. `None` if there is no earlier run.
    pub fn last_run(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let cron = describe::croner(&self.for_croner())?;
        let mut local = time_zone::latest_local(now, zone);
        let mut inclusive = true;
        loop {
            local = cron.find_previous_occurrence(&as_utc(local)?, inclusive).ok()?.datetime();
            inclusive = false;
            if let Some(run) = time_zone::instant(local, zone).filter(|run| *run <= now) {
                return Some(run);
            }
        }
    }

    /// The grammar and the items of each field.
    fn fields(&self) -> impl Iterator<Item = (&'static Field, &Vec<Item>)> {
        const { &FIELDS }.iter().zip(&self.0)
    }
}

/// A local time as if it were in UTC, where every local time exists once.
fn as_utc(local: DateTime) -> Option<Zoned> {
    local.to_zoned(TimeZone::UTC).ok()
}

/// True if a day field permits every day, so the other day field decides.
fn is_any(items: &[Item]) -> bool {
    matches!(items, [Item::Every | Item::Unspecified | Item::EveryNth(1)])
}

/// The items in the forms that AWS documents: `*/15` becomes `0/15`, and `0-30/10` becomes `0,10,20,30`.
fn translate(field: &Field, items: Vec<Item>) -> Vec<Item> {
    if items.contains(&Item::EveryNth(1)) {
        return vec![Item::Every];
    }
    items
        .into_iter()
        .flat_map(|item| match item {
            Item::EveryNth(step) => vec![Item::From(field.min.into(), step)],
            Item::Range(_, _, Some(_)) => {
                item.numbers(field).into_iter().flatten().map(|number| Item::One(number.into())).collect()
            }
            other => vec![other],
        })
        .collect()
}

/// Days of the week by name, since AWS and a CronJob use different numbers. Three or more consecutive days become a
/// range.
fn translate_days_of_week(items: &[Item]) -> Vec<Item> {
    let field = &CRONTAB[DAY_OF_WEEK];
    let numbers: Vec<u16> =
        items.iter().filter_map(|item| item.numbers(field)).flatten().map(|day| day % 7).collect();
    let days: Vec<Value> = (0..7)
        .filter(|day| numbers.contains(day))
        .map(|day| Value { number: day + 1, name: Some(DAYS[usize::from(day)]) })
        .collect();
    match days.as_slice() {
        [_, _, _, _, _, _, _] => vec![Item::Every],
        [first, _, .., last]
            if usize::from(last.number - first.number) + 1 == days.len() && days.len() > 2 =>
        {
            vec![Item::Range(*first, *last, None)]
        }
        _ => days.into_iter().map(Item::One).collect(),
    }
}

/// Conversions for croner, which computes and describes runs.
impl Cron {
    /// Seven fields with AWS's meaning in croner. Forms that differ become lists of values: croner counts `*/2` in
    /// years from another year, accepts `5/3` only in a lenient mode, refuses `20-2`, and gives `L` in day-of-week
    /// another meaning.
    pub(super) fn for_croner(&self) -> String {
        let fields = self
            .fields()
            .map(|(field, items)| items.iter().map(|i| i.explicit(field)).collect::<Vec<_>>().join(","));
        format!("0 {}", fields.collect::<Vec<_>>().join(" "))
    }

    /// Seven fields that croner describes correctly, without years. croner says "every 15" for any list that contains
    /// a step of 15, so only a single step stays a step. `overrides` replaces the values of some fields.
    pub(super) fn describable(&self, overrides: [Option<&str>; 5]) -> String {
        let fields = self.fields().zip(overrides).map(|((field, items), value)| match items.as_slice() {
            _ if let Some(value) = value => value.into(),
            [Item::EveryNth(step)] => format!("*/{step}"),
            [Item::From(from, step)] if from.number == field.min => format!("*/{step}"),
            [Item::Every | Item::Unspecified] => "*".into(),
            [Item::LastWeekday] => "L".into(),
            [special] if special.numbers(field).is_none() => special.explicit(field),
            values => {
                let numbers = values.iter().filter_map(|item| item.numbers(field)).flatten();
                numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",")
            }
        });
        format!("0 {} *", fields.collect::<Vec<_>>().join(" "))
    }

    pub(super) fn is_last_weekday(&self) -> bool {
        self.0[DAY_OF_MONTH] == [Item::LastWeekday]
    }

    /// The ends of a field that is a single range around the field's end, without a step.
    pub(super) fn wrapped_ends(&self, field: usize) -> Option<(u16, u16)> {
        match self.0.get(field)?.as_slice() {
            [item] => item.wrapped_ends(),
            _ => None,
        }
    }

    /// The years of the schedule. `None` for every year.
    pub(super) fn years(&self) -> Option<String> {
        let [.., years] = &self.0;
        (*years != [Item::Every]).then(|| list(years).replace(',', ", "))
    }

    /// True if the runs depend on the time zone.
    pub(super) fn is_bound_to_a_clock(&self) -> bool {
        self.0.iter().skip(1).any(|items| !is_any(items))
    }
}

fn list(items: &[Item]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The six fields, as between the parentheses of `cron(...)`.
impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.each_ref().map(|items| list(items)).join(" "))
    }
}
