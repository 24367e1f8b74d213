//! The permission that a trigger needs.

use super::Statement;
use crate::api::{Applied, AppliedPermission, PermissionPolicy};
use crate::arn::FunctionArn;

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

impl Grant<'_> {
    /// The identity of the statement in a status.
    pub fn identity(&self) -> AppliedPermission {
        AppliedPermission { function_arn: self.function.to_string(), statement_id: self.statement.id.clone() }
    }

    /// The statement that the object needs. A recorded statement stays until the object is deleted, even with an
    /// external permission.
    pub fn wanted(&self, recorded: &Applied) -> Vec<AppliedPermission> {
        let permission = self.identity();
        let is_wanted =
            self.managed_by == PermissionPolicy::Managed || recorded.permissions.contains(&permission);
        is_wanted.then_some(permission).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ownership::OwnerId;

    #[test]
    fn an_external_permission_is_wanted_only_if_it_is_recorded() {
        let function = FunctionArn::parse("arn:aws:lambda:eu-west-1:123456789012:function:f").unwrap();
        let statement = Statement::for_rules(&OwnerId::parse("1a2b3c4d").unwrap(), &function, "123456789012");
        let identity = AppliedPermission {
            function_arn: function.to_string(),
            statement_id: "lt-1a2b3c4d-rules".into(),
        };
        let recorded = Applied { permissions: vec![identity.clone()], ..Applied::default() };
        let grant = |managed_by| Grant {
            function: &function,
            statement: &statement,
            managed_by,
            source: "EventBridge".into(),
        };
        for (managed_by, before, wanted) in [
            (PermissionPolicy::Managed, Applied::default(), vec![identity.clone()]),
            (PermissionPolicy::External, Applied::default(), vec![]),
            (PermissionPolicy::External, recorded, vec![identity]),
        ] {
            assert_eq!(grant(managed_by).wanted(&before), wanted);
        }
    }
}
