//! `lambda-triggers plan`. The operator makes the planned changes, and the command writes nothing.

mod cluster;
mod many;

use lambda_triggers_core::api::KeyFilter;
use lambda_triggers_core::ownership::{ObjectKey, bucket_statement_id};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

use crate::objects::{NO_RESYNC, OWNER, owner};
use crate::support::AwsView;

const ROOT: &str = "NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

/// A value that no output may contain.
const CANARY: &str = "canary-7f3a";

/// Two manifests, one of each kind.
fn manifests(bucket: &str, schedule: &str) -> String {
    format!(
        "apiVersion: lambda-triggers.dev/v1alpha1
kind: S3TriggeredFunction
metadata:
  name: thumbs
spec:
  function: {{name: thumbs}}
  bucket: {bucket}
  events: ['s3:ObjectCreated:*']
  filters:
  - suffix: .jpg
  - suffix: .webp
---
apiVersion: lambda-triggers.dev/v1alpha1
kind: ScheduledFunction
metadata:
  name: report
spec:
  function: {{name: report}}
  schedule: {schedule}
  input: {{token: {CANARY}}}
"
    )
}

/// Runs `plan` in the namespace of the environment. Returns the exit code and the output.
async fn plan(env: &TestEnv, flags: &[&str]) -> (i32, String) {
    let command = [&["plan", "--owner-id", OWNER, "--namespace", env.namespace()], flags].concat();
    env.aws_proxy().clear_calls(env.account());
    let output = env.lambda_triggers(&command, &[]).await;
    assert_eq!(output.stderr, "", "{command:?}");
    assert_eq!(env.aws_writes(), vec![], "{command:?}");
    assert!(!output.stdout.contains(CANARY), "{command:?}: {}", output.stdout);
    (output.code.unwrap(), output.stdout)
}

