//! Keys in the filters of a notification configuration. S3 compares keys in the encoding of its events. A space is `+`,
//! and other bytes are `%` with two upper-case hex digits. Unreserved characters and `/` stay.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html>

use std::fmt::Write;

/// A key in S3's encoding.
fn encoded(key: &str) -> String {
    key.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b' ' => text.push('+'),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(byte.into())
            }
            // Writing to a `String` cannot fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
        text
    })
}

/// Decodes a filter's value into the matching part of a key. `None` if the value is not in S3's encoding: no key
/// matches.
pub(crate) fn matched_by(value: &str) -> Option<String> {
    let mut bytes = value.bytes();
    let mut key = Vec::new();
    while let Some(byte) = bytes.next() {
        key.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(key).ok().filter(|key| encoded(key) == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_in_s3_encoding_match_keys() {
        for (value, key) in [
            ("", Some("")),
            ("dt%3D2026/a+b", Some("dt=2026/a b")),
            ("a%2Bb~%E6%97%A5", Some("a+b~日")),
            ("dt=2026/", None),
            ("dt%3d2026/", None),
            ("a%20b", None),
            ("%41", None),
            ("(1)", None),
            ("%FF", None),
            ("%+1", None),
            ("100%", None),
        ] {
            assert_eq!(matched_by(value).as_deref(), key, "{value}");
        }
    }
}
