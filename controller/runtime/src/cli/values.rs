//! Parsers of the values of flags. Each error says what to write instead.

use std::time::Duration;

use http::Uri;
use jiff::Timestamp;
use lambda_triggers_core::arn::role_account;
use lambda_triggers_core::ownership::ObjectKey;

/// Parses the URL of a collector.
pub fn collector(text: &str) -> Result<Uri, String> {
    let wrong = "write the URL of a collector's OTLP over HTTP, such as http://collector.tracing:4318";
    let url: Uri = text.parse().map_err(|error| format!("{error}; {wrong}"))?;
    match (url.scheme_str(), url.host()) {
        (Some("http" | "https"), Some(_)) => Ok(url),
        _ => Err(wrong.into()),
    }
}

/// Parses the name of a namespace.
pub fn namespace(text: &str) -> Result<String, String> {
    let is_label =
        text.split('-').all(|part| part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
    if is_label && (1..=63).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-') {
        Ok(text.into())
    } else {
        Err("not a valid namespace name; write for example team-a,team-b".into())
    }
}

/// Parses the ARN of a role.
pub fn role_arn(text: &str) -> Result<String, String> {
    match role_account(text) {
        Some(_) => Ok(text.into()),
        None => {
            Err("not a valid role ARN; write for example arn:aws:iam::123456789012:role/schedules".into())
        }
    }
}

/// Removes duplicates: a namespace that is named twice is watched once.
pub fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

/// Parses a duration such as `10m` or `90s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = |why: String| format!("{why}; write for example 10m, 90s or 1h30m");
    let span: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| wrong(error.to_string()))?;
    let time = Duration::try_from(span).map_err(|error| wrong(error.to_string()))?;
    if time.is_zero() { Err(wrong("it must be longer than zero".into())) } else { Ok(time) }
}

/// Parses a rate such as `7.5`.
pub fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|error| format!("{error}; write for example 7.5"))?;
    if rate > 0.0 && rate.is_finite() {
        Ok(rate)
    } else {
        Err("it must be greater than zero, for example 7.5".into())
    }
}

/// Parses a time.
pub fn timestamp(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write a time with an offset, such as 2027-01-01T00:00:00Z".into())
}

/// Parses namespace and name of a resource.
pub fn object_key(text: &str) -> Result<ObjectKey, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok(ObjectKey::new(namespace, name))
        }
        _ => Err("write namespace and name, such as team-a/nightly-report".into()),
    }
}

/// Parses a tag: the key ends at the first `=`.
pub fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("write a key and a value, such as team=media".into()),
    }
}

/// Parses bucket and key of an object. The key stays as it is.
pub fn s3_uri(text: &str) -> Result<(String, String), String> {
    match text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok((bucket.into(), key.into())),
        _ => Err("write bucket and key, such as s3://photos/images/1.jpg".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_a_bucket_and_a_key() {
        let parsed = |text: &str| s3_uri(text).ok();
        let object = |bucket: &str, key: &str| Some((bucket.to_owned(), key.to_owned()));
        assert_eq!(parsed("s3://photos/a b%2F+//c?x#y"), object("photos", "a b%2F+//c?x#y"));
        assert_eq!(parsed("s3://photos//a"), object("photos", "/a"));
        for wrong in ["photos/a", "s3://photos", "s3://photos/", "s3:///a", "S3://photos/a"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
