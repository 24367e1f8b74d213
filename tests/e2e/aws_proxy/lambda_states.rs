//! States of a function: creations and updates take time, and AWS refuses other changes until then.

use std::time::Duration;

use lambda_triggers_tests::aws_proxy::{Failure, Pace};

use super::{
    Aws, aws, code,
    deployment::{
        ONE, TWO, active, archive, aws_with_pace, creation_failed, pending, quick_aws, stage, update_failed,
        updating,
    },
    eventually, refusal, run,
};

/// The refusals of the three operations that conflict with a change in progress.
async fn refusals(aws: &Aws, name: &str) -> [(u16, String, String); 3] {
    [
        refusal(aws.code_update(name).zip_file(archive(TWO)).send().await),
        refusal(aws.configuration_update(name).timeout(9).send().await),
        refusal(aws.lambda.publish_version().function_name(name).send().await),
    ]
}

fn conflict(why: &str) -> (u16, String, String) {
    let text = format!("The operation cannot be performed at this time. {why}");
    (409, "ResourceConflictException".to_owned(), text)
}

#[test]
fn a_new_function_is_pending_for_the_given_reads() {
    run(async {
        let aws = aws_with_pace(Pace::Reads(2)).await;
        let created = aws.creation("new").send().await.expect("created");
        assert_eq!(stage!(created), pending());
        assert_eq!(aws.stage("new").await, pending());
        let read = aws.lambda.get_function_configuration().function_name("new").send().await.expect("read");
        assert_eq!(stage!(read), pending());
        assert_eq!(aws.stage("new").await, active());
    });
}

#[test]
fn an_update_is_in_progress_for_the_given_reads() {
    run(async {
        let aws = quick_aws().await;
        aws.created("updated").await;
        aws.aws_proxy.slow_functions(&aws.account, Pace::Reads(1));
        let update = aws.code_update("updated").zip_file(archive(TWO)).send().await.expect("updated");
        assert_eq!(stage!(update), updating());
        assert_eq!(aws.stage("updated").await, updating());
        assert_eq!(aws.stage("updated").await, active());
        let update = aws.configuration_update("updated").timeout(9).send().await.expect("updated");
        assert_eq!(stage!(update), updating());
        assert_eq!(aws.stage("updated").await, updating());
        assert_eq!(aws.stage("updated").await, active());
    });
}

#[test]
fn a_change_ends_after_the_given_time() {
    run(async {
        let aws = aws_with_pace(Pace::Time(Duration::from_secs(3600))).await;
        aws.created("slow").await;
        assert_eq!(aws.stage("slow").await, pending());
        let aws = super::aws().await;
        aws.created("usual").await;
        eventually("the function is active", async || aws.stage("usual").await == active()).await;
    });
}

#[test]
fn a_held_change_ends_when_the_test_finishes_it() {
    run(async {
        let aws = aws_with_pace(Pace::Held).await;
        aws.created("held").await;
        assert_eq!(aws.stage("held").await, pending());
        aws.aws_proxy.finish_functions(&aws.account);
        assert_eq!(aws.stage("held").await, active());
        aws.configuration_update("held").timeout(9).send().await.expect("updated");
        assert_eq!(aws.stage("held").await, updating());
        aws.aws_proxy.finish_functions(&aws.account);
        assert_eq!(aws.stage("held").await, active());
    });
}

#[test]
fn changes_are_refused_while_another_is_in_progress() {
    run(async {
        let aws = aws_with_pace(Pace::Held).await;
        aws.created("busy").await;
        let before = aws.configuration("busy").await;
        let why = "The function is currently in the following state: Pending";
        assert_eq!(refusals(&aws, "busy").await, [(); 3].map(|()| conflict(why)));
        assert_eq!(aws.configuration("busy").await, before);
        aws.aws_proxy.finish_functions(&aws.account);
        aws.configuration_update("busy").timeout(5).send().await.expect("updated");
        let before = aws.configuration("busy").await;
        let why = format!("An update is in progress for resource: {}", aws.function_arn("busy"));
        assert_eq!(refusals(&aws, "busy").await, [(); 3].map(|()| conflict(&why)));
        assert_eq!(aws.configuration("busy").await, before);
        aws.aws_proxy.finish_functions(&aws.account);
        aws.configuration_update("busy").timeout(9).send().await.expect("updated");
        aws.lambda
            .delete_function()
            .function_name("busy")
            .send()
            .await
            .expect("an update holds no deletion back");
    });
}

