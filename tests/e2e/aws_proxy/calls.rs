//! The AWS proxy records every call with its account, role and answer.

use std::time::Duration;

use lambda_triggers_tests::aws_proxy::Call;

use super::{Aws, aws, functions::target, run};

fn call(service: &str, operation: &str, resource: &str, write: bool, status: u16) -> Call {
    let text = str::to_owned;
    Call {
        service: text(service),
        operation: text(operation),
        resource: text(resource),
        region: text(super::REGION),
        write,
        role: None,
        status,
    }
}

#[test]
fn calls_are_recorded_in_order_with_their_answers() {
    run(async {
        let aws = aws().await;
        aws.function("counted").await;
        aws.bucket("counted").await;
        aws.aws_proxy.clear_calls(&aws.account);
        aws.permit_s3("counted", "counted").await;
        aws.lambda.get_policy().function_name(aws.function_arn("counted")).send().await.expect("read");
        aws.lambda.get_function_configuration().function_name("counted:$LATEST").send().await.expect("read");
        aws.notify("counted", vec![]).await.expect("written");
        aws.s3.get_bucket_notification_configuration().bucket("counted").send().await.expect("read");
        aws.s3.list_objects_v2().bucket("counted").send().await.expect("listed");
        aws.s3.head_object().bucket("counted").key("a/b").send().await.expect_err("no such key");
        aws.rule("counted").await;
        aws.events
            .put_targets()
            .rule("counted")
            .targets(target("one", &aws.function_arn("counted")))
            .send()
            .await
            .expect("targets");
        aws.events
            .list_tags_for_resource()
            .resource_arn(aws.rule_arn("counted"))
            .send()
            .await
            .expect("listed");
        aws.events.describe_rule().name("nothing").send().await.expect_err("missing");
        let expected = [
            call("lambda", "AddPermission", "counted", true, 201),
            call("lambda", "GetPolicy", "counted", false, 200),
            call("lambda", "GetFunctionConfiguration", "counted", false, 200),
            call("s3", "PutBucketNotificationConfiguration", "counted", true, 200),
            call("s3", "GetBucketNotificationConfiguration", "counted", false, 200),
            call("s3", "ListObjectsV2", "counted", false, 200),
            call("s3", "HeadObject", "counted", false, 404),
            call("events", "PutRule", "counted", true, 200),
            call("events", "PutTargets", "counted", true, 200),
            call("events", "ListTagsForResource", "counted", false, 200),
            call("events", "DescribeRule", "nothing", false, 400),
        ];
        assert_eq!(aws.aws_proxy.calls(&aws.account), expected);
        assert_eq!(aws.aws_proxy.writes(&aws.account).len(), 4);
        assert_eq!(aws.aws_proxy.count(&aws.account, "GetPolicy"), 1);
        aws.aws_proxy.clear_calls(&aws.account);
        assert_eq!(aws.aws_proxy.calls(&aws.account), []);
    });
}

#[test]
fn accounts_do_not_see_each_other() {
    run(async {
        let (one, other) = (aws().await, aws().await);
        one.rule("shared").await;
        other.rule("shared").await;
        one.events.delete_rule().name("shared").send().await.expect("deleted");
        other
            .events
            .describe_rule()
            .name("shared")
            .send()
            .await
            .expect("the other account's rule is still there");
        assert_eq!(
            (one.aws_proxy.count(&one.account, "PutRule"), one.aws_proxy.count(&one.account, "DescribeRule")),
            (1, 0)
        );
    });
}

#[test]
fn a_test_can_wait_for_a_call() {
    run(async {
        let aws = aws().await;
        let answered =
            |calls: &[Call]| calls.iter().any(|call| call.operation == "PutRule" && call.status == 200);
        let (waited, ()) = tokio::join!(
            aws.aws_proxy.wait_for_calls(&aws.account, Duration::from_secs(10), answered),
            aws.rule("awaited")
        );
        assert_eq!(waited, Ok(vec![call("events", "PutRule", "awaited", true, 200)]));
        let never = aws
            .aws_proxy
            .wait_for_calls(&aws.account, Duration::from_millis(1), |calls| calls.len() > 1)
            .await;
        assert_eq!(never, Err(vec![call("events", "PutRule", "awaited", true, 200)]));
    });
}

#[test]
fn calls_with_an_assumed_role_count_for_its_account() {
    run(async {
        let (caller, owner) = (aws().await, aws().await);
        let role = format!("arn:aws:iam::{}:role/tenant", owner.account);
        let form = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={role}&RoleSessionName=operator");
        let answer = caller.raw("sts", "POST", "/", form).await;
        let key = answer.body.split(['<', '>']).skip_while(|part| *part != "AccessKeyId").nth(1);
        let session = Aws::for_account(key.expect("an access key").to_owned(), super::REGION).await;
        session.rule("of-the-tenant").await;
        let put_rule = call("events", "PutRule", "of-the-tenant", true, 200);
        assert_eq!(owner.aws_proxy.calls(&owner.account), [Call { role: Some(role), ..put_rule }]);
        assert_eq!(caller.aws_proxy.calls(&caller.account), [call("sts", "AssumeRole", "", false, 200)]);
        owner
            .events
            .describe_rule()
            .name("of-the-tenant")
            .send()
            .await
            .expect("it is in the tenant's account");
    });
}
