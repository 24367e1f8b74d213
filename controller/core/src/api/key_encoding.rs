//! The encoding of object keys in the filters of a bucket's notification configuration.
//!
//! S3 compares the value of a filter with the encoded key of an event. The encoding turns a space into `+`, and
//! percent-encodes other special characters
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html>).
//! S3 accepts a value without the encoding, and that value matches no key
//! (<https://github.com/aws/aws-cdk/pull/28012>).

use super::KeyFilter;

/// The upper-case digits of RFC 3986, section 2.1.
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Encodes a part of a key for S3. Unreserved characters and `/` stay, and a space becomes `+`. Each other byte of
/// UTF-8 becomes `%` and two upper-case hex digits.
pub fn encode_key(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            byte if is_plain(byte) => encoded.push(char::from(byte)),
            byte => {
                let digit = |value: u8| char::from(HEX[usize::from(value)]);
                encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    encoded
}

/// Decodes the value of a filter. Every spelling is accepted: `%3D`, `%3d`, `%20` and `+`.
///
/// `None` for a value with an unencoded special character, since no key matches such a value. The characters `!'()*`
/// count as encoded, since AWS lists them as safe characters
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html#object-key-guidelines-safe-characters>).
pub fn decode_key(value: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let [high, low, tail @ ..] = tail else { return None };
                decoded.push(hex_value(*high)? << 4 | hex_value(*low)?);
                rest = tail;
            }
            byte if is_plain(*byte) || b"!'()*".contains(byte) => decoded.push(*byte),
            _ => return None,
        }
    }
    String::from_utf8(decoded).ok()
}

/// The filter in S3's encoding.
pub(super) fn encode_filter(filter: &KeyFilter) -> KeyFilter {
    let KeyFilter { prefix, suffix, literal_percent } = filter;
    let encode = |part: &Option<String>| part.as_deref().map(encode_key);
    KeyFilter { prefix: encode(prefix), suffix: encode(suffix), literal_percent: *literal_percent }
}

/// True if the text has a percent sign before two hex digits, like an encoded text.
pub(crate) fn has_percent_encoding(text: &str) -> bool {
    let is_encoded = |bytes: &[u8]| matches!(bytes, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    text.as_bytes().windows(3).any(is_encoded)
}

/// True if XML 1.0 can hold all characters of the text (<https://www.w3.org/TR/xml/#charsets>).
pub(super) fn is_xml_text(text: &str) -> bool {
    text.chars()
        .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..))
}

/// The unreserved characters of RFC 3986, section 2.3, and the slash.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte)
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn special_characters_are_encoded_and_plain_ones_stay() {
        for (key, encoded) in [
            ("", ""),
            ("AZaz09-._~/", "AZaz09-._~/"),
            ("dt=2026-11-26/", "dt%3D2026-11-26/"),
            ("dt=2026/a b", "dt%3D2026/a+b"),
            ("a+b", "a%2Bb"),
            ("100%", "100%25"),
            ("10%3A00", "10%253A00"),
            ("!'()*", "%21%27%28%29%2A"),
            ("\t\u{7f}@[`{,:", "%09%7F%40%5B%60%7B%2C%3A"),
            ("é/日/😀", "%C3%A9/%E6%97%A5/%F0%9F%98%80"),
        ] {
            assert_eq!(encode_key(key), encoded);
            assert_eq!(decode_key(encoded).as_deref(), Some(key));
        }
    }

    #[test]
    fn other_spellings_of_an_encoding_are_decoded() {
        for (value, key) in
            [("dt%3d2026/", "dt=2026/"), ("a%20b", "a b"), ("%41%2f", "A/"), ("(1)!*'", "(1)!*'")]
        {
            assert_eq!(decode_key(value).as_deref(), Some(key));
        }
    }

    #[test]
    fn a_value_without_encoding_decodes_to_no_key() {
        for value in ["dt=2026/", "a b", "é", "100%", "%", "%3", "%3G", "%G3", "%+3", "%FF"] {
            assert_eq!(decode_key(value), None, "{value}");
        }
    }

    #[test]
    fn a_percent_sign_before_two_hex_digits_is_an_encoding() {
        for (text, expected) in [
            ("dt%3D2026/", true),
            ("%3d", true),
            ("100%25", true),
            ("%%41", true),
            ("", false),
            ("100%", false),
            ("100% off", false),
            ("%4", false),
            ("%4g", false),
            ("%g4", false),
            ("3D", false),
        ] {
            assert_eq!(has_percent_encoding(text), expected, "{text}");
        }
    }

    #[test]
    fn xml_text_permits_only_some_control_characters() {
        for text in ["", "\t\n\r ", "\u{7f}\u{85}", "\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}"] {
            assert!(is_xml_text(text), "{text:?}");
        }
        for text in ["\0", "a\u{1}", "\u{8}", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
            assert!(!is_xml_text(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn encoded_keys_are_ascii_and_decode_to_the_key(key in any::<String>()) {
            let encoded = encode_key(&key);
            prop_assert!(encoded.bytes().all(|byte| is_plain(byte) || b"%+".contains(&byte)), "{}", encoded);
            prop_assert_eq!(decode_key(&encoded), Some(key));
        }
    }
}