fn write(env: &TestEnv, name: &str, text: &str) -> String {
    let path = env.directory().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn key(env: &TestEnv, name: &str) -> ObjectKey {
    ObjectKey::new(env.namespace(), name)
}

/// A bucket with an entry of Terraform for thumbs, and an entry for a queue.
async fn shared_bucket(env: &TestEnv) -> String {
    let (function, queue) = (env.function("thumbs").await, env.queue("audit").await);
    env.function("report").await;
    let bucket = env.new_bucket("photos").await;
    env.permit_bucket("thumbs", &bucket).await;
    let filter =
        "<Filter><S3Key><FilterRule><Name>suffix</Name><Value>.jpg</Value></FilterRule></S3Key></Filter>";
    let entries = format!(
        "<CloudFunctionConfiguration><Id>tf-s3-lambda-1</Id><CloudFunction>{function}</CloudFunction>\
         <Event>s3:ObjectCreated:*</Event>{filter}</CloudFunctionConfiguration>\
         <QueueConfiguration><Id>audit</Id><Queue>{queue}</Queue><Event>s3:ObjectRemoved:*</Event></QueueConfiguration>"
    );
    env.put_document(&bucket, &format!("<{ROOT}>{entries}</NotificationConfiguration>")).await;
    bucket
}

/// The planned changes: part, action and name in AWS.
fn changes(json: &str) -> Vec<[String; 3]> {
    let plan: Value = serde_json::from_str(json).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let resources = plan["resources"].as_array().unwrap();
    let changes = resources.iter().flat_map(|resource| resource["changes"].as_array().unwrap());
    changes.map(|change| [text(&change["part"]), text(&change["action"]), text(&change["id"])]).collect()
}

#[test]
fn what_is_planned_is_what_the_operator_does() {
    env::test("plan", async |env| {
        let bucket = shared_bucket(&env).await;
        let file = write(&env, "triggers.yaml", &manifests(&bucket, "0 18 * * MON-FRI"));
        let (ns, account) = (env.namespace().to_owned(), env.account().to_owned());
        let (code, text) = plan(&env, &["--filename", &file]).await;
        let report = key(&env, "report");
        let thumbs = key(&env, "thumbs");
        let owner = owner();
        let rule = report.rule_name(&owner, "ScheduledFunction");
        let next = text.lines().find(|line| line.contains("next runs")).unwrap_or_default();
        let id = |suffix: &str| {
            let filter = KeyFilter { suffix: Some(suffix.into()), ..Default::default() };
            thumbs.entry_id(&owner, &filter, false)
        };
        let (jpg, webp) = (id(".jpg"), id(".webp"));
        let sid = bucket_statement_id(&owner, &bucket);
        let expected = format!(
            "owner id {OWNER}, account {account}, eu-west-1, compared with AWS

+ ScheduledFunction {ns}/report
    + permission  lt-{OWNER}-rules   the rules lt-{OWNER}-* may invoke report
    + rule        {rule}   cron(0 18 ? * MON-FRI *)
    + target      lt-{OWNER}-function   report
      runs        At 18:00 UTC, on Monday to Friday.
{next}

+ S3TriggeredFunction {ns}/thumbs
    + permission  {sid}   bucket {bucket} may invoke thumbs
    + entry       bucket {bucket}: *.jpg, s3:ObjectCreated:* -> thumbs
    + entry       bucket {bucket}: *.webp, s3:ObjectCreated:* -> thumbs
    > entry       tf-s3-lambda-1   bucket {bucket}: *.jpg, s3:ObjectCreated:* -> thumbs   taken over in the same write
"
        );
        let (resources, buckets) = text.split_once("\nBucket ").unwrap();
        assert_eq!(resources, expected);
        assert!(buckets.contains("2 -> 3 of 100 entries; 1 of others stays as it is"), "{buckets}");
        assert!(text.ends_with("\n2 to create, 1 entry to take over.\n"), "{text}");
        assert_eq!(code, 2);

        let (_, json) = plan(&env, &["--filename", &file, "--output", "json"]).await;
        assert_eq!(
            changes(&json),
            [
                ["Permission", "Create", &format!("lt-{OWNER}-rules")],
                ["Rule", "Create", &rule],
                ["Target", "Create", &format!("lt-{OWNER}-function")],
                ["Permission", "Create", &sid],
                ["Entry", "Create", &jpg],
                ["Entry", "Create", &webp],
                ["Entry", "TakeOver", "tf-s3-lambda-1"],
            ]
        );
        let again = plan(&env, &["--filename", &file, "--output", "json"]).await;
        assert_eq!(again.1, json);

        env.aws_proxy().clear_calls(env.account());
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&manifests(&bucket, "0 18 * * MON-FRI")).await;
        env.until_ready("ScheduledFunction", "report").await;
        env.until_ready("S3TriggeredFunction", "thumbs").await;
        let mut writes: Vec<String> = env.applied_writes().into_iter().map(|call| call.operation).collect();
        writes.sort();
        let expected =
            ["AddPermission", "AddPermission", "PutBucketNotificationConfiguration", "PutRule", "PutTargets"];
        assert_eq!(writes, expected);

        let done = plan(&env, &["--filename", &file]).await;
        let head = format!("owner id {OWNER}, account {account}, eu-west-1, compared with AWS\n\n");
        assert_eq!(done, (0, format!("{head}No changes: AWS is as 2 resources say.\n")));
        let quiet = plan(&env, &["--filename", &file, "--quiet"]).await;
        assert_eq!(quiet, (0, String::new()));
    });
}

#[test]
fn a_suspended_schedule_has_no_next_runs() {
    env::test("plan-suspended", async |env| {
        env.function("report").await;
        let text = manifests("photos", "0 18 * * MON-FRI\n  suspend: true");
        let file = write(&env, "report.yaml", text.split_once("---\n").unwrap().1);
        let (code, text) = plan(&env, &["--filename", &file]).await;
        let runs = "At 18:00 UTC, on Monday to Friday. Suspended: nothing runs until spec.suspend is false.";
        assert!(text.contains("cron(0 18 ? * MON-FRI *), disabled\n"), "{text}");
        assert!(text.contains(&format!("      runs        {runs}\n\n")), "{text}");
        assert_eq!(code, 2);
    });
}

