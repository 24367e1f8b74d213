//! S3 and Lambda at their worst: in the end our entry is there once, and what others have is as it was.

use std::time::Duration;

use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_tests::aws_proxy::{Call, Fault, FaultKind, LateAnswer};
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{
    GET, KIND, NO_RESYNC, PUT, RESYNC_1S, entry, event, forget_calls, own, permission, policy, until_entries,
    until_events, without_own,
};
use crate::support::{AwsView, LIMIT, s3};

/// A bucket with somebody else's entry and EventBridge on, the text of its document, and the entry that the object
/// `thumbs` is to have there.
async fn shared_bucket(env: &TestEnv) -> (String, String, Entry) {
    let (function, queue) = (env.function("thumbs").await, env.queue("uploads").await);
    let bucket = env.new_bucket("photos").await;
    env.put_document(&bucket, &document(&others(&queue, "theirs", "s3:ObjectRemoved:*"))).await;
    forget_calls(env);
    (bucket.clone(), env.document_text(&bucket).await, entry(env, "thumbs", &function, "", ""))
}

fn others(queue: &str, id: &str, event: &str) -> String {
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

/// Applies the object while the aws_proxy has these faults: it becomes ready all the same.
fn gets_there(faults: impl Fn() -> Vec<Fault>, puts: usize) {
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
fn the_answer_to_the_write_is_lost() {
    gets_there(|| vec![Fault::on(PUT, FaultKind::LostAnswer)], 1);
}

#[test]
fn the_write_fails() {
    gets_there(|| vec![Fault::on(PUT, FaultKind::Error(500))], 2);
}

#[test]
fn another_change_to_the_bucket_is_under_way() {
    gets_there(|| vec![Fault::on(PUT, FaultKind::OperationAborted).times(2)], 3);
}

#[test]
fn s3_throttles() {
    let throttle = |operation: &str| Fault::on(operation, FaultKind::Throttle).times(2);
    gets_there(|| vec![throttle(PUT), throttle(GET)], 3);
}

#[test]
fn s3_shows_the_document_from_before_the_write() {
    gets_there(|| vec![Fault::on(GET, FaultKind::StaleRead).after(1).times(3)], 1);
}

#[test]
fn the_answer_to_add_permission_is_lost() {
    gets_there(|| vec![Fault::on("AddPermission", FaultKind::LostAnswer)], 1);
}

#[test]
fn lambda_throttles_and_fails() {
    let faults = || {
        let throttle = |operation: &str| Fault::on(operation, FaultKind::Throttle).times(4);
        vec![
            throttle("GetPolicy"),
            throttle("AddPermission"),
            Fault::on("GetFunction", FaultKind::Error(500)).times(4),
        ]
    };
    gets_there(faults, 1);
}

/// The write is applied long after its answer was lost, when the object is being deleted.
#[test]
fn a_late_write_does_not_bring_back_the_entry_of_a_deleted_object() {
    env::test("late", async |env| {
        let (bucket, before, _) = shared_bucket(&env).await;
        let late = FaultKind::Late(Duration::from_secs(8), LateAnswer::Lost);
        env.aws_proxy().inject(env.account(), Fault::on(PUT, late));
        let _controller = env.controller(&[&RESYNC_1S[..], &["--write-grace-period", "12s"]].concat());
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        env.delete(KIND, "thumbs").await;
        let outcome_unknown = format!(
            "a write to bucket {bucket} may take effect still, since AWS did not answer it, or since the operator has only \
             just started and does not know how the last one went; the finalizer stays until it cannot"
        );
        let blocked = event("Warning", "DeletionBlocked", outcome_unknown);
        assert_eq!(until_events(&env, "thumbs", "DeletionBlocked").await, blocked);
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(env.document_text(&bucket).await, before);
        assert!(policy(&env, "thumbs", None).await.is_empty());
    });
}

/// Another tool read the document before our write, and writes it back with an entry of its own after it.
#[test]
fn a_writer_that_drops_our_entry_keeps_its_own() {
    env::test("second-writer", async |env| {
        let (bucket, _, ours) = shared_bucket(&env).await;
        let queue = env.queue("more").await;
        let theirs = document(&others(&queue, "more", "s3:ObjectTagging:*"));
        env.aws_proxy()
            .inject(env.account(), Fault::on(GET, FaultKind::second_writer(theirs.clone())).after(1));
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [ours]);
        assert_eq!(without_own(&env.document_text(&bucket).await), theirs);
    });
}

/// S3 has no conditional write: what is written between our read and our write is lost to its writer. What was there
/// at our read is not.
#[test]
fn what_was_there_at_our_read_is_there_after_our_write() {
    env::test("window", async |env| {
        let (bucket, before, ours) = shared_bucket(&env).await;
        let queue = env.queue("more").await;
        let theirs = document(&others(&queue, "more", "s3:ObjectTagging:*"));
        env.aws_proxy().inject(env.account(), Fault::on(PUT, FaultKind::second_writer(theirs)));
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [ours]);
        assert_eq!(without_own(&env.document_text(&bucket).await), before);
    });
}

#[test]
fn a_foreign_entry_that_goes_while_we_write_is_told_of() {
    env::test("foreign-gone", async |env| {
        let (bucket, before, ours) = shared_bucket(&env).await;
        let theirs = others(&env.queue("uploads").await, "theirs", "s3:ObjectRemoved:*");
        let empty = before.replace(&theirs, "");
        let gone = FaultKind::second_edit(move |text| text.replace(&theirs, ""));
        env.aws_proxy().inject(env.account(), Fault::on(GET, gone).after(1));
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let [kind, _, note] = until_events(&env, "thumbs", "ForeignEntryGone").await;
        assert_eq!(kind, "Warning");
        assert!(note.contains("queue entry \"theirs\""), "{note}");
        until_entries(&env, &bucket, &[ours]).await;
        assert_eq!(without_own(&env.document_text(&bucket).await), empty);
    });
}

/// Another tool that takes every entry away which it did not make.
#[test]
fn a_bucket_that_another_tool_keeps_to_itself_is_called_contended() {
    env::test("contended", async |env| {
        let (bucket, before, ours) = shared_bucket(&env).await;
        let undo = FaultKind::second_edit(without_own);
        env.aws_proxy().inject(env.account(), Fault::on(GET, undo).times(usize::MAX));
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let stalled = env.until_condition(KIND, "thumbs", "Stalled", "True").await;
        assert_eq!(stalled["reason"], "Contended");
        let message = stalled["message"].as_str().unwrap();
        assert!(message.contains("it holds instead: queue entry \"theirs\""), "{message}");
        let puts = |calls: &[Call]| calls.iter().filter(|call| call.operation == PUT).count() > 5;
        env.aws_proxy().wait_for_calls(env.account(), LIMIT, puts).await.expect("it is tried again");

        env.aws_proxy().clear_faults(env.account());
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [ours]);
        assert_eq!(without_own(&env.document_text(&bucket).await), before);
    });
}
