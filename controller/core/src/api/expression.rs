//! The schedule expression of a `ScheduledFunction`: the parser of the user's text, and the canonical expression for
//! AWS.
//!
//! The grammar of `rate(...)` and `cron(...)` is the grammar of EventBridge
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>). EventBridge Scheduler
//! has the same grammar, and `at(...)` for one run
//! (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>). Five fields and shorthands like
//! `@hourly` follow a Kubernetes CronJob. `validation/cel/cron.rs` has the same grammar in CEL.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::cron::{Cron, FIELDS};
use super::validation::messages;
use super::{CronFields, FieldError, Rate, RateUnit, ScheduledFunctionSpec, describe, time_zone};

/// Maximum length of a schedule expression in EventBridge, in characters.
pub(super) const MAX_EXPRESSION: usize = 256;

/// Maximum value of a rate. AWS documents no limit, and this value is about two thousand years of minutes.
pub(super) const MAX_RATE: i64 = 999_999_999;

/// A schedule expression for AWS, in canonical form: `rate(1 hour)`, `cron(0 18 ? * MON-FRI *)`,
/// `at(2026-12-24T18:00:00)`. The times are local times of the schedule's time zone.
///
/// [`fmt::Display`] writes the text for AWS. Parsing the text returns an equal expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression(ExpressionKind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum ExpressionKind {
    Rate { value: i64, unit: &'static str },
    Cron(Cron),
    At(DateTime),
}

impl Expression {
    /// The first run after `now`, to the minute, with local times in `zone`. `None` if no run is left, such as for a
    /// past year. An interval has no known beginning here, so the result for an interval is `now`.
    pub fn next_run(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.0 {
            ExpressionKind::Rate { .. } => Some(now),
            ExpressionKind::Cron(cron) => cron.next_run(now, zone),
            ExpressionKind::At(time) => time_zone::instant(*time, zone).filter(|run| *run > now),
        }
    }

    /// The last run at `now` or before, with local times in `zone`. `None` for an interval, and for a schedule
    /// without earlier runs.
    pub fn last_run(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.0 {
            ExpressionKind::Rate { .. } => None,
            ExpressionKind::Cron(cron) => cron.last_run(now, zone),
            ExpressionKind::At(time) => time_zone::instant(*time, zone).filter(|run| *run <= now),
        }
    }

    /// The time between two runs of an interval. A day has 24 hours. `None` for `cron(...)` and `at(...)`.
    pub fn interval(&self) -> Option<SignedDuration> {
        let ExpressionKind::Rate { value, unit } = &self.0 else { return None };
        let hours = match *unit {
            "minute" => return Some(SignedDuration::from_mins(*value)),
            "hour" => *value,
            _ => *value * 24,
        };
        Some(SignedDuration::from_hours(hours))
    }

    /// The local time of `at(...)`. `None` for a schedule that repeats.
    pub fn one_time(&self) -> Option<DateTime> {
        match &self.0 {
            ExpressionKind::At(time) => Some(*time),
            _ => None,
        }
    }

    /// Words such as `Every hour`, without the time zone. The flag is true if the runs depend on the time zone.
    pub(super) fn in_words(&self) -> (String, bool) {
        match &self.0 {
            ExpressionKind::Rate { value: 1, unit } => (format!("Every {unit}"), false),
            ExpressionKind::Rate { value, unit } => (format!("Every {value} {unit}s"), false),
            ExpressionKind::Cron(cron) => (cron.in_words(), cron.is_bound_to_a_clock()),
            ExpressionKind::At(time) => (format!("Once, on {}", describe::date_and_time(*time)), true),
        }
    }

    fn rate(value: i64, unit: &'static str) -> Self {
        Self(ExpressionKind::Rate { value, unit })
    }

    fn cron(cron: Cron) -> Result<Self, String> {
        let expression = Self(ExpressionKind::Cron(cron));
        match expression.to_string().len() {
            0..=MAX_EXPRESSION => Ok(expression),
            _ => Err(messages::EXPRESSION_TOO_LONG.into()),
        }
    }

    #[cfg(test)]
    pub(super) fn as_cron(&self) -> Option<&Cron> {
        match &self.0 {
            ExpressionKind::Cron(cron) => Some(cron),
            ExpressionKind::Rate { .. } | ExpressionKind::At(_) => None,
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ExpressionKind::Rate { value: 1, unit } => write!(f, "rate(1 {unit})"),
            ExpressionKind::Rate { value, unit } => write!(f, "rate({value} {unit}s)"),
            ExpressionKind::Cron(cron) => write!(f, "cron({cron})"),
            ExpressionKind::At(time) => write!(f, "at({time})"),
        }
    }
}

/// Parses `spec.schedule`. The error says what to write instead.
impl FromStr for Expression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        if text.starts_with("rate(") {
            parse_rate(text)
        } else if let Some(inner) = text.strip_prefix("cron(") {
            parse_cron(inner)
        } else if let Some(inner) = text.strip_prefix("at(") {
            parse_at(inner)
        } else if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
            Err(messages::TIME_ZONE_IN_SCHEDULE.into())
        } else if text.starts_with('@') {
            parse_macro(text)
        } else if !fields
            .first()
            .is_some_and(|minutes| minutes.starts_with(|c: char| c == '*' || c.is_ascii_digit()))
        {
            Err(messages::SCHEDULE.into())
        } else if let Ok(fields) = <[&str; 5]>::try_from(fields.as_slice()) {
            Self::cron(Cron::from_crontab(fields)?)
        } else if fields.len() == FIELDS.len() {
            Err(messages::bare_six_fields(text))
        } else {
            Err(messages::SCHEDULE.into())
        }
    }
}

