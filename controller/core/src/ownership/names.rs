//! Who owns what in AWS: the owner id, and the names and Ids that are made from it.
//!
//! A name says owner, namespace and object, never the object's UID: a resource that is recreated or restored under
//! its name owns what its predecessor made.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::api::KeyFilter;

/// Hex digits of the hash that tells apart objects whose readable names are cut to the same text.
const OBJECT_HASH: usize = 10;
/// Hex digits of the hash that tells apart the entries of one object.
const FILTER_HASH: usize = 6;
/// What is left of EventBridge's 64 characters for the readable part, after `lt-<owner id>-` and `-<hash>`
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>).
const MAX_READABLE: usize = 64 - 12 - 1 - OBJECT_HASH;
/// Hex digits of the hash that stands for a bucket.
const BUCKET_HASH: usize = 16;
/// The longest name of a session of STS.
const SESSION: usize = 64;
/// Hex digits of the hash that tells apart namespaces whose names are cut to the same text.
const SESSION_HASH: usize = 8;
/// Ends the Id of an entry that stays when its object is deleted.
const RETAINED: &str = "-retained";

/// Eight hex digits that tell this operator's things in AWS from those of every other one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(String);

/// Why a text is no owner id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("owner id {0:?} is not eight hex digits; write it as in 1a2b3c4d")]
pub struct InvalidOwnerId(String);

impl OwnerId {
    /// Takes an owner id as a user gives it.
    pub fn parse(text: &str) -> Result<Self, InvalidOwnerId> {
        let valid = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if valid { Ok(Self(text.into())) } else { Err(InvalidOwnerId(text.into())) }
    }

    /// The owner id that a namespace's UID stands for: its first eight hex digits.
    pub fn from_uid(uid: &str) -> Result<Self, InvalidOwnerId> {
        Self::parse(&uid.chars().filter(char::is_ascii_hexdigit).take(8).collect::<String>().to_lowercase())
    }

    /// The owner id in a name or an Id that an operator made, `lt-<owner id>-...`; `None` in any other.
    pub fn from_name(name: &str) -> Option<Self> {
        let (owner, _) = name.strip_prefix("lt-")?.split_once('-')?;
        Self::parse(owner).ok()
    }

    /// What every name and Id of ours begins with.
    pub fn prefix(&self) -> String {
        format!("lt-{}-", self.0)
    }
}

/// What the names of the owner begin with who gave this name to a rule; none if it is no name of an owner's.
pub fn prefix_of(rule: &str) -> Option<&str> {
    rule.get(..OwnerId::from_name(rule)?.prefix().len())
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The operator as the owner of things in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// What its names begin with.
    pub id: OwnerId,
    /// UID of the namespace that stands for the cluster, written into tags: kube-system, or the operator's own namespace
    /// where the operator watches only some.
    pub cluster: String,
}

/// Namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectKey {
    /// The key of `name` in `namespace`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// What the names and Ids of everything made for the object begin with; at most 64 characters of
    /// `[.\-_A-Za-z0-9]`, since the name of an object is a DNS subdomain.
    pub fn base_name(&self, owner: &OwnerId) -> String {
        let hash = hash(&[&self.namespace, &self.name], OBJECT_HASH);
        format!("{}{}-{hash}", owner.prefix(), self.readable())
    }

    /// The name of the object's rule. The hash covers the kind: objects of two kinds may have the same name.
    pub fn rule_name(&self, owner: &OwnerId, kind: &str) -> String {
        format!("{}{}-{}", owner.prefix(), self.readable(), self.kind_hash(kind))
    }

    /// The name of the object's function where the definition gives none.
    pub fn function_name(&self, owner: &OwnerId, kind: &str) -> String {
        // The name of an object may have dots, that of a function may not.
        format!("{}{}-{}", owner.prefix(), self.readable().replace('.', "-"), self.kind_hash(kind))
    }

    /// The hash that tells objects of all kinds apart.
    fn kind_hash(&self, kind: &str) -> String {
        hash(&[kind, &self.namespace, &self.name], OBJECT_HASH)
    }

    /// Namespace and name, as far as they fit into a name in AWS.
    fn readable(&self) -> String {
        format!("{}-{}", self.namespace, self.name).chars().take(MAX_READABLE).collect()
    }

    /// The Id of the object's entry for one filter. An entry that is to outlive its object says so in its Id, so
    /// that nobody's memory is needed to leave it alone later.
    pub fn entry_id(&self, owner: &OwnerId, filter: &KeyFilter, retained: bool) -> String {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let filter_hash = hash(&[&text(&filter.prefix), &text(&filter.suffix)], FILTER_HASH);
        let id = format!("{}-{filter_hash}", self.base_name(owner));
        if retained { retained_id(&id) } else { id }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The Id of an entry that this operator made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnEntryId {
    /// [`ObjectKey::base_name`] of the object that it was made for.
    pub base_name: String,
    /// Whether it stays when the object is deleted.
    pub retained: bool,
}

impl OwnEntryId {
    /// Reads an Id; none if it is not, exactly, one that [`ObjectKey::entry_id`] makes for this owner.
    pub fn parse(owner: &OwnerId, id: &str) -> Option<Self> {
        let (body, retained) = match id.strip_suffix(RETAINED) {
            Some(body) => (body, true),
            None => (id, false),
        };
        let (base_name, filter_hash) = body.rsplit_once('-')?;
        let (readable, object) = base_name.strip_prefix(&owner.prefix())?.rsplit_once('-')?;
        let own = is_hash(filter_hash, FILTER_HASH) && is_hash(object, OBJECT_HASH) && !readable.is_empty();
        own.then(|| Self { base_name: base_name.into(), retained })
    }
}

/// The Id under which the entry with this Id outlives its object.
pub fn retained_id(id: &str) -> String {
    format!("{}{RETAINED}", id.trim_end_matches(RETAINED))
}

/// The Sid of the statement that lets all rules of this owner invoke a function.
pub fn rules_statement_id(owner: &OwnerId) -> String {
    format!("{}rules", owner.prefix())
}

/// The Sid of the statement that lets a bucket invoke a function. A Sid has no dots, a bucket's name may: hence the
/// hash (<https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>).
pub fn bucket_statement_id(owner: &OwnerId, bucket: &str) -> String {
    format!("{}bucket-{}", owner.prefix(), hash(&[bucket], BUCKET_HASH))
}

/// Whether a statement's Sid is, exactly, one that this owner makes.
pub fn is_own_statement_id(owner: &OwnerId, id: &str) -> bool {
    let bucket = format!("{}bucket-", owner.prefix());
    id == rules_statement_id(owner) || id.strip_prefix(&bucket).is_some_and(|hash| is_hash(hash, BUCKET_HASH))
}

/// The name of the session in which the operator acts with a role for a namespace, as CloudTrail shows it; at most the 64
/// characters that STS takes (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
pub fn session_name(owner: &OwnerId, namespace: &str) -> String {
    let name = format!("{}{namespace}", owner.prefix());
    if name.len() <= SESSION {
        return name;
    }
    let kept: String = name.chars().take(SESSION - 1 - SESSION_HASH).collect();
    format!("{kept}.{}", hash(&[namespace], SESSION_HASH))
}

/// Tells one source of code from another.
pub(crate) fn source_hash(parts: &[&str]) -> String {
    hash(parts, 32)
}

/// The first `digits` hex digits of a hash over `parts`, none of which can run into the next.
fn hash(parts: &[&str], digits: usize) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().flat_map(|byte| [byte >> 4, byte & 15]).take(digits).map(hex_digit).collect()
}

fn hex_digit(value: u8) -> char {
    char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 })
}

