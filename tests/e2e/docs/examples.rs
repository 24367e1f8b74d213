//! The examples with a README: their commands and manifests do what the README says.

use lambda_triggers_core::api::{Backend, S3TriggeredFunctionSpec, ScheduledFunctionSpec};
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::tenancy::{ImplicitGrants, Tenancy, references_of_s3, references_of_scheduled};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

use super::{Page, root};
use crate::chart::rendered;
use crate::objects::{NO_RESYNC, events_of, owner};
use crate::scheduled::view::{KIND, rules};
use crate::support::{AwsView, LIMIT, own, publish};

fn read(path: &str) -> String {
    Page::read(path).text
}

/// The accounts of the namespaces in `examples/tenancy/values.yaml`.
const ACCOUNTS: [(&str, &str); 2] = [("media", "123456789012"), ("billing", "210987654321")];

/// The refusals of all references in a manifest, if its objects were in this namespace.
fn refusals(tenancy: &Tenancy, namespace: &str, account: &str, manifest: &str) -> Vec<String> {
    let mut refusals = vec![];
    for object in serde_saphyr::from_multiple::<Value>(manifest).unwrap() {
        let (kind, spec) = (object["kind"].as_str().unwrap(), object["spec"].clone());
        let key = ObjectKey::new(namespace, object["metadata"]["name"].as_str().unwrap());
        let own = ImplicitGrants::for_object(account, &owner(), &key, &[kind]);
        let references = match kind {
            "S3TriggeredFunction" => {
                let spec: S3TriggeredFunctionSpec = serde_json::from_value(spec).unwrap();
                references_of_s3(&spec, "eu-west-1", &own)
            }
            _ => {
                let spec: ScheduledFunctionSpec = serde_json::from_value(spec).unwrap();
                let region = spec.region.clone().unwrap_or_else(|| "eu-west-1".into());
                references_of_scheduled(&spec, Backend::Rule, &region, &own)
            }
        };
        let refused = references.iter().filter_map(|reference| {
            tenancy.authorize(namespace, &own, &reference.resource).err().map(|refusal| refusal.to_string())
        });
        refusals.extend(refused);
    }
    refusals
}

#[test]
fn the_tenancy_example_permits_each_team_only_its_own_manifests() {
    env::block_on(async {
        let config_map = rendered(&read("examples/tenancy/values.yaml"), "tenancy").await;
        let tenancy = Tenancy::parse(config_map["data"]["tenancy.yaml"].as_str().unwrap()).unwrap();
        for (namespace, account) in ACCOUNTS {
            for (team, _) in ACCOUNTS {
                let manifest = read(&format!("examples/tenancy/{team}.yaml"));
                let refusals = refusals(&tenancy, namespace, account, &manifest);
                assert_eq!(refusals.is_empty(), namespace == team, "{team} in {namespace}: {refusals:?}");
            }
        }
    });
}

#[test]
fn the_preview_of_another_pull_request_is_accepted() {
    let page = Page::read("examples/preview-environments/README.md");
    let [create, _delete]: [String; 2] = page.commands("A bucket for all preview environments");
    let variables = create.lines().next().unwrap();
    let sed = create.lines().find(|line| line.starts_with("sed ")).unwrap().trim_end_matches([' ', '|']);
    env::test("preview", async |env| {
        let script = format!("cd '{}'\n{variables}\n{sed}", root().display());
        let manifest = env.shell(&script).await.expect(sed);
        assert!(!manifest.lines().any(|line| !line.contains('#') && line.contains("128")), "{manifest}");
        assert!(manifest.contains("prefix: pr-131/images/"), "{manifest}");
        assert!(manifest.contains("key: thumbnails/pr-131/9c01d7e.zip"), "{manifest}");
        env.kubectl(&["apply", "--dry-run=server", "--filename", "-"], &manifest).await.expect(&manifest);
    });
}

