//! Objects that do not parse, as an older or a laxer schema may have let them in.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::Api;
use kube::api::PostParams;
use lambda_triggers_tests::world::{self, World};

use crate::objects::{RESYNC_1S, event, failed, told, until_conditions};
use crate::support::{AwsView, LIMIT, s3, scheduled};

const SCHEDULED: &str = "ScheduledFunction";
const S3: &str = "S3TriggeredFunction";

/// The API server takes any spec from now on.
async fn loosen(w: &World) {
    let crds = Api::<CustomResourceDefinition>::all(w.kube().clone());
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
        w.until(LIMIT, "the API server to take anything", async || {
            let output = w.kubectl(&["apply", "-f", "-"], &manifest("anything", kind, "{any: thing}")).await;
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
fn an_object_that_does_not_parse_stops_no_other_and_can_be_deleted() {
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
            "spec.schedule: write rate(...), cron(...) or the five fields of a CronJob, such as rate(1 hour), \
             cron(0 18 ? * MON-FRI *) or 0 18 * * MON-FRI"
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
    world::test_on_own_cluster("unreadable", async |w| {
        w.function("hourly").await;
        let bucket = w.new_bucket("photos").await;
        loosen(&w).await;
        for (kind, name, spec, ..) in &cases {
            w.apply(&manifest(name, kind, spec)).await;
        }
        let _controller = w.controller(&RESYNC_1S);
        let readable =
            [scheduled("hourly", "hourly", "schedule: rate(1 hour)"), s3("hourly", "hourly", &bucket, "")];
        w.apply(&readable.join("---\n")).await;
        w.until_ready(SCHEDULED, "hourly").await;
        w.until_ready(S3, "hourly").await;

        for (kind, name, _, message, part) in &cases {
            let stalled = failed("Stalled", "InvalidSpec", message, &[], part);
            until_conditions(&w, kind, name, &stalled).await;
            assert_eq!(told(&w, name).await, [event("Warning", "InvalidSpec", message.clone())]);
        }
        for (kind, name, ..) in &cases {
            w.delete(kind, name).await;
            w.until_gone(kind, name).await;
        }
        assert_eq!(w.rule_names().await.len(), 1, "what is readable stays");
        assert_eq!(w.document(&bucket).await.entries().count(), 1);
    });
}
