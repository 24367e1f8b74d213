//! The commands of a sync for sequences of events.

mod refused;

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Child, Filter};
use super::*;
use crate::api::KeyFilter;
use crate::ownership::ObjectKey;

fn owner() -> OwnerId {
    OwnerId::parse("1a2b3c4d").unwrap()
}

fn key() -> ObjectKey {
    ObjectKey::new("media", "thumbnails")
}

fn own() -> Entry {
    let filter = KeyFilter { prefix: Some("in/".into()), ..KeyFilter::default() };
    Entry {
        destination: Destination::Function,
        arn: "arn:own".into(),
        id: Some(key().entry_id(&owner(), &filter, false)),
        events: BTreeSet::from(["s3:ObjectCreated:*".to_owned()]),
        filter: Filter::from(&filter),
    }
}

fn foreign() -> Entry {
    Entry {
        arn: "arn:theirs".into(),
        id: Some("theirs".into()),
        events: BTreeSet::from(["s3:ObjectRemoved:*".to_owned()]),
        ..own()
    }
}

fn document(entries: &[Entry]) -> Document {
    let xml = "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></NotificationConfiguration>";
    let mut document = Document::parse(xml).unwrap();
    document.children.extend(entries.iter().cloned().map(Child::from_entry));
    document
}

fn claims(desired: Desired) -> Vec<Claim> {
    vec![Claim { key: key(), created: 0, uid: "uid".into(), desired }]
}

fn wanted() -> Vec<Claim> {
    claims(Desired::Entries(vec![own()]))
}

/// A fresh read, with a resource that desires its entry.
fn shows(entries: &[Entry]) -> SyncEvent {
    SyncEvent::Read { document: document(entries), age: Duration::ZERO, claims: wanted() }
}

/// A fresh read, with a resource that desires no entries.
fn shows_to_deleted(entries: &[Entry]) -> SyncEvent {
    SyncEvent::Read { document: document(entries), age: Duration::ZERO, claims: claims(Desired::None) }
}

fn refused(arns: &[&str]) -> SyncEvent {
    SyncEvent::DestinationRefused { arns: arns.iter().map(|arn| (*arn).to_owned()).collect() }
}

fn read(millis: u64) -> SyncCommand {
    SyncCommand::Read { pause: Duration::from_millis(millis) }
}

fn write(entries: &[Entry]) -> SyncCommand {
    SyncCommand::Write { document: document(entries), validate: true }
}

fn write_without_validation(entries: &[Entry]) -> SyncCommand {
    SyncCommand::Write { document: document(entries), validate: false }
}

/// The outcome of a sync without a write.
fn unchanged(entries: &[Entry]) -> Synced {
    let plan = BucketPlan { write: None, changes: vec![], rejected: BTreeMap::new() };
    Synced { document: document(entries), plan, lost: vec![], broken: vec![] }
}

/// The outcome of a sync with this change.
fn changed(entries: &[Entry], change: Change) -> Synced {
    let plan =
        BucketPlan { write: Some(document(entries)), changes: vec![change], rejected: BTreeMap::new() };
    Synced { document: document(entries), plan, lost: vec![], broken: vec![] }
}

fn end(synced: Synced) -> SyncCommand {
    SyncCommand::End(SyncOutcome::InSync(synced))
}

/// All commands of a sync with these events.
fn calls(known: Option<Document>, events: Vec<SyncEvent>) -> Vec<SyncCommand> {
    let (mut sync, first) = BucketSync::begin(owner(), known);
    let rest = events.into_iter().map(|event| sync.step(event));
    std::iter::once(first).chain(rest).collect()
}

#[test]
fn a_document_in_sync_needs_one_read() {
    let in_sync = [foreign(), own()];
    assert_eq!(calls(None, vec![shows(&in_sync)]), [read(0), end(unchanged(&in_sync))]);
    assert_eq!(calls(Some(document(&in_sync)), vec![shows(&in_sync)]), [read(0), end(unchanged(&in_sync))]);
}

#[test]
fn a_change_needs_a_read_a_write_and_a_read() {
    let (before, after) = ([foreign()], [foreign(), own()]);
    assert_eq!(
        calls(None, vec![shows(&before), SyncEvent::Written, shows(&after)]),
        [read(0), write(&after), read(0), end(changed(&after, Change::Added(own())))]
    );
    assert_eq!(
        calls(
            Some(document(&after)),
            vec![shows_to_deleted(&after), SyncEvent::Written, shows_to_deleted(&before)]
        ),
        [read(0), write(&before), read(0), end(changed(&before, Change::Removed(own())))]
    );
}

