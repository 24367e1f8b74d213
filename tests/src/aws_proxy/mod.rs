//! A strict proxy before the local AWS. The proxy refuses requests that AWS refuses, injects faults for tests, and
//! records every call.
//!
//! The emulator behind the proxy (ministack) accepts many requests that AWS refuses. The proxy closes those gaps for S3
//! bucket notifications, Lambda functions and their resource policies, and EventBridge rules. The proxy answers all
//! requests to EventBridge Scheduler by itself. Every other request passes through unchanged.
//!
//! One proxy serves many tests in parallel. An access key of 12 digits is an account. Policies, buckets, rules, faults
//! and calls belong to an account. Temporary keys that STS issues through the proxy belong to the account of the role.
//! Each call records the role of its session.
//!
//! Differences from the emulator:
//! - The proxy keeps a bucket's notification configuration byte by byte, except for two changes that S3 also makes.
//!   Filter names become `Prefix` and `Suffix`, and an entry without an Id gets an Id. The emulator gets only entries
//!   that it can execute.
//! - Filters are matched, and overlaps are checked, in the encoding of keys in events. The emulator compares filters
//!   with plain keys, so the proxy decodes filters. An entry whose filter matches no key stays in the proxy.
//! - A bucket belongs to the account that created the bucket. The Region comes from `LocationConstraint`, or else from
//!   the signature of the creation. A bucket that was created without the proxy belongs to the account that first finds
//!   the bucket in the emulator.
//! - Resource policies exist only in the proxy. An entry or a target reaches the emulator only if the policy of its
//!   function permits the service. Until then, nothing is delivered. Functions of other
//!   accounts never receive events.
//! - A policy's `RevisionId` changes with the policy and not with the function.
//! - A function is `Pending` after its creation, and an update is `InProgress` for a while ([`Pace`]). The `RevisionId`
//!   changes at the start and at the end of each change. A failed update leaves code and
//!   configuration unchanged.
//! - An image exists if its URI is well-formed. A tag always means the same image. Images never run.
//! - The proxy alone decides which targets and rules exist. A rule that was created without the proxy does not
//!   exist for clients.
//! - The IAM policy that the operator prints must allow all calls of the operator. The proxy recognizes the operator by
//!   the application name in `User-Agent`. All other callers may do everything.
//! - EventBridge Scheduler exists only in the proxy. At a due time, the proxy invokes the function in the emulator. The
//!   emulator's IAM has the execution roles. Only inline policies of a role count. A test can set the clock of an
//!   account's Scheduler. Failed runs are not retried, and dead-letter queues get no messages.
//! - The simulator of IAM policies exists only in the proxy, and knows the same policies.
//! - A bucket of another account answers `AccessDenied`. The proxy ignores bucket policies.
//!
//! S3 is addressed by path, not by virtual host.

pub(crate) mod arn;
pub(crate) mod bucket_check;
mod call;
pub(crate) mod event_invoke;
pub(crate) mod events;
pub(crate) mod events_check;
pub(crate) mod fault_answers;
mod faults;
pub(crate) mod function_check;
pub(crate) mod function_code;
pub(crate) mod function_state;
mod function_view;
pub(crate) mod functions;
mod iam;
mod iam_needs;
mod iam_simulation;
mod journal;
pub(crate) mod lambda;
pub(crate) mod notification;
pub(crate) mod notification_rules;
pub(crate) mod object_keys;
mod operations;
mod pipeline;
pub(crate) mod policy;
mod quota;
mod s3;
mod schedule;
mod scheduler;
mod scheduler_request;
mod scheduler_role;
mod scheduler_runs;
mod scheduler_state;
mod server;
pub(crate) mod state;
mod upstream;
pub(crate) mod wire;

