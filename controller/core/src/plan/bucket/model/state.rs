//! What the model consists of: the bucket, the operators' workers, the PUTs on their way, the objects and the other tool.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::{BucketSync, Child, Claim, Desired, Destination, Document, Entry, Filter};
use super::Bounds;
use crate::api::KeyFilter;
use crate::ownership::{ObjectKey, OwnerId};

/// All there is at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelState {
    pub bucket: ModelBucket,
    /// PUTs that have been sent, in that order, and have neither vanished nor been answered.
    pub puts: Vec<Put>,
    pub workers: Vec<Worker>,
    pub objects: Vec<Object>,
    pub tool: Tool,
    /// What may yet happen that is nobody's work.
    pub left: Bounds,
    /// Whether the bucket is has_orphan_check for a second look.
    pub has_orphan_check: bool,
    /// Rounds since the last thing happened that is nobody's work.
    pub quiet_syncs: u8,
    pub history: History,
}

/// The document in S3. Moments are counted in writes of the other tool: `as_of` 2 is before its third write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelBucket {
    pub current: Arc<Document>,
    /// What a stale read answers.
    pub previous: Arc<Document>,
    /// The last moment when `previous` was current.
    pub previous_as_of: u8,
}

/// A PUT of ours that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Put {
    pub worker: usize,
    pub document: Arc<Document>,
    /// The last moment when the document that it is based on was current, as far as the worker could see.
    pub as_of: u8,
    /// Whether the worker waits for the answer.
    pub awaited: bool,
    /// Whether it has taken effect, so that only its answer is on its way.
    pub taken: bool,
    /// Whether it was sent before the second look was has_orphan_check, so that the look comes after it can take effect at all.
    pub delays_orphan_check: bool,
}

/// The worker of the bucket in one operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    pub runs: bool,
    /// How each object stands with it.
    pub requesters: Vec<Requester>,
    pub known: Option<Arc<Document>>,
    pub work: Option<Work>,
    pub grace: Grace,
    /// Whether a write whose outcome is not known may take effect at all.
    pub late: bool,
}

/// An object in the eyes of a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Requester {
    /// What it has asked for.
    pub asked: Option<Asked>,
    /// Whether it waits for the answer to the round that is next, or under way.
    pub in_batch: bool,
    /// The last answer, since its wish changed.
    pub answer: Option<Answer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    Entries,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Done,
    /// Its finalizer has to wait: a write may take effect yet.
    InGracePeriod,
}

/// A round under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Work {
    pub sync: Arc<BucketSync>,
    /// Whether its call is a PUT; else it is a read.
    pub writes: bool,
    /// Whether it is the first after the settle time: if it fails, another has to tell what is there for good.
    pub is_after_grace: bool,
    /// Whether it makes the second look.
    pub is_orphan_check: bool,
}

/// Whether a write whose outcome is not known may take effect as a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grace {
    Waiting,
    /// The time is over, and the round that tells is still to be made.
    Over,
    Ended,
}

/// An S3TriggeredFunction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    Wanted,
    /// It is deleted, and its finalizer holds it.
    Deleted,
    /// Its finalizer is gone, and so is it.
    Gone,
}

/// A tool of somebody else's that reads the document, adds or removes its own entry, and writes the rest back as read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tool {
    pub read: Option<Arc<Document>>,
    /// Whether its last write put its entry there.
    pub has_entry: bool,
    /// How often it has written.
    pub writes: u8,
}

/// What has happened, as far as a property speaks of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct History {
    /// A PUT of ours has undone the last write of the tool, which came between our read and that PUT's taking effect.
    pub undone_in_window: bool,
    /// A PUT of ours has undone a write of the tool that we could have seen.
    pub undone_outside: bool,
    /// The objects whose entries somebody has written back who could not know better, since a PUT of ours took effect
    /// last: the tool, or one of two operators at once.
    pub restored: BTreeSet<usize>,
}

/// The owner of all workers.
pub fn owner() -> OwnerId {
    OwnerId::parse("1a2b3c4d").unwrap()
}

