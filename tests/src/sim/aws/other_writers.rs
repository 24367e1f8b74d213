//! Writes of users and other tools. They take effect at once, without the interceptor and without the limits of the
//! operator's API.

use lambda_triggers::aws::AwsError;
use lambda_triggers_core::api::Architecture;
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::bucket::Bucket;
use lambda_triggers_core::plan::function::{Configuration, LoggingConfiguration};
use lambda_triggers_core::plan::rule::RuleSettings;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::errors::Op;
use super::functions::{Code, Function};
use super::journal::{Effect, Writer};
use super::policies::unqualified;
use super::rules::Rule;
use super::state::{Answer, AwsState, Held};
use super::{ACCOUNT, MemoryAws, REGION};
use crate::aws_proxy::arn::FunctionRef;
use crate::aws_proxy::function_state::{Life, Stage};
use crate::aws_proxy::state::RuleKey;
use crate::aws_proxy::{Failure, Pace};
use crate::scheduler::settings::SchedulerSettings;

/// Buckets.
impl MemoryAws {
    /// The reference to the bucket of this name in [`REGION`] and [`ACCOUNT`]. The bucket need not exist.
    pub fn bucket(&self, name: &str) -> Bucket {
        Bucket { region: REGION.into(), name: name.into(), owner: ACCOUNT.into() }
    }

    /// Creates a bucket without notifications, with the owner and the Region of `bucket`.
    pub fn create_bucket(&self, bucket: &Bucket) {
        let Bucket { region, name, owner } = bucket.clone();
        let mut state = self.lock();
        state.documents.set(name.clone(), None);
        state.buckets.insert(name, Held { owner, region, objects: Default::default() });
        state.note(&outside("s3:CreateBucket", format!("bucket {bucket}")), None, Effect::Created);
    }

    /// Deletes a bucket and its objects.
    pub fn delete_bucket(&self, name: &str) {
        let mut state = self.lock();
        state.documents.set(name.to_owned(), None);
        if state.buckets.remove(name).is_some() {
            state.note(&outside("s3:DeleteBucket", format!("bucket {name}")), None, Effect::Deleted);
        }
    }

    /// The bucket's notification configuration. `None` for a missing bucket.
    pub fn notification(&self, name: &str) -> Option<String> {
        let state = self.lock();
        state.buckets.contains_key(name).then(|| state.document(name))
    }

    /// Replaces the bucket's notification configuration.
    ///
    /// # Errors
    /// S3's refusal.
    pub fn put_notification(&self, name: &str, xml: &str) -> Result<(), AwsError> {
        let op = outside("s3:PutBucketNotification", format!("bucket {name}"));
        let mut state = self.lock();
        let bucket = match state.buckets.get(name) {
            Some(Held { owner, region, .. }) => {
                Bucket { region: region.clone(), name: name.into(), owner: owner.clone() }
            }
            None => self.bucket(name),
        };
        let before = state.document(name);
        let put = state.put_notification(&op, &bucket.region, &bucket, xml, false);
        put.map_err(|refusal| op.refused(&refusal))?;
        state.note_document(&op, name, before, None);
        Ok(())
    }

    /// Puts an object into a bucket, also under `version` if one is given.
    pub fn put_object(&self, bucket: &str, key: &str, version: Option<&str>, content: &[u8]) {
        let digest = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        if let Some(held) = self.lock().buckets.get_mut(bucket) {
            let mut put = |version| held.objects.insert((key.to_owned(), version), digest.clone());
            put(None);
            if let Some(version) = version {
                put(Some(version.to_owned()));
            }
        }
    }

    /// Makes S3 unable to deliver to this ARN, as after the deletion of the queue, topic or function.
    pub fn break_destination(&self, arn: &str) {
        self.lock().broken.insert(arn.to_owned());
    }

