//! The rules of the CRDs in Rust, for objects that the API server did not check: objects older than a rule, and
//! objects of another CRD.
//!
//! Each check has the message of the CRD's rule. An API server cannot evaluate these checks:
//!
//! - the size of `input`, the syntax of `inputJson`, and both fields together
//! - a local time of `at(...)` that the time zone leaves out
//! - the size of `environment` in bytes
//! - the characters of a tag's key
//! - suffixes that overlap after the encoding

mod code;
mod default_tags;
mod definition;
mod function;
mod s3_triggered_function;
mod scheduled_function;

pub(in crate::api) use code::is_dns_subdomain;
pub use default_tags::parse_default_tags;

use super::{FieldError, messages};

/// The error of a field, unless `holds` is true.
fn unless(holds: bool, field: &str, message: &str) -> Option<FieldError> {
    (!holds).then(|| FieldError::new(field, message))
}

/// The error of a string above the schema's maximum length, in characters.
fn over_length(field: &str, text: Option<&String>, limit: usize) -> Option<FieldError> {
    let long = text.is_some_and(|text| text.chars().count() > limit);
    long.then(|| FieldError::new(field, messages::too_long(limit)))
}

/// The error of a list or map above the schema's maximum size.
fn over_count(field: &str, count: usize, limit: usize) -> Option<FieldError> {
    (count > limit).then(|| FieldError::new(field, messages::too_many(count, limit)))
}

/// The error of a string that is too long or fails the check `is`.
fn unless_is(
    field: &str,
    text: &String,
    limit: usize,
    is: impl FnOnce(&str) -> bool,
    message: &str,
) -> Option<FieldError> {
    over_length(field, Some(text), limit).or_else(|| unless(is(text), field, message))
}

/// True for letters, digits, hyphens and underscores, like most names in AWS.
fn is_word(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// True for twelve digits.
fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_partition(text: &str) -> bool {
    let rest = text.strip_prefix("aws");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-') && rest.bytes().all(is_lower_or_hyphen))
}

/// True for words of letters and a final number: `eu-west-1`, `us-gov-east-1`.
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

/// The parts after the account in `arn:<partition>:<service>:<region>:<account>:<parts>`. `None` for an invalid ARN,
/// and for another service.
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
