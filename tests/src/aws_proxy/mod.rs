//! The strict aws_proxy: a proxy before the local AWS that refuses what AWS refuses, fails when a test wants it to, and counts every call.
//!
//! The emulator behind it (ministack) accepts much that AWS does not. The aws_proxy closes those gaps for S3 bucket
//! notifications, Lambda functions and their resource policies, and EventBridge rules; every other request passes through as it came.
//!
//! One aws_proxy serves many tests side by side: an access key of 12 digits is an account, and policies, buckets, rules, faults
//! and calls belong to an account. Keys that STS gives out through the aws_proxy count for the account of the role, and each call
//! says in which role's session it was made.
//!
//! Where it knows more than the emulator does:
//! - A bucket's notification configuration is kept as it was written, byte by byte, but for what S3 itself changes: the
//!   filter names read `Prefix` and `Suffix`, and an entry without an Id has one. The emulator gets what it can execute.
//! - Filters are matched, and overlaps are judged, in the encoding that keys have in events. The emulator compares filters
//!   with keys as they are, so it gets decoded ones. An entry with a filter that matches no key stays in the aws_proxy.
//! - A bucket's owner is the account that created it, its Region the one of its `LocationConstraint`, else the one that its
//!   creation was signed for. One that the aws_proxy has not seen being created belongs to the account that finds it in the emulator.
//! - Policies live in the aws_proxy alone. An entry or a target whose function does not let the service in is kept from the
//!   emulator, so nothing is delivered, until a permission lets it in. A function of another account never does.
//! - A policy's `RevisionId` changes with the policy and not with the function.
//! - A function is `Pending` after its creation and its update `InProgress` for a while ([`Pace`]). Its `RevisionId` changes with
//!   each change and again when that has ended. An update that is to fail changes nothing.
//! - An image is there if its URI is well-formed, and a tag always means the same one. It never runs.
//! - Targets and the existence of rules are the aws_proxy's knowledge: a rule that was made past it does not exist for it.
//!
//! - Calls of the operator, told by the name of its application in `User-Agent`, must be allowed by the IAM policy that it
//!   prints for itself; everybody else may do everything.
//! - A bucket of another account answers `AccessDenied`, whatever a bucket policy may say.
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
mod server;
pub(crate) mod state;
mod upstream;
pub(crate) mod wire;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::Uri;
use lambda_triggers_core::iam::{Policy, Scope};
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{
    call::Call,
    faults::{CredentialFault, Fault, FaultKind, Hook, LateAnswer, SecondWriter, Then},
    function_state::{Failure, Pace},
};

use self::{server::serve, state::Shared, upstream::Upstream};

