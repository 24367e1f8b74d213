//! Functions of another account.

use lambda_triggers_tests::world;

use super::view::{KIND, rules};
use crate::objects::{NO_RESYNC, event, failed, until_conditions, until_told};
use crate::support::AwsView;

const OTHER: &str = "210987654321";

#[test]
fn a_rule_for_a_function_of_another_account_is_refused_before_anything_is_made() {
    world::test("other-account", async |w| {
        let name = format!("thumbs-{}", w.account());
        let arn = w.create_function(&w.lambda_of(OTHER).await, &name).await;
        let _controller = w.controller(&NO_RESYNC);
        w.aws_proxy().clear_calls(w.account());
        w.apply(&format!(
            "apiVersion: lambda-triggers.dev/v1alpha1\nkind: {KIND}\nmetadata: {{name: thumbs}}\nspec: {{schedule: rate(1 hour), function: {{arn: '{arn}'}}}}\n"
        ))
        .await;
        let account = w.account();
        let message = format!(
            "the function {name} is in account {OTHER}, and its rule would be in account {account}: EventBridge invokes a \
             function of another account only with a role on the target, which this operator does not set. Make this resource \
             in a namespace to which the tenancy file gives a role of account {OTHER}, or name a function of account {account}"
        );
        let refused = failed("Stalled", "OtherAccount", &message, &[], "RuleReady");
        until_conditions(&w, KIND, "thumbs", &refused).await;
        until_told(&w, "thumbs", &[event("Warning", "OtherAccount", &message)]).await;
        assert_eq!(w.aws_writes(), vec![]);
        assert_eq!(w.object(KIND, "thumbs").await.unwrap()["status"]["applied"], serde_json::Value::Null);

        w.function("thumbs").await;
        w.apply(
            &crate::support::scheduled("thumbs", "thumbs", "schedule: rate(1 hour)")
                .replace("{name:", "{arn: null, name:"),
        )
        .await;
        w.until_ready(KIND, "thumbs").await;
        assert_eq!(rules(&w).await.len(), 1);
    });
}
