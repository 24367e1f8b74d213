//! The flag `--default-tags`.

use super::function::tags;
use crate::api::Tags;

/// Parses tags in the form `key=value,key=value`. A value may be empty. Keys and values have no commas, like in AWS.
///
/// # Errors
///
/// The message says how to write the tags.
pub fn parse_default_tags(text: &str) -> Result<Tags, String> {
    const EXAMPLE: &str = "write tags such as team=media,cost-centre=42";
    let mut all = Tags::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("{pair:?} has no value; {EXAMPLE}"))?;
        if all.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("the key {key:?} occurs twice; {EXAMPLE}"));
        }
    }
    let errors: Vec<String> = tags("", &all).into_iter().map(|error| error.message).collect();
    if errors.is_empty() { Ok(all) } else { Err(errors.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_tags_are_comma_separated_pairs() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
        };
        let cases = [
            ("", tags(&[])),
            ("team=media", tags(&[("team", "media")])),
            ("team=media, cost centre=42,", tags(&[("team", "media"), ("cost centre", "42")])),
            ("empty=,with=a=b", tags(&[("empty", ""), ("with", "a=b")])),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_default_tags(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn invalid_and_reserved_tags_are_refused() {
        let long = |count: usize| "k".repeat(count);
        let many: Vec<String> = (0..41).map(|n| format!("{n}=")).collect();
        let cases = [
            ("team".to_owned(), "\"team\" has no value; write tags such as team=media,cost-centre=42"),
            (
                "a=1,a=2".to_owned(),
                "the key \"a\" occurs twice; write tags such as team=media,cost-centre=42",
            ),
            ("=1".to_owned(), "write keys of 1 to 128 characters"),
            (format!("{}=1", long(129)), "write keys of 1 to 128 characters"),
            (
                "AWS:team=1".to_owned(),
                "write keys that do not begin with aws:, such as team: AWS reserves keys with this prefix",
            ),
            (
                "lambda-triggers.dev/owner=1".to_owned(),
                "write keys that do not begin with lambda-triggers.dev/, such as team: the operator marks its resources with keys of this prefix",
            ),
            ("team=a;b".to_owned(), "write keys and values of letters, digits, spaces and _ . : / = + - @"),
        ];
        for (text, message) in cases {
            assert_eq!(parse_default_tags(&text), Err(message.into()), "{text}");
        }
        assert!(parse_default_tags(&format!("a={}", long(257))).is_err());
        assert!(parse_default_tags(&many.join(",")).is_err());
        assert_eq!(parse_default_tags(&many[..40].join(",")).map(|tags| tags.len()), Ok(40));
    }
}
