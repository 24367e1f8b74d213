//! A bucket of Terraform moves to manifests. Entries of other destinations stay byte for byte.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_tests::env::{self, TestEnv};

use super::import;
use crate::objects::{NO_RESYNC, events_of};
use crate::support::{AwsView, LIMIT, own};

const KIND: &str = "S3TriggeredFunction";
const PUT: &str = "PutBucketNotificationConfiguration";

/// A function entry as Terraform writes it.
fn function_entry(id: u32, arn: &str, event: &str, [prefix, suffix]: [&str; 2]) -> String {
    let rule = |name: &str, value: &str| {
        format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>")
    };
    format!(
        "<CloudFunctionConfiguration><Id>tf-s3-lambda-{id}</Id><CloudFunction>{arn}</CloudFunction>\
         <Event>{event}</Event><Filter><S3Key>{}{}</S3Key></Filter></CloudFunctionConfiguration>",
        rule("Prefix", prefix),
        rule("Suffix", suffix)
    )
}

/// The queue, the topic and EventBridge, as Terraform writes them.
async fn others(env: &TestEnv) -> String {
    let (queue, topic) = (env.queue("audit").await, env.topic("uploads").await);
    format!(
        "<TopicConfiguration><Id>tf-s3-topic-1</Id><Topic>{topic}</Topic><Event>s3:ObjectRemoved:*</Event>\
         </TopicConfiguration><QueueConfiguration><Id>tf-s3-queue-1</Id><Queue>{queue}</Queue>\
         <Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>Prefix</Name><Value>audit/</Value>\
         </FilterRule></S3Key></Filter></QueueConfiguration>"
    )
}

const OPEN: &str = r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#;
const CLOSE: &str = "<EventBridgeConfiguration></EventBridgeConfiguration></NotificationConfiguration>";

