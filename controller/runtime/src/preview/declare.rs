//! The resources on all sides: the manifests, the base and the cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lambda_triggers_core::api::Applied;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::preview::{Problem, ResourcePreview, Severity};
use lambda_triggers_core::status::Reason;

use super::cluster::{Cluster, Existing};
use super::declared::Declared;
use super::item::{Item, needs};
use super::options::Options;
use crate::manifests::{Manifest, Manifests};

/// The resources in AWS that a manifest needs by its spec; none for an invalid manifest.
pub fn needed(manifest: Manifest, options: &Options, now: Timestamp) -> Applied {
    Declared::new(manifest, options).map(|declared| needs(&declared, options, now)).unwrap_or_default()
}

/// The valid resources of all sides, and the previews of the invalid ones.
pub fn declare(
    head: Vec<Manifest>,
    base: Option<Manifests>,
    cluster: Option<&Cluster>,
    options: &Options,
    now: Timestamp,
) -> (Vec<Item>, Vec<ResourcePreview>) {
    // Without a base, the specs in the cluster tell a change from drift.
    let compared = cluster.filter(|_| base.is_none());
    let mut before: BTreeMap<(&str, ObjectKey), Declared> = BTreeMap::new();
    let mut invalid_before = vec![];
    for manifest in base.map(|base| base.triggers).unwrap_or_default() {
        match Declared::new(manifest, options) {
            Ok(declared) => drop(before.insert((declared.kind, declared.key.clone()), declared)),
            Err(preview) => invalid_before.push(*preview),
        }
    }
    let (mut items, mut refused) = (vec![], vec![]);
    for manifest in head {
        match Declared::new(manifest, options) {
            Ok(declared) => {
                let old = before.remove(&(declared.kind, declared.key.clone()));
                let is_as_before = old.as_ref().is_some_and(|old| old.json == declared.json)
                    || compared.is_some_and(|cluster| is_as_in(cluster, &declared, options));
                let item = Item::new(declared, is_as_before, now);
                items.push(with_record(item, old.as_ref(), cluster, options, now));
            }
            Err(preview) => {
                before.retain(|(kind, key), _| !is_of(&preview, kind, key));
                refused.push(*preview);
            }
        }
    }
    let is_in_files = |kind: &str, key: &ObjectKey| {
        let is_declared = |item: &Item| item.declared.kind == kind && item.declared.key == *key;
        refused.iter().any(|one| is_of(one, kind, key)) || items.iter().any(is_declared)
    };
    let is_in_base = |kind: &str, key: &ObjectKey| invalid_before.iter().any(|one| is_of(one, kind, key));
    let objects = cluster.into_iter().flat_map(|cluster| &cluster.objects);
    let is_deleted = |((kind, key), existing): &(&(&str, ObjectKey), &Existing)| {
        (existing.is_selected || is_in_base(kind, key)) && !is_in_files(kind, key)
    };
    for (id, existing) in objects.filter(is_deleted) {
        if let Ok(declared) = Declared::new(existing.manifest.clone(), options) {
            before.insert(id.clone(), declared);
        }
    }
    let unplanned = invalid_before.into_iter().filter(|one| {
        let key = ObjectKey::new(&one.namespace, &one.name);
        cluster.is_none() && !is_in_files(&one.kind, &key)
    });
    let unplanned: Vec<ResourcePreview> = unplanned.map(with_unplanned_deletion).collect();
    refused.extend(unplanned);
    for (_, old) in before {
        let item = with_record(Item::new(old.clone(), false, now), Some(&old), cluster, options, now);
        // The deletion of an object that the cluster does not have changes nothing.
        if cluster.is_none() || item.existing.is_some() {
            items.push(Item { is_gone: true, ..item });
        }
    }
    (items, refused)
}

/// True if the preview is of this object.
fn is_of(preview: &ResourcePreview, kind: &str, key: &ObjectKey) -> bool {
    preview.kind == kind && preview.namespace == key.namespace && preview.name == key.name
}

/// The preview of an invalid manifest that only the base has. The spec does not show what the operator made, if anything.
fn with_unplanned_deletion(mut preview: ResourcePreview) -> ResourcePreview {
    let message = "in the base, not in the files, and invalid in the base, so the plan cannot show what its deletion \
                   removes: add --cluster, which reads it from the status";
    preview.problems = vec![Problem::new(Reason::InvalidSpec, Severity::Warning, message)];
    preview.decide(false, false, &[]);
    preview
}

/// True if the operator has seen the same spec in the cluster.
fn is_as_in(cluster: &Cluster, declared: &Declared, options: &Options) -> bool {
    let existing = cluster.objects.get(&(declared.kind, declared.key.clone()));
    let declare = |existing: &Existing| Declared::new(existing.manifest.clone(), options).ok();
    let same = existing.filter(|existing| existing.is_observed()).and_then(declare);
    same.is_some_and(|same| same.json == declared.json)
}

/// The item with the resources that the operator has made for the object. The status of the object decides. Without the
/// cluster, the manifest of the base shows what the operator needed.
fn with_record(
    item: Item,
    old: Option<&Declared>,
    cluster: Option<&Cluster>,
    options: &Options,
    now: Timestamp,
) -> Item {
    let Some(cluster) = cluster else {
        let recorded = old.map(|old| needs(old, options, now)).unwrap_or_default();
        return Item { recorded, ..item };
    };
    let existing = cluster.objects.get(&(item.declared.kind, item.declared.key.clone())).cloned();
    let recorded = existing.as_ref().map(|existing| existing.status.applied.clone()).unwrap_or_default();
    Item { recorded, existing, ..item }
}
