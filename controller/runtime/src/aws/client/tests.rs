mod recording_aws;
mod scheduler;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{ObjectKey, OwnerId, bucket_statement_id};
use lambda_triggers_core::pacing::token_bucket::Rates;
use lambda_triggers_core::plan::bucket::Bucket;
use lambda_triggers_core::plan::function::{CodeSource, Configuration, DesiredFunction, EventInvokeConfig};
use lambda_triggers_core::plan::permission::Statement;
use lambda_triggers_core::plan::rule::{RuleSettings, Target};
use lambda_triggers_core::tenancy::{Role, Tenancy};
use tokio::time::Instant;

use recording_aws::RecordingAws;

use super::{AwsClient, RateLimiter, TenantPolicy};
use crate::aws::{Aws, AwsErrorKind, ListedRule, ListedRules, Validation};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";
const FILE: &str = r#"
namespaces:
  media:
    role: {arn: "arn:aws:iam::123456789012:role/media"}
    regions: [eu-west-1]
    buckets: [photos]
    functions: [thumbs]
    ruleTargets: [thumbs]
    definitions: {names: [made], roles: [app]}
"#;

/// The arguments of the calls.
#[derive(Clone)]
struct Arguments {
    region: &'static str,
    function: &'static str,
    bucket: &'static str,
    bucket_owner: &'static str,
    made: &'static str,
    role: &'static str,
    rule: String,
    statement: String,
}

fn owner() -> OwnerId {
    OwnerId::parse("1a2b3c4d").unwrap()
}

fn key() -> ObjectKey {
    ObjectKey::new("media", "thumbs")
}

/// Arguments that namespace `media` may use.
fn permitted() -> Arguments {
    Arguments {
        region: REGION,
        function: "thumbs",
        bucket: "photos",
        bucket_owner: ACCOUNT,
        made: "made",
        role: "app",
        rule: key().rule_name(&owner(), "ScheduledFunction"),
        statement: bucket_statement_id(&owner(), "photos"),
    }
}

fn configuration(role: &str) -> Configuration {
    Configuration { role: format!("arn:aws:iam::{ACCOUNT}:role/{role}"), ..Configuration::default() }
}

/// Makes every call, and returns the names of the permitted calls. All other calls must fail with `NotPermitted`.
async fn every_call(aws: &dyn Aws, recorder: &RecordingAws, arguments: &Arguments) -> Vec<&'static str> {
    let Arguments { region, function, bucket, bucket_owner, made, role, rule, statement } = arguments;
    let arn = |name: &str| {
        FunctionArn::parse(&format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{name}")).unwrap()
    };
    let statement = Statement {
        id: statement.clone(),
        ..Statement::for_bucket(&owner(), &arn(function), bucket, bucket_owner)
    };
    let code = CodeSource::Image { uri: "r/image".into() };
    let none = CodeSource::Archive(lambda_triggers_core::plan::function::Archive {
        sha256: String::new(),
        bytes: vec![],
    });
    let desired = DesiredFunction {
        name: (*made).into(),
        configuration: configuration(role),
        architecture: Architecture::X86_64,
        code: none.clone(),
        tags: Tags::new(),
        reserved_concurrency: None,
        async_invoke: None,
    };
    let target = Target {
        id: "target".into(),
        arn: arn(function).to_string(),
        input: None,
        retry_policy: None,
        dead_letter_queue_arn: None,
    };
    let settings =
        RuleSettings { expression: "rate(1 day)".into(), description: String::new(), enabled: true };
    let bucket = Bucket { region: (*region).into(), name: (*bucket).into(), owner: (*bucket_owner).into() };
    let now = Instant::now();
    let listed = ListedRule {
        name: rule.clone(),
        arn: String::new(),
        settings: settings.clone(),
        has_more: false,
        managed_by: None,
    };
    let (lambda, rules, notifications) = (aws.lambda(region), aws.eventbridge(region), aws.s3(region));
    let tags = Tags::new();
    let refused = [
        aws.account().await.err(),
        lambda.function(function, None, now).await.err(),
        lambda.policy(&arn(function), now).await.err(),
        lambda.add_permission(&arn(function), &statement, None).await.err(),
        lambda.remove_permission(&arn(function), &statement.id, None).await.err(),
        lambda.deployed(made).await.err(),
        lambda.create_function(&desired).await.err(),
        lambda.update_code(made, &none, Architecture::X86_64).await.err(),
        lambda.update_configuration(made, &desired.configuration).await.err(),
        lambda.tag_function(&arn(made), &tags).await.err(),
        lambda.untag_function(&arn(made), &[]).await.err(),
        lambda.put_concurrency(made, 0).await.err(),
        lambda.delete_concurrency(made).await.err(),
        lambda.event_invoke_config(made).await.err(),
        lambda.put_event_invoke_config(made, &EventInvokeConfig::default()).await.err(),
        lambda.delete_event_invoke_config(made).await.err(),
        lambda.delete_function(made).await.err(),
        rules.list(&owner().prefix(), now).await.err(),
        rules.describe(rule).await.err(),
        rules.targets(rule).await.err(),
        rules.tags(&listed).await.err(),
        rules.rules_with_target(&target.arn, &owner().prefix()).await.err(),
        rules.put_rule(rule, &settings, &tags).await.err(),
        rules.tag_rule(rule, &tags).await.err(),
        rules.untag_rule(rule, &[]).await.err(),
        rules.put_target(rule, &target).await.err(),
        rules.remove_targets(rule, &[]).await.err(),
        rules.delete_rule(rule).await.err(),
        notifications.get(&bucket).await.err(),
        notifications.get_of_any_owner(&bucket).await.err(),
        notifications.is_own_bucket(&bucket).await.err(),
        notifications.put(&bucket, String::new(), Validation::Full).await.err(),
    ];
    let kinds = refused.iter().flatten().map(|error| error.kind.clone());
    assert!(kinds.into_iter().all(|kind| kind == AwsErrorKind::NotPermitted), "{refused:?}");
    let passed = recorder.take();
    assert_eq!(refused.iter().filter(|refused| refused.is_none()).count(), passed.len());
    // A code source that is forbidden in a new function is forbidden in an update, too.
    assert!(lambda.update_code(made, &code, Architecture::X86_64).await.is_err());
    assert_eq!(recorder.take(), [""; 0]);
    passed
}

