//! CEL rules of a schedule: the grammar of `expression.rs` and `cron/` as regular expressions.

use schemars::Schema;

use super::{quoted, raw, rule, rule_with_computed_message, set};
use crate::api::cron::{CRONTAB, FIELDS, Field};
use crate::api::expression::MAX_EXPRESSION;
use crate::api::validation::{limits, messages};

const UNIT: &str = "(minute|minutes|hour|hours|day|days)";
/// The beginnings of all forms except five bare fields.
const MARKED: &str = r"^(rate\(|cron\(|at\(|TZ=|CRON_TZ=|@)";

pub(in crate::api) fn schedule(schema: &mut Schema) {
    set(schema, "maxLength", MAX_EXPRESSION);
    forms(schema);
    rate(schema);
    aws_cron(schema);
    at(schema);
    crontab(schema);
    let impossible_day = matches(&format!(r"(?i)^\s*(cron\(\s*)?\S+\s+\S+\s+({})\s", impossible_day(r"\s+")));
    rule(schema, format!("!{impossible_day}"), messages::NO_SUCH_DAY);
}

/// A day of the month and a month without such a day, with `between` in the middle: 30 February, 31 April. The
/// expression covers lists and the range 30-31, like [`Cron`](super::super::super::cron::Cron).
fn impossible_day(between: &str) -> String {
    let list = |item: &str| format!("{item}(,{item})*");
    let (from_30, only_31) = (list("(3[01](-31)?|30-30)"), list("31(-31)?"));
    let february = list("(0?2|FEB)");
    let short = list("(0?[2469]|11|FEB|APR|JUN|SEP|NOV)");
    format!("{from_30}{between}{february}|{only_31}{between}{short}")
}

fn matches(regex: &str) -> String {
    format!("self.matches({})", raw(regex))
}

/// `count` fields with white space between the fields.
fn fields(count: usize) -> String {
    format!(r"\S+(\s+\S+){{{}}}", count - 1)
}

fn forms(schema: &mut Schema) {
    let (marked, five, six) = (matches(MARKED), bare(5), bare(6));
    rule(schema, format!("{marked} || {five} || {six}"), messages::SCHEDULE);
    rule_with_computed_message(
        schema,
        format!("{marked} || !{six}"),
        format!("'write cron(' + self + {}", quoted(&messages::bare_six_fields("")["write cron(".len()..])),
    );
    rule(schema, format!("!{}", matches("^(CRON_)?TZ=")), messages::TIME_ZONE_IN_SCHEDULE);
    rule(schema, "!self.startsWith('@every')", messages::EVERY);
    let macros = "['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually']";
    rule(
        schema,
        format!("!self.startsWith('@') || self.startsWith('@every') || self in {macros}"),
        messages::MACRO,
    );
}

/// `count` fields without `cron(...)`, with minutes in the first field.
fn bare(count: usize) -> String {
    matches(&format!(r"^\s*[0-9*]\S*(\s+\S+){{{}}}\s*$", count - 1))
}

fn rate(schema: &mut Schema) {
    let of = |number: &str| matches(&format!(r"^rate\({number} {UNIT}\)$"));
    let unit = "self.find('minute|hour|day')";
    rule(schema, format!("!self.startsWith('rate(') || {}", of("[0-9]+")), messages::RATE);
    rule_with_computed_message(
        schema,
        format!("!{}", of("0+")),
        format!(
            "'write rate(1 ' + {unit} + {}",
            quoted(&messages::rate_of_nothing("")["write rate(1 ".len()..])
        ),
    );
    rule(schema, format!("!{}", of("0*[1-9][0-9]{9,}")), messages::RATE_TOO_LARGE);
    let canonical = matches(r"^rate\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\)$");
    let number = "self.find('[1-9][0-9]*')";
    rule_with_computed_message(
        schema,
        format!("!{} || {canonical}", of("0*[1-9][0-9]{0,8}")),
        format!("'write rate(' + {number} + ' ' + {unit} + ({number} == '1' ? ')' : 's)')"),
    );
}

fn aws_cron(schema: &mut Schema) {
    let of = |count| matches(&format!(r"^cron\(\s*{}\s*\)$", fields(count)));
    let (five, six) = (of(5), of(6));
    rule(schema, format!("!self.startsWith('cron(') || {five} || {six}"), messages::CRON);
    rule(schema, format!("!{five}"), messages::FIVE_FIELDS_IN_CRON);
    for (i, field) in FIELDS.iter().enumerate() {
        let position = FieldPosition {
            guard: format!("!{six}"),
            before: r"^cron\(\s*",
            tokens: r"self.findAll(r'[^\s()]+')",
            first: 1,
            after: r"\s*\)$",
        };
        position.rule(schema, field, i, FIELDS.len());
    }
    let (day_of_month, day_of_week) = (matches(r"^cron\(\s*\S+\s+\S+\s+\?\s"), matches(r"\s\?\s+\S+\s*\)$"));
    rule(schema, format!("!{six} || {day_of_month} != {day_of_week}"), messages::ONE_QUESTION_MARK);
}

