//! Targets of EventBridge rules: limits, validation and paging.

use aws_sdk_eventbridge::types::{
    DeadLetterConfig, InputTransformer, RetryPolicy, Target, builders::TargetBuilder,
};

use super::{Aws, aws, code, functions::target, refusal, run};

async fn ids(aws: &Aws, rule: &str) -> Vec<String> {
    let listed = aws.events.list_targets_by_rule().rule(rule).send().await.expect("listed");
    listed.targets().iter().map(|target| target.id().to_owned()).collect()
}

#[test]
fn a_rule_has_at_most_five_targets() {
    run(async {
        let aws = aws().await;
        aws.rule("five").await;
        let put = async |ids: std::ops::Range<usize>| {
            let targets = ids.map(|id| target(&format!("t{id}"), &aws.function_arn("any"))).collect();
            aws.events.put_targets().rule("five").set_targets(Some(targets)).send().await
        };
        put(0..4).await.expect("four");
        assert_eq!(code(put(4..6).await), (400, "LimitExceededException".to_owned()));
        assert_eq!(ids(&aws, "five").await, ["t0", "t1", "t2", "t3"], "a refused call changes nothing");
        put(3..5).await.expect("one new, one changed");
        assert_eq!(ids(&aws, "five").await, ["t0", "t1", "t2", "t3", "t4"]);
        assert_eq!(
            code(put(0..11).await),
            (400, "ValidationException".to_owned()),
            "more than ten in a request"
        );
    });
}

#[test]
fn invalid_targets_are_refused() {
    run(async {
        let aws = aws().await;
        aws.rule("strict").await;
        let queue = format!("arn:aws:sqs:{}:{}:dead", aws.region, aws.account);
        let topic = format!("arn:aws:sns:{}:{}:dead", aws.region, aws.account);
        let base = || Target::builder().id("one").arn(aws.function_arn("any"));
        let retries = |attempts: i32, age: i32| {
            RetryPolicy::builder().maximum_retry_attempts(attempts).maximum_event_age_in_seconds(age).build()
        };
        let letters = |arn: &str| DeadLetterConfig::builder().arn(arn).build();
        let transformer = InputTransformer::builder().input_template("\"x\"").build().expect("a transformer");
        let refused: [TargetBuilder; 10] = [
            base().id("with space"),
            base().id("i".repeat(65)),
            base().arn("function"),
            base().input("{}").input_path("$.detail"),
            base().input("{}").input_transformer(transformer),
            base().input("{not json"),
            base().input(format!("\"{}\"", "x".repeat(8191))),
            base().retry_policy(retries(186, 60)),
            base().retry_policy(retries(0, 59)),
            base().dead_letter_config(letters(&topic)),
        ];
        let put = |target: TargetBuilder| {
            aws.events.put_targets().rule("strict").targets(target.build().expect("a target")).send()
        };
        for target in refused {
            let request = format!("{target:?}");
            assert_eq!(code(put(target).await), (400, "ValidationException".to_owned()), "{request}");
        }
        assert_eq!(
            refusal(put(base().input("{not json")).await).2,
            "JSON syntax error in input for target one."
        );
        assert_eq!(ids(&aws, "strict").await, Vec::<String>::new());
        let fine =
            base().input("{\"a\": 1}").retry_policy(retries(185, 86_400)).dead_letter_config(letters(&queue));
        put(fine).await.expect("within the limits");
    });
}

#[test]
fn targets_are_listed_without_an_invoke_permission() {
    run(async {
        let aws = aws().await;
        aws.rule("listed").await;
        aws.rule("other").await;
        let closed = Target::builder()
            .id("closed")
            .arn(aws.function_arn("any"))
            .input("[1]")
            .build()
            .expect("a target");
        let queue = target("queue", &format!("arn:aws:sqs:{}:{}:q", aws.region, aws.account));
        let put = aws.events.put_targets().rule("listed").targets(closed.clone()).targets(queue.clone());
        put.send().await.expect("targets");
        let listed = aws.events.list_targets_by_rule().rule("listed").send().await.expect("listed");
        assert_eq!(listed.targets(), [closed, queue]);
        let names = aws
            .events
            .list_rule_names_by_target()
            .target_arn(aws.function_arn("any"))
            .send()
            .await
            .expect("listed");
        assert_eq!(names.rule_names(), ["listed"]);
    });
}

#[test]
fn lists_are_paged() {
    run(async {
        let aws = aws().await;
        aws.rule("paged").await;
        let targets = (0..3).map(|id| target(&format!("t{id}"), &aws.function_arn("any"))).collect();
        aws.events.put_targets().rule("paged").set_targets(Some(targets)).send().await.expect("targets");
        let first = aws.events.list_targets_by_rule().rule("paged").limit(2).send().await.expect("listed");
        let rest = aws
            .events
            .list_targets_by_rule()
            .rule("paged")
            .set_next_token(first.next_token().map(str::to_owned))
            .send()
            .await
            .expect("listed");
        let pages = [first.targets().len(), rest.targets().len()];
        assert_eq!((pages, rest.next_token()), ([2, 1], None));

        for name in ["paged-1", "paged-2", "other"] {
            aws.rule(name).await;
        }
        let list = || aws.events.list_rules().name_prefix("paged").limit(2);
        let first = list().send().await.expect("listed");
        let rest = list().set_next_token(first.next_token().map(str::to_owned)).send().await.expect("listed");
        let names = [&first, &rest].map(|page| {
            page.rules().iter().filter_map(|rule| rule.name().map(str::to_owned)).collect::<Vec<_>>()
        });
        let mut all = names.concat();
        all.sort();
        assert_eq!((names.map(|page| page.len()), rest.next_token()), ([2, 1], None));
        assert_eq!(all, ["paged", "paged-1", "paged-2"]);
        let code = list().limit(101).send().await.expect_err("too many").into_service_error();
        assert_eq!(code.meta().code(), Some("ValidationException"));
    });
}

#[test]
fn a_target_in_another_account_needs_a_role() {
    run(async {
        let aws = aws().await;
        aws.rule("abroad").await;
        let arn = aws.function_arn("any").replace(&aws.account, "210987654321");
        let put = |target: TargetBuilder| {
            let target = target.id("one").arn(&arn).build().expect("a target");
            aws.events.put_targets().rule("abroad").targets(target).send()
        };
        let why = format!("RoleArn is required for target {arn}.");
        assert_eq!(refusal(put(Target::builder()).await), (400, "ValidationException".to_owned(), why));
        let role = format!("arn:aws:iam::{}:role/invoke", aws.account);
        put(Target::builder().role_arn(role)).await.expect("a role for the target");
    });
}
