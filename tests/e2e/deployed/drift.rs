//! What somebody changes on a deployed function, and the operator puts back.

use lambda_triggers_tests::aws_proxy::Pace;
use lambda_triggers_tests::env;
use serde_json::json;

use super::view::{
    SCHEDULED, apply, arn, definition, function, function_name, plain, scheduled, until_function,
    until_settled, with,
};
use crate::objects::{RESYNC_1S, event, events_of, nothing_is_written_at_rest};
use crate::support::{AwsView, LIMIT};

#[test]
fn what_is_changed_by_hand_is_put_back() {
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
        let until_repaired = async || {
            until_function(&env, &name, &expected).await;
            until_settled(&env, SCHEDULED, "app", &name).await;
            nothing_is_written_at_rest(&env, SCHEDULED, &["app"]).await;
        };
        lambda.update_function_configuration().function_name(&name).timeout(9).send().await.unwrap();
        until_repaired().await;
        let other = lambda_triggers_core::plan::function::archive(&[("a.py".into(), vec![])].into()).unwrap();
        let code = aws_sdk_lambda::primitives::Blob::new(other.bytes);
        lambda.update_function_code().function_name(&name).zip_file(code).send().await.unwrap();
        until_repaired().await;
        let tags = [("team".to_owned(), "b".to_owned())].into();
        lambda.tag_resource().resource(arn(&env, &name)).set_tags(Some(tags)).send().await.unwrap();
        until_repaired().await;
        lambda.delete_function_concurrency().function_name(&name).send().await.unwrap();
        until_repaired().await;
        let repaired = ["settings", "code", "tags", "reserved concurrency"].map(|what| {
            let note = format!("put back what was changed on the function {name}: {what}");
            event("Warning", "DriftRepaired", note)
        });
        let told = events_of(&env, "app").await;
        let drift = told.iter().filter(|[_, reason, _]| reason == "DriftRepaired");
        assert_eq!(drift.collect::<Vec<_>>(), repaired.iter().collect::<Vec<_>>(), "{told:#?}");
    });
}

#[test]
fn an_update_by_hand_is_put_back_as_somebody_elses_once_lambda_has_made_it() {
    env::test("drift-seen-early", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        env.until_ready(SCHEDULED, "app").await;
        let name = function_name(&env, SCHEDULED, "app");
        until_settled(&env, SCHEDULED, "app", &name).await;
        let expected = plain(&env, SCHEDULED, "app", &name).await;

        env.aws_proxy().slow_functions(env.account(), Pace::Held);
        env.lambda().update_function_configuration().function_name(&name).timeout(9).send().await.unwrap();
        env.aws_proxy().clear_calls(env.account());
        let looks = || env.aws_proxy().count(env.account(), "GetFunction");
        env.until(LIMIT, "three looks at it", async || (looks() >= 3).then_some(())).await;
        assert_eq!(env.aws_writes(), vec![]);
        let conditions = env.object(SCHEDULED, "app").await.unwrap()["status"]["conditions"].clone();
        assert!(conditions.as_array().unwrap().iter().all(|one| one["status"] == "True"), "{conditions}");

        env.aws_proxy().slow_functions(env.account(), Pace::default());
        env.aws_proxy().finish_functions(env.account());
        until_function(&env, &name, &expected).await;
        until_settled(&env, SCHEDULED, "app", &name).await;
        let repaired = format!("put back what was changed on the function {name}: settings");
        let told = events_of(&env, "app").await;
        assert_eq!(told.last(), Some(&event("Warning", "DriftRepaired", repaired)), "{told:#?}");
    });
}

#[test]
fn a_function_deleted_by_hand_is_created_again_with_its_permission() {
    env::test("drift-gone", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        env.until_ready(SCHEDULED, "app").await;
        let name = function_name(&env, SCHEDULED, "app");
        env.lambda().delete_function().function_name(&name).send().await.unwrap();
        until_function(&env, &name, &plain(&env, SCHEDULED, "app", &name).await).await;
        env.until(LIMIT, "the permission", async || {
            (env.statements(&name, None).await == ["lt-0a1b2c3d-rules"]).then_some(())
        })
        .await;
        until_settled(&env, SCHEDULED, "app", &name).await;
        let again =
            event("Warning", "DriftRepaired", format!("created the function {name} again, which was gone"));
        let told = events_of(&env, "app").await;
        assert!(told.contains(&again), "{told:#?}");
        nothing_is_written_at_rest(&env, SCHEDULED, &["app"]).await;
    });
}
