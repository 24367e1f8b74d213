//! `lambda-triggers explain name`.

use clap::Args;
use lambda_triggers_core::explain::{
    Candidate, NameExplanation, NamedResource, Proof, Supposition, explain_name,
};
use lambda_triggers_core::ownership::ObjectKey;

use super::table::add;
use crate::cli::output::{Format, json, print};
use crate::cli::values;
use crate::operator::StartError;

const EXAMPLES: &str = "\
Examples:
  # Find the resource of a rule, a schedule or a function
  lambda-triggers explain name lt-1a2b3c4d-team-a-nightly-report-f5ef90fb0e

  # Check whether a cut name belongs to a resource
  lambda-triggers explain name lt-1a2b3c4d-team-a-recompute-the-quarterly-figures-of-d573c4ce36 --resource team-a/recompute-the-quarterly-figures-of-all-regions

  # Check whether a statement in a function's policy belongs to a bucket
  lambda-triggers explain name lt-1a2b3c4d-bucket-bd516c1130f6405c --bucket a.b";

/// The flags of `explain name`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct NameArgs {
    /// The name of a rule, a schedule, a schedule group or a function, the Id of an entry or a target, or a Sid.
    name: String,
    /// Check whether the name belongs to this resource.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = values::object_key)]
    resource: Option<ObjectKey>,
    /// Check whether the statement belongs to this bucket.
    #[arg(long, value_name = "NAME", conflicts_with = "resource")]
    bucket: Option<String>,
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Prints the explanation. Returns true unless the name contradicts each resource or bucket.
pub fn run(args: NameArgs) -> Result<bool, StartError> {
    let NameArgs { name, resource, bucket, output } = args;
    let supposed = Supposition { resource, bucket };
    let explanation = explain_name(&name, &supposed).ok_or_else(|| {
        format!(
            "{name} is no name of an operator: the names begin with lt- and the owner id, such as lt-1a2b3c4d-, and end \
             with a hash"
        )
    })?;
    print(&match output {
        Format::Text => text(&explanation, &supposed),
        Format::Json => json("NameExplanation", &explanation)?,
    })?;
    Ok(explanation.proof != Proof::Mismatch)
}

fn text(explanation: &NameExplanation, supposed: &Supposition) -> String {
    let NameExplanation { owner_id, named, proof } = explanation;
    let mut text = String::new();
    add(&mut text, "owner id", owner_id);
    let (what, candidates) = match named {
        NamedResource::ScheduleGroup => ("the group of all schedules of the operator", None),
        NamedResource::Target => ("the target in each rule of the operator", None),
        NamedResource::RulesStatement => {
            ("the statement that permits all rules of the operator to invoke the function", None)
        }
        NamedResource::BucketStatement { .. } => {
            ("the statement that permits a bucket to invoke the function", None)
        }
        NamedResource::Entry { retained: false, candidates } => {
            ("an entry of a bucket's notification configuration", Some(candidates))
        }
        NamedResource::Entry { retained: true, candidates } => (
            "an entry of a bucket's notification configuration, which stays after the deletion of its resource",
            Some(candidates),
        ),
        NamedResource::RuleScheduleOrFunction { candidates } => {
            ("a rule, a schedule or a function", Some(candidates))
        }
    };
    add(&mut text, "name of", what);
    if let NamedResource::BucketStatement { bucket } = named {
        add(&mut text, "bucket", bucket_in_words(bucket.as_deref(), *proof, supposed));
    }
    if let Some(candidates) = candidates {
        add(&mut text, "resource", candidates_in_words(candidates, *proof, supposed));
    }
    text
}

fn bucket_in_words(bucket: Option<&str>, proof: Proof, supposed: &Supposition) -> String {
    match (bucket, proof) {
        (Some(bucket), _) => format!("{bucket}, confirmed by the hash"),
        (None, Proof::Mismatch) => {
            format!("not {}: the hash is of another bucket", supposed.bucket.as_deref().unwrap_or_default())
        }
        (None, _) => {
            "unknown: the name has only a hash of the bucket's name; check a bucket with --bucket".into()
        }
    }
}

