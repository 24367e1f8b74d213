//! The places of the search. The resources need the places, or flags name the places.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lambda_triggers_core::api::{Applied, Backend, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{ObjectKey, OwnerId};
use lambda_triggers_core::plan::bucket::Bucket;
use lambda_triggers_core::preview::Secrets;

use crate::doctor::Options;
use crate::doctor::resources::Resources;
use crate::manifests::Manifest;
use crate::objects::{Trigger, key_of, read_status};
use crate::preview;

/// The needs of resources in an account.
pub struct Needs {
    options: preview::Options,
    account: String,
    now: Timestamp,
}

impl Needs {
    pub fn new(owner: &OwnerId, account: &str, region: &str, now: Timestamp) -> Self {
        let options = preview::Options {
            owner: owner.clone(),
            namespace: None,
            region: region.into(),
            account: Some(account.into()),
            default_backend: Backend::Rule,
            default_tags: Tags::default(),
            scheduler_role: None,
            tenancy: None,
            ignored: BTreeSet::new(),
            all: true,
            secrets: Secrets::Hide,
            progress: None,
        };
        Self { options, account: account.into(), now }
    }

    /// The kind, the key and the AWS resources of each resource. The status records AWS resources, and the spec needs AWS
    /// resources.
    pub fn of<'a>(
        &'a self,
        resources: &'a Resources,
    ) -> impl Iterator<Item = (&'static str, ObjectKey, Applied)> + 'a {
        let scheduled = resources.scheduled.iter().map(|object| self.of_object(object));
        scheduled.chain(resources.s3.iter().map(|object| self.of_object(object)))
    }

    fn of_object<K: Trigger>(&self, object: &K) -> (&'static str, ObjectKey, Applied) {
        let mut applied = read_status(object).applied;
        applied.merge(&preview::needed(Manifest::of_object(object), &self.options, self.now));
        (K::NAME, key_of(object), applied)
    }
}

/// The places in AWS that are searched.
#[derive(Debug, Default)]
pub struct Places {
    /// The Regions of rules, schedules and functions.
    pub regions: BTreeSet<String>,
    /// The buckets.
    pub buckets: BTreeSet<Bucket>,
    /// The functions of the resources.
    pub functions: BTreeSet<FunctionArn>,
    /// The functions of the flags.
    pub named: BTreeSet<FunctionArn>,
}

impl Places {
    /// The places of the resources and of the flags. The credentials reach only the functions of their own account.
    pub fn new(options: &Options, resources: &Resources, needs: &Needs) -> Self {
        let (region, account) = (&needs.options.region, &needs.account);
        let mut places = Self { regions: [region.clone()].into(), ..Self::default() };
        for (_, _, applied) in needs.of(resources) {
            places.add(applied);
        }
        let owner = options.bucket_owner.as_ref().unwrap_or(account);
        let bucket =
            |name: &String| Bucket { region: region.clone(), name: name.clone(), owner: owner.clone() };
        places.buckets.extend(options.buckets.iter().map(bucket));
        let function = |text: &String| FunctionArn::from_reference(text, region, account);
        places.named.extend(options.functions.iter().map(function));
        places.regions.extend(places.named.iter().map(|function| function.region.clone()));
        places.functions.retain(|function| function.account == *account);
        places
    }

    fn add(&mut self, applied: Applied) {
        let Applied { account: _, rules, schedules, notifications, functions, permissions } = applied;
        self.regions.extend(rules.into_iter().map(|rule| rule.region));
        self.regions.extend(schedules.into_iter().map(|schedule| schedule.region));
        self.regions.extend(functions.into_iter().map(|function| function.region));
        self.buckets.extend(notifications.iter().map(Bucket::from));
        self.functions.extend(permissions.iter().filter_map(|one| FunctionArn::parse(&one.function_arn)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::objects::RawScheduledFunction;

    const ACCOUNT: &str = "123456789012";

    fn places(objects: &[Value], options: &Options) -> Places {
        let scheduled: Vec<RawScheduledFunction> =
            objects.iter().map(|object| serde_json::from_value(object.clone()).unwrap()).collect();
        let owner = OwnerId::parse("1a2b3c4d").unwrap();
        let needs = Needs::new(&owner, ACCOUNT, "eu-west-1", Timestamp::UNIX_EPOCH);
        Places::new(options, &Resources { scheduled, s3: vec![] }, &needs)
    }

    #[test]
    fn specs_and_statuses_tell_the_places() {
        let spec = json!({"function": {"name": "report"}, "schedule": "rate(1 day)", "region": "us-east-1"});
        let recorded = json!({"applied": {"rules": [{"region": "eu-north-1", "name": "lt-1"}]}});
        let found = places(
            &[
                json!({"metadata": {"namespace": "team", "name": "new"}, "spec": spec}),
                json!({"metadata": {"namespace": "team", "name": "invalid"}, "spec": {}, "status": recorded}),
            ],
            &Options::default(),
        );
        assert_eq!(found.regions, ["eu-north-1", "eu-west-1", "us-east-1"].map(Into::into).into());
        assert_eq!(found.functions, [FunctionArn::of_name("report", "us-east-1", ACCOUNT)].into());
    }

    #[test]
    fn flags_add_buckets_and_functions() {
        let arn = FunctionArn::of_name("thumbs", "us-east-1", ACCOUNT);
        let options = Options {
            functions: vec!["report:live".into(), arn.to_string()],
            buckets: vec!["photos".into()],
            ..Options::default()
        };
        let found = places(&[], &options);
        let live = FunctionArn::of_name("report", "eu-west-1", ACCOUNT).with_qualifier(Some("live"));
        assert_eq!(found.named, [live, arn].into());
        assert_eq!(found.regions, ["eu-west-1", "us-east-1"].map(Into::into).into());
        let bucket = Bucket { region: "eu-west-1".into(), name: "photos".into(), owner: ACCOUNT.into() };
        assert_eq!(found.buckets, [bucket].into());
    }
}
