//! The rules of an `S3TriggeredFunction`.

use super::function::{function, region};
use super::{Problem, is_account, messages, over_length, unless};
use crate::api::{EVENT_NAMES, KeyFilter, S3TriggeredFunctionSpec, events_meet, keys_meet, limits};

impl S3TriggeredFunctionSpec {
    /// All that is wrong with the spec as far as it can be known without AWS; nothing, if it can be tried.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = function(&self.function);
        problems.extend(bucket(&self.bucket));
        problems.extend(self.bucket_owner.as_ref().and_then(bucket_owner));
        problems.extend(events(&self.events));
        problems.extend(filters(&self.filters));
        problems.extend(region(&self.function, self.region.as_ref()));
        problems
    }
}

fn bucket(name: &String) -> Option<Problem> {
    let field = "spec.bucket";
    over_length(field, Some(name), limits::ARN)
        .or_else(|| unless(is_bucket(name), field, messages::BUCKET))
        .or_else(|| unless(!name.ends_with("--x-s3"), field, messages::DIRECTORY_BUCKET))
        .or_else(|| unless(!name.ends_with("-s3alias"), field, messages::ACCESS_POINT_ALIAS))
}

fn bucket_owner(account: &String) -> Option<Problem> {
    let field = "spec.bucketOwner";
    over_length(field, Some(account), limits::ACCOUNT)
        .or_else(|| unless(is_account(account), field, messages::BUCKET_OWNER))
}

/// The grammar of <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
fn is_bucket(name: &str) -> bool {
    let is_edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=limits::BUCKET).contains(&name.len())
        && bytes.iter().all(|&b| is_edge(b) || b == b'-' || b == b'.')
        && bytes.first().is_some_and(|&b| is_edge(b))
        && bytes.last().is_some_and(|&b| is_edge(b))
        && !name.contains("..")
}

fn events(events: &[String]) -> Vec<Problem> {
    let field = "spec.events";
    if events.len() > EVENT_NAMES.len() {
        return vec![Problem::new(field, messages::too_many(events.len(), EVENT_NAMES.len()))];
    }
    let unknown: Vec<Problem> = events
        .iter()
        .enumerate()
        .filter(|(_, event)| !EVENT_NAMES.contains(&event.as_str()))
        .map(|(i, event)| Problem::new(format!("{field}[{i}]"), messages::unsupported(event, &EVENT_NAMES)))
        .collect();
    if !unknown.is_empty() {
        return unknown;
    }
    let once = all_pairs(events, |a, b| !events_meet(a, b));
    let none = unless(!events.is_empty(), field, messages::NO_EVENTS);
    none.into_iter().chain(unless(once, field, messages::EVENTS_MEET)).collect()
}

fn filters(filters: &[KeyFilter]) -> Vec<Problem> {
    let field = "spec.filters";
    if filters.len() > limits::FILTERS {
        return vec![Problem::new(field, messages::too_many(filters.len(), limits::FILTERS))];
    }
    let mut problems: Vec<Problem> =
        filters.iter().enumerate().flat_map(|(i, one)| filter(&format!("{field}[{i}]"), one)).collect();
    if problems.is_empty() {
        problems.extend(unless(all_pairs(filters, |a, b| !keys_meet(a, b)), field, messages::FILTERS_MEET));
    }
    problems
}

fn filter(field: &str, filter: &KeyFilter) -> Vec<Problem> {
    let KeyFilter { prefix, suffix } = filter;
    let part = |name: &str, part: &Option<String>| {
        let field = format!("{field}.{name}");
        let text = part.as_ref()?;
        over_length(&field, Some(text), limits::KEY)
            .or_else(|| unless(!text.contains('*'), &field, messages::WILDCARD))
    };
    let is_empty = |part: &Option<String>| part.as_ref().is_none_or(String::is_empty);
    let empty = unless(!is_empty(prefix) || !is_empty(suffix), field, messages::EMPTY_FILTER);
    empty.into_iter().chain(part("prefix", prefix)).chain(part("suffix", suffix)).collect()
}

fn all_pairs<T>(items: &[T], holds: impl Fn(&T, &T) -> bool) -> bool {
    items.iter().enumerate().all(|(i, a)| items[i + 1..].iter().all(|b| holds(a, b)))
}
