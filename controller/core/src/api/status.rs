//! The status of both resources, including the identities of all AWS resources of an object. `status/` in this crate
//! builds the conditions.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Backend;

/// Observed state of a `ScheduledFunction`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(transparent)]
#[schemars(transform = without_notifications)]
pub struct ScheduledFunctionStatus(TriggerStatus);

/// Observed state of an `S3TriggeredFunction`.
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
    remove(schema, &["properties"], "backend");
    remove(schema, &["properties", "applied", "properties"], "rules");
    remove(schema, &["properties", "applied", "properties"], "schedules");
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

/// Observed state of an object of either kind. The CRD of each kind has only the fields of that kind.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TriggerStatus {
    /// Generation of the spec that the rest of the status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Time of the operator's first report on `observedGeneration`. The progress deadline starts at this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation_at: Option<Time>,
    /// Conditions: `Ready` always, `Reconciling` and `Stalled` only while true, and one condition for each component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Last handled value of the annotation `lambda-triggers.dev/reconcile`. The operator read AWS after the
    /// annotation was set, and the conditions show the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// ARN of the function, with its qualifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_arn: Option<String>,
    /// Function that the operator deployed for `function.definition`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<DeployedFunction>,
    /// Name of the function, with its qualifier, for the column FUNCTION of `kubectl get`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_name: Option<String>,
    /// AWS service that runs the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// Schedule in the form that AWS stores, such as `cron(0 18 ? * MON-FRI *)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Schedule in English, in its time zone, such as `At 18:00 UTC, on Monday and Friday.`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_description: Option<String>,
    /// Identities of all AWS resources that the operator created for the object. The operator writes an identity
    /// before the resource is created.
    #[serde(default, skip_serializing_if = "Applied::is_empty")]
    pub applied: Applied,
}

/// Identities of all AWS resources that the operator created for an object.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Account of the rules, schedules and functions, 12 digits. With credentials of another account, the operator
    /// cannot find these rules, schedules and functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// EventBridge rules, on the default event bus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub rules: Vec<AppliedRule>,
    /// Schedules of EventBridge Scheduler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub schedules: Vec<AppliedSchedule>,
    /// Entries in the notification configurations of buckets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub notifications: Vec<AppliedNotification>,
    /// Functions of `function.definition`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub functions: Vec<AppliedFunction>,
    /// Permission statements in the policies of functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub permissions: Vec<AppliedPermission>,
}

impl TriggerStatus {
    /// True if the condition `Ready` is true.
    pub fn is_ready(&self) -> bool {
        self.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    }
}

impl Applied {
    /// Union of both, for a change that creates new resources before the old resources are deleted. A rule in both
    /// keeps the tag keys of both, and a bucket in both keeps the entries of both.
    pub fn merge(&mut self, other: &Self) {
        let Self { account, rules, schedules, notifications, functions, permissions } = other;
        if self.account.is_none() {
            self.account.clone_from(account);
        }
        add(&mut self.rules, rules, AppliedRule::key, |same, rule| {
            add_texts(&mut same.tag_keys, &rule.tag_keys)
        });
        add(&mut self.schedules, schedules, Clone::clone, |_, _| {});
        let bucket = |entries: &AppliedNotification| {
            (entries.region.clone(), entries.bucket.clone(), entries.bucket_owner.clone())
        };
        add(&mut self.notifications, notifications, bucket, |same, entries| {
            add_texts(&mut same.ids, &entries.ids);
        });
        add(&mut self.functions, functions, AppliedFunction::key, |_, _| {});
        add(&mut self.permissions, permissions, Clone::clone, |_, _| {});
    }

    /// Resources of `self` without those of `other`. Buckets named in both are left out: the bucket's worker owns the
    /// entries of a bucket.
    pub fn difference(&self, other: &Self) -> Self {
        fn difference<T: Clone, K: PartialEq>(all: &[T], less: &[T], key: impl Fn(&T) -> K) -> Vec<T> {
            all.iter().filter(|one| !less.iter().any(|other| key(other) == key(one))).cloned().collect()
        }
        Self {
            account: self.account.clone(),
            rules: difference(&self.rules, &other.rules, AppliedRule::key),
            schedules: difference(&self.schedules, &other.schedules, Clone::clone),
            notifications: difference(&self.notifications, &other.notifications, |one| one.bucket.clone()),
            functions: difference(&self.functions, &other.functions, AppliedFunction::key),
            permissions: difference(&self.permissions, &other.permissions, Clone::clone),
        }
    }

    /// The function with this name in a Region.
    pub fn function(&self, region: &str, name: &str) -> Option<&AppliedFunction> {
        self.functions.iter().find(|function| function.region == region && function.name == name)
    }

    /// The account of the rules, schedules and functions, if the account differs from `account`. `None` without
    /// rules, schedules and functions: the operator can find entries and permissions from any account.
    pub fn made_in_other_account(&self, account: &str) -> Option<&str> {
        let found_there_alone =
            !self.rules.is_empty() || !self.schedules.is_empty() || !self.functions.is_empty();
        self.account.as_deref().filter(|made_in| found_there_alone && *made_in != account)
    }

    /// True if the operator created nothing for the object.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
            && self.schedules.is_empty()
            && self.notifications.is_empty()
            && self.permissions.is_empty()
            && self.functions.is_empty()
    }
}

