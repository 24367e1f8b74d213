//! The single writer of each function's resource policy.
//!
//! Objects share statements: all rules of this operator on a function need the same statement, and so do all resources
//! of a bucket. The last object that needs a statement removes the statement. Parallel AddPermission calls on one
//! function have dropped statements, so each function has one writer. RevisionId detects other writers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::api::{Applied, AppliedPermission, PermissionPolicy};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::is_own_statement_id;
use lambda_triggers_core::plan::permission::{PermissionStep, Policy, Statement, plan_permission};
use lambda_triggers_core::status::{Component, ErrorClass, EventReason, Reason};
use parking_lot::Mutex;

use tokio::time::Instant;

use super::context::Context;
use super::error::Error;
use super::events::EventToEmit;
use super::status::StatusWriter;
use crate::aws::{AwsError, AwsErrorKind, CallContext, LambdaApi, confirm_absent};
use crate::objects::{Identity, Trigger};

/// The maximum number of reads until the policy is as planned. Usually the first read after a write shows the write.
const MAX_READS: u32 = 6;
/// The pause after a read that does not show the last write, times the number of reads.
const PAUSE: Duration = Duration::from_millis(250);
/// A read within this time proves that the operator may read a policy.
const READABLE_FOR: Duration = Duration::from_secs(30);

/// The statement that permits a source to invoke a function.
pub enum Permitted {
    /// The operator's statement.
    Own {
        /// True if the statement was missing before.
        added: bool,
    },
    /// A foreign statement, since AWS denies the operator's statement.
    ByOthers {
        /// The Sid of the foreign statement.
        sid: String,
    },
}

/// A policy without the permission.
pub struct Refused {
    /// The cause.
    pub error: Error,
    /// True if a write to the policy succeeded or has an unknown outcome.
    pub changed: bool,
}

/// The single writer of each function's policy.
#[derive(Default)]
pub struct Permissions {
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// The UIDs that need each statement. A claim is registered before the policy is read, so that a concurrent removal
    /// sees the claim.
    claims: Mutex<BTreeMap<AppliedPermission, BTreeSet<String>>>,
}

impl Permissions {
    /// Makes the function's policy contain the statement for the object `id`. If AWS denies the write, an equivalent
    /// foreign statement is enough. With `trusts_others`, an equivalent foreign statement makes the write unnecessary.
    /// The first read accepts a policy from after `came`.
    pub async fn ensure(
        &self,
        context: &Context,
        function: &FunctionArn,
        statement: &Statement,
        id: &Identity,
        came: Instant,
        trusts_others: bool,
    ) -> Result<Permitted, Refused> {
        let functions = context.aws(&id.key).lambda(&function.region);
        let claim = || {
            self.claims.lock().entry(identity(function, statement)).or_default().insert(id.uid.clone());
        };
        if CallContext::current().oldest_cached_read().is_some() {
            // The object's status claims the statement, so no other reconcile removes the statement. Edits do not wait
            // for this read.
            claim();
            let policy = policy(&*functions, function).await.map_err(unchanged)?;
            if plan_permission(&policy, statement).is_empty() {
                return Ok(Permitted::Own { added: false });
            }
            if let Some(theirs) = by_others(&policy, statement).filter(|_| trusts_others) {
                return Ok(theirs);
            }
        }
        let _lock = self.lock(function).await;
        claim();
        let mut changed = false;
        for read in 0..MAX_READS {
            // The previous writer of the policy may have read the policy after `came`.
            CallContext::current().treat_as_fresh_since((read == 0).then_some(came));
            let policy = policy(&*functions, function).await;
            CallContext::current().treat_as_fresh_since(None);
            let policy = policy.map_err(|error| Refused { error, changed })?;
            let Some(step) = plan_permission(&policy, statement).into_iter().next() else {
                return Ok(Permitted::Own { added: changed });
            };
            let theirs = by_others(&policy, statement).filter(|_| !changed);
            if let Some(theirs) = theirs.filter(|_| trusts_others) {
                return Ok(theirs);
            }
            if read > 0 {
                tokio::time::sleep(PAUSE * read).await;
            }
            match apply(&*functions, function, step, &policy).await {
                Ok(applied) => changed |= applied,
                Err(error) => return refused(error, changed, by_others(&policy, statement)),
            }
        }
        let message = format!(
            "the policy of {} does not show the statement {} after {MAX_READS} writes; another tool may be removing it",
            function.short(),
            statement.id
        );
        Err(Refused { error: Error::found(Component::Permission, Reason::AwsUnavailable, message), changed })
    }

