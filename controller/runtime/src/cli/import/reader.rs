//! The reads of an import.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::import::{
    Finding, FoundRule, FoundSchedule, FunctionState, ImportSettings, ListedEntries, Maker, Names,
    ObservedBucket, Outcome, Place, Section, import_bucket, import_rule, import_schedule,
};
use lambda_triggers_core::plan::bucket::{Bucket, Destination, Document};
use lambda_triggers_core::plan::schedule::{ObservedSchedule, ScheduleKey};
use lambda_triggers_core::status::Component;
use tokio::time::Instant;

use super::rules::{ReadRule, read_rule, target_arns};
use crate::aws::AwsReads;
use crate::cli::function_state::function_state;
use crate::cli::read_failure::message;
use crate::error_chain;

/// Concurrent reads. AWS's quotas are 50 calls a second for EventBridge, and 100 for GetFunction.
const CONCURRENT_READS: usize = 8;

/// Reads AWS, and imports what it finds.
pub struct Reader<'a> {
    aws: &'a AwsReads,
    settings: ImportSettings,
    names: Names,
    now: Timestamp,
    /// The functions that were read, by ARN.
    functions: BTreeMap<String, FunctionState>,
    /// The Ids of entries and the names of rules and schedules that were found.
    found: BTreeSet<String>,
}

/// A bucket to read.
pub struct BucketToRead<'a> {
    /// The name.
    pub name: &'a str,
    /// The Region; `None` for the default Region.
    pub region: Option<String>,
    /// The account that owns the bucket; `None` for the account of the credentials.
    pub owner: Option<&'a str>,
    /// The entries that the file of a tool lists; `None` for the entries of all functions.
    pub listed: Option<ListedEntries>,
}

impl<'a> BucketToRead<'a> {
    /// A bucket of the account in the default Region, with the entries of all functions.
    pub fn named(name: &'a str) -> Self {
        Self { name, region: None, owner: None, listed: None }
    }
}

impl<'a> Reader<'a> {
    /// A reader for one import. `now` decides which schedules are over.
    pub fn new(aws: &'a AwsReads, settings: ImportSettings, names: Names, now: Timestamp) -> Self {
        Self { aws, settings, names, now, functions: BTreeMap::new(), found: BTreeSet::new() }
    }

    /// The selected ids that the import did not find.
    pub fn unmatched(&self) -> Vec<&str> {
        self.settings.selection.unmatched(&self.found)
    }

    /// Imports the entries of a bucket.
    pub async fn bucket(&mut self, to_read: BucketToRead<'_>) -> Section {
        let BucketToRead { name, region, owner, listed } = to_read;
        let region = self.region(region);
        let owner = owner.unwrap_or(&self.settings.account).to_owned();
        let bucket = Bucket { region: region.clone(), name: name.into(), owner };
        let place = Place::Bucket { name: name.into(), region };
        let read = self.aws.s3(&bucket.region).get(&bucket).await;
        let document = read.map_err(|error| message(&error, Component::Notification)).and_then(|xml| {
            Document::parse(&xml).map_err(|error| format!("it cannot be parsed: {}", error_chain(&error)))
        });
        let document = match document {
            Ok(document) => document,
            Err(why) => {
                let findings = vec![unread("notification configuration", why)];
                return Section { place, findings };
            }
        };
        self.found.extend(document.entries().filter_map(|entry| entry.id.clone()));
        let entries = document.entries().filter(|entry| entry.destination == Destination::Function);
        let arns: Vec<String> = entries.map(|entry| entry.arn.clone()).collect();
        let functions = self.functions(&arns).await;
        let observed = ObservedBucket { bucket, document, functions, listed };
        Section { place, findings: import_bucket(&self.settings, &mut self.names, &observed) }
    }

    /// Imports the selected rules whose names begin with `prefix`.
    pub async fn rules(&mut self, prefix: &str) -> Section {
        let region = self.region(None);
        let place = Place::Rules { region: region.clone() };
        let rules = match self.aws.eventbridge(&region).list(prefix, Instant::now()).await {
            Ok(rules) => rules.unwrap_or_default(),
            Err(error) => {
                let findings = vec![unread("rules", message(&error, Component::Rule))];
                return Section { place, findings };
            }
        };
        self.found.extend(rules.values().map(|rule| rule.name.clone()));
        let (aws, selection) = (self.aws, self.settings.selection.clone());
        let named = rules.values().filter(|rule| selection.takes(&rule.name)).cloned();
        let read = named.map(|rule| read_rule(aws, &region, rule));
        let read: Vec<ReadRule> = stream::iter(read).buffered(CONCURRENT_READS).collect().await;
        let is_wanted = |rule: &ReadRule| match rule {
            ReadRule::Found { rule, .. } => selection.takes_rule(rule),
            ReadRule::Unread { .. } => true,
        };
        let mut findings = vec![];
        for rule in read.into_iter().filter(is_wanted) {
            findings.extend(self.found_rule(rule, &region, None).await);
        }
        Section { place, findings }
    }

    /// Imports one rule.
    pub async fn rule(&mut self, name: &str, region: Option<String>, made_by: Maker) -> Section {
        let region = self.region(region);
        self.found.insert(name.into());
        if !self.settings.selection.takes(name) {
            return Section { place: Place::Rules { region }, findings: vec![] };
        }
        let findings = match self.aws.eventbridge(&region).describe(name).await {
            Ok(Some(rule)) => {
                let read = read_rule(self.aws, &region, rule).await;
                self.found_rule(read, &region, Some(made_by)).await
            }
            Ok(None) => vec![missing(format!("rule {name}"), made_by, &region)],
            Err(error) => vec![unread(format!("rule {name}"), message(&error, Component::Rule))],
        };
        Section { place: Place::Rules { region }, findings }
    }

