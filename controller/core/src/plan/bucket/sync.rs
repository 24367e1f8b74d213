//! [`BucketSync`]: the work on one bucket, from the first look to the last, as a step function: what came back goes in, the next
//! call comes out. It neither waits nor calls; whoever drives it does, the operator and the model check alike.
//!
//! S3 has no conditional write, so a round keeps the time between a read and the write that is based on it short, writes
//! only what differs, and reads_done afterwards. What it cannot see is another writer's document that took effect between the two.

use std::time::Duration;

use super::{BucketPlan, Claim, Desired, Destination, Document, Entry, plan_bucket, verify};
use crate::ownership::{OwnEntryId, OwnerId};

#[cfg(test)]
mod tests;

/// Writes before the bucket is called contended.
pub const MAX_WRITES: u32 = 3;
/// The oldest read that a write may be based on.
pub const MAX_READ_AGE: Duration = Duration::from_secs(1);
/// Reads that were too old, of which the last will do all the same: S3 may be slow for a while.
const MAX_STALE_READS: u32 = 3;
/// Reads that are made in search of one that can be relied on, before the last will do.
const MAX_READS: u32 = 8;
/// Pauses between reads that must agree, where the first of them may be older than what is known.
const AGREEMENT_DELAYS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// Pauses before the reads_done that verify a write: S3 may show the document from before it for a while
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel>).
const VERIFY_DELAYS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SyncCommand {
    /// Read the document after this time.
    Read {
        /// The wait before it.
        pause: Duration,
    },
    /// Write the document, at once: nothing may be awaited before.
    Write {
        /// The whole of it.
        document: Document,
        /// Whether S3 is to see that it can deliver to every destination.
        validate: bool,
    },
    /// See that each function of ours is there and lets the bucket invoke it, and mend what can be mended.
    CheckDestinations,
    /// Nothing: the round is over.
    End(SyncOutcome),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SyncEvent {
    /// The document.
    Read {
        /// As S3 sent it.
        document: Document,
        /// The time since the read was sent.
        age: Duration,
        /// What all resources desired of the bucket now.
        claims: Vec<Claim>,
    },
    /// S3 has taken the write.
    Written,
    /// The write has no answer: it may have been done, or may be yet.
    Unanswered,
    /// S3 has refused the write, since it cannot deliver to a destination in the document.
    DestinationRefused {
        /// The ARNs that it names, if it does.
        arns: Vec<String>,
    },
    /// Our functions were looked at.
    DestinationsChecked {
        /// Whether each of them is there and lets the bucket in.
        fine: bool,
    },
}

/// How a round ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SyncOutcome {
    /// The document is as planned.
    InSync(Synced),
    /// Our entries do not stay: another writer removes them each time. This is what was found instead.
    Contended(Document),
    /// The last write had no answer, and does not show.
    Unanswered,
    /// S3 cannot deliver to a destination that is ours, or ours are in doubt.
    DestinationRefused,
}

/// A document that is as planned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Synced {
    /// As it was last read.
    pub document: Document,
    /// Its plan, whose changes are in place.
    pub plan: BucketPlan,
    /// Foreign entries that were there when we looked before our write, and are not now.
    pub lost: Vec<Entry>,
    /// Foreign entries to which S3 cannot deliver, for which S3 was told to take the document unseen.
    pub broken: Vec<Entry>,
}

/// The work on one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketSync {
    owner: OwnerId,
    /// The document as it was last seen to be as planned.
    known: Option<Document>,
    phase: Phase,
    writes: u32,
    unanswered: bool,
    own_destinations: OwnDestinations,
    /// Foreign entries to which S3 cannot deliver: while they are there, S3 is to take the document unseen.
    broken: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Reading the document that a write is to be based on.
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

/// The reads in search of one that a write can be based on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Reads {
    all: u32,
    /// How many were too old.
    old: u32,
    /// How many of the last ones said the same as the one before.
    agreed: usize,
}

/// A write, and what it is based on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PendingWrite {
    before: Document,
    plan: BucketPlan,
    document: Document,
    broken: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum OwnDestinations {
    Unchecked,
    Confirmed,
    Unconfirmed,
}

