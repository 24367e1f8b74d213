//! EventBridge Scheduler of the environment's account, and the role for schedules.

use form_urlencoded::Serializer;
use lambda_triggers_core::iam::{Scope, scheduler_role_permissions, scheduler_role_trust};
use lambda_triggers_core::ownership::OwnerId;
use serde_json::{Value, json};

use super::TestEnv;

/// The name of the operator's role.
const ROLE: &str = "schedules";
/// The name of a role for schedules of other tools.
const FOREIGN_ROLE: &str = "their-schedules";

impl TestEnv {
    /// Creates the role that EventBridge Scheduler assumes for the schedules of an operator, and returns its ARN.
    pub async fn scheduler_role(&self, owner: &OwnerId) -> String {
        let scope = Scope::for_account(self.account(), Some(owner.clone()));
        let trust = scheduler_role_trust(&scope);
        self.role(ROLE, trust, &scope).await
    }

    /// Creates a role for schedules of every group, as another tool would, and returns its ARN.
    pub async fn foreign_scheduler_role(&self) -> String {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole",
        }]});
        self.role(FOREIGN_ROLE, trust, &Scope::for_account(self.account(), None)).await
    }

    async fn role(&self, role: &str, trust: Value, scope: &Scope) -> String {
        self.iam("CreateRole", role, &[], ("AssumeRolePolicyDocument", trust)).await;
        let permissions =
            serde_json::to_value(scheduler_role_permissions(scope, &[])).expect("a policy is JSON");
        self.iam("PutRolePolicy", role, &[("PolicyName", "invoke")], ("PolicyDocument", permissions)).await;
        format!("arn:aws:iam::{}:role/{role}", self.account())
    }

    /// A call of IAM about a role.
    async fn iam(&self, action: &str, role: &str, more: &[(&str, &str)], (name, document): (&str, Value)) {
        let mut form = Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("RoleName", role).append_pair("Version", "2010-05-08");
        let form = form.extend_pairs(more).append_pair(name, &document.to_string()).finish();
        self.query("iam", &form).await;
    }
}
