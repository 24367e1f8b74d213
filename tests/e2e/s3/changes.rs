//! Each field of a live object changed: AWS follows, and nothing of what was before is left behind.

use lambda_triggers_tests::world;
use serde_json::Value;

use super::view::{
    KIND, NO_RESYNC, entry, in_place, on, own, permission, policy, retained, until_conditions, until_entries,
};
use crate::support::{AwsView, publish, s3};

const NOTHING: [Value; 0] = [];

#[test]
fn another_bucket() {
    world::test("bucket", async |w| {
        let function = w.function("thumbs").await;
        let (old, new) = (w.new_bucket("old").await, w.new_bucket("new").await);
        let before = w.document(&old).await.children;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "thumbs", &old, "")).await;
        w.until_ready(KIND, "thumbs").await;

        w.apply(&s3("thumbs", "thumbs", &new, "")).await;
        w.until_ready(KIND, "thumbs").await;
        assert_eq!(w.document(&old).await.children, before);
        assert_eq!(own(&w.document(&new).await), [entry(&w, "thumbs", &function, "", "")]);
        assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &function, &new)]);
    });
}

#[test]
fn another_function() {
    world::test("function", async |w| {
        w.function("old").await;
        let new = w.function("new").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "old", &bucket, "")).await;
        w.until_ready(KIND, "thumbs").await;

        w.apply(&s3("thumbs", "new", &bucket, "")).await;
        let object = w.until_ready(KIND, "thumbs").await;
        assert_eq!([&object["status"]["functionArn"], &object["status"]["functionName"]], [&new, "new"]);
        assert_eq!(own(&w.document(&bucket).await), [entry(&w, "thumbs", &new, "", "")]);
        assert_eq!(policy(&w, "old", None).await, NOTHING);
        assert_eq!(policy(&w, "new", None).await, [permission(&w, &new, &bucket)]);
    });
}

#[test]
fn another_qualifier() {
    world::test("qualifier", async |w| {
        let function = w.function("thumbs").await;
        let version = publish(&w, "thumbs").await;
        let alias = w.lambda().create_alias().function_name("thumbs").name("live").function_version(&version);
        alias.send().await.unwrap();
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_ready(KIND, "thumbs").await;

        for (qualifier, before) in [("live", None), (version.as_str(), Some("live"))] {
            let qualified = format!("{function}:{qualifier}");
            let manifest = s3("thumbs", "thumbs", &bucket, "");
            w.apply(
                &manifest.replace("{name: thumbs}", &format!("{{name: thumbs, qualifier: '{qualifier}'}}")),
            )
            .await;
            let object = w.until_ready(KIND, "thumbs").await;
            assert_eq!(object["status"]["functionName"], format!("thumbs:{qualifier}"));
            assert_eq!(own(&w.document(&bucket).await), [entry(&w, "thumbs", &qualified, "", "")]);
            assert_eq!(policy(&w, "thumbs", Some(qualifier)).await, [permission(&w, &qualified, &bucket)]);
            assert_eq!(policy(&w, "thumbs", before).await, NOTHING);
        }
    });
}

#[test]
fn other_events_and_filters() {
    world::test("events", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&NO_RESYNC);
        let one = |prefix: &str, suffix: &str| entry(&w, "thumbs", &function, prefix, suffix);
        let put_and_copy = ["s3:ObjectCreated:Copy", "s3:ObjectCreated:Put"];
        let steps = [
            ("", vec![one("", "")]),
            (
                "events: ['s3:ObjectCreated:Put', 's3:ObjectCreated:Copy']",
                vec![on(&put_and_copy, one("", ""))],
            ),
            ("events: ['s3:ObjectRemoved:*']", vec![on(&["s3:ObjectRemoved:*"], one("", ""))]),
            ("filters: [{prefix: a/}, {prefix: b/}]", vec![one("a/", ""), one("b/", "")]),
            ("filters: [{prefix: b/}, {prefix: c/}]", vec![one("b/", ""), one("c/", "")]),
            // The whole bucket: what was a part of it must go in the same write.
            ("filters: []", vec![one("", "")]),
        ];
        for (spec, entries) in steps {
            w.apply(&s3("thumbs", "thumbs", &bucket, spec)).await;
            w.until_ready(KIND, "thumbs").await;
            assert_eq!(own(&w.document(&bucket).await), entries, "{spec}");
            assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &function, &bucket)]);
        }
    });
}

#[test]
fn suspended_and_resumed() {
    world::test("suspend", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let statements = [permission(&w, &function, &bucket)];
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_ready(KIND, "thumbs").await;

        w.apply(&s3("thumbs", "thumbs", &bucket, "suspend: true")).await;
        let message =
            format!("suspended: the entries are taken out of bucket {bucket} until suspend is false");
        until_conditions(&w, "thumbs", &in_place("Suspended", &message)).await;
        assert_eq!(own(&w.document(&bucket).await), []);
        assert_eq!(policy(&w, "thumbs", None).await, statements);

        w.apply(&s3("thumbs", "thumbs", &bucket, "suspend: false")).await;
        until_entries(&w, &bucket, &[entry(&w, "thumbs", &function, "", "")]).await;
        w.until_ready(KIND, "thumbs").await;
        assert_eq!(policy(&w, "thumbs", None).await, statements);

        w.apply(&s3("thumbs", "thumbs", &bucket, "suspend: true")).await;
        until_entries(&w, &bucket, &[]).await;
        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&w, "thumbs", None).await, NOTHING);
    });
}

#[test]
fn another_deletion_policy_and_back() {
    world::test("policy", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let kept = entry(&w, "thumbs", &function, "", "");
        let _controller = w.controller(&NO_RESYNC);
        for (deletion, expected) in
            [("Delete", kept.clone()), ("Retain", retained(kept.clone())), ("Delete", kept)]
        {
            w.apply(&s3("thumbs", "thumbs", &bucket, &format!("deletionPolicy: {deletion}"))).await;
            w.until_ready(KIND, "thumbs").await;
            assert_eq!(own(&w.document(&bucket).await), [expected]);
        }
        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&w.document(&bucket).await), []);
        assert_eq!(policy(&w, "thumbs", None).await, NOTHING);
    });
}
