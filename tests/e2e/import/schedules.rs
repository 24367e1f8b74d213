//! Rules and schedules move by the steps of the report.

use aws_sdk_eventbridge::types::{RuleState, Target};
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target as ScheduleTarget};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::import;
use crate::objects::{NO_RESYNC, owner};
use crate::scheduled::view::{KIND, rule_name, rules};

/// A value that no report may contain.
const CANARY: &str = "hunter2";

/// Creates a rule as another tool would, with an input.
async fn put_rule(env: &TestEnv, name: &str, expression: &str, function: &str, enabled: bool) {
    let state = if enabled { RuleState::Enabled } else { RuleState::Disabled };
    let events = env.events();
    let rule = events.put_rule().name(name).schedule_expression(expression).state(state);
    rule.description("by hand").send().await.unwrap();
    let input = json!({"token": CANARY, "on": "no"}).to_string();
    let target = Target::builder().id("1").arn(function).input(input).build().unwrap();
    events.put_targets().rule(name).targets(target).send().await.unwrap();
}

/// The spec of each manifest, by name.
fn specs(manifests: &str) -> Vec<(String, Value)> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(manifests).unwrap();
    let named =
        |object: Value| (object["metadata"]["name"].as_str().unwrap().to_owned(), object["spec"].clone());
    objects.into_iter().map(named).collect()
}