fn key(object: usize) -> ObjectKey {
    ObjectKey::new("media", ["first", "second"][object])
}

/// The entry that an object wants.
pub fn entry(object: usize) -> Entry {
    let filter = KeyFilter { prefix: Some(format!("{object}/")), ..KeyFilter::default() };
    Entry {
        destination: Destination::Function,
        arn: "arn:f".into(),
        id: Some(key(object).entry_id(&owner(), &filter, false)),
        events: BTreeSet::from(["s3:ObjectCreated:*".to_owned()]),
        filter: Filter::from(&filter),
    }
}

/// The entry of the tool.
pub fn tools_entry() -> Entry {
    Entry {
        destination: Destination::Function,
        arn: "arn:tool".into(),
        id: Some("tool".into()),
        events: BTreeSet::from(["s3:ObjectRemoved:*".to_owned()]),
        filter: Filter::default(),
    }
}

/// The document before anybody writes: somebody has set it up, and never comes back.
pub fn first_document() -> Document {
    let xml = "<NotificationConfiguration xmlns=\"\"><QueueConfiguration><Id>q</Id><Queue>arn:q</Queue>\
               <SyncEvent>s3:ObjectRestore:*</SyncEvent></QueueConfiguration></NotificationConfiguration>";
    Document::parse(xml).unwrap()
}

/// The document with or without an entry.
pub fn with(document: &Document, entry: &Entry, there: bool) -> Document {
    let mut document = document.clone();
    document.children.retain(|child| child.entry.as_ref() != Some(entry));
    if there {
        document.children.push(Child::from_entry(entry.clone()));
    }
    document
}

pub fn has(document: &Document, entry: &Entry) -> bool {
    document.entries().any(|found| found == entry)
}

impl Worker {
    /// One that has just started, or that is to start later.
    pub fn new(runs: bool, objects: usize) -> Self {
        Self {
            runs,
            requesters: vec![Requester::default(); objects],
            known: None,
            work: None,
            grace: Grace::Waiting,
            late: true,
        }
    }

    /// Whether it waits for requests.
    pub fn is_idle(&self) -> bool {
        self.runs && self.work.is_none()
    }
}

impl ModelState {
    /// Before anything has happened: the objects are there, and the first operator has just started. Where there is to
    /// be a second one beside it, it has run for a while.
    pub fn first(bounds: Bounds, objects: usize) -> Self {
        let document = Arc::new(first_document());
        let mut first = Worker::new(true, objects);
        if bounds.second_operators > 0 {
            (first.grace, first.late) = (Grace::Ended, false);
        }
        Self {
            bucket: ModelBucket { current: document.clone(), previous: document, previous_as_of: 0 },
            puts: vec![],
            workers: vec![first, Worker::new(false, objects)],
            objects: vec![Object::Wanted; objects],
            tool: Tool { read: None, has_entry: false, writes: 0 },
            left: bounds,
            has_orphan_check: false,
            quiet_syncs: 0,
            history: History { undone_in_window: false, undone_outside: false, restored: BTreeSet::new() },
        }
    }

    /// What a worker's claims are now. One that has not asked keeps what it has; one that is gone has no claim.
    pub fn claims(&self, worker: usize) -> Vec<Claim> {
        let claim = |(object, state): (usize, &Object)| {
            let desired = match self.workers[worker].requesters[object].asked {
                None => Desired::KeepCurrent,
                Some(Asked::Entries) => Desired::Entries(vec![entry(object)]),
                Some(Asked::Nothing) => Desired::None,
            };
            let claim = Claim { key: key(object), created: 0, uid: object.to_string(), desired };
            (*state != Object::Gone).then_some(claim)
        };
        self.objects.iter().enumerate().filter_map(claim).collect()
    }

    /// Whether a PUT is on its way for which nobody waits.
    pub fn has_stray_put(&self) -> bool {
        self.puts.iter().any(|put| !put.awaited)
    }

    pub fn shows(&self, object: usize) -> bool {
        has(&self.bucket.current, &entry(object))
    }
}
