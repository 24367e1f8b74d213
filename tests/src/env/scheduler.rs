//! EventBridge Scheduler of the environment's account, and the role for schedules.

use form_urlencoded::Serializer;
use lambda_triggers_core::iam::{Scope, scheduler_role_permissions, scheduler_role_trust};
use lambda_triggers_core::ownership::OwnerId;
use serde_json::Value;

use super::TestEnv;

/// The name of the role.
const ROLE: &str = "schedules";

impl TestEnv {
    /// Creates the role that EventBridge Scheduler assumes for the schedules of an operator, and returns its ARN.
    pub async fn scheduler_role(&self, owner: &OwnerId) -> String {
        let scope = Scope::for_account(self.account(), Some(owner.clone()));
        let trust = scheduler_role_trust(&scope);
        self.iam("CreateRole", &[], ("AssumeRolePolicyDocument", trust)).await;
        let permissions =
            serde_json::to_value(scheduler_role_permissions(&scope, &[])).expect("a policy is JSON");
        self.iam("PutRolePolicy", &[("PolicyName", "invoke")], ("PolicyDocument", permissions)).await;
        format!("arn:aws:iam::{}:role/{ROLE}", self.account())
    }

    /// A call of IAM about the role.
    async fn iam(&self, action: &str, more: &[(&str, &str)], (name, document): (&str, Value)) {
        let mut form = Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("RoleName", ROLE).append_pair("Version", "2010-05-08");
        let form = form.extend_pairs(more).append_pair(name, &document.to_string()).finish();
        self.query("iam", &form).await;
    }
}
