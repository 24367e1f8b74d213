//! Patterns as IAM has them in `StringLike` and `ArnLike`: the whole text must match, `*` stands for any characters, also
//! for none, and `?` for one.

use std::fmt;

/// A pattern for a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern that is written so.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether the whole text is as the pattern says.
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text): (Vec<char>, Vec<char>) = (self.0.chars().collect(), text.chars().collect());
        let (mut p, mut t) = (0, 0);
        // After the last star, and where in the text what it stands for ends.
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

    /// How many of its characters stand for themselves: of two patterns, the one with more says more.
    pub fn literals(&self) -> usize {
        self.0.chars().filter(|c| !is_wild(*c)).count()
    }

    /// Whether there is a text that matches both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (a, b): (Vec<char>, Vec<char>) = (self.0.chars().collect(), other.0.chars().collect());
        // For each rest of `a` and of `b`, from the ends on, whether there is a text for both.
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

/// Whether a text has a character that does not stand for itself.
pub fn is_pattern(text: &str) -> bool {
    text.chars().any(is_wild)
}

fn is_wild(character: char) -> bool {
    matches!(character, '*' | '?')
}

/// A pattern for an ARN: each of its six parts is compared by itself, so that no `*` reaches over a colon, but in the last
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnPattern(Vec<Pattern>);

impl ArnPattern {
    /// Reads a pattern for ARNs of a service; none if it has not six parts, or is for another service.
    pub fn parse(text: &str, services: &[&str]) -> Option<Self> {
        let parts = arn_parts(text)?;
        let service = parts[2];
        (parts[0] == "arn" && services.contains(&service)).then(|| Self(parts.map(Pattern::new).to_vec()))
    }

    /// Whether each part of the ARN is as the pattern says.
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

/// A pattern for something that is written by its name where it is in the namespace's own account, and by its ARN wherever
/// it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePattern {
    /// A name in the namespace's own account.
    Name(Pattern),
    /// An ARN.
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
