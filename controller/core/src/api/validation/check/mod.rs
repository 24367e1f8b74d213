//! The rules of the CRDs once more, for objects that got past them: made before a rule was, or under another CRD.
//!
//! Each rule gives the same message as the CRD's. A few rules are here alone, because an API server cannot know them:
//! the size of `input`, the inner parts of `inputJson` and its presence beside `input`, that of `environment` in bytes,
//! the characters of a tag's key, and suffixes that meet once they are encoded.

mod code;
mod default_tags;
mod definition;
mod function;
mod s3_triggered_function;
mod scheduled_function;

pub use default_tags::parse_default_tags;

use super::{FieldError, messages};

/// The rule that a field fails, if it does.
fn unless(holds: bool, field: &str, message: &str) -> Option<FieldError> {
    (!holds).then(|| FieldError::new(field, message))
}

/// A string over the length that the schema allows, in characters.
fn over_length(field: &str, text: Option<&String>, limit: usize) -> Option<FieldError> {
    let long = text.is_some_and(|text| text.chars().count() > limit);
    long.then(|| FieldError::new(field, messages::too_long(limit)))
}

/// A list or map over the number of items that the schema allows.
fn over_count(field: &str, count: usize, limit: usize) -> Option<FieldError> {
    (count > limit).then(|| FieldError::new(field, messages::too_many(count, limit)))
}

/// A string that is too long, or else one that is not as it has to be.
fn unless_is(
    field: &str,
    text: &String,
    limit: usize,
    is: impl FnOnce(&str) -> bool,
    message: &str,
) -> Option<FieldError> {
    over_length(field, Some(text), limit).or_else(|| unless(is(text), field, message))
}

/// Letters, digits, hyphens and underscores, as in the names of most things in AWS.
fn is_word(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// Twelve digits.
fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_partition(text: &str) -> bool {
    let rest = text.strip_prefix("aws");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-') && rest.bytes().all(is_lower_or_hyphen))
}

/// `eu-west-1`, `us-gov-east-1`: words of letters, then a number.
fn is_region(text: &str) -> bool {
    let mut words = text.split('-').rev();
    let number = words
        .next()
        .is_some_and(|last| matches!(last.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'9', b'0'..=b'9']));
    let names: Vec<&str> = words.collect();
    number
        && names.len() >= 2
        && names.iter().all(|name| is_lower(name))
        && text.len() <= super::limits::REGION
}

/// The parts of `arn:<partition>:<service>:<region>:<account>:<rest>`, the rest apart, where partition, Region and
/// account are such.
fn resource_of<'a>(arn: &'a str, services: &[&str]) -> Option<Vec<&'a str>> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", partition, service, region, account, rest @ ..] => {
            let holds = is_partition(partition) && services.contains(service);
            (holds && is_region(region) && is_account(account)).then(|| rest.to_vec())
        }
        _ => None,
    }
}

fn is_lower(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase())
}

fn is_lower_or_hyphen(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte == b'-'
}
