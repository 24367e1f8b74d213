//! The reads of AWS for a resource, and the plan from these reads.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lambda_triggers_core::api::{Applied, AppliedPermission, AppliedRule, AppliedSchedule, Backend, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{Origin, Owner, TAG_CLUSTER, TAG_UID, rules_statement_id};
use lambda_triggers_core::plan::intent::ValidSpec;
use lambda_triggers_core::plan::intent::s3_triggered_function::Intent;
use lambda_triggers_core::plan::intent::scheduled_function::{Operator, RuleIntent, ScheduleIntent, Valid};
use lambda_triggers_core::plan::permission::PolicyView;
use lambda_triggers_core::plan::rule::{ObservedRule, RuleView};
use lambda_triggers_core::plan::schedule::{GroupPlan, ScheduleKey, ScheduleStep, group_arn, plan_group};
use lambda_triggers_core::preview::{
    PlannedChange, Problem, group_change, permission_change, policy_nearly_full, rule_changes,
    schedule_change,
};
use lambda_triggers_core::status::{Component, Failure};
use lambda_triggers_core::tenancy::scheduler_role;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::cluster::Cluster;
use super::function::Found;
use super::item::Item;
use super::options::Options;
use crate::aws::{AwsError, ListedTags, NamespaceReads};

/// The value of a tag that only the cluster knows.
const BY_CLUSTER: &str = "(set by the cluster)";

/// Observes AWS, and plans.
pub struct Observer<'a> {
    pub aws: &'a NamespaceReads,
    pub options: &'a Options,
    pub cluster: Option<&'a Cluster>,
    pub now: Timestamp,
    pub since: Instant,
    /// The files of the ConfigMaps in the manifests.
    pub config_maps: &'a BTreeMap<(String, String), BTreeMap<String, Vec<u8>>>,
    /// The functions that the manifests deploy, by Region and name.
    pub deployed: &'a BTreeSet<(String, String)>,
    /// The plan of the schedule group, by account and Region. A read holds the lock, so that each group is read once.
    pub groups: Mutex<BTreeMap<(String, String), Result<GroupPlan, Failure>>>,
    /// True if the tags of all rules are read at once.
    pub lists_tags: bool,
    /// The tags of the operator's rules by ARN, by account and Region. A read holds the lock, too.
    pub tags: Mutex<BTreeMap<(String, String), ListedTags>>,
}

/// The plan of one resource.
#[derive(Debug, Default)]
pub struct Planned {
    pub changes: Vec<PlannedChange>,
    pub problems: Vec<Problem>,
    pub notes: Vec<String>,
    /// The resources that the object needs.
    pub wanted: Applied,
    /// The recorded resources that the object no longer needs.
    pub obsolete: Applied,
}

