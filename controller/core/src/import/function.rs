//! The function of an imported trigger.

use super::finding::OldPermission;
use super::settings::ImportSettings;
use crate::api::{FunctionRef, PermissionPolicy, Tags};
use crate::arn::FunctionArn;
use crate::ownership::OwnerId;
use crate::plan::permission::Statement;

/// The qualifier of the latest code, which a spec leaves out.
pub(super) const LATEST: &str = "$LATEST";

/// The observed state of a function that an entry, a rule or a schedule invokes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionState {
    /// The function exists.
    Exists {
        /// The tags. Empty if they could not be read.
        tags: Tags,
        /// The statements of the function's policy in which a service invokes the function for one source; otherwise
        /// why the policy could not be read.
        statements: Result<Vec<Statement>, String>,
    },
    /// The function, its alias or its version does not exist.
    Missing,
    /// The function could not be read, with the reason.
    Unknown(String),
}

impl FunctionState {
    /// The tags of the function, as far as known.
    pub(crate) fn tags(&self) -> Option<&Tags> {
        match self {
            Self::Exists { tags, .. } => Some(tags),
            Self::Missing | Self::Unknown(_) => None,
        }
    }

    /// The note on a trigger of this function.
    pub(super) fn note(&self) -> Option<String> {
        match self {
            Self::Exists { statements: Err(why), .. } => Some(format!(
                "the report cannot name the old permission in the policy of its function: {why}"
            )),
            Self::Unknown(why) => Some(format!("its function could not be read: {why}")),
            Self::Exists { .. } | Self::Missing => None,
        }
    }

    /// The foreign statements that permit `service` to invoke `function` for exactly this source.
    pub(super) fn permissions(
        &self,
        function: &FunctionArn,
        service: &str,
        source_arn: &str,
    ) -> Vec<OldPermission> {
        let Self::Exists { statements: Ok(statements), .. } = self else { return vec![] };
        let is_old = |statement: &&Statement| {
            statement.principal == service
                && statement.source_arn == source_arn
                && OwnerId::from_name(&statement.id).is_none()
        };
        let old = statements.iter().filter(is_old);
        old.map(|statement| OldPermission { function: function.clone(), sid: statement.id.clone() }).collect()
    }
}

/// The reference to a function in a spec. The ARN names a function of another account. Only the other account can change
/// the policy of its function, so the reference leaves the permission to that account.
pub(super) fn function_ref(settings: &ImportSettings, arn: &FunctionArn) -> FunctionRef {
    let qualifier = arn.qualifier.clone().filter(|qualifier| qualifier != LATEST);
    if arn.account == settings.account {
        return FunctionRef { name: Some(arn.name.clone()), qualifier, ..FunctionRef::default() };
    }
    FunctionRef {
        arn: Some(arn.with_qualifier(qualifier.as_deref()).to_string()),
        permission: PermissionPolicy::External,
        ..FunctionRef::default()
    }
}
