//! Resource policies of functions: statements, qualifiers, revisions and limits.

use aws_sdk_lambda::{error::SdkError, operation::get_policy::GetPolicyError};
use serde_json::{Value, json};

use super::{Aws, aws, code, refusal, run};

/// The policy document of a function and its revision.
async fn policy(aws: &Aws, function: &str) -> Result<(Value, String), SdkError<GetPolicyError>> {
    let found = aws.lambda.get_policy().function_name(function).send().await?;
    let document = serde_json::from_str(found.policy().unwrap_or_default()).expect("a policy is JSON");
    Ok((document, found.revision_id().unwrap_or_default().to_owned()))
}

#[test]
fn a_policy_has_the_format_of_aws() {
    run(async {
        let aws = aws().await;
        aws.function("read").await;
        aws.permit_s3("read", "photos").await;
        let (document, _) = policy(&aws, "read").await.expect("a policy");
        let expected = json!({
            "Version": "2012-10-17", "Id": "default",
            "Statement": [{
                "Sid": "s3", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction",
                "Resource": aws.function_arn("read"),
                "Condition": {"StringEquals": {"AWS:SourceAccount": aws.account}, "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::photos"}},
            }],
        });
        assert_eq!(document, expected);
    });
}

#[test]
fn each_qualifier_has_its_own_policy() {
    run(async {
        let aws = aws().await;
        aws.function("several").await;
        aws.lambda
            .create_alias()
            .function_name("several")
            .name("live")
            .function_version("$LATEST")
            .send()
            .await
            .expect("created");
        aws.permission("several", "same-sid", "photos").send().await.expect("added");
        aws.permission("several", "same-sid", "photos")
            .qualifier("live")
            .send()
            .await
            .expect("the same Sid elsewhere");
        let live = policy(&aws, "several:live").await.expect("a policy").0;
        assert_eq!(live["Statement"][0]["Resource"], aws.function_arn("several:live"));
        aws.lambda
            .remove_permission()
            .function_name("several")
            .statement_id("same-sid")
            .send()
            .await
            .expect("removed");
        assert_eq!(
            policy(&aws, "several")
                .await
                .map(|_| ())
                .map_err(|error| error.into_service_error().is_resource_not_found_exception()),
            Err(true)
        );
        assert_eq!(policy(&aws, "several:live").await.expect("still there").0, live);
    });
}

#[test]
fn deleting_an_alias_or_function_deletes_its_policy() {
    run(async {
        let aws = aws().await;
        aws.function("goes").await;
        let alias = async || {
            aws.lambda
                .create_alias()
                .function_name("goes")
                .name("live")
                .function_version("$LATEST")
                .send()
                .await
                .expect("created")
        };
        alias().await;
        aws.permission("goes", "s3", "photos").qualifier("live").send().await.expect("added");
        aws.lambda.delete_alias().function_name("goes").name("live").send().await.expect("deleted");
        alias().await;
        assert_eq!(code(policy(&aws, "goes:live").await), (404, "ResourceNotFoundException".to_owned()));
        aws.permit_s3("goes", "photos").await;
        aws.lambda.delete_function().function_name("goes").send().await.expect("deleted");
        aws.function("goes").await;
        assert_eq!(code(policy(&aws, "goes").await), (404, "ResourceNotFoundException".to_owned()));
    });
}

#[test]
fn latest_accepts_no_policy() {
    run(async {
        let aws = aws().await;
        aws.function("latest").await;
        let text = "We currently do not support adding policies for $LATEST.".to_owned();
        let added = aws.permission("latest", "s3", "photos").qualifier("$LATEST").send().await;
        assert_eq!(refusal(added), (400, "InvalidParameterValueException".to_owned(), text));
    });
}

#[test]
fn a_missing_policy_differs_from_a_missing_function() {
    run(async {
        let aws = aws().await;
        aws.function("empty").await;
        let not_found = |text: String| (404, "ResourceNotFoundException".to_owned(), text);
        assert_eq!(
            refusal(policy(&aws, "empty").await),
            not_found("The resource you requested does not exist.".to_owned())
        );
        let missing = format!("Function not found: {}", aws.function_arn("nobody"));
        assert_eq!(refusal(policy(&aws, "nobody").await), not_found(missing.clone()));
        assert_eq!(refusal(aws.permission("nobody", "s3", "photos").send().await), not_found(missing));
        let alias = format!("Function not found: {}", aws.function_arn("empty:nope"));
        assert_eq!(refusal(policy(&aws, "empty:nope").await), not_found(alias));
    });
}

