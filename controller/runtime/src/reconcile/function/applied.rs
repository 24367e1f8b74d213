//! The functions in a status.

use lambda_triggers_core::api::{Applied, AppliedFunction};
use lambda_triggers_core::ownership::ObjectKey;

use crate::objects::Trigger;
use crate::reconcile::context::Context;

/// The function that an earlier object of this name may have deployed, from the spec alone. A restored backup has no
/// status, and its spec may be unreadable as a whole.
pub fn by_spec<K: Trigger>(
    context: &Context,
    object: &K,
    key: &ObjectKey,
    region: &str,
) -> Vec<AppliedFunction> {
    let definition = &object.spec().value()["function"]["definition"];
    let given = definition["functionName"].as_str().map(ToOwned::to_owned);
    let name = given.unwrap_or_else(|| key.function_name(&context.owner.id, K::NAME));
    let function = AppliedFunction { region: region.into(), name, tag_keys: vec![], async_invoke: false };
    definition.is_object().then_some(function).into_iter().collect()
}

/// `applied` with the new record of a function.
pub fn with_function(applied: &Applied, account: &str, function: &AppliedFunction) -> Applied {
    let account = Some(account.to_owned());
    let mut all = Applied { account, functions: vec![function.clone()], ..applied.clone() };
    all.merge(applied);
    all
}
