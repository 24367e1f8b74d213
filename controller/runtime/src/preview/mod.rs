//! The preview of manifests: reads AWS, plans as the operator plans, and writes nothing.

mod buckets;
mod checks;
mod declared;
mod function;
mod item;
mod observer;
mod options;
mod removal;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use lambda_triggers_core::api::Applied;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::preview::{Against, Preview, Problem, ResourcePreview, Severity};
use lambda_triggers_core::status::Failure;
use tokio::time::Instant;

use crate::aws::{AwsError, AwsReads};
use crate::manifests::{Manifest, Manifests};
use buckets::buckets;
use checks::{check_functions, check_tenancy, refuse_duplicates};
use declared::{Declared, in_file};
use item::{Item, needs};
use observer::{Observer, Planned};
pub use options::Options;
use options::PARALLEL;

/// The manifests to preview.
#[derive(Debug, Default)]
pub struct Input {
    /// The manifests.
    pub head: Manifests,
    /// The manifests of the target branch.
    pub base: Option<Manifests>,
}

/// The preview of the manifests. Without `aws`, only the manifests are checked.
///
/// # Errors
///
/// The account of the credentials cannot be read.
pub async fn preview(
    input: Input,
    options: &Options,
    aws: Option<&AwsReads>,
    now: Timestamp,
) -> Result<Preview, AwsError> {
    let account = match aws {
        Some(aws) => Some(aws.account().await?.id),
        None => options.account.clone(),
    };
    let against = Against {
        aws: aws.is_some(),
        base: input.base.is_some(),
        owner_id: options.owner.to_string(),
        account: account.clone(),
        region: Some(options.region.clone()).filter(|region| !region.is_empty()),
    };
    let account = account.unwrap_or_else(|| "000000000000".into());
    let config_maps = input.head.config_maps;
    let (mut items, refused) = declare(input.head.triggers, input.base, options, &account, now);
    refuse_duplicates(&mut items);
    check_functions(&mut items, options);
    check_tenancy(&mut items, options, &account);
    let deployed: BTreeSet<(String, String)> = items
        .iter()
        .filter(|item| !item.is_gone)
        .filter_map(|item| {
            Some((item.declared.region().to_owned(), item.declared.deployed_name(&options.owner)?))
        })
        .collect();
    if let Some(aws) = aws {
        let observer = Observer {
            aws,
            options,
            account: &account,
            now,
            since: Instant::now(),
            config_maps: &config_maps,
            deployed: &deployed,
            groups: tokio::sync::Mutex::default(),
        };
        observe(&observer, &mut items).await;
    }
    let buckets = buckets(&mut items, options, &account, aws).await;
    let mut resources = refused;
    for Item { declared, mut preview, planned, is_gone, is_as_before, .. } in items {
        preview.changes.splice(0..0, planned.changes);
        preview.notes.extend(planned.notes);
        let ignored = |problem: Problem| match options.ignored.contains(&problem.reason) {
            true => Problem { severity: Severity::Warning, ..problem },
            false => problem,
        };
        let problems: Vec<Problem> = preview.problems.drain(..).chain(planned.problems).collect();
        preview.problems =
            problems.into_iter().map(|problem| in_file(ignored(problem), &declared.manifest)).collect();
        preview.decide(is_gone, is_as_before);
        resources.push(preview);
    }
    Ok(Preview::new(against, resources, buckets))
}

/// The valid resources of both sides, and the previews of the invalid ones. Invalid manifests of the base are left out.
fn declare(
    head: Vec<Manifest>,
    base: Option<Manifests>,
    options: &Options,
    account: &str,
    now: Timestamp,
) -> (Vec<Item>, Vec<ResourcePreview>) {
    let before = base.map(|base| base.triggers).unwrap_or_default();
    let mut before: BTreeMap<(&str, ObjectKey), Declared> = before
        .into_iter()
        .filter_map(|manifest| Declared::new(manifest, options).ok())
        .map(|declared| ((declared.kind, declared.key.clone()), declared))
        .collect();
    let (mut items, mut refused) = (vec![], vec![]);
    for manifest in head {
        match Declared::new(manifest, options) {
            Ok(declared) => {
                let old = before.remove(&(declared.kind, declared.key.clone()));
                let recorded = old.as_ref().map(|old| needs(old, options, account, now)).unwrap_or_default();
                let is_as_before = old.is_some_and(|old| old.json == declared.json);
                items.push(Item::new(declared, recorded, is_as_before, now));
            }
            Err(preview) => {
                before.retain(|(kind, key), _| {
                    *kind != preview.kind || key.namespace != preview.namespace || key.name != preview.name
                });
                refused.push(*preview);
            }
        }
    }
    for (_, old) in before {
        let recorded = needs(&old, options, account, now);
        let mut item = Item::new(old, recorded, false, now);
        item.is_gone = true;
        items.push(item);
    }
    (items, refused)
}

/// Plans all resources that can differ from AWS.
async fn observe(observer: &Observer<'_>, items: &mut [Item]) {
    let looked_at = |item: &Item| observer.options.all || item.is_gone || !item.is_as_before;
    let plans = items.iter().map(async |item| {
        if item.is_refused() {
            return Ok(Planned::default());
        }
        if item.is_gone && item.declared.is_retained() {
            let notes = vec!["deletionPolicy is Retain: everything stays in AWS".to_owned()];
            return Ok(Planned { notes, ..Planned::default() });
        }
        if item.is_gone {
            return Ok(Planned { obsolete: item.recorded.clone(), ..Planned::default() });
        }
        if !looked_at(item) {
            return Ok(Planned { wanted: item.recorded.clone(), ..Planned::default() });
        }
        observer.plan(item).await
    });
    let plans: Vec<Result<Planned, Failure>> = stream::iter(plans).buffered(PARALLEL).collect().await;
    for (item, plan) in items.iter_mut().zip(plans) {
        match plan {
            Ok(planned) => item.planned = planned,
            Err(failure) => item.fail(&failure),
        }
    }
    let wanted: Vec<Applied> = items.iter().map(|item| item.planned.wanted.clone()).collect();
    let removals = items.iter().map(|item| observer.plan_removal(item, &wanted));
    let removals: Vec<Planned> = stream::iter(removals).buffered(PARALLEL).collect().await;
    for (item, removal) in items.iter_mut().zip(removals) {
        item.planned.changes.extend(removal.changes);
        item.planned.problems.extend(removal.problems);
        item.planned.notes.extend(removal.notes);
    }
}