    /// Makes S3 refuse each document with an entry for this prefix, as S3 refuses an entry for a cause that the operator
    /// does not know.
    pub fn refuse_prefix(&self, prefix: &str) {
        self.lock().refused_prefixes.insert(prefix.to_owned());
    }

    /// Reverts [`MemoryAws::refuse_prefix`].
    pub fn accept_prefix(&self, prefix: &str) {
        self.lock().refused_prefixes.remove(prefix);
    }

    /// Reverts [`MemoryAws::break_destination`].
    pub fn repair_destination(&self, arn: &str) {
        self.lock().broken.remove(arn);
    }
}

/// Lambda functions and their policies.
impl MemoryAws {
    /// The ARN of the function of this name in [`REGION`] and [`ACCOUNT`]. The function need not exist.
    pub fn function(&self, name: &str) -> FunctionArn {
        FunctionArn {
            partition: "aws".into(),
            region: REGION.into(),
            account: ACCOUNT.into(),
            name: name.into(),
            qualifier: None,
        }
    }

    /// Creates a user's function, as if the function had existed for a long time. Stale reads also see the function.
    pub fn create_function(&self, function: &FunctionArn) {
        let name = &function.name;
        let logging = LoggingConfiguration { log_group: format!("/aws/lambda/{name}"), ..Default::default() };
        let configuration = Configuration {
            runtime: Some("python3.13".into()),
            handler: Some("index.handler".into()),
            role: format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            memory_size: 128,
            timeout: 3,
            ephemeral_storage: 512,
            logging,
            ..Configuration::default()
        };
        let mut state = self.lock();
        let created = Function {
            configuration,
            architecture: Architecture::X86_64,
            code: Code { sha256: format!("code of {name}"), image_uri: None },
            tags: Default::default(),
            reserved_concurrency: None,
            event_invoke_config: None,
            qualifiers: Default::default(),
            life: Life::new(Stage::Ready),
            last_modified: state.date(),
        };
        state.functions.settle(reference(function), created);
        state.note(&outside("lambda:CreateFunction", on(function)), None, Effect::Created);
    }

    /// Deletes a function with its versions, its aliases and all their policies.
    pub fn delete_function(&self, function: &FunctionArn) {
        let gone = unqualified(&reference(function));
        self.act("lambda:DeleteFunction", on(function), |state, op| state.delete_function(op, &gone)).ok();
    }

    /// Creates the version or alias that `function` names.
    pub fn publish(&self, function: &FunctionArn) {
        let reference = reference(function);
        let mut state = self.lock();
        let Some(mut found) = state.functions.get(&unqualified(&reference)).cloned() else { return };
        found.qualifiers.extend(reference.qualifier.clone());
        state.functions.settle(unqualified(&reference), found);
        state.note(&outside("lambda:CreateAlias", on(function)), None, Effect::Created);
    }

    /// Puts a statement with any content into the policy of a function, version or alias. Replaces a statement with the
    /// same Sid.
    ///
    /// # Errors
    /// Lambda's refusal of a missing function or of a full policy.
    pub fn put_statement(&self, function: &FunctionArn, statement: &Value) -> Result<(), AwsError> {
        self.remove_statement(function, statement["Sid"].as_str().unwrap_or_default());
        let reference = reference(function);
        self.act("lambda:AddPermission", on(function), |state, op| {
            state.add_statement(op, &reference, statement.clone(), None)
        })
    }

    /// Removes a statement. Does nothing if the statement is missing.
    pub fn remove_statement(&self, function: &FunctionArn, sid: &str) {
        let reference = reference(function);
        self.act("lambda:RemovePermission", on(function), |state, op| {
            state.remove_permission(op, &reference, sid, None)
        })
        .ok();
    }

    /// Sets the duration of creations and updates of functions from now on.
    pub fn slow_functions(&self, pace: Pace) {
        self.lock().wishes.set_pace(ACCOUNT, pace);
    }

    /// Ends all creations and updates in progress that [`Pace::Held`] holds. Later changes are held again.
    pub fn finish_functions(&self) {
        self.lock().wishes.finish(ACCOUNT);
    }