use std::{collections::BTreeSet, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::Uri;
use jiff::Timestamp;
use lambda_triggers_core::iam::{Policy, Scope};
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{
    call::Call,
    faults::{CredentialFault, Fault, FaultKind, Hook, LateAnswer, SecondWriter, Then},
    function_state::{Failure, Pace},
    scheduler_state::ScheduleRun,
};
pub use crate::scheduler::settings::{PastTime, SchedulerSettings, WindowPosition};

use self::{
    scheduler_runs::{deliver_due, follow_real_time},
    server::serve,
    state::Shared,
    upstream::Upstream,
};

/// A running proxy. Drop closes the port and all connections.
pub struct AwsProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl AwsProxy {
    /// Starts a proxy on a free port of 127.0.0.1, before the emulator at `upstream` (scheme, host and port). The proxy
    /// runs on the caller's tokio runtime, which must live as long as the proxy.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(upstream: Uri) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(Upstream::new(&upstream)));
        let (serve, runs) = (serve(listener, Arc::clone(&shared)), follow_real_time(Arc::clone(&shared)));
        let server = tokio::spawn(async {
            tokio::join!(serve, runs);
        });
        Ok(Self { address, shared, server })
    }

    /// The endpoint for clients, `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The account's calls in order of arrival, since the start or the last [`AwsProxy::clear_calls`].
    pub fn calls(&self, account: &str) -> Vec<Call> {
        self.shared.journal.calls(account)
    }

    /// The account's calls that change something.
    pub fn writes(&self, account: &str) -> Vec<Call> {
        self.calls(account).into_iter().filter(|call| call.write).collect()
    }

    /// Number of the account's calls of `operation`.
    pub fn count(&self, account: &str, operation: &str) -> usize {
        self.calls(account).iter().filter(|call| call.operation == operation).count()
    }

    /// Deletes the account's recorded calls.
    pub fn clear_calls(&self, account: &str) {
        self.shared.journal.clear(account);
    }

    /// Waits until `wanted` accepts the account's calls, and returns the calls.
    ///
    /// # Errors
    /// The calls so far, if `limit` passes first.
    pub async fn wait_for_calls(
        &self,
        account: &str,
        limit: Duration,
        wanted: impl Fn(&[Call]) -> bool,
    ) -> Result<Vec<Call>, Vec<Call>> {
        self.shared.journal.wait(account, limit, wanted).await
    }

    /// Makes future calls of the account fail. The proxy tries faults in the order of injection. A call gets at most
    /// one fault. The call counts for every matching fault.
    pub fn inject(&self, account: &str, fault: Fault) {
        self.shared.faults.inject(account, fault);
    }

    /// Removes the account's faults.
    pub fn clear_faults(&self, account: &str) {
        self.shared.faults.clear(account);
    }

    /// Number of the account's faults that are not used up.
    pub fn pending_faults(&self, account: &str) -> usize {
        self.shared.faults.pending(account)
    }

    /// Throttles the account at AWS's quotas in each Region. Lambda: 100 `GetFunction`, 15 `GetPolicy` and 15 other
    /// control plane calls a second. EventBridge: 50 control plane calls a second. Scheduler: 10 calls on one schedule, 10
    /// changes of groups and 5 lists a second. All schedules of a Region together have 5,000 or 250 calls of each
    /// operation.
    pub fn limit_to_quotas(&self, account: &str) {
        self.shared.quotas.limit(account);
    }

    /// Removes the limits of [`AwsProxy::limit_to_quotas`].
    pub fn lift_quotas(&self, account: &str) {
        self.shared.quotas.lift(account);
    }

    /// Sets the time of the account's EventBridge Scheduler. The time stands still until the next
    /// [`AwsProxy::advance_scheduler`]. Without a set time, the account's Scheduler follows real time.
    pub fn scheduler_time(&self, account: &str, now: Timestamp) {
        self.shared.schedulers.with(account, |scheduler| scheduler.clock = Some(now));
    }

    /// Moves the time of the account's EventBridge Scheduler forward, and delivers all runs until then. Returns after
    /// Lambda has accepted the last run. A run that is due at once, such as the first run of a rate, is delivered by the
    /// next call.
    pub async fn advance_scheduler(&self, account: &str, to: Timestamp) {
        self.scheduler_time(account, to);
        deliver_due(&self.shared, account).await;
    }

    /// Sets how the account's EventBridge Scheduler behaves from now on.
    pub fn configure_scheduler(&self, account: &str, settings: SchedulerSettings) {
        self.shared.schedulers.with(account, |scheduler| scheduler.store.settings = settings);
    }

    /// All runs of the account's schedules that Lambda accepted, in order of delivery.
    pub fn runs(&self, account: &str) -> Vec<ScheduleRun> {
        self.shared.schedulers.with(account, |scheduler| scheduler.runs.clone())
    }

    /// The metric `TargetErrorCount` of a schedule group: runs that the role may not deliver, or that Lambda refused.
    pub fn target_errors(&self, account: &str, group: &str) -> usize {
        self.shared
            .schedulers
            .with(account, |scheduler| scheduler.target_errors.get(group).copied().unwrap_or_default())
    }

    /// Sets the duration of creations and updates of the account's functions from now on. The default is
    /// [`Pace::default`].
    pub fn slow_functions(&self, account: &str, pace: Pace) {
        self.shared.wishes.set_pace(account, pace);
    }

    /// Ends the creations and updates in progress that [`Pace::Held`] holds. Later changes are held again.
    pub fn finish_functions(&self, account: &str) {
        self.shared.wishes.finish(account);
    }

    /// Makes the next creation or update of a function fail after Lambda accepted the request: `State` or
    /// `LastUpdateStatus` becomes `Failed`. A failed update leaves the function unchanged. A function whose creation
    /// failed can only be deleted.
    pub fn fail_function(&self, account: &str, function: &str, failure: Failure) {
        self.shared.wishes.fail(account, function, failure);
    }

    /// Denies `kms:Decrypt` to the account's callers from now on, or allows the action again. Without the permission,
    /// callers cannot read the environment of a function with a customer managed key.
    pub fn deny_decryption(&self, account: &str, denied: bool) {
        self.shared.wishes.hide_environments(account, denied);
    }

    /// Registers the scope of an operator in the account. The proxy allows a call if the least policy for one of the
    /// registered scopes allows the call. Without a scope, the proxy assumes an operator with any owner id.
    pub fn expect_operator(&self, account: &str, scope: Scope) {
        self.shared.iam.expect(account, scope);
    }

    /// Judges calls of operators in the account by `policy` instead. Denials then do not count in
    /// [`AwsProxy::not_in_least_policy`].
    pub fn give_policy(&self, account: &str, policy: Policy) {
        self.shared.iam.give(account, policy);
    }

    /// Sets the external id that a role's trust policy requires, or removes the requirement.
    pub fn ask_for_external_id(&self, role: &str, id: Option<&str>) {
        self.shared.iam.ask_for_external_id(role, id);
    }

    /// Gives the account's operators credentials with transitive session tags, as EKS Pod Identity does. With the tags,
    /// an operator also needs `sts:TagSession` to assume a further role
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining>).
    pub fn tag_sessions(&self, account: &str) {
        self.shared.iam.tag_sessions(account);
    }

    /// Removes `sts:TagSession` from a role's trust policy, or restores the action.
    pub fn refuse_session_tags(&self, role: &str, refuse: bool) {
        self.shared.iam.refuse_session_tags(role, refuse);
    }

    /// Calls of operators in the account that their least policy does not allow, as action and resource. Calls after
    /// [`AwsProxy::give_policy`] do not count.
    pub fn not_in_least_policy(&self, account: &str) -> Vec<String> {
        self.shared.iam.surprises(account)
    }

    /// The application names in the calls of operators in the account, such as `app/lambda-triggers-0.1.0`.
    pub fn applications(&self, account: &str) -> BTreeSet<String> {
        self.shared.iam.applications(account)
    }

    /// Changes the owner of a bucket, as if another account had created a new bucket of the same name. The new owner
    /// then decides about permissions and notifications. Returns false if the proxy does not know the bucket.
    pub async fn pass_bucket_to(&self, account: &str, bucket: &str, owner: &str) -> bool {
        let account = self.shared.account(account);
        let mut account = account.lock().await;
        let Some(known) = account.buckets.get_mut(bucket) else {
            return false;
        };
        known.owner = owner.to_owned();
        account.follow_policies(&self.shared.upstream).await.is_ok()
    }

    /// Deletes a bucket of the account and creates a bucket of the same name for `owner`, closed to the account.
    /// Returns false if the account has no bucket of the name.
    pub async fn take_bucket_name(&self, account: &str, bucket: &str, owner: &str) -> bool {
        s3::take_name(&self.shared, account, bucket, owner).await
    }

    /// Creates a bucket in us-east-1 with a name from before March 2018: capitals, `_`, up to 255 characters. Returns
    /// false if the emulator refuses the bucket. Events of the bucket contain its name in the emulator.
    pub async fn create_legacy_bucket(&self, account: &str, bucket: &str) -> bool {
        s3::create_legacy(&self.shared, account, bucket).await
    }
}

impl Drop for AwsProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}
