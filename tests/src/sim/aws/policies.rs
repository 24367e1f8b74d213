//! Lambda's functions and their resource policies.

use lambda_triggers::aws::{AwsError, AwsErrorKind, Function};
use lambda_triggers_core::arn::FunctionArn;
use serde_json::Value;

use super::errors::Op;
use super::journal::Effect;
use super::state::{Answer, AwsState};
use crate::aws_proxy::arn::FunctionRef;
use crate::aws_proxy::function_state::Stage;
use crate::aws_proxy::functions::missing;
use crate::aws_proxy::lambda::no_policy_on_latest;
use crate::aws_proxy::policy::{self, not_found, statement};
use crate::sim::fault_injector::View;

impl AwsState {
    /// True if the function exists, with the named version or alias.
    pub fn exists(&self, function: &FunctionRef, view: View) -> bool {
        let found = self.functions.seen(&unqualified(function), view);
        let qualifier = function.qualifier.as_deref();
        found.is_some_and(|found| {
            qualifier.is_none_or(|qualifier| qualifier == "$LATEST" || found.qualifiers.contains(qualifier))
        })
    }

    /// The function that a reference names in a Region.
    pub fn reference(&self, reference: &str, region: &str) -> Answer<FunctionRef> {
        let mut function = FunctionRef::parse(reference, region)
            .ok_or_else(|| not_found(&format!("Function not found: {reference}")))?;
        if function.account.is_empty() {
            function.account.clone_from(&self.account);
        }
        if function.region != region {
            let text =
                format!("Functions from '{}' are not reachable in this region ('{region}')", function.region);
            return Err(not_found(&text));
        }
        Ok(function)
    }

    /// Counts a read, for changes that end after a number of reads.
    pub fn note_read(&mut self, function: &FunctionRef) {
        if let Some(found) = self.functions.get_mut(&unqualified(function)) {
            found.life.seen();
        }
    }

    pub fn function(&self, function: &FunctionRef, view: View) -> Answer<Function> {
        let found = self.functions.seen(&unqualified(function), view);
        let found = found.filter(|_| self.exists(function, view)).ok_or_else(|| missing(function))?;
        let failed = match &found.life.stage {
            Stage::CreationFailed(failure) => Some(failure.reason.clone()),
            _ => None,
        };
        Ok(Function { arn: port_arn(function), failed })
    }

    /// The policy's document and revision.
    pub fn policy(&self, function: &FunctionRef, view: View) -> Answer<(String, String)> {
        if !self.exists(function, view) {
            return Err(missing(function));
        }
        let policy = self.policies.seen(function, view);
        let policy = policy.ok_or_else(|| not_found("The resource you requested does not exist."))?;
        Ok((policy.document(), policy.revision().to_owned()))
    }

    /// `AddPermission`. `request` has the members of the real request.
    pub fn add_permission(&mut self, op: &Op, function: &FunctionRef, request: &Value) -> Answer<()> {
        let statement = statement(request, function)?;
        if function.qualifier.as_deref() == Some("$LATEST") {
            return Err(no_policy_on_latest());
        }
        self.add_statement(op, function, statement, request["RevisionId"].as_str())
    }

    /// Adds a statement with any content.
    pub fn add_statement(
        &mut self,
        op: &Op,
        function: &FunctionRef,
        statement: Value,
        revision: Option<&str>,
    ) -> Answer<()> {
        if !self.exists(function, View::Now) {
            return Err(missing(function));
        }
        let sid = statement["Sid"].as_str().map(ToOwned::to_owned);
        let policy = policy::Policy::add(self.policies.get(function), statement, revision)?;
        self.policies.set(function.clone(), Some(policy));
        self.note(op, sid.as_deref(), Effect::Created);
        Ok(())
    }

    pub fn remove_permission(
        &mut self,
        op: &Op,
        function: &FunctionRef,
        sid: &str,
        revision: Option<&str>,
    ) -> Answer<()> {
        if !self.exists(function, View::Now) {
            return Err(missing(function));
        }
        let policy = policy::Policy::remove(self.policies.get(function), sid, revision)?;
        self.policies.set(function.clone(), policy);
        self.note(op, Some(sid), Effect::Deleted);
        Ok(())
    }
}

pub(super) fn unqualified(function: &FunctionRef) -> FunctionRef {
    FunctionRef { qualifier: None, ..function.clone() }
}

pub(super) fn port_arn(function: &FunctionRef) -> FunctionArn {
    let FunctionRef { region, account, name, qualifier } = function.clone();
    FunctionArn { partition: "aws".into(), region, account, name, qualifier }
}

/// `None` for a not-found error.
pub(super) fn missing_as_none<T>(result: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match result {
        Err(error) if error.kind == AwsErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}
