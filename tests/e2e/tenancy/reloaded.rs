//! The file is read again while the operator runs.

use lambda_triggers_tests::world::{self, Controller, World};

use super::{controller, file, prefix, role, until_refused, write};
use crate::support::{AwsView, LIMIT, own, s3, scheduled};

const NOBODY: [&str; 0] = [];

/// Waits until the metric says whether the file was taken.
async fn until_taken(w: &World, controller: &Controller, taken: u8) {
    let line = format!("lambda_triggers_tenancy_last_reload_successful {taken}");
    w.until(LIMIT, &line, async || {
        let (_, text) = controller.page("/metrics").await.ok_or("no page")?;
        if text.lines().any(|found| found == line) { Ok(()) } else { Err(text) }
    })
    .await;
}

#[test]
fn what_is_permitted_changes_without_a_restart() {
    world::test("reloaded", async |w| {
        w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let role = role(&w, "media");
        let none = file(&w, &format!("role: {{arn: '{role}'}}"));
        let all = file(
            &w,
            &format!(
                "role: {{arn: '{role}'}}\nbuckets: ['{bucket}']\nfunctions: [thumbs]\nruleTargets: [thumbs]"
            ),
        );
        let controller = controller(&w, &none);
        let objects =
            [s3("thumbs", "thumbs", &bucket, ""), scheduled("hourly", "thumbs", "schedule: rate(1 hour)")];
        w.apply(&objects.join("---\n")).await;
        let kinds = [("S3TriggeredFunction", "thumbs"), ("ScheduledFunction", "hourly")];
        for (kind, name) in kinds {
            until_refused(&w, kind, name).await;
        }

        write(&w, &all);
        for (kind, name) in kinds {
            w.until_ready(kind, name).await;
        }
        let calls = w.aws_proxy().calls(w.account());
        let not_by_role = calls.iter().filter(|call| call.role.as_deref() != Some(&role));
        let not_by_role: Vec<&str> = not_by_role
            .filter(|call| call.write && ["Put", "Add"].iter().any(|verb| call.operation.starts_with(verb)))
            .filter(|call| call.operation != "PutBucket")
            .map(|call| call.operation.as_str())
            .collect();
        assert_eq!(not_by_role, NOBODY);
        let before = w.document(&bucket).await;
        assert_eq!(own(&before).len(), 1);

        // A broken file changes nothing.
        write(&w, &all.replace("buckets", "bukets"));
        until_taken(&w, &controller, 0).await;
        assert!(controller.log().contains("the tenancy file is refused"), "{}", controller.log());
        w.apply(&s3("thumbs", "thumbs", &bucket, "suspend: true")).await;
        w.until_ready("S3TriggeredFunction", "thumbs").await;
        w.apply(&objects[0]).await;
        w.until_ready("S3TriggeredFunction", "thumbs").await;

        // What was made stays when it is forbidden, and goes with its object all the same.
        write(&w, &none);
        until_taken(&w, &controller, 1).await;
        for (kind, name) in kinds {
            until_refused(&w, kind, name).await;
        }
        assert_eq!(w.document(&bucket).await, before);
        for (kind, name) in kinds {
            w.delete(kind, name).await;
            w.until_gone(kind, name).await;
        }
        assert_eq!(own(&w.document(&bucket).await), []);
        assert_eq!(w.rule_names().await, NOBODY);
        assert_eq!(w.statements("thumbs", None).await, NOBODY);
    });
}

#[test]
fn a_namespace_that_is_named_no_more_keeps_what_it_has_until_it_is() {
    world::test("unnamed-later", async |w| {
        w.function("thumbs").await;
        let role = role(&w, "media");
        let all = file(&w, &format!("role: {{arn: '{role}'}}\nfunctions: [thumbs]\nruleTargets: [thumbs]"));
        let _controller = controller(&w, &all);
        w.apply(&scheduled("hourly", "thumbs", "schedule: rate(1 hour)")).await;
        w.until_ready("ScheduledFunction", "hourly").await;
        write(&w, "namespaces: {}");
        until_refused(&w, "ScheduledFunction", "hourly").await;
        w.delete("ScheduledFunction", "hourly").await;
        let message = w
            .until(LIMIT, "the deletion to be blocked", async || {
                let object = w.object("ScheduledFunction", "hourly").await.ok_or("gone")?;
                let conditions = object["status"]["conditions"].to_string();
                if conditions.contains("any more") { Ok(conditions) } else { Err(conditions) }
            })
            .await;
        assert!(message.contains("name the namespace there with its role"), "{message}");
        assert!(w.rule_names().await.iter().any(|name| name.starts_with(&prefix())));

        write(&w, &file(&w, &format!("role: {{arn: '{role}'}}")));
        w.until_gone("ScheduledFunction", "hourly").await;
        assert_eq!(w.rule_names().await, NOBODY);
    });
}
