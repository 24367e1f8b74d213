//! Refusals of EventBridge Scheduler that end without a change of the object.

use std::time::Duration;

use jiff::SignedDuration;
use lambda_triggers_core::ownership::{TAG_CLUSTER, TAG_OWNER};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::counts::{SCHEDULE, apply, calls, schedule};
use crate::sim::aws::SCHEDULER_ROLE;
use crate::sim::fault_injector::{Call, CallFault, Refusal};
use crate::sim::kube::Resource;
use crate::sim::run::{Sim, owner, simulate};
use crate::sim::workflows::{self, NAMESPACE};

/// The reconciles that a fixed refusal takes at most to heal.
const HEALED: Duration = Duration::from_secs(11 * 60);

/// Status, reason and message of the condition `Ready`, and the types of the other true conditions of kstatus.
fn ready(sim: &Sim) -> (String, String, Vec<String>) {
    let object = sim.cluster.get(SCHEDULE, NAMESPACE, "s").unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|condition| condition["type"] == "Ready").cloned().unwrap_or_default();
    let abnormal = conditions.iter().filter(|condition| {
        condition["status"] == "True"
            && (condition["type"] == "Stalled" || condition["type"] == "Reconciling")
    });
    (
        text(&found["status"]),
        text(&found["reason"]),
        abnormal.map(|condition| text(&condition["type"])).collect(),
    )
}

fn is(status: &str, reason: &str, abnormal: &[&str]) -> (String, String, Vec<String>) {
    (status.into(), reason.into(), abnormal.iter().map(|kind| (*kind).to_owned()).collect())
}

/// An object with a schedule every five minutes.
fn object(changes: Value) -> Value {
    let mut object = schedule("s", "report");
    object["spec"]["schedule"] = json!("*/5 * * * *");
    object["spec"]["backend"] = json!("Scheduler");
    for (field, value) in changes.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    object
}

fn run(test: impl AsyncFnOnce(&Sim)) {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            let operator = sim.start();
            sleep(Duration::from_secs(1)).await;
            test(&sim).await;
            operator.kill();
        },
    );
}

#[test]
fn a_refused_role_is_stalled_after_two_minutes_and_heals_by_itself() {
    run(async |sim| {
        sim.aws.set_scheduler_role_ready(SCHEDULER_ROLE, false);
        apply(sim, &object(json!({})));
        sleep(Duration::from_secs(60)).await;
        assert_eq!(ready(sim), is("False", "SchedulerRoleRefused", &["Reconciling"]));
        sleep(Duration::from_secs(90)).await;
        assert_eq!(ready(sim), is("False", "SchedulerRoleRefused", &["Stalled"]));
        let changes = sim.cluster.journal().len();
        sleep(HEALED).await;
        // Further attempts do not change the status.
        let statuses = sim.cluster.journal_from(changes).into_iter();
        let statuses = statuses.filter(|change| change.key.resource == Resource::ScheduledFunctions);
        assert_eq!(statuses.map(|change| change.object).collect::<Vec<_>>(), Vec::<Value>::new());
        sim.aws.set_scheduler_role_ready(SCHEDULER_ROLE, true);
        sleep(HEALED).await;
        assert_eq!(ready(sim), is("True", "Applied", &[]));
    });
}

#[test]
fn a_full_region_is_reported_and_heals_by_itself() {
    run(async |sim| {
        sim.aws.set_scheduler(|settings| settings.max_schedules = 0);
        apply(sim, &object(json!({})));
        sleep(Duration::from_secs(150)).await;
        assert_eq!(ready(sim), is("False", "QuotaExceeded", &["Stalled"]));
        sim.aws.set_scheduler(|settings| settings.max_schedules = 100);
        sleep(HEALED).await;
        assert_eq!(ready(sim), is("True", "Applied", &[]));
    });
}

