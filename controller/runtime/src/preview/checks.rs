//! The checks of the manifests among themselves and against the tenancy file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lambda_triggers_core::api::{AppliedFunction, dropped_fields};
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::plan::intent::ValidSpec;
use lambda_triggers_core::preview::{Deployed, Problem, Severity, same_function};
use lambda_triggers_core::status::Reason;
use lambda_triggers_core::tenancy::{ImplicitGrants, references_of_s3, references_of_scheduled};

use super::cluster::{Cluster, Other};
use super::declared::Declared;
use super::item::Item;
use super::options::Options;

/// Refuses resources that the manifests have twice.
pub fn refuse_duplicates(items: &mut [Item]) {
    let mut places: BTreeMap<(&str, ObjectKey), Vec<String>> = BTreeMap::new();
    for item in items.iter() {
        let source = &item.declared.manifest.source;
        let place = format!("{}:{}", source.file, source.line);
        places.entry((item.declared.kind, item.declared.key.clone())).or_default().push(place);
    }
    for item in items {
        let places = &places[&(item.declared.kind, item.declared.key.clone())];
        if places.len() > 1 {
            let message = format!("the manifests have this resource more than once: {}", places.join(", "));
            item.preview.problems.push(Problem::new(Reason::InvalidSpec, Severity::Error, message));
        }
    }
}

/// Refuses definitions of the same function. `others` are the objects of the cluster without a manifest.
pub fn check_functions(items: &mut [Item], options: &Options, others: &[Other<'_>]) {
    let deployed = |(index, item): (usize, &Item)| {
        let Declared { kind, key, .. } = &item.declared;
        let (region, name) =
            (item.declared.spec.region().to_owned(), item.declared.deployed_name(&options.owner)?);
        (!item.is_gone).then(|| (index, Deployed { region, name, kind, key: key.clone() }))
    };
    let (indexes, deployed): (Vec<usize>, Vec<Deployed>) =
        items.iter().enumerate().filter_map(deployed).unzip();
    let of_others = others.iter().flat_map(|(kind, key, existing)| {
        existing.status.applied.functions.iter().map(|AppliedFunction { region, name, .. }| Deployed {
            region: region.clone(),
            name: name.clone(),
            kind,
            key: (*key).clone(),
        })
    });
    let all: Vec<Deployed> = deployed.into_iter().chain(of_others).collect();
    for (index, failure) in same_function(&all) {
        if let Some(index) = indexes.get(index) {
            items[*index].fail(&failure);
        }
    }
}

/// Warns of schedules without a next run.
pub fn check_next_runs(items: &mut [Item], options: &Options, now: Timestamp) {
    for item in items.iter_mut().filter(|item| !item.is_gone && item.is_looked_at(options)) {
        if let ValidSpec::Scheduled(valid) = &item.declared.spec
            && let Some(failure) = valid.no_next_run(now)
        {
            let problem = Problem::from_failure(&failure);
            item.preview.problems.push(Problem { severity: Severity::Warning, ..problem });
        }
    }
}

/// Warns of fields that the CRDs in the cluster do not have.
pub fn check_schemas(items: &mut [Item], cluster: &Cluster) {
    for item in items.iter_mut().filter(|item| !item.is_gone) {
        let spec = &item.declared.manifest.object["spec"];
        let dropped = cluster.schema(item.declared.kind).map(|schema| dropped_fields(schema, spec));
        item.preview.problems.extend(dropped.into_iter().flatten().map(|field| {
            let message = format!(
                "{field}: the API server drops this field, since the CRD in the cluster does not have it: update the CRDs first"
            );
            Problem::new(Reason::InvalidSpec, Severity::Warning, message)
        }));
    }
}

/// Refuses references that the tenancy file does not permit.
pub fn check_tenancy(items: &mut [Item], options: &Options) {
    let Some(tenancy) = &options.tenancy else { return };
    for item in items.iter_mut().filter(|item| !item.is_gone) {
        let Declared { kind, key, spec, .. } = &item.declared;
        let account = options.account_of(&key.namespace);
        let own = ImplicitGrants::for_object(account, &options.owner, key, &[*kind]);
        let references = match spec {
            ValidSpec::Scheduled(valid) => {
                references_of_scheduled(&valid.spec, options.default_backend, &valid.region, &own)
            }
            ValidSpec::S3(valid) => references_of_s3(&valid.spec, &valid.region, &own),
        };
        let refusals = tenancy.refusals(&key.namespace, &own, references).into_iter();
        let problem = |(_, message)| Problem::new(Reason::NotPermitted, Severity::Error, message);
        item.preview.problems.extend(refusals.map(problem));
    }
}
