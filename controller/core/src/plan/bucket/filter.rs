//! The key filter of an entry.

use crate::api::{KeyFilter, affixes_overlap, decode_key, encode_key};

/// The prefix and the suffix of object keys, in S3's key encoding; empty for all keys. A foreign entry keeps its
/// original text, encoded or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter {
    /// The encoded prefix of object keys.
    pub prefix: String,
    /// The encoded suffix of object keys.
    pub suffix: String,
}

impl Filter {
    /// True if S3 may reject two entries with these filters in the same document.
    ///
    /// S3 compares the encoded texts. Two spellings of one encoding, such as `%3D` and `%3d`, count as equal here,
    /// because AWS does not document the comparison. A rejected document would block all changes to the bucket.
    pub fn overlaps(&self, other: &Self) -> bool {
        let keys = |Self { prefix, suffix }: &Self| Some((decode_key(prefix)?, decode_key(suffix)?));
        let as_texts = affixes_overlap(&self.prefix, &self.suffix, &other.prefix, &other.suffix);
        let as_keys = || {
            let (own, others) = keys(self).zip(keys(other))?;
            Some(affixes_overlap(&own.0, &own.1, &others.0, &others.1))
        };
        as_texts || as_keys().unwrap_or_default()
    }

    /// The decoded filter for messages: `images/`, `*.jpg`, `images/*.jpg` or `all keys`.
    pub fn describe(&self) -> String {
        let [prefix, suffix] =
            [&self.prefix, &self.suffix].map(|text| decode_key(text).unwrap_or_else(|| text.clone()));
        match (prefix.as_str(), suffix.as_str()) {
            ("", "") => "all keys".into(),
            (_, "") => prefix,
            _ => format!("{prefix}*{suffix}"),
        }
    }
}

impl From<&KeyFilter> for Filter {
    fn from(KeyFilter { prefix, suffix, literal_percent: _ }: &KeyFilter) -> Self {
        let encoded = |part: &Option<String>| part.as_deref().map(encode_key).unwrap_or_default();
        Self { prefix: encoded(prefix), suffix: encoded(suffix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_of_a_spec_is_encoded() {
        for (prefix, suffix, encoded) in [
            (None, None, ["", ""]),
            (Some("in/"), None, ["in/", ""]),
            (None, Some(".jpg"), ["", ".jpg"]),
            (Some("dt=2026/a b"), Some("+1%.csv"), ["dt%3D2026/a+b", "%2B1%25.csv"]),
        ] {
            let spec = KeyFilter {
                prefix: prefix.map(Into::into),
                suffix: suffix.map(Into::into),
                literal_percent: None,
            };
            let [prefix, suffix] = encoded.map(Into::into);
            assert_eq!(Filter::from(&spec), Filter { prefix, suffix });
        }
    }

    #[test]
    fn the_description_shows_the_decoded_filter() {
        for (prefix, suffix, words) in [
            ("", "", "all keys"),
            ("dt%3D2026/a+b", "", "dt=2026/a b"),
            ("", ".jpg", "*.jpg"),
            ("images/", "%281%29.jpg", "images/*(1).jpg"),
            ("dt=2026/", "%3D1.csv", "dt=2026/*=1.csv"),
        ] {
            let filter = Filter { prefix: prefix.into(), suffix: suffix.into() };
            assert_eq!(filter.describe(), words);
        }
    }

    #[test]
    fn filters_overlap_as_texts_or_decoded() {
        for (a, b, meet) in [
            (["dt%3D2026/", ""], ["dt%3D2026/11/", ""], true),
            (["dt%3D2026/", ""], ["dt%3d2026/", ""], true),
            (["a+b/", ""], ["a%20b/c", ""], true),
            (["a%281%29/", ".jpg"], ["a(1)/", "jpg"], true),
            // S3 compares texts: the second text is not encoded and matches no key.
            (["dt%3D2026/", ""], ["dt=2026/", ""], false),
            (["a+b/", ""], ["a b/", ""], false),
            (["dt%3D2026/", ""], ["dt%3", ""], true),
            (["d", ""], ["dt=2026/", ""], true),
            // The suffixes `=.csv` and `D.csv` overlap in encoded form.
            (["", "%3D.csv"], ["", "D.csv"], true),
            (["", "%3D.csv"], ["", "E.csv"], false),
            // The prefixes overlap in decoded form, and the suffixes overlap as texts.
            (["a+b/", "%3D.csv"], ["a%20b/", "D.csv"], false),
        ] {
            let [a, b] =
                [a, b].map(|[prefix, suffix]| Filter { prefix: prefix.into(), suffix: suffix.into() });
            assert_eq!([a.overlaps(&b), b.overlaps(&a)], [meet; 2], "{a:?} and {b:?}");
        }
    }
}
