//! The resource behind a name in AWS.
//!
//! A name has the first characters of `<namespace>-<name>`, and a hash over the whole names. A hyphen can also be part
//! of the namespace and of the name, so the hash decides between the possible splits.

use serde::Serialize;

use crate::ownership::{
    MAX_READABLE, ObjectKey, OwnEntryId, OwnerId, bucket_statement_id, is_own_statement_id, readable_part,
    rules_statement_id, target_id,
};

/// Only the second kind has entries in buckets.
const KINDS: [&str; 2] = ["ScheduledFunction", "S3TriggeredFunction"];

/// The meaning of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameExplanation {
    /// The owner id of the operator that made the name.
    pub owner_id: String,
    /// The AWS resource with the name.
    #[serde(flatten)]
    pub named: NamedResource,
    /// The evidence for the resource or the bucket behind the name.
    pub proof: Proof,
}

/// The AWS resource with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum NamedResource {
    /// The schedule group of EventBridge Scheduler.
    ScheduleGroup,
    /// The target of each rule.
    Target,
    /// The statement that permits all rules of the operator to invoke a function.
    RulesStatement,
    /// The statement that permits a bucket to invoke a function. The Sid has only a hash of the bucket's name.
    BucketStatement {
        /// The bucket, if the hash is a proof.
        #[serde(skip_serializing_if = "Option::is_none")]
        bucket: Option<String>,
    },
    /// An entry of a bucket's notification configuration.
    Entry {
        /// True if the entry stays after the deletion of the resource.
        retained: bool,
        /// The resources that the entry can belong to.
        candidates: Vec<Candidate>,
    },
    /// A rule, a schedule or a function: the three have the same form.
    RuleScheduleOrFunction {
        /// The resources that the name can belong to.
        candidates: Vec<Candidate>,
    },
}

/// The evidence for an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Proof {
    /// Each operator has one such name, without a hash.
    Form,
    /// The hash in the name fits the only candidate.
    Hash,
    /// The name shows too little to compute the hash, so each candidate is possible.
    Open,
    /// The hash fits no resource or bucket. The name of a function has a hyphen for each dot of a resource's name, so the
    /// hash of such a function only fits a supposed resource.
    Mismatch,
}

/// A resource that a name can belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The kind of the resource. `None` if the name does not tell the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The namespace. Only its beginning, if `name` is empty.
    pub namespace: String,
    /// The name. Only its beginning, without [`Proof::Hash`].
    pub name: String,
}

/// What the caller supposes behind a name.
#[derive(Clone, Debug, Default)]
pub struct Supposition {
    /// The resource of a rule, schedule, function or entry.
    pub resource: Option<ObjectKey>,
    /// The bucket of a statement.
    pub bucket: Option<String>,
}

/// Explains a name, an Id or a Sid. `None` for a name without the form of an operator's names.
pub fn explain_name(name: &str, supposed: &Supposition) -> Option<NameExplanation> {
    let explanation =
        |owner: &OwnerId, named, proof| Some(NameExplanation { owner_id: owner.to_string(), named, proof });
    if let Some(owner) = name.strip_prefix("lt-").and_then(|owner| OwnerId::parse(owner).ok()) {
        return explanation(&owner, NamedResource::ScheduleGroup, Proof::Form);
    }
    let owner = OwnerId::from_name(name)?;
    if name == target_id(&owner) {
        return explanation(&owner, NamedResource::Target, Proof::Form);
    }
    if name == rules_statement_id(&owner) {
        return explanation(&owner, NamedResource::RulesStatement, Proof::Form);
    }
    if is_own_statement_id(&owner, name) {
        let bucket = supposed.bucket.clone();
        let proof = match bucket.as_ref().map(|bucket| bucket_statement_id(&owner, bucket) == name) {
            None => Proof::Open,
            Some(true) => Proof::Hash,
            Some(false) => Proof::Mismatch,
        };
        let bucket = bucket.filter(|_| proof == Proof::Hash);
        return explanation(&owner, NamedResource::BucketStatement { bucket }, proof);
    }
    if let Some(OwnEntryId { base_name, retained }) = OwnEntryId::parse(&owner, name) {
        let fits = |key: &ObjectKey| (key.base_name(&owner) == base_name).then_some(KINDS[1]);
        let (candidates, proof) = candidates(readable_part(&base_name)?, supposed, Some(KINDS[1]), fits);
        return explanation(&owner, NamedResource::Entry { retained, candidates }, proof);
    }
    let fits = |key: &ObjectKey| {
        let has_name = |kind: &&'static str| {
            [key.rule_name(&owner, kind), key.function_name(&owner, kind)].iter().any(|own| own == name)
        };
        KINDS.into_iter().find(has_name)
    };
    let (candidates, proof) = candidates(readable_part(name)?, supposed, None, fits);
    explanation(&owner, NamedResource::RuleScheduleOrFunction { candidates }, proof)
}

/// The resources behind the readable part of a name. `fits` returns the kind of a resource that has the name.
fn candidates(
    readable: &str,
    supposed: &Supposition,
    kind: Option<&'static str>,
    fits: impl Fn(&ObjectKey) -> Option<&'static str>,
) -> (Vec<Candidate>, Proof) {
    let confirmed = |key: &ObjectKey| {
        fits(key).map(|kind| {
            let ObjectKey { namespace, name } = key.clone();
            (vec![Candidate { kind: Some(kind), namespace, name }], Proof::Hash)
        })
    };
    if let Some(resource) = &supposed.resource {
        return confirmed(resource).unwrap_or((vec![], Proof::Mismatch));
    }
    let splits: Vec<ObjectKey> = splits(readable).collect();
    if let Some(found) = splits.iter().find_map(confirmed) {
        return found;
    }
    if readable.len() < MAX_READABLE {
        return (vec![], Proof::Mismatch);
    }
    // The cut may also be within the namespace.
    let whole = (!readable.contains('.')).then(|| ObjectKey::new(readable.trim_end_matches('-'), ""));
    let possible = splits.into_iter().chain(whole);
    let possible = possible.map(|ObjectKey { namespace, name }| Candidate { kind, namespace, name });
    (possible.collect(), Proof::Open)
}

/// The resources whose namespace and name have this text between them. A namespace is a DNS label, and a name is a DNS
/// subdomain.
fn splits(readable: &str) -> impl Iterator<Item = ObjectKey> {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    readable.match_indices('-').filter_map(move |(at, _)| {
        let (namespace, name) = (&readable[..at], &readable[at + 1..]);
        let is_split = is_end(namespace.chars().next_back()) && is_end(name.chars().next());
        (is_split && !namespace.contains('.')).then(|| ObjectKey::new(namespace, name))
    })
}

#[cfg(test)]
mod tests;
