//! Standard output of the commands: text for people, JSON for scripts.

use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::operator::StartError;

/// The values of `--output`.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Text, for people.
    #[default]
    Text,
    /// One JSON document, for scripts.
    Json,
}

/// The API version of the JSON documents. Additions keep the version.
const API_VERSION: &str = "cli.lambda-triggers.dev/v1alpha1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a, T> {
    api_version: &'static str,
    kind: &'a str,
    #[serde(flatten)]
    content: &'a T,
}

/// A JSON document with its API version and its kind, such as `Version`.
pub fn json(kind: &str, content: &impl Serialize) -> Result<String, StartError> {
    let document = Document { api_version: API_VERSION, kind, content };
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

/// Writes to standard output, without styles unless the output has colour. A closed pipe is no error: its reader needs no more text.
pub fn print(text: &str) -> Result<(), StartError> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The text without control characters, which a terminal would carry out.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
