//! The resources of an earlier object of the same name, found by name: a restored backup has no status.

use std::time::Duration;

use lambda_triggers_core::api::{Applied, AppliedPermission, AppliedRule, AppliedSchedule, Backend};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{ObjectKey, rules_statement_id};
use lambda_triggers_core::plan::function::{named_arn, region};
use lambda_triggers_core::plan::intent::scheduled_function::Valid;
use lambda_triggers_core::plan::schedule::ScheduleKey;
use lambda_triggers_core::status::Component;
use tokio::time::Instant;

use crate::aws::{confirm_absent, read_rule};
use crate::objects::{Identity, RawScheduledFunction, Trigger};
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::function;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::schedules::role;
use crate::reconcile::status::StatusWriter;

/// The age of a list that shows if the other backend has a resource for a new object. New objects of a moment share a
/// list.
const LIST_AGE: Duration = Duration::from_secs(5);
/// The time in which a list may lack a resource that outlived its object: the list may be cached, and lists are
/// eventually consistent.
const UNCERTAIN_AGE: Duration = Duration::from_secs(600);

/// Adds the resources at the other backend to the status of an object without recorded resources. The move to the
/// backend of the spec then removes them.
pub async fn find(
    reconciler: &Reconciler,
    object: &RawScheduledFunction,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
    valid: &Valid,
    account: &str,
) -> Result<(), Error> {
    let applied = &writer.status.applied;
    if writer.was_in_sync || !applied.rules.is_empty() || !applied.schedules.is_empty() {
        return Ok(());
    }
    let context = &reconciler.context;
    let names = Names::of(context, object);
    let retained_at = *reconciler.retained_at.lock();
    let is_certain = retained_at.is_none_or(|at| at.elapsed() > UNCERTAIN_AGE);
    let found = match valid.backend {
        Backend::Scheduler if names.has_rule(context, is_certain).await? => {
            let mut found = names.rule(context, object).await?;
            // A read of the targets may miss a new target.
            let function = match found.functions.first() {
                Some(deployed) => FunctionArn::of_name(&deployed.name, &deployed.region, account),
                None => named_arn(&valid.spec.function, &valid.region, account),
            };
            found.permissions.push(names.permission(context, function.to_string()));
            found
        }
        Backend::Rule if names.has_schedule(context, is_certain).await? => {
            Applied { schedules: vec![names.schedule], ..Applied::default() }
        }
        Backend::Scheduler | Backend::Rule => return Ok(()),
    };
    writer.status.applied.merge(&found);
    Ok(())
}

/// All resources that an earlier object of this name may have created.
pub async fn by_name(context: &Context, object: &RawScheduledFunction) -> Result<Applied, Error> {
    let names = Names::of(context, object);
    let mut found = names.rule(context, object).await?;
    if names.may_have_schedule(context) {
        let schedules = context.aws_for_removal(&names.key).scheduler(&names.schedule.region);
        let key = ScheduleKey::from(&names.schedule);
        let observed = confirm_absent(|| schedules.schedule(&key)).await;
        found.schedules =
            observed.map_err(Error::aws(Component::Schedule))?.map(|_| names.schedule).into_iter().collect();
    }
    Ok(found)
}

/// The names of an object's resources, which follow from the object's own name.
struct Names {
    key: ObjectKey,
    rule: AppliedRule,
    schedule: AppliedSchedule,
}

impl Names {
    fn of(context: &Context, object: &RawScheduledFunction) -> Self {
        let (owner, spec) = (&context.owner.id, object.spec.value());
        let arn = spec["function"]["arn"].as_str();
        let region = region(spec["region"].as_str(), arn, context.default_region());
        let key = Identity::from_object(object).key;
        let name = key.rule_name(owner, RawScheduledFunction::NAME);
        let schedule =
            AppliedSchedule { region: region.clone(), group: owner.group_name(), name: name.clone() };
        Self { key, rule: AppliedRule { region, name, tag_keys: vec![] }, schedule }
    }

    /// True if the operator may have created a schedule. Without a role, the operator needs no permission to read
    /// schedules.
    fn may_have_schedule(&self, context: &Context) -> bool {
        role(context, &self.key.namespace).is_ok()
    }

    /// True if the rule exists. A list is shared, and shows a rule unless its state is uncertain.
    async fn has_rule(&self, context: &Context, is_certain: bool) -> Result<bool, Error> {
        let AppliedRule { region, name, .. } = &self.rule;
        let rules = context.aws_for_removal(&self.key).eventbridge(region);
        let found = async {
            if is_certain && let Some(listed) = rules.list(&context.owner.id.prefix(), list_since()).await? {
                return Ok(listed.contains_key(name));
            }
            confirm_absent(|| rules.describe(name)).await.map(|rule| rule.is_some())
        };
        found.await.map_err(Error::aws(Component::Rule))
    }

    /// True if the schedule exists.
    async fn has_schedule(&self, context: &Context, is_certain: bool) -> Result<bool, Error> {
        if !self.may_have_schedule(context) {
            return Ok(false);
        }
        let AppliedSchedule { region, group, name } = &self.schedule;
        let schedules = context.aws_for_removal(&self.key).scheduler(region);
        let found = async {
            if is_certain && let Some(listed) = schedules.list(group, list_since()).await? {
                return Ok(listed.contains_key(name));
            }
            let key = ScheduleKey::from(&self.schedule);
            confirm_absent(|| schedules.schedule(&key)).await.map(|schedule| schedule.is_some())
        };
        found.await.map_err(Error::aws(Component::Schedule))
    }

    /// The statement for the operator's rules in the policy of a function.
    fn permission(&self, context: &Context, function_arn: String) -> AppliedPermission {
        AppliedPermission { function_arn, statement_id: rules_statement_id(&context.owner.id) }
    }

    /// The rule, and the statements of its targets. The targets name the functions whose policies have a statement.
    async fn rule(&self, context: &Context, object: &RawScheduledFunction) -> Result<Applied, Error> {
        let AppliedRule { region, name, .. } = &self.rule;
        let rules = context.aws_for_removal(&self.key).eventbridge(region);
        // A rule of the operator has a target, which a read may miss for some seconds.
        let read = || async {
            let targets = read_rule(&*rules, name).await?.map(|rule| rule.targets);
            Ok(targets.filter(|targets| !targets.is_empty()))
        };
        let targets = confirm_absent(read).await.map_err(Error::aws(Component::Rule))?;
        let targets = targets.into_iter().flatten().filter_map(|(_, target)| target);
        Ok(Applied {
            functions: function::by_spec(context, object, &self.key, region),
            rules: vec![self.rule.clone()],
            permissions: targets.map(|target| self.permission(context, target.arn)).collect(),
            ..Applied::default()
        })
    }
}

/// The oldest start of an accepted list.
fn list_since() -> Instant {
    let now = Instant::now();
    now.checked_sub(LIST_AGE).unwrap_or(now)
}
