//! The grammar of schedule expressions of rules.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

use crate::scheduler::cron::{Cron, digits};

/// True if AWS accepts the expression for a rule. Rules support neither `at()` nor time zones.
pub(super) fn is_valid(expression: &str) -> bool {
    match inside(expression, "rate(") {
        Some(rate) => is_rate(rate),
        None => inside(expression, "cron(").is_some_and(|cron| Cron::parse(cron).is_some()),
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
