//! The environment, the input and the code of a function may contain secrets. Status, events and logs must not contain
//! these values.

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use lambda_triggers_tests::env;
use serde_json::json;

use super::view::{SCHEDULED, apply, definition, function_name, handler_with, scheduled, with};
use crate::objects::{NO_RESYNC, deny};

#[test]
fn environment_input_and_code_are_never_reported() {
    const SECRET: &str = "xyzzy-4711";
    env::test("secret", async |env| {
        let controller = env.controller(&NO_RESYNC);
        let code = json!({"inline": {"index.py": handler_with(SECRET)}});
        let plain = definition(&env, "hourly");
        let environment = with(plain["environment"].clone(), json!({"PASSWORD": SECRET}));
        let secret = with(plain, json!({"code": code, "environment": environment}));
        let mut manifest = scheduled("hourly", &secret);
        manifest["spec"]["input"] = json!({"password": SECRET});
        apply(&env, &manifest).await;
        env.until_ready(SCHEDULED, "hourly").await;

        deny(&env, "UpdateFunctionConfiguration", &function_name(&env, SCHEDULED, "hourly"));
        manifest["spec"]["function"]["definition"]["environment"]["PASSWORD"] = json!(format!("{SECRET}-2"));
        apply(&env, &manifest).await;
        env.until_condition(SCHEDULED, "hourly", "Stalled", "True").await;

        let object = env.object(SCHEDULED, "hourly").await.unwrap();
        assert!(object["spec"].to_string().contains(SECRET));
        assert!(!object["status"].to_string().contains(SECRET), "{}", object["status"]);
        let events: Api<Event> = Api::namespaced(env.kube().clone(), env.namespace());
        let events = format!("{:?}", events.list(&Default::default()).await.unwrap().items);
        assert!(events.contains("FunctionCreated") && !events.contains(SECRET), "{events}");
        let log = controller.log();
        assert!(log.contains("UpdateFunctionConfiguration") && !log.contains(SECRET), "{log}");
    });
}
