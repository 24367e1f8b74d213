//! Faults of S3 and Lambda: in the end, the operator's entry exists once and foreign entries are unchanged.

use std::time::Duration;

use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_tests::aws_proxy::{Call, Fault, FaultKind, LateAnswer};
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{
    GET, KIND, NO_RESYNC, PUT, RESYNC_1S, clear_calls, entry, event, own, permission, policy,
    wait_for_entries, wait_for_events, without_own,
};
use crate::support::{AwsView, LIMIT, s3};

/// Creates a bucket with a foreign entry and with EventBridge enabled. Returns the bucket, the text of its document,
/// and the expected entry of the object `thumbs`.
async fn shared_bucket(env: &TestEnv) -> (String, String, Entry) {
    let (function, queue) = (env.function("thumbs").await, env.queue("uploads").await);
    let bucket = env.new_bucket("photos").await;
    env.put_document(&bucket, &document(&foreign_entry(&queue, "theirs", "s3:ObjectRemoved:*"))).await;
    clear_calls(env);
    (bucket.clone(), env.document_text(&bucket).await, entry(env, "thumbs", &function, "", ""))
}

fn foreign_entry(queue: &str, id: &str, event: &str) -> String {
    format!(
        "<QueueConfiguration><Id>{id}</Id><Queue>{queue}</Queue><Event>{event}</Event></QueueConfiguration>"
    )
}

fn document(entries: &str) -> String {
    let root = "NotificationConfiguration";
    format!(
        "<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{entries}<EventBridgeConfiguration/></{root}>"
    )
}

/// Applies the object while the AWS proxy has these faults. The object must become ready.
fn assert_ready_despite(faults: impl Fn() -> Vec<Fault>, puts: usize) {
    env::test("fault", async |env| {
        let (bucket, before, entry) = shared_bucket(&env).await;
        faults().into_iter().for_each(|fault| env.aws_proxy().inject(env.account(), fault));
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(env.aws_proxy().pending_faults(env.account()), 0);
        assert_eq!(without_own(&env.document_text(&bucket).await), before);
        assert_eq!(env.aws_proxy().count(env.account(), PUT), puts);
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &entry.arn, &bucket)]);
        assert_eq!(own(&env.document(&bucket).await), [entry]);
    });
}

#[test]
fn a_write_with_a_lost_answer_is_not_repeated() {
    assert_ready_despite(|| vec![Fault::on(PUT, FaultKind::LostAnswer)], 1);
}

#[test]
fn a_failed_write_is_repeated() {
    assert_ready_despite(|| vec![Fault::on(PUT, FaultKind::Error(500))], 2);
}

#[test]
fn a_conflicting_bucket_operation_is_retried() {
    assert_ready_despite(|| vec![Fault::on(PUT, FaultKind::OperationAborted).times(2)], 3);
}

#[test]
fn throttled_s3_calls_are_retried() {
    let throttle = |operation: &str| Fault::on(operation, FaultKind::Throttle).times(2);
    assert_ready_despite(|| vec![throttle(PUT), throttle(GET)], 3);
}

#[test]
fn stale_reads_after_the_write_cause_no_second_write() {
    assert_ready_despite(|| vec![Fault::on(GET, FaultKind::StaleRead).after(2).times(3)], 1);
}

#[test]
fn add_permission_with_a_lost_answer_is_not_repeated() {
    assert_ready_despite(|| vec![Fault::on("AddPermission", FaultKind::LostAnswer)], 1);
}

#[test]
fn throttled_and_failed_lambda_calls_are_retried() {
    let faults = || {
        let throttle = |operation: &str| Fault::on(operation, FaultKind::Throttle).times(4);
        vec![throttle("AddPermission"), Fault::on("AddPermission", FaultKind::Error(500)).after(4).times(2)]
    };
    assert_ready_despite(faults, 1);
}

