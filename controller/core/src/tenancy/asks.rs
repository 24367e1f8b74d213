//! What a spec names in AWS, as the things that its namespace must be permitted; and the same of what is sent to Lambda.

use super::{Own, Thing};
use crate::api::{FunctionDefinition, FunctionRef, S3TriggeredFunctionSpec, ScheduledFunctionSpec};
use crate::arn::{FunctionArn, partition_of};
use crate::plan::function::{CodeSource, Configuration};
use crate::plan::report::Component;

/// A thing that a spec names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The field that names it.
    pub field: &'static str,
    /// The part of the object that it belongs to.
    pub part: Component,
    /// What it names.
    pub thing: Thing,
}

fn ask(part: Component, field: &'static str, thing: Thing) -> Ask {
    Ask { field, part, thing }
}

/// What a `ScheduledFunction` names, which is in `region`.
pub fn asks_of_scheduled(spec: &ScheduledFunctionSpec, region: &str, own: &Own) -> Vec<Ask> {
    let (field, asks) = function(&spec.function, spec.region.is_some(), region, own);
    let target = function_arn(&spec.function, region, own)
        .map(|arn| ask(Component::Rule, field, Thing::RuleTarget(arn)));
    let queue = spec.dead_letter_queue_arn.iter();
    let queue =
        queue.map(|arn| ask(Component::Rule, "spec.deadLetterQueueArn", Thing::DeadLetterQueue(arn.clone())));
    asks.into_iter().chain(target).chain(queue).collect()
}

/// What an `S3TriggeredFunction` names, which is in `region`.
pub fn asks_of_s3(spec: &S3TriggeredFunctionSpec, region: &str, own: &Own) -> Vec<Ask> {
    let (field, mut asks) = function(&spec.function, spec.region.is_some(), region, own);
    asks.push(ask(Component::Notification, "spec.bucket", Thing::Bucket(spec.bucket.clone())));
    // Without an owner, it is to be the function's account.
    let owner = match (&spec.bucket_owner, function_arn(&spec.function, region, own)) {
        (Some(owner), _) => Some(("spec.bucketOwner", owner.clone())),
        (None, arn) => arn.map(|arn| (field, arn.account)),
    };
    let owner = owner.map(|(field, owner)| ask(Component::Notification, field, Thing::BucketOwner(owner)));
    asks.into_iter().chain(owner).collect()
}

/// The Region and the function of a spec, and the field that names the function.
fn function(
    function: &FunctionRef,
    region_is_given: bool,
    region: &str,
    own: &Own,
) -> (&'static str, Vec<Ask>) {
    let field = if function.arn.is_some() { "spec.function.arn" } else { "spec.function.name" };
    let region_field = if region_is_given || function.arn.is_none() { "spec.region" } else { field };
    let mut asks = vec![ask(Component::Function, region_field, Thing::Region(region.into()))];
    match &function.definition {
        Some(definition) => {
            asks.extend(of_definition(definition, own));
            ("spec.function.definition", asks)
        }
        None => {
            let arn = function_arn(function, region, own);
            asks.extend(arn.map(|arn| ask(Component::Function, field, Thing::Function(arn))));
            (field, asks)
        }
    }
}

/// The function that a spec names; none where it defines one.
fn function_arn(function: &FunctionRef, region: &str, own: &Own) -> Option<FunctionArn> {
    let FunctionRef { name, arn, qualifier, definition: _, permission: _ } = function;
    let mut arn = match (name, arn) {
        (_, Some(arn)) => FunctionArn::parse(arn)?,
        (Some(name), None) => FunctionArn {
            partition: partition_of(region).into(),
            region: region.into(),
            account: own.account.clone(),
            name: name.clone(),
            qualifier: None,
        },
        (None, None) => return None,
    };
    arn.qualifier = qualifier.clone().or(arn.qualifier);
    Some(arn)
}

fn of_definition(definition: &FunctionDefinition, own: &Own) -> Vec<Ask> {
    let name = definition.function_name.as_ref().or(own.functions.first()).cloned();
    let (code, vpc) = (&definition.code, definition.vpc.as_ref());
    let one = |field, thing: Option<Thing>| (field, thing.into_iter().collect::<Vec<_>>());
    let each = |field, texts: Option<&Vec<String>>, thing: fn(String) -> Thing| {
        (field, texts.into_iter().flatten().cloned().map(thing).collect())
    };
    let fields = [
        one("spec.function.definition.functionName", name.map(Thing::DeployedFunction)),
        one("spec.function.definition.role", Some(Thing::ExecutionRole(definition.role.clone()))),
        one(
            "spec.function.definition.code.s3.bucket",
            code.s3.as_ref().map(|s3| Thing::CodeBucket(s3.bucket.clone())),
        ),
        one(
            "spec.function.definition.code.image.uri",
            code.image.as_ref().map(|image| Thing::Image(image.uri.clone())),
        ),
        each("spec.function.definition.layers", Some(&definition.layers), Thing::Layer),
        each("spec.function.definition.vpc.subnetIds", vpc.map(|vpc| &vpc.subnet_ids), Thing::Subnet),
        each(
            "spec.function.definition.vpc.securityGroupIds",
            vpc.map(|vpc| &vpc.security_group_ids),
            Thing::SecurityGroup,
        ),
        one("spec.function.definition.kmsKeyArn", definition.kms_key_arn.clone().map(Thing::KmsKey)),
        one(
            "spec.function.definition.deadLetterQueueArn",
            definition.dead_letter_queue_arn.clone().map(Thing::DeadLetterQueue),
        ),
        one(
            "spec.function.definition.reservedConcurrency",
            definition.reserved_concurrency.map(Thing::ReservedConcurrency),
        ),
    ];
    let asks = |(field, things): (&'static str, Vec<Thing>)| {
        things.into_iter().map(move |thing| ask(Component::Function, field, thing))
    };
    fields.into_iter().flat_map(asks).collect()
}

/// What the settings of a function name, as they are sent to Lambda.
pub fn things_of_configuration(configuration: &Configuration) -> Vec<Thing> {
    let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    [Thing::ExecutionRole(configuration.role.clone())]
        .into_iter()
        .chain(configuration.layers.iter().cloned().map(Thing::Layer))
        .chain(configuration.subnets.iter().cloned().map(Thing::Subnet))
        .chain(configuration.security_groups.iter().cloned().map(Thing::SecurityGroup))
        .chain(filled(&configuration.kms_key_arn).map(Thing::KmsKey))
        .chain(filled(&configuration.dead_letter_queue_arn).map(Thing::DeadLetterQueue))
        .collect()
}

/// What the source of a function's code names.
pub fn things_of_code(code: &CodeSource) -> Vec<Thing> {
    match code {
        CodeSource::Archive(_) => vec![],
        CodeSource::S3 { bucket, .. } => vec![Thing::CodeBucket(bucket.clone())],
        CodeSource::Image { uri } => vec![Thing::Image(uri.clone())],
    }
}
