//! [`Round`]: the work on one bucket, from the first look to the last, as a step function: what came back goes in, the next
//! call comes out. It neither waits nor calls; whoever drives it does, the operator and the model check alike.
//!
//! S3 has no conditional write, so a round keeps the time between a read and the write that is based on it short, writes
//! only what differs, and looks afterwards. What it cannot see is another writer's document that took effect between the two.

use std::time::Duration;

use super::{BucketPlan, Claim, Destination, Document, Entry, Want, plan_bucket, verify};
use crate::plan::identity::{OwnEntryId, OwnerId};

#[cfg(test)]
mod tests;

/// Writes before the bucket is called contended.
pub const WRITES: u32 = 3;
/// The oldest read that a write may be based on.
pub const FRESH: Duration = Duration::from_secs(1);
/// Reads that were too old, of which the last will do all the same: S3 may be slow for a while.
const OLD_READS: u32 = 3;
/// Reads that are made in search of one that can be relied on, before the last will do.
const READS: u32 = 8;
/// Pauses between reads that must agree, where the first of them may be older than what is known.
const DOUBTS: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// Pauses before the looks that verify a write: S3 may show the document from before it for a while
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel>).
const LOOKS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
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
    End(Ending),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The document.
    Read {
        /// As S3 sent it.
        document: Document,
        /// The time since the read was sent.
        age: Duration,
        /// What all resources want of the bucket now.
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
pub enum Ending {
    /// The document is as planned.
    Settled(Settled),
    /// Our entries do not stay: another writer removes them each time. This is what was found instead.
    Contended(Document),
    /// The last write had no answer, and does not show.
    Unanswered,
    /// S3 cannot deliver to a destination that is ours, or ours are in doubt.
    DestinationRefused,
}

/// A document that is as planned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settled {
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
pub struct Round {
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
    Looking {
        reads: Reads,
        last: Option<Document>,
    },
    Writing(Draft),
    Checking,
    Verifying {
        draft: Draft,
        looks: usize,
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
struct Draft {
    before: Document,
    plan: BucketPlan,
    document: Document,
    broken: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum OwnDestinations {
    Unchecked,
    Fine,
    InDoubt,
}

impl Round {
    /// Begins a round. `known` is the document that the last round ended with, if there was one.
    pub fn begin(owner: OwnerId, known: Option<Document>) -> (Self, Call) {
        let phase = Phase::Looking { reads: Reads::default(), last: None };
        let own_destinations = OwnDestinations::Unchecked;
        let broken = vec![];
        let round = Self { owner, known, phase, writes: 0, unanswered: false, own_destinations, broken };
        (round, Call::Read { pause: Duration::ZERO })
    }

    /// Takes what came back of the last call, and says what is next. An event that answers no call of this round
    /// changes nothing, and the document is read again.
    pub fn step(&mut self, event: Event) -> Call {
        match (std::mem::replace(&mut self.phase, Phase::Ended), event) {
            (Phase::Looking { reads, last }, Event::Read { document, age, claims }) => {
                let is_old = age > FRESH;
                let agreed = if last.as_ref() == Some(&document) { reads.agreed + 1 } else { 0 };
                let reads = Reads { all: reads.all + 1, old: reads.old + u32::from(is_old), agreed };
                self.looked(reads, is_old, document, &claims)
            }
            (Phase::Writing(draft), Event::Written) => {
                self.unanswered = false;
                self.look_after(draft, 0)
            }
            (Phase::Writing(draft), Event::Unanswered) => {
                self.unanswered = true;
                self.look_after(draft, 0)
            }
            (Phase::Writing(draft), Event::DestinationRefused { arns }) => self.refused(&draft, &arns),
            (Phase::Checking, Event::DestinationsChecked { fine }) => {
                self.own_destinations = if fine { OwnDestinations::Fine } else { OwnDestinations::InDoubt };
                self.look(Duration::ZERO)
            }
            (Phase::Verifying { draft, looks }, Event::Read { document, age: _, claims }) => {
                self.verified(draft, looks, document, &claims)
            }
            _ => self.look(Duration::ZERO),
        }
    }

    fn look(&mut self, pause: Duration) -> Call {
        self.phase = Phase::Looking { reads: Reads::default(), last: None };
        Call::Read { pause }
    }

    fn looked(&mut self, reads: Reads, is_old: bool, document: Document, claims: &[Claim]) -> Call {
        let plan = plan_bucket(&document, &self.owner, claims);
        let is_doubtful = reads.agreed < self.doubts(&document, &plan, claims) && reads.all < READS;
        if is_doubtful || is_old && reads.old < OLD_READS {
            let pause = if is_doubtful { DOUBTS[reads.agreed] } else { Duration::ZERO };
            self.phase = Phase::Looking { reads, last: Some(document) };
            return Call::Read { pause };
        }
        match plan.write.clone() {
            None => Call::End(Ending::Settled(Settled { document, plan, lost: vec![], broken: vec![] })),
            Some(after) => {
                let mut broken = self.broken.clone();
                broken.retain(|broken| document.entries().any(|entry| entry == broken));
                self.write(Draft { before: document, plan, document: after, broken })
            }
        }
    }

    /// How many more reads have to say the same as this one. S3 may answer with what was there before: writing on the
    /// ground of it would take away what others have added since, and seeing nothing of ours in it would leave behind
    /// what is there. What has all that is known, and more, is newer than that.
    fn doubts(&self, document: &Document, plan: &BucketPlan, claims: &[Claim]) -> usize {
        let releases = claims.iter().any(|claim| claim.want == Want::Nothing);
        match &self.known {
            Some(known) if plan.write.is_some() || releases => {
                let lacks = known.children.iter().any(|child| !document.children.contains(child));
                if lacks { DOUBTS.len() } else { 0 }
            }
            Some(_) => 0,
            None => releases.into(),
        }
    }

    fn write(&mut self, draft: Draft) -> Call {
        let (document, validate) = (draft.document.clone(), draft.broken.is_empty());
        self.writes += 1;
        self.phase = Phase::Writing(draft);
        Call::Write { document, validate }
    }

    /// S3 refuses a document as a whole for one destination. If it is ours, it is mended or left out. If it is somebody
    /// else's, ours are not to wait for that: S3 is told to take it unseen, once we have seen to our own ourselves.
    fn refused(&mut self, draft: &Draft, arns: &[String]) -> Call {
        self.writes -= 1;
        let named = |entry: &Entry| arns.is_empty() || arns.contains(&entry.arn);
        let (own, foreign): (Vec<&Entry>, Vec<&Entry>) =
            draft.document.entries().filter(|entry| named(entry)).partition(|entry| self.is_own(entry));
        let is_foreign = !foreign.is_empty() && (own.is_empty() || arns.is_empty());
        match self.own_destinations {
            OwnDestinations::Unchecked => {
                self.phase = Phase::Checking;
                Call::CheckDestinations
            }
            OwnDestinations::Fine if is_foreign && self.broken.is_empty() => {
                self.broken = foreign.into_iter().cloned().collect();
                self.look(Duration::ZERO)
            }
            OwnDestinations::Fine | OwnDestinations::InDoubt => Call::End(Ending::DestinationRefused),
        }
    }

    fn look_after(&mut self, draft: Draft, looks: usize) -> Call {
        self.phase = Phase::Verifying { draft, looks };
        Call::Read { pause: LOOKS[looks] }
    }

    fn verified(&mut self, draft: Draft, looks: usize, document: Document, claims: &[Claim]) -> Call {
        let seen = verify(&draft.before, &draft.plan.changes, &document);
        // Beside our changes there may be what another write has brought back, such as a late one of our own.
        if seen.missing.is_empty() && plan_bucket(&document, &self.owner, claims).write.is_none() {
            let Draft { before: _, plan, document: _, broken } = draft;
            return Call::End(Ending::Settled(Settled { document, plan, lost: seen.lost, broken }));
        }
        // Neither the document from before nor ours: there is another writer, and nothing to wait for.
        let is_contended = document != draft.before;
        if !is_contended && looks + 1 < LOOKS.len() {
            return self.look_after(draft, looks + 1);
        }
        match (self.writes < WRITES, self.unanswered) {
            (true, _) => self.look(Duration::from_secs(self.writes.into())),
            (false, true) => Call::End(Ending::Unanswered),
            (false, false) => Call::End(Ending::Contended(document)),
        }
    }

    fn is_own(&self, entry: &Entry) -> bool {
        let own = |id: &str| OwnEntryId::parse(&self.owner, id).is_some();
        entry.destination == Destination::Function && entry.id.as_deref().is_some_and(own)
    }
}
