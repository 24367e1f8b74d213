//! A watch: the changes since a version, with the delays and losses of the current fault
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>).

use std::io;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::Cluster;
use super::faults::WatchFault;
use super::history::{self, Change, Scope};
use super::refused::Refused;
use super::store::Store;
use super::view::Form;

/// The interval of bookmarks, as of the API server.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// The start of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The changes after this version.
    Version(u64),
    /// The current objects, then all changes.
    Any {
        /// True if a bookmark marks the end of the current objects.
        marked: bool,
    },
}

/// The parameters of a watch.
#[derive(Clone, Debug)]
pub struct WatchRequest {
    /// The selected objects.
    pub scope: Scope,
    /// The form of the objects.
    pub form: Form,
    /// The start.
    pub from: From,
    /// True if the client accepts bookmarks.
    pub bookmarks: bool,
    /// The requested timeout.
    pub timeout: Option<Duration>,
}

/// An open watch.
pub struct Watch {
    cluster: Cluster,
    request: WatchRequest,
    /// The last version that was sent or lost.
    version: u64,
    /// The last version that the client has received.
    seen_version: u64,
    /// `Some` until the current objects are sent. True if a bookmark marks their end.
    initial: Option<bool>,
    missed: bool,
    over: bool,
    deadline: Option<Instant>,
    next_bookmark: Instant,
}

/// The next action of a watch.
enum Step {
    Send(String),
    Break,
    End,
    Wait(Option<Instant>),
}

impl Watch {
    /// Opens a watch.
    pub fn open(cluster: Cluster, request: WatchRequest) -> Self {
        let now = Instant::now();
        let (version, initial) = match request.from {
            From::Version(version) => (version, None),
            From::Any { marked } => (0, Some(marked)),
        };
        let patience = cluster.lock().patience;
        let deadline = request.timeout.map(|timeout| now + timeout * patience);
        let next_bookmark = now + BOOKMARK_INTERVAL;
        Self {
            cluster,
            request,
            version,
            seen_version: version,
            initial,
            missed: false,
            over: false,
            deadline,
            next_bookmark,
        }
    }

    /// The body: one line for each event.
    pub fn lines(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        unfold(self, |mut watch| async move {
            let mut changed = watch.cluster.changed();
            loop {
                changed.mark_unchanged();
                match watch.step() {
                    Step::Send(lines) => return Some((Ok(lines.into()), watch)),
                    Step::Break => return Some((Err(io::ErrorKind::ConnectionReset.into()), watch)),
                    Step::End => return None,
                    Step::Wait(None) => changed.changed().await.ok()?,
                    Step::Wait(Some(until)) => tokio::select! {
                        biased;
                        open = changed.changed() => open.ok()?,
                        () = sleep_until(until) => {}
                    },
                }
            }
        })
    }

    fn step(&mut self) -> Step {
        let cluster = self.cluster.clone();
        let store = cluster.lock();
        if self.over {
            return Step::End;
        }
        match store.fault {
            WatchFault::Drop => {
                self.over = true;
                return Step::Break;
            }
            WatchFault::Gone => return self.gone(),
            WatchFault::None | WatchFault::Duplicate | WatchFault::Stale(_) if self.missed => {
                return self.gone();
            }
            WatchFault::None | WatchFault::Duplicate | WatchFault::Stale(_) | WatchFault::Miss => {}
        }
        let visible = store.fault.visible(&store.history, store.elapsed());
        let lines = match self.initial.take() {
            Some(marked) => self.initial_lines(visible, marked),
            None => self.new_lines(visible, store.fault),
        };
        if !lines.is_empty() {
            return Step::Send(lines);
        }
        let now = Instant::now();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return Step::End;
        }
        // A bookmark would claim that the client has seen the lost events.
        let bookmark =
            self.request.bookmarks && store.fault != WatchFault::Miss && self.seen_version < self.version;
        if bookmark && self.next_bookmark <= now {
            self.next_bookmark = now + BOOKMARK_INTERVAL;
            return Step::Send(self.bookmark(json!({})));
        }
        let next_bookmark = bookmark.then_some(self.next_bookmark);
        Step::Wait(
            [self.deadline, next_bookmark, next_arrival(&store, visible.len())].into_iter().flatten().min(),
        )
    }

    fn gone(&mut self) -> Step {
        self.over = true;
        Step::Send(line("ERROR", &Refused::gone().status()))
    }

    fn initial_lines(&mut self, visible: &[Change], marked: bool) -> String {
        self.version = history::version(visible);
        self.seen_version = self.version;
        let objects = history::replay(visible, &self.request.scope);
        let added = objects.values().map(|object| line("ADDED", &self.request.form.of(object)));
        let mut lines: String = added.collect();
        if marked {
            lines += &self.bookmark(json!({"k8s.io/initial-events-end": "true"}));
        }
        lines
    }

    fn new_lines(&mut self, visible: &[Change], fault: WatchFault) -> String {
        let old = visible.partition_point(|change| change.version <= self.version);
        let mut lines = String::new();
        for change in &visible[old..] {
            self.version = change.version;
            if !self.request.scope.has(&change.key) {
                continue;
            }
            if fault == WatchFault::Miss {
                self.missed = true;
                continue;
            }
            self.seen_version = change.version;
            let times = if fault == WatchFault::Duplicate { 2 } else { 1 };
            lines += &line(change.event.as_str(), &self.request.form.of(&change.object)).repeat(times);
        }
        lines
    }

    fn bookmark(&mut self, annotations: Value) -> String {
        self.seen_version = self.version;
        let resource = self.request.scope.resource;
        let bookmark = json!({
            "kind": resource.kind(), "apiVersion": resource.api_version(),
            "metadata": {"resourceVersion": self.version.to_string(), "annotations": annotations},
        });
        line("BOOKMARK", &bookmark)
    }
}

/// The time at which the next invisible change becomes visible.
fn next_arrival(store: &Store, seen: usize) -> Option<Instant> {
    let change = store.history.get(seen)?;
    Some(Instant::now() + (change.at + store.fault.delay()).saturating_sub(store.elapsed()))
}

fn line(event: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": event, "object": object}))
}
