//! The preview of manifests: reads AWS, plans as the operator plans, and writes nothing.

mod buckets;
mod checks;
mod cluster;
mod declare;
mod declared;
mod function;
mod item;
mod observer;
mod options;
mod reads;
mod removal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use lambda_triggers_core::api::{Applied, Backend};
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::plan::intent::ValidSpec;
use lambda_triggers_core::preview::{
    Against, ChangeAction, Part, Preview, Problem, Severity, WithSpec, join_renames, rules_nearly_full,
};
use lambda_triggers_core::status::Failure;
use tokio::time::Instant;

use crate::aws::{AwsError, NamespaceReads};
use crate::manifests::Manifests;
use buckets::{plan_buckets, read_buckets};
use checks::{check_functions, check_next_runs, check_schemas, check_tenancy, refuse_duplicates};
pub use cluster::Cluster;
use cluster::Other;
use declare::declare;
pub use declare::needed;
use declared::in_file;
use item::Item;
use observer::{Observer, Planned};
pub use options::Options;
use options::PARALLEL;

/// The number of rules from which on a list of all tags saves seconds.
const MANY_RULES: usize = 100;

/// The manifests to preview.
#[derive(Default)]
pub struct Input {
    /// The manifests.
    pub head: Manifests,
    /// The manifests of the target branch.
    pub base: Option<Manifests>,
    /// The cluster.
    pub cluster: Option<Cluster>,
}

/// The preview of the manifests. Without `aws`, only the manifests are checked.
///
/// # Errors
///
/// The account of the credentials cannot be read.
pub async fn preview(
    input: Input,
    options: &Options,
    aws: Option<&NamespaceReads>,
    now: Timestamp,
) -> Result<Preview, AwsError> {
    let account = match aws {
        Some(aws) => Some(aws.own().account().await?.id),
        None => options.account.clone(),
    };
    let options = &Options { account, ..options.clone() };
    let Input { head, base, cluster } = input;
    let against = Against {
        aws: aws.is_some(),
        base: base.is_some(),
        cluster: cluster.is_some(),
        owner_id: options.owner.to_string(),
        account: options.account.clone(),
        region: Some(options.region.clone()).filter(|region| !region.is_empty()),
    };
    let cluster = cluster.as_ref();
    let (mut items, refused) = declare(head.triggers, base, cluster, options, now);
    let others: Option<Vec<Other>> = cluster.map(|cluster| without_items(cluster, &items));
    refuse_duplicates(&mut items);
    check_functions(&mut items, options, others.as_deref().unwrap_or_default());
    check_tenancy(&mut items, options);
    check_next_runs(&mut items, options, now);
    if let Some(cluster) = cluster {
        check_schemas(&mut items, cluster);
    }
    let deployed: BTreeSet<(String, String)> = items
        .iter()
        .filter(|item| !item.is_gone)
        .filter_map(|item| {
            Some((item.declared.spec.region().to_owned(), item.declared.deployed_name(&options.owner)?))
        })
        .collect();
    let is_rule = |item: &&Item| {
        item.is_looked_at(options)
            && matches!(&item.declared.spec, ValidSpec::Scheduled(valid) if valid.backend == Backend::Rule)
    };
    let lists_tags = items.iter().filter(is_rule).count() >= MANY_RULES;
    let observer = aws.map(|aws| Observer {
        aws,
        options,
        cluster,
        now,
        since: Instant::now(),
        config_maps: &head.config_maps,
        deployed: &deployed,
        groups: tokio::sync::Mutex::default(),
        lists_tags,
        tags: tokio::sync::Mutex::default(),
    });
    for item in &mut items {
        item.is_blocked = item.is_refused();
    }
    if let Some(observer) = &observer {
        observe(observer, &mut items).await;
    }
    let read = read_buckets(&mut items, options, aws).await;
    let mut buckets = plan_buckets(&mut items, &read, others.as_deref(), options);
    match &observer {
        Some(observer) => remove(observer, &mut items, others.as_deref().unwrap_or_default()).await,
        // The documents are not known, so the plan is only a check for conflicts.
        None => {
            buckets.clear();
            items.iter_mut().for_each(|item| item.preview.changes.clear());
        }
    }
    let mut declared_resources = vec![];
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
        preview.decide(is_gone, is_as_before, &buckets);
        declared_resources.push(WithSpec { preview, spec: declared.json });
    }
    let resources = join_renames(declared_resources).into_iter().chain(refused).collect();
    Ok(Preview::new(against, resources, buckets))
}

