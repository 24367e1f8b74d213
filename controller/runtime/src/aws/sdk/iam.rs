//! IAM through the SDK, for `lambda-triggers doctor`. The operator never calls IAM, so IAM is no AWS port, and the least
//! IAM policy does not allow the call.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::PolicyEvaluationDecisionType;

use crate::aws::{AwsError, AwsErrorKind};

/// IAM of the caller's account.
pub struct SdkIam {
    client: Client,
}

impl SdkIam {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// True if the policies of a role allow the role to invoke exactly this function, version or alias. The policy of the
    /// function does not count
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>).
    ///
    /// # Errors
    /// A missing role is the error [`NotFound`](AwsErrorKind::NotFound).
    pub async fn may_invoke(&self, role: &str, function: &str) -> Result<bool, AwsError> {
        const ACTION: &str = "iam:SimulatePrincipalPolicy";
        let on = || format!("role {role}");
        let call = self.client.simulate_principal_policy().policy_source_arn(role);
        // For several resources, the decision is the strictest of all.
        let call = call.action_names("lambda:InvokeFunction").resource_arns(function);
        let answer = call.send().await.map_err(|e| AwsError::from_sdk(ACTION, on(), e))?;
        let [result] = answer.evaluation_results() else {
            let problem = "the answer has no single decision";
            return Err(AwsError::unexpected(AwsErrorKind::Invalid, ACTION, on(), problem));
        };
        Ok(*result.eval_decision() == PolicyEvaluationDecisionType::Allowed)
    }
}
