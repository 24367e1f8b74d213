//! The AWS resources that a spec references and that the tenancy file must permit.
//!
//! The same references are extracted from the settings that go to Lambda. The authorization layer checks the settings
//! again at the call.

use super::{ImplicitGrants, ResourceRef};
use crate::api::{Backend, FunctionDefinition, FunctionRef, S3TriggeredFunctionSpec, ScheduledFunctionSpec};
use crate::arn::FunctionArn;
use crate::plan::function::{CodeSource, Configuration};
use crate::status::Component;

/// An AWS resource that a spec references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The field with the reference.
    pub field: &'static str,
    /// The component that reports a refusal.
    pub component: Component,
    /// The referenced resource.
    pub resource: ResourceRef,
}

fn reference(component: Component, field: &'static str, resource: ResourceRef) -> Reference {
    Reference { field, component, resource }
}

/// The references of a `ScheduledFunction` in `region`. `default_backend` is the operator's.
pub fn references_of_scheduled(
    spec: &ScheduledFunctionSpec,
    default_backend: Backend,
    region: &str,
    own: &ImplicitGrants,
) -> Vec<Reference> {
    let (field, references) = function(&spec.function, spec.region.is_some(), region, own);
    let component = Component::for_backend(spec.backend(default_backend));
    let target = function_arn(&spec.function, region, own)
        .map(|arn| reference(component, field, ResourceRef::RuleTarget(arn)));
    let queue = spec.dead_letter_queue_arn.iter();
    let queue = queue.map(|arn| {
        reference(component, "spec.deadLetterQueueArn", ResourceRef::DeadLetterQueue(arn.clone()))
    });
    references.into_iter().chain(target).chain(queue).collect()
}

/// The references of an `S3TriggeredFunction` in `region`.
pub fn references_of_s3(
    spec: &S3TriggeredFunctionSpec,
    region: &str,
    own: &ImplicitGrants,
) -> Vec<Reference> {
    let (field, mut references) = function(&spec.function, spec.region.is_some(), region, own);
    references.push(reference(
        Component::Notification,
        "spec.bucket",
        ResourceRef::Bucket(spec.bucket.clone()),
    ));
    // Without `bucketOwner`, the owner must be the account of the function.
    let owner = match (&spec.bucket_owner, function_arn(&spec.function, region, own)) {
        (Some(owner), _) => Some(("spec.bucketOwner", owner.clone())),
        (None, arn) => arn.map(|arn| (field, arn.account)),
    };
    let owner = owner
        .map(|(field, owner)| reference(Component::Notification, field, ResourceRef::BucketOwner(owner)));
    references.into_iter().chain(owner).collect()
}

/// The name of the field with the function, and the references to the Region and the function.
fn function(
    function: &FunctionRef,
    region_is_given: bool,
    region: &str,
    own: &ImplicitGrants,
) -> (&'static str, Vec<Reference>) {
    let field = if function.arn.is_some() { "spec.function.arn" } else { "spec.function.name" };
    let region_field = if region_is_given || function.arn.is_none() { "spec.region" } else { field };
    let mut references =
        vec![reference(Component::Function, region_field, ResourceRef::Region(region.into()))];
    match &function.definition {
        Some(definition) => {
            references.extend(of_definition(definition, own));
            ("spec.function.definition", references)
        }
        None => {
            let arn = function_arn(function, region, own);
            references
                .extend(arn.map(|arn| reference(Component::Function, field, ResourceRef::Function(arn))));
            (field, references)
        }
    }
}

/// The existing function of a spec, or `None` if the spec defines a function.
fn function_arn(function: &FunctionRef, region: &str, own: &ImplicitGrants) -> Option<FunctionArn> {
    let FunctionRef { name, arn, qualifier, definition: _, permission: _ } = function;
    let mut arn = match (name, arn) {
        (_, Some(arn)) => FunctionArn::parse(arn)?,
        (Some(name), None) => FunctionArn::of_name(name, region, &own.account),
        (None, None) => return None,
    };
    arn.qualifier = qualifier.clone().or(arn.qualifier);
    Some(arn)
}

fn of_definition(definition: &FunctionDefinition, own: &ImplicitGrants) -> Vec<Reference> {
    let name = definition.function_name.as_ref().or(own.functions.first()).cloned();
    let (code, vpc) = (&definition.code, definition.vpc.as_ref());
    let one = |field, resource: Option<ResourceRef>| (field, resource.into_iter().collect::<Vec<_>>());
    let each = |field, texts: Option<&Vec<String>>, resource: fn(String) -> ResourceRef| {
        (field, texts.into_iter().flatten().cloned().map(resource).collect())
    };
    let fields = [
        one("spec.function.definition.functionName", name.map(ResourceRef::DeployedFunction)),
        one(
            "spec.function.definition.roleArn",
            Some(ResourceRef::ExecutionRole(definition.role_arn.clone())),
        ),
        one(
            "spec.function.definition.code.s3.bucket",
            code.s3.as_ref().map(|s3| ResourceRef::CodeBucket(s3.bucket.clone())),
        ),
        one(
            "spec.function.definition.code.image.uri",
            code.image.as_ref().map(|image| ResourceRef::Image(image.uri.clone())),
        ),
        each("spec.function.definition.layers", Some(&definition.layers), ResourceRef::Layer),
        each("spec.function.definition.vpc.subnetIds", vpc.map(|vpc| &vpc.subnet_ids), ResourceRef::Subnet),
        each(
            "spec.function.definition.vpc.securityGroupIds",
            vpc.map(|vpc| &vpc.security_group_ids),
            ResourceRef::SecurityGroup,
        ),
        one("spec.function.definition.kmsKeyArn", definition.kms_key_arn.clone().map(ResourceRef::KmsKey)),
        one(
            "spec.function.definition.deadLetterQueueArn",
            definition.dead_letter_queue_arn.clone().map(ResourceRef::DeadLetterQueue),
        ),
        one(
            "spec.function.definition.reservedConcurrency",
            definition.reserved_concurrency.map(ResourceRef::ReservedConcurrency),
        ),
    ];
    let references = |(field, references): (&'static str, Vec<ResourceRef>)| {
        references.into_iter().map(move |resource| reference(Component::Function, field, resource))
    };
    fields.into_iter().flat_map(references).collect()
}

/// The references in the settings of a function, as sent to Lambda.
pub fn references_of_configuration(configuration: &Configuration) -> Vec<ResourceRef> {
    let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    [ResourceRef::ExecutionRole(configuration.role.clone())]
        .into_iter()
        .chain(configuration.layers.iter().cloned().map(ResourceRef::Layer))
        .chain(configuration.subnets.iter().cloned().map(ResourceRef::Subnet))
        .chain(configuration.security_groups.iter().cloned().map(ResourceRef::SecurityGroup))
        .chain(filled(&configuration.kms_key_arn).map(ResourceRef::KmsKey))
        .chain(filled(&configuration.dead_letter_queue_arn).map(ResourceRef::DeadLetterQueue))
        .collect()
}

/// The references in the source of a function's code.
pub fn references_of_code(code: &CodeSource) -> Vec<ResourceRef> {
    match code {
        CodeSource::Archive(_) => vec![],
        CodeSource::S3 { bucket, .. } => vec![ResourceRef::CodeBucket(bucket.clone())],
        CodeSource::Image { uri } => vec![ResourceRef::Image(uri.clone())],
    }
}
