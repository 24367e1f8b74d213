//! The search in AWS for names of the operator. A read that is denied makes the search smaller, and never wrong.

use std::collections::BTreeSet;
use std::sync::Arc;

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::diagnosis::{Check, CheckResult, Claims, OwnedResource, is_own_name};
use lambda_triggers_core::ownership::{Owner, OwnerId, TAG_OWNER, is_own_statement_id};
use lambda_triggers_core::plan::bucket::{Bucket, Destination};
use lambda_triggers_core::plan::schedule::{group_arn, plan_group};
use lambda_triggers_core::status::Component;
use tokio::time::Instant;

use super::places::Places;
use crate::aws::{AwsError, AwsErrorKind, AwsReads, Sdk};
use crate::doctor::subjects::read_document;

/// A search in one account.
pub struct Search<'a> {
    sdk: Arc<Sdk>,
    aws: AwsReads,
    owner: &'a OwnerId,
    account: &'a str,
    /// The claims at the start. What they contain needs no further reads.
    claims: Claims,
    since: Instant,
    found: BTreeSet<OwnedResource>,
    /// The functions of orphans and of flags.
    functions: BTreeSet<FunctionArn>,
    /// The reads that were not possible, and at the end the places of the search.
    checks: Vec<Check>,
}

impl<'a> Search<'a> {
    pub fn new(sdk: Sdk, owner: &'a OwnerId, account: &'a str, claims: Claims) -> Self {
        let sdk = Arc::new(sdk);
        Self {
            aws: AwsReads::new(Arc::new(sdk.clone().into_client())),
            sdk,
            owner,
            account,
            claims,
            since: Instant::now(),
            found: BTreeSet::new(),
            functions: BTreeSet::new(),
            checks: vec![],
        }
    }

    /// The AWS resources that were found, and the checks of the search.
    pub fn end(self) -> (BTreeSet<OwnedResource>, Vec<Check>) {
        (self.found, self.checks)
    }

    /// Searches all places, and the functions of all orphans.
    pub async fn run(&mut self, places: &Places) {
        self.functions.extend(places.named.clone());
        for region in &places.regions {
            self.rules(region).await;
            self.schedules(region).await;
            self.listed_functions(region).await;
        }
        for bucket in &places.buckets {
            self.entries(bucket).await;
        }
        self.functions.retain(|function| function.account == self.account);
        let orphaned: BTreeSet<FunctionArn> = self.functions.difference(&places.functions).cloned().collect();
        for function in orphaned.iter().map(|function| function.with_qualifier(None)).collect::<BTreeSet<_>>()
        {
            self.deployed_function(&function).await;
        }
        for function in places.functions.union(&orphaned) {
            self.statements(function).await;
        }
        let names = |names: Vec<&str>| if names.is_empty() { "none".into() } else { names.join(", ") };
        let message = format!(
            "account {}; Regions: {}; buckets: {}; policies of functions: {}; give --region, --bucket or --function to \
             search elsewhere",
            self.account,
            names(places.regions.iter().map(String::as_str).collect()),
            names(places.buckets.iter().map(|bucket| bucket.name.as_str()).collect()),
            places.functions.union(&orphaned).count(),
        );
        self.checks.push(Check::ok("searched", message));
    }

    fn skip(&mut self, name: String, error: &AwsError, component: Component) {
        self.checks.push(Check::skipped(name, error.failure(component).message));
    }

    fn denied(&mut self, name: String, action: &str) {
        self.checks.push(Check::skipped(name, format!("AWS denies {action}; allow it in the IAM policy")));
    }

    async fn rules(&mut self, region: &str) {
        let what = format!("rules in {region}");
        let rules = self.aws.eventbridge(region);
        let listed = match rules.list(&self.owner.prefix(), self.since).await {
            Ok(Some(listed)) => listed,
            Ok(None) => return self.denied(what, "events:ListRules"),
            Err(error) => return self.skip(what, &error, Component::Rule),
        };
        for name in listed.keys().filter(|name| is_own_name(self.owner, name)) {
            let rule = OwnedResource::Rule { region: region.into(), name: name.clone() };
            if !self.claims.is_claimed(self.owner, &rule) {
                match rules.targets(name).await {
                    Ok(targets) => {
                        let targets = targets.into_iter().filter_map(|(_, target)| target);
                        self.functions.extend(targets.filter_map(|target| FunctionArn::parse(&target.arn)));
                    }
                    Err(error) if error.kind == AwsErrorKind::NotFound => continue,
                    Err(error) => self.skip(format!("targets of rule {name}"), &error, Component::Rule),
                }
            }
            self.found.insert(rule);
        }
    }

