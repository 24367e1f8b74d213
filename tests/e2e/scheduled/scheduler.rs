//! The life of a schedule of EventBridge Scheduler: created, changed, completed, repaired and deleted.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lambda_triggers_tests::env;
use serde_json::{Value, json};

use super::scheduler_view::{
    SCHEDULE_IN_PLACE, disable, group, plain_schedule, schedule_in_place, schedule_of, schedules, start,
    wait_for_schedules, with_scheduler,
};
use super::view::{KIND, functions, rule_name, rules};
use crate::objects::{
    NO_RESYNC, RESYNC_1S, assert_no_writes_at_rest, conditions, event, events_of, wait_for_conditions,
    wait_for_events,
};
use crate::support::{AwsView, LIMIT, scheduled};

fn second(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().as_second()
}

#[test]
fn a_schedule_is_created_changed_and_deleted() {
    env::test("scheduler", async |env| {
        let function = env.function("report").await;
        let queue = env.queue("lost").await;
        let (role, _controller) = start(&env, &NO_RESYNC).await;
        let spec = format!(
            "schedule: 0 18 * * MON-FRI\ntimeZone: Europe/Berlin\nstartDate: 2031-01-01T00:00:00Z\n\
             endDate: 2031-12-31T23:59:59Z\nflexibleTimeWindowMinutes: 15\ndescription: reports\ninput: {{a: 1}}\n\
             retryPolicy: {{maximumRetryAttempts: 3}}\ndeadLetterQueueArn: {queue}"
        );
        env.apply(&scheduled("report", "report", &spec)).await;
        let object = env.until_ready(KIND, "report").await;
        let (name, account) = (rule_name(&env, "report"), env.account());
        let status = &object["status"];
        assert_eq!(status["backend"], "Scheduler");
        assert_eq!(
            status["scheduleDescription"],
            "At 18:00 Europe/Berlin, on Monday to Friday, from 1 January 2031 at 01:00 to 1 January 2032 at 00:59, \
             within 15 minutes."
        );
        let recorded = json!({"region": "eu-west-1", "group": group(), "name": name});
        assert_eq!(status["applied"], json!({"account": account, "schedules": [recorded]}));
        let message = format!("{SCHEDULE_IN_PLACE}; it starts on 2031-01-01 at 00:00 UTC");
        assert_eq!(conditions(&env, KIND, "report").await, schedule_in_place("Applied", &message));

        let mut expected = plain_schedule(&env, "report", &function, &role);
        let changes = json!({
            "expression": "cron(0 18 ? * MON-FRI *)", "zone": "Europe/Berlin", "window": 15, "after": "DELETE",
            "start": second("2031-01-01T00:00:00Z"), "end": second("2031-12-31T23:59:59Z"),
            "description": "reports", "input": {"a": 1}, "retry": [3, 86_400], "queue": queue,
        });
        expected.as_object_mut().unwrap().extend(changes.as_object().cloned().unwrap());
        assert_eq!(schedules(&env).await, BTreeMap::from([(name.clone(), expected)]));
        assert_eq!(rules(&env).await, BTreeMap::new());
        assert_eq!(env.statements("report", None).await, Vec::<String>::new());
        let tags = env.scheduler().list_tags_for_resource();
        let arn = format!("arn:aws:scheduler:eu-west-1:{account}:schedule-group/{}", group());
        let tags = tags.resource_arn(arn).send().await.unwrap();
        let owner = tags.tags().iter().find(|tag| tag.key() == "lambda-triggers.dev/owner");
        assert_eq!(owner.map(|tag| tag.value()), Some("0a1b2c3d"));

        env.aws_proxy().clear_calls(account);
        env.apply(&with_scheduler("report", "schedule: 0 18 * * *")).await;
        env.until_ready(KIND, "report").await;
        let plain = plain_schedule(&env, "report", &function, &role);
        assert_eq!(schedules(&env).await, BTreeMap::from([(name, plain)]));
        let changed = "expression, time zone, start date, end date, flexible time window, action after completion, \
                       description, input, retry policy, dead-letter queue";
        let schedule = schedule_of(&env, "report");
        let events = [
            event("Normal", "ScheduleCreated", format!("created the schedule {schedule}")),
            event("Normal", "ScheduleUpdated", format!("updated the schedule {schedule}: {changed}")),
        ];
        wait_for_events(&env, "report", &events).await;

        env.delete(KIND, "report").await;
        env.until_gone(KIND, "report").await;
        assert_eq!(schedules(&env).await, BTreeMap::new());
        let writes = env.aws_writes().into_iter().map(|call| call.operation);
        assert_eq!(writes.collect::<Vec<_>>(), ["UpdateSchedule", "DeleteSchedule"]);
    });
}

#[test]
fn the_default_backend_applies_to_specs_that_name_none() {
    env::test("scheduler-default", async |env| {
        let function = env.function("report").await;
        let flags = [&NO_RESYNC[..], &["--default-backend", "Scheduler"]].concat();
        let (role, _controller) = start(&env, &flags).await;
        env.function("ruled").await;
        let ruled = scheduled("ruled", "ruled", "schedule: 0 18 * * *\nbackend: Rule");
        env.apply(&[scheduled("report", "report", "schedule: 0 18 * * *"), ruled].join("---\n")).await;
        for name in ["report", "ruled"] {
            env.until_ready(KIND, name).await;
        }
        let plain = plain_schedule(&env, "report", &function, &role);
        assert_eq!(schedules(&env).await, BTreeMap::from([(rule_name(&env, "report"), plain)]));
        assert_eq!(rules(&env).await.into_keys().collect::<Vec<_>>(), [rule_name(&env, "ruled")]);
    });
}

