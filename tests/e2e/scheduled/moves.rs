//! Moves of an object between a rule and a schedule of EventBridge Scheduler.

use std::collections::BTreeMap;

use lambda_triggers_tests::env;

use super::scheduler_view::{plain_schedule, schedule_of, schedules, start, with_scheduler};
use super::view::{KIND, STATEMENT, rule_name, rules};
use crate::objects::{NO_RESYNC, event, wait_for_events};
use crate::support::{AwsView, scheduled};

const NOTHING: [&str; 0] = [];

#[test]
fn an_object_moves_to_scheduler_and_back() {
    env::test("moves", async |env| {
        let function = env.function("report").await;
        let (role, _controller) = start(&env, &NO_RESYNC).await;
        // No run is near at any time of the test: the last run of the year 2035 is years away.
        let spec = "schedule: cron(0 18 1 1 ? 2035)";
        let rule = rule_name(&env, "report");
        env.apply(&scheduled("report", "report", spec)).await;
        env.until_ready(KIND, "report").await;
        assert_eq!(rules(&env).await.into_keys().collect::<Vec<_>>(), std::slice::from_ref(&rule));
        assert_eq!(env.statements("report", None).await, [STATEMENT]);

        env.apply(&with_scheduler("report", spec)).await;
        env.until_ready(KIND, "report").await;
        let mut moved = plain_schedule(&env, "report", &function, &role);
        moved["expression"] = "cron(0 18 1 1 ? 2035)".into();
        assert_eq!(schedules(&env).await, BTreeMap::from([(rule.clone(), moved)]));
        assert_eq!(rules(&env).await, BTreeMap::new());
        assert_eq!(env.statements("report", None).await, NOTHING);

        env.apply(&scheduled("report", "report", &format!("backend: Rule\n{spec}"))).await;
        env.until_ready(KIND, "report").await;
        assert_eq!(schedules(&env).await, BTreeMap::new());
        assert_eq!(rules(&env).await.into_keys().collect::<Vec<_>>(), std::slice::from_ref(&rule));
        assert_eq!(env.statements("report", None).await, [STATEMENT]);
        let schedule = schedule_of(&env, "report");
        let normal = |reason: &str, note: String| event("Normal", reason, note);
        let events = [
            normal("RuleCreated", format!("created the rule {rule}")),
            normal("ScheduleCreated", format!("created the schedule {schedule}")),
            normal("RuleDeleted", format!("deleted the rule {rule}")),
            normal("ScheduleMoved", format!("moved from the rule {rule} to the schedule {schedule}")),
            normal("ScheduleDeleted", format!("deleted the schedule {schedule}")),
            normal("ScheduleMoved", format!("moved from the schedule {schedule} to the rule {rule}")),
        ];
        wait_for_events(&env, "report", &events).await;
    });
}

#[test]
fn a_restored_object_removes_what_its_name_has_at_the_other_backend() {
    env::test("moves-restored", async |env| {
        env.function("report").await;
        let (_role, _controller) = start(&env, &NO_RESYNC).await;
        let spec = "schedule: cron(0 18 1 1 ? 2035)\ndeletionPolicy: Retain";
        let manifest = |backend: &str| scheduled("report", "report", &format!("backend: {backend}\n{spec}"));
        for backend in ["Rule", "Scheduler", "Rule"] {
            env.apply(&manifest(backend)).await;
            env.until_ready(KIND, "report").await;
            let rules: Vec<String> = rules(&env).await.into_keys().collect();
            let schedules: Vec<String> = schedules(&env).await.into_keys().collect();
            let one = vec![rule_name(&env, "report")];
            let expected = if backend == "Rule" { (one, vec![]) } else { (vec![], one) };
            assert_eq!((rules, schedules), expected, "{backend}");
            env.delete(KIND, "report").await;
            env.until_gone(KIND, "report").await;
        }
    });
}
