//! The schedule groups that are proven to belong to this operator.

use std::collections::HashSet;

use lambda_triggers_core::plan::schedule::{GroupPlan, adoption_event, group_arn, plan_group};
use lambda_triggers_core::status::{Component, EventToEmit};
use tokio::sync::Mutex;

use crate::aws::{SchedulerApi, SchedulerReads};
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::recorded::Recorded;

/// The groups with proven ownership. A check holds the lock, so that many new objects create the group once.
#[derive(Default)]
pub struct Groups(Mutex<HashSet<GroupPlace>>);

/// The place of the operator's group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupPlace {
    /// The Region of the group.
    pub region: String,
    /// The account ID of the group.
    pub account: String,
}

impl Groups {
    /// Makes sure that the group exists and belongs to this operator. Returns the event of an adoption. The group is not
    /// recorded: its name follows from the owner id, and the operator never deletes it.
    pub async fn ensure(
        &self,
        context: &Context,
        schedules: &dyn SchedulerApi,
        place: GroupPlace,
        _: &Recorded,
    ) -> Result<Option<EventToEmit>, Error> {
        let mut proven = self.0.lock().await;
        if proven.contains(&place) {
            return Ok(None);
        }
        let plan = plan(context, schedules, &place).await?;
        let done = match &plan {
            GroupPlan::Ours => Ok(()),
            GroupPlan::Create(tags) => schedules.create_group(&context.owner.id.group_name(), tags).await,
            GroupPlan::TakeOver { tags, .. } => schedules.tag_group(&arn(context, &place), tags).await,
        };
        done.map_err(Error::aws(Component::Schedule))?;
        proven.insert(place);
        Ok(adoption_event(&context.owner, &plan))
    }

    /// True if the group exists. Fails if the group belongs to somebody else.
    pub async fn exists(
        &self,
        context: &Context,
        schedules: &dyn SchedulerReads,
        place: &GroupPlace,
    ) -> Result<bool, Error> {
        let mut proven = self.0.lock().await;
        if proven.contains(place) {
            return Ok(true);
        }
        let plan = plan(context, schedules, place).await?;
        if plan == GroupPlan::Ours {
            proven.insert(place.clone());
        }
        Ok(!matches!(plan, GroupPlan::Create(_)))
    }

    /// Forgets a group that AWS did not find.
    pub async fn forget(&self, place: &GroupPlace) {
        self.0.lock().await.remove(place);
    }
}

fn arn(context: &Context, place: &GroupPlace) -> String {
    group_arn(&context.owner.id.group_name(), &place.region, &place.account)
}

async fn plan(
    context: &Context,
    schedules: &dyn SchedulerReads,
    place: &GroupPlace,
) -> Result<GroupPlan, Error> {
    let tags = schedules.group_tags(&arn(context, place)).await.map_err(Error::aws(Component::Schedule))?;
    let plan = plan_group(tags.as_ref(), &context.owner);
    Ok(plan.map_err(|conflict| conflict.failure(&context.owner, &place.region))?)
}
