//! The tenancy file: read at the start, and read again while the operator runs.

use std::convert::Infallible;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lambda_triggers_core::tenancy::Tenancy;
use tokio::sync::watch;
use tracing::{error, info};

use super::start_error::StartError;
use crate::telemetry::metrics::Metrics;

/// The poll interval. A file from a ConfigMap changes with a delay of up to a minute anyway.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The text of the file, or the read error.
type Text = Result<String, String>;

/// The tenancy file, with a channel for changes.
pub struct TenancyFile {
    path: PathBuf,
    /// The last text that was accepted or refused.
    known: Text,
    current: watch::Sender<Arc<Tenancy>>,
    /// The operator's own account, after AWS has answered. A file that is read earlier is validated without the account.
    account: Arc<OnceLock<String>>,
    metrics: Metrics,
}

impl TenancyFile {
    /// Reads the file. The receiver gets changes while [`follow`](Self::follow) runs.
    ///
    /// # Errors
    /// The file cannot be read, or is invalid. An operator that starts without the file would permit too much or too
    /// little.
    pub fn open(
        path: &Path,
        account: Arc<OnceLock<String>>,
        metrics: Metrics,
    ) -> Result<(Self, watch::Receiver<Arc<Tenancy>>), StartError> {
        let known = text(path);
        let tenancy = parse(&known, None).map_err(|why| start_error(path, &why))?;
        let (current, receiver) = watch::channel(Arc::new(tenancy));
        Ok((Self { path: path.into(), known, current, account, metrics }, receiver))
    }

    /// Polls the file. A new text takes effect after two equal reads, so that no half-written file takes effect. A
    /// broken file is refused, and the last valid tenancy stays in effect.
    pub async fn follow(mut self) -> Infallible {
        let mut seen = self.known.clone();
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let now = text(&self.path);
            if now == seen && now != self.known {
                self.take(now.clone());
            }
            seen = now;
        }
    }

    fn take(&mut self, text: Text) {
        let path = self.path.display();
        match parse(&text, self.account.get().map(String::as_str)) {
            Ok(tenancy) => {
                self.metrics.tenancy_read(true);
                let tenancy = Arc::new(tenancy);
                let changed = self.current.send_if_modified(|current| {
                    let changes = *current != tenancy;
                    *current = tenancy;
                    changes
                });
                info!(%path, changed, "reloaded the tenancy file");
            }
            Err(why) => {
                self.metrics.tenancy_read(false);
                error!(%path, "the tenancy file is refused, and the last valid content stays in effect: {why}");
            }
        }
        self.known = text;
    }
}

/// Reads and parses the file.
pub fn read(path: &Path) -> Result<Tenancy, String> {
    parse(&text(path), None)
}

/// The error of an operator that starts with an invalid file.
pub fn start_error(path: &Path, why: &dyn Display) -> StartError {
    format!("the tenancy file {}: {why}", path.display()).into()
}

fn text(path: &Path) -> Text {
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

fn parse(text: &Text, account: Option<&str>) -> Result<Tenancy, String> {
    let text = text.as_ref().map_err(Clone::clone)?;
    let tenancy = Tenancy::parse(text).map_err(|error| error.to_string())?;
    if let Some(account) = account {
        tenancy.check_scheduler_roles(account).map_err(|error| error.to_string())?;
    }
    Ok(tenancy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "namespaces: {a: {buckets: [one]}}";
    const OTHER: &str = "namespaces: {a: {buckets: [other]}}";

    struct Followed {
        path: PathBuf,
        tenancy: watch::Receiver<Arc<Tenancy>>,
        account: Arc<OnceLock<String>>,
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
        /// Follows a file, and waits until a moment between two polls.
        async fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("lambda-triggers-{name}-{}", std::process::id()));
            std::fs::write(&path, ONE).unwrap();
            let metrics = Metrics::default();
            let account = Arc::new(OnceLock::new());
            let (file, tenancy) = TenancyFile::open(&path, account.clone(), metrics.clone()).unwrap();
            let followed = Self { path, tenancy, account, metrics, follower: tokio::spawn(file.follow()) };
            tokio::time::sleep(POLL_INTERVAL / 2).await;
            followed
        }

        /// Changes the file and waits for this number of polls. Returns the current tenancy, and true if the metric
        /// shows a success.
        async fn after(&self, text: Option<&str>, polls: u32) -> (Tenancy, bool) {
            match text {
                Some(text) => std::fs::write(&self.path, text).unwrap(),
                None => std::fs::remove_file(&self.path).unwrap(),
            }
            tokio::time::sleep(POLL_INTERVAL * polls).await;
            let fine = self.metrics.text().contains("tenancy_last_reload_successful 1");
            (Tenancy::clone(&self.tenancy.borrow()), fine)
        }
    }

    fn tenancy(text: &str) -> Tenancy {
        Tenancy::parse(text).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_takes_effect_after_two_equal_reads() {
        let followed = Followed::new("changed").await;
        assert_eq!(followed.after(Some(ONE), 0).await, (tenancy(ONE), true));
        assert_eq!(followed.after(Some(OTHER), 1).await, (tenancy(ONE), true));
        assert_eq!(followed.after(Some(OTHER), 1).await, (tenancy(OTHER), true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_file_keeps_the_last_valid_tenancy() {
        let followed = Followed::new("broken").await;
        for broken in [Some("namespaces: {a: {bucket: [other]}}"), Some(""), None] {
            assert_eq!(followed.after(broken, 3).await, (tenancy(ONE), false), "{broken:?}");
        }
        assert_eq!(followed.after(Some(ONE), 3).await, (tenancy(ONE), true));
        assert!(!followed.tenancy.has_changed().unwrap(), "it is the same as before");
    }

    #[tokio::test(start_paused = true)]
    async fn a_scheduler_role_of_another_account_is_refused_once_the_account_is_known() {
        const ROLE: &str = "namespaces: {a: {schedulerRole: 'arn:aws:iam::222222222222:role/a'}}";
        let followed = Followed::new("scheduler-role").await;
        assert_eq!(followed.after(Some(ROLE), 2).await, (tenancy(ROLE), true));
        assert_eq!(followed.after(Some(ONE), 2).await, (tenancy(ONE), true));
        followed.account.set("111111111111".into()).unwrap();
        assert_eq!(followed.after(Some(ROLE), 2).await, (tenancy(ONE), false));
        assert_eq!(followed.after(Some(OTHER), 2).await, (tenancy(OTHER), true));
    }

    #[test]
    fn a_missing_file_at_the_start_is_an_error() {
        let path = std::env::temp_dir().join("lambda-triggers-there-is-no-such-file");
        let opened = TenancyFile::open(&path, Arc::default(), Metrics::default());
        let message = opened.err().unwrap().to_string();
        assert!(
            message.starts_with(&format!("the tenancy file {}: cannot be read: ", path.display())),
            "{message}"
        );
    }
}
