//! A watch: the changes from a version on, as they come, or as a fault lets them come
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

/// The API server sends bookmarks about so often.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// From where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// From this version.
    Version(u64),
    /// From what is there, which is told first.
    Any {
        /// Whether a bookmark tells that all of it was told.
        marked: bool,
    },
}

/// What a watch is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The objects.
    pub scope: Scope,
    /// What is told of them.
    pub form: Form,
    /// From where.
    pub from: From,
    /// Whether bookmarks are wanted.
    pub bookmarks: bool,
    /// How long it may last.
    pub timeout: Option<Duration>,
}

/// An open watch.
pub struct Watch {
    cluster: Cluster,
    asked: Asked,
    /// Told up to this version, or swallowed.
    version: u64,
    /// The last version that its client seen_version of.
    seen_version: u64,
    /// What is there is still to be told; and whether with a bookmark.
    initial: Option<bool>,
    missed: bool,
    over: bool,
    deadline: Option<Instant>,
    next_bookmark: Instant,
}

/// What to do next.
enum Step {
    Send(String),
    Break,
    End,
    Wait(Option<Instant>),
}

impl Watch {
    /// Begins one.
    pub fn open(cluster: Cluster, asked: Asked) -> Self {
        let now = Instant::now();
        let (version, initial) = match asked.from {
            From::Version(version) => (version, None),
            From::Any { marked } => (0, Some(marked)),
        };
        let patience = cluster.lock().patience;
        let deadline = asked.timeout.map(|timeout| now + timeout * patience);
        let next_bookmark = now + BOOKMARK_INTERVAL;
        Self {
            cluster,
            asked,
            version,
            seen_version: version,
            initial,
            missed: false,
            over: false,
            deadline,
            next_bookmark,
        }
    }

    /// Its body: a line for each event.
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
        // A client that missed events must not be told that it saw them.
        let bookmark =
            self.asked.bookmarks && store.fault != WatchFault::Miss && self.seen_version < self.version;
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
        let objects = history::replay(visible, &self.asked.scope);
        let added = objects.values().map(|object| line("ADDED", &self.asked.form.of(object)));
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
            if !self.asked.scope.has(&change.key) {
                continue;
            }
            if fault == WatchFault::Miss {
                self.missed = true;
                continue;
            }
            self.seen_version = change.version;
            let times = if fault == WatchFault::Duplicate { 2 } else { 1 };
            lines += &line(change.event.as_str(), &self.asked.form.of(&change.object)).repeat(times);
        }
        lines
    }

    fn bookmark(&mut self, annotations: Value) -> String {
        self.seen_version = self.version;
        let resource = self.asked.scope.resource;
        let bookmark = json!({
            "kind": resource.kind(), "apiVersion": resource.api_version(),
            "metadata": {"resourceVersion": self.version.to_string(), "annotations": annotations},
        });
        line("BOOKMARK", &bookmark)
    }
}

/// When the first change comes that is not seen yet.
fn next_arrival(store: &Store, seen: usize) -> Option<Instant> {
    let change = store.history.get(seen)?;
    Some(Instant::now() + (change.at + store.fault.delay()).saturating_sub(store.elapsed()))
}

fn line(event: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": event, "object": object}))
}
