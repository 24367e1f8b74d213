//! `deletionPolicy: Retain`: entries and permissions outlive the object. A recreated object owns them again.

use std::slice;

use lambda_triggers_tests::env;
use serde_json::Value;

use super::view::{KIND, NO_RESYNC, clear_calls, entry, own, permission, policy, retained, wait_for_entries};
use crate::support::{AwsView, s3};

#[test]
fn a_retained_entry_outlives_its_object_and_other_changes() {
    env::test("retain", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let retained_entry = retained(entry(&env, "kept", &function, "kept/", ""));
        let statements = [permission(&env, &function, &bucket)];
        let manifest = |deletion: &str| {
            s3(
                "kept",
                "thumbs",
                &bucket,
                &format!("filters: [{{prefix: kept/}}]\ndeletionPolicy: {deletion}"),
            )
        };
        let mut controller = env.controller(&NO_RESYNC);
        env.apply(&manifest("Retain")).await;
        env.until_ready(KIND, "kept").await;
        assert_eq!(own(&env.document(&bucket).await), slice::from_ref(&retained_entry));

        clear_calls(&env);
        env.delete(KIND, "kept").await;
        env.until_gone(KIND, "kept").await;
        assert_eq!(env.aws_writes(), []);

        for suffix in [".jpg", ".png"] {
            env.apply(&s3(
                "neighbour",
                "thumbs",
                &bucket,
                &format!("filters: [{{prefix: new/, suffix: {suffix}}}]"),
            ))
            .await;
            env.until_ready(KIND, "neighbour").await;
            let new = entry(&env, "neighbour", &function, "new/", suffix);
            assert_eq!(own(&env.document(&bucket).await), [retained_entry.clone(), new]);
        }
        controller.stop().await;
        controller.start();
        env.delete(KIND, "neighbour").await;
        env.until_gone(KIND, "neighbour").await;
        assert_eq!(own(&env.document(&bucket).await), slice::from_ref(&retained_entry));
        assert_eq!(policy(&env, "thumbs", None).await, statements);

        clear_calls(&env);
        env.apply(&manifest("Retain")).await;
        env.until_ready(KIND, "kept").await;
        assert_eq!(env.applied_writes(), []);
        env.apply(&manifest("Delete")).await;
        wait_for_entries(&env, &bucket, &[entry(&env, "kept", &function, "kept/", "")]).await;
        assert_eq!(policy(&env, "thumbs", None).await, statements);
        env.delete(KIND, "kept").await;
        env.until_gone(KIND, "kept").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

/// The operator sees the new policy and the deletion at the same time.
#[test]
fn a_policy_set_just_before_the_deletion_is_applied() {
    env::test("retain-late", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let mut controller = env.controller(&NO_RESYNC);
        env.apply(&s3("kept", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "kept").await;
        controller.stop().await;
        env.apply(&s3("kept", "thumbs", &bucket, "deletionPolicy: Retain")).await;
        env.delete(KIND, "kept").await;
        controller.start();
        env.until_gone(KIND, "kept").await;
        assert_eq!(own(&env.document(&bucket).await), [retained(entry(&env, "kept", &function, "", ""))]);
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);

        env.apply(&s3("neighbour", "thumbs", &bucket, "events: ['s3:ObjectRemoved:*']")).await;
        env.until_ready(KIND, "neighbour").await;
        env.delete(KIND, "neighbour").await;
        env.until_gone(KIND, "neighbour").await;
        assert_eq!(own(&env.document(&bucket).await), [retained(entry(&env, "kept", &function, "", ""))]);
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
    });
}