/// The objects of the cluster without a manifest.
fn without_items<'a>(cluster: &'a Cluster, items: &[Item]) -> Vec<Other<'a>> {
    let known: BTreeSet<(&str, &ObjectKey)> =
        items.iter().map(|item| (item.declared.kind, &item.declared.key)).collect();
    let others = cluster.objects.iter().filter(|((kind, key), _)| !known.contains(&(*kind, key)));
    others.map(|((kind, key), existing)| (*kind, key, existing)).collect()
}

/// Plans all resources that can differ from AWS.
async fn observe(observer: &Observer<'_>, items: &mut [Item]) {
    let (options, done) = (observer.options, AtomicUsize::new(0));
    // A resource that the operator leaves alone keeps everything in AWS.
    let kept = |item: &Item, note: Option<&str>| Planned {
        wanted: item.recorded.clone(),
        notes: note.into_iter().map(ToOwned::to_owned).collect(),
        ..Planned::default()
    };
    let plans = items.iter().map(async |item| match () {
        () if item.is_refused() => Ok(kept(item, None)),
        () if item.is_paused() => Ok(kept(item, Some("paused: the operator changes nothing"))),
        () if item.is_gone && item.declared.spec.is_retained() => {
            Ok(Planned { wanted: Applied::default(), ..kept(item, Some(RETAINED)) })
        }
        () if item.is_gone => item
            .check_reach(options)
            .map(|()| Planned { obsolete: item.recorded.clone(), ..Planned::default() }),
        () if !item.is_looked_at(options) => Ok(kept(item, None)),
        () => observer.plan(item).await,
    });
    let plans = plans.map(async |plan| {
        let plan = plan.await;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(show) = options.progress {
            show(done, items.len());
        }
        plan
    });
    let plans: Vec<Result<Planned, Failure>> = stream::iter(plans).buffered(PARALLEL).collect().await;
    for (item, plan) in items.iter_mut().zip(plans) {
        item.is_blocked |= plan.is_err();
        item.planned = plan.unwrap_or_else(|failure| {
            item.fail(&failure);
            kept(item, None)
        });
    }
    warn_of_rules(observer, items).await;
}

/// Plans the removal of what no manifest needs any more.
async fn remove(observer: &Observer<'_>, items: &mut [Item], others: &[Other<'_>]) {
    let of_others = others.iter().filter(|(_, _, existing)| !existing.is_deleted || existing.is_paused);
    let of_others = of_others.map(|(_, _, existing)| existing.status.applied.clone());
    let wanted: Vec<Applied> =
        items.iter().map(|item| item.planned.wanted.clone()).chain(of_others).collect();
    let removals = items.iter().map(|item| observer.plan_removal(item, &wanted));
    let removals: Vec<Planned> = stream::iter(removals).buffered(PARALLEL).collect().await;
    for (item, removal) in items.iter_mut().zip(removals) {
        item.preview.changes.extend(removal.changes);
        item.preview.problems.extend(removal.problems);
        item.preview.notes.extend(removal.notes);
    }
}

/// Warns if a Region has nearly as many rules as AWS permits. Without the permission to list all rules, there is no
/// warning.
async fn warn_of_rules(observer: &Observer<'_>, items: &mut [Item]) {
    let mut regions: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        for change in &item.planned.changes {
            if (change.part, change.action) == (Part::Rule, ChangeAction::Create) {
                regions.entry(change.region.clone()).or_insert((index, 0)).1 += 1;
            }
        }
    }
    for (region, (first, created)) in regions {
        if let Ok(Some(listed)) = observer.aws.own().eventbridge(&region).list("", observer.since).await {
            items[first].planned.problems.extend(rules_nearly_full(listed.len(), created, &region));
        }
    }
}

const RETAINED: &str = "deletionPolicy is Retain: everything stays in AWS";
