//! Documents that S3 refuses for an entry, and the search for the resources at fault.

use super::super::super::Rejection;
use super::*;

/// The resources `a`, `b`, ... with their entries.
fn resource(name: &str, desired: impl Fn(Entry) -> Desired) -> (Claim, Entry) {
    let key = ObjectKey::new("media", name);
    let filter = KeyFilter { prefix: Some(format!("{name}/")), ..KeyFilter::default() };
    let entry =
        Entry { id: Some(key.entry_id(&owner(), &filter, false)), filter: Filter::from(&filter), ..own() };
    (Claim { key, created: 0, uid: name.into(), desired: desired(entry.clone()) }, entry)
}

fn makes(name: &str) -> (Claim, Entry) {
    resource(name, |entry| Desired::Entries(vec![entry]))
}

fn shows_to(claims: &[Claim], entries: &[Entry]) -> SyncEvent {
    SyncEvent::Read { document: document(entries), age: Duration::ZERO, claims: claims.to_vec() }
}

fn document_refused() -> SyncEvent {
    SyncEvent::Refused { why: "no".into() }
}

/// The outcome of a sync that set these resources aside.
fn set_aside(write: Option<&[Entry]>, shown: &[Entry], changes: Vec<Change>, names: &[&str]) -> SyncCommand {
    let reject = |name: &&str| (ObjectKey::new("media", *name), Rejection::Refused("no".into()));
    let rejected = names.iter().map(reject).collect();
    let plan = BucketPlan { write: write.map(document), changes, rejected };
    end(Synced { document: document(shown), plan, lost: vec![], broken: vec![] })
}

#[test]
fn a_resource_that_s3_refuses_is_set_aside_after_one_write() {
    let (bad, entry) = makes("bad");
    let claims = [bad];
    let events = vec![shows_to(&claims, &[]), document_refused(), shows_to(&claims, &[])];
    assert_eq!(
        calls(None, events),
        [read(0), write(&[entry]), read(0), set_aside(None, &[], vec![], &["bad"])]
    );
}

#[test]
fn a_deletion_is_written_without_a_refused_neighbor() {
    let (bad, entry) = makes("bad");
    let (gone, removed) = resource("gone", |_| Desired::None);
    let claims = [bad, gone];
    let events = vec![
        shows_to(&claims, std::slice::from_ref(&removed)),
        shows_to(&claims, std::slice::from_ref(&removed)),
        document_refused(),
        shows_to(&claims, std::slice::from_ref(&removed)),
        shows_to(&claims, std::slice::from_ref(&removed)),
        SyncEvent::Written,
        shows_to(&claims, &[]),
    ];
    let expected = [
        read(0),
        read(500),
        write(&[entry]),
        read(0),
        read(500),
        write(&[]),
        read(0),
        set_aside(Some(&[]), &[], vec![Change::Removed(removed)], &["bad"]),
    ];
    assert_eq!(calls(None, events), expected);
}

#[test]
fn accepted_halves_are_written_until_the_refused_resource_is_found() {
    let (claims, entries): (Vec<Claim>, Vec<Entry>) = ["a", "b", "bad", "d"].map(makes).into_iter().unzip();
    let [a, b, bad, d] = <[Entry; 4]>::try_from(entries).unwrap();
    let (half, all) = ([a.clone(), b.clone()], [a.clone(), b.clone(), d.clone()]);
    let events = vec![
        shows_to(&claims, &[]),
        document_refused(),
        shows_to(&claims, &[]),
        SyncEvent::Written,
        shows_to(&claims, &half),
        document_refused(),
        shows_to(&claims, &half),
        document_refused(),
        shows_to(&claims, &half),
        SyncEvent::Written,
        shows_to(&claims, &all),
    ];
    let added = all.iter().cloned().map(Change::Added).collect();
    let with_all = [a.clone(), b.clone(), bad.clone(), d];
    let expected = [
        read(0),
        write(&with_all),
        read(0),
        write(&half),
        read(0),
        write(&with_all),
        read(0),
        write(&[a, b, bad]),
        read(0),
        write(&all),
        read(0),
        set_aside(None, &all, added, &["bad"]),
    ];
    assert_eq!(calls(None, events), expected);
}

#[test]
fn a_changed_resource_that_s3_refuses_keeps_its_current_entry() {
    let (bad, current) = makes("bad");
    let wanted = Entry { events: BTreeSet::from(["s3:ObjectRestore:*".into()]), ..current.clone() };
    let claims = [Claim { desired: Desired::Entries(vec![wanted.clone()]), ..bad }];
    let before = [current];
    let events = vec![shows_to(&claims, &before), document_refused(), shows_to(&claims, &before)];
    let end = set_aside(None, &before, vec![], &["bad"]);
    assert_eq!(calls(None, events), [read(0), write(&[wanted]), read(0), end]);
}

#[test]
fn a_refusal_without_new_entries_ends_the_sync() {
    let (gone, removed) = resource("gone", |_| Desired::None);
    let before = [removed];
    let shows = || shows_to(std::slice::from_ref(&gone), &before);
    let events = vec![shows(), shows(), document_refused()];
    assert_eq!(calls(None, events), [read(0), read(500), write(&[]), SyncCommand::End(SyncOutcome::Refused)]);
}

#[test]
fn a_refused_document_does_not_count_as_contended() {
    let (claims, entries): (Vec<Claim>, Vec<Entry>) = ["a", "bad"].map(makes).into_iter().unzip();
    let (half, theirs) = ([entries[0].clone()], [foreign()]);
    let events = vec![
        shows_to(&claims, &[]),
        document_refused(),
        shows_to(&claims, &[]),
        SyncEvent::Written,
        shows_to(&claims, &theirs),
    ];
    // The pause grows with the number of writes.
    assert_eq!(calls(None, events), [read(0), write(&entries), read(0), write(&half), read(0), read(1000)]);
}

#[test]
fn the_next_half_is_written_on_a_read_of_the_maximum_age() {
    let (claims, entries): (Vec<Claim>, Vec<Entry>) = ["a", "bad"].map(makes).into_iter().unzip();
    let half = [entries[0].clone()];
    let after_the_half_shows = |age| {
        let shown = SyncEvent::Read { document: document(&half), age, claims: claims.clone() };
        let begin = [shows_to(&claims, &[]), document_refused(), shows_to(&claims, &[]), SyncEvent::Written];
        calls(None, begin.into_iter().chain([shown]).collect()).pop()
    };
    assert_eq!(after_the_half_shows(MAX_READ_AGE), Some(write(&entries)));
    assert_eq!(after_the_half_shows(MAX_READ_AGE + Duration::from_millis(1)), Some(read(0)));
}
