//! The import of a bucket's notification configuration.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, HandOver, Imported, OldPermission, Outcome};
use super::function::{FunctionState, LATEST, function_ref};
use super::maker::Maker;
use super::manifest::Manifest;
use super::names::Names;
use super::settings::ImportSettings;
use crate::api::{KeyFilter, S3TriggeredFunctionSpec, decode_key, has_percent_encoding};
use crate::arn::FunctionArn;
use crate::ownership::OwnerId;
use crate::plan::bucket::{Bucket, Destination, Document, Entry, Filter};

/// The maximum number of filters in a spec.
const MAX_FILTERS: usize = 50;

/// A bucket with its notification configuration.
#[derive(Clone, Debug)]
pub struct ObservedBucket {
    /// The bucket.
    pub bucket: Bucket,
    /// The notification configuration.
    pub document: Document,
    /// The functions of the entries, by ARN.
    pub functions: BTreeMap<String, FunctionState>,
    /// The entries that the file of a tool lists; `None` without a file.
    pub listed: Option<ListedEntries>,
}

/// The entries of a bucket that the file of a tool lists. Other entries stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListedEntries {
    /// The entries of all functions, with their maker.
    All(Maker),
    /// The entries of these functions, by ARN, with their makers.
    Of(BTreeMap<String, Maker>),
}

impl ListedEntries {
    /// The maker of the entries of a function; `None` if the file does not list the function.
    fn maker(&self, function: &str) -> Option<&Maker> {
        match self {
            Self::All(maker) => Some(maker),
            Self::Of(functions) => functions.get(function),
        }
    }
}

/// The function, the events and true for all keys. The entries of one resource have these in common.
type Group<'a> = (&'a str, &'a BTreeSet<String>, bool);

/// An entry with its place in the document and its filter as a spec has it.
type Found<'a> = (usize, &'a Entry, KeyFilter);

/// Imports the entries of a bucket. Each entry is in one finding, in the order of the document.
pub fn import_bucket(
    settings: &ImportSettings,
    names: &mut Names,
    observed: &ObservedBucket,
) -> Vec<Finding> {
    let mut findings: Vec<(usize, &Entry, Finding)> = vec![];
    let mut groups: BTreeMap<Group, Vec<Found>> = BTreeMap::new();
    for (place, entry) in observed.document.entries().enumerate() {
        match importable(settings, observed, entry) {
            Ok(filter) => {
                let group = (entry.arn.as_str(), &entry.events, entry.filter == Filter::default());
                groups.entry(group).or_default().push((place, entry, filter));
            }
            Err(outcome) => {
                let finding = Finding::new(entry.describe(), maker(observed, entry), outcome);
                findings.push((place, entry, finding));
            }
        }
    }
    let mut groups: Vec<Vec<Found>> = groups.into_values().collect();
    groups.sort_by_key(|group| group.first().map(|(place, ..)| *place));
    for group in groups.iter().flat_map(|group| group.chunks(MAX_FILTERS)) {
        if let Some((place, first, _)) = group.first() {
            findings.push((*place, first, resource(settings, names, observed, first, group)));
        }
    }
    keep_needed_permissions(&mut findings);
    findings.sort_by_key(|(place, ..)| *place);
    let mut findings: Vec<Finding> = findings.into_iter().map(|(.., finding)| finding).collect();
    if observed.document.has_event_bridge() {
        let outcome = Outcome::Stays("events go to EventBridge as before".into());
        findings.push(Finding::new("EventBridge", None, outcome));
    }
    findings
}

/// Leaves out the permissions that an entry of another tool still needs.
fn keep_needed_permissions(findings: &mut [(usize, &Entry, Finding)]) {
    let is_operators = |entry: &Entry| entry.id.as_deref().and_then(OwnerId::from_name).is_some();
    let stays = findings.iter().filter(|(_, entry, one)| one.manifest().is_none() && !is_operators(entry));
    let needed: BTreeSet<String> = stays.map(|(_, entry, _)| entry.arn.clone()).collect();
    for (_, entry, finding) in findings {
        if let Outcome::Imported(imported) = &mut finding.outcome
            && needed.contains(&entry.arn)
        {
            imported.permissions.clear();
        }
    }
}

