//! The function of an imported trigger.

use super::settings::ImportSettings;
use crate::api::{FunctionRef, PermissionPolicy, Tags};
use crate::arn::FunctionArn;

/// The qualifier of the latest code, which a spec leaves out.
pub(super) const LATEST: &str = "$LATEST";

/// The observed state of a function that an entry, a rule or a schedule invokes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionState {
    /// The function exists. The tags are empty if they could not be read.
    Exists(Tags),
    /// The function, its alias or its version does not exist.
    Missing,
    /// The function could not be read, with the reason.
    Unknown(String),
}

impl FunctionState {
    /// The tags of the function, as far as known.
    pub(super) fn tags(&self) -> Option<&Tags> {
        match self {
            Self::Exists(tags) => Some(tags),
            Self::Missing | Self::Unknown(_) => None,
        }
    }
}

/// The reference to a function in a spec. A function of another account is named by its ARN. AWS lets nobody change
/// the policy of such a function from outside its account, so the policy stays with the other account.
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
