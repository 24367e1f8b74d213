//! The flags that select parts, name the manifests and choose the format.

use aws_sdk_eventbridge::types::{Tag, Target};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::{import, permit_import};
use crate::support::AwsView;

/// Creates a rule with tags for a function.
async fn put_rule(env: &TestEnv, name: &str, function: &str, tags: &[(&str, &str)]) {
    let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build().unwrap();
    let rule = env.events().put_rule().name(name).schedule_expression("rate(1 day)");
    rule.set_tags(Some(tags.iter().map(tag).collect())).send().await.unwrap();
    let target = Target::builder().id("1").arn(function).build().unwrap();
    env.events().put_targets().rule(name).targets(target).send().await.unwrap();
}

/// The names of the objects in a List.
fn names(list: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(list).unwrap();
    assert_eq!([&list["apiVersion"], &list["kind"]], ["v1", "List"]);
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn rules_are_selected_by_tags_and_names() {
    env::test("import-selection", async |env| {
        let function = env.function("report").await;
        put_rule(&env, "Daily", &function, &[("team", "media"), ("stage", "prod")]).await;
        put_rule(&env, "weekly", &function, &[("team", "media")]).await;
        put_rule(&env, "others", &function, &[]).await;
        let select = async |flags: &[&str]| {
            let json = ["rules", "-o", "json", "--name", "media-{name}"];
            names(&import(&env, &[&json[..], flags].concat()).await.complete().manifests)
        };
        assert_eq!(select(&[]).await, ["media-daily", "media-others", "media-weekly"]);
        assert_eq!(select(&["--tag", "team=media"]).await, ["media-daily", "media-weekly"]);
        assert_eq!(select(&["--tag", "team=media", "--tag", "stage=prod"]).await, ["media-daily"]);
        assert_eq!(select(&["--only", "others", "--only", "weekly"]).await, ["media-others", "media-weekly"]);
        let unknown = import(&env, &["rules", "--only", "nightly"]).await;
        let message = "lambda-triggers: --only nightly: nothing has this Id or name\n";
        assert_eq!((unknown.success, &*unknown.manifests, &*unknown.report), (false, "", message));

        // Without the plan at the end, one call reads the function, and one its policy.
        permit_import(&env);
        env.aws_proxy().clear_calls(env.account());
        env.lambda_triggers(&["import", "rules", "--namespace", env.namespace()], &[]).await.expect("import");
        for operation in ["GetFunction", "GetPolicy"] {
            assert_eq!(env.aws_proxy().count(env.account(), operation), 1, "{operation}");
        }
    });
}

#[test]
fn the_report_of_entries_is_a_json_document() {
    env::test("import-json", async |env| {
        let function = env.function("index").await;
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("index", &bucket).await;
        let entry = |id: &str, event: &str| {
            format!(
                "<CloudFunctionConfiguration><Id>{id}</Id><CloudFunction>{function}</CloudFunction>\
                 <Event>{event}</Event></CloudFunctionConfiguration>"
            )
        };
        let entries = entry("created", "s3:ObjectCreated:*") + &entry("removed", "s3:ObjectRemoved:*");
        let open = r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#;
        env.put_document(&bucket, &format!("{open}{entries}</NotificationConfiguration>")).await;
        let folder = env.directory().join("triggers").display().to_string();
        let arguments = ["bucket", &bucket, "--only", "removed", "-o", "json", "--out", &folder];
        let imported = import(&env, &arguments).await.complete();
        assert_eq!(imported.manifests, "");
        let manifest = std::fs::read_to_string(format!("{folder}/index.json")).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["spec"]["events"], json!(["s3:ObjectRemoved:*"]));
        let report: Value = serde_json::from_str(&imported.report).unwrap();
        assert_eq!(
            [&report["apiVersion"], &report["kind"]],
            ["cli.lambda-triggers.dev/v1alpha1", "ImportReport"]
        );
        let findings = &report["sections"][0]["findings"];
        assert_eq!([&findings[0]["outcome"], &findings[1]["outcome"]], ["Stays", "Imported"]);
        assert_eq!(findings[1]["manifest"]["file"], format!("{folder}/index.json"));
        let steps = report["steps"][0].as_array().unwrap();
        let apply = format!("kubectl apply --filename {folder}");
        assert!(steps.iter().any(|step| step["command"] == apply), "{steps:?}");
        // The entry that stays still needs the permission.
        assert!(!imported.report.contains("remove-permission"), "{}", imported.report);
    });
}
