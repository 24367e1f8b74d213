//! Values in the texts of the API server, which Go formats.

use serde_json::Value;

/// A value in an error. Go quotes a string, and prints any other value as JSON.
pub(super) fn value(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), quoted)
}

/// A string like `strconv.Quote` of Go (<https://pkg.go.dev/strconv#Quote>).
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match (character, u32::from(character)) {
            ('"' | '\\', _) => quoted.extend(['\\', character]),
            (_, 0x07) => quoted += "\\a",
            (_, 0x08) => quoted += "\\b",
            (_, 0x0c) => quoted += "\\f",
            ('\n', _) => quoted += "\\n",
            ('\r', _) => quoted += "\\r",
            ('\t', _) => quoted += "\\t",
            (_, 0x0b) => quoted += "\\v",
            _ if is_printable(character) => quoted.push(character),
            (_, code @ (..0x20 | 0x7f)) => quoted += &format!("\\x{code:02x}"),
            (_, code @ ..0x1_0000) => quoted += &format!("\\u{code:04x}"),
            (_, code) => quoted += &format!("\\U{code:08x}"),
        }
    }
    quoted + "\""
}

/// True for a character that Go prints as it is. Rust has the same set, except for combining characters at the beginning
/// of a string and for the single quote.
fn is_printable(character: char) -> bool {
    character == '\'' || format!("a{character}").escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The answer of a real API server to the same string.
    #[test]
    fn a_string_is_quoted_like_in_go() {
        let text = "a\"\\'\n\r\t\u{7}\u{8}\u{b}\u{c}\u{1}\u{7f}é\u{fffe}😀\u{a0}\u{301}<\u{e0001}";
        let expected = r#""a\"\\'\n\r\t\a\b\v\f\x01\x7fé\ufffe😀\u00a0́<\U000e0001""#;
        assert_eq!(quoted(text), expected);
        assert_eq!(value(&json!("a b")), r#""a b""#);
    }

    #[test]
    fn other_values_are_json() {
        for (json, text) in [
            (json!(5), "5"),
            (json!(1.5), "1.5"),
            (json!(null), "null"),
            (json!(true), "true"),
            (json!(["a", {"b": 1}]), r#"["a",{"b":1}]"#),
        ] {
            assert_eq!(value(&json), text);
        }
    }
}
