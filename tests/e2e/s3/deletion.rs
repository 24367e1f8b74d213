//! Deletion of objects with a missing bucket or function, and of a whole namespace.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use lambda_triggers_tests::env;
use serde_json::Value;

use super::view::{KIND, NO_RESYNC, own, policy};
use crate::support::{AwsView, LIMIT, s3};

#[test]
fn a_missing_bucket_does_not_block_the_deletion() {
    env::test("bucket-gone", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        env.s3().delete_bucket().bucket(&bucket).send().await.unwrap();

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn a_missing_function_does_not_block_the_deletion() {
    env::test("function-gone", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        env.lambda().delete_function().function_name("thumbs").send().await.unwrap();

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), []);
    });
}

#[test]
fn an_object_that_was_never_ready_can_be_deleted() {
    env::test("never", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "nowhere", &env.bucket("nowhere"), "")).await;
        env.until_condition(KIND, "thumbs", "NotificationReady", "False").await;
        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(env.aws_writes(), []);
    });
}

#[test]
fn deleting_a_namespace_removes_its_entries_and_permissions() {
    env::test("namespace", async |env| {
        if !env.removes_namespaces() {
            eprintln!("skipped: the API server of KUBEBUILDER_ASSETS runs no namespace controller");
            return;
        }
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("jpg", "thumbs", &bucket, "filters: [{suffix: .jpg}]")).await;
        env.apply(&s3("png", "thumbs", &bucket, "filters: [{suffix: .png}]")).await;
        env.until_ready(KIND, "jpg").await;
        env.until_ready(KIND, "png").await;

        let namespaces: Api<Namespace> = Api::all(env.kube().clone());
        namespaces.delete(env.namespace(), &DeleteParams::default()).await.unwrap();
        env.until(LIMIT, "the namespace to be gone", async || {
            match namespaces.get_opt(env.namespace()).await.unwrap() {
                None => Ok(()),
                Some(namespace) => Err(format!("{:?}", namespace.status)),
            }
        })
        .await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}
