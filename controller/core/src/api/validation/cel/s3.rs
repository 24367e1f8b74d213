//! CEL rules of an `S3TriggeredFunction`.

use schemars::Schema;
use serde_json::json;

use super::{rule, rule_at, set};
use crate::api::EVENT_NAMES;
use crate::api::bucket_name::{LEGACY_REGEX, LEGACY_REGION, REGEX};
use crate::api::validation::{limits, messages};

pub(in crate::api) fn bucket(schema: &mut Schema) {
    set(schema, "maxLength", limits::ARN);
    rule(schema, format!("self.matches('{LEGACY_REGEX}')"), messages::BUCKET);
    rule(schema, "!self.endsWith('--x-s3')", messages::DIRECTORY_BUCKET);
    rule(schema, "!self.endsWith('-s3alias')", messages::ACCESS_POINT_ALIAS);
}

/// Rule of the whole spec: a bucket with a legacy name is in us-east-1, if the spec names a Region.
pub(in crate::api) fn region_of_bucket(schema: &mut Schema) {
    let is_new = format!("self.bucket.matches('{REGEX}') && !self.bucket.contains('..')");
    let is_no_name = format!("!self.bucket.matches('{LEGACY_REGEX}')");
    // Kubernetes' escape of `function`, which is a reserved word in CEL.
    let arn = "self.__function__.arn";
    let of_arn = format!("!has({arn}) || {arn}.contains(':lambda:{LEGACY_REGION}:')");
    let in_region = format!("has(self.region) ? self.region == '{LEGACY_REGION}' : ({of_arn})");
    let holds = format!("{is_new} || {is_no_name} || ({in_region})");
    rule_at(schema, ".bucket", holds, messages::LEGACY_BUCKET);
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
    for part in ["prefix", "suffix"] {
        let is_literal = "(has(self.literalPercent) && self.literalPercent)";
        let is_encoded = format!("has(self.{part}) && self.{part}.matches('%[0-9A-Fa-f]{{2}}')");
        rule_at(
            schema,
            &format!(".{part}"),
            format!("{is_literal} || !({is_encoded})"),
            messages::PERCENT_ENCODED,
        );
    }
}

pub(in crate::api) fn key_part(schema: &mut Schema) {
    set(schema, "maxLength", limits::KEY);
    rule(schema, "!self.contains('*')", messages::WILDCARD);
    let of_xml = r"[\t\n\r\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]";
    rule(schema, format!("self.matches(r'^{of_xml}*$')"), messages::KEY_CHARACTERS);
    // The encoding of a byte has three characters, and the encoding of a plain character has one.
    let length = "3 * bytes(self).size() - 2 * self.findAll('[A-Za-z0-9._~/ -]').size()";
    rule(schema, format!("{length} <= {}", limits::KEY), messages::KEY_BYTES);
}