/// The statements that permit the bucket to invoke the function of an entry.
fn permissions(observed: &ObservedBucket, entry: &Entry) -> Vec<OldPermission> {
    let Some(function) = FunctionArn::parse(&entry.arn) else { return vec![] };
    let bucket = format!("arn:{}:s3:::{}", function.partition, observed.bucket.name);
    let state = observed.functions.get(&entry.arn);
    state.map(|state| state.permissions(&function, "s3.amazonaws.com", &bucket)).unwrap_or_default()
}

/// The filter of an entry that can be imported; otherwise what becomes of the entry.
fn importable(
    settings: &ImportSettings,
    observed: &ObservedBucket,
    entry: &Entry,
) -> Result<KeyFilter, Outcome> {
    let stays = |why: &str| Err(Outcome::Stays(why.into()));
    match entry.destination {
        Destination::Queue => return stays("the operator leaves entries of queues as they are"),
        Destination::Topic => return stays("the operator leaves entries of topics as they are"),
        Destination::Function => {}
    }
    if let Some(owner) = entry.id.as_deref().and_then(OwnerId::from_name) {
        return Err(Outcome::Stays(format!("an operator with the owner id {owner} has it")));
    }
    if observed.listed.as_ref().is_some_and(|listed| listed.maker(&entry.arn).is_none()) {
        return stays("its function is not in the file");
    }
    if !settings.selection.takes(entry.id.as_deref().unwrap_or_default()) {
        return stays("--only does not name it");
    }
    if FunctionArn::parse(&entry.arn).is_some_and(|arn| arn.qualifier.as_deref() == Some(LATEST)) {
        let why = "the operator writes the ARN without :$LATEST, so it does not adopt this entry: remove :$LATEST from \
                   the entry first";
        return Err(Outcome::NotImported(why.into()));
    }
    working_filter(entry, observed.functions.get(&entry.arn)).map_err(Outcome::NotImported)
}

/// The filter of a working entry. `function` is the state of the entry's function, if known.
///
/// # Errors
///
/// Returns the reason and the remedy, if the entry runs nothing or blocks a change of the bucket.
pub(crate) fn working_filter(entry: &Entry, function: Option<&FunctionState>) -> Result<KeyFilter, String> {
    if entry.destination == Destination::Function && FunctionArn::parse(&entry.arn).is_none() {
        return Err(not_a_function(&entry.arn));
    }
    if function == Some(&FunctionState::Missing) {
        return Err(format!(
            "{} does not exist, so S3 refuses every write that checks the destinations of this bucket; remove the \
             entry",
            entry.arn
        ));
    }
    key_filter(&entry.filter).ok_or_else(|| {
        let Filter { prefix, suffix } = &entry.filter;
        format!(
            "no key matches its filter, because the filter is not encoded for S3 (prefix {prefix:?}, suffix \
             {suffix:?}): encode the filter, or replace the entry by a manifest with the keys as they are"
        )
    })
}

/// The filter as a spec has it, with decoded parts. `None` for a filter that matches no key.
fn key_filter(filter: &Filter) -> Option<KeyFilter> {
    let (prefix, suffix) = (decode_key(&filter.prefix)?, decode_key(&filter.suffix)?);
    let is_literal = has_percent_encoding(&prefix) || has_percent_encoding(&suffix);
    let part = |text: String| (!text.is_empty()).then_some(text);
    Some(KeyFilter {
        prefix: part(prefix),
        suffix: part(suffix),
        literal_percent: is_literal.then_some(true),
    })
}

