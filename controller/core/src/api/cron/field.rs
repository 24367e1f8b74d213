//! The fields of cron: limits, names of values, and the grammar as a parser and as regular expressions for the CRD.

use std::fmt;

use crate::api::validation::messages;

/// The grammar of one field of cron.
#[derive(Debug)]
pub(in crate::api) struct Field {
    /// AWS's name of the field, for messages.
    pub name: &'static str,
    /// Name of the field in `spec.cron`.
    pub key: &'static str,
    /// The text of an error message: permitted values with examples.
    pub hint: &'static str,
    pub min: u16,
    pub max: u16,
    /// End of a step without an end. In a CronJob's week, the end excludes the second Sunday.
    pub open_end: u16,
    /// Maximum step. A larger step has no effect, and Quartz refuses larger steps. AWS follows Quartz's grammar.
    max_step: u16,
    /// Names of values, beginning with the name of `min`.
    names: &'static [&'static str],
    pub(super) kind: FieldKind,
    /// A value as a regular expression in RE2's syntax, for the CRD.
    pub value: &'static str,
    /// A step as a regular expression in RE2's syntax.
    step: &'static str,
    /// True if a range may wrap around the end of the field: hours `20-2`, months `NOV-FEB`.
    ranges_wrap: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// Values, ranges and steps.
    Plain,
    /// Also `?`, which means `*` in a CronJob.
    CrontabDay,
    /// Also `?`, `L`, `LW` and `3W`.
    DayOfMonth,
    /// Also `?`, `L`, `6L` and `3#2`, but no steps.
    DayOfWeek,
}

pub(super) const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

const MINUTES: Field = Field {
    name: "minutes",
    key: "minutes",
    hint: messages::MINUTES,
    min: 0,
    max: 59,
    open_end: 59,
    max_step: 59,
    names: &[],
    kind: FieldKind::Plain,
    value: "[0-5]?[0-9]",
    step: "(0?[1-9]|[1-5][0-9])",
    ranges_wrap: true,
};
const HOURS: Field = Field {
    name: "hours",
    key: "hours",
    hint: messages::HOURS,
    max: 23,
    open_end: 23,
    max_step: 23,
    value: "([01]?[0-9]|2[0-3])",
    step: "(0?[1-9]|1[0-9]|2[0-3])",
    ..MINUTES
};
const MONTH: Field = Field {
    name: "month",
    key: "month",
    hint: messages::MONTH,
    min: 1,
    max: 12,
    open_end: 12,
    max_step: 12,
    names: MONTHS,
    kind: FieldKind::Plain,
    value: "(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)",
    step: "(0?[1-9]|1[0-2])",
    ranges_wrap: true,
};

/// The fields of AWS's cron
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>).
///
/// Two forms are missing on AWS's page and work: `LW`, and `6L` for the last Friday of a month. Day-of-week has no
/// steps, since AWS accepts no `/` in day-of-week. Ranges wrap around in every field except the year, like in Quartz,
/// whose grammar AWS follows
/// (<https://www.quartz-scheduler.org/documentation/quartz-2.3.0/tutorials/crontrigger.html#notes>).
pub(in crate::api) const FIELDS: [Field; 6] = [
    MINUTES,
    HOURS,
    Field {
        name: "day-of-month",
        key: "dayOfMonth",
        hint: messages::DAY_OF_MONTH,
        min: 1,
        max: 31,
        open_end: 31,
        max_step: 31,
        names: &[],
        kind: FieldKind::DayOfMonth,
        value: "(0?[1-9]|[12][0-9]|3[01])",
        step: "(0?[1-9]|[12][0-9]|3[01])",
        ranges_wrap: true,
    },
    MONTH,
    Field {
        name: "day-of-week",
        key: "dayOfWeek",
        hint: messages::DAY_OF_WEEK,
        min: 1,
        max: 7,
        open_end: 7,
        max_step: 0,
        names: DAYS,
        kind: FieldKind::DayOfWeek,
        value: "([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)",
        step: "",
        ranges_wrap: true,
    },
    Field {
        name: "year",
        key: "year",
        hint: messages::YEAR,
        min: 1970,
        max: 2199,
        open_end: 2199,
        max_step: 229,
        names: &[],
        kind: FieldKind::Plain,
        value: "(19[7-9][0-9]|2[01][0-9][0-9])",
        step: "(0{0,2}[1-9]|0?[1-9][0-9]|1[0-9][0-9]|2[0-2][0-9])",
        ranges_wrap: false,
    },
];

