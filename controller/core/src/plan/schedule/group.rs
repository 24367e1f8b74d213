//! The schedule group of this operator. The group's tags prove the ownership of all its schedules, because a schedule
//! has no tags.
//!
//! The operator never deletes a group: AWS would delete all its schedules, and could run the schedules until then
//! (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_DeleteScheduleGroup.html>).

use crate::api::Tags;
use crate::arn::partition_of;
use crate::ownership::{Owner, TAG_CLUSTER, TAG_OWNER};
use crate::status::{Component, EventReason, EventToEmit, Failure, Reason};

/// The ARN of a schedule group
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgescheduler.html>).
pub fn group_arn(group: &str, region: &str, account: &str) -> String {
    format!("arn:{}:scheduler:{region}:{account}:schedule-group/{group}", partition_of(region))
}

/// The step for the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupPlan {
    /// The group belongs to this operator.
    Ours,
    /// Create the group with these tags.
    Create(Tags),
    /// Set these tags: another cluster with the same owner id made the group, or its tag of the cluster was removed.
    TakeOver {
        /// The tags to set.
        tags: Tags,
        /// The UID of the previous cluster.
        adopted_from: Option<String>,
    },
}

/// The reason why the operator does not touch an existing group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupConflict {
    /// The tags name another owner.
    #[error("its tag {TAG_OWNER} is {0}")]
    Foreign(String),
    /// The tags name no owner.
    #[error("it has no tag {TAG_OWNER}")]
    Unmarked,
}

impl GroupConflict {
    /// The failure of an object that needs the group.
    pub fn failure(&self, owner: &Owner, region: &str) -> Failure {
        let group = owner.id.group_name();
        let message = format!(
            "the schedule group {group} in {region} exists and is not touched: {self}; if the group belongs to this \
             operator, set its tag {TAG_OWNER}={}, and if not, give the operator another owner id (--owner-id)",
            owner.id
        );
        Failure::new(Component::Schedule, Reason::ConflictingGroup, message)
    }
}

/// The step for the group with these tags; `None` for a missing group.
///
/// # Errors
///
/// The tags do not name this owner. No schedule of the group may be touched.
pub fn plan_group(tags: Option<&Tags>, owner: &Owner) -> Result<GroupPlan, GroupConflict> {
    let cluster = || (TAG_CLUSTER.to_owned(), owner.cluster.clone());
    let Some(tags) = tags else {
        return Ok(GroupPlan::Create(Tags::from([(TAG_OWNER.into(), owner.id.to_string()), cluster()])));
    };
    match tags.get(TAG_OWNER) {
        None => return Err(GroupConflict::Unmarked),
        Some(other) if *other != owner.id.to_string() => return Err(GroupConflict::Foreign(other.clone())),
        Some(_) => {}
    }
    Ok(match tags.get(TAG_CLUSTER) {
        Some(found) if *found == owner.cluster => GroupPlan::Ours,
        found => GroupPlan::TakeOver { tags: Tags::from([cluster()]), adopted_from: found.cloned() },
    })
}

/// The event for the adoption of the group from another cluster.
pub fn adoption_event(owner: &Owner, plan: &GroupPlan) -> Option<EventToEmit> {
    let GroupPlan::TakeOver { adopted_from: Some(cluster), .. } = plan else { return None };
    let note = format!("adopted the schedule group {} from the cluster {cluster}", owner.id.group_name());
    Some(EventToEmit::normal(EventReason::Adopted, note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ownership::OwnerId;

    fn owner() -> Owner {
        Owner { id: OwnerId::parse("1a2b3c4d").unwrap(), cluster: "cluster-1".into() }
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn the_arn_of_a_group_has_the_partition_of_its_region() {
        let expected = "arn:aws-cn:scheduler:cn-north-1:123456789012:schedule-group/lt-1a2b3c4d";
        assert_eq!(group_arn("lt-1a2b3c4d", "cn-north-1", "123456789012"), expected);
    }

    #[test]
    fn the_tags_decide_about_the_group() {
        let ours = tags(&[(TAG_OWNER, "1a2b3c4d"), (TAG_CLUSTER, "cluster-1")]);
        let take_over = |adopted_from: Option<&str>| GroupPlan::TakeOver {
            tags: tags(&[(TAG_CLUSTER, "cluster-1")]),
            adopted_from: adopted_from.map(Into::into),
        };
        let cases = [
            (None, Ok(GroupPlan::Create(ours.clone()))),
            (Some(ours), Ok(GroupPlan::Ours)),
            (
                Some(tags(&[(TAG_OWNER, "1a2b3c4d"), (TAG_CLUSTER, "cluster-0")])),
                Ok(take_over(Some("cluster-0"))),
            ),
            (Some(tags(&[(TAG_OWNER, "1a2b3c4d"), ("team", "a")])), Ok(take_over(None))),
            (Some(tags(&[(TAG_CLUSTER, "cluster-1")])), Err(GroupConflict::Unmarked)),
            (Some(tags(&[(TAG_OWNER, "ffffffff")])), Err(GroupConflict::Foreign("ffffffff".into()))),
        ];
        for (tags, expected) in cases {
            assert_eq!(plan_group(tags.as_ref(), &owner()), expected, "{tags:?}");
        }
    }

    #[test]
    fn only_a_group_of_another_cluster_is_adopted() {
        let plan = |adopted_from: Option<&str>| GroupPlan::TakeOver {
            tags: Tags::new(),
            adopted_from: adopted_from.map(Into::into),
        };
        let note = "adopted the schedule group lt-1a2b3c4d from the cluster cluster-0";
        let expected = EventToEmit::normal(EventReason::Adopted, note);
        assert_eq!(adoption_event(&owner(), &plan(Some("cluster-0"))), Some(expected));
        assert_eq!(adoption_event(&owner(), &plan(None)), None);
        assert_eq!(adoption_event(&owner(), &GroupPlan::Ours), None);
    }

    #[test]
    fn a_conflict_says_which_tag_to_set() {
        let failure = GroupConflict::Foreign("ffffffff".into()).failure(&owner(), "eu-west-1");
        let message = "the schedule group lt-1a2b3c4d in eu-west-1 exists and is not touched: its tag \
                       lambda-triggers.dev/owner is ffffffff; if the group belongs to this operator, set its tag \
                       lambda-triggers.dev/owner=1a2b3c4d, and if not, give the operator another owner id \
                       (--owner-id)";
        assert_eq!(failure, Failure::new(Component::Schedule, Reason::ConflictingGroup, message));
    }
}
