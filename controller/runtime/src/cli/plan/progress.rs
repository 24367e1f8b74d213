//! The progress of a plan, on standard error, and only on a terminal.

use std::io::{self, IsTerminal, Write};

/// Clears the rest of the line.
const CLEAR: &str = "\r\x1b[K";

/// The function that shows the progress; `None` without a terminal.
pub fn progress() -> Option<fn(usize, usize)> {
    io::stderr().is_terminal().then_some(show)
}

/// Removes the line of the progress.
pub fn clear() {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "{CLEAR}");
    }
}

fn show(done: usize, all: usize) {
    let _ = write!(io::stderr(), "{CLEAR}comparing with AWS: {done} of {all} resources");
}
