//! Schedule groups and their tags.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-group.html>

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    check::{self, DEFAULT_GROUP, MAX_TAGS, text},
    store::{ScheduleKey, Scheduler, conflict, page, quota_exceeded, seconds},
};
use crate::aws_proxy::{events_check::invalid, wire::Refusal};

/// Maximum groups in a Region.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>
const MAX_GROUPS: usize = 500;

/// The identity of a group in an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    pub region: String,
    pub name: String,
}

/// A group. The group `default` is not stored until it has tags.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    tags: BTreeMap<String, String>,
    created: Timestamp,
    modified: Timestamp,
    /// The end of the deletion, if the group is `DELETING`.
    gone_at: Option<Timestamp>,
}

impl GroupKey {
    /// The group's ARN in `account`.
    pub fn arn(&self, account: &str) -> String {
        format!("arn:aws:scheduler:{}:{account}:schedule-group/{}", self.region, self.name)
    }

    /// The group of an ARN. A schedule has no tags.
    fn from_arn(arn: &str) -> Result<Self, Refusal> {
        match arn.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "scheduler", region, _, resource] if resource.starts_with("schedule-group/") => {
                let name = resource.trim_start_matches("schedule-group/").to_owned();
                Ok(Self { region: (*region).to_owned(), name })
            }
            _ => Err(invalid(format!("{arn} is not the ARN of a schedule group."))),
        }
    }
}

impl ScheduleKey {
    /// The group of the schedule.
    pub fn group_key(&self) -> GroupKey {
        GroupKey { region: self.region.clone(), name: self.group.clone() }
    }
}

impl Group {
    fn answer(&self, key: &GroupKey, account: &str) -> Value {
        json!({
            "Arn": key.arn(account),
            "CreationDate": seconds(self.created),
            "LastModificationDate": seconds(self.modified),
            "Name": key.name,
            "State": if self.gone_at.is_some() { "DELETING" } else { "ACTIVE" },
        })
    }
}

/// 404: the group does not exist.
fn missing(key: &GroupKey) -> Refusal {
    let text = format!("Schedule group {} does not exist.", key.name);
    Refusal::new(404, "ResourceNotFoundException", text)
}

impl Scheduler {
    /// All groups with their tags. The group `default` is missing until it has tags.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupKey, &BTreeMap<String, String>)> {
        self.groups.iter().map(|(key, group)| (key, &group.tags))
    }

    pub(super) fn group(&self, key: &GroupKey) -> Result<Group, Refusal> {
        let default = (key.name == DEFAULT_GROUP).then(Group::default);
        self.groups.get(key).cloned().or(default).ok_or_else(|| missing(key))
    }

    /// The group, unless its deletion is in progress.
    pub(super) fn active_group(&self, key: &GroupKey) -> Result<Group, Refusal> {
        let group = self.group(key)?;
        if group.gone_at.is_some() {
            return Err(conflict(format!("Schedule group {} is being deleted.", key.name)));
        }
        Ok(group)
    }

    /// Ends the deletions of groups that are due, with all schedules of the groups.
    pub(super) fn finish_deletions(&mut self, now: Timestamp) {
        self.groups.retain(|key, group| {
            let is_gone = group.gone_at.is_some_and(|gone_at| gone_at <= now);
            if is_gone {
                self.schedules.retain(|schedule, _| schedule.group_key() != *key);
            }
            !is_gone
        });
    }

    /// Answers an operation on groups and tags.
    pub(super) fn on_group(
        &mut self,
        operation: &str,
        region: &str,
        members: &Value,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        check::group_identity(members)?;
        let key = GroupKey { region: region.to_owned(), name: text(members, "Name").to_owned() };
        match operation {
            "CreateScheduleGroup" => self.create_group(key, members, now),
            "GetScheduleGroup" => Ok(self.group(&key)?.answer(&key, &self.account)),
            "DeleteScheduleGroup" => self.delete_group(key, now),
            "ListScheduleGroups" => self.list_groups(region, members),
            "ListTagsForResource" | "TagResource" | "UntagResource" => self.on_tags(operation, members, now),
            _ => Err(Refusal::new(404, "UnknownOperationException", "")),
        }
    }

    fn create_group(&mut self, key: GroupKey, members: &Value, now: Timestamp) -> Result<Value, Refusal> {
        check::tags(members)?;
        if self.group(&key).is_ok() {
            return Err(conflict(format!("Schedule group {} already exists.", key.name)));
        }
        // The group `default` counts.
        if self.groups.keys().filter(|other| other.region == key.region).count() + 1 >= MAX_GROUPS {
            return Err(quota_exceeded("schedule groups"));
        }
        let arn = key.arn(&self.account);
        let group = Group { tags: tags_of(members).collect(), created: now, modified: now, gone_at: None };
        self.groups.insert(key, group);
        Ok(json!({"ScheduleGroupArn": arn}))
    }

    /// Starts the deletion of a group. Its schedules run until the end of the deletion.
    fn delete_group(&mut self, key: GroupKey, now: Timestamp) -> Result<Value, Refusal> {
        if key.name == DEFAULT_GROUP {
            return Err(invalid("The default schedule group cannot be deleted."));
        }
        let group = self.active_group(&key)?;
        let gone_at = Some(now + self.settings.group_deletion);
        self.groups.insert(key, Group { modified: now, gone_at, ..group });
        self.finish_deletions(now);
        Ok(json!({}))
    }

    fn list_groups(&self, region: &str, members: &Value) -> Result<Value, Refusal> {
        let page_size = check::page_size(members)?;
        let default = GroupKey { region: region.to_owned(), name: DEFAULT_GROUP.to_owned() };
        let mut groups = self.groups.clone();
        groups.entry(default).or_default();
        let prefix = text(members, "NamePrefix");
        let here = groups.iter().filter(|(key, _)| key.region == region && key.name.starts_with(prefix));
        let answers = here.map(|(key, group)| (key.name.clone(), group.answer(key, &self.account)));
        Ok(page("ScheduleGroups", answers, text(members, "NextToken"), page_size))
    }

    fn on_tags(&mut self, operation: &str, members: &Value, now: Timestamp) -> Result<Value, Refusal> {
        let key = GroupKey::from_arn(text(members, "ResourceArn"))?;
        let mut group = self.group(&key)?;
        if operation == "ListTagsForResource" {
            let tags = group.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
            return Ok(json!({"Tags": tags.collect::<Vec<_>>()}));
        }
        if operation == "TagResource" {
            check::tags(members)?;
            group.tags.extend(tags_of(members));
        } else {
            let gone = members["TagKeys"].as_array().map(Vec::as_slice).unwrap_or_default();
            group.tags.retain(|key, _| !gone.iter().any(|gone| gone == key));
        }
        if group.tags.len() > MAX_TAGS {
            return Err(quota_exceeded("tags"));
        }
        group.modified = now;
        self.groups.insert(key, group);
        Ok(json!({}))
    }
}

fn tags_of(members: &Value) -> impl Iterator<Item = (String, String)> {
    let tags = members["Tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    tags.iter().map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned()))
}
