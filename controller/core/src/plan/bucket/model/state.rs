//! The state of the model: the bucket, the worker, the PUTs in flight, the objects and the other tool.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::{
    BucketSync, Child, Claim, Desired, Destination, Document, Entry, Filter, SetAside, foreign_entries,
};
use super::Bounds;
use crate::api::KeyFilter;
use crate::ownership::{ObjectKey, OwnerId};

/// The complete state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelState {
    pub bucket: ModelBucket,
    /// Sent PUTs, in order, without lost and answered PUTs.
    pub puts: Vec<Put>,
    pub worker: Worker,
    pub objects: Vec<Object>,
    pub tool: Tool,
    /// The remaining number of each fault.
    pub left: Bounds,
    /// True if the bucket awaits an orphan check.
    pub has_orphan_check: bool,
    /// The number of syncs since the last fault.
    pub quiet_syncs: u8,
    pub history: History,
}

/// The document in S3. Moments are counted in writes of the other tool: `as_of` 2 is before the third write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelBucket {
    pub current: Arc<Document>,
    /// The answer of a stale read.
    pub previous: Arc<Document>,
    /// The last moment at which `previous` was current.
    pub previous_as_of: u8,
}

/// A sent PUT.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Put {
    pub document: Arc<Document>,
    /// The last moment at which the base document of the PUT was current, as far as the worker knows.
    pub as_of: u8,
    /// True if the worker waits for the answer.
    pub awaited: bool,
    /// True if the PUT has taken effect and only the answer is in flight.
    pub taken: bool,
    /// True if the orphan check must wait for the PUT, because the PUT is older than the orphan check.
    pub delays_orphan_check: bool,
}

/// The worker of the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    /// The state of each object in the worker.
    pub requesters: Vec<Requester>,
    pub known: Option<Arc<Document>>,
    /// The objects that were deleted when the last sync began. An ended sync has removed their entries.
    pub leaving: BTreeSet<usize>,
    /// The value of `late` when the last sync began.
    pub was_late: bool,
    pub work: Option<Work>,
    pub grace: Grace,
    /// True if a write without an answer may still take effect within the maximum lifetime of a PUT.
    pub late: bool,
}

/// The state of an object in the worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Requester {
    /// The last request.
    pub asked: Option<Asked>,
    /// True if the object waits for the result of the next or the running sync.
    pub in_batch: bool,
    /// The last answer since the last change of the desired state.
    pub answer: Option<Answer>,
    /// The last refusal of the object's entry.
    pub set_aside: Option<Arc<SetAside>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    Entries,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Done,
    /// The finalizer must wait, because a write may still take effect.
    InGracePeriod,
}

/// A running sync.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Work {
    pub sync: Arc<BucketSync>,
    /// True if the current command is a PUT; false for a read.
    pub writes: bool,
    /// True for the first sync after the write grace period. A failed sync must be repeated, because only a
    /// successful sync shows the final document.
    pub is_after_grace: bool,
    /// True if the sync is the orphan check.
    pub is_orphan_check: bool,
}

/// The state of the write grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grace {
    Waiting,
    /// The period is over, and the following sync has not run yet.
    Over,
    Ended,
}

/// An S3TriggeredFunction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    Wanted,
    /// The object has a deletion timestamp and a finalizer.
    Deleted,
    /// The finalizer is removed, and the object is gone.
    Gone,
}

/// A foreign tool. The tool reads the document, adds or removes its own entry, and writes back all other parts
/// unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tool {
    pub read: Option<Arc<Document>>,
    /// True if the last write added the tool's entry.
    pub has_entry: bool,
    /// The number of writes.
    pub writes: u8,
}

/// Past events that a property needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct History {
    /// A PUT reverted the tool's last write, and the write came between the PUT's base read and the PUT's effect.
    pub undone_in_window: bool,
    /// A PUT reverted a write of the tool that the worker could have seen.
    pub undone_outside: bool,
    /// The objects with entries that another writer restored since the last PUT took effect, without knowledge of the
    /// deletion.
    pub restored: BTreeSet<usize>,
}

/// The owner id of the worker.
pub fn owner() -> OwnerId {
    OwnerId::parse("1a2b3c4d").unwrap()
}

pub fn key(object: usize) -> ObjectKey {
    ObjectKey::new("media", ["first", "second"][object])
}

/// The desired entry of an object.
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

pub fn tools_entry() -> Entry {
    Entry {
        destination: Destination::Function,
        arn: "arn:tool".into(),
        id: Some("tool".into()),
        events: BTreeSet::from(["s3:ObjectRemoved:*".to_owned()]),
        filter: Filter::default(),
    }
}

/// The initial document, with a foreign entry that nobody changes.
pub fn first_document() -> Document {
    let xml = "<NotificationConfiguration xmlns=\"\"><QueueConfiguration><Id>q</Id><Queue>arn:q</Queue>\
               <Event>s3:ObjectRestore:*</Event></QueueConfiguration></NotificationConfiguration>";
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

impl Asked {
    pub fn desired(self, object: usize) -> Desired {
        match self {
            Self::Entries => Desired::Entries(vec![entry(object)]),
            Self::Nothing => Desired::None,
        }
    }
}

impl Worker {
    /// A worker that has just started.
    pub fn new(objects: usize) -> Self {
        Self {
            requesters: vec![Requester::default(); objects],
            known: None,
            leaving: BTreeSet::new(),
            was_late: true,
            work: None,
            grace: Grace::Waiting,
            late: true,
        }
    }
}

impl ModelState {
    /// The initial state: all objects exist, and the operator has just started.
    pub fn first(bounds: Bounds, objects: usize) -> Self {
        let document = Arc::new(first_document());
        Self {
            bucket: ModelBucket { current: document.clone(), previous: document, previous_as_of: 0 },
            puts: vec![],
            worker: Worker::new(objects),
            objects: vec![Object::Wanted; objects],
            tool: Tool { read: None, has_entry: false, writes: 0 },
            left: bounds,
            has_orphan_check: false,
            quiet_syncs: 0,
            history: History { undone_in_window: false, undone_outside: false, restored: BTreeSet::new() },
        }
    }

    /// The current claims of a worker that read `document`. An object without a request keeps its current entries. An
    /// object that was deleted before the sync needs no request, and an object that is gone has no claim.
    pub fn claims(&self, document: &Document) -> Vec<Claim> {
        let foreign = foreign_entries(document, &owner());
        let claim = |(object, state): (usize, &Object)| {
            let Requester { asked, set_aside, .. } = &self.worker.requesters[object];
            let asked = if self.worker.leaving.contains(&object) { Some(Asked::Nothing) } else { *asked };
            let desired = asked.map_or(Desired::KeepCurrent, |asked| asked.desired(object));
            let is_set_aside = |refusal: &&Arc<SetAside>| !refusal.is_due(&desired, &foreign, Duration::ZERO);
            let desired = match set_aside.as_ref().filter(is_set_aside) {
                Some(refusal) => Desired::Refused(refusal.why.clone()),
                None => desired,
            };
            let claim = Claim { key: key(object), created: 0, uid: object.to_string(), desired };
            (*state != Object::Gone).then_some(claim)
        };
        self.objects.iter().enumerate().filter_map(claim).collect()
    }

    /// True if a PUT without a waiting worker is in flight.
    pub fn has_stray_put(&self) -> bool {
        self.puts.iter().any(|put| !put.awaited)
    }

    pub fn shows(&self, object: usize) -> bool {
        has(&self.bucket.current, &entry(object))
    }
}
