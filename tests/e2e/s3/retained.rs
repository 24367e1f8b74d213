//! `deletionPolicy: Retain`: what was made outlives its object, until an object of that name comes back.

use std::slice;

use lambda_triggers_tests::env;
use serde_json::Value;

use super::view::{KIND, NO_RESYNC, entry, forget_calls, own, permission, policy, retained, until_entries};
use crate::support::{AwsView, s3};

#[test]
fn what_is_retained_outlives_its_object_and_changes_beside_it() {
    env::test("retain", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let stays = retained(entry(&env, "kept", &function, "kept/", ""));
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
        assert_eq!(own(&env.document(&bucket).await), slice::from_ref(&stays));

        forget_calls(&env);
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
            assert_eq!(own(&env.document(&bucket).await), [stays.clone(), new]);
        }
        controller.stop().await;
        controller.start();
        env.delete(KIND, "neighbour").await;
        env.until_gone(KIND, "neighbour").await;
        assert_eq!(own(&env.document(&bucket).await), slice::from_ref(&stays));
        assert_eq!(policy(&env, "thumbs", None).await, statements);

        forget_calls(&env);
        env.apply(&manifest("Retain")).await;
        env.until_ready(KIND, "kept").await;
        assert_eq!(env.aws_writes(), []);
        env.apply(&manifest("Delete")).await;
        until_entries(&env, &bucket, &[entry(&env, "kept", &function, "kept/", "")]).await;
        assert_eq!(policy(&env, "thumbs", None).await, statements);
        env.delete(KIND, "kept").await;
        env.until_gone(KIND, "kept").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

/// The policy is set and the object deleted before the operator sees either.
#[test]
fn a_policy_that_is_set_just_before_the_deletion_counts() {
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
