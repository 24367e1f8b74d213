//! Renamed resources. A deleted resource and a new one with the same spec are one change.

use serde_json::Value;

use super::{Action, ResourcePreview};

/// A resource with its spec.
#[derive(Clone, Debug, PartialEq)]
pub struct WithSpec {
    /// The preview of the resource.
    pub preview: ResourcePreview,
    /// The spec with all defaults.
    pub spec: Value,
}

/// Joins each deleted resource with the new resource of the same kind and spec, if there is exactly one of both.
pub fn join_renames(resources: Vec<WithSpec>) -> Vec<ResourcePreview> {
    let is_pair = |gone: &WithSpec, new: &WithSpec| {
        (gone.preview.action, new.preview.action) == (Action::Delete, Action::Create)
            && gone.preview.kind == new.preview.kind
            && gone.spec == new.spec
    };
    let all_pairs: Vec<(usize, usize)> = (0..resources.len())
        .flat_map(|gone| (0..resources.len()).map(move |new| (gone, new)))
        .filter(|(gone, new)| is_pair(&resources[*gone], &resources[*new]))
        .collect();
    let is_clear = |(gone, new): &&(usize, usize)| {
        all_pairs.iter().filter(|(other, another)| other == gone || another == new).count() == 1
    };
    let pairs: Vec<&(usize, usize)> = all_pairs.iter().filter(is_clear).collect();
    let joined = resources.iter().enumerate().filter_map(|(index, one)| {
        match pairs.iter().find(|(gone, new)| *gone == index || *new == index) {
            None => Some(one.preview.clone()),
            Some((gone, new)) if *new == index => Some(join(&one.preview, &resources[*gone].preview)),
            Some(_) => None,
        }
    });
    joined.collect()
}

fn join(new: &ResourcePreview, gone: &ResourcePreview) -> ResourcePreview {
    let order = match gone.kind.as_str() {
        "S3TriggeredFunction" => {
            "the operator replaces the entries in one write, as soon as the old resource is deleted"
        }
        _ => {
            "the operator makes the new trigger first. Until the old resource is deleted, both run, and a run in between \
             happens twice: suspend the old resource first if that matters"
        }
    };
    let mut joined = new.clone();
    joined.renamed_from = Some(format!("{}/{}", gone.namespace, gone.name));
    joined.action = Action::Update;
    joined.changes.extend(gone.changes.iter().cloned());
    joined.notes.push(order.into());
    joined.notes.extend(gone.notes.iter().cloned());
    joined.problems.extend(gone.problems.iter().cloned());
    joined
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ownership::ObjectKey;
    use crate::preview::{ChangeAction, Part, PlannedChange, Source, removed};

    fn resource(name: &str, action: Action, spec: &str) -> WithSpec {
        let source = Source { file: "a.yaml".into(), line: 1 };
        let mut preview = ResourcePreview::new("ScheduledFunction", &ObjectKey::new("media", name), source);
        preview.action = action;
        let change = removed(Part::Rule, name, "eu-west-1", "");
        preview.changes = match action {
            Action::Create => vec![PlannedChange { action: ChangeAction::Create, ..change }],
            _ => vec![change],
        };
        WithSpec { preview, spec: json!(spec) }
    }

    fn names(resources: Vec<WithSpec>) -> Vec<(String, Option<String>)> {
        join_renames(resources).into_iter().map(|one| (one.name, one.renamed_from)).collect()
    }

    #[test]
    fn a_deleted_and_a_new_resource_with_one_spec_are_one_change() {
        let (gone, new) = (resource("old", Action::Delete, "a"), resource("new", Action::Create, "a"));
        let joined = join_renames(vec![gone.clone(), new.clone()]);
        let [one] = &joined[..] else { panic!("{joined:?}") };
        assert_eq!((one.name.as_str(), one.renamed_from.as_deref()), ("new", Some("media/old")));
        assert_eq!(one.action, Action::Update);
        assert_eq!(one.changes, [new.preview.changes, gone.preview.changes].concat());
        assert!(one.notes[0].contains("happens twice"), "{:?}", one.notes);
    }

    #[test]
    fn only_a_clear_pair_is_a_rename() {
        let gone = |name: &str| resource(name, Action::Delete, "a");
        let new = |name: &str| resource(name, Action::Create, "a");
        let none = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), None)).collect::<Vec<_>>();
        assert_eq!(names(vec![gone("a"), gone("b"), new("c")]), none(&["a", "b", "c"]));
        assert_eq!(names(vec![gone("a"), new("b"), new("c")]), none(&["a", "b", "c"]));
        assert_eq!(names(vec![gone("a"), resource("b", Action::Create, "b")]), none(&["a", "b"]));
        assert_eq!(names(vec![gone("a"), resource("b", Action::Unchanged, "a")]), none(&["a", "b"]));
        let mut other = new("b");
        other.preview.kind = "S3TriggeredFunction".into();
        assert_eq!(names(vec![gone("a"), other]), none(&["a", "b"]));
    }
}