#[test]
fn conflicts_after_a_creation_end_with_the_last_spec() {
    run(async |sim| {
        sim.aws.set_scheduler(|settings| settings.conflict_after_create = SignedDuration::from_secs(30));
        apply(sim, &object(json!({})));
        sleep(Duration::from_secs(5)).await;
        apply(sim, &object(json!({"input": {"n": 1}})));
        sleep(Duration::from_secs(120)).await;
        assert_eq!(ready(sim), is("True", "Applied", &[]));
        let schedules = sim.aws.snapshot().schedules;
        assert!(
            schedules.values().any(|schedule| schedule["Target"]["Input"] == r#"{"n":1}"#),
            "{schedules:?}"
        );
        sim.cluster.delete(SCHEDULE, NAMESPACE, "s").unwrap();
        sleep(Duration::from_secs(120)).await;
        apply(sim, &object(json!({})));
        sleep(Duration::from_secs(5)).await;
        sim.cluster.delete(SCHEDULE, NAMESPACE, "s").unwrap();
        sleep(Duration::from_secs(120)).await;
        assert_eq!(sim.cluster.get(SCHEDULE, NAMESPACE, "s"), None);
        let own = format!(":schedule/{}/", owner().group_name());
        assert!(!sim.aws.snapshot().schedules.keys().any(|arn| arn.contains(&own)));
    });
}

#[test]
fn a_group_of_another_owner_is_not_touched_until_its_tag_is_set() {
    run(async |sim| {
        let tags = |value: &str| json!([{"Key": TAG_OWNER, "Value": value}]);
        let group = json!({"Name": owner().group_name(), "Tags": tags("ffffffff")});
        sim.aws.write_scheduler("scheduler:CreateScheduleGroup", &group).unwrap();
        apply(sim, &object(json!({})));
        sleep(Duration::from_secs(150)).await;
        assert_eq!(ready(sim), is("False", "ConflictingGroup", &["Stalled"]));
        let writes = ["CreateSchedule", "CreateScheduleGroup", "TagResource"];
        let writes = writes.map(|write| calls(sim, 0).contains_key(&format!("scheduler:{write}")));
        assert_eq!(writes, [false; 3]);
        let found = |sim: &Sim| {
            let mut groups = sim.aws.snapshot().schedule_groups.into_iter();
            groups.find(|(arn, _)| arn.ends_with(&owner().group_name())).unwrap()
        };
        let tag = json!({"ResourceArn": found(sim).0, "Tags": tags(&owner().to_string())});
        sim.aws.write_scheduler("scheduler:TagResource", &tag).unwrap();
        sleep(HEALED).await;
        assert_eq!(ready(sim), is("True", "Applied", &[]));
        assert_eq!(found(sim).1.into_keys().collect::<Vec<_>>(), [TAG_CLUSTER, TAG_OWNER]);
    });
}

#[test]
fn a_false_not_found_of_the_group_leaves_no_schedule() {
    let mut refused = false;
    let refuses_once = move |call: &Call| {
        let is_first = !refused && call.life == 1 && call.operation == "scheduler:ListTagsForResource";
        refused |= is_first;
        if is_first { CallFault::Refuse(Refusal::NotFound) } else { CallFault::Pass }
    };
    simulate(1, refuses_once, async |sim| {
        workflows::prepare(&sim);
        let operator = sim.start();
        apply(&sim, &object(json!({})));
        sleep(Duration::from_secs(10)).await;
        operator.kill();
        // A new operator has no proof of the group.
        let operator = sim.start();
        sleep(Duration::from_secs(60)).await;
        sim.cluster.delete(SCHEDULE, NAMESPACE, "s").unwrap();
        sleep(Duration::from_secs(60)).await;
        assert_eq!(sim.cluster.get(SCHEDULE, NAMESPACE, "s"), None);
        assert_eq!(calls(&sim, 0).get("scheduler:ListTagsForResource"), Some(&4));
        let own = format!(":schedule/{}/", owner().group_name());
        assert!(!sim.aws.snapshot().schedules.keys().any(|arn| arn.contains(&own)));
        operator.kill();
    });
}
