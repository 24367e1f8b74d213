//! The names of an object's resources in AWS.

use super::Subject;
use crate::api::Backend;
use crate::arn::FunctionArn;
use crate::ownership::{Origin, Owner};
use crate::plan::bucket::{Bucket, Desired, Entry};
use crate::plan::intent::ValidSpec;
use crate::plan::intent::s3_triggered_function::Intent;
use crate::plan::permission::Statement;
use crate::plan::schedule::ScheduleKey;

/// The names of an object's resources in AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct Names {
    /// The Region.
    pub region: String,
    /// The function, with its qualifier.
    pub function: FunctionArn,
    /// The statement in the function's policy. EventBridge Scheduler needs no statement.
    pub statement: Option<Statement>,
    /// The trigger.
    pub trigger: TriggerName,
}

/// The name of a trigger.
#[derive(Clone, Debug, PartialEq)]
pub enum TriggerName {
    /// The name of a rule.
    Rule(String),
    /// The group and the name of a schedule.
    Schedule(ScheduleKey),
    /// A bucket, and the desired entries. A suspended object has no entries.
    Entries(Bucket, Vec<Entry>),
}

impl Names {
    /// The names of an object's resources.
    pub fn of(subject: &Subject) -> Self {
        let Subject { kind, key, owner, account, spec, .. } = subject;
        let origin = Origin { kind, key: key.clone(), uid: String::new() };
        let function = spec.function_arn(owner, &origin, account);
        match spec {
            ValidSpec::Scheduled(valid) => {
                let name = key.rule_name(owner, kind);
                let (statement, trigger) = match valid.backend {
                    Backend::Rule => {
                        (Some(Statement::for_rules(owner, &function, account)), TriggerName::Rule(name))
                    }
                    Backend::Scheduler => {
                        (None, TriggerName::Schedule(ScheduleKey { group: owner.group_name(), name }))
                    }
                };
                Self { region: valid.region.clone(), function, statement, trigger }
            }
            ValidSpec::S3(valid) => {
                let owner = Owner { id: owner.clone(), cluster: String::new() };
                let intent = Intent::new(&owner, key, valid, function, vec![]);
                let entries = match intent.desired {
                    Desired::Entries(entries) => entries,
                    Desired::KeepCurrent | Desired::Refused(_) | Desired::Retain | Desired::None => vec![],
                };
                Self {
                    region: valid.region.clone(),
                    function: intent.function,
                    statement: Some(intent.statement),
                    trigger: TriggerName::Entries(intent.bucket, entries),
                }
            }
        }
    }
}