/// AWS applies the write after its answer was lost, during the deletion of the object.
#[test]
fn a_late_write_does_not_restore_the_entry_of_a_deleted_object() {
    env::test("late", async |env| {
        let (bucket, before, _) = shared_bucket(&env).await;
        let late = FaultKind::Late(Duration::from_secs(8), LateAnswer::Lost);
        env.aws_proxy().inject(env.account(), Fault::on(PUT, late));
        let _controller = env.controller(&[&RESYNC_1S[..], &["--write-grace-period", "12s"]].concat());
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        env.delete(KIND, "thumbs").await;
        let outcome_unknown = format!(
            "a write to bucket {bucket} may still take effect: AWS did not answer the write, or the operator \
             has just started and does not know the outcome of the last write. The finalizer stays until the \
             end of the write grace period"
        );
        let blocked = event("Warning", "DeletionBlocked", outcome_unknown);
        assert_eq!(wait_for_events(&env, "thumbs", "DeletionBlocked").await, blocked);
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(env.document_text(&bucket).await, before);
        assert!(policy(&env, "thumbs", None).await.is_empty());
    });
}

/// Another tool reads the document before the operator's write, and writes the document with its own entry after the
/// operator's write.
#[test]
fn a_concurrent_foreign_write_is_kept_and_our_entry_restored() {
    env::test("second-writer", async |env| {
        let (bucket, _, own_entry) = shared_bucket(&env).await;
        let queue = env.queue("more").await;
        let foreign = document(&foreign_entry(&queue, "more", "s3:ObjectTagging:*"));
        env.aws_proxy()
            .inject(env.account(), Fault::on(GET, FaultKind::second_writer(foreign.clone())).after(1));
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [own_entry]);
        assert_eq!(without_own(&env.document_text(&bucket).await), foreign);
    });
}

/// S3 has no conditional write: a foreign write between the operator's read and write is lost. Entries from before the
/// read are kept.
#[test]
fn foreign_entries_read_before_the_write_are_kept() {
    env::test("window", async |env| {
        let (bucket, before, own_entry) = shared_bucket(&env).await;
        let queue = env.queue("more").await;
        let foreign = document(&foreign_entry(&queue, "more", "s3:ObjectTagging:*"));
        env.aws_proxy().inject(env.account(), Fault::on(PUT, FaultKind::second_writer(foreign)));
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [own_entry]);
        assert_eq!(without_own(&env.document_text(&bucket).await), before);
    });
}

#[test]
fn a_foreign_entry_removed_during_a_write_is_reported() {
    env::test("foreign-gone", async |env| {
        let (bucket, before, own_entry) = shared_bucket(&env).await;
        let foreign = foreign_entry(&env.queue("uploads").await, "theirs", "s3:ObjectRemoved:*");
        let empty = before.replace(&foreign, "");
        let remove_foreign = FaultKind::second_edit(move |text| text.replace(&foreign, ""));
        env.aws_proxy().inject(env.account(), Fault::on(GET, remove_foreign).after(2));
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let [kind, _, note] = wait_for_events(&env, "thumbs", "ForeignEntryGone").await;
        assert_eq!(kind, "Warning");
        assert!(note.contains("queue entry \"theirs\""), "{note}");
        wait_for_entries(&env, &bucket, &[own_entry]).await;
        assert_eq!(without_own(&env.document_text(&bucket).await), empty);
    });
}

/// Another tool removes all foreign entries from the bucket.
#[test]
fn a_tool_that_removes_foreign_entries_is_reported_as_contention() {
    env::test("contended", async |env| {
        let (bucket, before, own_entry) = shared_bucket(&env).await;
        let undo = FaultKind::second_edit(without_own);
        env.aws_proxy().inject(env.account(), Fault::on(GET, undo).times(usize::MAX));
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let stalled = env.until_condition(KIND, "thumbs", "Stalled", "True").await;
        assert_eq!(stalled["reason"], "Contended");
        let message = stalled["message"].as_str().unwrap();
        assert!(message.contains("The bucket now has: queue entry \"theirs\""), "{message}");
        let puts = |calls: &[Call]| calls.iter().filter(|call| call.operation == PUT).count() > 5;
        env.aws_proxy().wait_for_calls(env.account(), LIMIT, puts).await.expect("it is tried again");

        env.aws_proxy().clear_faults(env.account());
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [own_entry]);
        assert_eq!(without_own(&env.document_text(&bucket).await), before);
    });
}
