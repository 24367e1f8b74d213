//! The reads of a `ScheduledFunction`: the function's policy, and the rule with its targets and tags.

use std::time::Duration;

use lambda_triggers_core::api::Tags;
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::plan::intent::scheduled_function::RuleIntent;
use lambda_triggers_core::plan::permission::PolicyView;
use lambda_triggers_core::plan::rule::{DesiredRule, ObservedRule, RuleView};
use lambda_triggers_core::plan::trigger::TriggerPlan;
use lambda_triggers_core::status::Component;
use tokio::time::Instant;

use crate::aws::{AwsError, AwsErrorKind, EventBridgeReads, ListedRule, confirm_absent};
use crate::objects::RawScheduledFunction;
use crate::reconcile::error::Error;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

/// The age of a list that shows if the name of a new rule is free.
const NEW_RULE_LIST_AGE: Duration = Duration::from_secs(5);

/// Observes the permission and the rule, and plans. Reads that began at or after `since` are accepted.
pub async fn observe_and_plan(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawScheduledFunction>,
    intent: &RuleIntent,
    since: Instant,
) -> Result<(TriggerPlan, PolicyView), Error> {
    let (context, applied) = (&reconciler.context, &writer.status.applied);
    let policy = reconciler.observe_permission(writer, &intent.grant(), &intent.spec.function, since).await?;
    let rules = context.aws(&writer.id.key).eventbridge(&intent.region);
    let is_new = !intent.is_recorded(applied);
    let is_fresh = since >= writer.began;
    // New rules of a moment share a list.
    let list_since = since.checked_sub(if is_new { NEW_RULE_LIST_AGE } else { Duration::ZERO });
    let reads = RuleReads {
        rules: &*rules,
        owner: &context.owner.id,
        list_since: list_since.filter(|_| is_new || !is_fresh),
        is_new,
        reads_tags: is_fresh || writer.reads_everything || !intent.has_recorded_tag_keys(applied),
    };
    let view = reads.observe(&intent.rule).await.map_err(Error::aws(Component::Rule))?;
    Ok((intent.plan(applied, writer.trusts_others, &policy, &view)?, policy))
}

struct RuleReads<'a> {
    rules: &'a dyn EventBridgeReads,
    owner: &'a OwnerId,
    /// A list that began at or after this instant may replace the read of a rule; `None` for no list.
    list_since: Option<Instant>,
    /// True if the status does not record the rule.
    is_new: bool,
    reads_tags: bool,
}

impl RuleReads<'_> {
    /// Observes a rule. A list shows the settings of all rules, in place of a read of each rule.
    async fn observe(&self, desired: &DesiredRule) -> Result<RuleView, AwsError> {
        let listed = match self.list_since {
            Some(since) => self.rules.list(&self.owner.prefix(), since).await?,
            None => None,
        };
        let found = match listed.as_ref().map(|rules| rules.get(&desired.name)) {
            Some(Some(rule)) => Some(rule.clone()),
            // The name is free.
            Some(None) if self.is_new => return Ok(RuleView::Read(None)),
            _ if self.is_new => self.rules.describe(&desired.name).await?,
            // A false not-found would replace the rule without its tags.
            _ => confirm_absent(|| self.rules.describe(&desired.name)).await?,
        };
        let Some(rule) = found else { return Ok(RuleView::Read(None)) };
        match self.complete(rule, desired).await {
            // The rule was deleted after the list.
            Err(error) if error.kind == AwsErrorKind::NotFound => {
                match self.rules.describe(&desired.name).await? {
                    Some(rule) => self.complete(rule, desired).await,
                    None => Ok(RuleView::Read(None)),
                }
            }
            view => view,
        }
    }

    async fn complete(&self, rule: ListedRule, desired: &DesiredRule) -> Result<RuleView, AwsError> {
        let targets = self.rules.targets(&rule.name).await?;
        let observed = rule.clone().with(Tags::new(), targets);
        if !self.reads_tags && observed.matches(desired) {
            return Ok(RuleView::Matches);
        }
        let tags = self.rules.tags(&rule).await?;
        Ok(RuleView::Read(Some(ObservedRule { tags, ..observed })))
    }
}
