//! Checks of the tenancy file and the roles in the file.

use std::fmt::Display;
use std::path::Path;

use lambda_triggers_core::diagnosis::Check;
use lambda_triggers_core::ownership::{OwnerId, session_name};
use lambda_triggers_core::status::Component;
use lambda_triggers_core::tenancy::{Role, Tenancy};

use crate::aws::{Caller, Sdk, Session};
use crate::operator::read_tenancy;

const FILE: &str = "tenancy file";

/// Reads the tenancy file, if one is configured.
pub fn examine(path: Option<&Path>) -> (Vec<Check>, Option<Tenancy>) {
    let Some(path) = path else { return (vec![], None) };
    match read_tenancy(path) {
        Ok(tenancy) => {
            let roles = tenancy.roles().count();
            (vec![Check::ok(FILE, format!("{} is valid; roles: {roles}", path.display()))], Some(tenancy))
        }
        Err(why) => (vec![refused(path, &why)], None),
    }
}

/// The failed check for a role for EventBridge Scheduler that is not in the operator's `account`, where its namespace
/// acts.
pub fn foreign_scheduler_role(path: &Path, tenancy: &Tenancy, account: &str) -> Option<Check> {
    tenancy.check_scheduler_roles(account).err().map(|error| refused(path, &error))
}

fn refused(path: &Path, why: &dyn Display) -> Check {
    let finding = format!(
        "{}: {why}; the operator does not start with this file, and a running operator keeps the last valid content",
        path.display()
    );
    Check::failed(FILE, finding)
}

/// Assumes each role in the tenancy file.
pub async fn roles(sdk: &Sdk, owner: Option<&OwnerId>, tenancy: &Tenancy) -> Vec<Check> {
    let mut checks = vec![];
    for (named, role) in tenancy.roles() {
        checks.push(self::role(sdk, owner, named, role).await);
    }
    checks
}

async fn role(sdk: &Sdk, owner: Option<&OwnerId>, named: &str, role: &Role) -> Check {
    let what = format!("role of {named}");
    let name = owner.map_or_else(|| "lambda-triggers-doctor".into(), |owner| session_name(owner, "doctor"));
    let session = Session { role: role.clone(), name };
    match sdk.with_role(&session).caller().await {
        Ok(Caller { arn, .. }) => Check::ok(what, format!("can be assumed, as {arn}")),
        Err(error) => Check::failed(what, error.failure(Component::Permission).message),
    }
}
