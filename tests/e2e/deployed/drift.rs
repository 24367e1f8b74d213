//! What somebody changes on a deployed function, and the operator puts back.

use lambda_triggers_tests::aws_proxy::Pace;
use lambda_triggers_tests::world;
use serde_json::json;

use super::view::{
    SCHEDULED, apply, arn, definition, function, function_name, plain, scheduled, until_function,
    until_settled, with,
};
use crate::objects::{RESYNC_1S, event, nothing_is_written_at_rest, told};
use crate::support::{AwsView, LIMIT};

#[test]
fn what_is_changed_by_hand_is_put_back() {
    world::test("drift-function", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        let tagged = with(definition(&w, "app"), json!({"tags": {"team": "a"}, "reservedConcurrency": 2}));
        apply(&w, &scheduled("app", &tagged)).await;
        w.until_ready(SCHEDULED, "app").await;
        let name = function_name(&w, SCHEDULED, "app");
        let mut expected = plain(&w, SCHEDULED, "app", &name).await;
        expected["tags"]["team"] = json!("a");
        expected["reservedConcurrency"] = json!(2);
        assert_eq!(function(&w, &name).await, Some(expected.clone()));

        let lambda = w.lambda();
        let until_repaired = async || {
            until_function(&w, &name, &expected).await;
            until_settled(&w, SCHEDULED, "app", &name).await;
            nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;
        };
        lambda.update_function_configuration().function_name(&name).timeout(9).send().await.unwrap();
        until_repaired().await;
        let other = lambda_triggers_core::plan::function::archive(&[("a.py".into(), vec![])].into()).unwrap();
        let code = aws_sdk_lambda::primitives::Blob::new(other.bytes);
        lambda.update_function_code().function_name(&name).zip_file(code).send().await.unwrap();
        until_repaired().await;
        let tags = [("team".to_owned(), "b".to_owned())].into();
        lambda.tag_resource().resource(arn(&w, &name)).set_tags(Some(tags)).send().await.unwrap();
        until_repaired().await;
        lambda.delete_function_concurrency().function_name(&name).send().await.unwrap();
        until_repaired().await;
        let repaired = ["settings", "code", "tags", "reserved concurrency"].map(|what| {
            let note = format!("put back what was changed on the function {name}: {what}");
            event("Warning", "DriftRepaired", note)
        });
        let told = told(&w, "app").await;
        let drift = told.iter().filter(|[_, reason, _]| reason == "DriftRepaired");
        assert_eq!(drift.collect::<Vec<_>>(), repaired.iter().collect::<Vec<_>>(), "{told:#?}");
    });
}

#[test]
fn an_update_by_hand_is_put_back_as_somebody_elses_once_lambda_has_made_it() {
    world::test("drift-seen-early", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        apply(&w, &scheduled("app", &definition(&w, "app"))).await;
        w.until_ready(SCHEDULED, "app").await;
        let name = function_name(&w, SCHEDULED, "app");
        until_settled(&w, SCHEDULED, "app", &name).await;
        let expected = plain(&w, SCHEDULED, "app", &name).await;

        w.aws_proxy().slow_functions(w.account(), Pace::Held);
        w.lambda().update_function_configuration().function_name(&name).timeout(9).send().await.unwrap();
        w.aws_proxy().clear_calls(w.account());
        let looks = || w.aws_proxy().count(w.account(), "GetFunction");
        w.until(LIMIT, "three looks at it", async || (looks() >= 3).then_some(())).await;
        assert_eq!(w.aws_writes(), vec![]);
        let conditions = w.object(SCHEDULED, "app").await.unwrap()["status"]["conditions"].clone();
        assert!(conditions.as_array().unwrap().iter().all(|one| one["status"] == "True"), "{conditions}");

        w.aws_proxy().slow_functions(w.account(), Pace::default());
        w.aws_proxy().finish_functions(w.account());
        until_function(&w, &name, &expected).await;
        until_settled(&w, SCHEDULED, "app", &name).await;
        let repaired = format!("put back what was changed on the function {name}: settings");
        let told = told(&w, "app").await;
        assert_eq!(told.last(), Some(&event("Warning", "DriftRepaired", repaired)), "{told:#?}");
    });
}

#[test]
fn a_function_deleted_by_hand_is_created_again_with_its_permission() {
    world::test("drift-gone", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        apply(&w, &scheduled("app", &definition(&w, "app"))).await;
        w.until_ready(SCHEDULED, "app").await;
        let name = function_name(&w, SCHEDULED, "app");
        w.lambda().delete_function().function_name(&name).send().await.unwrap();
        until_function(&w, &name, &plain(&w, SCHEDULED, "app", &name).await).await;
        w.until(LIMIT, "the permission", async || {
            (w.statements(&name, None).await == ["lt-0a1b2c3d-rules"]).then_some(())
        })
        .await;
        until_settled(&w, SCHEDULED, "app", &name).await;
        let again =
            event("Warning", "DriftRepaired", format!("created the function {name} again, which was gone"));
        let told = told(&w, "app").await;
        assert!(told.contains(&again), "{told:#?}");
        nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;
    });
}
