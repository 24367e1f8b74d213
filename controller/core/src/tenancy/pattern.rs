//! Patterns with the semantics of IAM's `StringLike` and `ArnLike`.
//!
//! A pattern must match the whole text. `*` matches any number of characters (zero included); `?` matches a single
//! character.

use std::fmt;

/// A `StringLike` pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern from its text. Every text is valid.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// True if the pattern matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text): (Vec<char>, Vec<char>) = (self.0.chars().collect(), text.chars().collect());
        let (mut p, mut t) = (0, 0);
        // The pattern position after the last `*`, and the end of the text that the `*` has matched.
        let mut star: Option<(usize, usize)> = None;
        while t < text.len() {
            if pattern.get(p) == Some(&'*') {
                p += 1;
                star = Some((p, t));
            } else if pattern.get(p).is_some_and(|c| *c == '?' || *c == text[t]) {
                p += 1;
                t += 1;
            } else if let Some((after, end)) = star {
                p = after;
                t = end + 1;
                star = Some((after, t));
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }

    /// The number of literal characters. Of two matching patterns, the pattern with more literals is more specific.
    pub fn literals(&self) -> usize {
        self.0.chars().filter(|c| !is_wild(*c)).count()
    }

    /// True if some text matches both patterns.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (a, b): (Vec<char>, Vec<char>) = (self.0.chars().collect(), other.0.chars().collect());
        // `both[i][j]` is true if some text matches both `a[i..]` and `b[j..]`. The table is filled from the ends.
        let mut both = vec![vec![false; b.len() + 1]; a.len() + 1];
        for i in (0..=a.len()).rev() {
            for j in (0..=b.len()).rev() {
                both[i][j] = match (a.get(i), b.get(j)) {
                    (None, None) => true,
                    (Some('*'), _) => both[i + 1][j] || (j < b.len() && both[i][j + 1]),
                    (_, Some('*')) => both[i][j + 1] || (i < a.len() && both[i + 1][j]),
                    (Some(x), Some(y)) => (*x == '?' || *y == '?' || x == y) && both[i + 1][j + 1],
                    (None, Some(_)) | (Some(_), None) => false,
                };
            }
        }
        both[0][0]
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// True if the text contains a wildcard.
pub fn is_pattern(text: &str) -> bool {
    text.chars().any(is_wild)
}

fn is_wild(character: char) -> bool {
    matches!(character, '*' | '?')
}

/// An `ArnLike` pattern. The six parts of the ARN match separately, so `*` matches a colon only in the last part
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnPattern(Vec<Pattern>);

impl ArnPattern {
    /// Parses a pattern for ARNs of these services. Returns `None` if the pattern has fewer than six parts or another
    /// service.
    pub fn parse(text: &str, services: &[&str]) -> Option<Self> {
        let parts = arn_parts(text)?;
        let service = parts[2];
        (parts[0] == "arn" && services.contains(&service)).then(|| Self(parts.map(Pattern::new).to_vec()))
    }

    /// True if the pattern matches each part of the ARN.
    pub fn matches(&self, arn: &str) -> bool {
        let parts = arn_parts(arn);
        parts.is_some_and(|parts| {
            self.0.iter().zip(parts).all(|(pattern, component)| pattern.matches(component))
        })
    }
}

fn arn_parts(arn: &str) -> Option<[&str; 6]> {
    arn.splitn(6, ':').collect::<Vec<_>>().try_into().ok()
}

impl fmt::Display for ArnPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&parts.join(":"))
    }
}

/// A pattern for resources with a name and an ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePattern {
    /// A name in the namespace's own account.
    Name(Pattern),
    /// An ARN in any account.
    Arn(ArnPattern),
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(pattern) => pattern.fmt(f),
            Self::Arn(pattern) => pattern.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_if_some_text_matches_both() {
        for (a, b, overlaps) in [
            ("ab", "ab", true),
            ("ab", "ac", false),
            ("ab", "abc", false),
            ("a?", "ab", true),
            ("?b", "ab", true),
            ("?", "", false),
            ("*", "", true),
            ("a*", "*b", true),
            ("a*", "b*", false),
            ("a*c", "abc", true),
            ("a*c", "abd", false),
        ] {
            let [a, b] = [a, b].map(Pattern::new);
            assert_eq!([a.overlaps(&b), b.overlaps(&a)], [overlaps; 2], "{a} and {b}");
        }
    }
}
