//! The one writer of each function's resource policy.
//!
//! Statements are shared: one for all rules of this operator on a function, one for each bucket. So one is removed
//! only with the last resource that needs it. Parallel AddPermission calls on one function have been seen to drop
//! statements, hence one writer a function; RevisionId notices writers elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lambda_triggers_core::api::AppliedPermission;
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::identity::is_own_statement_id;
use lambda_triggers_core::plan::permission::{PermissionStep, Policy, Statement, plan_permission};
use lambda_triggers_core::plan::report::{Part, Reason};

use tokio::time::Instant;

use super::context::Context;
use super::error::Error;
use super::function::look_twice;
use super::object::Identity;
use crate::aws::{AwsError, Errand, Functions, Kind};

/// Looks at a policy until it is as planned; a write is seen at the first look after it, as a rule.
const LOOKS: u32 = 6;
/// Between two looks that did not show a write.
const PAUSE: Duration = Duration::from_millis(250);

/// The one writer of each function's policy.
#[derive(Default)]
pub struct Permissions {
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Who needs which statement, by UID. Registered before the policy is looked at, so that a removal which is
    /// decided at the same moment knows of it.
    claims: Mutex<BTreeMap<AppliedPermission, BTreeSet<String>>>,
}

impl Permissions {
    /// Makes the function's policy contain the statement, which the object `id` needs; true if it did not before.
    pub async fn ensure(
        &self,
        context: &Context,
        function: &FunctionArn,
        statement: &Statement,
        id: &Identity,
    ) -> Result<bool, Error> {
        let functions = context.aws(&id.key).functions(&function.region);
        let claim = || {
            self.claims().entry(identity(function, statement)).or_default().insert(id.uid.clone());
        };
        if Errand::current().shares_since().is_some() {
            // Its status claims the statement already: nobody removes it meanwhile, and no edit has to wait for this look.
            claim();
            let policy = policy(&*functions, function).await?.ok_or_else(|| gone(function))?;
            if plan_permission(&policy, statement).is_empty() {
                return Ok(false);
            }
        }
        let came = Instant::now();
        let _turn = self.turn(function).await;
        claim();
        let mut changed = false;
        for look in 0..LOOKS {
            // Who was at the policy before may have looked at it since we came.
            Errand::current().asks_since((look == 0).then_some(came));
            let policy = policy(&*functions, function).await;
            Errand::current().asks_since(None);
            let policy = policy?.ok_or_else(|| gone(function))?;
            let Some(step) = plan_permission(&policy, statement).into_iter().next() else {
                return Ok(changed);
            };
            if look > 0 {
                tokio::time::sleep(PAUSE * look).await;
            }
            changed |= apply(&*functions, function, step, &policy).await?;
        }
        let message = format!(
            "the policy of {} does not show the statement {} after {LOOKS} writes; another tool may be removing it",
            function.short(),
            statement.id
        );
        Err(Error::found(Part::Permission, Reason::AwsUnavailable, message))
    }

    /// Removes a statement that the object `id` needs no more, unless somebody else does, or it is none of ours: the status
    /// that names it may have been edited. `in_use` tells whether
    /// AWS has anything of ours that relies on it still: an object that was deleted with `Retain` claims nothing.
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
        let _turn = self.turn(&function).await;
        if self.others_claim(permission, &id.uid) || context.caches.permission_claimed(permission, &id.uid) {
            return Ok(());
        }
        if in_use().await? {
            return Ok(());
        }
        let functions = context.aws_for_removal(&id.key).functions(&function.region);
        remove(&*functions, &function, &permission.statement_id).await
    }

    /// Forgets the claim of one object to one statement; true if others have one.
    fn others_claim(&self, permission: &AppliedPermission, uid: &str) -> bool {
        let mut claims = self.claims();
        let Some(uids) = claims.get_mut(permission) else { return false };
        uids.remove(uid);
        let others = !uids.is_empty();
        if !others {
            claims.remove(permission);
        }
        others
    }

    /// Forgets all claims of an object that is being deleted: from here on it needs nothing.
    pub fn forget(&self, uid: &str) {
        self.claims().retain(|_, uids| {
            uids.remove(uid);
            !uids.is_empty()
        });
    }

    fn claims(&self) -> std::sync::MutexGuard<'_, BTreeMap<AppliedPermission, BTreeSet<String>>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn at a function's policy.
    async fn turn(&self, function: &FunctionArn) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(function.to_string()).or_default().clone()
        };
        turn.lock_owned().await
    }
}

/// The identity of a statement, as it is kept in a status.
pub fn identity(function: &FunctionArn, statement: &Statement) -> AppliedPermission {
    AppliedPermission { function_arn: function.to_string(), statement_id: statement.id.clone() }
}

async fn policy(functions: &dyn Functions, function: &FunctionArn) -> Result<Option<Policy>, Error> {
    functions.policy(function).await.map_err(Error::aws(Part::Permission))
}

/// Carries a step out; false if another writer came between, so that one has to look again.
async fn apply(
    functions: &dyn Functions,
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
        Err(AwsError { kind: Kind::Conflict, .. }) => Ok(false),
        Err(AwsError { kind: Kind::NotFound, .. }) => Err(gone(function)),
        Err(error) => Err(Error::aws(Part::Permission)(error)),
    }
}

/// Removes a statement, looking again where another writer came between. A policy that does not show it at first may be
/// one from before it was added, so it is removed all the same.
async fn remove(functions: &dyn Functions, function: &FunctionArn, id: &str) -> Result<(), Error> {
    for look in 0..LOOKS {
        let policy = look_twice(|| functions.policy(function)).await.map_err(Error::aws(Part::Permission))?;
        let Some(policy) = policy else { return Ok(()) };
        if look > 0 && !policy.statements.contains_key(id) {
            return Ok(());
        }
        if look > 0 {
            tokio::time::sleep(PAUSE * look).await;
        }
        match functions.remove_permission(function, id, policy.revision.as_deref()).await {
            Ok(()) | Err(AwsError { kind: Kind::Conflict, .. }) => {}
            Err(error) => return Err(Error::aws(Part::Permission)(error)),
        }
    }
    let message =
        format!("the policy of {} still shows the statement {id} after {LOOKS} removals", function.short());
    Err(Error::found(Part::Permission, Reason::AwsUnavailable, message))
}

fn gone(function: &FunctionArn) -> Error {
    let FunctionArn { region, .. } = function;
    let message = format!(
        "the Lambda function {} in {region} has gone: create it again, or name another one in spec.function",
        function.short()
    );
    Error::found(Part::Function, Reason::FunctionNotFound, message)
}
