//! The example: created, checked in AWS and with kubectl, and deleted.

use lambda_triggers_core::ownership::bucket_statement_id;
use lambda_triggers_tests::env;
use serde_json::{Value, json};

use super::view::{
    KIND, NO_RESYNC, PUT, clear_calls, entry, event, events_of, in_place, own, owner, permission, policy,
    wait_for_conditions, with_events, write,
};
use crate::support::{AwsView, s3};

const EXAMPLE: &str = include_str!("../../../examples/s3-triggered-function.yaml");

#[test]
fn the_example_is_applied_and_deleted() {
    env::test("example", async |env| {
        let function = env.function("make-thumbnail").await;
        let bucket = env.new_bucket("photos").await;
        let before = env.document(&bucket).await;
        clear_calls(&env);
        let _controller = env.controller(&NO_RESYNC);

        env.apply(&EXAMPLE.replace("photos-of-somebody-else", &bucket)).await;
        let object = env.until_ready(KIND, "make-thumbnail").await;

        let entries =
            [".jpg", ".png"].map(|suffix| entry(&env, "make-thumbnail", &function, "images/", suffix));
        assert_eq!(own(&env.document(&bucket).await), entries);
        let mut ids = entries.clone().map(|entry| entry.id);
        ids.sort();
        assert_eq!(policy(&env, "make-thumbnail", None).await, [permission(&env, &function, &bucket)]);
        assert_eq!(
            without_times(object["status"].clone()),
            json!({
                "observedGeneration": 1,
                "conditions": [
                    {"type": "Ready", "status": "True", "reason": "Applied", "observedGeneration": 1,
                     "message": format!("2 entries are in bucket {bucket}")},
                    {"type": "FunctionReady", "status": "True", "reason": "Applied", "observedGeneration": 1, "message": ""},
                    {"type": "PermissionReady", "status": "True", "reason": "Applied", "observedGeneration": 1, "message": ""},
                    {"type": "NotificationReady", "status": "True", "reason": "Applied", "observedGeneration": 1, "message": ""},
                ],
                "functionArn": function,
                "functionName": "make-thumbnail",
                "applied": {
                    "notifications": [{
                        "region": env::REGION,
                        "bucket": bucket,
                        "bucketOwner": env.account(),
                        "ids": ids,
                    }],
                    "permissions": [{"functionArn": function, "statementId": bucket_statement_id(&owner(), &bucket)}],
                },
            })
        );
        let created = format!(
            "added 2 entries to bucket {bucket}, for make-thumbnail on s3:ObjectCreated:*: images/*.jpg, images/*.png"
        );
        assert_eq!(events_of(&env, "make-thumbnail").await, [event("Normal", "EntryCreated", created)]);
        let creation_writes =
            [write("lambda", "AddPermission", "make-thumbnail", 201), write("s3", PUT, &bucket, 200)];
        assert_eq!(env.aws_writes(), creation_writes);

        env.delete(KIND, "make-thumbnail").await;
        env.until_gone(KIND, "make-thumbnail").await;
        assert_eq!(env.document(&bucket).await.children, before.children);
        assert_eq!(policy(&env, "make-thumbnail", None).await, Vec::<Value>::new());
        let deletion_writes =
            [write("s3", PUT, &bucket, 200), write("lambda", "RemovePermission", "make-thumbnail", 204)];
        assert_eq!(env.aws_writes(), [creation_writes, deletion_writes].concat());
    });
}

#[test]
fn kubectl_get_shows_the_main_columns() {
    env::test("columns", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "events: ['s3:ObjectCreated:Put', 's3:ObjectTagging:*']"))
            .await;
        env.apply(&s3("missing", "nowhere", &bucket, "")).await;
        wait_for_conditions(&env, "thumbs", &in_place("Applied", &format!("1 entry is in bucket {bucket}")))
            .await;
        env.until_condition(KIND, "missing", "Ready", "False").await;

        let table = env.kubectl(&["get", "s3fn"], "").await.expect("kubectl get");
        assert_eq!(
            columns(&table, 5),
            [
                ["NAME", "READY", "REASON", "BUCKET", "FUNCTION"],
                ["missing", "False", "FunctionNotFound", &bucket, "nowhere"],
                ["thumbs", "True", "Applied", &bucket, "thumbs"],
            ]
        );
        let wide =
            env.kubectl(&["get", "s3fn", "thumbs", "--output", "wide"], "").await.expect("kubectl get");
        let events = r#"["s3:ObjectCreated:Put","s3:ObjectTagging:*"]"#;
        assert_eq!(columns(&wide, 7)[1][5..], [events, &format!("1 entry is in bucket {bucket}")]);
    });
}

/// The first columns of kubectl's table. The headings give the width of the columns. Later columns vary with time.
fn columns(table: &str, count: usize) -> Vec<Vec<String>> {
    let heading = table.lines().next().unwrap_or_default();
    let begins = |(index, c): &(usize, char)| *c != ' ' && (*index == 0 || heading[..*index].ends_with(' '));
    let mut starts: Vec<usize> = heading.char_indices().filter(begins).map(|(index, _)| index).collect();
    starts.push(usize::MAX);
    let cell = |line: &str, column: usize| {
        let end = starts[column + 1].min(line.len());
        line.get(starts[column]..end).unwrap_or_default().trim().to_owned()
    };
    table.lines().map(|line| (0..count).map(|column| cell(line, column)).collect()).collect()
}

fn without_times(mut status: Value) -> Value {
    let time = status.as_object_mut().unwrap().remove("observedGenerationAt");
    time.expect("the time of the first reconcile of the generation");
    for condition in status["conditions"].as_array_mut().unwrap() {
        condition.as_object_mut().unwrap().remove("lastTransitionTime").expect("every condition has a time");
    }
    status
}

#[test]
fn the_newest_event_types_are_supported() {
    env::test("events", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        let events = ["s3:ObjectAnnotation:*", "s3:ObjectRetention:Put"];
        env.apply(&s3("thumbs", "thumbs", &bucket, &format!("events: {events:?}"))).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(
            own(&env.document(&bucket).await),
            [with_events(&events, entry(&env, "thumbs", &function, "", ""))]
        );
    });
}
