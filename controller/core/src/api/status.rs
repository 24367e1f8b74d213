//! What both resources report back.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The observed state of a `ScheduledFunction`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(transparent)]
#[schemars(transform = without_notifications)]
pub struct ScheduledFunctionStatus(TriggerStatus);

/// The observed state of an `S3TriggeredFunction`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(transparent)]
#[schemars(transform = without_schedule)]
pub struct S3TriggeredFunctionStatus(TriggerStatus);

fn without_notifications(schema: &mut Schema) {
    remove(schema, &["properties", "applied", "properties"], "notifications");
}

fn without_schedule(schema: &mut Schema) {
    remove(schema, &["properties"], "schedule");
    remove(schema, &["properties"], "scheduleDescription");
    remove(schema, &["properties", "applied", "properties"], "rules");
}

/// Removes a property from the object at `path`.
fn remove(schema: &mut Schema, path: &[&str], property: &str) {
    let Some((first, rest)) = path.split_first() else { return };
    let start = schema.get_mut(*first);
    let found = rest.iter().try_fold(start, |value, name| value.map(|value| value.get_mut(name)));
    if let Some(Some(Value::Object(properties))) = found {
        properties.remove(property);
    }
}

/// The observed state of an object of either kind. The CRD of each kind has only the fields of that kind.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TriggerStatus {
    /// The generation of the spec that the rest of the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the operator first reported on `observedGeneration`. The progress deadline counts from this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation_at: Option<Time>,
    /// `Ready` always; `Reconciling` and `Stalled` only while true; one for each part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The value of the annotation `lambda-triggers.dev/reconcile` that was met last: AWS was looked at after it was set, and
    /// the conditions tell what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// ARN of the function, with its qualifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_arn: Option<String>,
    /// The function that was deployed for `function.definition`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<DeployedFunction>,
    /// Name of the function, with its qualifier, as `kubectl get` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_name: Option<String>,
    /// The schedule as AWS knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The schedule in words, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_description: Option<String>,
    /// The identity of everything made in AWS for the object, written before it is made.
    #[serde(default, skip_serializing_if = "Applied::is_empty")]
    pub applied: Applied,
}

/// The identity of everything made in AWS for an object.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// The account that rules and functions were made in, 12 digits: what is in another one by then is not found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Rules of EventBridge, on the default bus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub rules: Vec<AppliedRule>,
    /// Entries in notification configurations of buckets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub notifications: Vec<AppliedNotification>,
    /// Functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub functions: Vec<AppliedFunction>,
    /// Statements in the policies of functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub permissions: Vec<AppliedPermission>,
}

impl Applied {
    /// Adds what `other` knows of and this does not, as far as it was made in the same account.
    pub fn merge_same_account(&mut self, other: &Self) {
        if self.account.is_none() || other.account.is_none() || self.account == other.account {
            self.merge(other);
        }
    }

    /// Adds what `other` knows of and this does not: what was made before to what is to be made now, of which the first goes
    /// when the second is in place. A rule has the tags of both then, and a bucket the entries of both.
    pub fn merge(&mut self, other: &Self) {
        let Self { account, rules, notifications, functions, permissions } = other;
        if self.account.is_none() {
            self.account.clone_from(account);
        }
        add(&mut self.rules, rules, AppliedRule::key, |same, rule| {
            add_texts(&mut same.tag_keys, &rule.tag_keys)
        });
        let bucket = |entries: &AppliedNotification| {
            (entries.region.clone(), entries.bucket.clone(), entries.bucket_owner.clone())
        };
        add(&mut self.notifications, notifications, bucket, |same, entries| {
            add_texts(&mut same.ids, &entries.ids);
        });
        add(&mut self.functions, functions, AppliedFunction::key, |_, _| {});
        add(&mut self.permissions, permissions, Clone::clone, |_, _| {});
    }

    /// What this has and `other` has not. Of a bucket that both name, nothing: its entries are looked after as one.
    pub fn difference(&self, other: &Self) -> Self {
        fn difference<T: Clone, K: PartialEq>(all: &[T], less: &[T], key: impl Fn(&T) -> K) -> Vec<T> {
            all.iter().filter(|one| !less.iter().any(|other| key(other) == key(one))).cloned().collect()
        }
        Self {
            account: self.account.clone(),
            rules: difference(&self.rules, &other.rules, AppliedRule::key),
            notifications: difference(&self.notifications, &other.notifications, |one| one.bucket.clone()),
            functions: difference(&self.functions, &other.functions, AppliedFunction::key),
            permissions: difference(&self.permissions, &other.permissions, Clone::clone),
        }
    }

    /// The account that something was made in which is found there alone, unless it is `account`.
    pub fn made_in_other_account(&self, account: &str) -> Option<&str> {
        let found_there_alone = !self.rules.is_empty() || !self.functions.is_empty();
        self.account.as_deref().filter(|made_in| found_there_alone && *made_in != account)
    }

    /// Whether nothing was made.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
            && self.notifications.is_empty()
            && self.permissions.is_empty()
            && self.functions.is_empty()
    }
}

/// A rule of EventBridge.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct AppliedRule {
    /// Its Region.
    pub region: String,
    /// Its name.
    pub name: String,
    /// The keys of the tags that were set on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tag_keys: Vec<String>,
}