#[test]
fn a_base_splits_changes_deletions_and_drift() {
    env::test("plan-base", async |env| {
        let bucket = shared_bucket(&env).await;
        let before = manifests(&bucket, "0 18 * * MON-FRI");
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&before).await;
        env.until_ready("ScheduledFunction", "report").await;
        env.until_ready("S3TriggeredFunction", "thumbs").await;
        let owner = owner();
        let rule = key(&env, "report").rule_name(&owner, "ScheduledFunction");
        let base = write(&env, "base.yaml", &before);
        let against_base = async |head: &str, flags: &[&str]| {
            plan(&env, &[&["--base", &base, "--filename", head], flags].concat()).await
        };

        let changed = write(&env, "changed.yaml", &manifests(&bucket, "0 17 * * MON-FRI"));
        let (code, json) = against_base(&changed, &["--output", "json"]).await;
        let report: Value = serde_json::from_str(&json).unwrap();
        let expected = serde_json::json!([
            {"path": "expression", "before": "cron(0 18 ? * MON-FRI *)", "after": "cron(0 17 ? * MON-FRI *)"}
        ]);
        assert_eq!(report["resources"][0]["changes"][0]["fields"], expected);
        assert_eq!(changes(&json), [["Rule", "Update", &rule]]);
        assert_eq!(code, 2);
        // The bucket of an unchanged resource is not read.
        assert_eq!(env.aws_proxy().count(env.account(), "GetBucketNotificationConfiguration"), 0);

        let only_schedule = before.split_once("---\n").unwrap().1;
        let gone = write(&env, "gone.yaml", only_schedule);
        let (code, text) = against_base(&gone, &[]).await;
        assert!(text.contains("in the base, not in the files"), "{text}");
        assert!(text.ends_with("\n1 to delete, 1 unchanged.\n"), "{text}");
        assert_eq!(code, 2);
        let (code, _) = against_base(&gone, &["--fail-on", "deletions"]).await;
        assert_eq!(code, 1);
        // The deletion of a resource whose manifest in the base is invalid cannot be planned. The cluster knows it.
        let invalid = write(&env, "invalid.yaml", &before.replace("bucket:", "buckets:"));
        let flags = ["--base", &invalid, "--filename", &gone];
        let (code, text) = plan(&env, &flags).await;
        let warning = "* InvalidSpec: in the base, not in the files, and invalid in the base, so the plan cannot show what \
                       its deletion removes: add --cluster, which reads it from the status";
        assert!(text.contains(warning), "{text}");
        assert_eq!(code, 0);
        let (code, text) =
            plan(&env, &[&flags[..], &["--cluster", "--operator-namespace", env.namespace()]].concat()).await;
        assert!(text.ends_with("\n1 to delete, 1 unchanged.\n"), "{text}");
        assert_eq!(code, 2);

        env.events().disable_rule().name(&rule).send().await.unwrap();
        let (code, text) = against_base(&base, &["--all"]).await;
        assert!(
            text.contains("Drift, not by this change (1)") && text.contains("enabled: false -> true"),
            "{text}"
        );
        assert_eq!(code, 2);
        let (code, _) = against_base(&base, &["--all", "--fail-on", "drift"]).await;
        assert_eq!(code, 1);
    });
}

