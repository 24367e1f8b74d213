//! Checks of AWS: the Region, the credentials, and the permissions to read.

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::diagnosis::Check;
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::plan::bucket::{Bucket, Document};
use lambda_triggers_core::status::Component;
use lambda_triggers_core::tenancy::Tenancy;
use tokio::time::Instant;

use super::kubernetes::Cluster;
use super::scheduler::{self, SCHEDULER};
use super::tenancy::{foreign_scheduler_role, roles};
use super::{Options, read};
use crate::aws::{Aws, AwsErrorKind, Caller, NoRegion, Sdk, SdkSettings};
use crate::error_chain;
use crate::network::Network;

const CREDENTIALS: &str = "AWS credentials";
const REGION: &str = "AWS Region";

/// The number of functions, and of buckets, that are checked without flags. Each one costs calls, and one usually shows
/// the permissions for all.
const SAMPLE: usize = 5;

/// Runs the checks of AWS.
pub async fn examine(
    options: &Options,
    network: Network,
    cluster: &Cluster,
    tenancy: Option<&Tenancy>,
) -> Vec<Check> {
    let mut checks = vec![];
    let skip = |checks: &mut Vec<Check>, names: &[&str]| {
        checks.extend(names.iter().map(|name| Check::skipped(*name, "AWS cannot be called")));
    };
    let sdk = match load(options.region.clone(), network).await {
        Ok(sdk) => sdk,
        Err(error) => {
            checks.push(Check::failed(REGION, error_chain(&error)));
            skip(&mut checks, &[CREDENTIALS, "rules", SCHEDULER, "functions", "buckets"]);
            return checks;
        }
    };
    checks.push(Check::ok(REGION, sdk.default_region()));
    let caller = match sdk.caller().await {
        Ok(caller) => caller,
        Err(error) => {
            checks.push(Check::failed(CREDENTIALS, error.failure(Component::Permission).message));
            skip(&mut checks, &["rules", SCHEDULER, "functions", "buckets"]);
            return checks;
        }
    };
    let whose = match cluster.is_operator {
        Some(false) => "; yours, not the operator's: run doctor in the operator's pod",
        Some(true) | None => "",
    };
    checks.push(Check::ok(CREDENTIALS, format!("{} in account {}{whose}", caller.arn, caller.account)));
    let owner = cluster.owner.as_ref();
    if let (Some(tenancy), Some(path)) = (tenancy, &options.tenancy_file) {
        checks.extend(foreign_scheduler_role(path, tenancy, &caller.account));
        checks.extend(roles(&sdk, owner, tenancy).await);
    }
    match owner {
        Some(owner) => checks.extend(rules(&sdk, &caller, owner).await),
        None => checks.push(Check::skipped("rules", "the owner id is not known; give --owner-id")),
    }
    let subjects = Subjects::new(options, cluster, &caller, sdk.default_region());
    let role = options.scheduler_role.as_deref();
    checks.extend(scheduler::examine(&sdk, &caller, owner, role, &subjects.scheduled).await);
    for function in subjects.functions.iter().take(subjects.limit) {
        checks.extend(self::function(&sdk, function).await);
    }
    checks.extend(subjects.rest("function", subjects.functions.len()));
    for bucket in subjects.buckets.iter().take(subjects.limit) {
        checks.push(self::bucket(&sdk, bucket).await);
    }
    checks.extend(subjects.rest("bucket", subjects.buckets.len()));
    checks.push(Check::skipped(
        "writes to AWS",
        "doctor does not write; compare the role's policy with lambda-triggers iam-policy",
    ));
    checks
}

/// The functions and buckets to check. The flags name them, or the Ready resources do.
struct Subjects {
    /// The functions, by name or ARN.
    functions: Vec<String>,
    /// The functions that the role for EventBridge Scheduler must be able to invoke.
    scheduled: Vec<String>,
    buckets: Vec<Bucket>,
    /// The number of functions, and of buckets, to check.
    limit: usize,
}

impl Subjects {
    fn new(options: &Options, cluster: &Cluster, caller: &Caller, region: &str) -> Self {
        let Options { functions, buckets, bucket_owner, .. } = options;
        let owner = bucket_owner.as_ref().unwrap_or(&caller.account);
        let named = |name: &String| Bucket { region: region.into(), name: name.clone(), owner: owner.clone() };
        let buckets = buckets.iter().map(named).collect();
        if options.names_subjects() {
            let functions = functions.clone();
            return Self { scheduled: functions.clone(), functions, buckets, limit: usize::MAX };
        }
        let used = cluster.resources.as_ref().map(|resources| resources.used(&caller.account));
        let used = used.unwrap_or_default();
        Self {
            functions: used.functions.iter().map(ToString::to_string).collect(),
            scheduled: used.scheduled.iter().take(SAMPLE).map(ToString::to_string).collect(),
            buckets: used.buckets.into_iter().collect(),
            limit: SAMPLE,
        }
    }

