//! Checks of the fields that both resources share.

use super::definition::definition;
use super::{FieldError, is_account, is_partition, is_region, is_word, messages, over_length, unless};
use crate::api::validation::limits;
use crate::api::{FunctionRef, Tags};
use crate::arn::FunctionArn;

pub(super) fn function(function: &FunctionRef) -> Vec<FieldError> {
    let FunctionRef { name, arn, qualifier, definition: defined, permission: _ } = function;
    let length = [
        over_length("spec.function.name", name.as_ref(), limits::ARN),
        over_length("spec.function.arn", arn.as_ref(), limits::ARN),
        over_length("spec.function.qualifier", qualifier.as_ref(), limits::QUALIFIER),
    ];
    if length.iter().any(Option::is_some) {
        return length.into_iter().flatten().collect();
    }
    let set = [name.is_some(), arn.is_some(), defined.is_some()].into_iter().filter(|set| *set).count();
    let one = unless(set == 1, "spec.function", messages::ONE_FUNCTION);
    let name = name.as_ref().and_then(|name| {
        unless(is_word(name, limits::FUNCTION_NAME), "spec.function.name", messages::FUNCTION_NAME)
    });
    let twice = qualifier.is_some() && arn.as_ref().is_some_and(|arn| arn.split(':').count() > 7);
    [
        one,
        name,
        arn.as_deref().and_then(function_arn),
        qualifier.as_deref().and_then(function_qualifier),
        unless(!twice, "spec.function", messages::QUALIFIER_TWICE),
        unless(
            qualifier.is_none() || defined.is_none(),
            "spec.function",
            messages::QUALIFIER_BESIDE_DEFINITION,
        ),
    ]
    .into_iter()
    .flatten()
    .chain(defined.iter().flat_map(definition))
    .collect()
}

fn function_arn(arn: &str) -> Option<FieldError> {
    let field = "spec.function.arn";
    if arn.ends_with(":$LATEST") {
        return Some(FieldError::new(field, messages::LATEST));
    }
    let is_arn = FunctionArn::parse(arn).is_some_and(|arn| {
        is_partition(&arn.partition)
            && is_region(&arn.region)
            && is_account(&arn.account)
            && is_word(&arn.name, limits::FUNCTION_NAME)
            && arn.qualifier.is_none_or(|qualifier| is_word(&qualifier, limits::QUALIFIER))
    });
    unless(is_arn, field, messages::FUNCTION_ARN)
}

fn function_qualifier(qualifier: &str) -> Option<FieldError> {
    let field = "spec.function.qualifier";
    match qualifier {
        "$LATEST" => Some(FieldError::new(field, messages::LATEST)),
        _ => unless(is_word(qualifier, limits::QUALIFIER), field, messages::QUALIFIER),
    }
}

pub(super) fn region(function: &FunctionRef, region: Option<&String>) -> Vec<FieldError> {
    let (field, Some(region)) = ("spec.region", region) else { return vec![] };
    let long = over_length(field, Some(region), limits::REGION);
    if long.is_some() {
        return long.into_iter().collect();
    }
    let of_arn = function.arn.as_ref().is_none_or(|arn| is_in_region(arn, region));
    let rules =
        [unless(is_region(region), field, messages::REGION), unless(of_arn, field, messages::REGION_OF_ARN)];
    rules.into_iter().flatten().collect()
}

/// True if the ARN of a function has this Region. An invalid ARN has none, like in the rules of the CRDs.
pub(super) fn is_in_region(arn: &str, region: &str) -> bool {
    arn.contains(&format!(":lambda:{region}:"))
}

pub(super) fn tags(field: &str, tags: &Tags) -> Vec<FieldError> {
    let too_many = (tags.len() > limits::TAGS)
        .then(|| FieldError::new(field, messages::too_many(tags.len(), limits::TAGS)));
    let values = tags
        .iter()
        .filter_map(|(key, value)| over_length(&format!("{field}.{key}"), Some(value), limits::TAG_VALUE));
    let key = |holds: fn(&str) -> bool, message| unless(tags.keys().all(|key| holds(key)), field, message);
    let keys = [
        key(|key| (1..=limits::TAG_KEY).contains(&key.chars().count()), messages::TAG_KEY_LENGTH),
        key(|key| !key.to_ascii_lowercase().starts_with("aws:"), messages::AWS_TAG_KEY),
        key(|key| !key.starts_with("lambda-triggers.dev/"), messages::RESERVED_TAG_KEY),
        unless(
            tags.iter().flat_map(|(key, value)| key.chars().chain(value.chars())).all(is_tag_character),
            field,
            messages::TAG_CHARACTERS,
        ),
    ];
    too_many.into_iter().chain(values).chain(keys.into_iter().flatten()).collect()
}

/// True for a character that AWS allows in tags
/// (<https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>).
fn is_tag_character(character: char) -> bool {
    character.is_alphanumeric() || character == ' ' || "_.:/=+-@".contains(character)
}
