//! Where a plan is written, and in which format.

use std::path::PathBuf;

use anstream::adapter::strip_str;

use crate::cli::output;
use crate::operator::StartError;

/// A format of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal.
    Text,
    /// For a comment on a pull request.
    Markdown,
    /// For programs.
    Json,
    /// Annotations of GitHub Actions.
    Github,
}

/// A format, and the file to write; `None` for standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The format.
    pub format: Format,
    file: Option<PathBuf>,
}

impl Output {
    /// Parses `FORMAT` or `FORMAT=FILE`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (format, file) = match text.split_once('=') {
            Some((format, file)) => (format, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let format = match format {
            "text" => Format::Text,
            "markdown" => Format::Markdown,
            "json" => Format::Json,
            "github" => Format::Github,
            _ => return Err("write text, markdown, json or github, such as markdown=plan.md".into()),
        };
        Ok(Self { format, file })
    }

    /// Writes the text, to a file without styles.
    pub fn write(&self, text: &str) -> Result<(), StartError> {
        if let Some(file) = &self.file {
            return std::fs::write(file, strip_str(text).to_string())
                .map_err(|error| format!("cannot write {}: {error}", file.display()).into());
        }
        output::print(text)
    }
}
