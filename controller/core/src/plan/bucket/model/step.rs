//! The effect of each [`Action`] on the [`ModelState`]. The rules for releases match the operator's worker.

use std::sync::Arc;
use std::time::Duration;

use super::super::{BucketSync, Document, SetAside, SyncCommand, SyncEvent, SyncOutcome, foreign_entries};
use super::state::{Answer, Asked, Grace, ModelBucket, ModelState, Object, Put, Work, Worker};
use super::state::{entry, first_document, has, key, owner, tools_entry, with};
use super::{Action, Assumption, Buckets, ENOUGH_SYNCS};

/// The state after an action.
pub fn after(model: &Buckets, before: &ModelState, action: &Action) -> ModelState {
    let mut state = before.clone();
    match *action {
        Action::Request { object } => state.request(model, object),
        Action::Begin => state.begin(),
        Action::Read => {
            let (document, as_of) = (state.bucket.current.clone(), state.tool.writes);
            state.read(model, &document, as_of);
        }
        Action::TakesEffect { put } => state.take_effect(put),
        Action::Refuse { put } => {
            state.puts.remove(put);
            state.step(model, SyncEvent::Refused { why: "refused".into() }, None);
        }
        Action::Answer => {
            state.puts.retain(|put| !put.taken);
            state.step(model, SyncEvent::Written, None);
        }
        Action::Vanish { put } => drop(state.puts.remove(put)),
        Action::GraceTimer => {
            state.worker.grace = Grace::Over;
            state.worker.retry_releases();
        }
        Action::LateTimer => state.worker.late = false,
        Action::Delete { object } => {
            state.left.deletions -= 1;
            state.objects[object] = Object::Deleted;
            state.worker.requesters[object].answer = None;
        }
        Action::ToolReads => state.tool.read = Some(state.bucket.current.clone()),
        Action::ToolWrites => state.tool_writes(),
        Action::StaleRead => {
            state.left.stale_reads -= 1;
            let (document, as_of) = (state.bucket.previous.clone(), state.bucket.previous_as_of);
            state.read(model, &document, as_of);
        }
        Action::LoseAnswer => {
            state.left.lost_answers -= 1;
            state.no_answer(model);
        }
        Action::GiveUp => {
            state.left.given_up -= 1;
            state.no_answer(model);
        }
        Action::Crash => {
            state.left.crashes -= 1;
            state.abandon_puts();
            state.worker = Worker::new(state.objects.len());
            // A restart resets the wait for the orphan check.
            state.delay_orphan_check();
        }
    }
    if state.left != before.left {
        state.quiet_syncs = 0;
    }
    state
}

impl Worker {
    /// Objects with a waiting finalizer send their request again.
    fn retry_releases(&mut self) {
        for requester in &mut self.requesters {
            requester.answer = requester.answer.filter(|answer| *answer != Answer::InGracePeriod);
        }
    }
}

impl ModelState {
    fn request(&mut self, model: &Buckets, object: usize) {
        let asked = self.objects[object].desired();
        let Worker { grace, ref leaving, ref mut requesters, .. } = self.worker;
        let requester = &mut requesters[object];
        requester.asked = Some(asked);
        // The last sync has removed the entry already.
        if asked == Asked::Nothing && grace == Grace::Ended && leaving.contains(&object) {
            return self.release(model, object);
        }
        requester.in_batch = true;
    }

    /// Removes the finalizer of a deleted object.
    fn release(&mut self, model: &Buckets, object: usize) {
        if self.worker.was_late && model.assumption == Assumption::BeforeOrphanCheck {
            self.has_orphan_check = true;
            self.delay_orphan_check();
        }
        self.objects[object] = Object::Gone;
    }

    fn begin(&mut self) {
        let is_orphan_check = self.is_orphan_check_due();
        self.quiet_syncs = ENOUGH_SYNCS.min(self.quiet_syncs + 1);
        let is_deleted = |object: &usize| self.objects[*object] == Object::Deleted;
        let leaving = (0..self.objects.len()).filter(is_deleted).collect();
        let worker = &mut self.worker;
        (worker.leaving, worker.was_late) = (leaving, worker.late);
        let is_after_grace = worker.grace == Grace::Over;
        if is_after_grace {
            // Knowledge from before the grace period must not confirm a read.
            worker.known = None;
            worker.grace = Grace::Ended;
            worker.retry_releases();
        }
        let (sync, _) = BucketSync::begin(owner(), worker.known.as_deref().cloned());
        worker.work = Some(Work { sync: Arc::new(sync), writes: false, is_after_grace, is_orphan_check });
    }

    fn read(&mut self, model: &Buckets, document: &Document, as_of: u8) {
        let claims = self.claims(document);
        let event = SyncEvent::Read { document: document.clone(), age: Duration::ZERO, claims };
        self.step(model, event, Some(as_of));
    }

    /// The worker stops waiting for all its PUTs.
    fn abandon_puts(&mut self) {
        self.puts.retain(|put| !put.taken);
        self.puts.iter_mut().for_each(|put| put.awaited = false);
    }

