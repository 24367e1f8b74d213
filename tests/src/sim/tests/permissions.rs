//! Half-finished writes of policies and rules. Each case must end as without the fault.

use std::time::Duration;

use lambda_triggers_core::ownership::bucket_statement_id;
use serde_json::Value;
use tokio::time::sleep;

use crate::sim::fault_injector::{Call, CallFault, CrashPoint, Refusal};
use crate::sim::oracles::judge;
use crate::sim::run::{Sim, owner, simulate};
use crate::sim::workflows::{self, NAMESPACE, Step};

const S3: &str = "s3: create and delete";
const SCHEDULE: &str = "schedule: create and delete";

/// Runs a workflow, in which the first call of an operation meets a fault. The end must be the same as without the
/// fault.
#[track_caller]
fn ends_like_faultless(workflow: &str, operation: &'static str, fault: CallFault) {
    let workflow = workflows::named(workflow);
    let faultless = workflow.run(1, |_: &Call| CallFault::Pass);
    let mut met = false;
    let run = workflow.run(1, move |call: &Call| {
        let meets = !met && call.operation == operation;
        met |= meets;
        if meets { fault } else { CallFault::Pass }
    });
    assert!(run.calls.iter().any(|call| call.operation == operation), "{operation} is not called");
    let findings: Vec<String> = judge(&faultless, &run).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn a_lost_answer_to_add_permission_is_repaired() {
    ends_like_faultless(S3, "lambda:AddPermission", CallFault::LostAnswer);
    ends_like_faultless(SCHEDULE, "lambda:AddPermission", CallFault::LostAnswer);
}

#[test]
fn a_lost_answer_to_remove_permission_is_repaired() {
    ends_like_faultless(S3, "lambda:RemovePermission", CallFault::LostAnswer);
    ends_like_faultless(SCHEDULE, "lambda:RemovePermission", CallFault::LostAnswer);
}

#[test]
fn a_failed_precondition_of_a_policy_write_is_retried() {
    ends_like_faultless(S3, "lambda:AddPermission", CallFault::Refuse(Refusal::Precondition));
    ends_like_faultless(S3, "lambda:RemovePermission", CallFault::Refuse(Refusal::Precondition));
}

#[test]
fn a_target_that_is_refused_after_rule_creation_is_retried() {
    ends_like_faultless(SCHEDULE, "events:PutTargets", CallFault::Refuse(Refusal::Server));
    ends_like_faultless(SCHEDULE, "events:PutTargets", CallFault::Refuse(Refusal::Conflict));
}

#[test]
fn a_target_without_an_answer_is_retried() {
    ends_like_faultless(SCHEDULE, "events:PutTargets", CallFault::Timeout);
    ends_like_faultless(SCHEDULE, "events:PutTargets", CallFault::LostAnswer);
}

#[test]
fn a_refused_removal_of_targets_is_retried() {
    ends_like_faultless(SCHEDULE, "events:RemoveTargets", CallFault::Refuse(Refusal::Server));
    ends_like_faultless(SCHEDULE, "events:RemoveTargets", CallFault::Refuse(Refusal::Forbidden));
}

#[test]
fn a_crash_between_target_and_rule_deletion_is_repaired() {
    ends_like_faultless(SCHEDULE, "events:RemoveTargets", CallFault::Crash(CrashPoint::Answered));
    ends_like_faultless(SCHEDULE, "events:DeleteRule", CallFault::Crash(CrashPoint::Before));
}

/// The condition `Ready` of the only S3 trigger.
fn ready(sim: &Sim) -> [String; 3] {
    let object = sim.cluster.get("S3TriggeredFunction", NAMESPACE, "thumbs").unwrap_or_default();
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default();
    ["status", "reason", "message"].map(|field| match &ready[field] {
        Value::String(text) => text.clone(),
        _ => String::new(),
    })
}

#[test]
fn a_contended_statement_is_reported_and_recovers() {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            let operator = sim.start();
            let aws = sim.aws.clone();
            let remover = tokio::spawn(async move {
                loop {
                    aws.remove_statement(&aws.function("resize"), &bucket_statement_id(&owner(), "photos"));
                    sleep(Duration::from_millis(5)).await;
                }
            });
            let [Step::Apply(create), ..] = &workflows::named(S3).steps[..] else {
                panic!("the first step creates the object")
            };
            let started = sim.cluster.apply(&create[0]);
            started.unwrap_or_else(|refused| panic!("{refused:?}"));
            sleep(Duration::from_secs(60)).await;
            let [status, reason, message] = ready(&sim);
            assert_eq!((status.as_str(), reason.as_str()), ("False", "DestinationRefused"));
            assert!(message.contains("resize"), "{message}");

            remover.abort();
            sim.settle().await;
            assert_eq!(ready(&sim)[0], "True");
            operator.kill();
        },
    );
}
