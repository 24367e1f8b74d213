//! The schedule groups that are proven to belong to this operator.

use std::collections::HashSet;

use lambda_triggers_core::api::Tags;
use lambda_triggers_core::plan::schedule::{GroupPlan, adoption_event, group_arn, plan_group};
use lambda_triggers_core::status::{Component, EventToEmit};
use tokio::sync::Mutex;

use crate::aws::{AwsError, SchedulerApi, SchedulerReads, confirm_absent};
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
        let plan = plan(context, &place, schedules.group_tags(&arn(context, &place)).await)?;
        let done = match &plan {
            GroupPlan::Ours => Ok(()),
            GroupPlan::Create(tags) => schedules.create_group(&context.owner.id.group_name(), tags).await,
            GroupPlan::TakeOver { tags, .. } => schedules.tag_group(&arn(context, &place), tags).await,
        };
        done.map_err(Error::aws(Component::Schedule))?;
        proven.insert(place);
        Ok(adoption_event(&context.owner, &plan))
    }

    /// Fails if the group belongs to somebody else, or if AWS denies the read.
    pub async fn check(
        &self,
        context: &Context,
        schedules: &dyn SchedulerReads,
        place: &GroupPlace,
    ) -> Result<(), Error> {
        if self.0.lock().await.contains(place) {
            return Ok(());
        }
        self.prove(context, place, schedules.group_tags(&arn(context, place)).await).await.map(drop)
    }

    /// True if the group exists. A single not-found can be false, so two reads show that no schedule of the group is left.
    /// Fails if the group belongs to somebody else.
    pub async fn exists(
        &self,
        context: &Context,
        schedules: &dyn SchedulerReads,
        place: &GroupPlace,
    ) -> Result<bool, Error> {
        if self.0.lock().await.contains(place) {
            return Ok(true);
        }
        let arn = arn(context, place);
        let plan = self.prove(context, place, confirm_absent(|| schedules.group_tags(&arn)).await).await?;
        Ok(!matches!(plan, GroupPlan::Create(_)))
    }

    async fn prove(
        &self,
        context: &Context,
        place: &GroupPlace,
        tags: Result<Option<Tags>, AwsError>,
    ) -> Result<GroupPlan, Error> {
        let plan = plan(context, place, tags)?;
        if plan == GroupPlan::Ours {
            self.0.lock().await.insert(place.clone());
        }
        Ok(plan)
    }

    /// Forgets a group that AWS did not find.
    pub async fn forget(&self, place: &GroupPlace) {
        self.0.lock().await.remove(place);
    }
}

fn arn(context: &Context, place: &GroupPlace) -> String {
    group_arn(&context.owner.id.group_name(), &place.region, &place.account)
}

fn plan(
    context: &Context,
    place: &GroupPlace,
    tags: Result<Option<Tags>, AwsError>,
) -> Result<GroupPlan, Error> {
    let tags = tags.map_err(Error::aws(Component::Schedule))?;
    let plan = plan_group(tags.as_ref(), &context.owner);
    Ok(plan.map_err(|conflict| conflict.failure(&context.owner, &place.region))?)
}
