//! Several objects on one bucket, and several filters of one object.

use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_tests::world;
use serde_json::Value;

use super::view::{
    GET, KIND, NO_RESYNC, PUT, entry, forget_calls, on, own, permission, policy, until_entries, write,
};
use crate::support::{AwsView, s3};

#[test]
fn two_objects_on_one_bucket_do_not_disturb_each_other() {
    world::test("two", async |w| {
        let (thumbs, index) = (w.function("thumbs").await, w.function("index").await);
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "thumbs", &bucket, "filters: [{suffix: .jpg}]")).await;
        w.until_ready(KIND, "thumbs").await;
        w.apply(&s3("index", "index", &bucket, "events: ['s3:ObjectRemoved:*']")).await;
        w.until_ready(KIND, "index").await;
        let first = entry(&w, "thumbs", &thumbs, "", ".jpg");
        let second = on(&["s3:ObjectRemoved:*"], entry(&w, "index", &index, "", ""));
        assert_eq!(own(&w.document(&bucket).await), [first.clone(), second.clone()]);

        w.apply(&s3("thumbs", "thumbs", &bucket, "filters: [{suffix: .png}]")).await;
        let changed = entry(&w, "thumbs", &thumbs, "", ".png");
        until_entries(&w, &bucket, &[second.clone(), changed]).await;

        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&w.document(&bucket).await), [second]);
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
        assert_eq!(policy(&w, "index", None).await, [permission(&w, &index, &bucket)]);
    });
}

#[test]
fn a_permission_that_two_objects_share_goes_with_the_last() {
    world::test("shared-permission", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let statements = [permission(&w, &function, &bucket)];
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("jpg", "thumbs", &bucket, "filters: [{suffix: .jpg}]")).await;
        w.apply(&s3("png", "thumbs", &bucket, "filters: [{suffix: .png}]")).await;
        w.until_ready(KIND, "jpg").await;
        w.until_ready(KIND, "png").await;
        assert_eq!(policy(&w, "thumbs", None).await, statements);

        w.delete(KIND, "jpg").await;
        w.until_gone(KIND, "jpg").await;
        assert_eq!(policy(&w, "thumbs", None).await, statements);
        assert_eq!(own(&w.document(&bucket).await), [entry(&w, "png", &function, "", ".png")]);

        w.delete(KIND, "png").await;
        w.until_gone(KIND, "png").await;
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn thirty_objects_at_once_on_one_bucket_are_written_once() {
    world::test("thirty", async |w| {
        let functions = [w.function("even").await, w.function("odd").await];
        let bucket = w.new_bucket("photos").await;
        let name = |number: usize| format!("object-{number}");
        let of = |number: usize| ["even", "odd"][number % 2];
        let manifest = |number: usize| {
            s3(&name(number), of(number), &bucket, &format!("filters: [{{prefix: {number}/}}]"))
        };
        w.apply(&(0..30).map(manifest).collect::<Vec<_>>().join("\n---\n")).await;
        forget_calls(&w);
        // It finds them all at once: kubectl sends them one by one.
        let mut controller = w.controller(&NO_RESYNC);
        for number in 0..30 {
            w.until_ready(KIND, &name(number)).await;
        }

        // One before the write, and one after it.
        assert_eq!(w.aws_proxy().count(w.account(), GET), 2);
        let mut found = own(&w.document(&bucket).await);
        found.sort();
        let expected =
            |number: usize| entry(&w, &name(number), &functions[number % 2], &format!("{number}/"), "");
        let mut entries: Vec<Entry> = (0..30).map(expected).collect();
        entries.sort();
        assert_eq!(found, entries);
        let mut writes = w.aws_writes();
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
        w.kubectl(&["delete", KIND, "--all", "--wait=false"], "").await.expect("kubectl delete");
        forget_calls(&w);
        controller.start();
        for number in 0..30 {
            w.until_gone(KIND, &name(number)).await;
        }
        assert_eq!(w.document(&bucket).await.entries().count(), 0);
        for function in ["even", "odd"] {
            assert_eq!(policy(&w, function, None).await, Vec::<Value>::new());
        }
        let puts = w.aws_proxy().count(w.account(), PUT);
        assert!(puts <= 2, "{puts} writes for thirty deletions");
    });
}

#[test]
fn three_filters_make_three_entries_and_one_permission_in_one_write() {
    world::test("filters", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        forget_calls(&w);
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3(
            "thumbs",
            "thumbs",
            &bucket,
            "filters: [{prefix: a/}, {prefix: b/, suffix: .jpg}, {prefix: c & <d>/}]",
        ))
        .await;
        w.until_ready(KIND, "thumbs").await;
        let filters = [("a/", ""), ("b/", ".jpg"), ("c & <d>/", "")];
        assert_eq!(
            own(&w.document(&bucket).await),
            filters.map(|(p, s)| entry(&w, "thumbs", &function, p, s))
        );
        assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &function, &bucket)]);
        assert_eq!(
            w.aws_writes(),
            [write("lambda", "AddPermission", "thumbs", 201), write("s3", PUT, &bucket, 200)]
        );
    });
}