/// Event keys that a function has received, in the order of their runs.
fn received(env: &TestEnv, function: &str) -> Vec<String> {
    let runs = env.invocations(function);
    let records = runs.iter().flat_map(|run| run.event["Records"].as_array().cloned().unwrap_or_default());
    records.map(|record| record["s3"]["object"]["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_upload_during_the_hand_over_runs_the_function_once() {
    env::test("import-uploads", async |env| {
        let thumb = env.function("make-thumbnail").await;
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("make-thumbnail", &bucket).await;
        let entry = function_entry(1, &thumb, "s3:ObjectCreated:*", ["images/", ".jpg"]);
        env.put_document(&bucket, &format!("{OPEN}{entry}{CLOSE}")).await;
        let imported = import(&env, &["bucket", &bucket]).await.complete();
        let _controller = env.controller(&NO_RESYNC);
        let is_done = AtomicBool::new(false);
        let uploads = async {
            let mut keys = vec![];
            while !is_done.load(Ordering::Relaxed) {
                let key = format!("images/{:03}.jpg", keys.len());
                let body = ByteStream::from_static(b"picture");
                env.s3().put_object().bucket(&bucket).key(&key).body(body).send().await.unwrap();
                keys.push(key);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            keys
        };
        let hand_over = async {
            env.apply(&imported.manifests).await;
            env.until_ready(KIND, "make-thumbnail").await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            is_done.store(true, Ordering::Relaxed);
        };
        let (keys, ()) = tokio::join!(uploads, hand_over);
        assert_eq!(own(&env.document(&bucket).await).len(), 1);
        env.until(LIMIT, "a run for each upload", async || {
            let mut received = received(&env, "make-thumbnail");
            received.sort();
            if received == keys { Ok(()) } else { Err(format!("{received:?}")) }
        })
        .await;
    });
}

#[test]
fn a_bucket_of_terraform_moves_to_manifests() {
    env::test("import-bucket", async |env| {
        let (thumb, index) = (env.function("make-thumbnail").await, env.function("index").await);
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("make-thumbnail", &bucket).await;
        env.permit_bucket("index", &bucket).await;
        let others = others(&env).await;
        let created = "s3:ObjectCreated:*";
        let entries = [
            function_entry(1, &thumb, created, ["images/", ".jpg"]),
            function_entry(2, &thumb, created, ["images/", ".png"]),
            function_entry(3, &index, created, ["dt%3D2026/", ".csv"]),
        ];
        env.put_document(&bucket, &format!("{OPEN}{others}{}{CLOSE}", entries.concat())).await;
        let before = env.document(&bucket).await;
        let foreign = |entry: &&Entry| !entry.arn.contains(":lambda:");
        let foreign_before: Vec<Entry> = before.entries().filter(foreign).cloned().collect();

        let folder = env.directory().join("triggers");
        let imported = import(&env, &["bucket", &bucket, "--out", folder.to_str().unwrap()]).await.complete();
        assert_eq!(imported.manifests, "");
        let (namespace, out) = (env.namespace(), folder.display());
        let findings = format!(
            "bucket {bucket}, eu-west-1\n  \
             =  topic entry \"tf-s3-topic-1\" (s3:ObjectRemoved:*, all keys)\n     made by Terraform\n     \
             stays: the operator leaves entries of topics as they are\n  \
             =  queue entry \"tf-s3-queue-1\" (s3:ObjectCreated:*, audit/)\n     made by Terraform\n     \
             stays: the operator leaves entries of queues as they are\n  \
             -> S3TriggeredFunction {namespace}/make-thumbnail, in {out}/make-thumbnail.yaml\n     \
             2 entries (s3:ObjectCreated:*; images/*.jpg, images/*.png)\n     made by Terraform\n  \
             -> S3TriggeredFunction {namespace}/index, in {out}/index.yaml\n     \
             1 entry (s3:ObjectCreated:*; dt=2026/*.csv)\n     made by Terraform\n  \
             =  EventBridge\n     stays: events go to EventBridge as before\n"
        );
        assert!(imported.report.starts_with(&findings), "{}\n{findings}", imported.report);
        let check = format!(
            "     lambda-triggers plan --filename {out} --namespace {namespace} --owner-id 0a1b2c3d\n"
        );
        assert!(imported.report.ends_with(&check), "{}", imported.report);
        let index = std::fs::read_to_string(folder.join("index.yaml")).unwrap();
        let expected = format!(
            "# Imported from bucket {bucket}: tf-s3-lambda-3\napiVersion: lambda-triggers.dev/v1alpha1\n\
             kind: S3TriggeredFunction\nmetadata:\n  name: index\n  namespace: {namespace}\nspec:\n  \
             bucket: {bucket}\n  deletionPolicy: Retain\n  filters:\n  - prefix: dt=2026/\n    suffix: .csv\n  \
             function:\n    name: index\n"
        );
        assert_eq!(index, expected);

        let _controller = env.controller(&NO_RESYNC);
        let commands = imported.commands();
        assert_eq!(commands.len(), 2, "{}", imported.report);
        env.shell(&commands.join("\n")).await.expect("the commands");
        for name in ["make-thumbnail", "index"] {
            env.until_ready(KIND, name).await;
            let reasons = events_of(&env, name).await.into_iter().map(|[_, reason, _]| reason);
            assert_eq!(reasons.filter(|reason| reason == "Adopted").count(), 1, "{name}");
        }
        let document = env.document(&bucket).await;
        let foreign_after: Vec<Entry> = document.entries().filter(foreign).cloned().collect();
        assert_eq!(foreign_after, foreign_before);
        let raw = |text: &str, document: &lambda_triggers_core::plan::bucket::Document| {
            document.children.iter().filter(|child| child.raw.contains(text)).count()
        };
        for text in ["tf-s3-topic-1", "tf-s3-queue-1", "EventBridgeConfiguration"] {
            assert_eq!(raw(text, &document), 1, "{text}");
        }
        let without_id = |entry: Entry| Entry { id: None, ..entry };
        let mut moved: Vec<Entry> = own(&document).into_iter().map(without_id).collect();
        let mut expected: Vec<Entry> =
            before.entries().filter(|entry| !foreign(entry)).cloned().map(without_id).collect();
        moved.sort();
        expected.sort();
        assert_eq!(moved, expected);
        assert_eq!(document.entries().count(), 5);
        let puts = env.applied_writes().into_iter().filter(|call| call.operation == PUT).count();
        assert!((1..=2).contains(&puts), "{puts}");
    });
}
