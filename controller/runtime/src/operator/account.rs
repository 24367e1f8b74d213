//! The operator's own account, which AWS names, and the roles that must be in the account.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lambda_triggers_core::tenancy::{Tenancy, check_own_scheduler_role};
use tokio::sync::watch;
use tracing::warn;

use super::start_error::StartError;
use super::tenancy_file;
use crate::aws::Aws;
use crate::error_chain;

/// Calls AWS until the first answer. Returns the account of the credentials.
pub async fn wait_for_account(aws: &dyn Aws) -> String {
    let mut wait = Duration::from_secs(1);
    loop {
        match aws.account().await {
            Ok(account) => return account.id,
            Err(error) => {
                warn!(error = error_chain(&error), "cannot get the caller identity from AWS; trying again");
            }
        }
        tokio::time::sleep(wait).await;
        wait = (2 * wait).min(Duration::from_secs(60));
    }
}

/// Validates the roles for EventBridge Scheduler of the flag and of the tenancy file, after AWS has named the account.
/// Returns only if a role is in another account, with the error for the start.
///
/// Every replica validates the roles, also a standby. Otherwise a rollout with a wrong role would replace the working
/// leader. `account` gets the account, for later reads of the tenancy file.
pub async fn find_foreign_scheduler_role(
    aws: &dyn Aws,
    own: Option<&str>,
    tenancy: Option<(&Path, watch::Receiver<Arc<Tenancy>>)>,
    account: &OnceLock<String>,
) -> StartError {
    if own.is_none() && tenancy.is_none() {
        return std::future::pending().await;
    }
    let answered = wait_for_account(aws).await;
    let account = account.get_or_init(|| answered);
    if let Some(Err(refusal)) = own.map(|role| check_own_scheduler_role(role, account)) {
        return refusal.to_string().into();
    }
    if let Some((path, tenancy)) = tenancy
        && let Err(error) = tenancy.borrow().check_scheduler_roles(account)
    {
        return tenancy_file::start_error(path, &error);
    }
    std::future::pending().await
}