/// `at(...)`. Regular expressions decide on the date, since CEL reports an error of `timestamp()` with words of its own.
fn at(schema: &mut Schema) {
    let form = matches(r"^at\([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\)$");
    rule(schema, format!("!self.startsWith('at(') || {form}"), messages::AT);
    let [.., year] = FIELDS.map(|field| field.value);
    let leap_year = "(19(7[26]|8[048]|9[26])|2000|2[01](0[48]|[2468][048]|[13579][26]))";
    let months = "((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)";
    let date = format!("({year}-{months}|{leap_year}-02-29)");
    let exists = matches(&format!(r"^at\({date}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\)$"));
    rule(schema, format!("!{form} || {exists}"), messages::NO_SUCH_TIME);
}

fn crontab(schema: &mut Schema) {
    let guard = format!("{} || !{}", matches(MARKED), bare(5));
    for (i, field) in CRONTAB.iter().enumerate() {
        let position = FieldPosition {
            guard: guard.clone(),
            before: r"^\s*",
            tokens: r"self.findAll(r'\S+')",
            first: 0,
            after: r"\s*$",
        };
        position.rule(schema, field, i, CRONTAB.len());
    }
    let any = r"([*?]|\*/0?1)";
    let day_of_month = matches(&format!(r"^\s*\S+\s+\S+\s+{any}\s"));
    let day_of_week = matches(&format!(r"\s{any}\s*$"));
    rule(schema, format!("{guard} || {day_of_month} || {day_of_week}"), messages::BOTH_DAYS);
}

/// Position of a field in a schedule.
struct FieldPosition {
    /// A CEL condition that is true for schedules of another form.
    guard: String,
    before: &'static str,
    after: &'static str,
    /// A CEL expression for the list of fields.
    tokens: &'static str,
    /// Index of the first field in `tokens`.
    first: usize,
}

impl FieldPosition {
    fn rule(&self, schema: &mut Schema, field: &Field, i: usize, count: usize) {
        let Self { guard, before, after, tokens, first } = self;
        let (left, right) = (i, count - 1 - i);
        let regex = format!(r"(?i){before}(\S+\s+){{{left}}}{}(\s+\S+){{{right}}}{after}", field.regex());
        let token = format!("{tokens}[{}]", first + i);
        rule_with_computed_message(
            schema,
            format!("{guard} || {}", and(matches(&regex), field.ascending_ranges(&token))),
            format!(
                "{} + {token} + {}",
                quoted(&format!("{} \"", field.name)),
                quoted(&format!("\": {}", field.hint))
            ),
        );
    }
}

pub(in crate::api) fn minutes(schema: &mut Schema) {
    field(schema, &FIELDS[0]);
}

pub(in crate::api) fn hours(schema: &mut Schema) {
    field(schema, &FIELDS[1]);
}

pub(in crate::api) fn day_of_month(schema: &mut Schema) {
    field(schema, &FIELDS[2]);
}

pub(in crate::api) fn month(schema: &mut Schema) {
    field(schema, &FIELDS[3]);
}

pub(in crate::api) fn day_of_week(schema: &mut Schema) {
    field(schema, &FIELDS[4]);
}

pub(in crate::api) fn year(schema: &mut Schema) {
    field(schema, &FIELDS[5]);
}

fn field(schema: &mut Schema, field: &Field) {
    set(schema, "maxLength", limits::CRON_FIELD);
    let regex = matches(&format!("(?i)^{}$", field.regex()));
    rule(schema, and(regex, field.ascending_ranges("self")), field.hint);
}

/// Both conditions in parentheses, or only the first.
fn and(first: String, second: Option<String>) -> String {
    match second {
        Some(second) => format!("({first} && {second})"),
        None => first,
    }
}

pub(in crate::api) fn cron_object(schema: &mut Schema) {
    rule(schema, "(self.dayOfMonth == '?') != (self.dayOfWeek == '?')", messages::ONE_QUESTION_MARK);
    let impossible_day = raw(&format!("(?i)^({})$", impossible_day(" ")));
    rule(
        schema,
        format!("!(self.dayOfMonth + ' ' + self.month).matches({impossible_day})"),
        messages::NO_SUCH_DAY,
    );
    let size = FIELDS.map(|field| format!("self.{}.size()", field.key)).join(" + ");
    let around = "cron(     )".len();
    rule(schema, format!("{size} + {around} <= {MAX_EXPRESSION}"), messages::EXPRESSION_TOO_LONG);
}
