//! `import from`: the files of Chalice and Terraform name the triggers, and AWS has their settings.

use aws_sdk_eventbridge::types::Target;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::import;
use crate::support::AwsView;

/// Creates a function, a bucket with an entry for it beside an entry for another function, and a rule for it. Returns
/// the bucket and the ARN.
async fn application(env: &TestEnv) -> (String, String) {
    let (function, other) = (env.function("shop-dev-index").await, env.function("other").await);
    let bucket = env.new_bucket("photos").await;
    for name in ["shop-dev-index", "other"] {
        env.permit_bucket(name, &bucket).await;
    }
    let entry = |arn: &str, event: &str| {
        format!(
            "<CloudFunctionConfiguration><CloudFunction>{arn}</CloudFunction><Event>{event}</Event>\
             </CloudFunctionConfiguration>"
        )
    };
    let entries = [entry(&function, "s3:ObjectCreated:*"), entry(&other, "s3:ObjectRemoved:*")];
    let open = r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#;
    env.put_document(&bucket, &format!("{open}{}</NotificationConfiguration>", entries.concat())).await;
    let rule = env.events().put_rule().name("shop-dev-nightly-event").schedule_expression("rate(1 day)");
    rule.send().await.unwrap();
    let target = Target::builder().id("1").arn(&function).build().unwrap();
    env.events().put_targets().rule("shop-dev-nightly-event").targets(target).send().await.unwrap();
    (bucket, function)
}

/// The lines of the report that begin with a sign, and the kinds and names of the manifests.
async fn import_file(env: &TestEnv, name: &str, content: &Value) -> (Vec<String>, Vec<String>, String) {
    let path = env.directory().join(name);
    std::fs::write(&path, content.to_string()).unwrap();
    let imported = import(env, &["from", path.to_str().unwrap()]).await.complete();
    let signs = ["  -> ", "  =  ", "  !  ", "  ?  "];
    let lines = imported.report.lines().filter(|line| signs.iter().any(|sign| line.starts_with(sign)));
    let lines = lines.map(|line| line.replace(env.namespace(), "NS")).collect();
    let manifests: Vec<Value> = serde_saphyr::from_multiple(&imported.manifests).unwrap();
    let names = manifests.iter().map(|manifest| {
        format!("{} {}", manifest["kind"].as_str().unwrap(), manifest["metadata"]["name"].as_str().unwrap())
    });
    (lines, names.collect(), imported.report)
}

#[test]
fn the_deployed_file_of_chalice_selects_the_entries_and_rules_of_the_application() {
    env::test("import-chalice", async |env| {
        let (bucket, function) = application(&env).await;
        let deployed = json!({"schema_version": "2.0", "backend": "api", "resources": [
            {"name": "index", "resource_type": "lambda_function", "lambda_arn": function},
            {"name": "index-s3event", "resource_type": "s3_event", "bucket": bucket, "lambda_arn": function},
            {"name": "nightly-event", "resource_type": "cloudwatch_event", "rule_name": "shop-dev-nightly-event"},
            {"name": "gone-event", "resource_type": "cloudwatch_event", "rule_name": "shop-dev-gone-event"},
        ]});
        let (lines, manifests, report) = import_file(&env, "dev.json", &deployed).await;
        let expected = [
            "  -> S3TriggeredFunction NS/shop-dev-index",
            "  =  function entry without Id (s3:ObjectRemoved:*, all keys)",
            "  -> ScheduledFunction NS/shop-dev-nightly-event",
            "  !  rule shop-dev-gone-event",
        ];
        let shown: Vec<String> = lines
            .iter()
            .map(|line| match line.split_once("function entry \"") {
                // The local AWS generates an Id, like S3.
                Some((start, rest)) => {
                    format!("{start}function entry without Id{}", rest.split_once('"').unwrap().1)
                }
                None => line.clone(),
            })
            .collect();
        assert_eq!(shown, expected);
        assert_eq!(
            manifests,
            ["S3TriggeredFunction shop-dev-index", "ScheduledFunction shop-dev-nightly-event"]
        );
        for line in [
            "     stays: its function is not in the file",
            "     made by Chalice, stage dev, gone-event",
            "     not imported: it does not exist in eu-west-1",
            "     take \"index-s3event\" out of the resources in .chalice/deployed/dev.json",
            "     replace @app.schedule in app.py by @app.lambda_function(name=\"nightly\")",
        ] {
            assert!(report.lines().any(|found| found == line), "{line}\n{report}");
        }
    });
}

#[test]
fn the_state_of_terraform_selects_its_triggers() {
    env::test("import-terraform", async |env| {
        let (bucket, function) = application(&env).await;
        let managed = |kind: &str, values: Value| json!({"address": format!("{kind}.this"), "mode": "managed", "type": kind, "values": values});
        let state = json!({"format_version": "1.0", "terraform_version": "1.9.5", "values": {"root_module": {
            "resources": [managed("aws_s3_bucket_notification", json!({
                "bucket": bucket, "lambda_function": [{"lambda_function_arn": function}],
            }))],
            "child_modules": [{"resources": [managed("aws_cloudwatch_event_rule", json!({
                "name": "shop-dev-nightly-event", "schedule_expression": "rate(1 day)",
            }))]}],
        }}});
        let (lines, manifests, report) = import_file(&env, "state.json", &state).await;
        assert_eq!(lines.len(), 3, "{report}");
        assert_eq!(
            manifests,
            ["S3TriggeredFunction shop-dev-index", "ScheduledFunction shop-dev-nightly-event"]
        );
        assert!(report.contains("         from = aws_s3_bucket_notification.this\n"), "{report}");
    });
}
