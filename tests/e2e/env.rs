//! Tests of the test environment: a real API server, kubectl, and a local AWS that runs functions. The environment is
//! in `tests/src/env`.

use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Event, LambdaFunctionConfiguration, NotificationConfiguration};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use lambda_triggers_tests::env::{self, Invocation, TestEnv};
use serde_json::json;

/// The Kubernetes version in `tests/controlplane/go.mod`.
fn pinned_version() -> String {
    let go_mod = include_str!("../controlplane/go.mod");
    let line = go_mod.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "));
    line.expect("go.mod requires k8s.io/kubernetes").to_owned()
}

#[test]
fn the_api_server_has_the_pinned_version() {
    env::test_on_own_cluster("version", async |env| {
        let server = env.kube().apiserver_version().await.unwrap();
        let reported = env.kubectl(&["version", "--output", "json"], "").await.expect("kubectl version");
        let reported: serde_json::Value = serde_json::from_str(&reported).unwrap();
        let versions = [&json!(server.git_version), &reported["serverVersion"]["gitVersion"]];
        assert_eq!([&json!(pinned_version()); 2], versions);
    });
}

#[test]
fn kubectl_applies_valid_manifests_only() {
    env::test("kubectl", async |env| {
        let applied = env
            .apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: greeting}, data: {hello: world}}")
            .await;
        assert_eq!("configmap/greeting created\n", applied);
        let map =
            Api::<ConfigMap>::namespaced(env.kube().clone(), env.namespace()).get("greeting").await.unwrap();
        assert_eq!(Some("world"), map.data.unwrap().get("hello").map(String::as_str));

        let message = env.refused("{apiVersion: v1, kind: ConfigMap, metadata: {name: Not_A_Name}}").await;
        assert!(message.contains("metadata.name: Invalid value: \"Not_A_Name\""), "{message}");
    });
}

#[test]
fn the_api_server_serves_the_crds() {
    env::test("crds", async |env| {
        let kinds =
            env.kubectl(&["api-resources", "--api-group=lambda-triggers.dev", "--output=name"], "").await;
        assert_eq!(
            "s3triggeredfunctions.lambda-triggers.dev\nscheduledfunctions.lambda-triggers.dev\n",
            kinds.expect("kubectl api-resources")
        );
    });
}

#[test]
fn deleting_a_namespace_deletes_its_content() {
    env::test("namespace", async |env| {
        if !env.removes_namespaces() {
            eprintln!("skipped: the API server of KUBEBUILDER_ASSETS runs no namespace controller");
            return;
        }
        env.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: content}}").await;
        let namespaces = Api::<Namespace>::all(env.kube().clone());
        namespaces.delete(env.namespace(), &DeleteParams::default()).await.unwrap();
        env.until(Duration::from_secs(60), "the namespace to be gone", async || {
            match namespaces.get_opt(env.namespace()).await.unwrap() {
                None => Ok(()),
                Some(namespace) => Err(format!("{:?}", namespace.status)),
            }
        })
        .await;
    });
}

/// Every test checks its statuses at its end. This test runs the check itself.
#[test]
fn an_invalid_status_is_found_after_a_valid_status() {
    env::test("statuses", async |_| {
        let other = TestEnv::open("statuses").await;
        other
            .apply(
                "{apiVersion: lambda-triggers.dev/v1alpha1, kind: ScheduledFunction, metadata: {name: hourly}, \
                 spec: {function: {name: hourly}, schedule: rate(1 hour)}}",
            )
            .await;
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(
            "lambda-triggers.dev",
            "v1alpha1",
            "ScheduledFunction",
        ));
        let api: Api<DynamicObject> =
            Api::namespaced_with(other.kube().clone(), other.namespace(), &resource);
        for ready in ["Perhaps", "True"] {
            let condition = json!({
                "type": "Ready",
                "status": ready,
                "reason": "Applied",
                "message": "by hand",
                "observedGeneration": 1,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            });
            let status = json!({"observedGeneration": 1, "conditions": [condition]});
            let manifest = json!({
                "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": "ScheduledFunction", "status": status,
            });
            let params = PatchParams::apply("lambda-triggers").force();
            api.patch_status("hourly", &params, &Patch::Apply(&manifest)).await.unwrap();
        }
        let findings = other.status_findings().await;
        other.close().await;
        let violations: Vec<&str> =
            findings.iter().map(|finding| finding.split(", in the status").next().unwrap()).collect();
        assert_eq!(violations, ["ScheduledFunction hourly: Ready is \"Perhaps\""]);
    });
}

