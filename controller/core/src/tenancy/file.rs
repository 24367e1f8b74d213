//! The format of the tenancy file, in YAML or JSON, and its validation.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::pattern::{ArnPattern, NamePattern, Pattern, is_pattern};
use super::{Definitions, Role, Tenancy, Tenant};
use crate::arn::{is_account, is_of_a_role, role_account};

/// The error for an invalid tenancy file.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTenancy {
    /// The text is not YAML with the expected fields.
    #[error("{0}")]
    Form(String),
    /// A field has an invalid value.
    #[error("{place}: {problem}")]
    At {
        /// The path of the field, such as `namespaces.media.buckets[0]`.
        place: String,
        /// The problem, in words.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    #[serde(default)]
    contact: Option<String>,
    namespaces: BTreeMap<String, RawTenant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawTenant {
    #[serde(default)]
    role: Option<RawRole>,
    #[serde(default)]
    scheduler_role: Option<String>,
    #[serde(default)]
    regions: Option<Vec<String>>,
    #[serde(default)]
    buckets: Vec<String>,
    #[serde(default)]
    bucket_owners: Vec<String>,
    #[serde(default)]
    functions: Vec<String>,
    #[serde(default)]
    rule_targets: Vec<String>,
    #[serde(default)]
    dead_letter_queues: Vec<String>,
    #[serde(default)]
    definitions: Option<RawDefinitions>,
    #[serde(default)]
    contact: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawRole {
    arn: String,
    #[serde(default)]
    external_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawDefinitions {
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    code_buckets: Vec<String>,
    #[serde(default)]
    images: Vec<String>,
    #[serde(default)]
    layers: Vec<String>,
    #[serde(default)]
    subnets: Vec<String>,
    #[serde(default)]
    security_groups: Vec<String>,
    #[serde(default)]
    kms_keys: Vec<String>,
    #[serde(default)]
    reserved_concurrency: i32,
}

impl Tenancy {
    /// Parses and validates the text of a tenancy file.
    ///
    /// # Errors
    ///
    /// Returns an error with the position if the text is not valid YAML, has an unknown field or has an invalid
    /// value.
    pub fn parse(text: &str) -> Result<Self, InvalidTenancy> {
        let File { contact, namespaces } =
            serde_saphyr::from_str(text).map_err(|error| InvalidTenancy::Form(error.to_string()))?;
        let mut exact = BTreeMap::new();
        let mut patterns: Vec<(Pattern, Tenant)> = vec![];
        for (named, raw) in namespaces {
            let place = format!("namespaces.{named}");
            if !is_of(&named, 63, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-*?".contains(&b)) {
                return Err(at(&place, "is not a valid namespace name or pattern"));
            }
            let tenant = tenant(&place, &named, raw, contact.as_ref())?;
            if is_pattern(&named) {
                patterns.push((Pattern::new(named), tenant));
            } else {
                exact.insert(named, tenant);
            }
        }
        refuse_ties(&patterns)?;
        patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.literals()));
        Ok(Self { exact, patterns, contact })
    }
}

impl Tenancy {
    /// Validates the roles for EventBridge Scheduler of tenants that act in the operator's own `account`.
    ///
    /// # Errors
    ///
    /// A role is in another account.
    pub fn check_scheduler_roles(&self, account: &str) -> Result<(), InvalidTenancy> {
        for tenant in self.tenants().filter(|tenant| tenant.role.is_none()) {
            if let Some(arn) = &tenant.scheduler_role {
                check_account(&format!("namespaces.{}.schedulerRole", tenant.named), arn, account)?;
            }
        }
        Ok(())
    }
}

/// Rejects two equally specific patterns that match the same namespace, because neither pattern would have
/// precedence.
fn refuse_ties(patterns: &[(Pattern, Tenant)]) -> Result<(), InvalidTenancy> {
    for (n, (one, _)) in patterns.iter().enumerate() {
        let tie = |(other, _): &&(Pattern, Tenant)| one.literals() == other.literals() && one.overlaps(other);
        if let Some((other, _)) = patterns[n + 1..].iter().find(tie) {
            let problem = format!(
                "can match the same namespace as namespaces.{other}, with the same precedence; make one \
                 pattern longer, or add the namespace's full name"
            );
            return Err(at(&format!("namespaces.{one}"), problem));
        }
    }
    Ok(())
}

fn at(place: &str, problem: impl Into<String>) -> InvalidTenancy {
    InvalidTenancy::At { place: place.into(), problem: problem.into() }
}

fn tenant(
    place: &str,
    named: &str,
    raw: RawTenant,
    contact: Option<&String>,
) -> Result<Tenant, InvalidTenancy> {
    let at_field = |field: &str| format!("{place}.{field}");
    let regions = match raw.regions {
        Some(regions) => Some(list(&at_field("regions"), &regions, region)?),
        None => None,
    };
    let role = raw.role.map(|raw| role(&at_field("role"), raw)).transpose()?;
    if let Some(arn) = &raw.scheduler_role {
        check_scheduler_role(&at_field("schedulerRole"), arn, role.as_ref())?;
    }
    Ok(Tenant {
        named: named.into(),
        role,
        scheduler_role: raw.scheduler_role,
        regions,
        buckets: list(&at_field("buckets"), &raw.buckets, bucket)?,
        bucket_owners: list(&at_field("bucketOwners"), &raw.bucket_owners, account)?,
        functions: list(&at_field("functions"), &raw.functions, function)?,
        rule_targets: list(&at_field("ruleTargets"), &raw.rule_targets, function)?,
        dead_letter_queues: list(&at_field("deadLetterQueues"), &raw.dead_letter_queues, |text| {
            arn(text, &["sqs", "sns"], "arn:aws:sqs:eu-west-1:123456789012:my-*")
        })?,
        definitions: raw.definitions.map(|raw| definitions(&at_field("definitions"), raw)).transpose()?,
        contact: raw.contact.or_else(|| contact.cloned()),
    })
}

fn definitions(place: &str, raw: RawDefinitions) -> Result<Definitions, InvalidTenancy> {
    let at_field = |field: &str| format!("{place}.{field}");
    if raw.reserved_concurrency < 0 {
        return Err(at(&at_field("reservedConcurrency"), "is less than 0"));
    }
    Ok(Definitions {
        names: list(&at_field("names"), &raw.names, own_function)?,
        roles: list(&at_field("roles"), &raw.roles, execution_role)?,
        code_buckets: list(&at_field("codeBuckets"), &raw.code_buckets, bucket)?,
        images: list(&at_field("images"), &raw.images, image)?,
        layers: list(&at_field("layers"), &raw.layers, |text| {
            arn(text, &["lambda"], "arn:aws:lambda:*:123456789012:layer:my-*")
        })?,
        subnets: list(&at_field("subnets"), &raw.subnets, |text| id(text, "subnet-0bb1c79de3example"))?,
        security_groups: list(&at_field("securityGroups"), &raw.security_groups, |text| {
            id(text, "sg-0c9f7b1c8eexample")
        })?,
        kms_keys: list(&at_field("kmsKeys"), &raw.kms_keys, |text| {
            arn(text, &["kms"], "arn:aws:kms:eu-west-1:123456789012:key/*")
        })?,
        reserved_concurrency: raw.reserved_concurrency,
    })
}

/// Parses all items of a list. An error names the first invalid item.
fn list<T>(
    place: &str,
    texts: &[String],
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, InvalidTenancy> {
    let read_one = |(n, text): (usize, &String)| {
        read(text).map_err(|problem| at(&format!("{place}[{n}]"), format!("{text:?} {problem}")))
    };
    texts.iter().enumerate().map(read_one).collect()
}

/// Validates a role to assume. For the characters of an external id, see
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
fn role(place: &str, raw: RawRole) -> Result<Role, InvalidTenancy> {
    let RawRole { arn, external_id } = raw;
    check_role_arn(&format!("{place}.arn"), &arn)?;
    let is_external = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b);
    if external_id.as_ref().is_some_and(|id| id.len() < 2 || !is_of(id, 1224, is_external)) {
        let problem = "must have 2 to 1,224 letters, digits and characters of _+=,.@:/-";
        return Err(at(&format!("{place}.externalId"), problem));
    }
    Ok(Role { arn, external_id })
}

fn check_role_arn(place: &str, arn: &str) -> Result<(), InvalidTenancy> {
    if role_account(arn).is_some() {
        return Ok(());
    }
    let problem =
        format!("{arn:?} is not a valid role ARN; write for example arn:aws:iam::123456789012:role/media");
    Err(at(place, problem))
}

/// Validates a role for EventBridge Scheduler: the role must be in the account of the schedules, which is the account
/// of `role`. [`Tenancy::check_scheduler_roles`] validates the role of a tenant without `role`.
fn check_scheduler_role(place: &str, arn: &str, role: Option<&Role>) -> Result<(), InvalidTenancy> {
    check_role_arn(place, arn)?;
    match role {
        Some(role) => check_account(place, arn, role.account()),
        None => Ok(()),
    }
}

/// Validates that a role for EventBridge Scheduler is in the account of the schedules.
fn check_account(place: &str, arn: &str, account: &str) -> Result<(), InvalidTenancy> {
    let there = role_account(arn).unwrap_or_default();
    if there == account {
        return Ok(());
    }
    let problem = format!(
        "{arn} is a role of account {there}, but the namespace acts in account {account}; write a role of account \
         {account}"
    );
    Err(at(place, problem))
}

fn region(text: &str) -> Result<Pattern, String> {
    let is_region = is_of(text, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-*?".contains(&b));
    if is_region {
        Ok(Pattern::new(text))
    } else {
        Err("is not a valid Region; write for example eu-west-1 or eu-*".into())
    }
}

fn bucket(text: &str) -> Result<Pattern, String> {
    // Old buckets in us-east-1 have names with up to 255 characters, capital letters and `_`.
    let is_bucket = |b: u8| b.is_ascii_alphanumeric() || b"._-*?".contains(&b);
    if is_of(text, 255, is_bucket) {
        Ok(Pattern::new(text))
    } else {
        Err("is not a valid bucket name; write for example my-bucket or media-*".into())
    }
}

fn account(text: &str) -> Result<String, String> {
    if is_account(text) {
        Ok(text.into())
    } else {
        Err("is not a valid account id; write its 12 digits, in quotes".into())
    }
}

/// A function name with an optional `:<alias or version>`, or a function ARN.
fn function(text: &str) -> Result<NamePattern, String> {
    let of_function = |arn: &ArnPattern| arn.to_string().splitn(6, ':').nth(5).is_some_and(is_function_part);
    if text.starts_with("arn:") {
        let pattern = ArnPattern::parse(text, &["lambda"]).filter(of_function);
        let words = "is not a valid function ARN; write for example \
                     arn:aws:lambda:eu-west-1:123456789012:function:media-*";
        return pattern.map(NamePattern::Arn).ok_or_else(|| words.into());
    }
    let (name, qualifier) = text.split_once(':').map_or((text, None), |(name, q)| (name, Some(q)));
    if is_word(name, 64) && qualifier.is_none_or(|qualifier| is_word(qualifier, 128)) {
        Ok(NamePattern::Name(Pattern::new(text)))
    } else {
        Err("is not a valid function; write for example media-*, media-*:live or \
             arn:aws:lambda:eu-west-1:123456789012:function:media-*"
            .into())
    }
}

fn is_function_part(resource: &str) -> bool {
    resource.strip_prefix("function:").is_some_and(|name| !name.is_empty())
}

fn own_function(text: &str) -> Result<Pattern, String> {
    if is_word(text, 64) {
        Ok(Pattern::new(text))
    } else {
        Err("is not a valid function name; write for example media-*".into())
    }
}

/// A role name with its path, or a role ARN.
fn execution_role(text: &str) -> Result<NamePattern, String> {
    let words = || {
        "is not a valid role; write for example lambda/media-* or \
         arn:aws:iam::123456789012:role/lambda/media-*"
            .to_owned()
    };
    if text.starts_with("arn:") {
        let of_role = |arn: &ArnPattern| arn.to_string().contains(":role/");
        let pattern = ArnPattern::parse(text, &["iam"]).filter(of_role);
        return pattern.map(NamePattern::Arn).ok_or_else(words);
    }
    let is_name = |b: u8| is_of_a_role(b) || b"*?".contains(&b);
    if is_of(text, 576, is_name) { Ok(NamePattern::Name(Pattern::new(text))) } else { Err(words()) }
}

fn image(text: &str) -> Result<Pattern, String> {
    let is_uri = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@*?".contains(&b);
    if is_of(text, 1024, is_uri) && text.contains('/') {
        Ok(Pattern::new(text))
    } else {
        Err("is not a valid image; write for example 123456789012.dkr.ecr.eu-west-1.amazonaws.com/media-*"
            .into())
    }
}

fn arn(text: &str, services: &[&str], example: &str) -> Result<ArnPattern, String> {
    ArnPattern::parse(text, services)
        .ok_or_else(|| format!("is not a valid ARN; write for example {example}"))
}

fn id(text: &str, example: &str) -> Result<Pattern, String> {
    if is_word(text, 64) {
        Ok(Pattern::new(text))
    } else {
        Err(format!("is not a valid id; write for example {example}"))
    }
}

/// A name or pattern of letters, digits, hyphens and underscores.
fn is_word(text: &str, longest: usize) -> bool {
    is_of(text, longest, |b| b.is_ascii_alphanumeric() || b"-_*?".contains(&b))
}

fn is_of(text: &str, longest: usize, is: impl Fn(u8) -> bool) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_part_has_a_name() {
        for (resource, expected) in [("function:media-*", true), ("function:", false), ("layer:media", false)]
        {
            assert_eq!(is_function_part(resource), expected, "{resource}");
        }
    }
}
