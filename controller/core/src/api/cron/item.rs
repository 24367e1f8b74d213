//! The elements of a cron field's list.

use std::fmt;

use super::field::{Field, FieldKind};

/// A value of a field: a number, or the name that stands for it.
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

/// One element of a field's list.
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
    /// `5/3`: from 5 on, every third.
    From(Value, u16),
    /// `5-9` or `5-9/3`; `20-2` wraps around the end of the field.
    Range(Value, Value, Option<u16>),
    /// `L`: the last day of the month, or of the week (Saturday).
    Last,
    /// `LW`: the last weekday of the month.
    LastWeekday,
    /// `3W`: the weekday nearest to the third.
    NearestWeekday(Value),
    /// `6L`: the last Friday of the month.
    LastOf(Value),
    /// `3#2`: the second Tuesday of the month.
    Nth(Value, u16),
}

impl Item {
    /// Whether it may stand beside others in a list.
    pub fn joins_a_list(&self) -> bool {
        matches!(self, Self::EveryNth(_) | Self::One(_) | Self::From(..) | Self::Range(..))
    }

    /// The same with all values named.
    pub fn explicit(&self, field: &Field) -> String {
        match (self, self.numbers(field)) {
            (Self::Last, _) if field.kind == FieldKind::DayOfWeek => field.max.to_string(),
            (Self::Every, _) | (_, None) => self.to_string(),
            (_, Some(numbers)) => numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(","),
        }
    }

    /// The ends of a range, without a step, that wraps around the end of its field.
    pub fn wrapped_ends(&self) -> Option<(u16, u16)> {
        match self {
            Self::Range(from, to, None) if from.number > to.number => Some((from.number, to.number)),
            _ => None,
        }
    }

    /// The numbers it stands for, where they do not depend on the month.
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
