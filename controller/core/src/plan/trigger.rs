//! The plan for one object: all that a reconcile will do in AWS, as one value that can be printed.
//!
//! The bucket's worker plans the document of a bucket for all resources together, in [`super::bucket`].

use std::fmt;

use super::bucket::{Desired, Entry};
use super::permission::{PermissionPlan, PermissionStep};
use super::rule::{RulePlan, RuleStep};
use super::schedule::{SchedulePlan, ScheduleStep};
use crate::api::{Applied, AppliedSchedule};

/// All that a reconcile will do for one object, after its function is in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerPlan {
    /// The statement in the function's policy.
    pub permission: PermissionPlan,
    /// The rule of a `ScheduledFunction`.
    pub rule: Option<RulePlan>,
    /// The schedule of a `ScheduledFunction` with EventBridge Scheduler.
    pub schedule: Option<SchedulePlan>,
    /// The entries of an `S3TriggeredFunction`, with the name of the bucket.
    pub entries: Option<(String, Desired)>,
    /// The identities of all resources that the object needs.
    pub wanted: Applied,
    /// The recorded resources that the object needs no longer.
    pub obsolete: Applied,
}

impl TriggerPlan {
    /// True if the plan has no writes to a policy, a rule or a schedule, and removes nothing. The bucket's worker decides about
    /// entries.
    pub fn is_empty(&self) -> bool {
        let is_rule_in_place = self.rule.as_ref().is_none_or(|rule| rule.steps.is_empty());
        let is_schedule_in_place = self.schedule.as_ref().is_none_or(|schedule| schedule.step.is_none());
        self.permission.is_empty() && is_rule_in_place && is_schedule_in_place && self.obsolete.is_empty()
    }
}

/// One line for each step.
impl fmt::Display for TriggerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { permission, rule, schedule, entries, wanted: _, obsolete } = self;
        if let PermissionPlan::Write(steps, _) = permission {
            for step in steps {
                match step {
                    PermissionStep::Add(statement) => writeln!(f, "add statement {}", statement.id)?,
                    PermissionStep::Remove(id) => writeln!(f, "remove statement {id}")?,
                }
            }
        }
        for step in rule.iter().flat_map(|rule| &rule.steps) {
            match step {
                RuleStep::Put(settings, _) => writeln!(f, "put rule: {}", settings.expression)?,
                RuleStep::Tag(tags) => writeln!(f, "tag rule: {}", list(tags.keys()))?,
                RuleStep::Untag(keys) => writeln!(f, "untag rule: {}", list(keys))?,
                RuleStep::PutTarget(target) => writeln!(f, "put target {}", target.arn)?,
                RuleStep::RemoveTargets(ids) => writeln!(f, "remove targets {}", list(ids))?,
                RuleStep::Delete => writeln!(f, "delete rule")?,
            }
        }
        match schedule.as_ref().and_then(|schedule| schedule.step.as_ref()) {
            Some(ScheduleStep::Create(body)) => writeln!(f, "create schedule: {}", body.settings.expression)?,
            Some(ScheduleStep::Update(body)) => writeln!(f, "update schedule: {}", body.settings.expression)?,
            Some(ScheduleStep::Delete) => writeln!(f, "delete schedule")?,
            None => {}
        }
        if let Some((bucket, desired)) = entries {
            match desired {
                Desired::Entries(entries) => {
                    let ids = list(entries.iter().filter_map(|Entry { id, .. }| id.as_ref()));
                    writeln!(f, "entries in bucket {bucket}: {ids}")?;
                }
                Desired::KeepCurrent | Desired::Retain => writeln!(f, "keep the entries in bucket {bucket}")?,
                Desired::None | Desired::Refused(_) => writeln!(f, "no entries in bucket {bucket}")?,
            }
        }
        let Applied { account: _, rules, schedules, notifications, functions, permissions } = obsolete;
        for rule in rules {
            writeln!(f, "delete rule {} in {}", rule.name, rule.region)?;
        }
        for AppliedSchedule { region, group, name } in schedules {
            writeln!(f, "delete schedule {group}/{name} in {region}")?;
        }
        for notification in notifications {
            writeln!(f, "remove the entries from bucket {}", notification.bucket)?;
        }
        for permission in permissions {
            writeln!(f, "remove statement {} from {}", permission.statement_id, permission.function_arn)?;
        }
        for function in functions {
            writeln!(f, "release function {} in {}", function.name, function.region)?;
        }
        Ok(())
    }
}

