//! The reads of AWS for one resource, and the plan that follows from them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lambda_triggers_core::api::{
    Applied, AppliedFunction, AppliedPermission, AppliedRule, AppliedSchedule, Backend, FunctionDefinition,
    PermissionPolicy,
};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{Owner, TAG_CLUSTER, TAG_UID, rules_statement_id};
use lambda_triggers_core::plan::function::{
    Archive, DesiredFunction, EventInvokeConfig, FunctionPlan, FunctionStep, MissingHandler,
    ObservedFunction, archive, in_state_failed, missing_handler, not_found, plan_async_invoke, plan_function,
};
use lambda_triggers_core::plan::intent::s3_triggered_function::Intent;
use lambda_triggers_core::plan::intent::scheduled_function::{Operator, RuleIntent, ScheduleIntent, Valid};
use lambda_triggers_core::plan::permission::{Policy, PolicyView};
use lambda_triggers_core::plan::rule::{ObservedRule, RuleView};
use lambda_triggers_core::plan::schedule::{ScheduleKey, ScheduleStep, group_arn, plan_group};
use lambda_triggers_core::preview::{
    PlannedChange, Problem, Severity, function_changes, group_change, permission_change, rule_changes,
    schedule_change,
};
use lambda_triggers_core::status::{Component, Failure, Reason};
use lambda_triggers_core::tenancy::scheduler_role;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::declared::{Declared, Spec};
use super::options::Options;
use crate::aws::{AwsError, AwsReads, LambdaReads};
use crate::error_chain;

/// The value of a tag that only the cluster knows.
const BY_CLUSTER: &str = "(set by the cluster)";

/// Observes AWS, and plans.
pub struct Observer<'a> {
    pub aws: &'a AwsReads,
    pub options: &'a Options,
    pub account: &'a str,
    pub now: Timestamp,
    pub since: Instant,
    /// The files of the ConfigMaps in the manifests.
    pub config_maps: &'a BTreeMap<(String, String), BTreeMap<String, Vec<u8>>>,
    /// The functions that the manifests deploy, by Region and name.
    pub deployed: &'a BTreeSet<(String, String)>,
    /// The group of each Region that a preview has shown.
    pub groups: Mutex<BTreeSet<String>>,
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

/// A function as the plan sees it.
struct Found {
    arn: FunctionArn,
    deployed: Vec<AppliedFunction>,
    /// True if the function exists, so that its policy can be read.
    exists: bool,
}