fn candidates_in_words(candidates: &[Candidate], proof: Proof, supposed: &Supposition) -> String {
    let shown = |candidate: &Candidate| {
        let Candidate { kind, namespace, name } = candidate;
        let kind = kind.map(|kind| format!("{kind} ")).unwrap_or_default();
        let cut = if proof == Proof::Hash { "" } else { "..." };
        match name.as_str() {
            "" => format!("{kind}{namespace}{cut}/..."),
            _ => format!("{kind}{namespace}/{name}{cut}"),
        }
    };
    let list = || candidates.iter().map(shown).collect::<Vec<_>>().join("\n");
    match (proof, &supposed.resource) {
        (Proof::Mismatch, Some(resource)) => format!("not {resource}: the hash is of another resource"),
        (Proof::Mismatch, None) => {
            "unknown: the hash fits no split of the name; a function's name has - for . in the \
                                    resource's name, so check a resource with --resource"
                .into()
        }
        (Proof::Open, _) => {
            format!("one of these; the name is cut, so check a resource with --resource\n{}", list())
        }
        (Proof::Hash | Proof::Form, _) => format!("{}, confirmed by the hash", list()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(name: &str, supposed: Supposition) -> String {
        let explanation = explain_name(name, &supposed).unwrap();
        anstream::adapter::strip_str(&text(&explanation, &supposed)).to_string()
    }

    fn resource(namespace: &str, name: &str) -> Supposition {
        Supposition { resource: Some(ObjectKey::new(namespace, name)), bucket: None }
    }

    #[test]
    fn the_hash_confirms_a_resource() {
        assert_eq!(
            explained("lt-1a2b3c4d-media-thumbnails-0bf95f74e9", Supposition::default()),
            "\
owner id    1a2b3c4d
name of     a rule, a schedule or a function
resource    ScheduledFunction media/thumbnails, confirmed by the hash
"
        );
        assert_eq!(
            explained("lt-1a2b3c4d-media-thumbnails-0bf95f74e9", resource("media", "thumbs")),
            "\
owner id    1a2b3c4d
name of     a rule, a schedule or a function
resource    not media/thumbs: the hash is of another resource
"
        );
        assert_eq!(
            explained("lt-1a2b3c4d-media-thumbnails-0000000000", Supposition::default()),
            "\
owner id    1a2b3c4d
name of     a rule, a schedule or a function
resource    unknown: the hash fits no split of the name; a function's name has - for . in the resource's name, so \
check a resource with --resource
"
        );
    }

    #[test]
    fn a_cut_name_has_a_line_for_each_candidate() {
        assert_eq!(
            explained(
                "lt-1a2b3c4d-photos-thumbnails-of-the-whole-big-archive-0000000000-012345-retained",
                Supposition::default()
            ),
            "\
owner id    1a2b3c4d
name of     an entry of a bucket's notification configuration, which stays after the deletion of its resource
resource    one of these; the name is cut, so check a resource with --resource
            S3TriggeredFunction photos/thumbnails-of-the-whole-big-archive...
            S3TriggeredFunction photos-thumbnails/of-the-whole-big-archive...
            S3TriggeredFunction photos-thumbnails-of/the-whole-big-archive...
            S3TriggeredFunction photos-thumbnails-of-the/whole-big-archive...
            S3TriggeredFunction photos-thumbnails-of-the-whole/big-archive...
            S3TriggeredFunction photos-thumbnails-of-the-whole-big/archive...
            S3TriggeredFunction photos-thumbnails-of-the-whole-big-archive.../...
"
        );
    }

    #[test]
    fn a_statement_belongs_to_the_operator_or_to_a_bucket() {
        assert_eq!(
            explained("lt-1a2b3c4d-rules", Supposition::default()),
            "owner id    1a2b3c4d\nname of     the statement that permits all rules of the operator to invoke the function\n"
        );
        let bucket = |bucket: Option<&str>| {
            let supposed = Supposition { resource: None, bucket: bucket.map(str::to_owned) };
            let text = explained("lt-1a2b3c4d-bucket-bd516c1130f6405c", supposed);
            text.lines().last().map(str::to_owned)
        };
        let line = |fact: &str| Some(format!("bucket      {fact}"));
        assert_eq!(bucket(Some("a.b")), line("a.b, confirmed by the hash"));
        assert_eq!(bucket(Some("photos")), line("not photos: the hash is of another bucket"));
        let unknown = "unknown: the name has only a hash of the bucket's name; check a bucket with --bucket";
        assert_eq!(bucket(None), line(unknown));
    }
}
