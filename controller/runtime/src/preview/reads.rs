//! The reads of AWS for one resource, with the credentials of its namespace.

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::permission::Policy;
use lambda_triggers_core::plan::rule::ObservedRule;
use lambda_triggers_core::plan::schedule::{ObservedSchedule, ScheduleKey};
use lambda_triggers_core::status::{Component, Failure, Reason};

use super::item::Item;
use super::observer::Observer;
use crate::aws::{AwsError, AwsReads, ListedTags, read_listed_rule};

impl Observer<'_> {
    /// AWS with the credentials for an object.
    pub fn aws(&self, item: &Item) -> AwsReads {
        self.aws.of(&item.declared.key, item.is_gone)
    }

    /// Fails for an account that the credentials do not reach.
    pub fn check_credentials(&self, item: &Item) -> Result<(), Failure> {
        let account = self.options.account_of(&item.declared.key.namespace);
        if self.aws.are_separate() || self.options.account.as_deref() == Some(account) {
            return Ok(());
        }
        let message = format!(
            "the namespace acts in account {account} with the role of the tenancy file, and this plan does not assume \
             roles: add --assume-roles"
        );
        Err(Failure::new(Component::Function, Reason::AccessDenied, message))
    }

    /// A rule with its tags and targets; `None` if not found. Listed tags count for a rule that `is_in_place` with them.
    pub async fn read_rule(
        &self,
        item: &Item,
        region: &str,
        name: &str,
        is_in_place: impl Fn(&ObservedRule) -> bool,
    ) -> Result<Option<ObservedRule>, AwsError> {
        let rules = self.aws(item).eventbridge(region);
        let listed = rules.list(&self.options.owner.prefix(), self.since).await?;
        let tags = self.tags_of_rules(item, region).await;
        read_listed_rule(&*rules, listed.as_ref(), name, &tags, is_in_place).await
    }

    /// The tags of all rules of the operator, by ARN. Without the permission, the tags of each rule are read.
    async fn tags_of_rules(&self, item: &Item, region: &str) -> ListedTags {
        if !self.lists_tags {
            return ListedTags::default();
        }
        let account = self.options.account_of(&item.declared.key.namespace);
        let mut known = self.tags.lock().await;
        if let Some(tags) = known.get(&(account.to_owned(), region.to_owned())) {
            return tags.clone();
        }
        let read = self.aws(item).eventbridge(region).tags_of_rules(&self.options.owner).await;
        let tags = read.unwrap_or_default();
        known.insert((account.to_owned(), region.to_owned()), tags.clone());
        tags
    }

    /// True if the rule exists.
    pub async fn has_rule(&self, item: &Item, region: &str, name: &str) -> Result<bool, AwsError> {
        let rules = self.aws(item).eventbridge(region);
        match rules.list(&self.options.owner.prefix(), self.since).await? {
            Some(listed) => Ok(listed.contains_key(name)),
            None => Ok(rules.describe(name).await?.is_some()),
        }
    }

    /// A schedule; `None` if not found.
    pub async fn read_schedule(
        &self,
        item: &Item,
        region: &str,
        key: &ScheduleKey,
    ) -> Result<Option<ObservedSchedule>, AwsError> {
        let schedules = self.aws(item).scheduler(region);
        if let Some(listed) = schedules.list(&key.group, self.since).await?
            && !listed.contains_key(&key.name)
        {
            return Ok(None);
        }
        Ok(schedules.schedule(key).await?.map(|dated| dated.schedule))
    }

    /// True if the schedule exists.
    pub async fn has_schedule(&self, item: &Item, region: &str, key: &ScheduleKey) -> Result<bool, AwsError> {
        let schedules = self.aws(item).scheduler(region);
        match schedules.list(&key.group, self.since).await? {
            Some(listed) => Ok(listed.contains_key(&key.name)),
            None => Ok(schedules.schedule(key).await?.is_some()),
        }
    }

    /// The policy of a function; `None` if the function is not found.
    pub async fn read_policy(&self, item: &Item, function: &FunctionArn) -> Result<Option<Policy>, AwsError> {
        self.aws(item).lambda(&function.region).policy(function, self.since).await
    }
}