impl AppliedRule {
    fn key(&self) -> (String, String) {
        (self.region.clone(), self.name.clone())
    }
}

/// Entries in the notification configuration of one bucket.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct AppliedNotification {
    /// The Region of the bucket.
    pub region: String,
    /// The name of the bucket.
    pub bucket: String,
    /// The account that owns the bucket.
    pub bucket_owner: String,
    /// The Ids of the entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ids: Vec<String>,
}

/// A function that the operator made.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct AppliedFunction {
    /// Its Region.
    pub region: String,
    /// Its name.
    pub name: String,
    /// The keys of the tags that were set on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tag_keys: Vec<String>,
    /// True if the retries of asynchronous invocations were set: they are set back when `asyncInvoke` is taken out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub async_invoke: bool,
}

impl AppliedFunction {
    /// Region and name, which identify the function in its account.
    pub fn key(&self) -> (String, String) {
        (self.region.clone(), self.name.clone())
    }
}

/// What is known of a function that was deployed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DeployedFunction {
    /// SHA-256 of its code, in base64, as Lambda tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_sha256: Option<String>,
    /// The version that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When Lambda last updated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update: Option<String>,
}

/// A statement in the policy of a function.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct AppliedPermission {
    /// The ARN of the function, with the qualifier whose policy holds the statement.
    pub function_arn: String,
    /// The statement's Id.
    pub statement_id: String,
}

/// Adds those of `more` that are not in `all`, and has one that is there take something of its like.
fn add<T: Clone, K: PartialEq>(
    all: &mut Vec<T>,
    more: &[T],
    key: impl Fn(&T) -> K,
    take: impl Fn(&mut T, &T),
) {
    for one in more {
        match all.iter_mut().find(|known| key(known) == key(one)) {
            Some(same) => take(same, one),
            None => all.push(one.clone()),
        }
    }
}

/// Adds texts, each once, in their order.
fn add_texts(all: &mut Vec<String>, more: &[String]) {
    let texts: BTreeSet<String> = all.drain(..).chain(more.iter().cloned()).collect();
    all.extend(texts);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_in_its_account_alone_is_elsewhere_in_another() {
        let rule = AppliedRule { region: "eu-west-1".into(), name: "lt-1".into(), tag_keys: vec![] };
        let made = Applied { account: Some("1".into()), rules: vec![rule], ..Applied::default() };
        assert_eq!(made.made_in_other_account("1"), None);
        assert_eq!(made.made_in_other_account("2"), Some("1"));
        // Of a version that did not write it down, nobody knows.
        assert_eq!(Applied { account: None, ..made.clone() }.made_in_other_account("2"), None);
        assert_eq!(Applied { rules: vec![], ..made }.made_in_other_account("2"), None);
    }

    #[test]
    fn what_one_has_without_another_is_compared_by_what_identifies_it() {
        let rule = |name: &str, tag: &str| AppliedRule {
            region: "eu-west-1".into(),
            name: name.into(),
            tag_keys: vec![tag.into()],
        };
        let entries = |bucket: &str, region: &str| AppliedNotification {
            region: region.into(),
            bucket: bucket.into(),
            bucket_owner: "1".into(),
            ids: vec![region.into()],
        };
        let function = |region: &str| AppliedFunction {
            region: region.into(),
            name: "f".into(),
            tag_keys: vec![],
            async_invoke: false,
        };
        let permission = |id: &str| AppliedPermission { function_arn: "arn".into(), statement_id: id.into() };
        let all = Applied {
            account: Some("1".into()),
            rules: vec![rule("a", "x"), rule("b", "x")],
            notifications: vec![entries("photos", "eu-west-1"), entries("archive", "eu-west-1")],
            functions: vec![function("eu-west-1"), function("us-east-1")],
            permissions: vec![permission("one"), permission("two")],
        };
        let other = Applied {
            account: None,
            rules: vec![rule("a", "y")],
            notifications: vec![entries("photos", "us-east-1")],
            functions: vec![function("us-east-1")],
            permissions: vec![permission("one")],
        };
        let rest = Applied {
            account: Some("1".into()),
            rules: vec![rule("b", "x")],
            notifications: vec![entries("archive", "eu-west-1")],
            functions: vec![function("eu-west-1")],
            permissions: vec![permission("two")],
        };
        assert_eq!(all.difference(&other), rest);
        assert!(all.difference(&all).is_empty());
    }

    #[test]
    fn what_another_one_knows_of_is_added_once_and_of_the_same_account_alone() {
        let rule = |name: &str, tags: &[&str]| AppliedRule {
            region: "eu-west-1".into(),
            name: name.into(),
            tag_keys: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        let applied = |account: Option<&str>, rules: Vec<AppliedRule>| Applied {
            account: account.map(Into::into),
            rules,
            ..Applied::default()
        };
        let mut known = applied(None, vec![rule("a", &["x"])]);
        known.merge_same_account(&applied(Some("1"), vec![rule("a", &[]), rule("b", &[])]));
        let both = applied(Some("1"), vec![rule("a", &["x"]), rule("b", &[])]);
        assert_eq!(known, both);
        known.merge_same_account(&applied(Some("2"), vec![rule("c", &[])]));
        assert_eq!(known, both);
    }
}
