//! Ownership of rules and functions.
//!
//! The tags decide. If tags were removed, the record in the object's status decides together with other evidence.

use super::{ObjectKey, Owner};
use crate::api::Tags;

/// Tag with the owner id.
pub const TAG_OWNER: &str = "lambda-triggers.dev/owner";
/// Tag with the UID of the namespace that identifies the cluster.
pub const TAG_CLUSTER: &str = "lambda-triggers.dev/cluster";
/// Tag with the kind of the object.
pub const TAG_KIND: &str = "lambda-triggers.dev/kind";
/// Tag with the namespace of the object.
pub const TAG_NAMESPACE: &str = "lambda-triggers.dev/namespace";
/// Tag with the name of the object.
pub const TAG_NAME: &str = "lambda-triggers.dev/name";
/// Tag with the UID of the object, for people only.
pub const TAG_UID: &str = "lambda-triggers.dev/uid";
/// Tag with a hash of the code's location in S3. Lambda does not report the location.
pub const TAG_CODE: &str = "lambda-triggers.dev/code";

/// All tag keys of the operator.
const TAGS: [&str; 7] = [TAG_OWNER, TAG_CLUSTER, TAG_KIND, TAG_NAMESPACE, TAG_NAME, TAG_UID, TAG_CODE];

/// The object that a rule or a function was created for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The kind, such as `ScheduledFunction`.
    pub kind: &'static str,
    /// Namespace and name of the object.
    pub key: ObjectKey,
    /// The UID, for the tag [`TAG_UID`].
    pub uid: String,
}

impl Origin {
    /// The operator's tags on the rule and the function of the object.
    pub(crate) fn tags(&self, owner: &Owner) -> Tags {
        let mut tags = self.owner_tags(owner);
        tags.insert(TAG_CLUSTER.into(), owner.cluster.clone());
        tags.insert(TAG_UID.into(), self.uid.clone());
        tags
    }

    /// The tags that decide about ownership. Cluster and UID are not among the tags: an owner id can move to another
    /// cluster, and a restored object has a new UID.
    fn owner_tags(&self, owner: &Owner) -> Tags {
        let Self { kind, key: ObjectKey { namespace, name }, uid: _ } = self;
        let pairs = [
            (TAG_OWNER, owner.id.to_string()),
            (TAG_KIND, (*kind).to_owned()),
            (TAG_NAMESPACE, namespace.clone()),
            (TAG_NAME, name.clone()),
        ];
        pairs.into_iter().map(|(tag, value)| (tag.to_owned(), value)).collect()
    }
}

/// The owner tag that a removal sets first; `None` if `tags` contain an owner tag.
///
/// The operator's IAM policy permits the deletion only of functions with an owner tag (docs/iam.md). A removal that
/// fails half-way must also leave a trace of the owner.
pub(crate) fn missing_owner_tag(tags: &Tags, owner: &Owner) -> Option<Tags> {
    (!tags.contains_key(TAG_OWNER)).then(|| Tags::from([(TAG_OWNER.into(), owner.id.to_string())]))
}

/// The result of [`ownership`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// The rule or function belongs to the object.
    Ours,
    /// Tags were removed, and no other evidence decides.
    Unknown,
    /// The rule or function belongs to another owner.
    Foreign,
}

/// Evidence for ownership if tags are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// True if the status records the operator's tags on the rule or function.
    pub recorded: bool,
    /// True if the rule or function has the name from the object's spec.
    pub named: bool,
    /// True if the rule or function has a part that only the operator creates. A rule that a person created later
    /// under the same name has no such part.
    pub trace: bool,
}

/// The owner of a rule or function with these tags. A single owner tag with another value proves a foreign owner.
pub(crate) fn ownership(tags: &Tags, owner: &Owner, origin: &Origin, evidence: Evidence) -> Ownership {
    let wanted = origin.owner_tags(owner);
    let has = |wanted: &(&String, &String)| tags.get(wanted.0) == Some(wanted.1);
    if wanted.iter().any(|pair| tags.contains_key(pair.0) && !has(&pair)) {
        return Ownership::Foreign;
    }
    let marks = wanted.iter().filter(has).count();
    let Evidence { recorded, named, trace } = evidence;
    let trace = trace || marks > 0;
    if marks == wanted.len() || (recorded && named && trace) {
        Ownership::Ours
    } else if recorded || trace {
        Ownership::Unknown
    } else {
        Ownership::Foreign
    }
}

/// The keys of the operator's tags in `tags`.
pub(crate) fn own_keys(tags: &Tags) -> impl Iterator<Item = String> {
    TAGS.into_iter().filter(|key| tags.contains_key(*key)).map(ToOwned::to_owned)
}