/// The maker of an entry.
fn maker(observed: &ObservedBucket, entry: &Entry) -> Option<Maker> {
    let is_function = entry.destination == Destination::Function;
    let listed = observed.listed.as_ref().filter(|_| is_function);
    let by_file = listed.and_then(|listed| listed.maker(&entry.arn));
    let tags = observed.functions.get(&entry.arn).and_then(FunctionState::tags);
    by_file.cloned().or_else(|| Maker::of_entry(entry, tags))
}

/// The resource of a group of entries. `first` is the first entry of the group.
fn resource(
    settings: &ImportSettings,
    names: &mut Names,
    observed: &ObservedBucket,
    first: &Entry,
    group: &[Found],
) -> Finding {
    let keys: Vec<String> = group.iter().map(|(_, entry, _)| entry.filter.describe()).collect();
    let events = first.events.iter().cloned().collect::<Vec<_>>().join(", ");
    let count = if group.len() == 1 { "1 entry".to_owned() } else { format!("{} entries", group.len()) };
    let part = format!("{count} ({events}; {})", keys.join(", "));
    let made_by = group.iter().find_map(|(_, entry, _)| maker(observed, entry));
    let ids: Vec<&str> =
        group.iter().map(|(_, entry, _)| entry.id.as_deref().unwrap_or("without Id")).collect();
    let origin = vec![format!("Imported from bucket {}: {}", observed.bucket, ids.join(", "))];
    let filters = group.iter().map(|(_, _, filter)| filter.clone());
    let filters = filters.filter(|filter| *filter != KeyFilter::default()).collect();
    let manifest = spec(settings, &observed.bucket, first, filters)
        .and_then(|(name, spec)| Manifest::of_bucket(settings, names, &name, &spec, origin));
    match manifest {
        Ok(manifest) => {
            let permissions = permissions(observed, first);
            let imported = Imported { manifest, hand_over: HandOver::Adopt, permissions };
            let outcome = Outcome::Imported(Box::new(imported));
            Finding { part, made_by, outcome, notes: notes(observed, first, group) }
        }
        Err(why) => Finding::new(part, made_by, Outcome::NotImported(why)),
    }
}

/// The name and the spec of the resource.
fn spec(
    settings: &ImportSettings,
    bucket: &Bucket,
    entry: &Entry,
    filters: Vec<KeyFilter>,
) -> Result<(String, S3TriggeredFunctionSpec), String> {
    let arn = FunctionArn::parse(&entry.arn).ok_or_else(|| not_a_function(&entry.arn))?;
    let function = function_ref(settings, &arn);
    // An ARN has a Region of its own.
    let region = function.name.as_ref().and_then(|_| settings.region_field(&arn.region));
    let spec = S3TriggeredFunctionSpec {
        function,
        bucket: bucket.name.clone(),
        bucket_owner: (bucket.owner != arn.account).then(|| bucket.owner.clone()),
        events: entry.events.iter().cloned().collect(),
        filters,
        suspend: false,
        deletion_policy: settings.deletion_policy,
        region,
    };
    Ok((arn.name, spec))
}

/// The notes on an imported group.
fn notes(observed: &ObservedBucket, first: &Entry, group: &[Found]) -> Vec<String> {
    let mut notes = vec![];
    for (_, entry, filter) in group {
        let written = Filter::from(filter);
        if written != entry.filter {
            notes.push(format!(
                "the filter {:?} is written {:?}, which S3's documentation counts as equal",
                texts(&entry.filter),
                texts(&written)
            ));
        }
    }
    notes.extend(observed.functions.get(&first.arn).and_then(FunctionState::note));
    if FunctionArn::parse(&first.arn).is_some_and(|arn| arn.account != observed.bucket.owner) {
        notes.push("its function is in another account, which must permit the bucket to invoke it".into());
    }
    notes
}

fn not_a_function(arn: &str) -> String {
    format!("{arn} is not the ARN of a function; remove the entry")
}

/// The prefix and the suffix of a filter as one text.
fn texts(filter: &Filter) -> String {
    match filter.suffix.as_str() {
        "" => filter.prefix.clone(),
        suffix => format!("{}*{suffix}", filter.prefix),
    }
}