    /// Makes the next creation or update of a function fail after Lambda has accepted the change.
    pub fn fail_function(&self, name: &str, failure: Failure) {
        self.lock().wishes.fail(ACCOUNT, name, failure);
    }

    /// Sets whether Lambda can assume a role from now on.
    pub fn set_role_ready(&self, arn: &str, ready: bool) {
        let mut state = self.lock();
        if ready {
            state.unready_roles.remove(arn);
        } else {
            state.unready_roles.insert(arn.to_owned());
        }
    }
}

/// EventBridge rules in [`REGION`].
impl MemoryAws {
    /// Creates a rule with an event pattern and with a managing service. Rules of the operator have neither.
    pub fn create_managed_rule(&self, name: &str, settings: &RuleSettings, service: Option<&str>) {
        let managed_by = service.map(ToOwned::to_owned);
        let rule = Rule {
            settings: settings.clone(),
            has_more: true,
            managed_by,
            tags: Default::default(),
            targets: vec![],
            timer: None,
        };
        let mut state = self.lock();
        state.rules.settle(rule_key(name), rule);
        state.note(&outside("events:PutRule", format!("rule {name}")), None, Effect::Created);
    }

    /// Sets a target of a rule, in wire form.
    ///
    /// # Errors
    /// EventBridge's refusal.
    pub fn put_target(&self, rule: &str, target: &Value) -> Result<(), AwsError> {
        self.act("events:PutTargets", format!("rule {rule}"), |state, op| {
            state.put_target(op, &rule_key(rule), target.clone())
        })
    }

    /// Deletes a rule with its targets.
    pub fn delete_rule(&self, name: &str) {
        let mut state = self.lock();
        if state.rules.set(rule_key(name), None).is_some() {
            state.note(&outside("events:DeleteRule", format!("rule {name}")), None, Effect::Deleted);
        }
    }
}

/// EventBridge Scheduler in [`REGION`].
impl MemoryAws {
    /// Makes a write with any members: `scheduler:UpdateSchedule`.
    ///
    /// # Errors
    /// Scheduler's refusal.
    pub fn write_scheduler(&self, action: &'static str, members: &Value) -> Result<(), AwsError> {
        let name = members["Name"].as_str().unwrap_or_default();
        self.act(action, format!("schedule {name}"), |state, op| state.write_scheduler(op, REGION, members))
    }

    /// Sets whether EventBridge Scheduler can assume a role from now on.
    pub fn set_scheduler_role_ready(&self, arn: &str, ready: bool) {
        let mut state = self.lock();
        if ready {
            state.scheduler_roles.insert(arn.to_owned());
        } else {
            state.scheduler_roles.remove(arn);
        }
    }

    /// Changes the settings of Scheduler.
    pub fn set_scheduler(&self, change: impl FnOnce(&mut SchedulerSettings)) {
        change(&mut self.lock().scheduler.settings);
    }
}

impl MemoryAws {
    fn act(
        &self,
        action: &'static str,
        on: String,
        act: impl FnOnce(&mut AwsState, &Op) -> Answer<()>,
    ) -> Result<(), AwsError> {
        let op = outside(action, on);
        act(&mut self.lock(), &op).map_err(|refusal| op.refused(&refusal))
    }
}

fn outside(action: &'static str, on: impl Into<String>) -> Op {
    Op { by: Writer::Outside, action, on: on.into(), write: true }
}

fn on(function: &FunctionArn) -> String {
    format!("function {}", function.short())
}

fn reference(function: &FunctionArn) -> FunctionRef {
    let FunctionArn { partition: _, region, account, name, qualifier } = function.clone();
    FunctionRef { region, account, name, qualifier }
}

fn rule_key(name: &str) -> RuleKey {
    RuleKey { region: REGION.into(), bus: "default".into(), name: name.into() }
}
