//! The owner id, and the names, Ids and Sids that contain the owner id.
//!
//! A name contains the owner id, the namespace and the name of the object, but never the UID of the object. A
//! recreated or restored object therefore owns the AWS resources of its predecessor.

use std::collections::BTreeSet;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::api::{Applied, KeyFilter};

/// Hex digits of the hash in each name. The hash separates objects whose readable parts are cut to the same text.
const OBJECT_HASH: usize = 10;
/// Hex digits of the hash that separates the entries of one object.
const FILTER_HASH: usize = 6;
/// The maximum length of the readable part: EventBridge's limit of 64 characters without `lt-<owner id>-` and
/// `-<hash>` (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>).
pub(crate) const MAX_READABLE: usize = 64 - 12 - 1 - OBJECT_HASH;
/// Hex digits of the hash of a bucket name.
const BUCKET_HASH: usize = 16;
/// The maximum length of an STS session name.
const SESSION: usize = 64;
/// Hex digits of the hash that separates namespaces whose names are cut to the same text.
const SESSION_HASH: usize = 8;
/// The suffix of Ids of entries with deletion policy `Retain`.
const RETAINED: &str = "-retained";

/// Eight hex digits that identify an operator installation in AWS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(String);

/// The error for a text that is no owner id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("owner id {0:?} is not eight hex digits; write for example 1a2b3c4d")]
pub struct InvalidOwnerId(String);

impl OwnerId {
    /// Parses an owner id from the user's configuration.
    pub fn parse(text: &str) -> Result<Self, InvalidOwnerId> {
        let valid = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if valid { Ok(Self(text.into())) } else { Err(InvalidOwnerId(text.into())) }
    }

    /// The owner id of a namespace UID: the first eight hex digits of the UID.
    pub fn from_uid(uid: &str) -> Result<Self, InvalidOwnerId> {
        Self::parse(&uid.chars().filter(char::is_ascii_hexdigit).take(8).collect::<String>().to_lowercase())
    }

    /// The owner id in a name or an Id of the form `lt-<owner id>-...`; `None` for all other names.
    pub fn from_name(name: &str) -> Option<Self> {
        let (owner, _) = name.strip_prefix("lt-")?.split_once('-')?;
        Self::parse(owner).ok()
    }

    /// The owner ids in the names of the AWS resources that a status records.
    pub fn recorded(applied: &Applied) -> BTreeSet<Self> {
        let Applied { account: _, rules, schedules, notifications, functions, permissions } = applied;
        let rules = rules.iter().map(|rule| &rule.name);
        let schedules = schedules.iter().map(|schedule| &schedule.name);
        let entries = notifications.iter().flat_map(|notification| &notification.ids);
        let statements = permissions.iter().map(|permission| &permission.statement_id);
        let functions = functions.iter().map(|function| &function.name);
        let names = rules.chain(schedules).chain(entries).chain(statements).chain(functions);
        names.filter_map(|name| Self::from_name(name)).collect()
    }

    /// The prefix of all names and Ids of this owner.
    pub fn prefix(&self) -> String {
        format!("lt-{}-", self.0)
    }

    /// The name of the schedule group of this owner in EventBridge Scheduler.
    pub fn group_name(&self) -> String {
        format!("lt-{}", self.0)
    }

    /// The name of the operator's Lease and ConfigMap in Kubernetes.
    pub fn object_name(&self) -> String {
        format!("lambda-triggers-{}", self.0)
    }
}

/// The owner prefix of a rule name, or `None` if no operator made the name.
pub fn prefix_of(rule: &str) -> Option<&str> {
    rule.get(..OwnerId::from_name(rule)?.prefix().len())
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of this operator as an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The owner id in names and tags.
    pub id: OwnerId,
    /// The UID of the namespace that identifies the cluster, for tags. Normally kube-system; the operator's own
    /// namespace if the operator watches only some namespaces.
    pub cluster: String,
}

/// Namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The Kubernetes namespace.
    pub namespace: String,
    /// The object name, a DNS subdomain.
    pub name: String,
}

impl ObjectKey {
    /// The key of an object, without validation.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The common prefix of the names and Ids of all AWS resources of the object. At most 64 characters of
    /// `[.\-_A-Za-z0-9]`, because the name of an object is a DNS subdomain.
    pub fn base_name(&self, owner: &OwnerId) -> String {
        let hash = hash(&[&self.namespace, &self.name], OBJECT_HASH);
        format!("{}{}-{hash}", owner.prefix(), self.readable())
    }

