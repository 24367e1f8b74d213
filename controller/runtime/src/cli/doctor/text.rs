//! The checks for people at a terminal.

use lambda_triggers_core::diagnosis::{Check, CheckResult, Summary};

use crate::cli::color::{CHANGED, CREATED, DELETED};

/// A check as a line, with its commands below.
pub fn line(check: &Check) -> String {
    let Check { name, result, message, commands } = check;
    let (style, result) = match result {
        CheckResult::Failed => (DELETED, "failed"),
        CheckResult::Skipped => (CHANGED, "skipped"),
        CheckResult::Ok => (CREATED, "ok"),
    };
    let commands = commands.iter().map(|command| format!("           {command}\n"));
    format!("{style}{result:<8}{style:#} {name}: {message}\n{}", commands.collect::<String>())
}

/// The end of the output: the failures again, unless only failures stand at the end, and the summary.
pub fn end(printed: &[Check], summary: Summary) -> String {
    let is_failed = |check: &&Check| check.result == CheckResult::Failed;
    let last = printed.iter().rev().take_while(is_failed).count();
    let failures = printed.iter().filter(|check| is_failed(check) && last < summary.failed);
    format!("\n{}{summary}\n", failures.map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_line_has_the_result_in_colour_and_the_commands_below() {
        let check = Check::ok("owner id", "1a2b3c4d");
        assert_eq!(line(&check), "\u{1b}[32mok      \u{1b}[0m owner id: 1a2b3c4d\n");
        let commands = vec!["aws one".to_owned(), "aws two".into()];
        let check = Check { commands, ..Check::failed("rule lt-1", "is an orphan") };
        let expected = "failed   rule lt-1: is an orphan\n           aws one\n           aws two\n";
        assert_eq!(plain(&line(&check)), expected);
    }

    #[test]
    fn failures_stand_at_the_end() {
        let end = |checks: &[Check]| plain(&end(checks, Summary::new(checks)));
        let (ok, one, two) = (Check::ok("a", "fine"), Check::failed("b", "bad"), Check::failed("c", "worse"));
        assert_eq!(end(std::slice::from_ref(&ok)), "\n1 ok\n");
        assert_eq!(end(&[ok.clone(), one.clone(), two.clone()]), "\n2 failed, 1 ok\n");
        let expected = "\nfailed   b: bad\nfailed   c: worse\n2 failed, 1 ok\n";
        assert_eq!(end(&[one, ok, two]), expected);
    }

    #[test]
    fn the_summary_counts_the_hidden_checks() {
        let summary = Summary { failed: 0, skipped: 1, ok: 2 };
        assert_eq!(end(&[], summary), "\n1 skipped, 2 ok\n");
    }
}