/// The fields of a CronJob. Sunday is 0, and also 7 like in other crons. A CronJob refuses a descending range
/// (<https://pkg.go.dev/github.com/robfig/cron/v3>).
pub(in crate::api) const CRONTAB: [Field; 5] = [
    Field { hint: messages::CRONTAB_MINUTES, ranges_wrap: false, ..MINUTES },
    Field { hint: messages::CRONTAB_HOURS, ranges_wrap: false, ..HOURS },
    Field {
        name: "day-of-month",
        key: "dayOfMonth",
        hint: messages::CRONTAB_DAY_OF_MONTH,
        min: 1,
        max: 31,
        open_end: 31,
        max_step: 31,
        names: &[],
        kind: FieldKind::CrontabDay,
        value: "(0?[1-9]|[12][0-9]|3[01])",
        step: "(0?[1-9]|[12][0-9]|3[01])",
        ranges_wrap: false,
    },
    Field { hint: messages::CRONTAB_MONTH, ranges_wrap: false, ..MONTH },
    Field {
        name: "day-of-week",
        key: "dayOfWeek",
        hint: messages::CRONTAB_DAY_OF_WEEK,
        min: 0,
        max: 7,
        open_end: 6,
        max_step: 7,
        names: DAYS,
        kind: FieldKind::CrontabDay,
        value: "([0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)",
        step: "[1-7]",
        ranges_wrap: false,
    },
];

impl Field {
    pub(super) fn parse(&self, text: &str) -> Option<Vec<Item>> {
        let items =
            text.split(',').map(|item| self.item(&item.to_ascii_uppercase())).collect::<Option<Vec<_>>>()?;
        (items.len() == 1 || items.iter().all(Item::may_be_listed)).then_some(items)
    }

    /// The whole field as a regular expression, without the order of ranges. The caller sets the flag `(?i)`.
    pub fn regex(&self) -> String {
        let Self { value, step, .. } = self;
        let item = match self.max_step {
            0 => format!("{value}(-{value})?"),
            _ => format!(r"(\*/{step}|{value}(-{value})?(/{step})?)"),
        };
        let special = match self.kind {
            FieldKind::Plain => String::new(),
            FieldKind::CrontabDay => r"|\?".into(),
            FieldKind::DayOfMonth => format!(r"|\?|L|LW|{value}W"),
            FieldKind::DayOfWeek => format!(r"|\?|L|{value}L|{value}#[1-5]"),
        };
        format!(r"(\*{special}|{item}(,{item})*)")
    }

    /// A CEL expression that is true if all ranges of the field ascend. `None` if ranges may wrap. `token` is the
    /// field in CEL.
    pub fn ascending_ranges(&self, token: &str) -> Option<String> {
        if self.ranges_wrap {
            return None;
        }
        let ends = "range.split('/')[0].split('-')";
        let numbers = format!("int({ends}[0]) <= int({ends}[1])");
        let range = match self.names {
            [] => format!("range.contains('-') ? {numbers} : true"),
            names => {
                let order = names.concat();
                let place = |i| format!("'{order}'.indexOf({ends}[{i}])");
                let named = format!("{} <= {}", place(0), place(1));
                let sunday_ends =
                    if self.kind == FieldKind::CrontabDay { " && !range.matches('-SUN')" } else { "" };
                format!(
                    "range.matches('^[0-9]+-[0-9]+') ? {numbers} : \
                     (range.matches('^[A-Z]+-[A-Z]+'){sunday_ends} ? {named} : true)"
                )
            }
        };
        let field = if self.names.is_empty() { token.to_owned() } else { format!("{token}.upperAscii()") };
        Some(format!("{field}.split(',').all(range, {range})"))
    }

    fn item(&self, text: &str) -> Option<Item> {
        self.special(text).or_else(|| self.plain(text))
    }

    fn special(&self, text: &str) -> Option<Item> {
        match (self.kind, text) {
            (FieldKind::Plain, _) => None,
            (_, "?") => Some(Item::Unspecified),
            (FieldKind::CrontabDay, _) => None,
            (_, "L") => Some(Item::Last),
            (FieldKind::DayOfMonth, "LW") => Some(Item::LastWeekday),
            (FieldKind::DayOfMonth, _) => self.value(text.strip_suffix('W')?).map(Item::NearestWeekday),
            (FieldKind::DayOfWeek, _) => match text.split_once('#') {
                Some((day, nth)) => {
                    Some(Item::Nth(self.value(day)?, number(nth, 1).filter(|n| (1..=5).contains(n))?))
                }
                None => self.value(text.strip_suffix('L')?).map(Item::LastOf),
            },
        }
    }

    fn plain(&self, text: &str) -> Option<Item> {
        let (values, step) = match text.split_once('/') {
            Some((values, step)) => (values, Some(self.step(step)?)),
            None => (text, None),
        };
        Some(match (values, values.split_once('-'), step) {
            ("*", _, None) => Item::Every,
            ("*", _, Some(step)) => Item::EveryNth(step),
            (_, Some((from, to)), step) => {
                let (from, to) = (self.value(from)?, self.last(to)?);
                (self.ranges_wrap || from.number <= to.number).then_some(Item::Range(from, to, step))?
            }
            (_, None, Some(step)) => Item::From(self.value(values)?, step),
            (_, None, None) => Item::One(self.value(values)?),
        })
    }