impl Observer<'_> {
    /// The plan of a resource. `recorded` contains the resources of the earlier manifest.
    pub async fn plan(&self, declared: &Declared, recorded: &Applied) -> Result<Planned, Failure> {
        let mut planned = Planned::default();
        if let Spec::Scheduled(valid) = &declared.spec {
            valid.check_account(self.account)?;
        }
        let function = self.function(declared, recorded, &mut planned).await?;
        let mut recorded = recorded.clone();
        if let Spec::Scheduled(valid) = &declared.spec {
            recorded.merge(&self.left_over(declared, valid, &recorded, &function.arn).await?);
        }
        let recorded = &recorded;
        match &declared.spec {
            Spec::Scheduled(valid) if valid.backend == Backend::Rule => {
                self.rule(declared, valid, function, recorded, &mut planned).await?;
            }
            Spec::Scheduled(valid) => {
                self.schedule(declared, valid, function, recorded, &mut planned).await?
            }
            Spec::S3(valid) => {
                let owner = self.owner(None);
                let Found { arn, deployed, exists } = function;
                let intent = Intent::new(&owner, &declared.key, valid, arn, deployed);
                let policy = self.policy(declared, &intent.function, exists).await?;
                let plan = intent.plan(recorded, false, &policy);
                let short = intent.function.short();
                planned.changes.extend(permission_change(
                    &plan.permission,
                    &intent.statement,
                    &short,
                    &valid.region,
                ));
                (planned.wanted, planned.obsolete) = (plan.wanted, plan.obsolete);
            }
        }
        Ok(planned)
    }

    /// The resources of an earlier object at the other backend, for an object that is new in the manifests.
    async fn left_over(
        &self,
        declared: &Declared,
        valid: &Valid,
        recorded: &Applied,
        function: &FunctionArn,
    ) -> Result<Applied, Failure> {
        let mut found = Applied::default();
        if !recorded.rules.is_empty() || !recorded.schedules.is_empty() {
            return Ok(found);
        }
        let Options { owner, tenancy, scheduler_role: own, .. } = self.options;
        let (region, name) = (valid.region.clone(), declared.key.rule_name(owner, declared.kind));
        match valid.backend {
            Backend::Scheduler => {
                if self.read_rule(&region, &name).await.map_err(of(Component::Rule))?.is_some() {
                    let (statement_id, function_arn) = (rules_statement_id(owner), function.to_string());
                    found.permissions.push(AppliedPermission { function_arn, statement_id });
                    found.rules.push(AppliedRule { region, name, tag_keys: vec![] });
                }
            }
            // Without a role, the operator has made no schedule.
            Backend::Rule => {
                let role = scheduler_role(tenancy.as_ref(), &declared.key.namespace, own.as_deref());
                let key = ScheduleKey { group: owner.group_name(), name: name.clone() };
                if role.is_err() {
                    return Ok(found);
                }
                let schedule = self.aws.scheduler(&region).schedule(&key).await;
                if schedule.map_err(of(Component::Schedule))?.is_some() {
                    found.schedules.push(AppliedSchedule { region, group: key.group, name });
                }
            }
        }
        Ok(found)
    }

    async fn rule(
        &self,
        declared: &Declared,
        valid: &Valid,
        function: Found,
        recorded: &Applied,
        planned: &mut Planned,
    ) -> Result<(), Failure> {
        let name = declared.key.rule_name(&self.options.owner, declared.kind);
        let observed = self.read_rule(&valid.region, &name).await.map_err(of(Component::Rule))?;
        let tags = observed.as_ref().map(|rule| &rule.tags);
        let owner = self.owner(tags);
        let operator =
            Operator { owner: &owner, default_tags: &self.options.default_tags, account: self.account };
        let Found { arn, deployed, exists } = function;
        let origin = declared.origin(tag(tags, TAG_UID));
        let intent = RuleIntent::new(operator, origin, valid, arn, deployed, self.now)?;
        let policy = self.policy(declared, &intent.function, exists).await?;
        let plan = intent.plan(recorded, false, &policy, &RuleView::Read(observed.clone()))?;
        let short = intent.function.short();
        planned.changes.extend(permission_change(&plan.permission, &intent.statement, &short, &valid.region));
        let words = valid.schedule.in_words();
        if let Some(rule) = &plan.rule {
            let place = (valid.region.as_str(), words.as_str());
            let secrets = self.options.secrets;
            planned.changes.extend(rule_changes(rule, &intent.rule, observed.as_ref(), place, secrets));
        }
        planned.warn_no_next_run(intent.refused_without_next_run());
        (planned.wanted, planned.obsolete) = (plan.wanted, plan.obsolete);
        Ok(())
    }

    async fn schedule(
        &self,
        declared: &Declared,
        valid: &Valid,
        function: Found,
        recorded: &Applied,
        planned: &mut Planned,
    ) -> Result<(), Failure> {
        let Options { tenancy, scheduler_role: own, secrets, .. } = self.options;
        let role = scheduler_role(tenancy.as_ref(), &declared.key.namespace, own.as_deref())
            .map_err(|refusal| {
                Failure::new(Component::Schedule, Reason::SchedulerRoleMissing, refusal.to_string())
            })?
            .to_owned();
        let group = self.group(&valid.region).await?;
        let owner = self.owner(None);
        let operator =
            Operator { owner: &owner, default_tags: &self.options.default_tags, account: self.account };
        let Found { arn, deployed, .. } = function;
        let origin = declared.origin(String::new());
        let intent = ScheduleIntent::new(operator, &origin, valid, arn, deployed, &role, self.now);
        let read = self.aws.scheduler(&valid.region).schedule(&intent.schedule.key).await;
        let observed = read.map_err(of(Component::Schedule))?.map(|dated| dated.schedule);
        let plan = intent.plan(recorded, observed.as_ref(), self.now);
        if let Some(schedule) = &plan.schedule {
            let words = valid.schedule.in_words();
            let place = (valid.region.as_str(), words.as_str());
            // A schedule that is over needs no group.
            if matches!(schedule.step, Some(ScheduleStep::Create(_) | ScheduleStep::Update(_)))
                && let Some(group) = group
                && self.groups.lock().await.insert(valid.region.clone())
            {
                planned.changes.push(group);
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
        let outcome = intent.outcome(&plan, self.now);
        planned.warn_no_next_run(intent.check_next_run(outcome).err());
        (planned.wanted, planned.obsolete) = (plan.wanted, plan.obsolete);
        Ok(())
    }

    /// The change of the group. The first schedule of a Region makes the change.
    async fn group(&self, region: &str) -> Result<Option<PlannedChange>, Failure> {
        let group = self.options.owner.group_name();
        let arn = group_arn(&group, region, self.account);
        let tags = self.aws.scheduler(region).group_tags(&arn).await.map_err(of(Component::Schedule))?;
        let owner = self.owner(tags.as_ref());
        let plan = plan_group(tags.as_ref(), &owner).map_err(|conflict| conflict.failure(&owner, region))?;
        Ok(group_change(&plan, &group, region))
    }

    /// A rule with its tags and targets; `None` if not found.
    pub async fn read_rule(&self, region: &str, name: &str) -> Result<Option<ObservedRule>, AwsError> {
        let rules = self.aws.eventbridge(region);
        let found = match rules.list(&self.options.owner.prefix(), self.since).await? {
            Some(listed) => listed.get(name).cloned(),
            None => rules.describe(name).await?,
        };
        let Some(rule) = found else { return Ok(None) };
        let (tags, targets) = (rules.tags(&rule).await?, rules.targets(name).await?);
        Ok(Some(rule.with(tags, targets)))
    }

    /// The policy of a function. A function that does not exist yet has an empty policy.
    async fn policy(
        &self,
        declared: &Declared,
        function: &FunctionArn,
        exists: bool,
    ) -> Result<PolicyView, Failure> {
        if declared.function().permission == PermissionPolicy::External {
            return Ok(PolicyView::External);
        }
        if !exists {
            return Ok(PolicyView::Read(Policy::default()));
        }
        let policy = self.read_policy(function).await.map_err(of(Component::Permission))?;
        Ok(PolicyView::Read(policy.unwrap_or_default()))
    }

    /// The policy of a function; `None` if the function is not found.
    pub async fn read_policy(&self, function: &FunctionArn) -> Result<Option<Policy>, AwsError> {
        self.aws.lambda(&function.region).policy(function, self.since).await
    }

    async fn function(
        &self,
        declared: &Declared,
        recorded: &Applied,
        planned: &mut Planned,
    ) -> Result<Found, Failure> {
        let arn = declared.function_arn(&self.options.owner, self.account);
        if let Some(definition) = &declared.function().definition {
            return self.definition(declared, definition, arn, recorded, planned).await;
        }
        let lambda = self.aws.lambda(&arn.region);
        let name = match &declared.function().arn {
            Some(_) => arn.with_qualifier(None).to_string(),
            None => arn.name.clone(),
        };
        let found = lambda.function(&name, arn.qualifier.as_deref(), self.since).await;
        let exists = match found.map_err(of(Component::Function))? {
            Some(function) => {
                let failed = function.failed.map(|why| in_state_failed(&function.arn, &why));
                planned.problems.extend(failed.as_ref().map(Problem::from_failure));
                true
            }
            None => {
                let missing = not_found(&arn.name, arn.qualifier.as_deref(), &arn.region);
                if !self.deployed.contains(&(arn.region.clone(), arn.name.clone())) {
                    return Err(missing);
                }
                let mut problem = Problem::from_failure(&missing);
                problem.severity = Severity::Warning;
                problem.message += "; another resource of these manifests deploys it first";
                planned.problems.push(problem);
                false
            }
        };
        Ok(Found { arn, deployed: vec![], exists })
    }

    /// The plan of a function that the resource deploys.
    async fn definition(
        &self,
        declared: &Declared,
        definition: &FunctionDefinition,
        arn: FunctionArn,
        recorded: &Applied,
        planned: &mut Planned,
    ) -> Result<Found, Failure> {
        let files = self.code(declared, definition)?;
        let lambda = self.aws.lambda(&arn.region);
        let observed = lambda.deployed(&arn.name).await.map_err(of(Component::Function))?;
        let tags = observed.as_ref().map(|function| &function.tags);
        let (owner, origin) = (self.owner(tags), declared.origin(tag(tags, TAG_UID)));
        let desired =
            DesiredFunction::from_definition(&owner, &origin, &self.options.default_tags, definition, files);
        let before = recorded.functions.iter().find(|one| one.region == arn.region && one.name == arn.name);
        let set_before: BTreeSet<String> =
            before.into_iter().flat_map(|one| one.tag_keys.iter().cloned()).collect();
        let manages_retries = desired.async_invoke.is_some() || before.is_some_and(|one| one.async_invoke);
        let plan_from = |observed: Option<&ObservedFunction>| -> Result<FunctionPlan, Failure> {
            let known = observed.map(|function| function.code_sha256.as_str());
            let policy = definition.adoption_policy;
            plan_function(&desired, observed, &set_before, known, &owner, &origin, policy).map_err(
                |conflict| {
                    let message = format!(
                        "the function {} in {} exists and is not touched: {conflict}",
                        arn.name, arn.region
                    );
                    Failure::new(Component::Function, Reason::ConflictingFunction, message)
                },
            )
        };
        let mut plan = plan_from(observed.as_ref())?;
        // Lambda takes one update at a time: the code follows the settings in a later reconcile.
        if let Some(observed) = &observed {
            let configuration = desired.configuration.clone();
            let after = plan_from(Some(&ObservedFunction { configuration, ..observed.clone() }))?;
            let is_code = |step: &FunctionStep| matches!(step, FunctionStep::UpdateCode(..));
            if !plan.steps.iter().any(is_code) {
                plan.steps.extend(after.steps.into_iter().filter(is_code));
            }
        }
        let invoke = match &observed {
            Some(_) if manages_retries => self.event_invoke_config(&*lambda, &arn.name).await?,
            _ => None,
        };
        if manages_retries && observed.is_some() {
            plan_async_invoke(&mut plan, desired.async_invoke.as_ref(), invoke.as_ref());
        }
        planned.changes.extend(function_changes(
            &plan.steps,
            (observed.as_ref(), invoke.as_ref()),
            &arn.name,
            &arn.region,
            self.options.secrets,
        ));
        let deployed = AppliedFunction {
            region: arn.region.clone(),
            name: arn.name.clone(),
            tag_keys: desired.tags.keys().cloned().collect(),
            async_invoke: manages_retries,
        };
        Ok(Found { arn, deployed: vec![deployed], exists: observed.is_some() })
    }

    async fn event_invoke_config(
        &self,
        lambda: &dyn LambdaReads,
        name: &str,
    ) -> Result<Option<EventInvokeConfig>, Failure> {
        lambda.event_invoke_config(name).await.map_err(of(Component::Function))
    }

    /// The code in the manifests as an archive; `None` for code in S3 or in an image.
    fn code(&self, declared: &Declared, definition: &FunctionDefinition) -> Result<Option<Archive>, Failure> {
        let not_found = |message| Failure::new(Component::Function, Reason::CodeNotFound, message);
        let config_map = definition.code.config_map.as_ref().map(|code| code.name.as_str());
        let files = match (&definition.code.inline, config_map) {
            (Some(files), _) => {
                files.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect()
            }
            (None, Some(name)) => {
                let of_namespace = (declared.key.namespace.clone(), name.to_owned());
                let of_none = (String::new(), name.to_owned());
                let found = self.config_maps.get(&of_namespace).or_else(|| self.config_maps.get(&of_none));
                found.cloned().ok_or_else(|| {
                    not_found(format!(
                        "spec.function.definition.code.configMap: the ConfigMap {name} is not in the files, so the code \
                         is unknown: give its manifest, too"
                    ))
                })?
            }
            (None, None) => return Ok(None),
        };
        if let Some(MissingHandler::Nowhere(message)) = missing_handler(definition, config_map, &files) {
            return Err(not_found(message));
        }
        let invalid = |error| Failure::new(Component::Function, Reason::InvalidSpec, error_chain(&error));
        archive(&files).map(Some).map_err(invalid)
    }

    /// The owner. The tags of the cluster count as right, since a plan without the cluster does not know the cluster.
    pub fn owner(&self, tags: Option<&BTreeMap<String, String>>) -> Owner {
        Owner { id: self.options.owner.clone(), cluster: tag(tags, TAG_CLUSTER) }
    }
}

impl Planned {
    fn warn_no_next_run(&mut self, failure: Option<Failure>) {
        self.problems.extend(
            failure.map(|failure| Problem { severity: Severity::Warning, ..Problem::from_failure(&failure) }),
        );
    }
}

/// The value of an operator's tag.
fn tag(tags: Option<&BTreeMap<String, String>>, key: &str) -> String {
    tags.and_then(|tags| tags.get(key)).cloned().unwrap_or_else(|| BY_CLUSTER.into())
}

/// The failure of a read.
pub fn of(component: Component) -> impl Fn(AwsError) -> Failure {
    move |error| error.failure(component)
}