#[test]
fn invalid_fields_of_a_permission_are_refused() {
    run(async {
        let aws = aws().await;
        aws.function("checked").await;
        let valid = || aws.permission("checked", "s3", "photos");
        let refused = [
            (valid().statement_id("with.dot"), "ValidationException"),
            (valid().statement_id("s".repeat(101)), "ValidationException"),
            (valid().action("InvokeFunction"), "ValidationException"),
            (valid().principal("event.amazonaws.com"), "InvalidParameterValueException"),
            (valid().principal("nobody"), "InvalidParameterValueException"),
            (valid().source_account("12345"), "ValidationException"),
            (valid().source_arn("photos"), "ValidationException"),
            (valid().source_arn("arn:aws:s3:europe::photos"), "ValidationException"),
        ];
        for (request, expected) in refused {
            let text_of_request = format!("{request:?}");
            assert_eq!(code(request.send().await), (400, expected.to_owned()), "{text_of_request}");
        }
        valid().statement_id("s".repeat(100)).send().await.expect("100 characters are allowed");
    });
}

#[test]
fn a_sid_is_unique_in_a_policy() {
    run(async {
        let aws = aws().await;
        aws.function("once").await;
        aws.permit_s3("once", "photos").await;
        assert_eq!(
            code(aws.permission("once", "s3", "photos").send().await),
            (409, "ResourceConflictException".to_owned())
        );
    });
}

#[test]
fn a_missing_statement_cannot_be_removed() {
    run(async {
        let aws = aws().await;
        aws.function("remove").await;
        let remove = async |sid: &str| {
            refusal(aws.lambda.remove_permission().function_name("remove").statement_id(sid).send().await)
        };
        let not_found = |text: &str| (404, "ResourceNotFoundException".to_owned(), text.to_owned());
        assert_eq!(remove("s3").await, not_found("No policy is associated with the given resource."));
        aws.permit_s3("remove", "photos").await;
        assert_eq!(remove("other").await, not_found("Statement other is not found in resource policy."));
    });
}

#[test]
fn a_stale_revision_is_refused() {
    run(async {
        let aws = aws().await;
        aws.function("revised").await;
        aws.permission("revised", "one", "photos").send().await.expect("added");
        let (_, first) = policy(&aws, "revised").await.expect("a policy");
        aws.permission("revised", "two", "photos")
            .revision_id(&first)
            .send()
            .await
            .expect("the revision is fresh");
        let (document, second) = policy(&aws, "revised").await.expect("a policy");
        assert_ne!(first, second);
        let stale = (412, "PreconditionFailedException".to_owned());
        assert_eq!(
            code(aws.permission("revised", "three", "photos").revision_id(&first).send().await),
            stale
        );
        let remove = |revision: &str| {
            aws.lambda
                .remove_permission()
                .function_name("revised")
                .statement_id("one")
                .revision_id(revision)
                .send()
        };
        assert_eq!(code(remove(&first).await), stale);
        assert_eq!(policy(&aws, "revised").await.expect("a policy"), (document, second.clone()));
        remove(&second).await.expect("the revision is fresh");
    });
}

#[test]
fn a_policy_has_a_maximum_size() {
    run(async {
        let aws = aws().await;
        aws.function("large").await;
        let mut added = 0;
        let refused = loop {
            let sent = aws.permission("large", &format!("statement-{added:03}"), "photos").send().await;
            if sent.is_err() {
                break refusal(sent);
            }
            added += 1;
        };
        assert_eq!((refused.0, refused.1.as_str()), (400, "PolicyLengthExceededException"));
        let (document, _) = policy(&aws, "large").await.expect("a policy");
        let statements = document["Statement"].as_array().map(Vec::len);
        assert_eq!(statements, Some(added));
        assert!((40..100).contains(&added) && document.to_string().len() <= 20_480, "{added} statements");
    });
}

#[test]
fn another_account_cannot_change_a_policy() {
    run(async {
        let (aws, other) = (aws().await, aws().await);
        other.function("shared").await;
        let arn = other.function_arn("shared");
        aws.lambda.get_function().function_name(&arn).send().await.expect("read from another account");
        assert_eq!(
            code(aws.permission(&arn, "s3", "photos").send().await),
            (403, "AccessDeniedException".into())
        );
        let remove = aws.lambda.remove_permission().function_name(&arn).statement_id("s3");
        assert_eq!(code(remove.send().await), (403, "AccessDeniedException".into()));
    });
}
