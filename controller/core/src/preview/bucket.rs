//! The plan of a bucket for some of its resources, with every entry and its owner.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::{ChangeAction, Part, PlannedChange};
use crate::arn::FunctionArn;
use crate::ownership::{ObjectKey, OwnerId};
use crate::plan::bucket::{
    Bucket, BucketPlan, Change, Claim, Desired, Destination, Document, Entry, Rejection, failure, made_by,
    plan_bucket, plan_bucket_of_some,
};
use crate::status::Failure;

/// A resource with entries in a bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The namespace and the name.
    pub key: ObjectKey,
    /// The desired entries.
    pub desired: Desired,
    /// The creation of the object; `None` for a new object, and if the cluster is not known.
    pub created: Option<Creation>,
}

/// The creation of an object, which orders two objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Creation {
    /// The creationTimestamp in seconds of Unix time.
    pub at: i64,
    /// The UID.
    pub uid: String,
}

/// The resources with entries in a bucket, as far as they are known.
#[derive(Clone, Debug, PartialEq)]
pub enum Members {
    /// All resources of the operator. Own entries without a resource are removed.
    All(Vec<Member>),
    /// Some resources. Own entries of unknown resources stay.
    Some(Vec<Member>),
}

impl Members {
    /// The known resources.
    pub fn known(&self) -> &[Member] {
        match self {
            Self::All(members) | Self::Some(members) => members,
        }
    }
}

/// A bucket with all of its entries.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BucketPreview {
    /// The name.
    pub name: String,
    /// The Region.
    pub region: String,
    /// True if the operator writes the notification configuration.
    pub write: bool,
    /// The number of entries now.
    pub entries_before: usize,
    /// The number of entries after the write.
    pub entries_after: usize,
    /// True if the bucket sends its events to EventBridge, too. The operator does not change this.
    pub event_bridge: bool,
    /// The ARNs of the queues and topics to which S3 sends a test event at the write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test_events: Vec<String>,
    /// All entries of the bucket, now and after the write.
    pub entries: Vec<EntryPreview>,
}

/// An entry of a bucket.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EntryPreview {
    /// The Id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The ARN of the function, queue or topic.
    pub arn: String,
    /// The events.
    pub events: BTreeSet<String>,
    /// The keys in words, such as `images/*.jpg`.
    pub keys: String,
    /// Who made the entry.
    pub owner: EntryOwner,
    /// The tool that made a foreign entry, as its Id shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// The resource of the entry, as `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What becomes of the entry.
    pub action: EntryAction,
}

/// Who made an entry.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryOwner {
    /// This operator.
    Operator,
    /// An operator with another owner id.
    OtherOperator,
    /// Somebody else.
    Others,
}

/// What becomes of an entry.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryAction {
    /// Nothing: the entry stays as it is.
    None,
    /// The entry is new.
    Create,
    /// The entry gets new content.
    Update,
    /// The entry is removed.
    Delete,
    /// The operator's entry replaces this one in the same write.
    TakeOver,
}

impl From<EntryAction> for Option<ChangeAction> {
    fn from(action: EntryAction) -> Self {
        match action {
            EntryAction::None => None,
            EntryAction::Create => Some(ChangeAction::Create),
            EntryAction::Update => Some(ChangeAction::Update),
            EntryAction::Delete => Some(ChangeAction::Delete),
            EntryAction::TakeOver => Some(ChangeAction::TakeOver),
        }
    }
}

/// The plan of a bucket for `members`. Returns the bucket, the changes of each member, and the failures of the members
/// that get no entries.
///
/// Members of unknown age are younger than all others, and the members without entries in the document are the youngest.
/// If two members of one of these groups conflict, both fail.
pub fn preview_bucket(
    bucket: &Bucket,
    document: &Document,
    owner: &OwnerId,
    members: &Members,
) -> (BucketPreview, BTreeMap<ObjectKey, Vec<PlannedChange>>, BTreeMap<ObjectKey, Failure>) {
    let claims = Claims { document, owner, members };
    let mut plan = claims.plan(&BTreeSet::new(), None);
    let failures = claims.failures(bucket, &plan);
    // A failed member gets no entries, also if the plan without another failed member has room for them.
    let mut failed: BTreeSet<ObjectKey> = BTreeSet::new();
    loop {
        let is_placed = |key: &&ObjectKey| !failed.contains(*key) && !plan.rejected.contains_key(*key);
        let placed: Vec<ObjectKey> = failures.keys().filter(is_placed).cloned().collect();
        if placed.is_empty() {
            break;
        }
        failed.extend(placed);
        plan = claims.plan(&failed, None);
    }
    let after = plan.write.as_ref().unwrap_or(document);
    let entries = entries(document, after, owner, members.known(), &plan.changes);
    let mut changes: BTreeMap<ObjectKey, Vec<PlannedChange>> = BTreeMap::new();
    for (key, entry) in &entries {
        if let (Some(key), Some(action)) = (key, entry.action.into()) {
            changes.entry(key.clone()).or_default().push(entry_change(bucket, entry, action));
        }
    }
    let is_test = |entry: &&Entry| entry.destination != Destination::Function;
    let tests: BTreeSet<String> = after.entries().filter(is_test).map(|entry| entry.arn.clone()).collect();
    let preview = BucketPreview {
        name: bucket.name.clone(),
        region: bucket.region.clone(),
        write: plan.write.is_some(),
        entries_before: document.entries().count(),
        entries_after: after.entries().count(),
        event_bridge: document.has_event_bridge(),
        test_events: if plan.write.is_some() { tests.into_iter().collect() } else { vec![] },
        entries: entries.into_iter().map(|(_, entry)| entry).collect(),
    };
    (preview, changes, failures)
}

