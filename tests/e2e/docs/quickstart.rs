//! `docs/quickstart.md`: runs the commands that need no account of AWS, from the manifest to the deletion.

use std::time::Duration;

use lambda_triggers_tests::env;
use serde_json::json;

use super::Page;
use super::commands::{rendered_commands, shell_lines, words_after};
use crate::objects::NO_RESYNC;
use crate::support::AwsView;

const IMAGE: &str = "registry.example.com/lambda-triggers/lambda-triggers:v0.1.0";

fn page() -> Page {
    Page::read("docs/quickstart.md")
}

/// A table row without its last column, the age.
fn row(line: &str) -> Vec<&str> {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    words.pop();
    words
}

#[test]
fn the_quickstart_deploys_a_function_that_runs_and_removes_it() {
    let page = page();
    let [apply, wait]: [String; 2] = page.commands("5. A function and its trigger");
    let [delete, _remove, _roles]: [String; 3] = page.commands("7. Clean up");
    let blocks = page.blocks();
    let printed = blocks.iter().find(|block| block.text.contains("condition met")).unwrap();
    env::test("quickstart", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        env.shell(&format!("ACCOUNT={}\n{apply}", env.account())).await.expect(&apply);
        let output = env.shell(&wait).await.expect(&wait);
        let rows = |text: &str| text.lines().skip(1).map(|line| row(line).join(" ")).collect::<Vec<_>>();
        assert_eq!(rows(&output), rows(&printed.text), "{output}");

        env.until(Duration::from_secs(100), "the line of the function's log", async || {
            env.printed("quickstart").await.into_iter().find(|line| line.starts_with("hello at 20"))
        })
        .await;

        env.shell(&delete).await.expect(&delete);
        assert_eq!(env.rule_names().await, Vec::<String>::new());
        let functions = env.lambda().list_functions().send().await.unwrap();
        assert!(functions.functions().is_empty(), "{functions:?}");
        controller.stop().await;
    });
}

#[test]
fn the_printed_policy_permits_the_quickstart() {
    let page = page();
    let docker = shell_lines(&page).into_iter().find(|line| line.starts_with("docker run ")).unwrap();
    let words = words_after(&docker, "docker run --rm ");
    assert_eq!(words[0], IMAGE);
    env::test("quickstart-policy", async |env| {
        let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let policy = env.lambda_triggers(&arguments, &[]).await.expect(&docker);
        for needed in [
            "lambda:CreateFunction",
            "events:PutRule",
            "role/lambda-triggers-quickstart",
            "rule/lt-1a2b3c4d-*",
        ] {
            assert!(policy.contains(needed), "{needed} is not in {policy}");
        }
    });
}

#[test]
fn the_chart_uses_the_image_and_the_role_of_the_page() {
    env::test("quickstart-chart", async |env| {
        let rendered = rendered_commands(&env, &page()).await;
        let [pod_identity, irsa] = <[_; 2]>::try_from(rendered).unwrap();
        let role = "arn:aws:iam::123456789012:role/lambda-triggers";
        for (objects, role) in [(pod_identity, None), (irsa, Some(role))] {
            let find = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
            let container = &find("Deployment")["spec"]["template"]["spec"]["containers"][0];
            assert_eq!(container["image"], IMAGE);
            let region = json!({"name": "LAMBDA_TRIGGERS_REGION", "value": "eu-west-1"});
            assert!(container["env"].as_array().unwrap().contains(&region), "{container}");
            let annotation = &find("ServiceAccount")["metadata"]["annotations"]["eks.amazonaws.com/role-arn"];
            assert_eq!(annotation.as_str(), role);
        }
    });
}