/// The error for a rule or function of unknown ownership. The message asks a person to set tags.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it may belong to this resource, but its ownership tags are missing. If it does, set its tags {tags}; if \
     not, set its tag {TAG_OWNER}=none"
)]
pub struct Unmarked {
    tags: String,
}

impl Unmarked {
    pub(crate) fn new(owner: &Owner, origin: &Origin) -> Self {
        let pairs: Vec<String> =
            origin.owner_tags(owner).iter().map(|(key, value)| format!("{key}={value}")).collect();
        Self { tags: pairs.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ownership::OwnerId;

    fn owner() -> Owner {
        Owner { id: OwnerId::parse("1a2b3c4d").unwrap(), cluster: "cluster-1".into() }
    }

    fn origin() -> Origin {
        Origin { kind: "ScheduledFunction", key: ObjectKey::new("media", "hourly"), uid: "uid-1".into() }
    }

    const NO_EVIDENCE: Evidence = Evidence { recorded: false, named: true, trace: false };

    #[test]
    fn all_owner_tags_prove_ownership_without_any_record() {
        let mut tags = origin().tags(&owner());
        tags.insert(TAG_CLUSTER.into(), "cluster-0".into());
        tags.remove(TAG_UID);
        assert_eq!(ownership(&tags, &owner(), &origin(), NO_EVIDENCE), Ownership::Ours);
    }

    #[test]
    fn a_tag_of_another_owner_outweighs_every_record() {
        let evidence = Evidence { recorded: true, named: true, trace: true };
        for tag in [TAG_OWNER, TAG_KIND, TAG_NAMESPACE, TAG_NAME] {
            let mut tags = origin().tags(&owner());
            tags.insert(tag.into(), "none".into());
            assert_eq!(ownership(&tags, &owner(), &origin(), evidence), Ownership::Foreign, "{tag}");
            let alone = Tags::from([(tag.into(), "none".into())]);
            assert_eq!(ownership(&alone, &owner(), &origin(), evidence), Ownership::Foreign, "{tag}");
        }
    }

    #[test]
    fn without_tags_record_name_and_trace_decide_together() {
        let cases = [
            ((true, true, true), Ownership::Ours),
            ((true, true, false), Ownership::Unknown),
            ((true, false, true), Ownership::Unknown),
            ((true, false, false), Ownership::Unknown),
            ((false, true, true), Ownership::Unknown),
            ((false, false, true), Ownership::Unknown),
            ((false, true, false), Ownership::Foreign),
            ((false, false, false), Ownership::Foreign),
        ];
        for ((recorded, named, trace), expected) in cases {
            let evidence = Evidence { recorded, named, trace };
            assert_eq!(ownership(&Tags::new(), &owner(), &origin(), evidence), expected, "{evidence:?}");
        }
    }

    #[test]
    fn one_remaining_tag_is_a_trace() {
        for tag in [TAG_OWNER, TAG_KIND, TAG_NAMESPACE, TAG_NAME] {
            let mut tags = origin().tags(&owner());
            tags.retain(|key, _| key == tag);
            let recorded = Evidence { recorded: true, ..NO_EVIDENCE };
            assert_eq!(ownership(&tags, &owner(), &origin(), recorded), Ownership::Ours, "{tag}");
            assert_eq!(ownership(&tags, &owner(), &origin(), NO_EVIDENCE), Ownership::Unknown, "{tag}");
        }
    }

    #[test]
    fn tags_for_people_are_no_trace() {
        let mut tags = origin().tags(&owner());
        tags.retain(|key, _| key == TAG_CLUSTER || key == TAG_UID);
        assert_eq!(ownership(&tags, &owner(), &origin(), NO_EVIDENCE), Ownership::Foreign);
    }

    #[test]
    fn own_keys_are_separated_from_user_tags() {
        let mut tags = origin().tags(&owner());
        tags.extend([(TAG_CODE.into(), "1".into()), ("team".into(), "a".into())]);
        let expected = [TAG_OWNER, TAG_CLUSTER, TAG_KIND, TAG_NAMESPACE, TAG_NAME, TAG_UID, TAG_CODE];
        assert_eq!(own_keys(&tags).collect::<Vec<_>>(), expected);
        assert_eq!(own_keys(&Tags::from([("team".into(), "a".into())])).count(), 0);
    }

    #[test]
    fn the_message_names_every_tag_that_decides() {
        let expected = "it may belong to this resource, but its ownership tags are missing. If it does, set \
                        its tags lambda-triggers.dev/kind=ScheduledFunction, lambda-triggers.dev/name=hourly, \
                        lambda-triggers.dev/namespace=media, lambda-triggers.dev/owner=1a2b3c4d; if not, set \
                        its tag lambda-triggers.dev/owner=none";
        assert_eq!(Unmarked::new(&owner(), &origin()).to_string(), expected);
    }
}