#[test]
fn a_pull_request_gets_a_comment_and_annotations() {
    env::test("plan-pull-request", async |env| {
        let bucket = shared_bucket(&env).await;
        let _controller = env.controller(&NO_RESYNC);
        let before = manifests(&bucket, "0 18 * * MON-FRI");
        env.apply(&before).await;
        env.until_ready("ScheduledFunction", "report").await;
        env.until_ready("S3TriggeredFunction", "thumbs").await;

        // A repository with a Kustomization, and its main branch in a second worktree. The change has a mistake in the
        // second manifest.
        let repository = env.directory().join("repository");
        std::fs::create_dir(&repository).unwrap();
        let kustomization = format!("namespace: {}\nresources: [triggers.yaml]\n", env.namespace());
        std::fs::write(repository.join("kustomization.yaml"), kustomization).unwrap();
        let git = async |lines: &str| {
            let identity =
                "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b";
            let alone = "GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null";
            let folder = repository.display();
            env.shell(&format!("cd '{folder}'\n{identity} {alone}\n{lines}")).await.expect(lines);
        };
        std::fs::write(repository.join("triggers.yaml"), &before).unwrap();
        git("git init --quiet --initial-branch main\ngit add .\ngit commit --quiet --message 'Add triggers'")
            .await;
        let mistake = manifests(&bucket, "rate(2 hour)").replace("- suffix: .webp", "- suffix: .png");
        std::fs::write(repository.join("triggers.yaml"), &mistake).unwrap();
        git("git switch --quiet --create change\ngit commit --quiet --all --message 'Change triggers'").await;
        git("git worktree add --quiet base main").await;
        for (folder, file) in [("base", "base.yaml"), (".", "head.yaml")] {
            let folder = repository.join(folder).display().to_string();
            let rendered = env.kubectl(&["kustomize", &folder], "").await;
            write(&env, file, &rendered.expect("kubectl kustomize"));
        }
        let [base, head, markdown] = ["base.yaml", "head.yaml", "plan.md"]
            .map(|file| env.directory().join(file).display().to_string());
        let comment = format!("markdown={markdown}");
        let flags = ["--base", &base, "--filename", &head, "--title", "prod", "-o", "github", "-o", &comment];
        let (code, annotations) = plan(&env, &flags).await;
        assert_eq!(code, 1);
        let namespace = env.namespace();
        let expected = format!(
            "title=InvalidSpec::ScheduledFunction {namespace}/report: spec.schedule: Invalid value: \"rate(2 hour)\": \
             write rate(2 hours)\n"
        );
        assert!(annotations.starts_with(&format!("::error file={head},line=")), "{annotations}");
        assert!(annotations.ends_with(&expected), "{annotations}");
        let comment = std::fs::read_to_string(&markdown).unwrap();
        let head = "<!-- lambda-triggers plan: prod -->\n### prod: 1 to change, 1 problem\n\n| | resource | change |\n";
        assert!(comment.starts_with(head), "{comment}");
        assert!(!comment.contains(CANARY), "{comment}");
        let row = format!("| ❗ | `{namespace}/report`<br>ScheduledFunction | **InvalidSpec** |\n");
        assert!(comment.contains(&row), "{comment}");
        assert!(
            comment
                .contains("| stays | all keys | s3:ObjectRemoved:\\* | queue audit | others | `audit` |\n"),
            "{comment}"
        );
        let (_, again) = plan(&env, &flags).await;
        assert_eq!(again, annotations);
        assert_eq!(std::fs::read_to_string(&markdown).unwrap(), comment);
    });
}

#[test]
fn a_verbose_plan_prints_its_calls_and_no_value() {
    env::test("plan-verbose", async |env| {
        let bucket = shared_bucket(&env).await;
        let file = write(&env, "triggers.yaml", &manifests(&bucket, "0 18 * * MON-FRI"));
        env.aws_proxy().clear_calls(env.account());
        let flags = ["--owner-id", OWNER, "--namespace", env.namespace(), "--filename", &file];
        let output = env.lambda_triggers(&[&["plan", "--verbose"], &flags[..]].concat(), &[]).await;
        let calls = env.aws_proxy().calls(env.account());
        let mut sent: Vec<String> = calls.into_iter().map(|call| call.operation).collect();
        sent.retain(|operation| operation != "GetCallerIdentity");
        let operation = |line: &str| line.rsplit(' ').next().unwrap_or_default().to_owned();
        let mut printed: Vec<String> = output.stderr.lines().map(operation).collect();
        sent.sort();
        printed.sort();
        assert_eq!(printed, sent, "{}", output.stderr);
        assert!(!output.stderr.contains(CANARY), "{}", output.stderr);
    });
}
