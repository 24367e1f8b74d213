//! Objects that do not parse, for example from an older or less strict CRD.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::Api;
use kube::api::PostParams;
use lambda_triggers_tests::env::{self, TestEnv};

use crate::objects::{RESYNC_1S, event, events_of, failed, wait_for_conditions};
use crate::support::{AwsView, LIMIT, s3, scheduled};

const SCHEDULED: &str = "ScheduledFunction";
const S3: &str = "S3TriggeredFunction";

/// Changes the CRDs, so that the API server accepts any spec.
async fn accept_any_spec(env: &TestEnv) {
    let crds = Api::<CustomResourceDefinition>::all(env.kube().clone());
    for name in ["scheduledfunctions.lambda-triggers.dev", "s3triggeredfunctions.lambda-triggers.dev"] {
        let mut crd = crds.get(name).await.unwrap();
        let schema = crd.spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
        let anything = JSONSchemaProps {
            type_: Some("object".into()),
            x_kubernetes_preserve_unknown_fields: Some(true),
            ..JSONSchemaProps::default()
        };
        schema.properties.as_mut().unwrap().insert("spec".into(), anything);
        crds.replace(name, &PostParams::default(), &crd).await.unwrap();
    }
    for kind in [SCHEDULED, S3] {
        env.until(LIMIT, "the API server to take anything", async || {
            let output =
                env.kubectl(&["apply", "-f", "-"], &manifest("anything", kind, "{any: thing}")).await;
            if output.success { Ok(()) } else { Err(output.stderr) }
        })
        .await;
    }
}

/// An object with any spec.
fn manifest(name: &str, kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: lambda-triggers.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

#[test]
fn an_unparsable_object_blocks_no_other_and_can_be_deleted() {
    let message = |error: &str, kind: &str| {
        format!("the spec cannot be read: {error}; compare it with `kubectl explain {kind}.spec`")
    };
    let cases = [
        (
            SCHEDULED,
            "no-object",
            "{function: 5, schedule: rate(1 hour)}",
            message("invalid type: integer `5`, expected struct FunctionRef", "scheduledfunction"),
            "RuleReady",
        ),
        (
            SCHEDULED,
            "no-rate",
            "{function: {name: f}, schedule: whenever}",
            "spec.schedule: write rate(...), cron(...), at(...) or the five fields of a CronJob, such as rate(1 hour), \
             cron(0 18 ? * MON-FRI *), at(2026-12-24T18:00:00) or 0 18 * * MON-FRI"
                .to_owned(),
            "RuleReady",
        ),
        (
            S3,
            "no-text",
            "{function: {name: f}, bucket: [b]}",
            message("invalid type: sequence, expected a string", "s3triggeredfunction"),
            "NotificationReady",
        ),
        (
            S3,
            "newer",
            "{function: {name: f}, bucket: some-bucket, newer: 1}",
            message(
                "unknown field `newer`, expected one of `function`, `bucket`, `bucketOwner`, `events`, `filters`, \
                 `suspend`, `deletionPolicy`, `region`",
                "s3triggeredfunction",
            ),
            "NotificationReady",
        ),
    ];
    env::test_on_own_cluster("unreadable", async |env| {
        env.function("hourly").await;
        let bucket = env.new_bucket("photos").await;
        accept_any_spec(&env).await;
        for (kind, name, spec, ..) in &cases {
            env.apply(&manifest(name, kind, spec)).await;
        }
        let _controller = env.controller(&RESYNC_1S);
        let readable =
            [scheduled("hourly", "hourly", "schedule: rate(1 hour)"), s3("hourly", "hourly", &bucket, "")];
        env.apply(&readable.join("---\n")).await;
        env.until_ready(SCHEDULED, "hourly").await;
        env.until_ready(S3, "hourly").await;

        for (kind, name, _, message, part) in &cases {
            let stalled = failed("Stalled", "InvalidSpec", message, &[], part);
            wait_for_conditions(&env, kind, name, &stalled).await;
            assert_eq!(events_of(&env, name).await, [event("Warning", "InvalidSpec", message.clone())]);
        }
        for (kind, name, ..) in &cases {
            env.delete(kind, name).await;
            env.until_gone(kind, name).await;
        }
        assert_eq!(env.rule_names().await.len(), 1, "what is readable stays");
        assert_eq!(env.document(&bucket).await.entries().count(), 1);
    });
}
