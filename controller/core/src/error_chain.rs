//! Error chains in a single line.

use std::error::Error as StdError;

/// Joins an error and the error's sources in a single line. A source that the text already ends with is left out.
pub fn error_chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        source = error.source();
    }
    text
}
