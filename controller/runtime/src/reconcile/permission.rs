//! The permissions: statements in the policies of functions. One writer for each policy, since Lambda has dropped
//! parallel additions silently (<https://github.com/hashicorp/terraform-provider-aws/issues/789>).
//!
//! A new statement needs no read: Lambda's answer to AddPermission tells if the statement and the function exist. The
//! answer to RemovePermission is the proof of a removal.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::api::{Applied, AppliedPermission, PermissionPolicy};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::is_own_statement_id;
use lambda_triggers_core::plan::permission::{
    Grant, PermissionPlan, PermissionStep, Policy, PolicyView, Statement, plan_statement,
};
use lambda_triggers_core::status::{Component, ErrorClass, Reason};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::context::Context;
use super::error::Error;
use super::recorded::Recorded;
use crate::aws::{AwsError, AwsErrorKind, LambdaApi, LambdaReads, NOT_FOUND_RETRY_DELAY};
use crate::objects::Identity;

/// The maximum number of attempts to write a policy that other writers change at the same time.
const MAX_WRITES: u32 = 6;
/// The pause after a conflict with another writer, times the number of attempts.
const PAUSE: Duration = Duration::from_millis(250);
/// The age of a write that proves that a statement exists, or does not exist.
const PROOF_AGE: Duration = Duration::from_secs(10);
/// The age at which a write is forgotten. No resync period accepts such an old write.
const MAX_AGE: Duration = Duration::from_secs(3600);

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
    /// The spec leaves the permission to others.
    External,
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
    /// The last write of each statement. Objects that come or go together share a write.
    writes: Mutex<BTreeMap<AppliedPermission, Write>>,
}

/// The last write of a statement.
struct Write {
    at: Instant,
    /// The added statement; `None` after a removal.
    statement: Option<Statement>,
}

impl Permissions {
    /// Observes the permission of the object `id`, and registers the object's claim to the statement. A read that began
    /// at or after `since` is accepted. Without a recorded statement, the policy is read only if the object trusts
    /// others. `was_missing` is true if the last reconcile did not find the function.
    pub async fn observe(
        &self,
        context: &Context,
        id: &Identity,
        grant: &Grant<'_>,
        recorded: &Applied,
        (trusts_others, was_missing): (bool, bool),
        since: Instant,
    ) -> Result<PolicyView, Error> {
        if grant.managed_by == PermissionPolicy::External {
            return Ok(PolicyView::External);
        }
        let permission = grant.identity();
        self.claims.lock().entry(permission.clone()).or_default().insert(id.uid.clone());
        if !was_missing && self.is_last(Some(grant.statement), &permission, since.min(recent())) {
            return Ok(PolicyView::Written);
        }
        if !recorded.permissions.contains(&permission) && !trusts_others {
            return Ok(PolicyView::Unread);
        }
        if was_missing {
            return Ok(PolicyView::Doubted);
        }
        let functions = context.aws(&id.key).lambda(&grant.function.region);
        read(&*functions, grant.function, since).await.map(PolicyView::Read)
    }

