//! Text with a label before each fact.

use std::fmt::Display;

use crate::cli::color::LABEL;

/// Characters of the longest label, with two spaces.
const WIDTH: usize = 12;

/// Adds a fact. Further lines stand below the first line.
pub fn add(text: &mut String, label: &str, fact: impl Display) {
    let fact = fact.to_string().replace('\n', &format!("\n{:WIDTH$}", ""));
    let gap = " ".repeat(WIDTH.saturating_sub(label.len()));
    *text += &format!("{LABEL}{label}{LABEL:#}{gap}{fact}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_lines_stand_below_the_first_line() {
        let mut text = String::new();
        add(&mut text, "in AWS", "rate(1 hour)");
        add(&mut text, "note", "one\ntwo");
        let bold = |label: &str| format!("\u{1b}[1m{label}\u{1b}[0m");
        let expected =
            format!("{}      rate(1 hour)\n{}        one\n            two\n", bold("in AWS"), bold("note"));
        assert_eq!(text, expected);
    }
}