impl BucketSync {
    /// Begins a round. `known` is the document that the last round ended with, if there was one.
    pub fn begin(owner: OwnerId, known: Option<Document>) -> (Self, SyncCommand) {
        let phase = Phase::Reading { reads: Reads::default(), last: None };
        let own_destinations = OwnDestinations::Unchecked;
        let broken = vec![];
        let sync = Self { owner, known, phase, writes: 0, unanswered: false, own_destinations, broken };
        (sync, SyncCommand::Read { pause: Duration::ZERO })
    }

    /// Takes what came back of the last call, and says what is next. An event that answers no call of this round
    /// changes nothing, and the document is read again.
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
            (Phase::CheckingDestinations, SyncEvent::DestinationsChecked { fine }) => {
                self.own_destinations =
                    if fine { OwnDestinations::Confirmed } else { OwnDestinations::Unconfirmed };
                self.restart(Duration::ZERO)
            }
            (Phase::Verifying { pending, reads_done }, SyncEvent::Read { document, age: _, claims }) => {
                self.on_verify_read(pending, reads_done, document, &claims)
            }
            _ => self.restart(Duration::ZERO),
        }
    }

    fn restart(&mut self, pause: Duration) -> SyncCommand {
        self.phase = Phase::Reading { reads: Reads::default(), last: None };
        SyncCommand::Read { pause }
    }

    fn on_read(&mut self, reads: Reads, is_old: bool, document: Document, claims: &[Claim]) -> SyncCommand {
        let plan = plan_bucket(&document, &self.owner, claims);
        let needs_agreement =
            reads.agreed < self.required_agreement(&document, &plan, claims) && reads.all < MAX_READS;
        if needs_agreement || is_old && reads.old < MAX_STALE_READS {
            let pause = if needs_agreement { AGREEMENT_DELAYS[reads.agreed] } else { Duration::ZERO };
            self.phase = Phase::Reading { reads, last: Some(document) };
            return SyncCommand::Read { pause };
        }
        match plan.write.clone() {
            None => {
                SyncCommand::End(SyncOutcome::InSync(Synced { document, plan, lost: vec![], broken: vec![] }))
            }
            Some(after) => {
                let mut broken = self.broken.clone();
                broken.retain(|broken| document.entries().any(|entry| entry == broken));
                self.write(PendingWrite { before: document, plan, document: after, broken })
            }
        }
    }

    /// How many more reads have to say the same as this one. S3 may answer with what was there before: writing on the
    /// ground of it would take away what others have added since, and seeing nothing of ours in it would leave behind
    /// what is there. What has all that is known, and more, is newer than that.
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

    /// S3 refuses a document as a whole for one destination. If it is ours, it is mended or left out. If it is somebody
    /// else's, ours are not to wait for that: S3 is told to take it unseen, once we have seen to our own ourselves.
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

    fn verify_after(&mut self, pending: PendingWrite, reads_done: usize) -> SyncCommand {
        self.phase = Phase::Verifying { pending, reads_done };
        SyncCommand::Read { pause: VERIFY_DELAYS[reads_done] }
    }

    fn on_verify_read(
        &mut self,
        pending: PendingWrite,
        reads_done: usize,
        document: Document,
        claims: &[Claim],
    ) -> SyncCommand {
        let seen = verify(&pending.before, &pending.plan.changes, &document);
        // Beside our changes there may be what another write has brought back, such as a late one of our own.
        if seen.missing.is_empty() && plan_bucket(&document, &self.owner, claims).write.is_none() {
            let PendingWrite { before: _, plan, document: _, broken } = pending;
            return SyncCommand::End(SyncOutcome::InSync(Synced { document, plan, lost: seen.lost, broken }));
        }
        // Neither the document from before nor ours: there is another writer, and nothing to wait for.
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
        let own = |id: &str| OwnEntryId::parse(&self.owner, id).is_some();
        entry.destination == Destination::Function && entry.id.as_deref().is_some_and(own)
    }
}