    /// Makes the function's policy contain the statement of a recorded permission. If AWS denies the write, an
    /// equivalent foreign statement is enough. With `trusts_others`, the foreign statement makes the write unnecessary.
    pub async fn apply(
        &self,
        context: &Context,
        id: &Identity,
        grant: &Grant<'_>,
        mut view: PolicyView,
        trusts_others: bool,
        _recorded: &Recorded,
    ) -> Result<Permitted, Refused> {
        let Grant { function, statement, .. } = grant;
        // Objects that come together share a write. A read that did not show the statement outweighs an earlier write.
        let proof = if view == PolicyView::Unread { recent() } else { Instant::now() };
        let mut lock = None;
        for attempt in 0..MAX_WRITES {
            let (steps, revision) = match plan_statement(&view, statement, trusts_others) {
                PermissionPlan::External => return Ok(Permitted::External),
                PermissionPlan::InPlace => return Ok(Permitted::Own { added: false }),
                PermissionPlan::ByOthers(sid) => return Ok(Permitted::ByOthers { sid }),
                PermissionPlan::Write(steps, revision) => (steps, revision),
            };
            if lock.is_none() {
                lock = Some(self.lock(function).await);
                // Another object may have written the statement in the meantime.
                if self.is_last(Some(statement), &grant.identity(), proof) {
                    return Ok(Permitted::Own { added: false });
                }
            }
            sleep(PAUSE * attempt).await;
            let functions = context.aws(&id.key).lambda(&function.region);
            match write(&*functions, function, steps, revision).await {
                Ok(()) => {
                    self.note(&grant.identity(), Some(statement));
                    return Ok(Permitted::Own { added: true });
                }
                Err(AwsError { kind: AwsErrorKind::Conflict, .. }) => {
                    let policy = read(&*functions, function, Instant::now()).await;
                    view = PolicyView::Read(policy.map_err(|error| Refused { error, changed: true })?);
                }
                Err(error) => return refused(&*functions, grant, error).await,
            }
        }
        let message = format!(
            "another writer changed the policy of {} during {MAX_WRITES} attempts to add the statement {}; trying again",
            function.short(),
            statement.id
        );
        Err(Refused {
            error: Error::found(Component::Permission, Reason::AwsUnavailable, message),
            changed: true,
        })
    }

    /// Reads the policy, and makes sure that the policy has the statement.
    pub async fn ensure(
        &self,
        context: &Context,
        id: &Identity,
        grant: &Grant<'_>,
        recorded: &Recorded,
    ) -> Result<Permitted, Refused> {
        let functions = context.aws(&id.key).lambda(&grant.function.region);
        let policy = read(&*functions, grant.function, Instant::now()).await;
        let policy = policy.map_err(|error| Refused { error, changed: false })?;
        self.apply(context, id, grant, PolicyView::Read(policy), false, recorded).await
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
        if self.unclaim(permission, &id.uid)
            || self.is_last(None, permission, recent())
            || context.stores.is_permission_claimed(permission, &id.uid)
            || in_use().await?
        {
            return Ok(());
        }
        self.writes.lock().retain(|other, write| other != permission && write.at.elapsed() < MAX_AGE);
        let functions = context.aws_for_removal(&id.key).lambda(&function.region);
        remove(&*functions, &function, &permission.statement_id).await?;
        self.note(permission, None);
        Ok(())
    }