fn parse_rate(text: &str) -> Result<Expression, String> {
    let inner = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')'));
    let (number, unit) = inner.and_then(|inner| inner.split_once(' ')).ok_or(messages::RATE)?;
    let singular = match unit {
        "minute" | "minutes" => "minute",
        "hour" | "hours" => "hour",
        "day" | "days" => "day",
        _ => return Err(messages::RATE.into()),
    };
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(messages::RATE.into());
    }
    let digits = number.trim_start_matches('0');
    let value = match digits.parse::<i64>() {
        _ if digits.is_empty() => return Err(messages::rate_of_nothing(singular)),
        Ok(value) if value <= MAX_RATE => value,
        _ => return Err(messages::RATE_TOO_LARGE.into()),
    };
    let expression = Expression::rate(value, singular);
    let canonical = expression.to_string();
    if canonical == text { Ok(expression) } else { Err(messages::write(&canonical)) }
}

fn parse_cron(rest: &str) -> Result<Expression, String> {
    let inner = rest.strip_suffix(')').ok_or(messages::CRON)?;
    let fields: Vec<&str> = inner.split_ascii_whitespace().collect();
    let Ok(fields) = <[&str; 6]>::try_from(fields.as_slice()) else {
        return Err(if fields.len() == 5 { messages::FIVE_FIELDS_IN_CRON } else { messages::CRON }.into());
    };
    Expression::cron(Cron::from_aws(fields).map_err(|mut errors| errors.swap_remove(0).message)?)
}

/// The date and time of `at(...)`. The form is exact, and years are those of cron.
fn parse_at(rest: &str) -> Result<Expression, String> {
    const FORM: &str = "yyyy-mm-ddThh:mm:ss";
    let has_form = |text: &&str| {
        let fits = |(byte, form): (u8, u8)| match form {
            b'-' | b'T' | b':' => byte == form,
            _ => byte.is_ascii_digit(),
        };
        text.len() == FORM.len() && text.bytes().zip(FORM.bytes()).all(fits)
    };
    let inner = rest.strip_suffix(')').filter(has_form).ok_or(messages::AT)?;
    let [.., year] = &FIELDS;
    let exists = |time: &DateTime| {
        // jiff reads second 60 as 59.
        u16::try_from(time.year()).is_ok_and(|number| (year.min..=year.max).contains(&number))
            && time.to_string() == inner
    };
    let time = inner.parse().ok().filter(exists).ok_or(messages::NO_SUCH_TIME)?;
    Ok(Expression(ExpressionKind::At(time)))
}

/// The shorthands of a CronJob
/// (<https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax>).
fn parse_macro(text: &str) -> Result<Expression, String> {
    let fields = match text {
        "@yearly" | "@annually" => ["0", "0", "1", "1", "*"],
        "@monthly" => ["0", "0", "1", "*", "*"],
        "@weekly" => ["0", "0", "*", "*", "0"],
        "@daily" | "@midnight" => ["0", "0", "*", "*", "*"],
        "@hourly" => ["0", "*", "*", "*", "*"],
        _ if text.starts_with("@every") => return Err(messages::EVERY.into()),
        _ => return Err(messages::MACRO.into()),
    };
    Expression::cron(Cron::from_crontab(fields)?)
}

impl ScheduledFunctionSpec {
    /// The schedule for EventBridge, from the set field of `schedule`, `rate` and `cron`.
    ///
    /// # Errors
    ///
    /// The first error of the schedule, with the text to write instead. [`check`](ScheduledFunctionSpec::check) lists
    /// all errors.
    pub fn expression(&self) -> Result<Expression, FieldError> {
        self.read_schedule().map_err(|mut errors| errors.swap_remove(0))
    }

    /// The schedule, or a non-empty list of all errors.
    pub(super) fn read_schedule(&self) -> Result<Expression, Vec<FieldError>> {
        let text = self
            .schedule
            .as_deref()
            .map(|text| read_text(text).map_err(|message| vec![FieldError::new("spec.schedule", message)]));
        let rate = self.rate.as_ref().map(|rate| rate.expression().map_err(|error| vec![error]));
        let cron = self.cron.as_ref().map(CronFields::expression);
        let mut read: Vec<_> = [text, rate, cron].into_iter().flatten().collect();
        if read.len() == 1 {
            return read.swap_remove(0);
        }
        let errors = read.into_iter().filter_map(Result::err).flatten();
        Err([FieldError::new("spec", messages::ONE_SCHEDULE)].into_iter().chain(errors).collect())
    }
}

fn read_text(text: &str) -> Result<Expression, String> {
    match text.chars().count() {
        0..=MAX_EXPRESSION => text.parse(),
        _ => Err(messages::too_long(MAX_EXPRESSION)),
    }
}

impl Rate {
    fn expression(&self) -> Result<Expression, FieldError> {
        let field = "spec.rate.value";
        FieldError::of_range(field, self.value, 1, MAX_RATE)
            .map_or_else(|| Ok(Expression::rate(self.value, self.unit.singular())), Err)
    }
}

impl RateUnit {
    fn singular(self) -> &'static str {
        match self {
            Self::Minutes => "minute",
            Self::Hours => "hour",
            Self::Days => "day",
        }
    }
}

impl CronFields {
    fn expression(&self) -> Result<Expression, Vec<FieldError>> {
        let Self { minutes, hours, day_of_month, month, day_of_week, year } = self;
        let fields = [minutes, hours, day_of_month, month, day_of_week, year].map(String::as_str);
        let cron = Cron::from_aws(fields).map_err(|errors| {
            errors
                .into_iter()
                .map(|error| FieldError::new(error.field_path(), error.hint))
                .collect::<Vec<_>>()
        })?;
        Expression::cron(cron).map_err(|message| vec![FieldError::new("spec.cron", message)])
    }
}

#[cfg(test)]
mod tests;