    async fn found_rule(&mut self, read: ReadRule, region: &str, made_by: Option<Maker>) -> Vec<Finding> {
        let (name, rule) = match read {
            ReadRule::Unread { name, why } => return vec![unread(format!("rule {name}"), why)],
            ReadRule::Found { name, rule } => (name, *rule),
        };
        let functions = self.functions(&target_arns(&rule)).await;
        let found = FoundRule { name, region: region.into(), rule, functions, made_by };
        import_rule(&self.settings, &mut self.names, &found, self.now)
    }

    /// Imports the schedules of a group.
    pub async fn schedules(&mut self, group: &str) -> Section {
        let region = self.region(None);
        let place = Place::Schedules { region: region.clone() };
        let scheduler = self.aws.scheduler(&region);
        let listed = match scheduler.list(group, Instant::now()).await {
            Ok(listed) => listed.unwrap_or_default(),
            Err(error) => {
                let findings = vec![unread("schedules", message(&error, Component::Schedule))];
                return Section { place, findings };
            }
        };
        let keys: Vec<ScheduleKey> =
            listed.keys().map(|name| ScheduleKey { group: group.into(), name: name.clone() }).collect();
        self.found.extend(keys.iter().flat_map(|key| [key.name.clone(), key.to_string()]));
        let selection = self.settings.selection.clone();
        let keys = keys.into_iter().filter(|key| selection.takes_schedule(key));
        let read = keys.map(|key| async {
            let read = scheduler.schedule(&key).await;
            (key, read)
        });
        let read: Vec<_> = stream::iter(read).buffered(CONCURRENT_READS).collect().await;
        let mut findings = vec![];
        for (key, read) in read {
            match read {
                Ok(Some(dated)) => {
                    findings.push(self.found_schedule(key, &region, dated.schedule, None).await);
                }
                // The schedule was deleted after the list.
                Ok(None) => {}
                Err(error) => {
                    findings.push(unread(format!("schedule {key}"), message(&error, Component::Schedule)));
                }
            }
        }
        Section { place, findings }
    }

    /// Imports one schedule from the first group that has it.
    pub async fn schedule(
        &mut self,
        groups: &[String],
        name: &str,
        region: Option<String>,
        made_by: Maker,
    ) -> Section {
        let region = self.region(region);
        let place = Place::Schedules { region: region.clone() };
        let scheduler = self.aws.scheduler(&region);
        for group in groups {
            let key = ScheduleKey { group: group.clone(), name: name.into() };
            self.found.extend([name.to_owned(), key.to_string()]);
            if !self.settings.selection.takes_schedule(&key) {
                continue;
            }
            let finding = match scheduler.schedule(&key).await {
                Ok(None) => continue,
                Ok(Some(dated)) => self.found_schedule(key, &region, dated.schedule, Some(made_by)).await,
                Err(error) => unread(format!("schedule {key}"), message(&error, Component::Schedule)),
            };
            return Section { place, findings: vec![finding] };
        }
        let is_wanted = self.settings.selection.takes(name);
        let finding = is_wanted.then(|| missing(format!("schedule {name}"), made_by, &region));
        Section { place, findings: finding.into_iter().collect() }
    }

    async fn found_schedule(
        &mut self,
        key: ScheduleKey,
        region: &str,
        schedule: ObservedSchedule,
        made_by: Option<Maker>,
    ) -> Finding {
        let arn = schedule.settings.target.arn.clone();
        let functions = self.functions(std::slice::from_ref(&arn)).await;
        let unknown = || FunctionState::Unknown("it is no function".into());
        let function = functions.get(&arn).cloned().unwrap_or_else(unknown);
        let found = FoundSchedule { key, region: region.into(), schedule, function, made_by };
        import_schedule(&self.settings, &mut self.names, &found, self.now)
    }

    /// The states of the functions, by ARN. Other ARNs are left out.
    async fn functions(&mut self, arns: &[String]) -> BTreeMap<String, FunctionState> {
        let aws = self.aws;
        let unknown = arns.iter().filter(|arn| !self.functions.contains_key(*arn));
        let parsed: BTreeMap<String, FunctionArn> =
            unknown.filter_map(|arn| Some((arn.clone(), FunctionArn::parse(arn)?))).collect();
        let own = self.settings.account.clone();
        let reads = parsed.into_iter().map(|(text, arn)| {
            let is_own = arn.account == own;
            async move { (text, function_state(aws, &arn, is_own).await) }
        });
        let read: Vec<_> = stream::iter(reads).buffered(CONCURRENT_READS).collect().await;
        self.functions.extend(read);
        let known = arns.iter().filter_map(|arn| self.functions.get_key_value(arn));
        known.map(|(arn, state)| (arn.clone(), state.clone())).collect()
    }

    fn region(&self, region: Option<String>) -> String {
        region.unwrap_or_else(|| self.aws.default_region().to_owned())
    }
}

fn unread(part: impl Into<String>, why: String) -> Finding {
    Finding { part: part.into(), made_by: None, outcome: Outcome::Unread(why), notes: vec![] }
}

fn missing(part: String, made_by: Maker, region: &str) -> Finding {
    let outcome = Outcome::NotImported(format!("it does not exist in {region}"));
    Finding { part, made_by: Some(made_by), outcome, notes: vec![] }
}
