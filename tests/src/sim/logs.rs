//! The operator's log in a run. Each line is searched for the secret, which no log line may contain.

use std::io::{self, Write};
use std::sync::Arc;

use lambda_triggers::telemetry::logs;
use parking_lot::{Mutex, MutexGuard};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::with_default;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use super::workflows::SECRET;

/// The log of one run. Clones share the log.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Seen>>);

/// The findings in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The number of lines.
    pub lines: usize,
    /// The lines that contain the secret.
    pub telling: Vec<String>,
}

impl Logs {
    /// Runs a function and keeps the log lines of this thread, as JSON. The log has all lines of the operator, and the
    /// lines of libraries at the default level.
    pub fn during<T>(&self, run: impl FnOnce() -> T) -> T {
        let levels = Targets::new()
            .with_default(LevelFilter::INFO)
            .with_target("lambda_triggers", LevelFilter::TRACE)
            .with_target("lambda_triggers_tests", LevelFilter::TRACE);
        with_default(tracing_subscriber::registry().with(levels).with(logs::json(self.clone())), run)
    }

    /// The findings until now.
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock()
    }
}

/// The JSON formatter writes each line with one call.
impl Write for &Logs {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let mut seen = self.lock();
        seen.lines += 1;
        if text.contains(SECRET) {
            seen.telling.push(text.into_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = &'a Logs;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use tracing::{debug, error_span, info, trace};

    use super::*;

    #[test]
    fn the_secret_is_found_in_fields_spans_and_library_lines() {
        let logs = Logs::default();
        logs.during(|| {
            info!("nothing of it");
            debug!(input = SECRET, "in a field");
            error_span!("span", input = ?[SECRET]).in_scope(|| trace!("in a span"));
            info!(target: "kube_client", "in what a library says: {SECRET}");
            debug!(target: "kube_client", "not where nobody asks for it: {SECRET}");
        });
        let Seen { lines, telling } = logs.seen();
        let words = ["in a field", "in a span", "in what a library says"];
        assert_eq!((lines, telling.len()), (4, words.len()));
        assert!(telling.iter().zip(words).all(|(line, words)| line.contains(words)), "{telling:?}");
    }
}
