//! Description of local times in English, for the column WHEN of `kubectl get -o wide`. croner describes a cron
//! schedule, and this module corrects croner's text for AWS's forms.

use croner::Cron as Croner;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;

use super::cron::Cron;

const WORKING_DAYS: &str = "Monday, Tuesday, Wednesday, Thursday, and Friday";

/// Parses seven fields, from seconds to years, with AWS's numbers for days of the week.
pub(super) fn croner(fields: &str) -> Option<Croner> {
    CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .build()
        .parse(fields)
        .ok()
}

/// A field with a range that wraps around, such as hours from 20 to 2. croner would describe such a range as two
/// ranges. So croner describes three placeholder values, and the placeholder's words are replaced.
struct Wrapping {
    field: usize,
    values: &'static str,
    /// croner's words for the placeholder values.
    words: &'static [&'static str],
    /// The words for a range that wraps around.
    range: fn(u16, u16) -> String,
}

const WRAPPING: [Wrapping; 3] = [
    Wrapping {
        field: 1,
        values: "7,8,9",
        words: &["of hour 7-9", "past hour 7-9"],
        range: |from, to| format!("in the hours from {from:02}:00 to {to:02}:00"),
    },
    Wrapping {
        field: 3,
        values: "5,6,7",
        words: &["May, June, and July"],
        range: |from, to| between(&MONTHS, from, to),
    },
    Wrapping {
        field: 4,
        values: "3,4,5",
        words: &["Tuesday, Wednesday, and Thursday"],
        range: |from, to| between(&DAYS, from, to),
    },
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// `November to February`, or `Saturday and Sunday` for two neighbours. The first name has the number 1.
fn between(names: &[&str], from: u16, to: u16) -> String {
    let name = |number: u16| names.get(usize::from(number).saturating_sub(1)).copied().unwrap_or_default();
    let are_neighbours = usize::from(from) == names.len() && to == 1;
    format!("{} {} {}", name(from), if are_neighbours { "and" } else { "to" }, name(to))
}

impl Cron {
    /// Words such as `At 18:00, on Monday and Friday`.
    pub fn in_words(&self) -> String {
        let mut overrides = [None; 5];
        let wrapped: Vec<(&Wrapping, (u16, u16))> = WRAPPING
            .iter()
            .filter_map(|wrapping| Some((wrapping, self.wrapped_ends(wrapping.field)?)))
            .collect();
        for (wrapping, _) in &wrapped {
            overrides[wrapping.field] = Some(wrapping.values);
        }
        let Some(cron) = croner(&self.describable(overrides)) else {
            return format!("As cron({self}) says");
        };
        let mut words = cron.describe().trim_end_matches('.').to_owned();
        for (wrapping, (from, to)) in wrapped {
            for placeholder in wrapping.words {
                words = words.replace(placeholder, &(wrapping.range)(from, to));
            }
        }
        if self.is_last_weekday() {
            words = words.replace("the last day of the month", "the last weekday of the month");
        }
        if let Some(years) = self.years() {
            words = format!("{words}, in {years}");
        }
        let words = words.replace("past of every", "of every").replace(WORKING_DAYS, "Monday to Friday");
        match words.strip_prefix("At every") {
            Some(rest) => format!("Every{rest}"),
            None => words,
        }
    }
}

/// Words such as `24 December 2026 at 18:00`.
pub(super) fn date_and_time(time: DateTime) -> String {
    time.strftime("%-d %B %Y at %R").to_string()
}
