//! Drift of a deployed function: the operator repairs changes by other tools.

use lambda_triggers_tests::aws_proxy::Pace;
use lambda_triggers_tests::env;
use serde_json::json;

use super::view::{
    SCHEDULED, apply, arn, definition, function, function_name, plain, scheduled, wait_for_current_status,
    wait_for_function, with,
};
use crate::objects::{RESYNC_1S, assert_no_writes_at_rest, event, events_of};
use crate::support::{AwsView, LIMIT};

#[test]
fn drift_of_a_function_is_repaired() {
    env::test("drift-function", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let tagged = with(definition(&env, "app"), json!({"tags": {"team": "a"}, "reservedConcurrency": 2}));
        apply(&env, &scheduled("app", &tagged)).await;
        env.until_ready(SCHEDULED, "app").await;
        let name = function_name(&env, SCHEDULED, "app");
        let mut expected = plain(&env, SCHEDULED, "app", &name).await;
        expected["tags"]["team"] = json!("a");
        expected["reservedConcurrency"] = json!(2);
        assert_eq!(function(&env, &name).await, Some(expected.clone()));

        let lambda = env.lambda();
        let wait_for_repair = async || {
            wait_for_function(&env, &name, &expected).await;
            wait_for_current_status(&env, SCHEDULED, "app", &name).await;
            assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
        };
        lambda.update_function_configuration().function_name(&name).timeout(9).send().await.unwrap();
        wait_for_repair().await;
        let other = lambda_triggers_core::plan::function::archive(&[("a.py".into(), vec![])].into()).unwrap();
        let code = aws_sdk_lambda::primitives::Blob::new(other.bytes);
        lambda.update_function_code().function_name(&name).zip_file(code).send().await.unwrap();
        wait_for_repair().await;
        let tags = [("team".to_owned(), "b".to_owned())].into();
        lambda.tag_resource().resource(arn(&env, &name)).set_tags(Some(tags)).send().await.unwrap();
        wait_for_repair().await;
        lambda.delete_function_concurrency().function_name(&name).send().await.unwrap();
        wait_for_repair().await;
        let repaired = ["settings", "code", "tags", "reserved concurrency"].map(|what| {
            let note = format!("reverted a change of the function {name}: {what}");
            event("Warning", "DriftRepaired", note)
        });
        let events = events_of(&env, "app").await;
        let drift = events.iter().filter(|[_, reason, _]| reason == "DriftRepaired");
        assert_eq!(drift.collect::<Vec<_>>(), repaired.iter().collect::<Vec<_>>(), "{events:#?}");
    });
}

#[test]
fn a_foreign_update_in_progress_is_repaired_after_it_ends() {
    env::test("drift-seen-early", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        env.until_ready(SCHEDULED, "app").await;
        let name = function_name(&env, SCHEDULED, "app");
        wait_for_current_status(&env, SCHEDULED, "app", &name).await;
        let expected = plain(&env, SCHEDULED, "app", &name).await;

        env.aws_proxy().slow_functions(env.account(), Pace::Held);
        env.lambda().update_function_configuration().function_name(&name).timeout(9).send().await.unwrap();
        env.aws_proxy().clear_calls(env.account());
        let reads = || env.aws_proxy().count(env.account(), "GetFunction");
        env.until(LIMIT, "three reads of the function", async || (reads() >= 3).then_some(())).await;
        assert_eq!(env.aws_writes(), vec![]);
        let conditions = env.object(SCHEDULED, "app").await.unwrap()["status"]["conditions"].clone();
        assert!(
            conditions.as_array().unwrap().iter().all(|condition| condition["status"] == "True"),
            "{conditions}"
        );

        env.aws_proxy().slow_functions(env.account(), Pace::default());
        env.aws_proxy().finish_functions(env.account());
        wait_for_function(&env, &name, &expected).await;
        wait_for_current_status(&env, SCHEDULED, "app", &name).await;
        let repaired = format!("reverted a change of the function {name}: settings");
        let events = events_of(&env, "app").await;
        assert_eq!(events.last(), Some(&event("Warning", "DriftRepaired", repaired)), "{events:#?}");
    });
}

#[test]
fn a_deleted_function_is_recreated_with_its_permission() {
    env::test("drift-gone", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        env.until_ready(SCHEDULED, "app").await;
        let name = function_name(&env, SCHEDULED, "app");
        env.lambda().delete_function().function_name(&name).send().await.unwrap();
        wait_for_function(&env, &name, &plain(&env, SCHEDULED, "app", &name).await).await;
        env.until(LIMIT, "the permission", async || {
            (env.statements(&name, None).await == ["lt-0a1b2c3d-rules"]).then_some(())
        })
        .await;
        wait_for_current_status(&env, SCHEDULED, "app", &name).await;
        let again = event(
            "Warning",
            "DriftRepaired",
            format!("created the function {name} again, which was deleted"),
        );
        let events = events_of(&env, "app").await;
        assert!(events.contains(&again), "{events:#?}");
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
    });
}