#[test]
fn old_reads_are_repeated_up_to_the_limit() {
    let read_for = |age| SyncEvent::Read { document: document(&[]), age, claims: wanted() };
    let (fresh, old) = (|| read_for(MAX_READ_AGE), || read_for(MAX_READ_AGE + Duration::from_millis(1)));
    let write = || write(&[own()]);
    assert_eq!(calls(None, vec![fresh()]), [read(0), write()]);
    assert_eq!(calls(None, vec![old(), fresh()]), [read(0), read(0), write()]);
    assert_eq!(calls(None, vec![old(), old(), fresh()]), [read(0), read(0), read(0), write()]);
    assert_eq!(calls(None, vec![old(), old(), old()]), [read(0), read(0), read(0), write()]);
    // Old reads count separately from the reads for agreement.
    let known = Some(document(&[foreign()]));
    assert_eq!(
        calls(known, vec![fresh(), fresh(), fresh(), old(), fresh()]),
        [read(0), read(500), read(1000), read(2000), read(0), write()]
    );
}

#[test]
fn missing_known_entries_need_four_equal_reads() {
    let known = || Some(document(&[foreign(), own()]));
    let four = vec![shows(&[]), shows(&[]), shows(&[]), shows(&[])];
    assert_eq!(calls(known(), four), [read(0), read(500), read(1000), read(2000), write(&[own()])]);
    // The first reads were stale.
    let in_sync = [foreign(), own()];
    assert_eq!(
        calls(known(), vec![shows(&[]), shows(&[]), shows(&in_sync)]),
        [read(0), read(500), read(1000), end(unchanged(&in_sync))]
    );
    // A document with more than the known entries is newer than the known document.
    let more = Entry { id: Some("more".into()), ..foreign() };
    assert_eq!(
        calls(Some(document(&[foreign()])), vec![shows(&[foreign(), more.clone()])]),
        [read(0), write(&[foreign(), more, own()])]
    );
    // Without a write, no agreement is needed.
    assert_eq!(calls(known(), vec![shows(&[own()])]), [read(0), end(unchanged(&[own()]))]);
    // No two reads agree: the eighth read is accepted.
    let (one, other) = (|| shows(&[]), || shows(&[foreign()]));
    let mut expected = vec![read(0)];
    expected.extend(std::iter::repeat_n(read(500), 7));
    expected.push(write(&[foreign(), own()]));
    let events = vec![one(), other(), one(), other(), one(), other(), one(), other()];
    assert_eq!(calls(known(), events), expected);
}

#[test]
fn a_release_without_known_document_needs_two_equal_reads() {
    let (without, with) = (|| shows_to_deleted(&[]), || shows_to_deleted(&[own()]));
    assert_eq!(calls(None, vec![without(), without()]), [read(0), read(500), end(unchanged(&[]))]);
    assert_eq!(calls(None, vec![without(), with(), with()]), [read(0), read(500), read(500), write(&[])]);
}

#[test]
fn a_write_without_an_answer_is_verified() {
    let after = [own()];
    assert_eq!(
        calls(None, vec![shows(&[]), SyncEvent::Unanswered, shows(&[]), shows(&after)]),
        [read(0), write(&after), read(0), read(200), end(changed(&after, Change::Added(own())))]
    );
}

#[test]
fn a_write_that_never_shows_is_retried_twice() {
    let not_showing = || [SyncEvent::Unanswered].into_iter().chain(std::iter::repeat_n(shows(&[]), 6));
    let writes = || not_showing().chain(not_showing()).chain(not_showing().take(6));
    let events = std::iter::once(shows(&[])).chain(writes()).collect();
    let write_and_reads = || [write(&[own()]), read(0), read(200), read(500), read(1000), read(2000)];
    let mut expected = vec![read(0)];
    expected.extend(write_and_reads());
    expected.push(read(1000));
    expected.extend(write_and_reads());
    expected.push(read(2000));
    expected.extend(write_and_reads());
    expected.push(SyncCommand::End(SyncOutcome::Unanswered));
    assert_eq!(calls(None, events), expected);
}

#[test]
fn repeated_foreign_removals_are_contended() {
    let (before, theirs) = ([], [foreign()]);
    let events = vec![
        shows(&before),
        SyncEvent::Written,
        shows(&theirs),
        shows(&theirs),
        SyncEvent::Written,
        shows(&before),
        shows(&before),
        SyncEvent::Written,
        shows(&theirs),
    ];
    let expected = [
        read(0),
        write(&[own()]),
        read(0),
        read(1000),
        write(&[foreign(), own()]),
        read(0),
        read(2000),
        write(&[own()]),
        read(0),
        SyncCommand::End(SyncOutcome::Contended(document(&theirs))),
    ];
    assert_eq!(calls(None, events), expected);
}