#[test]
fn kubectl_shows_zone_and_backend() {
    env::test("scheduler-columns", async |env| {
        env.function("report").await;
        let (_role, _controller) = start(&env, &NO_RESYNC).await;
        env.apply(&scheduled("report", "report", "schedule: 0 18 * * *\ntimeZone: Europe/Berlin")).await;
        env.until_ready(KIND, "report").await;
        let table = env.kubectl(&["get", "schedfn", "-o", "wide"], "").await.expect("kubectl get");
        let (header, row) = table.trim_end().split_once('\n').unwrap();
        for (column, value) in [
            ("TIMEZONE", "Europe/Berlin"),
            ("BACKEND", "Scheduler"),
            ("WHEN", "At 18:00 Europe/Berlin."),
            ("SCHEDULE", "cron(0 18 * * ? *)"),
        ] {
            let at = header.find(column).unwrap_or_else(|| panic!("{column} in {header}"));
            assert!(row[at..].starts_with(value), "{column} in {table}");
        }
    });
}

#[test]
fn a_one_time_run_is_completed_and_runs_once() {
    env::test("scheduler-once", async |env| {
        let function = env.function("report").await;
        let (_role, _controller) = start(&env, &NO_RESYNC).await;
        let due = (Timestamp::now() + SignedDuration::from_secs(8)).strftime("%FT%T").to_string();
        env.apply(&scheduled("report", "report", &format!("schedule: at({due})\ninput: {{a: 1}}"))).await;
        env.until_ready(KIND, "report").await;
        let minute = due[..16].replace('T', " at ");
        let message = format!("the run was due on {minute} UTC");
        wait_for_conditions(&env, KIND, "report", &schedule_in_place("Completed", &message)).await;
        let runs = async || {
            let runs = env.aws_proxy().runs(env.account());
            (!runs.is_empty())
                .then(|| runs.into_iter().map(|run| (run.target, run.payload)).collect::<Vec<_>>())
        };
        let ran = env.until(LIMIT, "the run", runs).await;
        assert_eq!(ran, [(function, r#"{"a":1}"#.to_owned())]);
        wait_for_schedules(&env, &BTreeMap::new()).await;
        let events = [
            event(
                "Normal",
                "ScheduleCreated",
                format!("created the schedule {}", schedule_of(&env, "report")),
            ),
            event("Normal", "Completed", message),
        ];
        assert_eq!(events_of(&env, "report").await, events);
        env.delete(KIND, "report").await;
        env.until_gone(KIND, "report").await;
    });
}

#[test]
fn a_time_in_the_past_is_never_created() {
    env::test("scheduler-past", async |env| {
        env.function("report").await;
        let (_role, _controller) = start(&env, &NO_RESYNC).await;
        env.aws_proxy().clear_calls(env.account());
        env.apply(&scheduled("report", "report", "schedule: at(2025-12-24T18:00:00)")).await;
        let message =
            "the run on 2025-12-24 at 18:00 UTC was over when this resource was made; it did not run";
        wait_for_conditions(&env, KIND, "report", &schedule_in_place("Completed", message)).await;
        assert_eq!(env.aws_writes(), []);
        env.delete(KIND, "report").await;
        env.until_gone(KIND, "report").await;
        assert_eq!(env.aws_writes(), []);
    });
}

#[test]
fn drift_of_schedules_is_repaired() {
    env::test("scheduler-drift", async |env| {
        let names = ["disabled", "deleted"];
        functions(&env, &names).await;
        let (role, _controller) = start(&env, &RESYNC_1S).await;
        let manifests = names.map(|name| with_scheduler(name, "schedule: 0 18 * * *"));
        env.apply(&manifests.join("---\n")).await;
        let mut expected: BTreeMap<String, Value> = BTreeMap::new();
        for name in names {
            let function = env.until_ready(KIND, name).await["status"]["functionArn"].clone();
            let schedule = plain_schedule(&env, name, function.as_str().unwrap(), &role);
            expected.insert(rule_name(&env, name), schedule);
        }
        wait_for_schedules(&env, &expected).await;
        disable(&env, "disabled").await;
        let delete = env.scheduler().delete_schedule().group_name(group()).name(rule_name(&env, "deleted"));
        delete.send().await.unwrap();
        wait_for_schedules(&env, &expected).await;
        for (name, note) in [
            (
                "disabled",
                format!("reverted a change of the schedule {}: state", schedule_of(&env, "disabled")),
            ),
            ("deleted", format!("restored the schedule {}, which was deleted", schedule_of(&env, "deleted"))),
        ] {
            let created = format!("created the schedule {}", schedule_of(&env, name));
            let events =
                [event("Normal", "ScheduleCreated", created), event("Warning", "DriftRepaired", note)];
            wait_for_events(&env, name, &events).await;
        }
        assert_no_writes_at_rest(&env, KIND, &names).await;
    });
}
