//! Functions of another account.

use lambda_triggers_tests::env;

use super::view::{KIND, rules};
use crate::objects::{NO_RESYNC, event, failed, wait_for_conditions, wait_for_events};
use crate::support::AwsView;

const OTHER: &str = "210987654321";

#[test]
fn a_function_of_another_account_is_refused_before_any_write() {
    env::test("other-account", async |env| {
        let name = format!("thumbs-{}", env.account());
        let arn = env.create_function(&env.lambda_of(OTHER).await, &name).await;
        let _controller = env.controller(&NO_RESYNC);
        env.aws_proxy().clear_calls(env.account());
        env.apply(&format!(
            "apiVersion: lambda-triggers.dev/v1alpha1\nkind: {KIND}\nmetadata: {{name: thumbs}}\nspec: {{schedule: rate(1 hour), function: {{arn: '{arn}'}}}}\n"
        ))
        .await;
        let account = env.account();
        let message = format!(
            "the function {name} is in account {OTHER}, and its rule would be in account {account}: \
             EventBridge invokes a function of another account only with a role on the target, which this \
             operator does not set. Create this resource in a namespace with a role of account {OTHER}, or \
             name a function of account {account}"
        );
        let refused = failed("Stalled", "OtherAccount", &message, &[], "RuleReady");
        wait_for_conditions(&env, KIND, "thumbs", &refused).await;
        wait_for_events(&env, "thumbs", &[event("Warning", "OtherAccount", &message)]).await;
        assert_eq!(env.aws_writes(), vec![]);
        assert_eq!(env.object(KIND, "thumbs").await.unwrap()["status"]["applied"], serde_json::Value::Null);

        env.function("thumbs").await;
        env.apply(
            &crate::support::scheduled("thumbs", "thumbs", "schedule: rate(1 hour)")
                .replace("{name:", "{arn: null, name:"),
        )
        .await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(rules(&env).await.len(), 1);
    });
}
