//! Several objects on one bucket, and several filters of one object.

use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_tests::env;
use serde_json::Value;

use super::view::{
    GET, KIND, NO_RESYNC, PUT, clear_calls, entry, own, permission, policy, wait_for_entries, with_events,
    write,
};
use crate::support::{AwsView, s3};

#[test]
fn two_objects_can_share_a_bucket() {
    env::test("two", async |env| {
        let (thumbs, index) = (env.function("thumbs").await, env.function("index").await);
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "filters: [{suffix: .jpg}]")).await;
        env.until_ready(KIND, "thumbs").await;
        env.apply(&s3("index", "index", &bucket, "events: ['s3:ObjectRemoved:*']")).await;
        env.until_ready(KIND, "index").await;
        let first = entry(&env, "thumbs", &thumbs, "", ".jpg");
        let second = with_events(&["s3:ObjectRemoved:*"], entry(&env, "index", &index, "", ""));
        assert_eq!(own(&env.document(&bucket).await), [first.clone(), second.clone()]);

        env.apply(&s3("thumbs", "thumbs", &bucket, "filters: [{suffix: .png}]")).await;
        let changed = entry(&env, "thumbs", &thumbs, "", ".png");
        wait_for_entries(&env, &bucket, &[second.clone(), changed]).await;

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [second]);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
        assert_eq!(policy(&env, "index", None).await, [permission(&env, &index, &bucket)]);
    });
}

#[test]
fn a_shared_permission_is_removed_with_the_last_object() {
    env::test("shared-permission", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let statements = [permission(&env, &function, &bucket)];
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("jpg", "thumbs", &bucket, "filters: [{suffix: .jpg}]")).await;
        env.apply(&s3("png", "thumbs", &bucket, "filters: [{suffix: .png}]")).await;
        env.until_ready(KIND, "jpg").await;
        env.until_ready(KIND, "png").await;
        assert_eq!(policy(&env, "thumbs", None).await, statements);

        env.delete(KIND, "jpg").await;
        env.until_gone(KIND, "jpg").await;
        assert_eq!(policy(&env, "thumbs", None).await, statements);
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "png", &function, "", ".png")]);

        env.delete(KIND, "png").await;
        env.until_gone(KIND, "png").await;
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn thirty_objects_of_one_bucket_are_written_at_once() {
    env::test("thirty", async |env| {
        let functions = [env.function("even").await, env.function("odd").await];
        let bucket = env.new_bucket("photos").await;
        let name = |number: usize| format!("object-{number}");
        let function_of = |number: usize| ["even", "odd"][number % 2];
        let manifest = |number: usize| {
            s3(&name(number), function_of(number), &bucket, &format!("filters: [{{prefix: {number}/}}]"))
        };
        env.apply(&(0..30).map(manifest).collect::<Vec<_>>().join("\n---\n")).await;
        clear_calls(&env);
        // kubectl creates the objects one by one. An operator that starts later finds all objects at once.
        let mut controller = env.controller(&NO_RESYNC);
        for number in 0..30 {
            env.until_ready(KIND, &name(number)).await;
        }

        // A read before the record, a read before the write, and a read after the write.
        assert_eq!(env.aws_proxy().count(env.account(), GET), 3);
        let mut found = own(&env.document(&bucket).await);
        found.sort();
        let expected =
            |number: usize| entry(&env, &name(number), &functions[number % 2], &format!("{number}/"), "");
        let mut entries: Vec<Entry> = (0..30).map(expected).collect();
        entries.sort();
        assert_eq!(found, entries);
        let mut writes = env.aws_writes();
        writes.sort_by(|a, b| (&a.operation, &a.resource).cmp(&(&b.operation, &b.resource)));
        assert_eq!(
            writes,
            [
                write("lambda", "AddPermission", "even", 201),
                write("lambda", "AddPermission", "odd", 201),
                write("s3", PUT, &bucket, 200)
            ]
        );

        controller.stop().await;
        env.kubectl(&["delete", KIND, "--all", "--wait=false"], "").await.expect("kubectl delete");
        clear_calls(&env);
        controller.start();
        for number in 0..30 {
            env.until_gone(KIND, &name(number)).await;
        }
        assert_eq!(env.document(&bucket).await.entries().count(), 0);
        for function in ["even", "odd"] {
            assert_eq!(policy(&env, function, None).await, Vec::<Value>::new());
        }
        let puts = env.aws_proxy().count(env.account(), PUT);
        assert!(puts <= 2, "{puts} writes for thirty deletions");
    });
}

#[test]
fn three_filters_are_written_as_three_entries_at_once() {
    env::test("filters", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        clear_calls(&env);
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3(
            "thumbs",
            "thumbs",
            &bucket,
            "filters: [{prefix: a/}, {prefix: b/, suffix: .jpg}, {prefix: c & <d>/}]",
        ))
        .await;
        env.until_ready(KIND, "thumbs").await;
        let filters = [("a/", ""), ("b/", ".jpg"), ("c & <d>/", "")];
        assert_eq!(
            own(&env.document(&bucket).await),
            filters.map(|(p, s)| entry(&env, "thumbs", &function, p, s))
        );
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
        assert_eq!(
            env.aws_writes(),
            [write("lambda", "AddPermission", "thumbs", 201), write("s3", PUT, &bucket, 200)]
        );
    });
}
