//! Changes of each field of an existing object. AWS must match the new spec, and nothing of the old spec may remain.

use lambda_triggers_tests::env;
use serde_json::Value;

use super::view::{
    KIND, NO_RESYNC, entry, in_place, own, permission, policy, retained, wait_for_conditions,
    wait_for_entries, with_events,
};
use crate::support::{AwsView, publish, s3};

const NOTHING: [Value; 0] = [];

#[test]
fn a_new_bucket_moves_entry_and_permission() {
    env::test("bucket", async |env| {
        let function = env.function("thumbs").await;
        let (old, new) = (env.new_bucket("old").await, env.new_bucket("new").await);
        let before = env.document(&old).await.children;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &old, "")).await;
        env.until_ready(KIND, "thumbs").await;

        env.apply(&s3("thumbs", "thumbs", &new, "")).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(env.document(&old).await.children, before);
        assert_eq!(own(&env.document(&new).await), [entry(&env, "thumbs", &function, "", "")]);
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &new)]);
    });
}

#[test]
fn a_new_function_moves_entry_and_permission() {
    env::test("function", async |env| {
        env.function("old").await;
        let new = env.function("new").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "old", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;

        env.apply(&s3("thumbs", "new", &bucket, "")).await;
        let object = env.until_ready(KIND, "thumbs").await;
        assert_eq!([&object["status"]["functionArn"], &object["status"]["functionName"]], [&new, "new"]);
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &new, "", "")]);
        assert_eq!(policy(&env, "old", None).await, NOTHING);
        assert_eq!(policy(&env, "new", None).await, [permission(&env, &new, &bucket)]);
    });
}

#[test]
fn a_new_qualifier_moves_entry_and_permission() {
    env::test("qualifier", async |env| {
        let function = env.function("thumbs").await;
        let version = publish(&env, "thumbs").await;
        let alias =
            env.lambda().create_alias().function_name("thumbs").name("live").function_version(&version);
        alias.send().await.unwrap();
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;

        for (qualifier, before) in [("live", None), (version.as_str(), Some("live"))] {
            let qualified = format!("{function}:{qualifier}");
            let manifest = s3("thumbs", "thumbs", &bucket, "");
            env.apply(
                &manifest.replace("{name: thumbs}", &format!("{{name: thumbs, qualifier: '{qualifier}'}}")),
            )
            .await;
            let object = env.until_ready(KIND, "thumbs").await;
            assert_eq!(object["status"]["functionName"], format!("thumbs:{qualifier}"));
            assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &qualified, "", "")]);
            assert_eq!(
                policy(&env, "thumbs", Some(qualifier)).await,
                [permission(&env, &qualified, &bucket)]
            );
            assert_eq!(policy(&env, "thumbs", before).await, NOTHING);
        }
    });
}

#[test]
fn new_events_and_filters_replace_the_entries() {
    env::test("events", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        let entry_for = |prefix: &str, suffix: &str| entry(&env, "thumbs", &function, prefix, suffix);
        let put_and_copy = ["s3:ObjectCreated:Copy", "s3:ObjectCreated:Put"];
        let steps = [
            ("", vec![entry_for("", "")]),
            (
                "events: ['s3:ObjectCreated:Put', 's3:ObjectCreated:Copy']",
                vec![with_events(&put_and_copy, entry_for("", ""))],
            ),
            ("events: ['s3:ObjectRemoved:*']", vec![with_events(&["s3:ObjectRemoved:*"], entry_for("", ""))]),
            ("filters: [{prefix: a/}, {prefix: b/}]", vec![entry_for("a/", ""), entry_for("b/", "")]),
            ("filters: [{prefix: b/}, {prefix: c/}]", vec![entry_for("b/", ""), entry_for("c/", "")]),
            // The entry for the whole bucket overlaps the old entries, so the same write must remove the old entries.
            ("filters: []", vec![entry_for("", "")]),
        ];
        for (spec, entries) in steps {
            env.apply(&s3("thumbs", "thumbs", &bucket, spec)).await;
            env.until_ready(KIND, "thumbs").await;
            assert_eq!(own(&env.document(&bucket).await), entries, "{spec}");
            assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
        }
    });
}

#[test]
fn suspending_removes_the_entries_until_resumed() {
    env::test("suspend", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let statements = [permission(&env, &function, &bucket)];
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;

        env.apply(&s3("thumbs", "thumbs", &bucket, "suspend: true")).await;
        let message =
            format!("suspended: the entries are removed from bucket {bucket} until suspend is false");
        wait_for_conditions(&env, "thumbs", &in_place("Suspended", &message)).await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, statements);

        env.apply(&s3("thumbs", "thumbs", &bucket, "suspend: false")).await;
        wait_for_entries(&env, &bucket, &[entry(&env, "thumbs", &function, "", "")]).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(policy(&env, "thumbs", None).await, statements);

        env.apply(&s3("thumbs", "thumbs", &bucket, "suspend: true")).await;
        wait_for_entries(&env, &bucket, &[]).await;
        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&env, "thumbs", None).await, NOTHING);
    });
}

#[test]
fn the_deletion_policy_changes_the_id_of_the_entry() {
    env::test("policy", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let kept = entry(&env, "thumbs", &function, "", "");
        let _controller = env.controller(&NO_RESYNC);
        for (deletion, expected) in
            [("Delete", kept.clone()), ("Retain", retained(kept.clone())), ("Delete", kept)]
        {
            env.apply(&s3("thumbs", "thumbs", &bucket, &format!("deletionPolicy: {deletion}"))).await;
            env.until_ready(KIND, "thumbs").await;
            assert_eq!(own(&env.document(&bucket).await), [expected]);
        }
        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, NOTHING);
    });
}