    fn no_answer(&mut self, model: &Buckets) {
        self.abandon_puts();
        self.worker.grace = Grace::Waiting;
        self.worker.late = true;
        self.step(model, SyncEvent::Unanswered, None);
    }

    /// Sends an event to the worker's sync and executes the next command. `as_of` is the moment of a read.
    fn step(&mut self, model: &Buckets, event: SyncEvent, as_of: Option<u8>) {
        let Some(work) = &mut self.worker.work else { return };
        match Arc::make_mut(&mut work.sync).step(event) {
            SyncCommand::Read { .. } => work.writes = false,
            SyncCommand::Write { document, .. } => {
                work.writes = true;
                self.puts.push(Put {
                    document: Arc::new(document),
                    as_of: as_of.expect("a write follows a read"),
                    awaited: true,
                    taken: false,
                    delays_orphan_check: false,
                });
            }
            SyncCommand::CheckDestinations => unreachable!("no destination is refused"),
            SyncCommand::End(outcome) => self.end_of_sync(model, outcome),
        }
    }

    fn end_of_sync(&mut self, model: &Buckets, outcome: SyncOutcome) {
        let Some(Work { sync, is_after_grace, is_orphan_check, .. }) = self.worker.work.take() else {
            return;
        };
        self.set_aside(&sync);
        let is_in_sync = matches!(outcome, SyncOutcome::InSync(_));
        match outcome {
            SyncOutcome::InSync(synced) => self.worker.known = Some(Arc::new(synced.document)),
            _ => self.worker.leaving.clear(),
        }
        let grace = &mut self.worker.grace;
        if is_after_grace && !is_in_sync && *grace == Grace::Ended {
            *grace = Grace::Waiting;
        }
        for object in 0..self.objects.len() {
            let Worker { grace, ref mut requesters, .. } = self.worker;
            let requester = &mut requesters[object];
            if !std::mem::take(&mut requester.in_batch) || !is_in_sync {
                continue;
            }
            // The desired state may have changed since the request. In this case, the object sends a new request.
            let is_current = requester.asked == Some(self.objects[object].desired());
            match (requester.asked, grace) {
                (Some(Asked::Nothing), Grace::Ended) => self.release(model, object),
                (Some(Asked::Nothing), Grace::Waiting | Grace::Over) => {
                    requester.answer = Some(Answer::InGracePeriod);
                }
                _ => requester.answer = is_current.then_some(Answer::Done),
            }
        }
        if is_orphan_check && is_in_sync {
            self.has_orphan_check = false;
        }
    }

    /// Records the refusals of a sync. S3 holds the current document while the sync ends.
    fn set_aside(&mut self, sync: &BucketSync) {
        let foreign = foreign_entries(&self.bucket.current, &owner());
        for (object, requester) in self.worker.requesters.iter_mut().enumerate() {
            let (Some(why), Some(asked)) = (sync.refused().get(&key(object)), requester.asked) else {
                continue;
            };
            let (desired, why) = (asked.desired(object), why.clone());
            requester.set_aside =
                Some(Arc::new(SetAside { desired, foreign: foreign.clone(), why, refusals: 1 }));
        }
    }

    fn delay_orphan_check(&mut self) {
        self.puts.iter_mut().for_each(|put| put.delays_orphan_check = self.has_orphan_check);
    }

    fn take_effect(&mut self, index: usize) {
        let put = self.puts[index].clone();
        let is_queue_kept = first_document().entries().all(|entry| has(&put.document, entry));
        let had_tools_entry = has(&self.bucket.current, &tools_entry());
        // A write that was reverted before, and was restored by a late PUT, does not count again.
        let undoes = had_tools_entry == self.tool.has_entry
            && has(&put.document, &tools_entry()) != had_tools_entry
            && !self.history.undone_in_window;
        self.history.undone_in_window |= undoes && self.tool.writes > put.as_of;
        self.history.undone_outside |= !is_queue_kept || (undoes && self.tool.writes <= put.as_of);
        self.history.restored.clear();
        self.replace(put.document);
        if put.awaited {
            self.puts[index].taken = true;
        } else {
            self.puts.remove(index);
        }
    }

    fn tool_writes(&mut self) {
        let Some(read) = self.tool.read.take() else { return };
        self.left.tool_writes -= 1;
        let has_entry = !self.tool.has_entry;
        let document = with(&read, &tools_entry(), has_entry);
        let is_restored = |object: &usize| has(&document, &entry(*object)) && !self.shows(*object);
        let restored: Vec<usize> = (0..self.objects.len()).filter(is_restored).collect();
        self.history.restored.extend(restored);
        self.history.undone_in_window = false;
        self.replace(Arc::new(document));
        self.tool.has_entry = has_entry;
        self.tool.writes += 1;
    }

    fn replace(&mut self, document: Arc<Document>) {
        let previous = std::mem::replace(&mut self.bucket.current, document);
        self.bucket = ModelBucket { previous, previous_as_of: self.tool.writes, ..self.bucket.clone() };
    }
}