    /// The name of the object's rule. The hash covers the kind, because objects of two kinds may have the same name.
    pub fn rule_name(&self, owner: &OwnerId, kind: &str) -> String {
        format!("{}{}-{}", owner.prefix(), self.readable(), self.kind_hash(kind))
    }

    /// The name of the object's function if the definition has no name.
    pub fn function_name(&self, owner: &OwnerId, kind: &str) -> String {
        // Object names may contain dots; function names may not.
        format!("{}{}-{}", owner.prefix(), self.readable().replace('.', "-"), self.kind_hash(kind))
    }

    /// A hash over kind, namespace and name.
    fn kind_hash(&self, kind: &str) -> String {
        hash(&[kind, &self.namespace, &self.name], OBJECT_HASH)
    }

    /// Namespace and name, cut to [`MAX_READABLE`] characters.
    fn readable(&self) -> String {
        format!("{}-{}", self.namespace, self.name).chars().take(MAX_READABLE).collect()
    }

    /// The Id of the object's entry for one filter. The Id of a retained entry has a suffix, so that a later cleanup
    /// recognizes the entry without any stored state.
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

/// The parsed Id of an entry of this operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnEntryId {
    /// [`ObjectKey::base_name`] of the owning object.
    pub base_name: String,
    /// True if the entry stays after the deletion of the object.
    pub retained: bool,
}

impl OwnEntryId {
    /// Parses an Id; returns `None` unless the Id has exactly the form of [`ObjectKey::entry_id`] for this owner.
    pub fn parse(owner: &OwnerId, id: &str) -> Option<Self> {
        let (body, retained) = match id.strip_suffix(RETAINED) {
            Some(body) => (body, true),
            None => (id, false),
        };
        let (base_name, filter_hash) = body.rsplit_once('-')?;
        let is_own = base_name.starts_with(&owner.prefix()) && readable_part(base_name).is_some();
        (is_own && is_hash(filter_hash, FILTER_HASH)).then(|| Self { base_name: base_name.into(), retained })
    }
}

/// The Id of the entry after the deletion of the object under deletion policy `Retain`.
pub fn retained_id(id: &str) -> String {
    format!("{}{RETAINED}", id.trim_end_matches(RETAINED))
}

/// The characters of namespace and name in the name of a rule, schedule or function, and in [`ObjectKey::base_name`].
/// `None` for a name without the form.
pub(crate) fn readable_part(name: &str) -> Option<&str> {
    let (readable, object) = name.strip_prefix(prefix_of(name)?)?.rsplit_once('-')?;
    (is_hash(object, OBJECT_HASH) && !readable.is_empty()).then_some(readable)
}

/// The Id of the operator's target within a rule.
pub(crate) fn target_id(owner: &OwnerId) -> String {
    format!("{}function", owner.prefix())
}

/// The Sid of the permission statement for all rules of this owner.
pub fn rules_statement_id(owner: &OwnerId) -> String {
    format!("{}rules", owner.prefix())
}

/// The Sid of the permission statement for a bucket. A Sid has no dots, but a bucket name may contain dots; therefore
/// the Sid contains a hash (<https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>).
pub fn bucket_statement_id(owner: &OwnerId, bucket: &str) -> String {
    format!("{}bucket-{}", owner.prefix(), hash(&[bucket], BUCKET_HASH))
}

/// True if the Sid has exactly the form of a Sid of this owner.
pub fn is_own_statement_id(owner: &OwnerId, id: &str) -> bool {
    let bucket = format!("{}bucket-", owner.prefix());
    id == rules_statement_id(owner) || id.strip_prefix(&bucket).is_some_and(|hash| is_hash(hash, BUCKET_HASH))
}

/// The STS session name for calls on behalf of a namespace, as shown in CloudTrail. At most 64 characters, the limit
/// of STS (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
pub fn session_name(owner: &OwnerId, namespace: &str) -> String {
    let name = format!("{}{namespace}", owner.prefix());
    if name.len() <= SESSION {
        return name;
    }
    let kept: String = name.chars().take(SESSION - 1 - SESSION_HASH).collect();
    format!("{kept}.{}", hash(&[namespace], SESSION_HASH))
}

