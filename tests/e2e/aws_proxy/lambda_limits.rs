//! Tags, reserved concurrency, conflicting and missing names, and temporary refusals.

use std::collections::HashMap;

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};

use super::{
    Aws, code,
    deployment::{ONE, active, archive, quick_aws},
    refusal, run,
};

fn invalid(why: &str) -> (u16, String, String) {
    (400, "InvalidParameterValueException".to_owned(), why.to_owned())
}

fn tags(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn numbered(numbers: std::ops::Range<usize>) -> HashMap<String, String> {
    numbers.map(|number| (format!("tag-{number}"), String::new())).collect()
}

impl Aws {
    async fn tags(&self, name: &str) -> HashMap<String, String> {
        let listed = self.lambda.list_tags().resource(self.function_arn(name)).send().await.expect("listed");
        let found = self.lambda.get_function().function_name(name).send().await.expect("read");
        let listed = listed.tags.unwrap_or_default();
        assert_eq!(found.tags.unwrap_or_default(), listed, "GetFunction and ListTags agree");
        listed
    }

    async fn reservation(&self, name: &str) -> Option<i32> {
        let read = self.lambda.get_function_concurrency().function_name(name).send().await.expect("read");
        let found = self.lambda.get_function().function_name(name).send().await.expect("read");
        let reserved_by_function =
            found.concurrency().and_then(|concurrency| concurrency.reserved_concurrent_executions());
        assert_eq!(reserved_by_function, read.reserved_concurrent_executions(), "both reads agree");
        reserved_by_function
    }
}

#[test]
fn tags_are_added_replaced_and_removed() {
    run(async {
        let aws = quick_aws().await;
        aws.creation("tagged")
            .set_tags(Some(tags(&[("team", "a"), ("env", "test")])))
            .send()
            .await
            .expect("created");
        let arn = aws.function_arn("tagged");
        let more = tags(&[("team", "b"), ("with space", "c d")]);
        aws.lambda.tag_resource().resource(&arn).set_tags(Some(more)).send().await.expect("tagged");
        assert_eq!(aws.tags("tagged").await, tags(&[("team", "b"), ("env", "test"), ("with space", "c d")]));
        let fewer = aws
            .lambda
            .untag_resource()
            .resource(&arn)
            .tag_keys("env")
            .tag_keys("with space")
            .tag_keys("none");
        fewer.send().await.expect("untagged");
        assert_eq!(aws.tags("tagged").await, tags(&[("team", "b")]));
    });
}

#[test]
fn tags_are_limited() {
    run(async {
        let aws = quick_aws().await;
        let over = "Number of tags exceeds resource tag limit.";
        let creation = aws.creation("tagged").set_tags(Some(numbered(0..51))).send().await;
        assert_eq!(refusal(creation), invalid(over));
        aws.creation("tagged").set_tags(Some(numbered(0..49))).send().await.expect("created");
        let tag =
            |tags| aws.lambda.tag_resource().resource(aws.function_arn("tagged")).set_tags(Some(tags)).send();
        tag(numbered(40..50)).await.expect("50 are allowed");
        assert_eq!(refusal(tag(numbered(50..51)).await), invalid(over));
        let reserved = code(tag(tags(&[("aws:team", "a")])).await);
        assert_eq!(reserved, (400, "InvalidParameterValueException".to_owned()));
        assert_eq!(aws.tags("tagged").await, numbered(0..50));
        let arn = format!("{}:1", aws.function_arn("tagged"));
        let of_version = aws.lambda.tag_resource().resource(arn).tags("team", "a").send().await;
        assert_eq!(code(of_version), (400, "InvalidParameterValueException".to_owned()));
    });
}

#[test]
fn concurrency_is_reserved_and_released() {
    run(async {
        let aws = quick_aws().await;
        aws.created("one").await;
        aws.created("other").await;
        let reserve = |name: &str, number| {
            let put = aws.lambda.put_function_concurrency().function_name(name);
            put.reserved_concurrent_executions(number).send()
        };
        assert_eq!(aws.reservation("one").await, None);
        reserve("one", 0).await.expect("none at all is allowed");
        assert_eq!(aws.reservation("one").await, Some(0));
        reserve("one", 600).await.expect("reserved");
        let over = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                    below its minimum value of [100].";
        assert_eq!(refusal(reserve("other", 301).await), invalid(over));
        reserve("other", 300).await.expect("reserved");
        reserve("one", 500).await.expect("its own reservation does not count");
        let delete = aws.lambda.delete_function_concurrency().function_name("one");
        delete.send().await.expect("given back");
        assert_eq!(aws.reservation("one").await, None);
        reserve("other", 900).await.expect("reserved");
        aws.lambda.delete_function().function_name("other").send().await.expect("deleted");
        reserve("one", 900).await.expect("a deleted function reserves nothing");
        assert_eq!(code(reserve("one", -1).await), (400, "ValidationException".to_owned()));
    });
}

#[test]
fn a_function_name_is_unique_in_its_region() {
    run(async {
        let aws = quick_aws().await;
        aws.created("taken").await;
        let conflict =
            (409, "ResourceConflictException".to_owned(), "Function already exist: taken".to_owned());
        assert_eq!(refusal(aws.creation("taken").send().await), conflict);
        assert_eq!(aws.stage("taken").await, active());
        let other_region = aws.in_region("us-east-1").await;
        other_region.creation("taken").send().await.expect("another Region has names of its own");
    });
}

#[test]
fn calls_for_a_missing_function_answer_not_found() {
    run(async {
        let aws = quick_aws().await;
        let (lambda, name) = (&aws.lambda, "nothing");
        let text = format!("Function not found: {}", aws.function_arn(name));
        let expected = (404, "ResourceNotFoundException".to_owned(), text);
        let put = lambda.put_function_concurrency().function_name(name).reserved_concurrent_executions(1);
        let arn = aws.function_arn(name);
        let refusals = [
            refusal(lambda.get_function().function_name(name).send().await),
            refusal(lambda.get_function_configuration().function_name(name).send().await),
            refusal(aws.code_update(name).zip_file(archive(ONE)).send().await),
            refusal(aws.configuration_update(name).timeout(9).send().await),
            refusal(lambda.publish_version().function_name(name).send().await),
            refusal(lambda.delete_function().function_name(name).send().await),
            refusal(put.send().await),
            refusal(lambda.get_function_concurrency().function_name(name).send().await),
            refusal(lambda.delete_function_concurrency().function_name(name).send().await),
            refusal(lambda.list_tags().resource(&arn).send().await),
            refusal(lambda.tag_resource().resource(&arn).tags("a", "b").send().await),
            refusal(lambda.untag_resource().resource(&arn).tag_keys("a").send().await),
        ];
        assert_eq!(refusals.to_vec(), vec![expected; 12]);
    });
}

#[test]
fn a_new_role_cannot_be_assumed_at_first() {
    run(async {
        let aws = quick_aws().await;
        aws.aws_proxy.inject(&aws.account, Fault::on("CreateFunction", FaultKind::role_not_ready()).times(2));
        let why = "The role defined for the function cannot be assumed by Lambda.";
        for _ in 0..2 {
            assert_eq!(refusal(aws.creation("roled").send().await), invalid(why));
        }
        aws.created("roled").await;
        assert_eq!(aws.aws_proxy.pending_faults(&aws.account), 0);
    });
}

#[test]
fn code_storage_can_be_full() {
    run(async {
        let aws = quick_aws().await;
        aws.created("stored").await;
        let full = Fault::on("UpdateFunctionCode", FaultKind::code_storage_exceeded());
        aws.aws_proxy.inject(&aws.account, full);
        let update = aws.code_update("stored").zip_file(archive(ONE));
        let expected =
            (400, "CodeStorageExceededException".to_owned(), "Code storage limit exceeded.".to_owned());
        assert_eq!(refusal(update.clone().send().await), expected);
        update.send().await.expect("there is room again");
    });
}

#[test]
fn a_test_can_inject_any_refusal() {
    run(async {
        let aws = quick_aws().await;
        let why = "The provided execution role does not have permissions to call SendMessage on SQS";
        let kind = FaultKind::refuse(400, "InvalidParameterValueException", why);
        aws.aws_proxy.inject(&aws.account, Fault::on("CreateFunction", kind).resource("refused"));
        aws.created("other").await;
        assert_eq!(refusal(aws.creation("refused").send().await), invalid(why));
        aws.aws_proxy.inject(&aws.account, Fault::on("UpdateFunctionConfiguration", FaultKind::Throttle));
        let throttled = code(aws.configuration_update("other").timeout(9).send().await);
        assert_eq!(throttled, (429, "TooManyRequestsException".to_owned()));
    });
}