#[test]
fn environments_have_separate_accounts() {
    env::test("accounts", async |env| {
        let other = TestEnv::open("accounts").await;
        other.function("theirs").await;
        let arn = env.function("ours").await;
        assert_eq!(format!("arn:aws:lambda:eu-west-1:{}:function:ours", env.account()), arn);
        let listed = env.lambda().list_functions().send().await.unwrap().functions.unwrap_or_default();
        let arns: Vec<_> = listed.iter().map(|function| function.function_arn().unwrap()).collect();
        other.close().await;
        assert_eq!(vec![arn], arns);
    });
}

#[test]
fn a_function_records_what_it_receives() {
    env::test("invoke", async |env| {
        let arn = env.function("echo").await;
        let input = json!({"hello": ["world", 1, null]});
        env.lambda()
            .invoke()
            .function_name("echo")
            .payload(Blob::new(input.to_string()))
            .send()
            .await
            .unwrap();
        assert_eq!(vec![Invocation { event: input, arn }], env.invocations("echo"));
    });
}

#[test]
fn an_upload_invokes_a_function() {
    env::test("upload", async |env| {
        let bucket = env.bucket("uploads");
        env.create_bucket(&bucket).await;
        let arn = env.function("thumbnails").await;
        env.permit_bucket("thumbnails", &bucket).await;
        let entry = LambdaFunctionConfiguration::builder()
            .id("uploads")
            .lambda_function_arn(&arn)
            .events(Event::S3ObjectCreated)
            .build()
            .unwrap();
        let configuration =
            NotificationConfiguration::builder().lambda_function_configurations(entry).build();
        env.s3()
            .put_bucket_notification_configuration()
            .bucket(&bucket)
            .notification_configuration(configuration)
            .send()
            .await
            .unwrap();

        env.s3()
            .put_object()
            .bucket(&bucket)
            .key("cat.jpg")
            .body(ByteStream::from_static(b"cat"))
            .send()
            .await
            .unwrap();

        let invocation = env
            .until(Duration::from_secs(30), "an invocation by the upload", async || {
                env.invocations("thumbnails")
                    .into_iter()
                    .find(|invocation| invocation.event["Records"].is_array())
            })
            .await;
        let record = &invocation.event["Records"][0];
        assert_eq!(
            [&json!("ObjectCreated:Put"), &json!(bucket), &json!("cat.jpg")],
            [&record["eventName"], &record["s3"]["bucket"]["name"], &record["s3"]["object"]["key"]]
        );
    });
}

#[test]
fn a_controller_can_be_killed_restarted_and_stopped() {
    env::test("controller", async |env| {
        env.function("every-hour").await;
        let mut controller = env.controller(&["--resync", "1s"]);
        controller.kill().await;
        env.delete_leases().await;
        env.apply(
            "{apiVersion: lambda-triggers.dev/v1alpha1, kind: ScheduledFunction, metadata: {name: every-hour}, \
             spec: {function: {name: every-hour}, schedule: rate(1 hour)}}",
        )
        .await;
        assert_eq!(None, controller.ended());
        controller.start();
        env.until_ready("ScheduledFunction", "every-hour").await;
        env.delete("ScheduledFunction", "every-hour").await;
        env.until_gone("ScheduledFunction", "every-hour").await;
        controller.stop().await;
        assert!(controller.log().contains("--- stopped: exit status: 0"), "{}", controller.log());
    });
}