#[test]
fn a_function_runs_after_creation_and_during_updates() {
    run(async {
        let aws = aws_with_pace(Pace::Held).await;
        aws.created("run").await;
        let invocation = aws.lambda.invoke().function_name("run").send().await;
        assert_eq!(
            refusal(invocation),
            conflict("The function is currently in the following state: Pending")
        );
        aws.aws_proxy.finish_functions(&aws.account);
        assert_eq!(aws.says("run").await, "\"one\"");
        aws.configuration_update("run").timeout(9).send().await.expect("updated");
        assert_eq!(aws.says("run").await, "\"one\"");
    });
}

#[test]
fn a_failed_update_leaves_the_function_unchanged() {
    run(async {
        let aws = quick_aws().await;
        aws.created("kept").await;
        let before = aws.configuration("kept").await;
        let (code, reason) = ("InvalidRuntime", "The runtime is not there.");
        aws.aws_proxy.fail_function(&aws.account, "kept", Failure::new(code, reason));
        let update = aws.code_update("kept").zip_file(archive(TWO)).send().await.expect("it is accepted");
        assert_eq!(stage!(update), updating());
        let after = aws.configuration("kept").await;
        assert_eq!(stage!(after), update_failed(reason, code));
        assert_eq!(after.code_sha256(), before.code_sha256());
        assert_eq!(aws.says("kept").await, "\"one\"");
        aws.code_update("kept").zip_file(archive(TWO)).send().await.expect("updated");
        assert_eq!(aws.stage("kept").await, active());
        assert_eq!(aws.says("kept").await, "\"two\"");
    });
}

#[test]
fn a_function_with_a_failed_creation_can_only_be_deleted() {
    run(async {
        let aws = quick_aws().await;
        let (code, reason) = ("InvalidSubnet", "The subnet is not there.");
        aws.aws_proxy.fail_function(&aws.account, "lost", Failure::new(code, reason));
        let created = aws.creation("lost").send().await.expect("it is accepted");
        assert_eq!(stage!(created), pending());
        assert_eq!(aws.stage("lost").await, creation_failed(reason, code));
        let why = "The function is currently in the following state: Failed";
        assert_eq!(refusals(&aws, "lost").await, [(); 3].map(|()| conflict(why)));
        let invocation = aws.lambda.invoke().function_name("lost").send().await;
        assert_eq!(refusal(invocation), conflict(why));
        aws.lambda.delete_function().function_name("lost").send().await.expect("deleted");
        aws.created("lost").await;
        assert_eq!(aws.stage("lost").await, active());
    });
}

#[test]
fn the_revision_changes_when_a_change_starts_and_ends() {
    run(async {
        let aws = aws_with_pace(Pace::Held).await;
        let created = aws.creation("revised").send().await.expect("created").revision_id;
        assert_eq!(aws.configuration("revised").await.revision_id, created);
        aws.aws_proxy.finish_functions(&aws.account);
        let settled = aws.configuration("revised").await.revision_id;
        let update = aws.configuration_update("revised").timeout(9).set_revision_id(settled.clone());
        let updated = update.send().await.expect("the revision is the latest").revision_id;
        aws.aws_proxy.finish_functions(&aws.account);
        let latest = aws.configuration("revised").await.revision_id;
        let mut all = vec![created, settled, updated, latest];
        all.dedup();
        assert_eq!(all.len(), 4, "{all:?}");
    });
}

#[test]
fn a_stale_revision_is_refused() {
    run(async {
        let aws = quick_aws().await;
        let stale =
            aws.creation("stale").send().await.expect("created").revision_id.expect("it has a revision");
        let stale_code = aws.code_update("stale").zip_file(archive(ONE)).revision_id(&stale).send().await;
        let stale_configuration =
            aws.configuration_update("stale").timeout(9).revision_id(&stale).send().await;
        let stale_version =
            aws.lambda.publish_version().function_name("stale").revision_id(&stale).send().await;
        let expected = (412, "PreconditionFailedException".to_owned());
        assert_eq!(
            [code(stale_code), code(stale_configuration), code(stale_version)],
            [(); 3].map(|()| expected.clone())
        );
    });
}

#[test]
fn each_account_has_its_own_pace() {
    run(async {
        let (held, other) = (aws_with_pace(Pace::Held).await, aws().await);
        held.created("one").await;
        other.created("one").await;
        eventually("the other account's is active", async || other.stage("one").await == active()).await;
        assert_eq!(held.stage("one").await, pending());
    });
}