const ALL: [&str; 32] = [
    "account",
    "function",
    "policy",
    "add_permission",
    "remove_permission",
    "deployed",
    "create_function",
    "update_code",
    "update_configuration",
    "tag_function",
    "untag_function",
    "put_concurrency",
    "delete_concurrency",
    "event_invoke_config",
    "put_event_invoke_config",
    "delete_event_invoke_config",
    "delete_function",
    "list",
    "describe",
    "targets",
    "tags",
    "rules_with_target",
    "put_rule",
    "tag_rule",
    "untag_rule",
    "put_target",
    "remove_targets",
    "delete_rule",
    "get",
    "get_of_any_owner",
    "is_own_bucket",
    "put",
];
/// The calls with a bucket argument.
const OF_BUCKET: [&str; 5] = ["add_permission", "get", "get_of_any_owner", "is_own_bucket", "put"];

fn without(gone: &[&str]) -> Vec<&'static str> {
    ALL.into_iter().filter(|call| !gone.contains(call)).collect()
}

fn client(recorder: &RecordingAws) -> AwsClient {
    AwsClient::new(Arc::new(recorder.clone()), RateLimiter::new(Rates::default()))
}

fn authorized(
    recorder: &RecordingAws,
    namespace: &str,
    set: impl FnOnce(TenantPolicy) -> TenantPolicy,
) -> AwsClient {
    let tenancy = Arc::new(Tenancy::parse(FILE).unwrap());
    let role = tenancy.tenant(namespace).and_then(|tenant| tenant.role.clone());
    client(recorder).authorized(set(TenantPolicy::new(tenancy, owner(), namespace, role)))
}

#[tokio::test]
async fn only_permitted_calls_pass() {
    let recorder = RecordingAws::default();
    let aws = authorized(&recorder, "media", |policy| policy.for_object(&key(), false));
    let same = permitted();
    let cases = [
        (same.clone(), ALL.to_vec()),
        (Arguments { region: "us-east-1", ..same.clone() }, vec!["account"]),
        (
            Arguments { function: "theirs", ..same.clone() },
            without(&["function", "policy", "add_permission", "remove_permission", "put_target"]),
        ),
        (Arguments { bucket: "theirs", ..same.clone() }, without(&OF_BUCKET)),
        (Arguments { bucket_owner: "111111111111", ..same.clone() }, without(&OF_BUCKET)),
        (
            Arguments { made: "theirs", ..same.clone() },
            without(&[
                "deployed",
                "create_function",
                "update_code",
                "update_configuration",
                "tag_function",
                "untag_function",
                "put_concurrency",
                "delete_concurrency",
                "event_invoke_config",
                "put_event_invoke_config",
                "delete_event_invoke_config",
                "delete_function",
            ]),
        ),
        (Arguments { role: "admin", ..same.clone() }, without(&["create_function", "update_configuration"])),
        (
            Arguments {
                rule: ObjectKey::new("media", "other").rule_name(&owner(), "ScheduledFunction"),
                ..same.clone()
            },
            without(&[
                "describe",
                "targets",
                "tags",
                "put_rule",
                "tag_rule",
                "untag_rule",
                "put_target",
                "remove_targets",
                "delete_rule",
            ]),
        ),
        (Arguments { statement: "theirs".into(), ..same }, without(&["add_permission", "remove_permission"])),
    ];
    for (arguments, expected) in cases {
        assert_eq!(every_call(&aws, &recorder, &arguments).await, expected, "{}", arguments.rule);
    }
}

