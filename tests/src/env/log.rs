//! The output of a child process, kept in memory and shown if a test fails.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Maximum number of lines. The oldest lines are dropped.
const KEPT_LINES: usize = 5_000;

/// The output of one process, or of several processes in sequence. Clones share the output.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    /// Appends one line.
    pub fn push(&self, line: String) {
        let mut lines = self.0.lock();
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The last `count` lines.
    pub fn tail(&self, count: usize) -> String {
        let lines = self.0.lock();
        let tail: Vec<&str> =
            lines.iter().skip(lines.len().saturating_sub(count)).map(String::as_str).collect();
        tail.join("\n")
    }

    /// A copy with only the lines that `keep` accepts.
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        let lines = self.0.lock();
        let kept = lines.iter().filter(|line| keep(line)).cloned().collect();
        Self(Arc::new(Mutex::new(kept)))
    }

    /// All kept lines, at most 5,000.
    pub fn text(&self) -> String {
        self.tail(KEPT_LINES)
    }

    /// Reads `stream` to its end in the background.
    pub(super) fn follow(&self, stream: impl AsyncRead + Unpin + Send + 'static) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                log.push(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }
}
