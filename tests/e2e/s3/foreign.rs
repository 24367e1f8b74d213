//! Foreign content of a bucket's document: the operator keeps every byte while its own entries are created, changed and
//! deleted.

use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{KIND, NO_RESYNC, PUT, clear_calls, entry, own, wait_for_entries, without_own, write};
use crate::objects::RESYNC_1S;
use crate::support::{AwsView, LIMIT, s3};

/// Writes a document as other tools make it, with entries of all four kinds. The document contains elements, attributes
/// and white space that no SDK would preserve.
async fn foreign_document(env: &TestEnv, bucket: &str) -> String {
    let (topic, queue, function) =
        (env.topic("news").await, env.queue("uploads").await, env.function("theirs").await);
    env.permit_bucket("theirs", bucket).await;
    let document = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/" xmlns:x='urn:later' x:later = "1">
  <!-- by hand: do not reformat -->
  <TopicConfiguration   x:new="yes"  ><Id>tópic &amp; more</Id><Topic>{topic}</Topic>
	<Event>s3:ReducedRedundancyLostObject</Event></TopicConfiguration>
  <QueueConfiguration><Filter><S3Key><FilterRule><Name>Suffix</Name><Value>.csv</Value></FilterRule><FilterRule><Name>Prefix</Name><Value>in/ &#x20;</Value></FilterRule></S3Key></Filter><Later>x &lt; y</Later><Id>{bucket}-queue</Id><Event>s3:ObjectCreated:Post</Event><Queue>{queue}</Queue></QueueConfiguration>
  <CloudFunctionConfiguration><Id>lt-ffffffff-media-thumbs-0123456789-abcdef</Id><CloudFunction>{function}</CloudFunction><Event>s3:ObjectRemoved:*</Event></CloudFunctionConfiguration>

  <EventBridgeConfiguration  />
  <TableConfiguration><Table>t</Table></TableConfiguration>
</NotificationConfiguration>"#
    );
    env.put_document(bucket, &document).await;
    env.document_text(bucket).await
}

#[test]
fn foreign_entries_of_all_kinds_are_kept_byte_for_byte() {
    env::test("foreign", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let before = foreign_document(&env, &bucket).await;
        clear_calls(&env);
        let _controller = env.controller(&NO_RESYNC);

        env.apply(&s3("thumbs", "thumbs", &bucket, "filters: [{prefix: images/}]")).await;
        env.until_ready(KIND, "thumbs").await;
        let text = env.document_text(&bucket).await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "images/", "")]);
        assert_eq!(without_own(&text), before);

        env.apply(&s3(
            "thumbs",
            "thumbs",
            &bucket,
            "filters: [{prefix: images/, suffix: .jpg}, {prefix: raw/}]",
        ))
        .await;
        let changed =
            [("images/", ".jpg"), ("raw/", "")].map(|(p, s)| entry(&env, "thumbs", &function, p, s));
        wait_for_entries(&env, &bucket, &changed).await;
        assert_eq!(without_own(&env.document_text(&bucket).await), before);

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(env.document_text(&bucket).await, before);
        let puts: Vec<_> = env.aws_writes().into_iter().filter(|call| call.operation == PUT).collect();
        assert_eq!(puts, vec![write("s3", PUT, &bucket, 200); 3]);
    });
}

/// The Lease is in the operator's own namespace, so two releases with one owner id both lead.
#[test]
fn foreign_entries_stay_with_two_leaders() {
    env::test("two-leaders", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let before = foreign_document(&env, &bucket).await;
        let other = format!("{}-other", env.namespace());
        env.kubectl(&["create", "namespace", &other], "").await.expect("kubectl create");
        let leaders = [env.controller(&RESYNC_1S), env.controller_in(&other, &RESYNC_1S)];
        for leader in &leaders {
            let leads = async || leader.log().contains("leading").then_some(());
            env.until(LIMIT, "two leaders", leads).await;
        }

        let names: Vec<String> = (0..5).map(|number| format!("n{number}")).collect();
        for folder in ["old", "new"] {
            let manifest =
                |name| s3(name, "thumbs", &bucket, &format!("filters: [{{prefix: {name}/{folder}/}}]"));
            let manifests: Vec<String> = names.iter().map(|name| manifest(name)).collect();
            env.apply(&manifests.join("---\n")).await;
            for name in &names {
                env.until_ready(KIND, name).await;
                assert_eq!(without_own(&env.document_text(&bucket).await), before);
            }
        }
        for name in &names {
            env.delete(KIND, name).await;
        }
        for name in &names {
            env.until_gone(KIND, name).await;
            assert_eq!(without_own(&env.document_text(&bucket).await), before);
        }
    });
}

#[test]
fn own_entries_are_written_before_the_eventbridge_element() {
    env::test("eventbridge", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let root = "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
        let event_bridge =
            "<EventBridgeConfiguration></EventBridgeConfiguration></NotificationConfiguration>";
        env.put_document(&bucket, &format!("{root}{event_bridge}")).await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        let text = env.document_text(&bucket).await;
        let own_entries = text.strip_prefix(root).and_then(|rest| rest.strip_suffix(event_bridge));
        assert_eq!(own_entries.map(without_own).as_deref(), Some(""), "{text}");
        assert_eq!(own(&env.document(&bucket).await).len(), 1);
    });
}
