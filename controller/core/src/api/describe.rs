//! A cron schedule in English, for the column WHEN of `kubectl get -o wide`.

use croner::Cron as Croner;
use croner::parser::{CronParser, Seconds, Year};

use super::cron::Cron;

const WORKING_DAYS: &str = "Monday, Tuesday, Wednesday, Thursday, and Friday";

/// Reads seven fields, from seconds to years, with days of the week as AWS numbers them.
pub(super) fn croner(fields: &str) -> Option<Croner> {
    CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .build()
        .parse(fields)
        .ok()
}

impl Cron {
    /// Such as `At 18:00 UTC, on Monday and Friday.`
    pub fn in_words(&self) -> String {
        let Some(cron) = croner(&self.describable()) else {
            return format!("As cron({self}) says, in UTC.");
        };
        let mut words = cron.describe().trim_end_matches('.').to_owned();
        if self.is_last_weekday() {
            words = words.replace("the last day of the month", "the last weekday of the month");
        }
        if let Some(years) = self.years() {
            words = format!("{words}, in {years}");
        }
        let words = words.replace("past of every", "of every").replace(WORKING_DAYS, "Monday to Friday");
        in_utc(&words, self.is_bound_to_a_clock())
    }
}

/// croner says `At every 15 minutes`, and leaves the time zone to the reader.
fn in_utc(words: &str, bound_to_a_clock: bool) -> String {
    if let Some(rest) = words.strip_prefix("At every") {
        return in_utc(&format!("Every{rest}"), bound_to_a_clock);
    }
    match words.split_at_checked("At 18:00".len()) {
        Some((time, rest)) if time.starts_with("At ") && time.as_bytes()[5] == b':' => {
            format!("{time} UTC{rest}.")
        }
        _ if bound_to_a_clock => format!("{words} (UTC)."),
        _ => format!("{words}."),
    }
}