    fn step(&self, text: &str) -> Option<u16> {
        number(text, digits(self.max_step)).filter(|step| (1..=self.max_step).contains(step))
    }

    /// The end of a range. In a CronJob's week, `FRI-SUN` ends with day 7.
    fn last(&self, text: &str) -> Option<Value> {
        let value = self.value(text)?;
        let is_sunday_at_the_end = self.kind == FieldKind::CrontabDay && value.name == Some("SUN");
        Some(if is_sunday_at_the_end { Value::from(self.max) } else { value })
    }

    fn value(&self, text: &str) -> Option<Value> {
        if let Some(index) = self.names.iter().position(|name| *name == text) {
            let number = self.min + u16::try_from(index).ok()?;
            return Some(Value { number, name: Some(self.names[index]) });
        }
        let number = number(text, digits(self.max))?;
        (self.min..=self.max).contains(&number).then(|| number.into())
    }
}

fn digits(number: u16) -> usize {
    number.to_string().len()
}

fn number(text: &str, longest: usize) -> Option<u16> {
    let is_number = (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// A value of a field: a number, with the name that the user wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub number: u16,
    pub name: Option<&'static str>,
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self { number, name: None }
    }
}

/// One item of a field's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// `*`
    Every,
    /// `?`
    Unspecified,
    /// `*/3`
    EveryNth(u16),
    /// `5`
    One(Value),
    /// `5/3`: every third value from 5 on.
    From(Value, u16),
    /// `5-9` or `5-9/3`; `20-2` wraps around the end of the field.
    Range(Value, Value, Option<u16>),
    /// `L`: the last day of the month, or of the week (Saturday).
    Last,
    /// `LW`: the last weekday of the month.
    LastWeekday,
    /// `3W`: the weekday nearest to the third day of the month.
    NearestWeekday(Value),
    /// `6L`: the last Friday of the month.
    LastOf(Value),
    /// `3#2`: the second Tuesday of the month.
    Nth(Value, u16),
}

impl Item {
    /// True if the item may be one of several items in a list.
    pub fn may_be_listed(&self) -> bool {
        matches!(self, Self::EveryNth(_) | Self::One(_) | Self::From(..) | Self::Range(..))
    }

    /// The item as a list of all its values, if the values do not depend on the month.
    pub fn explicit(&self, field: &Field) -> String {
        match (self, self.numbers(field)) {
            (Self::Last, _) if field.kind == FieldKind::DayOfWeek => field.max.to_string(),
            (Self::Every, _) | (_, None) => self.to_string(),
            (_, Some(numbers)) => numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(","),
        }
    }

    /// The ends of a range that wraps around the end of the field. `None` for a range with a step.
    pub fn wrapped_ends(&self) -> Option<(u16, u16)> {
        match self {
            Self::Range(from, to, None) if from.number > to.number => Some((from.number, to.number)),
            _ => None,
        }
    }

    /// The values of the item. `None` if the values depend on the month.
    pub fn numbers(&self, field: &Field) -> Option<Vec<u16>> {
        let wrap = field.max - field.min + 1;
        let (from, to, step) = match self {
            Self::Every => (field.min, field.open_end, 1),
            Self::EveryNth(step) => (field.min, field.open_end, *step),
            Self::One(value) => (value.number, value.number, 1),
            Self::From(value, step) => (value.number, field.open_end, *step),
            Self::Range(from, to, step) if from.number > to.number => {
                (from.number, to.number + wrap, step.unwrap_or(1))
            }
            Self::Range(from, to, step) => (from.number, to.number, step.unwrap_or(1)),
            _ => return None,
        };
        let within = |number| if number > field.max { number - wrap } else { number };
        Some((from..=to).step_by(step.into()).map(within).collect())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.number),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("*"),
            Self::Unspecified => f.write_str("?"),
            Self::EveryNth(step) => write!(f, "*/{step}"),
            Self::One(value) => value.fmt(f),
            Self::From(value, step) => write!(f, "{value}/{step}"),
            Self::Range(from, to, None) => write!(f, "{from}-{to}"),
            Self::Range(from, to, Some(step)) => write!(f, "{from}-{to}/{step}"),
            Self::Last => f.write_str("L"),
            Self::LastWeekday => f.write_str("LW"),
            Self::NearestWeekday(day) => write!(f, "{day}W"),
            Self::LastOf(day) => write!(f, "{day}L"),
            Self::Nth(day, nth) => write!(f, "{day}#{nth}"),
        }
    }
}