    /// Checks that the policy can be read. A recent read for another object is sufficient. A claim of another object to
    /// the same statement is sufficient, too.
    async fn check_readable(
        &self,
        context: &Context,
        function: &FunctionArn,
        permission: &AppliedPermission,
        id: &Identity,
    ) -> Result<(), Error> {
        let functions = context.aws(&id.key).lambda(&function.region);
        let _lock = self.lock(function).await;
        if self.claims.lock().contains_key(permission) {
            return Ok(());
        }
        let now = Instant::now();
        CallContext::current().treat_as_fresh_since(Some(now.checked_sub(READABLE_FOR).unwrap_or(now)));
        let policy = policy(&*functions, function).await;
        CallContext::current().treat_as_fresh_since(None);
        policy.map(|_| ())
    }

    /// Removes a statement that the object `id` needs no longer. The statement stays if another object needs the
    /// statement, or if the statement is foreign: a user may have edited the status. `in_use` returns true if an AWS
    /// resource of this operator still needs the statement: an object that was deleted with `Retain` has no claim.
    pub async fn release(
        &self,
        context: &Context,
        permission: &AppliedPermission,
        id: &Identity,
        in_use: impl AsyncFnOnce() -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let Some(function) = FunctionArn::parse(&permission.function_arn) else { return Ok(()) };
        if !is_own_statement_id(&context.owner.id, &permission.statement_id) {
            return Ok(());
        }
        let _lock = self.lock(&function).await;
        if self.others_claim(permission, &id.uid) || context.stores.is_permission_claimed(permission, &id.uid)
        {
            return Ok(());
        }
        if in_use().await? {
            return Ok(());
        }
        let functions = context.aws_for_removal(&id.key).lambda(&function.region);
        remove(&*functions, &function, &permission.statement_id).await
    }

    /// Permits the source to invoke the function, unless the permission is external. The first read accepts a policy
    /// from after `came`.
    pub async fn permit<K: Trigger>(
        &self,
        context: &Context,
        writer: &mut StatusWriter<'_, K>,
        grant: &Grant<'_>,
        came: Instant,
    ) -> Result<(), Error> {
        let Grant { function, statement, managed_by, source } = grant;
        let name = function.short();
        if *managed_by == PermissionPolicy::External {
            writer.set_external_permission(format!(
                "spec.function.permission is External: the operator neither adds nor checks the permission of {source} to invoke {name}"
            ));
            return Ok(());
        }
        let trusts_others = writer.trusts_others;
        let permitted = self.ensure(context, function, statement, &writer.id, came, trusts_others).await;
        match permitted {
            Ok(Permitted::Own { added }) => {
                writer.changed_aws |= added;
                writer.mark_ready(Component::Permission);
                if added && writer.was_in_sync {
                    let note = format!("restored the permission for {source} to invoke {name}");
                    writer.emit(EventToEmit::warning(EventReason::DriftRepaired, note)).await;
                }
                Ok(())
            }
            Ok(Permitted::ByOthers { sid }) => {
                writer.set_external_permission(format!(
                    "AWS denies the operator a change of the policy of {name}, whose statement {sid} permits {source} to invoke it"
                ));
                Ok(())
            }
            Err(Refused { error, changed }) => {
                writer.changed_aws |= changed;
                Err(error)
            }
        }
    }

    /// The statements of an object in the function's policy. The policy is read before a statement is recorded, since
    /// an unreadable policy would block the object's deletion. A recorded statement stays until the object is deleted,
    /// even with an external permission.
    pub async fn wanted(
        &self,
        context: &Context,
        id: &Identity,
        grant: &Grant<'_>,
        before: &Applied,
    ) -> Result<Vec<AppliedPermission>, Error> {
        let Grant { function, statement, managed_by, source: _ } = grant;
        let permission = identity(function, statement);
        let is_recorded = before.permissions.contains(&permission);
        let is_managed = *managed_by == PermissionPolicy::Managed;
        if !is_recorded && is_managed {
            self.check_readable(context, function, &permission, id).await?;
        }
        let is_wanted = is_recorded || is_managed;
        Ok(is_wanted.then_some(permission).into_iter().collect())
    }

    /// Removes the claim of one object to one statement. True if other objects have claims.
    fn others_claim(&self, permission: &AppliedPermission, uid: &str) -> bool {
        let mut claims = self.claims.lock();
        let Some(uids) = claims.get_mut(permission) else { return false };
        uids.remove(uid);
        let others = !uids.is_empty();
        if !others {
            claims.remove(permission);
        }
        others
    }

    /// Removes all claims of an object that is being deleted.
    pub fn forget(&self, uid: &str) {
        self.claims.lock().retain(|_, uids| {
            uids.remove(uid);
            !uids.is_empty()
        });
    }

    /// Waits for the lock of a function's policy.
    async fn lock(&self, function: &FunctionArn) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock();
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(function.to_string()).or_default().clone()
        };
        lock.lock_owned().await
    }
}

