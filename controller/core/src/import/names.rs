//! The names of imported objects.

use std::collections::BTreeSet;
use std::str::FromStr;

/// The maximum length of a DNS label
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names>).
const MAX_LABEL: usize = 63;

/// The place of the name in AWS in a template.
const PLACEHOLDER: &str = "{name}";

/// The template of the names of imported objects, such as `shop-{name}`. The default is `{name}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate(String);

impl Default for NameTemplate {
    fn default() -> Self {
        Self(PLACEHOLDER.into())
    }
}

impl FromStr for NameTemplate {
    type Err = &'static str;

    /// Parses a template with one `{name}`. All else is a part of the name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        match text.split_once(PLACEHOLDER) {
            Some((before, after)) if before.chars().chain(after.chars()).all(is_part) => {
                Ok(Self(text.into()))
            }
            _ => Err("write {name} once, among lower-case letters, digits and hyphens, such as shop-{name}"),
        }
    }
}

/// The names that an import has given. A name is given once for both kinds, so that each manifest gets a file of its
/// own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    template: NameTemplate,
    taken: BTreeSet<String>,
}

impl Names {
    /// No names yet.
    pub fn new(template: NameTemplate) -> Self {
        Self { template, taken: BTreeSet::new() }
    }

    /// A DNS label from the template that no other object of this import has: `name`, then `name-2`, `name-3` and so
    /// on.
    pub fn claim(&mut self, name: &str) -> String {
        let label = label(&self.template.0.replace(PLACEHOLDER, name));
        let numbered = |number: usize| {
            let suffix = format!("-{number}");
            let room = MAX_LABEL - suffix.len();
            format!("{}{suffix}", label.get(..room).unwrap_or(&label).trim_end_matches('-'))
        };
        let candidates = std::iter::once(label.clone()).chain((2..=self.taken.len() + 2).map(numbered));
        // The candidates are more than the names that are taken.
        let free =
            candidates.into_iter().find(|name| !self.taken.contains(name)).unwrap_or_else(|| label.clone());
        self.taken.insert(free.clone());
        free
    }
}

/// A DNS label of lower-case letters, digits and single hyphens, cut at [`MAX_LABEL`].
fn label(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    match joined.get(..MAX_LABEL).unwrap_or(&joined).trim_end_matches('-') {
        "" => "imported".into(),
        label => label.into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_labels_and_clashes_get_a_number() {
        let mut names = Names::default();
        let long = format!("{}-b", "a".repeat(62));
        for (name, label) in [
            ("make-thumbnail", "make-thumbnail"),
            ("make_thumbnail", "make-thumbnail-2"),
            ("Make.Thumbnail", "make-thumbnail-3"),
            ("make-thumbnail-2", "make-thumbnail-2-2"),
            ("__", "imported"),
            ("é", "imported-2"),
            (&long, &"a".repeat(62)),
            (&long, &format!("{}-2", "a".repeat(61))),
        ] {
            assert_eq!(names.claim(name), label, "{name}");
        }
    }

    #[test]
    fn a_template_has_the_name_once_among_parts_of_a_label() {
        let mut names = Names::new("shop-{name}-prod".parse().unwrap());
        assert_eq!(names.claim("Make_Thumbnail"), "shop-make-thumbnail-prod");
        assert_eq!(names.claim("make-thumbnail"), "shop-make-thumbnail-prod-2");
        assert_eq!("{name}".parse(), Ok(NameTemplate::default()));
        for wrong in ["", "shop", "{Name}", "{name}{name}", "{name}-{bucket}", "Shop-{name}", "{name}.x"] {
            assert!(wrong.parse::<NameTemplate>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_a_label_of_its_own(given in prop::collection::vec("[aB_.-]{0,70}", 0..20)) {
            let mut names = Names::default();
            let labels: Vec<String> = given.iter().map(|name| names.claim(name)).collect();
            let distinct: BTreeSet<&String> = labels.iter().collect();
            prop_assert_eq!(distinct.len(), labels.len());
            for label in labels {
                let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                prop_assert!((1..=MAX_LABEL).contains(&label.len()) && label.chars().all(is_label), "{}", label);
                prop_assert!(!label.starts_with('-') && !label.ends_with('-'), "{}", label);
            }
        }
    }
}