/// Cleanup does not depend on the tenancy file, and creates nothing.
#[tokio::test]
async fn cleanup_removes_own_resources_and_creates_nothing() {
    let recorder = RecordingAws::default();
    let aws = authorized(&recorder, "media", |policy| policy.for_object(&key(), true));
    let theirs = Arguments {
        region: "us-east-1",
        function: "theirs",
        bucket: "theirs",
        made: "theirs",
        ..permitted()
    };
    let removals = [
        "account",
        "function",
        "policy",
        "remove_permission",
        "deployed",
        "tag_function",
        "untag_function",
        "event_invoke_config",
        "delete_function",
        "list",
        "describe",
        "targets",
        "tags",
        "rules_with_target",
        "tag_rule",
        "remove_targets",
        "delete_rule",
        "get",
        "get_of_any_owner",
        "is_own_bucket",
        "put",
    ];
    assert_eq!(every_call(&aws, &recorder, &theirs).await, removals);
    let foreign = Arguments { rule: "theirs".into(), statement: "theirs".into(), ..theirs };
    let left: Vec<&str> = removals
        .into_iter()
        .filter(|call| !["remove_permission", "tag_rule", "remove_targets", "delete_rule"].contains(call))
        .collect();
    assert_eq!(every_call(&aws, &recorder, &foreign).await, left);
}

#[tokio::test]
async fn an_unnamed_namespace_can_call_nothing() {
    for removes in [false, true] {
        let recorder = RecordingAws::default();
        let aws = authorized(&recorder, "other", |policy| {
            policy.for_object(&ObjectKey::new("other", "it"), removes)
        });
        assert_eq!(every_call(&aws, &recorder, &permitted()).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_role_in_an_unexpected_account_is_refused() {
    let recorder = RecordingAws::default();
    let tenancy = Arc::new(Tenancy::parse(FILE).unwrap());
    let role = Role { arn: "arn:aws:iam::210987654321:role/media".into(), external_id: None };
    let aws = client(&recorder).authorized(TenantPolicy::new(tenancy, owner(), "media", Some(role)));
    let message = aws.account().await.err().and_then(|error| error.message).unwrap_or_default();
    assert_eq!(
        &*message,
        "role arn:aws:iam::210987654321:role/media is not in its own account, but in account 123456789012"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cached_read_is_authorized_and_takes_no_token() {
    let (recorder, began) = (RecordingAws::default(), Instant::now());
    let tenancy = Arc::new(Tenancy::parse(FILE).unwrap());
    let rates = Rates { lambda: 1.0, ..Rates::default() };
    let client = AwsClient::new(Arc::new(recorder.clone()), RateLimiter::new(rates));
    let policy = |namespace| TenantPolicy::new(tenancy.clone(), owner(), namespace, None);
    let thumbs = FunctionArn::parse("arn:aws:lambda:eu-west-1:123456789012:function:thumbs").unwrap();
    for (namespace, expected) in
        [("media", None), ("media", None), ("other", Some(AwsErrorKind::NotPermitted)), ("media", None)]
    {
        let aws = client.clone().authorized(policy(namespace)).lambda(REGION);
        let refused = aws.policy(&thumbs, began).await.err();
        assert_eq!(refused.map(|error| error.kind), expected, "{namespace}");
    }
    recorder.0.lock().retain(|call| *call != "account");
    assert_eq!((recorder.take(), began.elapsed()), (vec!["policy"], Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_rule_disappears_from_the_cached_list() {
    let recorder = RecordingAws::default();
    let rules = client(&recorder).eventbridge(REGION);
    let (began, prefix) = (Instant::now(), owner().prefix());
    rules.list(&prefix, began).await.unwrap();
    rules.delete_rule(&format!("{prefix}a")).await.unwrap();
    assert_eq!(rules.list(&prefix, began).await.unwrap(), Some(ListedRules::default()));
    assert_eq!(recorder.take(), ["list", "delete_rule"]);
}

#[tokio::test(start_paused = true)]
async fn each_request_takes_a_token_and_a_write_to_a_bucket_never_waits() {
    let rates = Rates { lambda: 1.0, events: 1.0, s3: 1.0, ..Rates::default() };
    let client = AwsClient::new(Arc::new(RecordingAws::default()), RateLimiter::new(rates));
    let (rules, s3) = (client.eventbridge(REGION), client.s3(REGION));
    let seconds = async |call: Pin<Box<dyn Future<Output = ()> + '_>>| {
        let began = Instant::now();
        call.await;
        began.elapsed().as_secs()
    };
    let bucket = Bucket { region: REGION.into(), name: "photos".into(), owner: ACCOUNT.into() };
    let tags = Tags::new();
    let waits = [
        seconds(Box::pin(async { rules.delete_rule("a").await.unwrap() })).await,
        seconds(Box::pin(async { rules.delete_rule("a").await.unwrap() })).await,
        seconds(Box::pin(async { rules.tag_rule("a", &tags).await.unwrap() })).await,
        seconds(Box::pin(async { s3.put(&bucket, String::new(), Validation::Full).await.unwrap() })).await,
        seconds(Box::pin(async { s3.put(&bucket, String::new(), Validation::Full).await.unwrap() })).await,
        seconds(Box::pin(async { drop(s3.get(&bucket).await.unwrap()) })).await,
    ];
    assert_eq!(waits, [0, 1, 2, 0, 0, 3]);
}
