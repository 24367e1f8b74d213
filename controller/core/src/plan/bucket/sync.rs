//! [`BucketSync`]: the sync of a bucket as a state machine. Each event goes in, and the next command comes out.
//!
//! The state machine neither waits nor calls AWS. The operator's bucket worker and the model checker drive the same
//! code.
//!
//! S3 has no conditional write. A sync therefore keeps the time between read and write short, writes only
//! differences, and reads again afterwards. A foreign write between read and write cannot be detected.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bisection::{Bisection, suspects};
use super::{BucketPlan, Change, Claim, Desired, Destination, Document, Entry, plan_bucket, verify};
use crate::ownership::{ObjectKey, OwnerId};

#[cfg(test)]
mod tests;

/// The maximum number of writes before the outcome [`SyncOutcome::Contended`].
pub const MAX_WRITES: u32 = 3;
/// The maximum age of a read as the base of a write.
pub const MAX_READ_AGE: Duration = Duration::from_secs(1);
/// The number of old reads after which an old read is accepted, because S3 may be slow for a while.
const MAX_STALE_READS: u32 = 3;
/// The maximum number of reads before a write, even without agreement.
const MAX_READS: u32 = 8;
/// The delays between reads that must agree if the first read may be stale.
const AGREEMENT_DELAYS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// The delays before the reads that verify a write. S3 is eventually consistent and may return the old document for a
/// while (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel>).
const VERIFY_DELAYS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// The next command for the driver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SyncCommand {
    /// Read the document after a pause.
    Read {
        /// The time to wait before the read.
        pause: Duration,
    },
    /// Write the document at once. The driver must not wait before the write.
    Write {
        /// The complete document.
        document: Document,
        /// True if S3 must validate that all destinations accept events.
        validate: bool,
    },
    /// Check that each own function exists and permits the bucket to invoke it, and repair missing permissions.
    CheckDestinations,
    /// The sync is over.
    End(SyncOutcome),
}

/// The result of the last command.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SyncEvent {
    /// A document was read.
    Read {
        /// The document from S3.
        document: Document,
        /// The time since the start of the read.
        age: Duration,
        /// The current claims of all resources.
        claims: Vec<Claim>,
    },
    /// S3 has accepted the write.
    Written,
    /// The write has no answer. S3 may have applied the write, or may apply the write later.
    Unanswered,
    /// S3 has rejected the write, because a destination in the document accepts no events.
    DestinationRefused {
        /// The ARNs in S3's response; may be empty.
        arns: Vec<String>,
    },
    /// S3 has refused the document because of an entry that S3 does not name.
    Refused {
        /// S3's words.
        why: String,
    },
    /// The own functions were checked.
    DestinationsChecked {
        /// True if every own function exists and permits the bucket.
        fine: bool,
    },
}

/// The outcome of a sync.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SyncOutcome {
    /// The document matches the plan.
    InSync(Synced),
    /// Another writer removes the operator's entries again and again. Contains the last read document.
    Contended(Document),
    /// The last write had no answer, and the document does not show the write.
    Unanswered,
    /// S3 rejects an own destination, or the check of the own destinations failed.
    DestinationRefused,
    /// S3 refuses the document even without new and changed entries.
    Refused,
}

/// A document that matches its plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Synced {
    /// The last read document.
    pub document: Document,
    /// The plan of the document, with all changes applied.
    pub plan: BucketPlan,
    /// Foreign entries in the document before the write, but not after the write.
    pub lost: Vec<Entry>,
    /// Foreign entries with broken destinations. The write skipped S3's validation of destinations.
    pub broken: Vec<Entry>,
}

/// A running sync of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketSync {
    owner: OwnerId,
    /// The document at the end of the last successful sync.
    known: Option<Document>,
    phase: Phase,
    writes: u32,
    unanswered: bool,
    own_destinations: OwnDestinations,
    /// Foreign entries with broken destinations. While the document contains one of the entries, writes skip S3's
    /// validation.
    broken: Vec<Entry>,
    bisection: Bisection,
    done: Done,
}

/// The effects of the writes so far that the document showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Done {
    changes: Vec<Change>,
    lost: Vec<Entry>,
    broken: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Reads the base document for a write.
    Reading {
        reads: Reads,
        last: Option<Document>,
    },
    Writing(PendingWrite),
    CheckingDestinations,
    Verifying {
        pending: PendingWrite,
        reads_done: usize,
    },
    Ended,
}

/// Counters of the reads before a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Reads {
    all: u32,
    /// The number of old reads.
    old: u32,
    /// The number of last reads in a row with an equal document.
    agreed: usize,
}

