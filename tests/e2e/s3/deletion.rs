//! Deletion: of objects whose bucket or function is gone already, and of a whole namespace.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use lambda_triggers_tests::world;
use serde_json::Value;

use super::view::{KIND, NO_RESYNC, own, policy};
use crate::support::{AwsView, LIMIT, s3};

#[test]
fn a_bucket_that_is_gone_does_not_hold_up_the_deletion() {
    world::test("bucket-gone", async |w| {
        w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_ready(KIND, "thumbs").await;
        w.s3().delete_bucket().bucket(&bucket).send().await.unwrap();

        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn a_function_that_is_gone_does_not_hold_up_the_deletion() {
    world::test("function-gone", async |w| {
        w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_ready(KIND, "thumbs").await;
        w.lambda().delete_function().function_name("thumbs").send().await.unwrap();

        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&w.document(&bucket).await), []);
    });
}

#[test]
fn an_object_that_never_had_a_function_or_a_bucket_can_be_deleted() {
    world::test("never", async |w| {
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "nowhere", &w.bucket("nowhere"), "")).await;
        w.until_condition(KIND, "thumbs", "FunctionReady", "False").await;
        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
    });
}

#[test]
fn a_namespace_that_is_deleted_takes_its_objects_out_of_aws() {
    world::test("namespace", async |w| {
        if !w.removes_namespaces() {
            eprintln!("skipped: the API server of KUBEBUILDER_ASSETS runs no namespace controller");
            return;
        }
        w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("jpg", "thumbs", &bucket, "filters: [{suffix: .jpg}]")).await;
        w.apply(&s3("png", "thumbs", &bucket, "filters: [{suffix: .png}]")).await;
        w.until_ready(KIND, "jpg").await;
        w.until_ready(KIND, "png").await;

        let namespaces: Api<Namespace> = Api::all(w.kube().clone());
        namespaces.delete(w.namespace(), &DeleteParams::default()).await.unwrap();
        w.until(LIMIT, "the namespace to be gone", async || {
            match namespaces.get_opt(w.namespace()).await.unwrap() {
                None => Ok(()),
                Some(namespace) => Err(format!("{:?}", namespace.status)),
            }
        })
        .await;
        assert_eq!(own(&w.document(&bucket).await), []);
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}
