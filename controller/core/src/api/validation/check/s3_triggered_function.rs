//! Checks of an `S3TriggeredFunction`.

use super::function::{function, is_in_region, region};
use super::{FieldError, is_account, messages, over_length, unless};
use crate::api::bucket_name::{LEGACY_REGION, is_bucket_name, is_legacy_bucket_name};
use crate::api::key_encoding::{encode_filter, has_percent_encoding, is_xml_text};
use crate::api::validation::limits;
use crate::api::{EVENT_NAMES, KeyFilter, S3TriggeredFunctionSpec, encode_key, events_overlap, keys_overlap};

impl S3TriggeredFunctionSpec {
    /// All errors of the spec that need no call to AWS. An empty list means that the spec is valid as far as known.
    pub fn check(&self) -> Vec<FieldError> {
        let mut errors = function(&self.function);
        errors.extend(bucket(&self.bucket, self.may_be_legacy()));
        errors.extend(self.bucket_owner.as_ref().and_then(bucket_owner));
        errors.extend(events(&self.events));
        errors.extend(filters(&self.filters));
        errors.extend(region(&self.function, self.region.as_ref()));
        errors
    }

    /// The error of a bucket that cannot be in `region`, since only us-east-1 has buckets with legacy names. The spec
    /// may name no Region, so [`check`](Self::check) leaves the operator's default Region to the caller.
    pub fn check_region(&self, region: &str) -> Option<FieldError> {
        bucket(&self.bucket, region == LEGACY_REGION).into_iter().next()
    }

    /// True unless `region` or the function's ARN names a Region without legacy names.
    fn may_be_legacy(&self) -> bool {
        match (&self.region, &self.function.arn) {
            (Some(region), _) => region == LEGACY_REGION,
            (None, Some(arn)) => is_in_region(arn, LEGACY_REGION),
            (None, None) => true,
        }
    }
}

fn bucket(name: &String, may_be_legacy: bool) -> Vec<FieldError> {
    let field = "spec.bucket";
    let long = over_length(field, Some(name), limits::ARN);
    if long.is_some() {
        return long.into_iter().collect();
    }
    let is_name = is_legacy_bucket_name(name);
    let rules = [
        unless(is_name, field, messages::BUCKET),
        unless(!is_name || may_be_legacy || is_bucket_name(name), field, messages::LEGACY_BUCKET),
        unless(!name.ends_with("--x-s3"), field, messages::DIRECTORY_BUCKET),
        unless(!name.ends_with("-s3alias"), field, messages::ACCESS_POINT_ALIAS),
    ];
    rules.into_iter().flatten().collect()
}

fn bucket_owner(account: &String) -> Option<FieldError> {
    let field = "spec.bucketOwner";
    over_length(field, Some(account), limits::ACCOUNT)
        .or_else(|| unless(is_account(account), field, messages::BUCKET_OWNER))
}

fn events(events: &[String]) -> Vec<FieldError> {
    let field = "spec.events";
    if events.len() > EVENT_NAMES.len() {
        return vec![FieldError::new(field, messages::too_many(events.len(), EVENT_NAMES.len()))];
    }
    let unknown: Vec<FieldError> = events
        .iter()
        .enumerate()
        .filter(|(_, event)| !EVENT_NAMES.contains(&event.as_str()))
        .map(|(i, event)| {
            FieldError::new(
                format!("{field}[{i}]"),
                messages::unsupported(&format!("{event:?}"), &EVENT_NAMES),
            )
        })
        .collect();
    if !unknown.is_empty() {
        return unknown;
    }
    let once = all_pairs(events, |a, b| !events_overlap(a, b));
    let none = unless(!events.is_empty(), field, messages::NO_EVENTS);
    none.into_iter().chain(unless(once, field, messages::EVENTS_MEET)).collect()
}

fn filters(filters: &[KeyFilter]) -> Vec<FieldError> {
    let field = "spec.filters";
    if filters.len() > limits::FILTERS {
        return vec![FieldError::new(field, messages::too_many(filters.len(), limits::FILTERS))];
    }
    let of_filters = filters.iter().enumerate().flat_map(|(i, one)| filter(&format!("{field}[{i}]"), one));
    let apart = |filters: &[KeyFilter]| all_pairs(filters, |a, b| !keys_overlap(a, b));
    let encoded: Vec<KeyFilter> = filters.iter().map(encode_filter).collect();
    let overlap = unless(apart(filters), field, messages::FILTERS_MEET)
        .or_else(|| unless(apart(&encoded), field, messages::FILTERS_MEET_ENCODED));
    of_filters.chain(overlap).collect()
}

fn filter(field: &str, filter: &KeyFilter) -> Vec<FieldError> {
    let KeyFilter { prefix, suffix, literal_percent } = filter;
    let is_literal = literal_percent.unwrap_or_default();
    let part = |name: &str, text: &String| {
        let field = format!("{field}.{name}");
        let long = over_length(&field, Some(text), limits::KEY);
        if long.is_some() {
            return vec![long];
        }
        vec![
            unless(!text.contains('*'), &field, messages::WILDCARD),
            unless(is_literal || !has_percent_encoding(text), &field, messages::PERCENT_ENCODED),
            unless(is_xml_text(text), &field, messages::KEY_CHARACTERS),
            unless(encode_key(text).len() <= limits::KEY, &field, messages::KEY_BYTES),
        ]
    };
    let is_empty = |part: &Option<String>| part.as_ref().is_none_or(String::is_empty);
    let empty = unless(!is_empty(prefix) || !is_empty(suffix), field, messages::EMPTY_FILTER);
    let prefix = prefix.iter().flat_map(|text| part("prefix", text));
    let suffix = suffix.iter().flat_map(|text| part("suffix", text));
    [empty].into_iter().chain(prefix).chain(suffix).flatten().collect()
}

fn all_pairs<T>(items: &[T], holds: impl Fn(&T, &T) -> bool) -> bool {
    items.iter().enumerate().all(|(i, a)| items[i + 1..].iter().all(|b| holds(a, b)))
}
