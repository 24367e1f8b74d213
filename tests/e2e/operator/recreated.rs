//! Objects that are recreated with the same name and another UID, for example from a backup.

use lambda_triggers_tests::env;

use crate::objects::{RESYNC_1S, assert_no_writes_at_rest};
use crate::scheduled::view::{Rules, STATEMENT, plain_rule, rule_name, rules};
use crate::support::{AwsView, own, s3, scheduled};

const SCHEDULED: &str = "ScheduledFunction";
const S3: &str = "S3TriggeredFunction";

const NOTHING: [&str; 0] = [];

#[test]
fn a_recreated_object_owns_the_aws_resources_of_its_predecessor() {
    env::test("another-uid", async |env| {
        let function = env.function("hourly").await;
        let bucket = env.new_bucket("photos").await;
        let mut controller = env.controller(&RESYNC_1S);
        let both =
            [scheduled("hourly", "hourly", "schedule: rate(1 hour)"), s3("hourly", "hourly", &bucket, "")];
        env.apply(&both.join("---\n")).await;
        env.until_ready(SCHEDULED, "hourly").await;
        env.until_ready(S3, "hourly").await;
        let old = plain_rule(&env, "hourly", &function).await;
        let statements = env.statements("hourly", None).await;
        let entries = own(&env.document(&bucket).await);
        assert_eq!((statements.len(), entries.len()), (2, 1));

        controller.stop().await;
        for kind in [SCHEDULED, S3] {
            let without = r#"{"metadata":{"finalizers":null}}"#;
            env.kubectl(&["patch", kind, "hourly", "--type=merge", "--patch", without], "")
                .await
                .expect("kubectl patch");
            env.delete(kind, "hourly").await;
            env.until_gone(kind, "hourly").await;
        }
        env.apply(&both.join("---\n")).await;
        env.aws_proxy().clear_calls(env.account());
        controller.start();
        env.until_ready(SCHEDULED, "hourly").await;
        env.until_ready(S3, "hourly").await;
        let new = plain_rule(&env, "hourly", &function).await;
        assert_ne!(new.tags, old.tags, "it is another UID");
        assert_eq!(rules(&env).await, Rules::from([(rule_name(&env, "hourly"), new)]));
        assert_eq!(env.statements("hourly", None).await, statements);
        assert!(statements.contains(&STATEMENT.to_owned()), "{statements:?}");
        assert_eq!(own(&env.document(&bucket).await), entries);
        let writes: Vec<String> = env.applied_writes().into_iter().map(|call| call.operation).collect();
        assert_eq!(writes, ["TagResource"], "the UID on the rule, for people to read");
        assert_no_writes_at_rest(&env, SCHEDULED, &["hourly"]).await;

        for kind in [SCHEDULED, S3] {
            env.delete(kind, "hourly").await;
        }
        for kind in [SCHEDULED, S3] {
            env.until_gone(kind, "hourly").await;
        }
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(env.statements("hourly", None).await, NOTHING);
        assert_eq!(own(&env.document(&bucket).await), vec![]);
    });
}

/// The operator has never reconciled the recreated object, so only the names lead to the AWS resources.
#[test]
fn deleting_a_recreated_object_at_once_deletes_its_predecessors_resources() {
    env::test("back-and-gone", async |env| {
        env.function("hourly").await;
        let bucket = env.new_bucket("photos").await;
        let mut controller = env.controller(&RESYNC_1S);
        let both =
            [scheduled("hourly", "hourly", "schedule: rate(1 hour)"), s3("hourly", "hourly", &bucket, "")];
        env.apply(&both.join("---\n")).await;
        env.until_ready(SCHEDULED, "hourly").await;
        env.until_ready(S3, "hourly").await;
        controller.stop().await;
        for kind in [SCHEDULED, S3] {
            let without = r#"{"metadata":{"finalizers":null}}"#;
            env.kubectl(&["patch", kind, "hourly", "--type=merge", "--patch", without], "")
                .await
                .expect("kubectl patch");
            env.delete(kind, "hourly").await;
            env.until_gone(kind, "hourly").await;
        }
        let with_finalizer = "  name: hourly\n  finalizers: [lambda-triggers.dev/aws-cleanup]\n";
        env.apply(&both.join("---\n").replace("  name: hourly\n", with_finalizer)).await;
        for kind in [SCHEDULED, S3] {
            env.delete(kind, "hourly").await;
        }
        controller.start();
        for kind in [SCHEDULED, S3] {
            env.until_gone(kind, "hourly").await;
        }
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(own(&env.document(&bucket).await), vec![]);
        assert_eq!(env.statements("hourly", None).await, NOTHING);
    });
}