fn is_hash(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIND: &str = "ScheduledFunction";

    fn owner() -> OwnerId {
        OwnerId::parse("1a2b3c4d").unwrap()
    }

    #[test]
    fn the_name_of_a_rule_says_what_all_of_its_owner_begin_with() {
        let name = ObjectKey::new("team", "hourly").rule_name(&owner(), KIND);
        assert_eq!((prefix_of(&name), OwnerId::from_name(&name)), (Some("lt-1a2b3c4d-"), Some(owner())));
        for other in ["", "lt-", "lt-0a1b2c3d", "lt-0a1b2c3-x", "LT-0a1b2c3d-x", "xt-0a1b2c3d-x"] {
            assert_eq!((prefix_of(other), OwnerId::from_name(other)), (None, None), "{other}");
        }
    }

    #[test]
    fn an_owner_id_is_the_beginning_of_a_uid() {
        let uid = "0F9d2b6c-5bd1-4a33-8f40-5d1c0f7f7f11";
        assert_eq!(OwnerId::from_uid(uid), OwnerId::parse("0f9d2b6c"));
        assert_eq!(OwnerId::parse("1A2B3C4D"), Err(InvalidOwnerId("1A2B3C4D".into())));
        assert_eq!(OwnerId::parse("1a2b3c4"), Err(InvalidOwnerId("1a2b3c4".into())));
    }

    #[test]
    fn names_can_be_read() {
        let key = ObjectKey::new("media", "thumbnails");
        assert_eq!(key.to_string(), "media/thumbnails");
        assert_eq!(key.base_name(&owner()), "lt-1a2b3c4d-media-thumbnails-e040debe41");
        assert_eq!(key.rule_name(&owner(), KIND), "lt-1a2b3c4d-media-thumbnails-0bf95f74e9");
        let dotted = ObjectKey::new("media", "thumb.nails");
        assert_eq!(
            dotted.function_name(&owner(), "S3TriggeredFunction"),
            "lt-1a2b3c4d-media-thumb-nails-2076d43544"
        );
        assert_eq!(rules_statement_id(&owner()), "lt-1a2b3c4d-rules");
        assert_eq!(bucket_statement_id(&owner(), "a.b"), "lt-1a2b3c4d-bucket-bd516c1130f6405c");
    }

    #[test]
    fn a_session_says_whose_it_is() {
        assert_eq!(session_name(&owner(), "media"), "lt-1a2b3c4d-media");
        let [one, other] = ["a", "b"].map(|end| session_name(&owner(), &format!("{}{end}", "n".repeat(62))));
        assert_eq!(one, format!("lt-1a2b3c4d-{}.288c168e", "n".repeat(43)));
        assert_ne!(one, other);
        assert_eq!([one.len(), session_name(&owner(), &"n".repeat(52)).len()], [64, 64]);
    }

    #[test]
    fn a_statement_that_only_looks_like_ours_is_foreign() {
        let own = [rules_statement_id(&owner()), bucket_statement_id(&owner(), "a.b")];
        assert!(own.iter().all(|id| is_own_statement_id(&owner(), id)));
        let foreign = [
            "",
            "theirs",
            "lt-1a2b3c4d-",
            "lt-1a2b3c4d-rules-2",
            "lt-1a2b3c4d-bucket-",
            "lt-1a2b3c4d-bucket-bd516c1130f6405",
            "lt-1a2b3c4d-bucket-bd516c1130f6405c0",
            "lt-1a2b3c4d-bucket-BD516C1130F6405C",
            "lt-ffffffff-rules",
            "lt-ffffffff-bucket-bd516c1130f6405c",
        ];
        assert_eq!(foreign.map(|id| is_own_statement_id(&owner(), id)), [false; 10]);
    }

    #[test]
    fn an_id_that_only_looks_like_ours_is_foreign() {
        let key = ObjectKey::new("media", "thumbnails");
        let id = key.entry_id(&owner(), &KeyFilter::default(), false);
        let other = OwnerId::parse("ffffffff").unwrap();
        for foreign in
            [format!("{id}x"), id.replace("lt-", "LT-"), id[..id.len() - 1].into(), "lt-1a2b3c4d-".into()]
        {
            assert_eq!(OwnEntryId::parse(&owner(), &foreign), None, "{foreign}");
        }
        assert_eq!(OwnEntryId::parse(&other, &id), None);
    }

    proptest! {
        #[test]
        fn names_fit_and_ids_lead_back(
            namespace in "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?",
            name in "[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?",
            prefix in proptest::option::of(".{0,40}"),
            retained: bool,
        ) {
            let key = ObjectKey::new(namespace, name);
            let base_name = key.base_name(&owner());
            prop_assert!(base_name.len() <= 64, "{base_name}");
            prop_assert!(base_name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)), "{base_name}");
            let rule = key.rule_name(&owner(), KIND);
            prop_assert!(rule.len() <= 64, "{rule}");
            prop_assert_ne!(&rule, &key.rule_name(&owner(), "S3TriggeredFunction"));
            let id = key.entry_id(&owner(), &KeyFilter { prefix, ..KeyFilter::default() }, retained);
            prop_assert!(id.len() <= 255);
            prop_assert_eq!(OwnEntryId::parse(&owner(), &id), Some(OwnEntryId { base_name, retained }));
        }
    }
}