/// A write with its base document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PendingWrite {
    before: Document,
    plan: BucketPlan,
    document: Document,
    broken: Vec<Entry>,
    /// The resources with new or changed entries.
    suspects: Vec<ObjectKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum OwnDestinations {
    Unchecked,
    Confirmed,
    Unconfirmed,
}

impl BucketSync {
    /// Starts a sync. `known` is the document at the end of the last sync, if any.
    pub fn begin(owner: OwnerId, known: Option<Document>) -> (Self, SyncCommand) {
        let phase = Phase::Reading { reads: Reads::default(), last: None };
        let sync = Self {
            owner,
            known,
            phase,
            writes: 0,
            unanswered: false,
            own_destinations: OwnDestinations::Unchecked,
            broken: vec![],
            bisection: Bisection::default(),
            done: Done::default(),
        };
        (sync, SyncCommand::Read { pause: Duration::ZERO })
    }

    /// The resources whose entries S3 refused in this sync, with S3's words.
    pub fn refused(&self) -> &BTreeMap<ObjectKey, String> {
        self.bisection.refused()
    }

    /// Consumes the result of the last command and returns the next command. An event without a matching command
    /// causes a new read.
    pub fn step(&mut self, event: SyncEvent) -> SyncCommand {
        match (std::mem::replace(&mut self.phase, Phase::Ended), event) {
            (Phase::Reading { reads, last }, SyncEvent::Read { document, age, claims }) => {
                let is_old = age > MAX_READ_AGE;
                let agreed = if last.as_ref() == Some(&document) { reads.agreed + 1 } else { 0 };
                let reads = Reads { all: reads.all + 1, old: reads.old + u32::from(is_old), agreed };
                self.on_read(reads, is_old, document, &claims)
            }
            (Phase::Writing(pending), SyncEvent::Written) => {
                self.unanswered = false;
                self.verify_after(pending, 0)
            }
            (Phase::Writing(pending), SyncEvent::Unanswered) => {
                self.unanswered = true;
                self.verify_after(pending, 0)
            }
            (Phase::Writing(pending), SyncEvent::DestinationRefused { arns }) => {
                self.on_refused(&pending, &arns)
            }
            (Phase::Writing(pending), SyncEvent::Refused { why }) => self.on_document_refused(pending, why),
            (Phase::CheckingDestinations, SyncEvent::DestinationsChecked { fine }) => {
                self.own_destinations =
                    if fine { OwnDestinations::Confirmed } else { OwnDestinations::Unconfirmed };
                self.restart(Duration::ZERO)
            }
            (Phase::Verifying { pending, reads_done }, SyncEvent::Read { document, age, claims }) => {
                self.on_verify_read(pending, reads_done, document, age > MAX_READ_AGE, &claims)
            }
            _ => self.restart(Duration::ZERO),
        }
    }

    fn restart(&mut self, pause: Duration) -> SyncCommand {
        self.phase = Phase::Reading { reads: Reads::default(), last: None };
        SyncCommand::Read { pause }
    }

    fn on_read(&mut self, reads: Reads, is_old: bool, document: Document, all: &[Claim]) -> SyncCommand {
        loop {
            let claims = self.bisection.claims(all);
            let plan = plan_bucket(&document, &self.owner, &claims);
            let needs_agreement =
                reads.agreed < self.required_agreement(&document, &plan, &claims) && reads.all < MAX_READS;
            if needs_agreement || is_old && reads.old < MAX_STALE_READS {
                let pause = if needs_agreement { AGREEMENT_DELAYS[reads.agreed] } else { Duration::ZERO };
                self.phase = Phase::Reading { reads, last: Some(document) };
                return SyncCommand::Read { pause };
            }
            let Some(after) = plan.write.clone() else {
                if self.bisection.is_running() {
                    // S3 has the entries of this group already, or the resources of the group have left.
                    self.bisection.on_accepted();
                    continue;
                }
                return self.end(document, plan);
            };
            let mut broken = self.broken.clone();
            broken.retain(|broken| document.entries().any(|entry| entry == broken));
            let suspects = suspects(&plan, &claims, &self.owner);
            return self.write(PendingWrite { before: document, plan, document: after, broken, suspects });
        }
    }

    /// Ends the sync with the effects of all writes.
    fn end(&mut self, document: Document, plan: BucketPlan) -> SyncCommand {
        let Done { changes, lost, broken } = std::mem::take(&mut self.done);
        let plan = BucketPlan { changes, ..plan };
        SyncCommand::End(SyncOutcome::InSync(Synced { document, plan, lost, broken }))
    }

