//! The commands of `docs/import.md` move a bucket and a rule of another tool.

use aws_sdk_eventbridge::types::Target;
use lambda_triggers_core::iam::{Command, Scope, command_policy};
use lambda_triggers_tests::env::{self, TestEnv};

use super::Page;
use super::commands::words_after;
use crate::import::{permit_import, permit_operator};
use crate::objects::{NO_RESYNC, OWNER};
use crate::scheduled::view::rules;
use crate::support::{AwsView, own};

/// The text of the page for this environment: its bucket, its namespace, its owner id and its folder.
fn for_env(env: &TestEnv, bucket: &str, text: &str) -> String {
    let folder = env.directory().display();
    text.replace("photos", bucket)
        .replace("media", env.namespace())
        .replace("$OWNER", OWNER)
        .replace("triggers\n", &format!("triggers-{OWNER}\n"))
        .replace(&format!(" triggers-{OWNER}"), &format!(" {folder}/triggers"))
        .replace(" schedules\n", &format!(" {folder}/schedules\n"))
}

/// Runs an import of the page, and returns the report.
async fn import(env: &TestEnv, command: &str) -> String {
    let words = words_after(command, "lambda-triggers ");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    permit_import(env);
    let output = env.lambda_triggers(&words, &[]).await;
    permit_operator(env);
    assert!(output.success, "{command}: {}", output.stderr);
    output.stderr
}

#[test]
fn the_page_lists_the_permissions() {
    let page = Page::read("docs/import.md").text;
    let (_, before) = page.split_once("## Before\n").unwrap();
    let (before, _) = before.split_once("\n## ").unwrap();
    let mut listed: Vec<&str> =
        before.split('`').filter(|word| word.contains(':') && !word.contains(' ')).collect();
    listed.sort_unstable();
    let policy = command_policy(Command::Import, &Scope::for_account("123456789012", None));
    assert_eq!(listed, policy.actions());
}

#[test]
fn the_commands_move_a_bucket_and_a_rule() {
    let page = Page::read("docs/import.md");
    let [import_bucket, apply_bucket]: [String; 2] = page.commands("A bucket");
    let [import_rules, apply_rules]: [String; 2] = page.commands("Rules");
    env::test("docs-import", async |env| {
        let (thumb, report) = (env.function("make-thumbnail").await, env.function("report").await);
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("make-thumbnail", &bucket).await;
        let entry = format!(
            r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CloudFunctionConfiguration>
            <Id>tf-s3-lambda-1</Id><CloudFunction>{thumb}</CloudFunction><Event>s3:ObjectCreated:*</Event>
            </CloudFunctionConfiguration></NotificationConfiguration>"#
        );
        env.put_document(&bucket, &entry).await;
        env.events().put_rule().name("nightly").schedule_expression("rate(1 day)").send().await.unwrap();
        let target = Target::builder().id("1").arn(&report).build().unwrap();
        env.events().put_targets().rule("nightly").targets(target).send().await.unwrap();

        import(&env, &for_env(&env, &bucket, &import_bucket)).await;
        let rules_report = import(&env, &for_env(&env, &bucket, &import_rules)).await;
        let _controller = env.controller(&NO_RESYNC);
        for commands in [apply_bucket, apply_rules] {
            let commands = for_env(&env, &bucket, &commands);
            env.shell(&commands).await.expect(&commands);
        }
        let document = env.document(&bucket).await;
        assert_eq!((document.entries().count(), own(&document).len()), (1, 1));
        let enabled = async |env: &TestEnv| -> Vec<bool> {
            let rules = rules(env).await.into_iter();
            rules.filter(|(name, _)| name.starts_with("lt-")).map(|(_, rule)| rule.enabled).collect()
        };
        assert_eq!(enabled(&env).await, [false]);
        let edit = "remove spec.suspend of ScheduledFunction nightly from ";
        let file = rules_report.lines().find_map(|line| line.trim().strip_prefix(edit)).unwrap();
        let manifest = std::fs::read_to_string(file).unwrap();
        std::fs::write(file, manifest.replace("  suspend: true\n", "")).unwrap();
        let change_over: Vec<&str> = rules_report
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("kubectl ") && line.contains("nightly.yaml"))
            .collect();
        assert_eq!(change_over.len(), 2, "{rules_report}");
        env.shell(&change_over.join("\n")).await.expect("the change-over");
        assert_eq!(enabled(&env).await, [true]);
    });
}
