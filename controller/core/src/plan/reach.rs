//! Whether an operator finds the AWS resources that a status records.

use crate::api::Applied;
use crate::ownership::OwnerId;
use crate::status::{Component, Failure, Reason};

/// Checks that the operator made the recorded resources under its owner id. The operator finds everything by its owner id,
/// so otherwise it would create everything again, and leave the first set behind.
///
/// # Errors
///
/// The names of the recorded resources have only other owner ids.
pub fn check_owner(applied: &Applied, owner: &OwnerId) -> Result<(), Failure> {
    let recorded = OwnerId::recorded(applied);
    let Some(made_by) = recorded.first().filter(|_| !recorded.contains(owner)) else { return Ok(()) };
    let message = format!(
        "the AWS resources of this resource have the owner id {made_by}, but this operator has the owner id {owner}. Start \
         the operator with --owner-id {made_by} (ownerId in the chart). Or set spec.deletionPolicy to Retain and delete \
         the resource, which leaves the AWS resources to you"
    );
    Err(Failure::new(Component::Permission, Reason::OtherOwnerId, message))
}

/// Checks that the recorded resources are in `account`, the current account of the namespace. In another account, a read
/// would not find the resources, and the operator would forget the resources.
///
/// # Errors
///
/// The recorded resources are in another account.
pub fn check_account(applied: &Applied, account: &str) -> Result<(), Failure> {
    let Some(made_in) = applied.made_in_other_account(account) else { return Ok(()) };
    let message = format!(
        "the AWS resources of this resource are in account {made_in}, but its namespace now acts in account \
         {account}. Give the namespace a role of account {made_in} until the resource is deleted, and create \
         the resource again afterwards. Or set spec.deletionPolicy to Retain and delete the resource, which \
         leaves the AWS resources in {made_in} to you"
    );
    Err(Failure::new(Component::Permission, Reason::OtherAccount, message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(names: &[&str]) -> Applied {
        let rules: Vec<_> = names.iter().map(|name| json!({"region": "eu-west-1", "name": name})).collect();
        serde_json::from_value(json!({"account": "111122223333", "rules": rules})).unwrap()
    }

    #[test]
    fn resources_of_another_owner_id_are_out_of_reach() {
        let owner = OwnerId::parse("1a2b3c4d").unwrap();
        let (own, other) = ("lt-1a2b3c4d-team-a-0123456789", "lt-0784810d-team-a-0123456789");
        let message = "the AWS resources of this resource have the owner id 0784810d, but this operator has the owner id \
                       1a2b3c4d. Start the operator with --owner-id 0784810d (ownerId in the chart). Or set \
                       spec.deletionPolicy to Retain and delete the resource, which leaves the AWS resources to you";
        let failure = Failure::new(Component::Permission, Reason::OtherOwnerId, message);
        assert_eq!(check_owner(&Applied::default(), &owner), Ok(()));
        assert_eq!(check_owner(&rules(&[own]), &owner), Ok(()));
        assert_eq!(check_owner(&rules(&[other, own]), &owner), Ok(()));
        assert_eq!(check_owner(&rules(&[other]), &owner), Err(failure));
    }

    #[test]
    fn resources_of_another_account_are_out_of_reach() {
        let message = "the AWS resources of this resource are in account 111122223333, but its namespace now acts in \
                       account 444455556666. Give the namespace a role of account 111122223333 until the resource is \
                       deleted, and create the resource again afterwards. Or set spec.deletionPolicy to Retain and \
                       delete the resource, which leaves the AWS resources in 111122223333 to you";
        let failure = Failure::new(Component::Permission, Reason::OtherAccount, message);
        assert_eq!(check_account(&rules(&["lt-a"]), "111122223333"), Ok(()));
        assert_eq!(check_account(&rules(&["lt-a"]), "444455556666"), Err(failure));
    }
}
