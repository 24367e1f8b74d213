//! Roles, lost answers and leftovers of schedules of EventBridge Scheduler.

use std::collections::BTreeMap;

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env;

use super::scheduler_view::{plain_schedule, schedule_of, schedules, start, with_scheduler};
use super::view::{KIND, rule_name};
use crate::objects::{NO_RESYNC, OWNER, condition, event, failed, wait_for_conditions, wait_for_events};

/// The attempts of the SDK for one call.
const SDK_ATTEMPTS: usize = 3;

#[test]
fn without_a_role_nothing_is_called() {
    env::test("scheduler-no-role", async |env| {
        env.function("report").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&with_scheduler("report", "schedule: 0 18 * * *")).await;
        let message = "this operator has no role for EventBridge Scheduler: set --scheduler-role-arn, or use a \
                       schedule that a rule can run";
        let expected = failed("Stalled", "SchedulerRoleMissing", message, &[], "ScheduleReady");
        wait_for_conditions(&env, KIND, "report", &expected).await;
        env.delete(KIND, "report").await;
        env.until_gone(KIND, "report").await;
        let calls = env.aws_proxy().calls(env.account());
        assert!(calls.iter().all(|call| !call.operation.contains("Schedule")), "{calls:?}");
    });
}

#[test]
fn a_refused_role_is_reported_with_its_trust_policy_and_recovers() {
    env::test("scheduler-role-refused", async |env| {
        env.function("report").await;
        let role = format!("arn:aws:iam::{}:role/schedules", env.account());
        let _controller = env.controller(&["--owner-id", OWNER, "--scheduler-role-arn", &role]);
        env.apply(&with_scheduler("report", "schedule: 0 18 * * *")).await;
        let account = env.account();
        let message = format!(
            "EventBridge Scheduler may not assume the role {role}: make sure that the role exists, and that its trust \
             policy permits scheduler.amazonaws.com to call sts:AssumeRole with the condition aws:SourceAccount = \
             {account} and aws:SourceArn = arn:aws:scheduler:*:{account}:schedule-group/lt-{OWNER}, with ArnLike. A \
             new role needs up to two minutes"
        );
        let expected = failed("Stalled", "SchedulerRoleRefused", &message, &[], "ScheduleReady");
        wait_for_conditions(&env, KIND, "report", &expected).await;
        env.scheduler_role(&crate::objects::owner()).await;
        env.until_ready(KIND, "report").await;
    });
}

#[test]
fn a_write_without_an_answer_makes_one_schedule() {
    env::test("scheduler-lost", async |env| {
        let function = env.function("report").await;
        let (role, _controller) = start(&env, &NO_RESYNC).await;
        let lost = |write: &str| Fault::on(write, FaultKind::LostAnswer).times(SDK_ATTEMPTS);
        for write in ["CreateScheduleGroup", "CreateSchedule", "DeleteSchedule"] {
            env.aws_proxy().inject(env.account(), lost(write));
        }
        env.apply(&with_scheduler("report", "schedule: 0 18 * * *")).await;
        env.until_ready(KIND, "report").await;
        let plain = plain_schedule(&env, "report", &function, &role);
        assert_eq!(schedules(&env).await, BTreeMap::from([(rule_name(&env, "report"), plain)]));
        env.delete(KIND, "report").await;
        env.until_gone(KIND, "report").await;
        assert_eq!(schedules(&env).await, BTreeMap::new());
        assert_eq!(env.aws_proxy().pending_faults(env.account()), 0);
    });
}

#[test]
fn a_retained_schedule_is_adopted_by_the_next_object() {
    env::test("scheduler-retained", async |env| {
        let function = env.function("report").await;
        let (role, _controller) = start(&env, &NO_RESYNC).await;
        env.apply(&with_scheduler("report", "schedule: 0 18 * * *\ndeletionPolicy: Retain")).await;
        env.until_ready(KIND, "report").await;
        env.delete(KIND, "report").await;
        env.until_gone(KIND, "report").await;
        let mut expected = plain_schedule(&env, "report", &function, &role);
        let name = rule_name(&env, "report");
        assert_eq!(schedules(&env).await, BTreeMap::from([(name.clone(), expected.clone())]));
        env.apply(&with_scheduler("report", "schedule: 0 18 * * *\nsuspend: true")).await;
        env.until_ready(KIND, "report").await;
        expected["state"] = "DISABLED".into();
        assert_eq!(schedules(&env).await, BTreeMap::from([(name, expected)]));
        let schedule = schedule_of(&env, "report");
        let events = [
            event("Normal", "ScheduleCreated", format!("created the schedule {schedule}")),
            event("Normal", "ScheduleUpdated", format!("updated the schedule {schedule}: state")),
        ];
        wait_for_events(&env, "report", &events).await;
        let suspended =
            condition("Ready", "True", "Suspended", "suspended: the schedule is in place and disabled");
        let part = |name| condition(name, "True", "Applied", "");
        let expected = [suspended, part("FunctionReady"), part("ScheduleReady")];
        wait_for_conditions(&env, KIND, "report", &expected).await;
    });
}
