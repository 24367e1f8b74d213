//! A line of the steps.

use serde::Serialize;

/// A line of the steps of a hand-over.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The depth: 0 for a step, 1 for a part of AWS, 2 for what to do, 3 for text of a file.
    pub depth: usize,
    /// The text or the command.
    #[serde(flatten)]
    pub content: Content,
}

/// The content of a line.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Content {
    /// Words for people, or text of a file.
    Text(String),
    /// A command of a shell.
    Command(String),
}

impl Line {
    pub(super) fn text(depth: usize, text: impl Into<String>) -> Self {
        Self { depth, content: Content::Text(text.into()) }
    }

    pub(super) fn command(text: impl Into<String>) -> Self {
        Self { depth: 2, content: Content::Command(text.into()) }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Content::Text(text) | Content::Command(text)) = &self.content;
        let indent = [0, 3, 5, 7].get(self.depth).copied().unwrap_or_default();
        write!(f, "{:indent$}{text}", "")
    }
}
