//! The decision which role EventBridge Scheduler assumes for the schedules of a namespace.

use super::decide::contact;
use super::{Refusal, Tenancy};
use crate::arn::role_account;
use crate::status::{Component, Failure, Reason};

/// The role for the schedules of a namespace. `own` is the operator's own role for EventBridge Scheduler.
///
/// The role lends the power to invoke functions to the namespace. A namespace with a `role` acts as somebody else, and
/// never gets the operator's own role.
///
/// # Errors
///
/// Returns the failure with the setting that is missing.
pub fn scheduler_role<'a>(
    tenancy: Option<&'a Tenancy>,
    namespace: &str,
    own: Option<&'a str>,
) -> Result<&'a str, Failure> {
    let missing = |message: String| Failure::new(Component::Schedule, Reason::SchedulerRoleMissing, message);
    let unset = || {
        missing(
            "this operator has no role for EventBridge Scheduler: set --scheduler-role-arn, or use a schedule that \
             a rule can run"
                .into(),
        )
    };
    let Some(tenancy) = tenancy else { return own.ok_or_else(unset) };
    let unnamed = || missing(tenancy.unnamed(namespace).to_string());
    let tenant = tenancy.tenant(namespace).ok_or_else(unnamed)?;
    match (&tenant.scheduler_role, &tenant.role) {
        (Some(role), _) => Ok(role),
        (None, None) => own.ok_or_else(unset),
        (None, Some(_)) => Err(missing(format!(
            "namespace {namespace} has no role for EventBridge Scheduler: set namespaces.{}.schedulerRole in the \
             tenancy file, or use a schedule that a rule can run{}",
            tenant.named,
            contact(tenant.contact.as_ref())
        ))),
    }
}

/// Validates the operator's own role for EventBridge Scheduler: the role must be in the operator's own `account`, where
/// the schedules are.
///
/// # Errors
///
/// The role is in another account.
pub fn check_own_scheduler_role(arn: &str, account: &str) -> Result<(), Refusal> {
    let there = role_account(arn).unwrap_or_default();
    if there == account {
        return Ok(());
    }
    Err(Refusal(format!(
        "--scheduler-role-arn: {arn} is a role of account {there}, but the operator acts in account {account}; write a \
         role of account {account}, and set schedulerRole in the tenancy file for a namespace that acts in another \
         account"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "arn:aws:iam::111111111111:role/own";

    fn tenancy() -> Tenancy {
        let file = "
contact: ask Ada
namespaces:
  shared: {}
  separate:
    schedulerRole: arn:aws:iam::111111111111:role/separate
  tenant:
    role: {arn: 'arn:aws:iam::222222222222:role/tenant'}
    schedulerRole: arn:aws:iam::222222222222:role/schedules
  'without-*':
    role: {arn: 'arn:aws:iam::111111111111:role/without'}
";
        Tenancy::parse(file).unwrap()
    }

    fn decide(namespace: &str, own: Option<&str>) -> Result<String, String> {
        let tenancy = tenancy();
        let role = scheduler_role(Some(&tenancy), namespace, own);
        role.map(Into::into).map_err(|failure| failure.message)
    }

    #[test]
    fn only_a_namespace_without_a_role_gets_the_role_of_the_operator() {
        let unset = "this operator has no role for EventBridge Scheduler: set --scheduler-role-arn, or use a schedule \
                     that a rule can run";
        assert_eq!(scheduler_role(None, "any", Some(OWN)), Ok(OWN));
        let missing = Failure::new(Component::Schedule, Reason::SchedulerRoleMissing, unset);
        assert_eq!(scheduler_role(None, "any", None), Err(missing));
        assert_eq!(decide("shared", Some(OWN)), Ok(OWN.into()));
        assert_eq!(decide("shared", None), Err(unset.into()));
        let missing = "namespace without-one has no role for EventBridge Scheduler: set \
                       namespaces.without-*.schedulerRole in the tenancy file, or use a schedule that a rule can \
                       run; ask Ada";
        let unnamed = "the tenancy file has no entry for namespace other, so its resources may not use anything in \
                       AWS; ask Ada";
        for own in [Some(OWN), None] {
            assert_eq!(decide("separate", own), Ok("arn:aws:iam::111111111111:role/separate".into()));
            assert_eq!(decide("tenant", own), Ok("arn:aws:iam::222222222222:role/schedules".into()));
            assert_eq!(decide("without-one", own), Err(missing.into()));
            assert_eq!(decide("other", own), Err(unnamed.into()));
        }
    }

    #[test]
    fn the_role_of_the_operator_is_in_the_account_of_the_operator() {
        assert_eq!(check_own_scheduler_role(OWN, "111111111111"), Ok(()));
        let problem = "--scheduler-role-arn: arn:aws:iam::111111111111:role/own is a role of account 111111111111, but \
                       the operator acts in account 222222222222; write a role of account 222222222222, and set \
                       schedulerRole in the tenancy file for a namespace that acts in another account";
        assert_eq!(check_own_scheduler_role(OWN, "222222222222"), Err(Refusal(problem.into())));
    }

    #[test]
    fn a_role_of_another_account_is_refused() {
        let parse = |tenant: &str| {
            Tenancy::parse(&format!("namespaces:\n  media: {{{tenant}}}")).map_err(|error| error.to_string())
        };
        let other = "schedulerRole: 'arn:aws:iam::222222222222:role/schedules'";
        let problem = "namespaces.media.schedulerRole: arn:aws:iam::222222222222:role/schedules is a role of account \
                       222222222222, but the namespace acts in account 111111111111; write a role of account \
                       111111111111";
        let with_role = format!("role: {{arn: 'arn:aws:iam::111111111111:role/media'}}, {other}");
        assert_eq!(parse(&with_role), Err(problem.into()));
        let without_role = parse(other).unwrap();
        assert_eq!(
            without_role.check_scheduler_roles("111111111111").map_err(|error| error.to_string()),
            Err(problem.into())
        );
        assert!(without_role.check_scheduler_roles("222222222222").is_ok());
        let malformed = "namespaces.media.schedulerRole: \"schedules\" is not a valid role ARN; write for example \
                         arn:aws:iam::123456789012:role/media";
        assert_eq!(parse("schedulerRole: schedules"), Err(malformed.into()));
    }
}
