//! `deletionPolicy: Retain`: what was made outlives its object, until an object of that name comes back.

use std::slice;

use lambda_triggers_tests::world;
use serde_json::Value;

use super::view::{KIND, NO_RESYNC, entry, forget_calls, own, permission, policy, retained, until_entries};
use crate::support::{AwsView, s3};

#[test]
fn what_is_retained_outlives_its_object_and_changes_beside_it() {
    world::test("retain", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let stays = retained(entry(&w, "kept", &function, "kept/", ""));
        let statements = [permission(&w, &function, &bucket)];
        let manifest = |deletion: &str| {
            s3(
                "kept",
                "thumbs",
                &bucket,
                &format!("filters: [{{prefix: kept/}}]\ndeletionPolicy: {deletion}"),
            )
        };
        let mut controller = w.controller(&NO_RESYNC);
        w.apply(&manifest("Retain")).await;
        w.until_ready(KIND, "kept").await;
        assert_eq!(own(&w.document(&bucket).await), slice::from_ref(&stays));

        forget_calls(&w);
        w.delete(KIND, "kept").await;
        w.until_gone(KIND, "kept").await;
        assert_eq!(w.aws_writes(), []);

        for suffix in [".jpg", ".png"] {
            w.apply(&s3(
                "neighbour",
                "thumbs",
                &bucket,
                &format!("filters: [{{prefix: new/, suffix: {suffix}}}]"),
            ))
            .await;
            w.until_ready(KIND, "neighbour").await;
            let new = entry(&w, "neighbour", &function, "new/", suffix);
            assert_eq!(own(&w.document(&bucket).await), [stays.clone(), new]);
        }
        controller.stop().await;
        controller.start();
        w.delete(KIND, "neighbour").await;
        w.until_gone(KIND, "neighbour").await;
        assert_eq!(own(&w.document(&bucket).await), slice::from_ref(&stays));
        assert_eq!(policy(&w, "thumbs", None).await, statements);

        forget_calls(&w);
        w.apply(&manifest("Retain")).await;
        w.until_ready(KIND, "kept").await;
        assert_eq!(w.aws_writes(), []);
        w.apply(&manifest("Delete")).await;
        until_entries(&w, &bucket, &[entry(&w, "kept", &function, "kept/", "")]).await;
        assert_eq!(policy(&w, "thumbs", None).await, statements);
        w.delete(KIND, "kept").await;
        w.until_gone(KIND, "kept").await;
        assert_eq!(own(&w.document(&bucket).await), []);
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}

/// The policy is set and the object deleted before the operator sees either.
#[test]
fn a_policy_that_is_set_just_before_the_deletion_counts() {
    world::test("retain-late", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let mut controller = w.controller(&NO_RESYNC);
        w.apply(&s3("kept", "thumbs", &bucket, "")).await;
        w.until_ready(KIND, "kept").await;
        controller.stop().await;
        w.apply(&s3("kept", "thumbs", &bucket, "deletionPolicy: Retain")).await;
        w.delete(KIND, "kept").await;
        controller.start();
        w.until_gone(KIND, "kept").await;
        assert_eq!(own(&w.document(&bucket).await), [retained(entry(&w, "kept", &function, "", ""))]);
        assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &function, &bucket)]);

        w.apply(&s3("neighbour", "thumbs", &bucket, "events: ['s3:ObjectRemoved:*']")).await;
        w.until_ready(KIND, "neighbour").await;
        w.delete(KIND, "neighbour").await;
        w.until_gone(KIND, "neighbour").await;
        assert_eq!(own(&w.document(&bucket).await), [retained(entry(&w, "kept", &function, "", ""))]);
        assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &function, &bucket)]);
    });
}
