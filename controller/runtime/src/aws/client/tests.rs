use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{ObjectKey, OwnerId, bucket_statement_id};
use lambda_triggers_core::pacing::queue::Priority;
use lambda_triggers_core::pacing::token_bucket::Rates;
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ObservedFunction,
};
use lambda_triggers_core::plan::permission::{Policy, Statement};
use lambda_triggers_core::plan::rule::{ObservedRule, RuleSettings, Target};
use lambda_triggers_core::tenancy::{Role, Tenancy};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{AwsClient, RateLimiter, TenantPolicy};
use crate::aws::{
    Account, Aws, AwsError, AwsErrorKind, Bucket, CallContext, EventBridgeApi, EventBridgeReads, Function,
    LambdaApi, LambdaReads, ListedRule, S3Api, S3Reads, Validation,
};

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

/// A fake AWS that accepts every call and records the name of the call.
#[derive(Clone, Default)]
struct RecordingAws(Arc<Mutex<Vec<&'static str>>>);

impl RecordingAws {
    fn note<T>(&self, call: &'static str, answer: T) -> Result<T, AwsError> {
        self.0.lock().push(call);
        Ok(answer)
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock())
    }
}

#[async_trait]
impl Aws for RecordingAws {
    fn default_region(&self) -> &str {
        REGION
    }
    async fn account(&self) -> Result<Account, AwsError> {
        self.note("account", Account { id: ACCOUNT.into() })
    }
    fn lambda(&self, _: &str) -> Arc<dyn LambdaApi> {
        Arc::new(self.clone())
    }
    fn eventbridge(&self, _: &str) -> Arc<dyn EventBridgeApi> {
        Arc::new(self.clone())
    }
    fn s3(&self, _: &str) -> Arc<dyn S3Api> {
        Arc::new(self.clone())
    }
}

#[async_trait]
impl LambdaReads for RecordingAws {
    async fn function(&self, _: &str, _: Option<&str>) -> Result<Option<Function>, AwsError> {
        self.note("function", None)
    }
    async fn policy(&self, _: &FunctionArn) -> Result<Option<Policy>, AwsError> {
        self.note("policy", Some(Policy::default()))
    }
    async fn deployed(&self, _: &str) -> Result<Option<ObservedFunction>, AwsError> {
        self.note("deployed", None)
    }
    async fn event_invoke_config(&self, _: &str) -> Result<Option<EventInvokeConfig>, AwsError> {
        self.note("event_invoke_config", None)
    }
}

#[async_trait]
impl LambdaApi for RecordingAws {
    async fn add_permission(&self, _: &FunctionArn, _: &Statement, _: Option<&str>) -> Result<(), AwsError> {
        self.note("add_permission", ())
    }
    async fn remove_permission(&self, _: &FunctionArn, _: &str, _: Option<&str>) -> Result<(), AwsError> {
        self.note("remove_permission", ())
    }
    async fn create_function(&self, _: &DesiredFunction) -> Result<(), AwsError> {
        self.note("create_function", ())
    }
    async fn update_code(&self, _: &str, _: &CodeSource, _: Architecture) -> Result<(), AwsError> {
        self.note("update_code", ())
    }
    async fn update_configuration(&self, _: &str, _: &Configuration) -> Result<(), AwsError> {
        self.note("update_configuration", ())
    }
    async fn tag_function(&self, _: &FunctionArn, _: &Tags) -> Result<(), AwsError> {
        self.note("tag_function", ())
    }
    async fn untag_function(&self, _: &FunctionArn, _: &[String]) -> Result<(), AwsError> {
        self.note("untag_function", ())
    }
    async fn put_concurrency(&self, _: &str, _: i32) -> Result<(), AwsError> {
        self.note("put_concurrency", ())
    }
    async fn delete_concurrency(&self, _: &str) -> Result<(), AwsError> {
        self.note("delete_concurrency", ())
    }
    async fn put_event_invoke_config(&self, _: &str, _: &EventInvokeConfig) -> Result<(), AwsError> {
        self.note("put_event_invoke_config", ())
    }
    async fn delete_event_invoke_config(&self, _: &str) -> Result<(), AwsError> {
        self.note("delete_event_invoke_config", ())
    }
    async fn delete_function(&self, _: &str) -> Result<(), AwsError> {
        self.note("delete_function", ())
    }
}