/// The identity of a statement in a status.
pub fn identity(function: &FunctionArn, statement: &Statement) -> AppliedPermission {
    AppliedPermission { function_arn: function.to_string(), statement_id: statement.id.clone() }
}

/// The permission of a trigger.
pub struct Grant<'a> {
    /// The function.
    pub function: &'a FunctionArn,
    /// The operator's statement for the function's policy.
    pub statement: &'a Statement,
    /// The manager of the permission.
    pub managed_by: PermissionPolicy,
    /// The source of the events in words, such as `bucket photos`.
    pub source: String,
}

async fn policy(functions: &dyn LambdaApi, function: &FunctionArn) -> Result<Policy, Error> {
    functions.policy(function).await.map_err(denied_or_failed)?.ok_or_else(|| gone(function))
}

/// A failed call for the policy. A denial suggests an external permission.
fn denied_or_failed(error: AwsError) -> Error {
    let is_denied = error.kind == AwsErrorKind::Denied;
    let mut error = Error::aws(Component::Permission)(error);
    if let (true, Error::Trigger { failure, .. }) = (is_denied, &mut error) {
        failure.0.message +=
            "; if another tool manages the function's policy, set spec.function.permission to External";
    }
    error
}

fn unchanged(error: Error) -> Refused {
    Refused { error, changed: false }
}

fn by_others(policy: &Policy, statement: &Statement) -> Option<Permitted> {
    policy.permitted_by(statement).map(|sid| Permitted::ByOthers { sid: sid.to_owned() })
}

/// The result of a failed write.
fn refused(error: Error, changed: bool, by_others: Option<Permitted>) -> Result<Permitted, Refused> {
    let is_denied = error.failure().is_some_and(|failure| failure.reason == Reason::AccessDenied);
    match by_others.filter(|_| is_denied) {
        Some(by_others) => Ok(by_others),
        // A definite refusal means that nothing was written.
        None => {
            let changed = changed || error.class() != ErrorClass::Terminal;
            Err(Refused { error, changed })
        }
    }
}

/// Applies a step. False if another writer changed the policy in the meantime: the caller reads the policy again.
async fn apply(
    functions: &dyn LambdaApi,
    function: &FunctionArn,
    step: PermissionStep,
    policy: &Policy,
) -> Result<bool, Error> {
    let revision = policy.revision.as_deref();
    let result = match &step {
        PermissionStep::Add(statement) => functions.add_permission(function, statement, revision).await,
        PermissionStep::Remove(id) => functions.remove_permission(function, id, revision).await,
    };
    match result {
        Ok(()) => Ok(true),
        Err(AwsError { kind: AwsErrorKind::Conflict, .. }) => Ok(false),
        Err(AwsError { kind: AwsErrorKind::NotFound, .. }) => Err(gone(function)),
        Err(error) => Err(denied_or_failed(error)),
    }
}

/// Removes a statement, and reads the policy again after a conflict with another writer. The first read may be older
/// than the statement, so the statement is removed even if the read does not show the statement. After a denied
/// removal, the statement counts as absent if no read shows the statement: AWS denied its creation, too.
async fn remove(functions: &dyn LambdaApi, function: &FunctionArn, id: &str) -> Result<(), Error> {
    let mut is_denied = false;
    for read in 0..MAX_READS {
        let policy =
            confirm_absent(|| functions.policy(function)).await.map_err(Error::aws(Component::Permission))?;
        let Some(policy) = policy else { return Ok(()) };
        let is_shown = policy.statements.contains_key(id);
        if read > 0 && !is_shown && (!is_denied || read + 1 == MAX_READS) {
            return Ok(());
        }
        if read > 0 {
            tokio::time::sleep(PAUSE * read).await;
        }
        if is_denied && !is_shown {
            continue;
        }
        match functions.remove_permission(function, id, policy.revision.as_deref()).await {
            Ok(()) | Err(AwsError { kind: AwsErrorKind::Conflict, .. }) => {}
            Err(AwsError { kind: AwsErrorKind::Denied, .. }) if !is_shown => is_denied = true,
            Err(error) => return Err(Error::aws(Component::Permission)(error)),
        }
    }
    let message = format!(
        "the policy of {} still shows the statement {id} after {MAX_READS} removals",
        function.short()
    );
    Err(Error::found(Component::Permission, Reason::AwsUnavailable, message))
}

fn gone(function: &FunctionArn) -> Error {
    let FunctionArn { region, .. } = function;
    let message = format!(
        "the Lambda function {} in {region} was deleted: create it again, or name another one in spec.function",
        function.short()
    );
    Error::found(Component::Function, Reason::FunctionNotFound, message)
}
