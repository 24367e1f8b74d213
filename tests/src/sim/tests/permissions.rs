//! Calls on policies and rules of which one half is done: named cases, each as without the fault in the end.

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

/// Goes through a workflow of which the first call of an operation meets a fault.
#[track_caller]
fn ends_well(workflow: &str, operation: &'static str, fault: CallFault) {
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
fn a_lost_answer_to_add_permission() {
    ends_well(S3, "lambda:AddPermission", CallFault::LostAnswer);
    ends_well(SCHEDULE, "lambda:AddPermission", CallFault::LostAnswer);
}

#[test]
fn a_lost_answer_to_remove_permission() {
    ends_well(S3, "lambda:RemovePermission", CallFault::LostAnswer);
    ends_well(SCHEDULE, "lambda:RemovePermission", CallFault::LostAnswer);
}

#[test]
fn another_writer_comes_between() {
    ends_well(S3, "lambda:AddPermission", CallFault::Refuse(Refusal::Precondition));
    ends_well(S3, "lambda:RemovePermission", CallFault::Refuse(Refusal::Precondition));
}

#[test]
fn a_target_is_refused_after_its_rule_was_made() {
    ends_well(SCHEDULE, "events:PutTargets", CallFault::Refuse(Refusal::Server));
    ends_well(SCHEDULE, "events:PutTargets", CallFault::Refuse(Refusal::Conflict));
}

#[test]
fn a_target_gets_no_answer_after_its_rule_was_made() {
    ends_well(SCHEDULE, "events:PutTargets", CallFault::Timeout);
    ends_well(SCHEDULE, "events:PutTargets", CallFault::LostAnswer);
}

#[test]
fn the_removal_of_targets_is_refused() {
    ends_well(SCHEDULE, "events:RemoveTargets", CallFault::Refuse(Refusal::Server));
    ends_well(SCHEDULE, "events:RemoveTargets", CallFault::Refuse(Refusal::Forbidden));
}

#[test]
fn a_crash_between_the_removal_of_targets_and_of_their_rule() {
    ends_well(SCHEDULE, "events:RemoveTargets", CallFault::Crash(CrashPoint::Answered));
    ends_well(SCHEDULE, "events:DeleteRule", CallFault::Crash(CrashPoint::Before));
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
fn a_statement_that_another_tool_removes_again_and_again() {
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
                panic!("it begins otherwise")
            };
            let started = sim.cluster.apply(&create[0]);
            started.unwrap_or_else(|refused| panic!("{refused:?}"));
            sleep(Duration::from_secs(60)).await;
            let [status, reason, message] = ready(&sim);
            assert_eq!((status.as_str(), reason.as_str()), ("False", "AwsUnavailable"));
            assert!(message.contains("another tool may be removing it"), "{message}");

            remover.abort();
            sim.settle().await;
            assert_eq!(ready(&sim)[0], "True");
            operator.kill();
        },
    );
}