#[test]
fn an_entry_restored_by_a_late_write_is_removed() {
    let other = ObjectKey::new("media", "other");
    let filter = KeyFilter { prefix: Some("out/".into()), ..KeyFilter::default() };
    let id = other.entry_id(&owner(), &filter, false);
    let others = Entry { id: Some(id), filter: Filter::from(&filter), ..own() };
    let claim = |desired| Claim { key: other.clone(), created: 0, uid: "other".into(), desired };
    let claims: Vec<Claim> =
        claims(Desired::None).into_iter().chain([claim(Desired::Entries(vec![others.clone()]))]).collect();
    let shows = |entries: &[Entry]| SyncEvent::Read {
        document: document(entries),
        age: Duration::ZERO,
        claims: claims.clone(),
    };
    let (late, after) = ([own(), others.clone()], [others.clone()]);
    let events = vec![
        shows(&[]),
        shows(&[]),
        SyncEvent::Written,
        shows(&late),
        shows(&late),
        shows(&late),
        SyncEvent::Written,
        shows(&after),
    ];
    let expected = [
        read(0),
        read(500),
        write(&after),
        read(0),
        read(1000),
        read(500),
        write(&after),
        read(0),
        end(changed(&after, Change::Removed(own()))),
    ];
    assert_eq!(calls(None, events), expected);
}

#[test]
fn own_destinations_are_checked_before_validation_is_skipped() {
    let (before, after) = ([foreign()], [foreign(), own()]);
    let synced = Synced { broken: vec![foreign()], ..changed(&after, Change::Added(own())) };
    let events = vec![
        shows(&before),
        refused(&["arn:theirs"]),
        SyncEvent::DestinationsChecked { fine: true },
        shows(&before),
        refused(&["arn:theirs"]),
        shows(&before),
        SyncEvent::Written,
        shows(&after),
    ];
    let expected = [
        read(0),
        write(&after),
        SyncCommand::CheckDestinations,
        read(0),
        write(&after),
        read(0),
        write_without_validation(&after),
        read(0),
        end(synced),
    ];
    assert_eq!(calls(None, events), expected);
}

#[test]
fn a_broken_own_destination_ends_the_sync() {
    let (before, after) = ([foreign()], [foreign(), own()]);
    let ends = |fine, arns: &[&str]| {
        let checked = SyncEvent::DestinationsChecked { fine };
        let events = vec![shows(&before), refused(arns), checked, shows(&before), refused(arns)];
        let end = SyncCommand::End(SyncOutcome::DestinationRefused);
        let expected = [read(0), write(&after), SyncCommand::CheckDestinations, read(0), write(&after), end];
        assert_eq!(calls(None, events), expected, "{fine} {arns:?}");
    };
    ends(true, &["arn:own"]);
    ends(true, &["arn:own", "arn:theirs"]);
    ends(false, &["arn:theirs"]);
    ends(false, &[]);
}

#[test]
fn without_arns_all_foreign_destinations_count_as_broken() {
    let (before, after) = ([foreign()], [foreign(), own()]);
    let checked = SyncEvent::DestinationsChecked { fine: true };
    let refused = || refused(&[]);
    let events =
        vec![shows(&before), refused(), checked, shows(&before), refused(), shows(&before), refused()];
    let expected = [
        read(0),
        write(&after),
        SyncCommand::CheckDestinations,
        read(0),
        write(&after),
        read(0),
        write_without_validation(&after),
        SyncCommand::End(SyncOutcome::DestinationRefused),
    ];
    assert_eq!(calls(None, events), expected);
}

#[test]
fn without_foreign_destinations_validation_is_not_skipped() {
    let after = [own()];
    let checked = SyncEvent::DestinationsChecked { fine: true };
    let events = vec![shows(&[]), refused(&[]), checked, shows(&[]), refused(&[])];
    let end = SyncCommand::End(SyncOutcome::DestinationRefused);
    let expected = [read(0), write(&after), SyncCommand::CheckDestinations, read(0), write(&after), end];
    assert_eq!(calls(None, events), expected);
}

#[test]
fn a_rejected_write_does_not_count_as_contended() {
    let (after, theirs) = ([own()], [foreign()]);
    let undone = || [SyncEvent::Written, shows(&theirs), shows(&[])];
    let refusal =
        [shows(&[]), refused(&["arn:own"]), SyncEvent::DestinationsChecked { fine: true }, shows(&[])];
    let events = refusal.into_iter().chain(undone()).chain(undone()).chain(undone().into_iter().take(2));
    let expected = [
        read(0),
        write(&after),
        SyncCommand::CheckDestinations,
        read(0),
        write(&after),
        read(0),
        read(1000),
        write(&after),
        read(0),
        read(2000),
        write(&after),
        read(0),
        SyncCommand::End(SyncOutcome::Contended(document(&theirs))),
    ];
    assert_eq!(calls(None, events.collect()), expected);
}
