//! The operator reads the tenancy file again while it runs.

use lambda_triggers_tests::env::{self, Controller, TestEnv};

use super::{controller, file, prefix, role, wait_for_refusal, write_file};
use crate::support::{AwsView, LIMIT, own, s3, scheduled};

const NOTHING: [&str; 0] = [];

/// Waits until the metric reports a successful (1) or a failed (0) reload.
async fn wait_for_reload(env: &TestEnv, controller: &Controller, successful: u8) {
    let line = format!("lambda_triggers_tenancy_last_reload_successful {successful}");
    env.until(LIMIT, &line, async || {
        let (_, text) = controller.page("/metrics").await.ok_or("no page")?;
        if text.lines().any(|found| found == line) { Ok(()) } else { Err(text) }
    })
    .await;
}

#[test]
fn permissions_change_without_a_restart() {
    env::test("reloaded", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let role = role(&env, "media");
        let none = file(&env, &format!("role: {{arn: '{role}'}}"));
        let all = file(
            &env,
            &format!(
                "role: {{arn: '{role}'}}\nbuckets: ['{bucket}']\nfunctions: [thumbs]\nruleTargets: [thumbs]"
            ),
        );
        let controller = controller(&env, &none);
        let objects =
            [s3("thumbs", "thumbs", &bucket, ""), scheduled("hourly", "thumbs", "schedule: rate(1 hour)")];
        env.apply(&objects.join("---\n")).await;
        let kinds = [("S3TriggeredFunction", "thumbs"), ("ScheduledFunction", "hourly")];
        for (kind, name) in kinds {
            wait_for_refusal(&env, kind, name).await;
        }

        write_file(&env, &all);
        for (kind, name) in kinds {
            env.until_ready(kind, name).await;
        }
        let calls = env.aws_proxy().calls(env.account());
        let without_role = calls.iter().filter(|call| call.role.as_deref() != Some(&role));
        let without_role: Vec<&str> = without_role
            .filter(|call| call.write && ["Put", "Add"].iter().any(|verb| call.operation.starts_with(verb)))
            .filter(|call| call.operation != "PutBucket")
            .map(|call| call.operation.as_str())
            .collect();
        assert_eq!(without_role, NOTHING);
        let before = env.document(&bucket).await;
        assert_eq!(own(&before).len(), 1);

        // An invalid file changes nothing.
        write_file(&env, &all.replace("buckets", "bukets"));
        wait_for_reload(&env, &controller, 0).await;
        assert!(controller.log().contains("the tenancy file is refused"), "{}", controller.log());
        env.apply(&s3("thumbs", "thumbs", &bucket, "suspend: true")).await;
        env.until_ready("S3TriggeredFunction", "thumbs").await;
        env.apply(&objects[0]).await;
        env.until_ready("S3TriggeredFunction", "thumbs").await;

        // Existing AWS resources stay when the file forbids them, and are deleted with their object.
        write_file(&env, &none);
        wait_for_reload(&env, &controller, 1).await;
        for (kind, name) in kinds {
            wait_for_refusal(&env, kind, name).await;
        }
        assert_eq!(env.document(&bucket).await, before);
        for (kind, name) in kinds {
            env.delete(kind, name).await;
            env.until_gone(kind, name).await;
        }
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(env.rule_names().await, NOTHING);
        assert_eq!(env.statements("thumbs", None).await, NOTHING);
    });
}

#[test]
fn a_removed_namespace_keeps_its_resources_until_listed_again() {
    env::test("unnamed-later", async |env| {
        env.function("thumbs").await;
        let role = role(&env, "media");
        let all = file(&env, &format!("role: {{arn: '{role}'}}\nfunctions: [thumbs]\nruleTargets: [thumbs]"));
        let _controller = controller(&env, &all);
        env.apply(&scheduled("hourly", "thumbs", "schedule: rate(1 hour)")).await;
        env.until_ready("ScheduledFunction", "hourly").await;
        write_file(&env, "namespaces: {}");
        wait_for_refusal(&env, "ScheduledFunction", "hourly").await;
        env.delete("ScheduledFunction", "hourly").await;
        let message = env
            .until(LIMIT, "the deletion to be blocked", async || {
                let object = env.object("ScheduledFunction", "hourly").await.ok_or("gone")?;
                let conditions = object["status"]["conditions"].to_string();
                if conditions.contains("any more") { Ok(conditions) } else { Err(conditions) }
            })
            .await;
        assert!(message.contains("add an entry with only the namespace's role"), "{message}");
        assert!(env.rule_names().await.iter().any(|name| name.starts_with(&prefix())));

        write_file(&env, &file(&env, &format!("role: {{arn: '{role}'}}")));
        env.until_gone("ScheduledFunction", "hourly").await;
        assert_eq!(env.rule_names().await, NOTHING);
    });
}
