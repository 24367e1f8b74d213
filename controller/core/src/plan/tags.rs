//! Tags of rules and functions: the operator's defaults, the spec's tags and the owner tags.

use std::collections::BTreeSet;

use crate::api::Tags;

/// The maximum number of tags of a rule or a function
/// (<https://docs.aws.amazon.com/general/latest/gr/aws_tagging.html>).
const MOST: usize = 50;

/// All tags of a rule or a function. Tags of the spec override the defaults, and the operator's own tags override
/// both.
pub(super) fn all_tags(defaults: &Tags, spec: &Tags, own: Tags) -> Tags {
    let mut tags = defaults.clone();
    tags.extend(spec.clone());
    tags.extend(own);
    tags
}

/// Checks the number of tags. `field` is the path of the spec's tags.
///
/// # Errors
/// Returns a message with the number of tags to remove.
pub fn check_count(field: &str, tags: &Tags) -> Result<(), String> {
    let count = tags.len();
    if count <= MOST {
        return Ok(());
    }
    Err(format!(
        "{field}: with the operator's default tags and ownership tags, these are {count} tags, but AWS permits \
         {MOST}: remove {} from {field} or from --default-tags",
        count - MOST
    ))
}

/// True if a change of tags comes from changed default tags, and not from drift. Keys in `set` must be defaults that
/// the spec does not override. Keys in `unset` are keys from the record of the operator. Drift of a default tag's
/// value looks the same.
pub(super) fn is_rollout(
    set: Option<&Tags>,
    unset: Option<&BTreeSet<String>>,
    defaults: &Tags,
    spec: &Tags,
) -> bool {
    let is_default = |key: &String| defaults.contains_key(key) && !spec.contains_key(key);
    (set.is_some() || unset.is_some()) && set.is_none_or(|tags| tags.keys().all(is_default))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn spec_tags_override_defaults_but_not_own_tags() {
        let defaults = tags(&[("team", "platform"), ("stage", "test"), ("own", "default")]);
        let spec = tags(&[("team", "media"), ("own", "spec")]);
        let expected = tags(&[("team", "media"), ("stage", "test"), ("own", "operator")]);
        assert_eq!(all_tags(&defaults, &spec, tags(&[("own", "operator")])), expected);
    }

    #[test]
    fn more_than_fifty_tags_are_rejected() {
        let of = |count: usize| (0..count).map(|n| (n.to_string(), String::new())).collect::<Tags>();
        assert_eq!(check_count("spec.tags", &of(50)), Ok(()));
        let message = "spec.tags: with the operator's default tags and ownership tags, these are 53 tags, but \
                       AWS permits 50: remove 3 from spec.tags or from --default-tags";
        assert_eq!(check_count("spec.tags", &of(53)), Err(message.into()));
    }

    #[test]
    fn changed_defaults_are_separated_from_drift() {
        let (defaults, spec) = (tags(&[("stage", "test"), ("team", "x")]), tags(&[("team", "a")]));
        let set = |key: &str| Some(tags(&[(key, "b")]));
        let gone = Some(BTreeSet::from(["old".to_owned()]));
        let cases = [
            (set("stage"), None, true),
            (None, gone.clone(), true),
            (set("stage"), gone.clone(), true),
            (set("team"), None, false),
            (set("lambda-triggers.dev/owner"), gone, false),
            (Some(tags(&[("stage", "b"), ("team", "b")])), None, false),
            (None, None, false),
        ];
        for (set, unset, expected) in cases {
            let found = is_rollout(set.as_ref(), unset.as_ref(), &defaults, &spec);
            assert_eq!(found, expected, "{set:?} {unset:?}");
        }
    }
}
