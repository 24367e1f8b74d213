//! The rules of an `S3TriggeredFunction`.

use schemars::Schema;
use serde_json::json;

use super::super::{EVENT_NAMES, limits, messages};
use super::{rule, set};

pub(in crate::api) fn bucket(schema: &mut Schema) {
    set(schema, "maxLength", limits::ARN);
    rule(
        schema,
        "self.matches('^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$') && !self.contains('..')",
        messages::BUCKET,
    );
    rule(schema, "!self.endsWith('--x-s3')", messages::DIRECTORY_BUCKET);
    rule(schema, "!self.endsWith('-s3alias')", messages::ACCESS_POINT_ALIAS);
}

pub(in crate::api) fn bucket_owner(schema: &mut Schema) {
    set(schema, "maxLength", limits::ACCOUNT);
    rule(schema, "self.matches('^[0-9]{12}$')", messages::BUCKET_OWNER);
}

pub(in crate::api) fn events(schema: &mut Schema) {
    set(schema, "maxItems", EVENT_NAMES.len());
    set(schema, "items", json!({"type": "string", "maxLength": 64, "enum": EVENT_NAMES}));
    rule(schema, "self.size() > 0", messages::NO_EVENTS);
    let meet = |wildcard, name| {
        format!(
            "{wildcard}.endsWith(':*') && {name}.startsWith({wildcard}.substring(0, {wildcard}.size() - 1))"
        )
    };
    let once = format!(
        "self.all(a, self.filter(b, a == b || {} || {}).size() == 1)",
        meet("a", "b"),
        meet("b", "a")
    );
    rule(schema, once, messages::EVENTS_MEET);
}

pub(in crate::api) fn filters(schema: &mut Schema) {
    set(schema, "maxItems", limits::FILTERS);
    let either = |part: &str, relation: &str| {
        let text = |filter| format!("(has({filter}.{part}) ? {filter}.{part} : '')");
        let (a, b) = (text("a"), text("b"));
        format!("({a}.{relation}({b}) || {b}.{relation}({a}))")
    };
    let apart = format!(
        "self.all(a, self.filter(b, {} && {}).size() == 1)",
        either("prefix", "startsWith"),
        either("suffix", "endsWith")
    );
    rule(schema, apart, messages::FILTERS_MEET);
}

pub(in crate::api) fn filter(schema: &mut Schema) {
    rule(
        schema,
        "(has(self.prefix) && self.prefix != '') || (has(self.suffix) && self.suffix != '')",
        messages::EMPTY_FILTER,
    );
}

pub(in crate::api) fn key_part(schema: &mut Schema) {
    set(schema, "maxLength", limits::KEY);
    rule(schema, "!self.contains('*')", messages::WILDCARD);
}