    /// Finds the schedules of the group. A group with schedules of another tool is left out, since a deletion of the group
    /// deletes them, too.
    async fn schedules(&mut self, region: &str) {
        let what = format!("schedules in {region}");
        let scheduler = self.aws.scheduler(region);
        let group = self.owner.group_name();
        let tags = match scheduler.group_tags(&group_arn(&group, region, self.account)).await {
            Ok(Some(tags)) => tags,
            Ok(None) => return,
            Err(error) => return self.skip(what, &error, Component::Schedule),
        };
        // The search changes nothing, so the operator's cluster does not matter.
        let owner = Owner { id: self.owner.clone(), cluster: String::new() };
        if plan_group(Some(&tags), &owner).is_err() {
            return;
        }
        let listed = match scheduler.list(&group, self.since).await {
            Ok(Some(listed)) => listed,
            Ok(None) => return self.denied(what, "scheduler:ListSchedules"),
            Err(error) => return self.skip(what, &error, Component::Schedule),
        };
        let is_own = |name: &&String| is_own_name(self.owner, name);
        if listed.keys().all(|name| is_own(&name)) {
            self.found.insert(OwnedResource::ScheduleGroup { region: region.into() });
        }
        let schedule = |name: &String| OwnedResource::Schedule { region: region.into(), name: name.clone() };
        self.found.extend(listed.keys().filter(is_own).map(schedule));
    }

    /// Finds functions by the names that the operator gives. A definition can also choose another name.
    async fn listed_functions(&mut self, region: &str) {
        match self.sdk.function_names(region, &self.owner.prefix()).await {
            Ok(names) => self
                .functions
                .extend(names.iter().map(|name| FunctionArn::of_name(name, region, self.account))),
            Err(error) => self.skip(format!("functions in {region}"), &error, Component::Function),
        }
    }

    async fn entries(&mut self, bucket: &Bucket) {
        let document = match read_document(&*self.aws.s3(&bucket.region), bucket).await {
            Ok(document) => document,
            Err(failed) => return self.checks.push(Check { result: CheckResult::Skipped, ..failed }),
        };
        for entry in document.entries().filter(|entry| entry.destination == Destination::Function) {
            // The operator's own Ids have no other characters.
            let id = entry.id.clone().filter(|id| id.chars().all(|c| c.is_ascii_graphic()));
            let Some(id) = id.filter(|_| entry.own_id(self.owner).is_some()) else { continue };
            self.found.insert(OwnedResource::Entry { bucket: bucket.clone(), id });
            self.functions.extend(FunctionArn::parse(&entry.arn));
        }
    }

    /// Adds a function with the operator's tag. A retained function has lost the tag.
    async fn deployed_function(&mut self, function: &FunctionArn) {
        let FunctionArn { region, name, .. } = function;
        let owned = OwnedResource::Function { region: region.clone(), name: name.clone() };
        if self.claims.is_claimed(self.owner, &owned) {
            self.found.insert(owned);
            return;
        }
        match self.aws.lambda(region).deployed(name).await {
            Ok(Some(found)) if found.tags.get(TAG_OWNER) == Some(&self.owner.to_string()) => {
                self.found.insert(owned);
            }
            Ok(_) => {}
            Err(error) => self.skip(format!("function {name}"), &error, Component::Function),
        }
    }

    async fn statements(&mut self, function: &FunctionArn) {
        match self.aws.lambda(&function.region).policy(function, self.since).await {
            Ok(policy) => {
                let statements = policy.into_iter().flat_map(|policy| policy.statements.into_keys());
                let own = statements.filter(|id| is_own_statement_id(self.owner, id));
                self.found.extend(own.map(|id| OwnedResource::Statement { function: function.clone(), id }));
            }
            Err(error) => {
                self.skip(format!("policy of {}", function.short()), &error, Component::Permission);
            }
        }
    }
}