#[async_trait]
impl EventBridgeReads for RecordingAws {
    async fn list(&self, _: &str) -> Result<Vec<ListedRule>, AwsError> {
        self.note("list", vec![])
    }
    async fn complete(&self, rule: ListedRule) -> Result<ObservedRule, AwsError> {
        self.note("complete", rule.with(Tags::default(), vec![]))
    }
    async fn rule(&self, _: &str) -> Result<Option<ObservedRule>, AwsError> {
        self.note("rule", None)
    }
    async fn rules_with_target(&self, _: &str, _: &str) -> Result<Vec<String>, AwsError> {
        self.note("rules_with_target", vec![])
    }
}

#[async_trait]
impl EventBridgeApi for RecordingAws {
    async fn put_rule(&self, _: &str, _: &RuleSettings, _: &Tags) -> Result<(), AwsError> {
        self.note("put_rule", ())
    }
    async fn tag_rule(&self, _: &str, _: &Tags) -> Result<(), AwsError> {
        self.note("tag_rule", ())
    }
    async fn untag_rule(&self, _: &str, _: &[String]) -> Result<(), AwsError> {
        self.note("untag_rule", ())
    }
    async fn put_target(&self, _: &str, _: &Target) -> Result<(), AwsError> {
        self.note("put_target", ())
    }
    async fn remove_targets(&self, _: &str, _: &[String]) -> Result<(), AwsError> {
        self.note("remove_targets", ())
    }
    async fn delete_rule(&self, _: &str) -> Result<(), AwsError> {
        self.note("delete_rule", ())
    }
}

#[async_trait]
impl S3Reads for RecordingAws {
    async fn get(&self, _: &Bucket) -> Result<String, AwsError> {
        self.note("get", String::new())
    }
    async fn get_of_any_owner(&self, _: &Bucket) -> Result<(), AwsError> {
        self.note("get_of_any_owner", ())
    }
    async fn is_own_bucket(&self, _: &Bucket) -> Result<bool, AwsError> {
        self.note("is_own_bucket", false)
    }
}

#[async_trait]
impl S3Api for RecordingAws {
    async fn put(&self, _: &Bucket, _: String, _: Validation) -> Result<(), AwsError> {
        self.note("put", ())
    }
}

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
    let (lambda, rules, notifications) = (aws.lambda(region), aws.eventbridge(region), aws.s3(region));
    let tags = Tags::new();
    let refused = [
        aws.account().await.err(),
        lambda.function(function, None).await.err(),
        lambda.policy(&arn(function)).await.err(),
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
        rules.rule(rule).await.err(),
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

const ALL: [&str; 29] = [
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
    "rule",
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
                "rule",
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
        "rule",
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

/// The context of a caller that accepts cached reads from `cached_since` on.
fn reader(cached_since: Instant) -> Arc<CallContext> {
    let context = CallContext::new("media", Priority::Low);
    context.accept_cached_reads(cached_since);
    context
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
        let refused = reader(began).scope(aws.policy(&thumbs)).await.err();
        assert_eq!(refused.map(|error| error.kind), expected, "{namespace}");
    }
    recorder.0.lock().retain(|call| *call != "account");
    assert_eq!((recorder.take(), began.elapsed()), (vec!["policy"], Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_write_after_a_cached_read_is_refused() {
    let (recorder, began) = (RecordingAws::default(), Instant::now());
    let aws = client(&recorder).lambda(REGION);
    let thumbs = FunctionArn::parse("arn:aws:lambda:eu-west-1:123456789012:function:thumbs").unwrap();
    aws.policy(&thumbs).await.unwrap();
    let context = reader(began);
    let read_and_write = || async {
        aws.policy(&thumbs).await.unwrap();
        aws.delete_function("made").await.err().map(|error| error.kind)
    };
    assert_eq!(context.clone().scope(read_and_write()).await, Some(AwsErrorKind::Unavailable));
    assert_eq!(recorder.take(), ["policy"]);
    context.require_fresh_reads();
    assert_eq!(context.scope(read_and_write()).await, None);
    assert_eq!(recorder.take(), ["policy", "delete_function"]);
}

#[tokio::test(start_paused = true)]
async fn each_request_takes_a_token_and_a_write_to_a_bucket_never_waits() {
    let rates = Rates { lambda: 1.0, events: 1.0, s3: 1.0 };
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