#[test]
fn rules_move_by_the_steps_of_the_report() {
    env::test("import-rules", async |env| {
        let function = env.function("report").await;
        let other = env.function("other").await;
        let cron = "cron(0 18 ? * MON-FRI *)";
        put_rule(&env, "Nightly", cron, &function, true).await;
        put_rule(&env, "off", "rate(1 day)", &function, false).await;
        put_rule(&env, "others", "rate(1 day)", &other, true).await;
        let pattern = env.events().put_rule().name("pattern");
        pattern.event_pattern(r#"{"source":["aws.s3"]}"#).send().await.unwrap();

        let imported = import(&env, &["rules", "--function", "report"]).await.complete();
        assert!(!imported.report.contains(CANARY), "{}", imported.report);
        let spec = |expression: &str| {
            json!({
                "function": {"name": "report"}, "schedule": expression, "input": {"token": CANARY, "on": "no"},
                "description": "by hand", "suspend": true, "deletionPolicy": "Retain",
            })
        };
        let expected = [("nightly", cron), ("off", "rate(1 day)")];
        assert_eq!(
            specs(&imported.manifests),
            expected.map(|(name, expression)| (name.to_owned(), spec(expression)))
        );
        for line in [
            "     rule Nightly (cron(0 18 ? * MON-FRI *)), target report",
            "   rule off is disabled, so off stays suspended",
            "     aws events disable-rule --name Nightly --region eu-west-1",
        ] {
            assert!(imported.report.lines().any(|found| found == line), "{line}\n{}", imported.report);
        }

        let _controller = env.controller(&NO_RESYNC);
        let file = env.directory().join("manifests.yaml");
        std::fs::write(&file, &imported.manifests).unwrap();
        let folder = format!("cd '{}'\n", env.directory().display());
        let [apply, wait, change_over @ ..] = &imported.commands()[..] else { panic!("{}", imported.report) };
        env.shell(&format!("{folder}{apply}\n{wait}")).await.expect(apply);
        env.until_ready(KIND, "nightly").await;
        env.until_ready(KIND, "off").await;
        let (new, old) = (rule_name(&env, "nightly"), "Nightly".to_owned());
        let enabled = async |env: &TestEnv| {
            let rules = rules(env).await;
            [&new, &old].map(|name| rules[name].enabled)
        };
        assert_eq!(enabled(&env).await, [false, true]);

        let edit = "     remove spec.suspend of ScheduledFunction nightly from manifests.yaml";
        assert!(imported.report.lines().any(|line| line == edit), "{}", imported.report);
        std::fs::write(&file, imported.manifests.replacen("  suspend: true\n", "", 1)).unwrap();
        env.shell(&format!("{folder}{}", change_over.join("\n"))).await.expect("the change-over");
        env.events().disable_rule().name("Nightly").send().await.unwrap();
        assert_eq!(enabled(&env).await, [true, false]);
        let rules = rules(&env).await;
        assert_eq!(
            (&rules[&new].expression, &rules[&new].targets[0].input),
            (&rules[&old].expression, &rules[&old].targets[0].input)
        );

        // A second import leaves the operator's rules out.
        let again = import(&env, &["rules", "--prefix", "lt-"]).await.complete();
        assert_eq!(again.manifests, "");
        let stays = format!("an operator with the owner id {} has it", owner());
        assert_eq!(again.report.lines().filter(|line| line.ends_with(&stays)).count(), 2, "{}", again.report);
    });
}

#[test]
fn all_rules_have_a_line_in_the_report() {
    env::test("import-all-rules", async |env| {
        let function = env.function("report").await;
        put_rule(&env, "weekly", "rate(7 days)", &function, true).await;
        let pattern = env.events().put_rule().name("pattern");
        pattern.event_pattern(r#"{"source":["aws.s3"]}"#).send().await.unwrap();
        env.events().put_rule().name("idle").schedule_expression("rate(1 day)").send().await.unwrap();
        put_rule(&env, "gone", "rate(1 day)", &function.replace("report", "gone"), true).await;
        let imported = import(&env, &["rules"]).await.complete();
        let gone = function.replace("report", "gone");
        let expected = format!(
            "rules, eu-west-1\n  \
             !  rule gone (rate(1 day))\n     not imported: its target \"1\" does not exist: {gone}\n  \
             !  rule idle (rate(1 day))\n     not imported: it has no target, so it runs nothing\n  \
             =  rule pattern\n     stays: it has an event pattern and no schedule\n  \
             -> ScheduledFunction {}/weekly\n     rule weekly (rate(7 days)), target report\n\n",
            env.namespace()
        );
        assert!(imported.report.starts_with(&expected), "{}\n{expected}", imported.report);
    });
}

#[test]
fn schedules_of_eventbridge_scheduler_are_imported() {
    env::test("import-schedules", async |env| {
        let function = env.function("report").await;
        let (own_role, role) = (env.scheduler_role(&owner()).await, env.foreign_scheduler_role().await);
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Flexible);
        let window = window.maximum_window_in_minutes(15).build().unwrap();
        let input = json!({"token": CANARY, "limit": null}).to_string();
        let target = ScheduleTarget::builder().arn(&function).role_arn(&role).input(&input).build().unwrap();
        let schedule = env.scheduler().create_schedule().name("nightly").flexible_time_window(window);
        let schedule = schedule.schedule_expression("cron(0 18 ? * MON-FRI *)").target(target);
        schedule.schedule_expression_timezone("Europe/Berlin").send().await.unwrap();

        let imported = import(&env, &["schedules"]).await.complete();
        assert!(!imported.report.contains(CANARY), "{}", imported.report);
        let spec = json!({
            "function": {"name": "report"}, "schedule": "cron(0 18 ? * MON-FRI *)", "timeZone": "Europe/Berlin",
            "flexibleTimeWindowMinutes": 15, "inputJson": input, "suspend": true, "deletionPolicy": "Retain",
        });
        assert_eq!(specs(&imported.manifests), [("nightly".to_owned(), spec)]);
        let stop =
            "     aws scheduler delete-schedule --group-name default --name nightly --region eu-west-1";
        assert!(imported.report.lines().any(|line| line == stop), "{}", imported.report);

        let _controller = env.controller(&[&NO_RESYNC[..], &["--scheduler-role-arn", &own_role]].concat());
        env.apply(&imported.manifests).await;
        env.until_ready(KIND, "nightly").await;
        let group = format!("lt-{}", owner());
        let new = env.scheduler().get_schedule().name(rule_name(&env, "nightly")).group_name(group);
        let new = new.send().await.unwrap();
        let old = env.scheduler().get_schedule().name("nightly").send().await.unwrap();
        assert_eq!(new.state().unwrap().as_str(), "DISABLED");
        assert_eq!(new.schedule_expression(), old.schedule_expression());
        assert_eq!(new.schedule_expression_timezone(), old.schedule_expression_timezone());
        assert_eq!(new.flexible_time_window(), old.flexible_time_window());
        assert_eq!(new.target().unwrap().input(), old.target().unwrap().input());
    });
}