/// An EventBridge rule.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct AppliedRule {
    /// Region of the rule.
    pub region: String,
    /// Name of the rule.
    pub name: String,
    /// Keys of the tags that the operator has set on the rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tag_keys: Vec<String>,
}

impl AppliedRule {
    /// Region and name, which identify the rule in its account.
    pub fn key(&self) -> (String, String) {
        (self.region.clone(), self.name.clone())
    }
}

/// A schedule of EventBridge Scheduler. Region, group and name together identify the schedule in its account.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct AppliedSchedule {
    /// Region of the schedule.
    pub region: String,
    /// Name of the schedule group.
    pub group: String,
    /// Name of the schedule.
    pub name: String,
}

/// Entries in the notification configuration of one bucket.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct AppliedNotification {
    /// Region of the bucket.
    pub region: String,
    /// Name of the bucket.
    pub bucket: String,
    /// Account that owns the bucket, 12 digits.
    pub bucket_owner: String,
    /// Ids of the entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ids: Vec<String>,
}

/// A function that the operator created.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct AppliedFunction {
    /// Region of the function.
    pub region: String,
    /// Name of the function.
    pub name: String,
    /// Keys of the tags that the operator has set on the function.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tag_keys: Vec<String>,
    /// True if the operator has set the retries of asynchronous invocations. The operator resets the retries after
    /// `asyncInvoke` is removed from the spec.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub async_invoke: bool,
}

impl AppliedFunction {
    /// Region and name, which identify the function in its account.
    pub fn key(&self) -> (String, String) {
        (self.region.clone(), self.name.clone())
    }
}

/// State of a function that the operator deployed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DeployedFunction {
    /// SHA-256 of the code in base64, as reported by Lambda.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_sha256: Option<String>,
    /// Version of the running code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Time of the last update, as reported by Lambda.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update: Option<String>,
}

/// A permission statement in the policy of a function.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct AppliedPermission {
    /// ARN of the function. A qualifier selects the policy that holds the statement.
    pub function_arn: String,
    /// Id of the statement.
    pub statement_id: String,
}

/// Appends the items of `more` with new keys to `all`. `take` merges an item into the known item with the same key.
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

/// Merges two lists into a sorted list without duplicates.
fn add_texts(all: &mut Vec<String>, more: &[String]) {
    let texts: BTreeSet<String> = all.drain(..).chain(more.iter().cloned()).collect();
    all.extend(texts);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(name: &str) -> AppliedSchedule {
        AppliedSchedule { region: "eu-west-1".into(), group: "lt-1a2b3c4d".into(), name: name.into() }
    }

    #[test]
    fn rules_and_schedules_of_another_account_are_detected() {
        let rule = AppliedRule { region: "eu-west-1".into(), name: "lt-1".into(), tag_keys: vec![] };
        let made = Applied { account: Some("1".into()), rules: vec![rule], ..Applied::default() };
        assert_eq!(made.made_in_other_account("1"), None);
        assert_eq!(made.made_in_other_account("2"), Some("1"));
        // Old versions of the operator did not record the account.
        assert_eq!(Applied { account: None, ..made.clone() }.made_in_other_account("2"), None);
        assert_eq!(Applied { rules: vec![], ..made.clone() }.made_in_other_account("2"), None);
        let made = Applied { rules: vec![], schedules: vec![schedule("lt-1")], ..made };
        assert_eq!(made.made_in_other_account("2"), Some("1"));
    }

    #[test]
    fn difference_compares_resources_by_identity() {
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
            schedules: vec![schedule("a"), schedule("b")],
            notifications: vec![entries("photos", "eu-west-1"), entries("archive", "eu-west-1")],
            functions: vec![function("eu-west-1"), function("us-east-1")],
            permissions: vec![permission("one"), permission("two")],
        };
        let other = Applied {
            account: None,
            rules: vec![rule("a", "y")],
            schedules: vec![schedule("a")],
            notifications: vec![entries("photos", "us-east-1")],
            functions: vec![function("us-east-1")],
            permissions: vec![permission("one")],
        };
        let rest = Applied {
            account: Some("1".into()),
            rules: vec![rule("b", "x")],
            schedules: vec![schedule("b")],
            notifications: vec![entries("archive", "eu-west-1")],
            functions: vec![function("eu-west-1")],
            permissions: vec![permission("two")],
        };
        assert_eq!(all.difference(&other), rest);
        assert!(all.difference(&all).is_empty());
    }

    #[test]
    fn a_function_has_a_region_and_a_name() {
        let function = |region: &str| AppliedFunction {
            region: region.into(),
            name: "f".into(),
            tag_keys: vec![],
            async_invoke: false,
        };
        let applied = Applied { functions: vec![function("eu-west-1")], ..Applied::default() };
        assert_eq!(applied.function("eu-west-1", "f"), Some(&function("eu-west-1")));
        assert_eq!(applied.function("us-east-1", "f"), None);
        assert_eq!(applied.function("eu-west-1", "g"), None);
    }

    #[test]
    fn merge_adds_no_duplicates() {
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
        known.merge(&applied(Some("1"), vec![rule("a", &[]), rule("b", &[])]));
        let both = applied(Some("1"), vec![rule("a", &["x"]), rule("b", &[])]);
        assert_eq!(known, both);
    }
}
