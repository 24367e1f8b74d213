//! The AWS proxy delivers events only to functions whose policy allows the service to invoke them.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_s3::primitives::ByteStream;

use super::{
    Aws, aws, eventually,
    functions::{Received, entry, target},
    run,
};

impl Aws {
    async fn upload(&self, bucket: &str, key: &str) {
        self.s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(ByteStream::from_static(b"x"))
            .send()
            .await
            .expect("uploaded");
    }

    async fn emit(&self) {
        let event =
            PutEventsRequestEntry::builder().source("front.test").detail_type("test").detail("{}").build();
        self.events.put_events().entries(event).send().await.expect("emitted");
    }
}

async fn assert_event_count(received: &Received, events: usize) {
    eventually("the function receives the event", async || received.count() >= events).await;
    assert_eq!(received.count(), events);
}

#[test]
fn s3_delivers_only_while_the_permission_statement_exists() {
    run(async {
        let aws = aws().await;
        let watched = aws.permitted_function_and_bucket("delivers").await;
        let witness = aws.function("witness").await;
        aws.permit_s3("witness", "delivers").await;
        let both = vec![
            entry("watched", &aws.function_arn("delivers"), &["s3:ObjectCreated:*"], &[("prefix", "in/")]),
            entry(
                "witness",
                &aws.function_arn("witness"),
                &["s3:ObjectCreated:*"],
                &[("prefix", "witness/")],
            ),
        ];
        aws.notify("delivers", both).await.expect("accepted");
        aws.upload("delivers", "in/1").await;
        assert_event_count(&watched, 1).await;
        aws.lambda
            .remove_permission()
            .function_name("delivers")
            .statement_id("s3")
            .send()
            .await
            .expect("removed");
        assert_eq!(
            aws.notification_ids("delivers").await,
            ["watched", "witness"],
            "the bucket's document stays"
        );
        aws.upload("delivers", "in/2").await;
        aws.upload("delivers", "witness/1").await;
        assert_event_count(&witness, 1).await;
        aws.permit_s3("delivers", "delivers").await;
        aws.upload("delivers", "in/3").await;
        assert_event_count(&watched, 2).await;
    });
}

#[test]
fn filters_match_the_encoded_object_key() {
    run(async {
        let aws = aws().await;
        let watched = aws.permitted_function_and_bucket("encoded").await;
        let raw = aws.function("raw").await;
        aws.permit_s3("raw", "encoded").await;
        let on = |id, name, prefix| {
            entry(id, &aws.function_arn(name), &["s3:ObjectCreated:*"], &[("prefix", prefix)])
        };
        let both = vec![on("encoded", "encoded", "dt%3D2026/a+b"), on("raw", "raw", "dt=2026/a b")];
        aws.notify("encoded", both).await.expect("the two texts do not overlap");
        aws.upload("encoded", "dt=2026/a b/1").await;
        assert_event_count(&watched, 1).await;
        aws.notify("encoded", vec![on("raw", "raw", "dt=2026/a b"), on("witness", "encoded", "w/")])
            .await
            .expect("accepted");
        aws.upload("encoded", "dt=2026/a b/2").await;
        aws.upload("encoded", "w/1").await;
        assert_event_count(&watched, 2).await;
        assert_eq!(raw.count(), 0);
    });
}

#[test]
fn a_rule_invokes_only_functions_that_permit_it() {
    run(async {
        let aws = aws().await;
        let (open, closed) = (aws.function("open").await, aws.function("closed").await);
        aws.permit_events("open", "on-event").await;
        aws.permit_events("closed", "another-rule").await;
        let pattern = "{\"source\": [\"front.test\"]}";
        aws.events.put_rule().name("on-event").event_pattern(pattern).send().await.expect("put");
        let targets =
            aws.events.put_targets().rule("on-event").targets(target("open", &aws.function_arn("open")));
        targets.targets(target("closed", &aws.function_arn("closed"))).send().await.expect("targets");
        aws.emit().await;
        assert_event_count(&open, 1).await;
        aws.lambda
            .remove_permission()
            .function_name("closed")
            .statement_id("events")
            .send()
            .await
            .expect("removed");
        aws.permit_events("closed", "on-*").await;
        aws.emit().await;
        assert_event_count(&closed, 1).await;
        assert_event_count(&open, 2).await;
        aws.lambda
            .remove_permission()
            .function_name("closed")
            .statement_id("events")
            .send()
            .await
            .expect("removed");
        aws.emit().await;
        assert_event_count(&open, 3).await;
        assert_eq!(closed.count(), 1);
    });
}

#[test]
fn a_deleted_or_recreated_function_receives_no_events() {
    run(async {
        let aws = aws().await;
        let received = aws.permitted_function_and_bucket("namesake").await;
        let witness = aws.function("witness").await;
        aws.permit_s3("witness", "namesake").await;
        aws.permit_events("namesake", "on-event").await;
        aws.permit_events("witness", "on-event").await;
        let entries = vec![
            entry("namesake", &aws.function_arn("namesake"), &["s3:ObjectCreated:*"], &[("prefix", "in/")]),
            entry(
                "witness",
                &aws.function_arn("witness"),
                &["s3:ObjectCreated:*"],
                &[("prefix", "witness/")],
            ),
        ];
        aws.notify("namesake", entries).await.expect("written");
        let pattern = "{\"source\": [\"front.test\"]}";
        aws.events.put_rule().name("on-event").event_pattern(pattern).send().await.expect("put");
        let targets =
            aws.events.put_targets().rule("on-event").targets(target("1", &aws.function_arn("namesake")));
        targets.targets(target("2", &aws.function_arn("witness"))).send().await.expect("targets");
        aws.upload("namesake", "in/1").await;
        aws.emit().await;
        assert_event_count(&received, 2).await;
        assert_event_count(&witness, 1).await;

        aws.lambda.delete_function().function_name("namesake").send().await.expect("deleted");
        let namesake = aws.function("namesake").await;
        aws.upload("namesake", "in/2").await;
        aws.upload("namesake", "witness/1").await;
        aws.emit().await;
        assert_event_count(&witness, 3).await;
        assert_eq!(namesake.count(), 2, "both write to one file");
        aws.permit_s3("namesake", "namesake").await;
        aws.upload("namesake", "in/3").await;
        assert_event_count(&namesake, 3).await;
    });
}