fn list<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    texts.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AppliedFunction, AppliedNotification, AppliedPermission, AppliedRule, Tags};
    use crate::plan::bucket::{Destination, Filter};
    use crate::plan::permission::Statement;
    use crate::plan::rule::{RuleSettings, Target};

    fn statement() -> Statement {
        Statement {
            id: "lt-1-rules".into(),
            principal: "events.amazonaws.com".into(),
            source_arn: "arn".into(),
            source_account: None,
        }
    }

    fn applied() -> Applied {
        Applied {
            account: None,
            rules: vec![AppliedRule { region: "eu-west-1".into(), name: "lt-old".into(), tag_keys: vec![] }],
            schedules: vec![AppliedSchedule {
                region: "eu-west-1".into(),
                group: "lt-1".into(),
                name: "lt-old".into(),
            }],
            notifications: vec![AppliedNotification {
                region: "eu-west-1".into(),
                bucket: "photos".into(),
                bucket_owner: "1".into(),
                ids: vec![],
            }],
            functions: vec![AppliedFunction {
                region: "eu-west-1".into(),
                name: "old".into(),
                tag_keys: vec![],
                async_invoke: false,
            }],
            permissions: vec![AppliedPermission {
                function_arn: "arn:old".into(),
                statement_id: "lt-2".into(),
            }],
        }
    }

    fn empty() -> TriggerPlan {
        TriggerPlan {
            permission: PermissionPlan::InPlace,
            rule: Some(RulePlan::default()),
            schedule: Some(SchedulePlan::default()),
            entries: None,
            wanted: applied(),
            obsolete: Applied::default(),
        }
    }

    #[test]
    fn a_plan_prints_every_step() {
        let entry = Entry {
            destination: Destination::Function,
            arn: "arn:new".into(),
            id: Some("lt-entry".into()),
            events: ["s3:ObjectCreated:*".to_owned()].into(),
            filter: Filter::default(),
        };
        let target = Target {
            id: "lt-1-function".into(),
            arn: "arn:new".into(),
            input: None,
            retry_policy: None,
            dead_letter_queue_arn: None,
        };
        let settings =
            RuleSettings { expression: "rate(1 hour)".into(), description: String::new(), enabled: true };
        let tags = Tags::from([("team".into(), "a".into()), ("stage".into(), "b".into())]);
        let steps = vec![
            RuleStep::Put(settings, Tags::new()),
            RuleStep::Untag(["old".to_owned()].into()),
            RuleStep::Tag(tags),
            RuleStep::PutTarget(target),
            RuleStep::RemoveTargets(vec!["x".into(), "y".into()]),
            RuleStep::Delete,
        ];
        let schedule = SchedulePlan { step: Some(ScheduleStep::Delete), ..SchedulePlan::default() };
        let write = vec![PermissionStep::Remove("lt-1-rules".into()), PermissionStep::Add(statement())];
        let plan = TriggerPlan {
            permission: PermissionPlan::Write(write, Some("r1".into())),
            rule: Some(RulePlan { steps, ..RulePlan::default() }),
            schedule: Some(schedule),
            entries: Some(("archive".into(), Desired::Entries(vec![entry]))),
            obsolete: applied(),
            ..empty()
        };
        let expected = "remove statement lt-1-rules\n\
                        add statement lt-1-rules\n\
                        put rule: rate(1 hour)\n\
                        untag rule: old\n\
                        tag rule: stage, team\n\
                        put target arn:new\n\
                        remove targets x, y\n\
                        delete rule\n\
                        delete schedule\n\
                        entries in bucket archive: lt-entry\n\
                        delete rule lt-old in eu-west-1\n\
                        delete schedule lt-1/lt-old in eu-west-1\n\
                        remove the entries from bucket photos\n\
                        remove statement lt-2 from arn:old\n\
                        release function old in eu-west-1\n";
        assert_eq!(plan.to_string(), expected);
        for (desired, expected) in [
            (Desired::None, "no entries in bucket archive\n"),
            (Desired::Retain, "keep the entries in bucket archive\n"),
            (Desired::KeepCurrent, "keep the entries in bucket archive\n"),
        ] {
            let plan = TriggerPlan { entries: Some(("archive".into(), desired)), ..empty() };
            assert_eq!(plan.to_string(), expected);
        }
    }

    #[test]
    fn a_plan_with_any_write_or_removal_is_not_empty() {
        assert!(empty().is_empty());
        assert!(TriggerPlan { rule: None, ..empty() }.is_empty());
        assert_eq!(empty().to_string(), "");
        let write = PermissionPlan::Write(vec![PermissionStep::Add(statement())], None);
        let rule = Some(RulePlan { steps: vec![RuleStep::Delete], ..RulePlan::default() });
        let schedule = Some(SchedulePlan { step: Some(ScheduleStep::Delete), ..SchedulePlan::default() });
        for plan in [
            TriggerPlan { permission: write, ..empty() },
            TriggerPlan { rule, ..empty() },
            TriggerPlan { schedule, ..empty() },
            TriggerPlan { obsolete: applied(), ..empty() },
        ] {
            assert!(!plan.is_empty(), "{plan}");
        }
    }
}