/// A hash over the location of code, to detect a change of the location.
pub(crate) fn source_hash(parts: &[&str]) -> String {
    hash(parts, 32)
}

/// The first `digits` hex digits of a hash over `parts`. The hash covers the length of each part, so that `["ab",
/// "c"]` and `["a", "bc"]` differ.
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
    use serde_json::{Value, json};

    use super::*;

    const KIND: &str = "ScheduledFunction";

    fn owner() -> OwnerId {
        OwnerId::parse("1a2b3c4d").unwrap()
    }

    #[test]
    fn a_rule_name_contains_the_owner_prefix() {
        let name = ObjectKey::new("team", "hourly").rule_name(&owner(), KIND);
        assert_eq!((prefix_of(&name), OwnerId::from_name(&name)), (Some("lt-1a2b3c4d-"), Some(owner())));
        for other in ["", "lt-", "lt-0a1b2c3d", "lt-0a1b2c3-x", "LT-0a1b2c3d-x", "xt-0a1b2c3d-x"] {
            assert_eq!((prefix_of(other), OwnerId::from_name(other)), (None, None), "{other}");
        }
    }

    #[test]
    fn every_recorded_name_has_the_owner_id() {
        let of = |record: Value| OwnerId::recorded(&serde_json::from_value(record).unwrap());
        let name = "lt-1a2b3c4d-team-hourly-0123456789";
        for record in [
            json!({"rules": [{"region": "eu-west-1", "name": name}]}),
            json!({"schedules": [{"region": "eu-west-1", "group": "lt-1a2b3c4d", "name": name}]}),
            json!({"notifications": [{"region": "eu-west-1", "bucket": "a", "bucketOwner": "1", "ids": [name]}]}),
            json!({"permissions": [{"functionArn": "arn", "statementId": "lt-1a2b3c4d-rules"}]}),
            json!({"functions": [{"region": "eu-west-1", "name": "mine"}, {"region": "eu-west-1", "name": name}]}),
        ] {
            assert_eq!(of(record.clone()), BTreeSet::from([owner()]), "{record}");
        }
        assert_eq!(of(json!({"functions": [{"region": "eu-west-1", "name": "mine"}]})), BTreeSet::new());
    }

    #[test]
    fn the_lease_and_the_config_map_have_the_owner_id_in_their_name() {
        assert_eq!(owner().object_name(), "lambda-triggers-1a2b3c4d");
    }

    #[test]
    fn an_owner_id_is_the_start_of_a_uid() {
        let uid = "0F9d2b6c-5bd1-4a33-8f40-5d1c0f7f7f11";
        assert_eq!(OwnerId::from_uid(uid), OwnerId::parse("0f9d2b6c"));
        assert_eq!(OwnerId::parse("1A2B3C4D"), Err(InvalidOwnerId("1A2B3C4D".into())));
        assert_eq!(OwnerId::parse("1a2b3c4"), Err(InvalidOwnerId("1a2b3c4".into())));
    }

    #[test]
    fn names_contain_namespace_and_object_name() {
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
    fn the_readable_part_stands_between_the_owner_and_the_hash() {
        assert_eq!(readable_part("lt-1a2b3c4d-media-thumbnails-e040debe41"), Some("media-thumbnails"));
        for other in [
            "lt-1a2b3c4d-rules",
            "lt-1a2b3c4d--e040debe41",
            "lt-1a2b3c4d-media-thumbnails-e040debe4x",
            "media-thumbnails-e040debe41",
        ] {
            assert_eq!(readable_part(other), None, "{other}");
        }
    }

    #[test]
    fn a_session_name_contains_owner_and_namespace() {
        assert_eq!(session_name(&owner(), "media"), "lt-1a2b3c4d-media");
        let [one, other] = ["a", "b"].map(|end| session_name(&owner(), &format!("{}{end}", "n".repeat(62))));
        assert_eq!(one, format!("lt-1a2b3c4d-{}.288c168e", "n".repeat(43)));
        assert_ne!(one, other);
        assert_eq!([one.len(), session_name(&owner(), &"n".repeat(52)).len()], [64, 64]);
    }

    #[test]
    fn a_similar_statement_id_is_foreign() {
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
    fn a_similar_entry_id_is_foreign() {
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
        fn names_fit_the_limits_and_ids_parse(
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
