//! EventBridge rules: limits, schedule expressions, tags and removal.

use aws_sdk_eventbridge::types::{RuleState, Tag};

use super::{Aws, aws, code, functions::target, refusal, run};

fn invalid(message: &str) -> (u16, String, String) {
    (400, "ValidationException".to_owned(), message.to_owned())
}

fn missing(rule: &str) -> (u16, String, String) {
    (400, "ResourceNotFoundException".to_owned(), format!("Rule {rule} does not exist on EventBus default."))
}

#[test]
fn invalid_schedule_expressions_are_refused() {
    run(async {
        let aws = aws().await;
        let put =
            |expression: &str| aws.events.put_rule().name("grammar").schedule_expression(expression).send();
        let wrong = [
            "rate(1 hours)",
            "rate(1 minutes)",
            "rate(0 minutes)",
            "rate(5 hour)",
            "cron(60 * * * ? *)",
            "cron(0 10 * * * *)",
            "at(2030-01-01T00:00:00)",
        ];
        for expression in wrong {
            assert_eq!(
                refusal(put(expression).await),
                invalid("Parameter ScheduleExpression is not valid."),
                "{expression}"
            );
        }
        for expression in [
            "rate(1 hour)",
            "rate(5 minutes)",
            "cron(0 18 ? * MON-FRI *)",
            "cron(0 0 LW * ? *)",
            "cron(0 0 ? * 3#2 2030)",
        ] {
            put(expression).await.expect(expression);
        }
    });
}

#[test]
fn a_rule_needs_a_schedule_or_a_pattern() {
    run(async {
        let aws = aws().await;
        let text = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
        assert_eq!(refusal(aws.events.put_rule().name("neither").send().await), invalid(text));
    });
}

#[test]
fn schedules_work_only_on_the_default_bus() {
    run(async {
        let aws = aws().await;
        let bus = aws.events.create_event_bus().name("custom").send().await.expect("created");
        for name in ["custom", bus.event_bus_arn().unwrap_or_default()] {
            let put = aws
                .events
                .put_rule()
                .name("scheduled")
                .event_bus_name(name)
                .schedule_expression("rate(1 hour)")
                .send()
                .await;
            assert_eq!(
                refusal(put),
                invalid("ScheduleExpression is supported only on the default event bus.")
            );
        }
    });
}

#[test]
fn put_rule_resets_omitted_fields() {
    run(async {
        let aws = aws().await;
        let put = || aws.events.put_rule().name("reset").schedule_expression("rate(1 hour)");
        put().description("once").state(RuleState::Disabled).send().await.expect("put");
        put().send().await.expect("put");
        let rule = aws.events.describe_rule().name("reset").send().await.expect("described");
        assert_eq!((rule.state(), rule.description()), (Some(&RuleState::Enabled), None));
    });
}

#[test]
fn put_rule_sets_tags_only_at_creation() {
    run(async {
        let aws = aws().await;
        let tag = |value: &str| Tag::builder().key("owner").value(value).build().expect("a tag");
        let put = |value: &str| {
            aws.events.put_rule().name("tagged").schedule_expression("rate(1 hour)").tags(tag(value)).send()
        };
        put("first").await.expect("put");
        put("second").await.expect("put");
        let tags = aws
            .events
            .list_tags_for_resource()
            .resource_arn(aws.rule_arn("tagged"))
            .send()
            .await
            .expect("listed");
        assert_eq!(tags.tags(), [tag("first")]);
        aws.events
            .tag_resource()
            .resource_arn(aws.rule_arn("tagged"))
            .tags(tag("third"))
            .send()
            .await
            .expect("tagged");
        let tags = aws
            .events
            .list_tags_for_resource()
            .resource_arn(aws.rule_arn("tagged"))
            .send()
            .await
            .expect("listed");
        assert_eq!(tags.tags(), [tag("third")]);
    });
}

#[test]
fn a_rule_with_targets_cannot_be_deleted() {
    run(async {
        let aws = aws().await;
        aws.rule("busy").await;
        let put = aws.events.put_targets().rule("busy").targets(target("one", &aws.function_arn("any")));
        put.send().await.expect("targets");
        let delete = || aws.events.delete_rule().name("busy").send();
        assert_eq!(refusal(delete().await), invalid("Rule can't be deleted since it has targets."));
        aws.events.remove_targets().rule("busy").ids("one").send().await.expect("removed");
        delete().await.expect("no targets are left");
        delete().await.expect("a rule that is gone is gone");
        assert_eq!(refusal(aws.events.describe_rule().name("busy").send().await), missing("busy"));
    });
}

#[test]
fn a_missing_rule_is_an_error_except_for_deletion() {
    run(async {
        let aws = aws().await;
        let events = &aws.events;
        let refusals = [
            refusal(events.describe_rule().name("nothing").send().await),
            refusal(events.enable_rule().name("nothing").send().await),
            refusal(events.disable_rule().name("nothing").send().await),
            refusal(events.list_targets_by_rule().rule("nothing").send().await),
            refusal(
                events
                    .put_targets()
                    .rule("nothing")
                    .targets(target("one", &aws.function_arn("any")))
                    .send()
                    .await,
            ),
            refusal(events.remove_targets().rule("nothing").ids("one").send().await),
        ];
        assert_eq!(
            refusals,
            [
                missing("nothing"),
                missing("nothing"),
                missing("nothing"),
                missing("nothing"),
                missing("nothing"),
                missing("nothing")
            ]
        );
        let tags = events.list_tags_for_resource().resource_arn(aws.rule_arn("nothing")).send().await;
        assert_eq!(code(tags), (400, "ResourceNotFoundException".to_owned()));
    });
}

#[test]
fn names_and_descriptions_of_rules_have_limits() {
    run(async {
        let aws = aws().await;
        let put = |name: &str| aws.events.put_rule().name(name).schedule_expression("rate(1 hour)");
        let refused = [
            put("with space"),
            put(&"n".repeat(65)),
            put("long").description("d".repeat(513)),
            put("long").schedule_expression(format!("cron(0{} * * * ? *)", ",0".repeat(130))),
            put("odd").state(RuleState::from("PAUSED")),
        ];
        for request in refused {
            assert_eq!(code(request.send().await), (400, "ValidationException".to_owned()));
        }
        put(&"n".repeat(64)).description("d".repeat(512)).send().await.expect("within the limits");
    });
}

#[test]
fn a_bus_holds_at_most_300_rules() {
    run(async {
        let aws = aws().await;
        let put = async |aws: &Aws, number: usize| {
            aws.events
                .put_rule()
                .name(format!("rule-{number:03}"))
                .schedule_expression("rate(1 hour)")
                .send()
                .await
        };
        for number in 0..300 {
            put(&aws, number).await.expect("room for one more");
        }
        assert_eq!(code(put(&aws, 300).await), (400, "LimitExceededException".to_owned()));
        put(&aws, 299).await.expect("one that exists can be changed");
        put(&aws.in_region("us-east-2").await, 300).await.expect("another Region has its own");
    });
}
