//! Deletion of a function and of its policy, tags and concurrency.

use super::{code, deployment::quick_aws, refusal, run};

#[test]
fn deleting_a_function_deletes_policy_tags_and_concurrency() {
    run(async {
        let aws = quick_aws().await;
        aws.creation("gone").tags("team", "a").send().await.expect("created");
        aws.permit_s3("gone", "bucket").await;
        let reserve =
            aws.lambda.put_function_concurrency().function_name("gone").reserved_concurrent_executions(5);
        reserve.send().await.expect("reserved");
        aws.lambda.delete_function().function_name("gone").send().await.expect("deleted");
        let read = aws.lambda.get_function().function_name("gone").send().await;
        assert_eq!(code(read), (404, "ResourceNotFoundException".to_owned()));
        aws.created("gone").await;
        let policy = aws.lambda.get_policy().function_name("gone").send().await;
        assert_eq!(code(policy), (404, "ResourceNotFoundException".to_owned()));
        let found = aws.lambda.get_function().function_name("gone").send().await.expect("read");
        assert_eq!((found.tags(), found.concurrency()), (None, None));
    });
}

#[test]
fn the_unpublished_version_cannot_be_deleted_alone() {
    run(async {
        let aws = quick_aws().await;
        aws.created("latest").await;
        let delete = aws.lambda.delete_function().function_name("latest").qualifier("$LATEST").send().await;
        let text = "$LATEST version cannot be deleted without deleting the function.".to_owned();
        assert_eq!(refusal(delete), (400, "InvalidParameterValueException".to_owned(), text));
        aws.configuration("latest").await;
    });
}