    /// Removes the claim of one object to one statement. True if other objects have claims.
    pub fn unclaim(&self, permission: &AppliedPermission, uid: &str) -> bool {
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

    /// Forgets the writes to the policy of a deleted function: the policy is deleted, too.
    pub fn forget_function(&self, function: &FunctionArn) {
        let is_of = |permission: &AppliedPermission| {
            let arn = FunctionArn::parse(&permission.function_arn);
            arn.is_some_and(|arn| arn.with_qualifier(None) == *function)
        };
        self.writes.lock().retain(|permission, _| !is_of(permission));
    }

    fn note(&self, permission: &AppliedPermission, statement: Option<&Statement>) {
        let write = Write { at: Instant::now(), statement: statement.cloned() };
        self.writes.lock().insert(permission.clone(), write);
    }

    /// True if the last write at or after `since` added this statement, or removed the statement for `None`.
    fn is_last(&self, statement: Option<&Statement>, permission: &AppliedPermission, since: Instant) -> bool {
        let writes = self.writes.lock();
        let last = writes.get(permission).filter(|write| write.at >= since);
        last.is_some_and(|write| write.statement.as_ref() == statement)
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

/// The oldest write that still proves a statement.
fn recent() -> Instant {
    let now = Instant::now();
    now.checked_sub(PROOF_AGE).unwrap_or(now)
}

async fn read(functions: &dyn LambdaReads, function: &FunctionArn, since: Instant) -> Result<Policy, Error> {
    functions.policy(function, since).await.map_err(denied_or_failed)?.ok_or_else(|| gone(function))
}

/// Writes the steps. Only the first step has the revision of the read, since each write changes the revision.
async fn write(
    functions: &dyn LambdaApi,
    function: &FunctionArn,
    steps: Vec<PermissionStep>,
    mut revision: Option<String>,
) -> Result<(), AwsError> {
    for step in steps {
        let revision = revision.take();
        match step {
            PermissionStep::Add(statement) => {
                functions.add_permission(function, &statement, revision.as_deref()).await?;
            }
            // A missing statement is removed already, and the addition finds a missing function.
            PermissionStep::Remove(id) => {
                match functions.remove_permission(function, &id, revision.as_deref()).await {
                    Err(AwsError { kind: AwsErrorKind::NotFound, .. }) => {}
                    done => done?,
                }
            }
        }
    }
    Ok(())
}

/// The result of a failed write. After a denial, the policy is read: an equivalent foreign statement is enough.
async fn refused(
    functions: &dyn LambdaApi,
    grant: &Grant<'_>,
    error: AwsError,
) -> Result<Permitted, Refused> {
    if error.kind == AwsErrorKind::NotFound {
        return Err(Refused { error: gone(grant.function), changed: false });
    }
    if error.kind == AwsErrorKind::Denied
        && let Ok(policy) = read(functions, grant.function, Instant::now()).await
    {
        match plan_statement(&PolicyView::Read(policy), grant.statement, true) {
            PermissionPlan::InPlace => return Ok(Permitted::Own { added: false }),
            PermissionPlan::ByOthers(sid) => return Ok(Permitted::ByOthers { sid }),
            PermissionPlan::Write(..) | PermissionPlan::External => {}
        }
    }
    let error = denied_or_failed(error);
    // A definite refusal means that nothing was written.
    let changed = error.class() != ErrorClass::Terminal;
    Err(Refused { error, changed })
}

/// Removes a statement. A statement that was added a moment ago may be invisible, so a not-found is checked once more.
/// After a denied removal, the statement counts as absent if no read shows the statement: AWS denied its creation, too.
async fn remove(functions: &dyn LambdaApi, function: &FunctionArn, id: &str) -> Result<(), Error> {
    let mut seems_absent = false;
    for attempt in 0..MAX_WRITES {
        sleep(PAUSE * attempt).await;
        match functions.remove_permission(function, id, None).await {
            Ok(()) => return Ok(()),
            Err(AwsError { kind: AwsErrorKind::Conflict, .. }) => {}
            Err(error) if matches!(error.kind, AwsErrorKind::NotFound | AwsErrorKind::Denied) => {
                if error.kind == AwsErrorKind::Denied && shows(functions, function, id).await? {
                    return Err(Error::aws(Component::Permission)(error));
                }
                if std::mem::replace(&mut seems_absent, true) {
                    return Ok(());
                }
                sleep(NOT_FOUND_RETRY_DELAY).await;
            }
            Err(error) => return Err(Error::aws(Component::Permission)(error)),
        }
    }
    let message = format!(
        "another writer changed the policy of {} during {MAX_WRITES} attempts to remove the statement {id}; trying again",
        function.short()
    );
    Err(Error::found(Component::Permission, Reason::AwsUnavailable, message))
}

/// True if the policy shows the statement.
async fn shows(functions: &dyn LambdaReads, function: &FunctionArn, id: &str) -> Result<bool, Error> {
    let policy =
        functions.policy(function, Instant::now()).await.map_err(Error::aws(Component::Permission))?;
    Ok(policy.is_some_and(|policy| policy.statements.contains_key(id)))
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

fn gone(function: &FunctionArn) -> Error {
    let FunctionArn { region, .. } = function;
    let message = format!(
        "the Lambda function {} in {region} was deleted: create it again, or name another one in spec.function",
        function.short()
    );
    Error::found(Component::Function, Reason::FunctionNotFound, message)
}
