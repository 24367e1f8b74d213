//! The resources of the cluster, and the functions and buckets that they use.

use std::collections::BTreeSet;

use kube::Client;
use kube::api::ListParams;
use lambda_triggers_core::api::{Backend, TriggerStatus};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{ObjectKey, OwnerId};
use lambda_triggers_core::plan::bucket::Bucket;

use crate::objects::{RawS3TriggeredFunction, RawScheduledFunction, Trigger, key_of, list_all, read_status};
use crate::operator::apis;

/// The functions and buckets of the resources.
#[derive(Debug, Default)]
pub struct Used {
    /// The functions.
    pub functions: BTreeSet<FunctionArn>,
    /// The functions that EventBridge Scheduler invokes.
    pub scheduled: BTreeSet<FunctionArn>,
    /// The buckets.
    pub buckets: BTreeSet<Bucket>,
    /// The Regions of the rules.
    pub rule_regions: BTreeSet<String>,
}

/// The resources of both kinds.
#[derive(Debug, Default)]
pub struct Resources {
    pub scheduled: Vec<RawScheduledFunction>,
    pub s3: Vec<RawS3TriggeredFunction>,
}

impl Resources {
    /// Lists the resources of the namespaces, or of all namespaces.
    pub async fn list(client: &Client, namespaces: &[String]) -> Result<Self, kube::Error> {
        Ok(Self { scheduled: list(client, namespaces).await?, s3: list(client, namespaces).await? })
    }

    /// The kind, the key and the status of each resource.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, ObjectKey, TriggerStatus)> {
        self.scheduled.iter().map(identified).chain(self.s3.iter().map(identified))
    }

    /// The owner ids that the status of the resources records.
    pub fn recorded_owners(&self) -> BTreeSet<OwnerId> {
        self.all().flat_map(|(_, _, status)| OwnerId::recorded(&status.applied)).collect()
    }

    /// The functions and buckets of the Ready resources, which the operator has read. The resources of another account
    /// are left out: only the operator can assume the role of their namespace.
    pub fn used(&self, account: &str) -> Used {
        let mut used = Used::default();
        for (_, _, status) in self.all().filter(|(_, _, status)| status.is_ready()) {
            let arn = status.function_arn.as_deref().and_then(FunctionArn::parse);
            let own = arn.filter(|arn| arn.account == account);
            if status.backend == Some(Backend::Scheduler) {
                used.scheduled.extend(own.clone());
            }
            used.functions.extend(own);
            used.rule_regions.extend(status.applied.rules.into_iter().map(|rule| rule.region));
            let buckets = status.applied.notifications.iter().map(Bucket::from);
            used.buckets.extend(buckets.filter(|bucket| bucket.owner == account));
        }
        used
    }
}

fn identified<K: Trigger>(object: &K) -> (&'static str, ObjectKey, TriggerStatus) {
    (K::NAME, key_of(object), read_status(object))
}

/// Lists the objects. Without the CRD, there are none.
async fn list<K: Trigger>(client: &Client, namespaces: &[String]) -> Result<Vec<K>, kube::Error> {
    let mut objects = vec![];
    for (_, api) in apis::<K>(client, namespaces) {
        match list_all(&api, ListParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            listed => objects.extend(listed?),
        }
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn scheduled(status: Value) -> RawScheduledFunction {
        serde_json::from_value(json!({"metadata": {"name": "one"}, "status": status})).unwrap()
    }

    fn ready(status: &str) -> Value {
        let time = "2026-01-01T00:00:00Z";
        json!([{"type": "Ready", "status": status, "reason": "Applied", "message": "", "lastTransitionTime": time}])
    }

    fn arn(name: &str, account: &str) -> String {
        FunctionArn::of_name(name, "eu-west-1", account).to_string()
    }

    #[test]
    fn ready_resources_name_the_functions_and_buckets_of_the_account() {
        let own = |name: &str| arn(name, "123456789012");
        let entries = |bucket: &str, owner: &str| json!({"region": "eu-west-1", "bucket": bucket, "bucketOwner": owner, "ids": ["lt-1"]});
        let notifications = json!([entries("photos", "123456789012"), entries("theirs", "999999999999")]);
        let s3 = json!({"metadata": {"name": "two"}, "status": {
            "conditions": ready("True"), "functionArn": own("thumbs:live"), "applied": {"notifications": notifications},
        }});
        let resources = Resources {
            scheduled: vec![
                scheduled(
                    json!({"conditions": ready("True"), "functionArn": own("report"), "backend": "Rule"}),
                ),
                scheduled(
                    json!({"conditions": ready("True"), "functionArn": own("zoned"), "backend": "Scheduler"}),
                ),
                scheduled(json!({"conditions": ready("False"), "functionArn": own("missing")})),
                scheduled(json!({"conditions": ready("True"), "functionArn": arn("tenant", "999999999999")})),
                scheduled(json!({})),
            ],
            s3: vec![serde_json::from_value(s3).unwrap()],
        };
        let used = resources.used("123456789012");
        let names = |functions: &BTreeSet<FunctionArn>| {
            functions.iter().map(FunctionArn::short).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&used.functions), "report thumbs:live zoned");
        assert_eq!(names(&used.scheduled), "zoned");
        let bucket =
            Bucket { region: "eu-west-1".into(), name: "photos".into(), owner: "123456789012".into() };
        assert_eq!(used.buckets, [bucket].into());
    }
}
