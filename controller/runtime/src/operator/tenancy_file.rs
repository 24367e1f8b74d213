//! The tenancy file: read at the start, and again while the operator runs.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::tenancy::Tenancy;
use tokio::sync::watch;
use tracing::{error, info};

use super::StartError;
use crate::telemetry::metrics::Metrics;

/// Between two looks at the file. One of a ConfigMap changes with a delay of up to a minute anyhow.
const PAUSE: Duration = Duration::from_secs(2);

/// What was read from the file, or why nothing could be.
type Text = Result<String, String>;

/// The file, and what follows it.
pub struct TenancyFile {
    path: PathBuf,
    /// What counts now, or was refused last.
    known: Text,
    current: watch::Sender<Arc<Tenancy>>,
    metrics: Metrics,
}

impl TenancyFile {
    /// Reads the file, and tells of its changes once it is followed.
    ///
    /// # Errors
    /// Where it cannot be read, or says what cannot be: an operator that starts without it would permit too much, or
    /// forbid too much.
    pub fn open(path: &Path, metrics: Metrics) -> Result<(Self, watch::Receiver<Arc<Tenancy>>), StartError> {
        let known = text(path);
        let tenancy = parse(&known).map_err(|why| format!("the tenancy file {}: {why}", path.display()))?;
        let (current, receiver) = watch::channel(Arc::new(tenancy));
        Ok((Self { path: path.into(), known, current, metrics }, receiver))
    }

    /// Looks at the file again and again. What reads the same twice counts from then on, so that no half of a file does; one
    /// that is broken is refused, and the last good one stays.
    pub async fn follow(mut self) -> Infallible {
        let mut seen = self.known.clone();
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = text(&self.path);
            if now == seen && now != self.known {
                self.take(now.clone());
            }
            seen = now;
        }
    }

    fn take(&mut self, text: Text) {
        let path = self.path.display();
        match parse(&text) {
            Ok(tenancy) => {
                self.metrics.tenancy_read(true);
                let tenancy = Arc::new(tenancy);
                let changed = self.current.send_if_modified(|current| {
                    let changes = *current != tenancy;
                    *current = tenancy;
                    changes
                });
                info!(%path, changed, "read the tenancy file again");
            }
            Err(why) => {
                self.metrics.tenancy_read(false);
                error!(%path, "the tenancy file is refused, and what it said before counts: {why}");
            }
        }
        self.known = text;
    }
}

/// What the file says, or why it says nothing.
pub fn read(path: &Path) -> Result<Tenancy, String> {
    parse(&text(path))
}

fn text(path: &Path) -> Text {
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

fn parse(text: &Text) -> Result<Tenancy, String> {
    let text = text.as_ref().map_err(Clone::clone)?;
    Tenancy::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "namespaces: {a: {buckets: [one]}}";
    const OTHER: &str = "namespaces: {a: {buckets: [other]}}";

    struct Followed {
        path: PathBuf,
        tenancy: watch::Receiver<Arc<Tenancy>>,
        metrics: Metrics,
        follower: tokio::task::JoinHandle<Infallible>,
    }

    impl Drop for Followed {
        fn drop(&mut self) {
            self.follower.abort();
            let _ = std::fs::remove_file(&self.path);
        }
    }

    impl Followed {
        /// Between two looks at the file.
        async fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("lambda-triggers-{name}-{}", std::process::id()));
            std::fs::write(&path, ONE).unwrap();
            let metrics = Metrics::default();
            let (file, tenancy) = TenancyFile::open(&path, metrics.clone()).unwrap();
            let followed = Self { path, tenancy, metrics, follower: tokio::spawn(file.follow()) };
            tokio::time::sleep(PAUSE / 2).await;
            followed
        }

        /// What counts, and what the metric says, after the file was this for so many looks.
        async fn after(&self, text: Option<&str>, looks: u32) -> (Tenancy, bool) {
            match text {
                Some(text) => std::fs::write(&self.path, text).unwrap(),
                None => std::fs::remove_file(&self.path).unwrap(),
            }
            tokio::time::sleep(PAUSE * looks).await;
            let fine = self.metrics.text().contains("tenancy_last_reload_successful 1");
            (Tenancy::clone(&self.tenancy.borrow()), fine)
        }
    }

    fn tenancy(text: &str) -> Tenancy {
        Tenancy::parse(text).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_counts_once_it_was_read_twice() {
        let followed = Followed::new("changed").await;
        assert_eq!(followed.after(Some(ONE), 0).await, (tenancy(ONE), true));
        assert_eq!(followed.after(Some(OTHER), 1).await, (tenancy(ONE), true));
        assert_eq!(followed.after(Some(OTHER), 1).await, (tenancy(OTHER), true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_file_is_refused_and_the_last_good_one_stays() {
        let followed = Followed::new("broken").await;
        for broken in [Some("namespaces: {a: {bucket: [other]}}"), Some(""), None] {
            assert_eq!(followed.after(broken, 3).await, (tenancy(ONE), false), "{broken:?}");
        }
        assert_eq!(followed.after(Some(ONE), 3).await, (tenancy(ONE), true));
        assert!(!followed.tenancy.has_changed().unwrap(), "it is the same as before");
    }

    #[test]
    fn a_file_that_is_broken_at_the_start_is_an_error() {
        let path = std::env::temp_dir().join("lambda-triggers-there-is-no-such-file");
        let said = TenancyFile::open(&path, Metrics::default()).err().unwrap().to_string();
        assert!(
            said.starts_with(&format!("the tenancy file {}: cannot be read: ", path.display())),
            "{said}"
        );
    }
}