/// The claims of the members.
struct Claims<'a> {
    document: &'a Document,
    owner: &'a OwnerId,
    members: &'a Members,
}

impl Claims<'_> {
    /// The plan if the members of `failed` keep their current entries, and `first` is the oldest member.
    fn plan(&self, failed: &BTreeSet<ObjectKey>, first: Option<&ObjectKey>) -> BucketPlan {
        let claim = |member: &Member| {
            let key = member.key.clone();
            let age = member.created.clone().unwrap_or_else(|| self.unknown_creation(&key));
            Claim {
                created: if first == Some(&key) { i64::MIN } else { age.at },
                uid: age.uid,
                desired: if failed.contains(&key) { Desired::KeepCurrent } else { member.desired.clone() },
                key,
            }
        };
        let claims: Vec<Claim> = self.members.known().iter().map(claim).collect();
        match self.members {
            Members::All(_) => plan_bucket(self.document, self.owner, &claims),
            Members::Some(_) => plan_bucket_of_some(self.document, self.owner, &claims),
        }
    }

    fn unknown_creation(&self, key: &ObjectKey) -> Creation {
        let base_name = key.base_name(self.owner);
        let mut own = self.document.entries().filter_map(|entry| entry.own_id(self.owner));
        let has_entries = own.any(|id| id.base_name == base_name);
        Creation { at: i64::MAX - i64::from(has_entries), uid: key.to_string() }
    }

    /// True if the ages of two members do not decide which one gets its entries.
    fn is_undecided(&self, one: &ObjectKey, other: &ObjectKey) -> bool {
        let is_unknown = |key: &ObjectKey| {
            self.members.known().iter().any(|member| member.key == *key && member.created.is_none())
        };
        let age = |key: &ObjectKey| self.unknown_creation(key).at;
        is_unknown(one) && is_unknown(other) && age(one) == age(other)
    }

    /// The failures of the rejected members. If the ages do not decide between two members, both fail.
    fn failures(&self, bucket: &Bucket, plan: &BucketPlan) -> BTreeMap<ObjectKey, Failure> {
        let mut failures: BTreeMap<ObjectKey, Failure> = BTreeMap::new();
        for (loser, rejection) in &plan.rejected {
            let mut failed = failure::rejected(bucket, rejection);
            if let Rejection::HeldBy(holder, _) = rejection
                && self.is_undecided(holder, loser)
            {
                if let Some(other) = self.plan(&BTreeSet::new(), Some(loser)).rejected.get(holder) {
                    let mut other = failure::rejected(bucket, other);
                    other.message += UNDECIDED;
                    failures.entry(holder.clone()).or_insert(other);
                }
                failed.message += UNDECIDED;
            }
            failures.insert(loser.clone(), failed);
        }
        failures
    }
}

const UNDECIDED: &str = "; the older of the two holds its entries, and their ages are not known here";

/// The entries before and after, each with the member that it belongs to.
fn entries(
    before: &Document,
    after: &Document,
    owner: &OwnerId,
    members: &[Member],
    changes: &[Change],
) -> Vec<(Option<ObjectKey>, EntryPreview)> {
    let member_of = |entry: &Entry| {
        let own = entry.own_id(owner).filter(|_| entry.destination == Destination::Function)?;
        members.iter().map(|member| &member.key).find(|key| key.base_name(owner) == own.base_name)
    };
    let show = |entry: &Entry, key: Option<&ObjectKey>, action| {
        let is_function = entry.destination == Destination::Function;
        let whose = match () {
            () if is_function && entry.own_id(owner).is_some() => EntryOwner::Operator,
            () if entry.other_owner(owner).is_some() => EntryOwner::OtherOperator,
            () => EntryOwner::Others,
        };
        let shown = EntryPreview {
            id: entry.id.clone(),
            arn: entry.arn.clone(),
            events: entry.events.clone(),
            keys: entry.filter.describe(),
            owner: whose,
            made_by: made_by(entry).map(Into::into),
            resource: key.map(ToString::to_string),
            action,
        };
        (key.cloned(), shown)
    };
    let action_of = |entry: &Entry| {
        let find = |change: &Change| match change {
            Change::Added(changed) if changed == entry => Some((EntryAction::Create, None)),
            Change::Replaced(changed) if changed == entry => Some((EntryAction::Update, None)),
            Change::Removed(changed) if changed == entry => Some((EntryAction::Delete, None)),
            Change::Adopted(changed, by) if changed == entry => {
                Some((EntryAction::TakeOver, Some(by.clone())))
            }
            _ => None,
        };
        changes.iter().find_map(find).unwrap_or((EntryAction::None, None))
    };
    let gone = before.entries().filter(|entry| {
        let is_same = |other: &&Entry| other.destination == entry.destination && other.id == entry.id;
        !after.entries().any(|other| is_same(&other))
    });
    after
        .entries()
        .chain(gone)
        .map(|entry| {
            let (action, by) = action_of(entry);
            show(entry, by.as_ref().or(member_of(entry)), action)
        })
        .collect()
}

fn entry_change(bucket: &Bucket, entry: &EntryPreview, action: ChangeAction) -> PlannedChange {
    let EntryPreview { id, arn, events, keys, .. } = entry;
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let function = FunctionArn::parse(arn).map_or_else(|| arn.clone(), |arn| arn.short());
    PlannedChange {
        part: Part::Entry,
        action,
        id: id.clone().unwrap_or_default(),
        region: bucket.region.clone(),
        words: format!("bucket {}: {keys}, {} -> {function}", bucket.name, events.join(", ")),
        fields: vec![],
    }
}