impl Observer<'_> {
    /// The plan of a resource.
    pub async fn plan(&self, item: &Item) -> Result<Planned, Failure> {
        let mut planned = Planned::default();
        self.check_credentials(item)?;
        item.check_reach(self.options)?;
        let account = self.options.account_of(&item.declared.key.namespace);
        if let ValidSpec::Scheduled(valid) = &item.declared.spec {
            valid.check_account(account)?;
        }
        let function = self.function(item, &mut planned).await?;
        match &item.declared.spec {
            ValidSpec::Scheduled(valid) => {
                let mut recorded = item.recorded.clone();
                recorded.merge(&self.left_over(item, valid, &function.arn).await?);
                match valid.backend {
                    Backend::Rule => self.rule(item, valid, function, &recorded, &mut planned).await?,
                    Backend::Scheduler => {
                        self.schedule(item, valid, function, &recorded, &mut planned).await?
                    }
                }
            }
            ValidSpec::S3(valid) => {
                let owner = self.owner(None);
                let Found { arn, deployed, exists } = function;
                let intent = Intent::new(&owner, &item.declared.key, valid, arn, deployed);
                let policy = self.policy(item, &intent.function, exists).await?;
                let plan = intent.plan(&item.recorded, false, &policy);
                let short = intent.function.short();
                let change = permission_change(&plan.permission, &intent.statement, &short, &valid.region);
                planned.permit(change, &policy, &short);
                (planned.wanted, planned.obsolete) = (plan.wanted, plan.obsolete);
            }
        }
        Ok(planned)
    }

    /// The resources of an earlier object at the other backend, for an object without recorded resources.
    async fn left_over(
        &self,
        item: &Item,
        valid: &Valid,
        function: &FunctionArn,
    ) -> Result<Applied, Failure> {
        let mut found = Applied::default();
        if !item.recorded.rules.is_empty() || !item.recorded.schedules.is_empty() {
            return Ok(found);
        }
        let Options { owner, tenancy, scheduler_role: own, .. } = self.options;
        let key = &item.declared.key;
        let (region, name) = (valid.region.clone(), key.rule_name(owner, item.declared.kind));
        match valid.backend {
            Backend::Scheduler => {
                if self.has_rule(item, &region, &name).await.map_err(of(Component::Rule))? {
                    let targets = self.aws(item).eventbridge(&region).targets(&name).await;
                    let targets = targets.map_err(of(Component::Rule))?.into_iter();
                    let targets = targets.filter_map(|(_, target)| Some(target?.arn));
                    let functions: BTreeSet<String> = targets.chain([function.to_string()]).collect();
                    found.permissions.extend(functions.into_iter().map(|function_arn| AppliedPermission {
                        function_arn,
                        statement_id: rules_statement_id(owner),
                    }));
                    found.rules.push(AppliedRule { region, name, tag_keys: vec![] });
                }
            }
            // Without a role, the operator has made no schedule.
            Backend::Rule => {
                let role = scheduler_role(tenancy.as_ref(), &key.namespace, own.as_deref());
                let schedule = ScheduleKey { group: owner.group_name(), name };
                if role.is_ok()
                    && self.has_schedule(item, &region, &schedule).await.map_err(of(Component::Schedule))?
                {
                    let ScheduleKey { group, name } = schedule;
                    found.schedules.push(AppliedSchedule { region, group, name });
                }
            }
        }
        Ok(found)
    }

    async fn rule(
        &self,
        item: &Item,
        valid: &Valid,
        function: Found,
        recorded: &Applied,
        planned: &mut Planned,
    ) -> Result<(), Failure> {
        let name = item.declared.key.rule_name(&self.options.owner, item.declared.kind);
        let Found { arn, deployed, exists } = function;
        let intent_of = |tags: Option<&Tags>| {
            let (owner, origin) = (self.owner(tags), self.origin(item, tags));
            let operator = self.operator(item, &owner);
            RuleIntent::new(operator, origin, valid, arn.clone(), deployed.clone(), self.now)
        };
        let is_in_place = |rule: &ObservedRule| {
            intent_of(Some(&rule.tags)).is_ok_and(|intent| intent.is_in_place(recorded, rule))
        };
        let observed = self.read_rule(item, &valid.region, &name, is_in_place).await;
        let observed = observed.map_err(of(Component::Rule))?;
        let intent = intent_of(observed.as_ref().map(|rule| &rule.tags))?;
        let policy = self.policy(item, &intent.function, exists).await?;
        let plan = intent.plan(recorded, false, &policy, &RuleView::Read(observed.clone()))?;
        let short = intent.function.short();
        let change = permission_change(&plan.permission, &intent.statement, &short, &valid.region);
        planned.permit(change, &policy, &short);
        let words = valid.schedule.in_words();
        if let Some(rule) = &plan.rule {
            let place = (valid.region.as_str(), words.as_str());
            let secrets = self.options.secrets;
            planned.changes.extend(rule_changes(rule, &intent.rule, observed.as_ref(), place, secrets));
        }
        (planned.wanted, planned.obsolete) = (plan.wanted, plan.obsolete);
        Ok(())
    }

    async fn schedule(
        &self,
        item: &Item,
        valid: &Valid,
        function: Found,
        recorded: &Applied,
        planned: &mut Planned,
    ) -> Result<(), Failure> {
        let Options { tenancy, scheduler_role: own, secrets, .. } = self.options;
        let role = scheduler_role(tenancy.as_ref(), &item.declared.key.namespace, own.as_deref())?;
        let group = self.group(item, &valid.region).await?;
        let owner = self.owner(None);
        let Found { arn, deployed, .. } = function;
        let origin = self.origin(item, None);
        let operator = self.operator(item, &owner);
        let intent = ScheduleIntent::new(operator, &origin, valid, arn, deployed, role, self.now);
        let read = self.read_schedule(item, &valid.region, &intent.schedule.key).await;
        let observed = read.map_err(of(Component::Schedule))?;
        let plan = intent.plan(recorded, observed.as_ref(), self.now);
        if let Some(schedule) = &plan.schedule {
            let words = valid.schedule.in_words();
            let place = (valid.region.as_str(), words.as_str());
            // A schedule that is over needs no group.
            if matches!(schedule.step, Some(ScheduleStep::Create(_) | ScheduleStep::Update(_))) {
                let change = group_change(&group, &self.options.owner.group_name(), &valid.region);
                planned.changes.extend(change);
            }
            planned.changes.extend(schedule_change(
                schedule,
                &intent.schedule,
                observed.as_ref(),
                place,
                *secrets,
            ));
            if schedule.is_over {
                planned.notes.push("the schedule is over: no run is left".into());
            }
        }
        (planned.wanted, planned.obsolete) = (plan.wanted, plan.obsolete);
        Ok(())
    }

    /// The plan of the schedule group of a Region.
    async fn group(&self, item: &Item, region: &str) -> Result<GroupPlan, Failure> {
        let account = self.options.account_of(&item.declared.key.namespace);
        let place = (account.to_owned(), region.to_owned());
        let mut groups = self.groups.lock().await;
        if let Some(known) = groups.get(&place) {
            return known.clone();
        }
        let arn = group_arn(&self.options.owner.group_name(), region, account);
        let tags = self.aws(item).scheduler(region).group_tags(&arn).await.map_err(of(Component::Schedule));
        let plan = tags.and_then(|tags| {
            let owner = self.owner(tags.as_ref());
            plan_group(tags.as_ref(), &owner).map_err(|conflict| conflict.failure(&owner, region))
        });
        groups.insert(place, plan.clone());
        plan
    }

    fn operator<'b>(&'b self, item: &Item, owner: &'b Owner) -> Operator<'b> {
        let account = self.options.account_of(&item.declared.key.namespace);
        Operator { owner, default_tags: &self.options.default_tags, account }
    }

    /// The owner. A plan without the cluster takes the tag of the cluster for right.
    pub fn owner(&self, tags: Option<&BTreeMap<String, String>>) -> Owner {
        let unknown = || Owner { id: self.options.owner.clone(), cluster: tag(tags, TAG_CLUSTER) };
        self.cluster.map_or_else(unknown, |cluster| cluster.owner.clone())
    }

    /// The origin of the resources in AWS. A plan without the cluster takes the tag with the UID for right.
    pub fn origin(&self, item: &Item, tags: Option<&BTreeMap<String, String>>) -> Origin {
        item.declared.origin(match (&item.existing, self.cluster) {
            (Some(existing), _) => existing.creation.uid.clone(),
            (None, Some(_)) => BY_CLUSTER.into(),
            (None, None) => tag(tags, TAG_UID),
        })
    }
}

impl Planned {
    fn permit(&mut self, change: Option<PlannedChange>, policy: &PolicyView, function: &str) {
        if let (Some(_), PolicyView::Read(policy)) = (&change, policy) {
            self.problems.extend(policy_nearly_full(policy, function));
        }
        self.changes.extend(change);
    }
}

/// The value of an operator's tag.
fn tag(tags: Option<&BTreeMap<String, String>>, key: &str) -> String {
    tags.and_then(|tags| tags.get(key)).cloned().unwrap_or_else(|| BY_CLUSTER.into())
}

/// The failure of a read.
pub fn of(component: Component) -> impl Fn(AwsError) -> Failure {
    move |error| error.failure_for_person(component)
}