    /// The line about the functions or buckets beyond the limit.
    fn rest(&self, kind: &str, count: usize) -> Option<Check> {
        let further = count.checked_sub(self.limit).filter(|further| *further > 0)?;
        let message = format!("{further} more of the resources are not checked; give --{kind} NAME");
        Some(Check::skipped(format!("{kind}s"), message))
    }
}

/// The account of the credentials, and the account's partition.
pub async fn account_and_partition(region: Option<String>) -> Result<(String, String), String> {
    let network = Network::from_env().map_err(|error| error_chain(&error))?;
    let sdk = load(region, network).await.map_err(|error| error_chain(&error))?;
    let Caller { account, arn } =
        sdk.caller().await.map_err(|error| error.failure(Component::Permission).message)?;
    Ok((account, partition(&arn).to_owned()))
}

async fn load(region: Option<String>, network: Network) -> Result<Sdk, NoRegion> {
    Sdk::load(SdkSettings::for_reads(network, region)).await
}

fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or("aws")
}

/// Reads a rule that does not exist: AWS answers access denied even for a missing rule.
async fn rules(sdk: &Sdk, caller: &Caller, owner: &OwnerId) -> Vec<Check> {
    let region = sdk.default_region();
    let rules = sdk.eventbridge(region);
    let name = format!("{}doctor", owner.prefix());
    let nothing =
        format!("arn:{}:lambda:{region}:{}:function:{name}", partition(&caller.arn), caller.account);
    vec![
        read("events:DescribeRule", rules.describe(&name).await, Component::Rule, |_| {
            format!("on rules {}*", owner.prefix())
        }),
        read("events:ListRules", rules.list(&name, Instant::now()).await, Component::Rule, |_| {
            "of any name".into()
        }),
        read(
            "events:ListRuleNamesByTarget",
            rules.rules_with_target(&nothing, &owner.prefix()).await,
            Component::Permission,
            |_| "for any function".into(),
        ),
    ]
}

async fn function(sdk: &Sdk, named: &str) -> Vec<Check> {
    let arn = FunctionArn::parse(named);
    let check_name = format!("function {}", arn.as_ref().map_or(named.to_owned(), FunctionArn::short));
    let region = arn.as_ref().map_or(sdk.default_region(), |arn| &arn.region).to_owned();
    let (name, qualifier) = match &arn {
        Some(arn) => (arn.with_qualifier(None).to_string(), arn.qualifier.clone()),
        None => match named.split_once(':') {
            Some((name, qualifier)) => (name.to_owned(), Some(qualifier.to_owned())),
            None => (named.to_owned(), None),
        },
    };
    let functions = sdk.lambda(&region);
    let found = match functions.function(&name, qualifier.as_deref(), Instant::now()).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            let finding =
                format!("does not exist in {region}; deploy it there, or give another name, alias or Region");
            return vec![Check::failed(check_name, finding)];
        }
        Err(error) => return vec![Check::failed(check_name, error.failure(Component::Function).message)],
    };
    let state = match &found.failed {
        Some(why) => Check::failed(&check_name, format!("cannot be invoked: {why}; create it again")),
        None => Check::ok(&check_name, format!("is {}", found.arn)),
    };
    let policy = read(
        &format!("policy of function {}", found.arn.short()),
        functions.policy(&found.arn, Instant::now()).await,
        Component::Permission,
        |_| "can be read".into(),
    );
    vec![state, policy]
}

async fn bucket(sdk: &Sdk, bucket: &Bucket) -> Check {
    let what = format!("bucket {bucket}");
    let xml = match sdk.s3(&bucket.region).get(bucket).await {
        Ok(xml) => xml,
        Err(error) if error.kind == AwsErrorKind::NotFound => {
            return Check::failed(what, "does not exist; create it, or give another name");
        }
        Err(error) => return Check::failed(what, error.failure(Component::Notification).message),
    };
    match Document::parse(&xml) {
        Ok(document) => {
            let entries = document.entries().count();
            Check::ok(what, format!("can be read; entries in its notification configuration: {entries}"))
        }
        Err(error) => Check::failed(
            what,
            format!(
                "has a notification configuration that cannot be parsed, so the operator would not change it: \
                 {}",
                error_chain(&error)
            ),
        ),
    }
}