#[test]
fn the_published_function_runs_through_its_alias() {
    env::test("published", async |env| {
        let function = env.function("report").await;
        let version = publish(&env, "report").await;
        let alias =
            env.lambda().create_alias().function_name("report").name("live").function_version(version);
        alias.send().await.unwrap();
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&read("examples/published-function/schedule.yaml")).await;
        env.until_ready(KIND, "nightly-report").await;
        let rules = rules(&env).await;
        let targets: Vec<&str> =
            rules.values().flat_map(|rule| &rule.targets).map(|target| target.arn.as_str()).collect();
        assert_eq!(targets, [format!("{function}:live")]);
        assert_eq!(env.statements("report", Some("live")).await, ["lt-0a1b2c3d-rules"]);
        assert_eq!(env.statements("report", None).await, Vec::<String>::new());
    });
}

/// Runs a command of the Terraform example with the env's bucket in the manifests.
async fn run(env: &TestEnv, bucket: &str, command: &str) {
    let mut command = command.to_owned();
    for name in ["thumbnails", "nightly-report"] {
        let path = format!("examples/terraform/{name}.yaml");
        let copy = env.directory().join(format!("{name}.yaml"));
        std::fs::write(&copy, read(&path).replace("bucket: photos", &format!("bucket: {bucket}"))).unwrap();
        command = command.replace(&path, copy.to_str().unwrap());
    }
    env.shell(&command).await.expect(&command);
}

#[test]
fn an_entry_of_terraform_is_adopted_without_a_gap() {
    let page = Page::read("examples/terraform/README.md");
    let [apply]: [String; 1] = page.commands("A bucket");
    env::test("terraform", async |env| {
        let function = env.function("make-thumbnail").await;
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("make-thumbnail", &bucket).await;
        env.put_document(&bucket, &terraform_entry(&function)).await;
        let _controller = env.controller(&NO_RESYNC);
        env.aws_proxy().clear_calls(env.account());
        run(&env, &bucket, &apply).await;
        let document = env.document(&bucket).await;
        assert_eq!((document.entries().count(), own(&document).len()), (1, 1));
        let writes = env.applied_writes().into_iter().map(|call| call.operation);
        assert_eq!(writes.filter(|write| write == "PutBucketNotificationConfiguration").count(), 1);
        let reasons: Vec<String> =
            events_of(&env, "thumbnails").await.into_iter().map(|[_, reason, _]| reason).collect();
        assert!(reasons.contains(&"Adopted".to_owned()), "{reasons:?}");
    });
}

/// The document of a bucket with the one entry that Terraform writes.
fn terraform_entry(function: &str) -> String {
    let rule = |name: &str, value: &str| {
        format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>")
    };
    format!(
        "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CloudFunctionConfiguration>\
         <Id>tf-s3-lambda-20260101000000000000000001</Id><CloudFunction>{function}</CloudFunction>\
         <Event>s3:ObjectCreated:*</Event><Filter><S3Key>{}{}</S3Key></Filter>\
         </CloudFunctionConfiguration></NotificationConfiguration>",
        rule("Prefix", "images/"),
        rule("Suffix", ".jpg")
    )
}

#[test]
fn the_schedule_of_terraform_moves_without_a_second_run() {
    let page = Page::read("examples/terraform/README.md");
    let [apply, enable]: [String; 2] = page.commands("A schedule");
    env::test("terraform-rule", async |env| {
        env.function("report").await;
        let _controller = env.controller(&NO_RESYNC);
        run(&env, "photos", &apply).await;
        let enabled = async || rules(&env).await.into_values().map(|rule| rule.enabled).collect::<Vec<_>>();
        assert_eq!(enabled().await, [false]);
        run(&env, "photos", &enable).await;
        env.until(LIMIT, "the rule to be enabled", async || {
            let enabled = enabled().await;
            if enabled == [true] { Ok(()) } else { Err(format!("{enabled:?}")) }
        })
        .await;
    });
}
