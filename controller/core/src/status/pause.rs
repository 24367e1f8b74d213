//! The annotation that pauses an object.

use super::Outcome;
use crate::api::PAUSED_ANNOTATION;

/// Parses the value of [`PAUSED_ANNOTATION`]. Every value except `false` pauses, so that a typo never permits writes.
pub fn is_paused(annotation: Option<&str>) -> bool {
    annotation.is_some_and(|value| !value.trim().eq_ignore_ascii_case("false"))
}

/// The outcome for a paused object. `in_place` is true if AWS matched this generation of the spec at the last check.
pub fn paused(in_place: bool, is_deleted: bool) -> Outcome {
    let what = match (is_deleted, in_place) {
        (true, _) => "the AWS resources and the finalizer stay",
        (false, true) => "AWS matched the spec, and drift is not repaired",
        (false, false) => "AWS may not match the spec, and is not changed",
    };
    let message = format!("paused: {what}; remove the annotation {PAUSED_ANNOTATION} to continue");
    Outcome::Paused { in_place: in_place && !is_deleted, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_but_false_pauses() {
        let cases = [
            (None, false),
            (Some("false"), false),
            (Some(" False"), false),
            (Some("true"), true),
            (Some("True"), true),
            (Some("yes"), true),
            (Some(""), true),
        ];
        for (annotation, expected) in cases {
            assert_eq!(is_paused(annotation), expected, "{annotation:?}");
        }
    }

    #[test]
    fn the_message_of_a_pause_describes_the_state() {
        let outcome = |in_place, what: &str| Outcome::Paused {
            in_place,
            message: format!("paused: {what}; remove the annotation lambda-triggers.dev/paused to continue"),
        };
        assert_eq!(paused(true, false), outcome(true, "AWS matched the spec, and drift is not repaired"));
        assert_eq!(paused(false, false), outcome(false, "AWS may not match the spec, and is not changed"));
        let stays = outcome(false, "the AWS resources and the finalizer stay");
        assert_eq!([paused(true, true), paused(false, true)], [stays.clone(), stays]);
    }
}