/// A running aws_proxy. Dropping it closes its port and its connections.
pub struct AwsProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl AwsProxy {
    /// Starts a aws_proxy on a free port of 127.0.0.1, before the emulator at `upstream` (scheme, host and port).
    /// It runs on the caller's tokio runtime, which must stay for as long as the aws_proxy is used.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(upstream: Uri) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(Upstream::new(&upstream)));
        let server = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, server })
    }

    /// The endpoint for clients, `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The account's calls since the start or the last [`AwsProxy::clear_calls`], in order of arrival.
    pub fn calls(&self, account: &str) -> Vec<Call> {
        self.shared.journal.calls(account)
    }

    /// The account's calls that change something.
    pub fn writes(&self, account: &str) -> Vec<Call> {
        self.calls(account).into_iter().filter(|call| call.write).collect()
    }

    /// How often the account called an operation.
    pub fn count(&self, account: &str, operation: &str) -> usize {
        self.calls(account).iter().filter(|call| call.operation == operation).count()
    }

    /// Forgets the account's calls.
    pub fn clear_calls(&self, account: &str) {
        self.shared.journal.clear(account);
    }

    /// Waits until the account's calls are as `wanted`, and returns them.
    ///
    /// # Errors
    /// The calls as they are when `limit` has passed.
    pub async fn wait_for_calls(
        &self,
        account: &str,
        limit: Duration,
        wanted: impl Fn(&[Call]) -> bool,
    ) -> Result<Vec<Call>, Vec<Call>> {
        self.shared.journal.wait(account, limit, wanted).await
    }

    /// Makes coming calls of the account fail. Faults are tried in the order in which they were injected; a call meets
    /// one at most, and counts for every fault that it matches.
    pub fn inject(&self, account: &str, fault: Fault) {
        self.shared.faults.inject(account, fault);
    }

    /// Takes back the account's faults.
    pub fn clear_faults(&self, account: &str) {
        self.shared.faults.clear(account);
    }

    /// How many of the account's faults are not used up.
    pub fn pending_faults(&self, account: &str) -> usize {
        self.shared.faults.pending(account)
    }

    /// Throttles the account as AWS does: Lambda 100 `GetFunction`, 15 `GetPolicy` and 15 other control calls a second,
    /// EventBridge 50 control calls a second, in each Region.
    pub fn limit_to_quotas(&self, account: &str) {
        self.shared.quotas.limit(account);
    }

    /// Lifts [`AwsProxy::limit_to_quotas`].
    pub fn lift_quotas(&self, account: &str) {
        self.shared.quotas.lift(account);
    }

    /// How long creations and updates of the account's functions take from now on; [`Pace::default`] if not said.
    pub fn slow_functions(&self, account: &str, pace: Pace) {
        self.shared.wishes.set_pace(account, pace);
    }

    /// Ends the creations and updates under way that [`Pace::Held`] holds; later ones are held again.
    pub fn finish_functions(&self, account: &str) {
        self.shared.wishes.finish(account);
    }

    /// Makes the next creation or update of a function fail after it was accepted: its `State` or `LastUpdateStatus` ends as
    /// `Failed`. After an update that failed the function is as it was; one whose creation failed can only be deleted.
    pub fn fail_function(&self, account: &str, function: &str, failure: Failure) {
        self.shared.wishes.fail(account, function, failure);
    }

    /// Whether the account's callers are denied `kms:Decrypt` from now on: they are not shown the environment of a function
    /// that has a key of the customer's.
    pub fn deny_decryption(&self, account: &str, denied: bool) {
        self.shared.wishes.hide_environments(account, denied);
    }

    /// Tells the aws_proxy for what an operator runs in the account: its calls are judged by the least policy for that. Where
    /// several run, what is allowed to one of them is allowed. Where none was told of, one of any owner id is assumed.
    pub fn expect_operator(&self, account: &str, scope: Scope) {
        self.shared.iam.expect(account, scope);
    }

    /// Judges the calls of operators in the account by this policy instead, and takes denials for what the test wants.
    pub fn give_policy(&self, account: &str, policy: Policy) {
        self.shared.iam.give(account, policy);
    }

    /// Has a role's trust policy ask for an external id from now on, or for none.
    pub fn ask_for_external_id(&self, role: &str, id: Option<&str>) {
        self.shared.iam.ask_for_external_id(role, id);
    }

    /// Gives the operators of the account credentials with transitive session tags, as EKS Pod Identity does: to assume a
    /// further role, they need `sts:TagSession` on it
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining>).
    pub fn tag_sessions(&self, account: &str) {
        self.shared.iam.tag_sessions(account);
    }

    /// Takes `sts:TagSession` out of a role's trust policy, or puts it back.
    pub fn refuse_session_tags(&self, role: &str, refuse: bool) {
        self.shared.iam.refuse_session_tags(role, refuse);
    }

    /// What operators did in the account that their least policy does not allow, other than after
    /// [`AwsProxy::give_policy`]: action and resource.
    pub fn not_in_least_policy(&self, account: &str) -> Vec<String> {
        self.shared.iam.surprises(account)
    }

    /// Passes a bucket that `account` reaches under this name to another owner, as when a name is deleted and created
    /// anew by somebody else. Its permissions and notifications are then judged by that owner. Returns whether the aws_proxy knows the bucket.
    pub async fn pass_bucket_to(&self, account: &str, bucket: &str, owner: &str) -> bool {
        let account = self.shared.account(account);
        let mut account = account.lock().await;
        let Some(known) = account.buckets.get_mut(bucket) else {
            return false;
        };
        known.owner = owner.to_owned();
        account.follow_policies(&self.shared.upstream).await.is_ok()
    }

    /// Deletes a bucket of the account, and has `owner` create another one of that name, which is closed to the account. False
    /// if the account has no such bucket.
    pub async fn take_bucket_name(&self, account: &str, bucket: &str, owner: &str) -> bool {
        s3::take_name(&self.shared, account, bucket, owner).await
    }

    /// Makes a bucket of us-east-1 with a name from before March 2018: capitals, `_`, up to 255 characters. False where the
    /// emulator does not take the bucket. Events of the bucket have another name in them.
    pub async fn create_legacy_bucket(&self, account: &str, bucket: &str) -> bool {
        s3::create_legacy(&self.shared, account, bucket).await
    }
}

impl Drop for AwsProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}
