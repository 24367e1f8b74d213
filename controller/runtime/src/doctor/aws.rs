//! Checks of AWS: the Region, the credentials, and the permissions to read.

use std::sync::Arc;

use lambda_triggers_core::diagnosis::Check;
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::status::Component;
use lambda_triggers_core::tenancy::Tenancy;
use tokio::time::Instant;

use super::kubernetes::Cluster;
use super::scheduler::{self, SCHEDULER};
use super::subjects::Subjects;
use super::tenancy::{foreign_scheduler_role, roles};
use super::{Options, inventory, read};
use crate::aws::{Aws, AwsReads, Caller, NoRegion, Sdk, SdkSettings};
use crate::error_chain;
use crate::network::Network;

const CREDENTIALS: &str = "AWS credentials";
const REGION: &str = "AWS Region";
const NO_AWS: &str = "AWS cannot be called";

/// Runs the checks of AWS.
pub async fn examine(
    options: &Options,
    network: Network,
    cluster: &Cluster,
    tenancy: Option<&Tenancy>,
) -> Vec<Check> {
    let (mut checks, connected) = connect(options, network, cluster.is_operator).await;
    let Some((sdk, caller)) = connected else {
        let skipped = ["rules", SCHEDULER, "functions", "buckets"];
        checks.extend(skipped.map(|name| Check::skipped(name, NO_AWS)));
        return checks;
    };
    let owner = cluster.owner.as_ref();
    if let (Some(tenancy), Some(path)) = (tenancy, &options.tenancy_file) {
        checks.extend(foreign_scheduler_role(path, tenancy, &caller.account));
        checks.extend(roles(&sdk, owner, tenancy).await);
    }
    match owner {
        Some(owner) => checks.extend(rules(&sdk, &caller, owner).await),
        None => checks.push(Check::skipped("rules", "the owner id is not known; give --owner-id")),
    }
    let sdk = Arc::new(sdk);
    let subjects = Subjects::new(options, cluster, &caller.account, sdk.default_region());
    let role = options.scheduler_role.as_deref();
    checks.extend(scheduler::examine(&sdk, &caller, owner, role, &subjects.scheduled).await);
    checks.extend(subjects.examine(&*sdk).await);
    if options.all {
        let aws = AwsReads::new(Arc::new(sdk.clone().into_client()));
        checks.extend(inventory::examine(&aws, cluster, &caller.account).await);
    }
    checks.push(Check::skipped(
        "writes to AWS",
        "doctor does not write; compare the role's policy with lambda-triggers iam-policy",
    ));
    checks
}

/// Loads the Region and the credentials.
pub async fn connect(
    options: &Options,
    network: Network,
    is_operator: Option<bool>,
) -> (Vec<Check>, Option<(Sdk, Caller)>) {
    let sdk = match load(options.region.clone(), network).await {
        Ok(sdk) => sdk,
        Err(error) => {
            let failed = Check::failed(REGION, error_chain(&error));
            return (vec![failed, Check::skipped(CREDENTIALS, NO_AWS)], None);
        }
    };
    let region = Check::ok(REGION, sdk.default_region());
    match sdk.caller().await {
        Ok(caller) => {
            let whose = match is_operator {
                Some(false) => "; yours, not the operator's: run doctor in the operator's pod",
                Some(true) | None => "",
            };
            let message = format!("{} in account {}{whose}", caller.arn, caller.account);
            (vec![region, Check::ok(CREDENTIALS, message)], Some((sdk, caller)))
        }
        Err(error) => {
            let failed = Check::failed(CREDENTIALS, error.failure(Component::Permission).message);
            (vec![region, failed], None)
        }
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