    /// The number of further reads that must return the same document.
    ///
    /// S3 may return an old document. A write based on an old document would revert newer foreign changes. A false
    /// absence of own entries would orphan the entries. A document with all known children is at least as new as the
    /// known document.
    fn required_agreement(&self, document: &Document, plan: &BucketPlan, claims: &[Claim]) -> usize {
        let releases = claims.iter().any(|claim| claim.desired == Desired::None);
        match &self.known {
            Some(known) if plan.write.is_some() || releases => {
                let lacks = known.children.iter().any(|child| !document.children.contains(child));
                if lacks { AGREEMENT_DELAYS.len() } else { 0 }
            }
            Some(_) => 0,
            None => releases.into(),
        }
    }

    fn write(&mut self, pending: PendingWrite) -> SyncCommand {
        let (document, validate) = (pending.document.clone(), pending.broken.is_empty());
        self.writes += 1;
        self.phase = Phase::Writing(pending);
        SyncCommand::Write { document, validate }
    }

    /// Handles S3's rejection of a document because of a destination. S3 rejects the whole document for one
    /// destination.
    ///
    /// An own destination is repaired or left out. A broken foreign destination must not block the operator's
    /// entries: after a check of the own destinations, the write skips S3's validation.
    fn on_refused(&mut self, pending: &PendingWrite, arns: &[String]) -> SyncCommand {
        self.writes -= 1;
        let named = |entry: &Entry| arns.is_empty() || arns.contains(&entry.arn);
        let (own, foreign): (Vec<&Entry>, Vec<&Entry>) =
            pending.document.entries().filter(|entry| named(entry)).partition(|entry| self.is_own(entry));
        let is_foreign = !foreign.is_empty() && (own.is_empty() || arns.is_empty());
        match self.own_destinations {
            OwnDestinations::Unchecked => {
                self.phase = Phase::CheckingDestinations;
                SyncCommand::CheckDestinations
            }
            OwnDestinations::Confirmed if is_foreign && self.broken.is_empty() => {
                self.broken = foreign.into_iter().cloned().collect();
                self.restart(Duration::ZERO)
            }
            OwnDestinations::Confirmed | OwnDestinations::Unconfirmed => {
                SyncCommand::End(SyncOutcome::DestinationRefused)
            }
        }
    }

    /// Looks for the resources at fault, since S3 refuses a whole document for one entry.
    fn on_document_refused(&mut self, pending: PendingWrite, why: String) -> SyncCommand {
        self.writes -= 1;
        if pending.suspects.is_empty() && !self.bisection.is_running() {
            return SyncCommand::End(SyncOutcome::Refused);
        }
        self.bisection.on_refused(pending.suspects, why);
        self.restart(Duration::ZERO)
    }

    fn verify_after(&mut self, pending: PendingWrite, reads_done: usize) -> SyncCommand {
        self.phase = Phase::Verifying { pending, reads_done };
        SyncCommand::Read { pause: VERIFY_DELAYS[reads_done] }
    }

    fn on_verify_read(
        &mut self,
        pending: PendingWrite,
        reads_done: usize,
        document: Document,
        is_old: bool,
        all: &[Claim],
    ) -> SyncCommand {
        let seen = verify(&pending.before, &pending.plan.changes, &document);
        // The document may show the operator's changes and also entries of another write, for example of a late write
        // of the operator.
        let claims = self.bisection.claims(all);
        if seen.missing.is_empty() && plan_bucket(&document, &self.owner, &claims).write.is_none() {
            let PendingWrite { before: _, plan, document: _, broken, suspects: _ } = pending;
            self.done.changes.extend(plan.changes.iter().cloned());
            self.done.lost.extend(seen.lost);
            self.done.broken = broken;
            if !self.bisection.is_running() {
                return self.end(document, plan);
            }
            (self.writes, self.unanswered, self.known) = (0, false, Some(document.clone()));
            self.bisection.on_accepted();
            return self.on_read(Reads { all: 1, ..Reads::default() }, is_old, document, all);
        }
        // The document is neither the base document nor the planned document: another writer is active, and waiting
        // does not help.
        let is_contended = document != pending.before;
        if !is_contended && reads_done + 1 < VERIFY_DELAYS.len() {
            return self.verify_after(pending, reads_done + 1);
        }
        match (self.writes < MAX_WRITES, self.unanswered) {
            (true, _) => self.restart(Duration::from_secs(self.writes.into())),
            (false, true) => SyncCommand::End(SyncOutcome::Unanswered),
            (false, false) => SyncCommand::End(SyncOutcome::Contended(document)),
        }
    }

    fn is_own(&self, entry: &Entry) -> bool {
        entry.destination == Destination::Function && entry.own_id(&self.owner).is_some()
    }
}
