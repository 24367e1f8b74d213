//! The field manager: `kubectl get --show-managed-fields` tells which fields the operator has written.

use lambda_triggers_tests::env;
use serde_json::{Value, json};

use crate::objects::NO_RESYNC;
use crate::scheduled::view::KIND;
use crate::support::scheduled;

#[test]
fn the_finalizer_and_the_status_name_the_operator_as_field_manager() {
    env::test("field-manager", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        env.function("report").await;
        env.apply(&scheduled("hourly", "report", "schedule: rate(1 hour)")).await;
        let object = env.until_ready(KIND, "hourly").await;
        let managed = object["metadata"]["managedFields"].as_array().unwrap();
        let is_users = |entry: &&Value| entry["manager"] == "kubectl-client-side-apply";
        let written = |entry: &Value| {
            let fields = &entry["fieldsV1"];
            let has_finalizer = fields["f:metadata"].get("f:finalizers").is_some();
            json!([entry["manager"], entry["subresource"], has_finalizer, fields.get("f:status").is_some()])
        };
        let mut operators: Vec<Value> =
            managed.iter().filter(|entry| !is_users(entry)).map(written).collect();
        operators.sort_by_key(ToString::to_string);
        let expected = [
            json!(["lambda-triggers", "status", false, true]),
            json!(["lambda-triggers", null, true, false]),
        ];
        assert_eq!(operators, expected, "{managed:#?}");
    });
}
