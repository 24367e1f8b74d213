//! An entry that S3 refuses for a cause that the operator does not know. S3 refuses the whole document, but the operator
//! still writes the entries of the other resources.

use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{
    KIND, NO_RESYNC, PUT, entry, in_place, own, permission, policy, stalled, wait_for_conditions, with_events,
};
use crate::support::{AwsView, LIMIT, s3};

/// Waits until the operator's entries in a bucket are exactly these, in any order.
async fn wait_for_entries(env: &TestEnv, bucket: &str, mut expected: Vec<Entry>) {
    expected.sort();
    env.until(LIMIT, &format!("the entries of bucket {bucket} to be {expected:?}"), async || {
        let mut found = own(&env.document(bucket).await);
        found.sort();
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

#[test]
fn a_refused_entry_blocks_no_other_resource() {
    env::test("refused-entry", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let refuse = FaultKind::refuse(400, "InvalidArgument", "The key filter is not supported");
        let refused =
            Fault::on(PUT, refuse).resource(bucket.clone()).containing("refused/").times(usize::MAX);
        env.aws_proxy().inject(env.account(), refused);
        let _controller = env.controller(&NO_RESYNC);
        let trigger = |name, prefix: &str, event: &str| {
            s3(name, "thumbs", &bucket, &format!("filters: [{{prefix: {prefix}}}]\nevents: ['{event}']"))
        };
        let (created, put) = ("s3:ObjectCreated:*", "s3:ObjectCreated:Put");
        let of = |name, prefix, event| with_events(&[event], entry(&env, name, &function, prefix, ""));

        // Creation.
        let all = [("one", "one/"), ("bad", "refused/"), ("two", "two/")]
            .map(|(name, prefix)| trigger(name, prefix, created));
        env.apply(&all.join("---\n")).await;
        let fine = in_place("Applied", &format!("1 entry is in bucket {bucket}"));
        for name in ["one", "two"] {
            wait_for_conditions(&env, name, &fine).await;
        }
        let message = format!(
            "S3 refuses the notification configuration of bucket {bucket} with the entries of this resource \
             (InvalidArgument): The key filter is not supported; the entries of other resources are not affected. \
             Change spec.events or spec.filters; the operator tries the same entries again after a change in the \
             bucket, or after some time"
        );
        let is_refused =
            stalled("AwsRefused", &message, &["FunctionReady", "PermissionReady"], "NotificationReady");
        wait_for_conditions(&env, "bad", &is_refused).await;
        wait_for_entries(&env, &bucket, vec![of("one", "one/", created), of("two", "two/", created)]).await;

        // Changes. The refused resource gets an accepted spec, and then a refused spec again.
        env.apply(&trigger("one", "one/", put)).await;
        wait_for_entries(&env, &bucket, vec![of("one", "one/", put), of("two", "two/", created)]).await;
        env.apply(&trigger("bad", "accepted/", created)).await;
        wait_for_conditions(&env, "bad", &fine).await;
        let accepted = of("bad", "accepted/", created);
        env.apply(&trigger("bad", "refused/", created)).await;
        wait_for_conditions(&env, "bad", &is_refused).await;
        let three = vec![of("one", "one/", put), of("two", "two/", created), accepted.clone()];
        wait_for_entries(&env, &bucket, three).await;

        // Deletion of a good resource, of the refused resource, and of the last resource.
        env.delete(KIND, "two").await;
        env.until_gone(KIND, "two").await;
        wait_for_entries(&env, &bucket, vec![of("one", "one/", put), accepted]).await;
        env.delete(KIND, "bad").await;
        env.until_gone(KIND, "bad").await;
        wait_for_entries(&env, &bucket, vec![of("one", "one/", put)]).await;
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
        env.delete(KIND, "one").await;
        env.until_gone(KIND, "one").await;
        wait_for_entries(&env, &bucket, vec![]).await;
        assert_eq!(policy(&env, "thumbs", None).await, [""; 0].map(serde_json::Value::from));
    });
}
