//! The last read of a bucket's document: reconciles of new resources share one read.

use std::time::Duration;

use lambda_triggers_core::plan::bucket::{Bucket, Document, failure};
use lambda_triggers_core::status::{Failure, Reason};
use lambda_triggers_core::tenancy::Role;
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::warn;

use super::principal::Principal;
use super::{failures, ownership};
use crate::aws::AwsErrorKind;
use crate::error_chain;
use crate::reconcile::context::Context;

/// The maximum age of a successful read that answers a later reader.
const MAX_AGE: Duration = Duration::from_secs(10);

/// The last read of one bucket's document, by a reader or by a sync.
#[derive(Default)]
pub struct LastRead {
    last: Mutex<Option<Read>>,
    /// Held by the reader that reads now. Later readers wait for the result.
    reader: tokio::sync::Mutex<()>,
}

/// A read with its result.
struct Read {
    /// The role of the credentials.
    role: Option<Role>,
    began: Instant,
    ended: Instant,
    result: Result<(), Failure>,
}

impl LastRead {
    /// Reads the document with the credentials of `namespace`, or shares a read with the same role. Writes nothing.
    pub async fn observe(&self, context: &Context, bucket: &Bucket, namespace: &str) -> Result<(), Failure> {
        let principal = Principal::for_reader(namespace);
        let read = async || document(context, bucket, &principal).await.map(drop);
        // The authorization layer refuses the read of another namespace's bucket.
        if !context.credentials.permits_bucket(namespace, &bucket.name) {
            return read().await;
        }
        self.get_or_read(principal.role(context), read).await
    }

    /// Reads the document with `read`, or shares the result of another read with the same role. A success is shared for
    /// some seconds. A failure is shared only with readers that waited for the failed read.
    async fn get_or_read(
        &self,
        role: Option<Role>,
        read: impl AsyncFnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let asked = Instant::now();
        let _reader = self.reader.lock().await;
        if let Some(result) = self.shared(role.as_ref(), asked) {
            return result;
        }
        let began = Instant::now();
        let result = read().await;
        self.record(role, began, result.clone());
        result
    }

    /// Reads the document for a sync with the credentials of `principal`, and answers later readers with the result.
    pub async fn read(
        &self,
        context: &Context,
        bucket: &Bucket,
        principal: &Principal,
    ) -> Result<Document, Failure> {
        let (role, began) = (principal.role(context), Instant::now());
        let document = document(context, bucket, principal).await;
        self.record(role, began, document.as_ref().map(drop).map_err(Clone::clone));
        document
    }

    /// Records a read that began at `began` and has just ended.
    fn record(&self, role: Option<Role>, began: Instant, result: Result<(), Failure>) {
        // The tenancy file refuses a namespace, not a role.
        if result.as_ref().is_err_and(|failure| failure.reason == Reason::NotPermitted) {
            return;
        }
        *self.last.lock() = Some(Read { role, began, ended: Instant::now(), result });
    }

    /// True if the last read can still answer a reader.
    pub fn is_recent(&self) -> bool {
        self.last.lock().as_ref().is_some_and(|read| read.began.elapsed() < MAX_AGE)
    }

    fn shared(&self, role: Option<&Role>, asked: Instant) -> Option<Result<(), Failure>> {
        let last = self.last.lock();
        let Read { began, ended, result, .. } = last.as_ref().filter(|read| read.role.as_ref() == role)?;
        let is_shared = if result.is_ok() { began.elapsed() < MAX_AGE } else { *ended >= asked };
        is_shared.then(|| result.clone())
    }
}

async fn document(context: &Context, bucket: &Bucket, principal: &Principal) -> Result<Document, Failure> {
    let xml = match principal.s3(context, bucket).get(bucket).await {
        Ok(xml) => xml,
        Err(error) => {
            warn!(error = error_chain(&error), "cannot read the notification configuration");
            let is_denied = error.kind == AwsErrorKind::Denied;
            let is_elsewhere = is_denied && ownership::is_in_other_account(context, principal, bucket).await;
            return Err(match is_elsewhere {
                true => failure::in_other_account(bucket),
                false => failures::failed_call(bucket, &error),
            });
        }
    };
    Document::parse(&xml).map_err(|error| {
        warn!(error = error_chain(&error), "cannot parse the notification configuration");
        failure::unreadable(bucket, &error)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use lambda_triggers_core::status::Component;
    use tokio::time::{advance, sleep};

    use super::*;

    /// A bucket that counts its reads.
    #[derive(Default)]
    struct CountedBucket {
        last_read: LastRead,
        reads: AtomicUsize,
    }

    fn role(name: &str) -> Option<Role> {
        Some(Role { arn: format!("arn:aws:iam::123456789012:role/{name}"), external_id: None })
    }

    fn missing() -> Failure {
        Failure::new(Component::Notification, Reason::BucketNotFound, "there is no bucket")
    }

    impl CountedBucket {
        /// Observes the bucket with a read that takes a second.
        async fn observe(&self, role: Option<Role>, result: Result<(), Failure>) -> Result<(), Failure> {
            let read = async || {
                self.reads.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_secs(1)).await;
                result
            };
            self.last_read.get_or_read(role, read).await
        }

        async fn observe_thirty_times(&self, result: Result<(), Failure>) {
            let readers = (0..30).map(|_| self.observe(None, result.clone()));
            let results = futures::future::join_all(readers).await;
            assert_eq!(results, vec![result; 30]);
        }

        fn reads(&self) -> usize {
            self.reads.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn thirty_readers_at_once_need_one_read() {
        for result in [Ok(()), Err(missing())] {
            let bucket = CountedBucket::default();
            bucket.observe_thirty_times(result).await;
            assert_eq!(bucket.reads(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_answers_later_readers_for_ten_seconds() {
        let bucket = CountedBucket::default();
        bucket.observe_thirty_times(Ok(())).await;
        advance(Duration::from_secs(8)).await;
        assert_eq!(bucket.observe(None, Err(missing())).await, Ok(()));
        assert!(bucket.last_read.is_recent());
        advance(Duration::from_secs(1)).await;
        assert!(!bucket.last_read.is_recent());
        assert_eq!(bucket.observe(None, Err(missing())).await, Err(missing()));
        assert_eq!(bucket.reads(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_answers_no_later_reader() {
        let bucket = CountedBucket::default();
        bucket.observe_thirty_times(Err(missing())).await;
        advance(Duration::from_millis(1)).await;
        bucket.observe_thirty_times(Ok(())).await;
        assert_eq!(bucket.reads(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_answers_no_reader_with_another_role() {
        let bucket = CountedBucket::default();
        for (role, reads) in [(role("a"), 1), (role("a"), 1), (role("b"), 2), (None, 3)] {
            assert_eq!(bucket.observe(role, Ok(())).await, Ok(()));
            assert_eq!(bucket.reads(), reads);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_read_of_a_sync_answers_readers() {
        let bucket = CountedBucket::default();
        bucket.last_read.record(role("a"), Instant::now(), Ok(()));
        assert_eq!(bucket.observe(role("a"), Err(missing())).await, Ok(()));
        assert_eq!(bucket.reads(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_by_the_tenancy_file_is_not_shared() {
        let refused = Failure::new(Component::Notification, Reason::NotPermitted, "not permitted");
        let bucket = CountedBucket::default();
        bucket.observe_thirty_times(Err(refused)).await;
        assert_eq!(bucket.reads(), 30);
    }
}
