//! The proxy's state of each account, and the synchronization of the emulator with it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use hyper::Method;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{
    arn::FunctionRef,
    call::Request,
    faults::Faults,
    function_state::Wishes,
    functions::Functions,
    iam::Iam,
    journal::Journal,
    notification::{Destination, Notification},
    policy::Policy,
    quota::Quotas,
    scheduler_state::Schedulers,
    upstream::Upstream,
    wire::{Answer, Refusal},
};

/// State that all connections share.
pub(super) struct Shared {
    pub upstream: Upstream,
    pub journal: Journal,
    pub faults: Faults,
    pub quotas: Quotas,
    pub wishes: Wishes,
    pub iam: Iam,
    pub schedulers: Schedulers,
    accounts: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Account>>>>,
    /// Bucket names of all accounts, since bucket names are globally unique.
    held: Mutex<HashSet<String>>,
    /// Account and role of each temporary access key that STS issued.
    session_keys: Mutex<HashMap<String, (String, String)>>,
}

/// Buckets, functions, policies and rules of an account. A request holds the lock from its checks to its write. No
/// other request can make the checks invalid in between.
pub(super) struct Account {
    pub id: String,
    pub buckets: BTreeMap<String, BucketState>,
    pub functions: Functions,
    pub policies: BTreeMap<FunctionRef, Policy>,
    pub rules: BTreeMap<RuleKey, Rule>,
}

/// A bucket in the emulator.
pub(super) struct BucketState {
    pub owner: String,
    pub region: String,
    /// The name in the emulator, which refuses legacy names.
    pub emulated: String,
    /// True if the bucket belongs to another account that denies all access.
    pub closed: bool,
    pub notification: Option<Notification>,
    /// The document before `notification`, for stale reads.
    pub previous: Option<String>,
    /// The document in the emulator.
    pub delivered: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RuleKey {
    pub region: String,
    pub bus: String,
    pub name: String,
}

/// A rule in the emulator, with its targets.
#[derive(Default)]
pub(super) struct Rule {
    pub targets: Vec<Value>,
    /// Targets in the emulator.
    pub delivered: Vec<Value>,
}

impl RuleKey {
    /// The rule's ARN in `account`.
    pub fn arn(&self, account: &str) -> String {
        let Self { region, bus, name } = self;
        let bus = if bus == "default" { String::new() } else { format!("{bus}/") };
        format!("arn:aws:events:{region}:{account}:rule/{bus}{name}")
    }
}

impl Shared {
    pub fn new(upstream: Upstream) -> Self {
        Self {
            upstream,
            journal: Journal::default(),
            faults: Faults::default(),
            quotas: Quotas::default(),
            wishes: Wishes::default(),
            iam: Iam::default(),
            schedulers: Schedulers::default(),
            accounts: Mutex::default(),
            held: Mutex::default(),
            session_keys: Mutex::default(),
        }
    }

    /// The state of an account; empty at first.
    pub fn account(&self, id: &str) -> Arc<tokio::sync::Mutex<Account>> {
        let mut accounts = self.accounts.lock();
        let fresh = || {
            let account = Account {
                id: id.to_owned(),
                buckets: BTreeMap::new(),
                functions: Functions::new(),
                policies: BTreeMap::new(),
                rules: BTreeMap::new(),
            };
            Arc::new(tokio::sync::Mutex::new(account))
        };
        Arc::clone(accounts.entry(id.to_owned()).or_insert_with(fresh))
    }

    /// Deletes the state of all accounts, as a reset of the emulator does.
    pub fn forget_accounts(&self) {
        self.accounts.lock().clear();
        self.schedulers.clear();
        self.with_held_buckets(HashSet::clear);
    }

    /// Reads or changes the names of existing buckets.
    pub fn with_held_buckets<T>(&self, act: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        act(&mut self.held.lock())
    }

    /// Account and role of a temporary access key; `None` if the key did not come from STS through the proxy.
    pub fn session_of_key(&self, access_key: &str) -> Option<(String, String)> {
        self.session_keys.lock().get(access_key).cloned()
    }

    /// Records the access key in the answer to a request that assumed a role.
    pub fn learn_session_key(&self, request: &Request, answer: &Answer) {
        let text = String::from_utf8_lossy(answer.body());
        let between =
            |open: &str, close: &str| Some(text.split_once(open)?.1.split_once(close)?.0.to_owned());
        if let (Some(key), Some(account), Some(role)) = (
            between("<AccessKeyId>", "</AccessKeyId>"),
            between("arn:aws:sts::", ":assumed-role"),
            request.form("RoleArn"),
        ) {
            self.session_keys.lock().insert(key, (account, role));
        }
    }
}

impl Account {
    /// True if the policy of exactly this function, version or alias permits `service` to invoke it for the source. The
    /// state of another account has the policies of its functions.
    pub fn permits_invoke(
        &self,
        function: &FunctionRef,
        service: &str,
        source_arn: &str,
        source_account: &str,
    ) -> bool {
        self.policies.get(function).is_some_and(|policy| policy.permits(service, source_arn, source_account))
    }

    /// Synchronizes the emulator's deliveries with the policies. Callers run it after each change of a policy.
    pub async fn follow_policies(&mut self, upstream: &Upstream) -> Result<(), Refusal> {
        let buckets: Vec<_> = self.buckets.keys().cloned().collect();
        for bucket in buckets {
            self.deliver_notification(&bucket, upstream).await?;
        }
        let rules: Vec<_> = self.rules.keys().cloned().collect();
        for rule in rules {
            self.deliver_targets(&rule, upstream).await?;
        }
        Ok(())
    }

    /// The part of `notification` that the emulator may have: without functions that do not permit the bucket.
    pub fn permitted_notification(&self, bucket: &str, owner: &str, notification: &Notification) -> String {
        let source = format!("arn:aws:s3:::{bucket}");
        notification.executable(|entry| {
            entry.destination != Destination::Function
                || FunctionRef::from_arn(&entry.arn).is_some_and(|function| {
                    self.permits_invoke(&function, "s3.amazonaws.com", &source, owner)
                })
        })
    }

    async fn deliver_notification(&mut self, name: &str, upstream: &Upstream) -> Result<(), Refusal> {
        let Some(bucket) = self.buckets.get(name) else {
            return Ok(());
        };
        let Some(notification) = &bucket.notification else {
            return Ok(());
        };
        let wanted = self.permitted_notification(name, &bucket.owner, notification);
        if bucket.delivered.as_ref() == Some(&wanted) {
            return Ok(());
        }
        // Without validation, the emulator sends no test message. No caller wrote a configuration here.
        let headers = [("x-amz-skip-destination-validation", "true")];
        let path = format!("/{}?notification", bucket.emulated);
        let scope = (self.id.as_str(), bucket.region.as_str(), "s3");
        let answer = upstream.own(scope, Method::PUT, &path, &headers, wanted.clone()).await?;
        expect_success(&answer, &format!("a smaller notification configuration for bucket {name}"))?;
        if let Some(bucket) = self.buckets.get_mut(name) {
            bucket.delivered = Some(wanted);
        }
        Ok(())
    }

    /// Sends a rule's targets to the emulator, but only targets whose functions permit EventBridge.
    pub async fn deliver_targets(&mut self, key: &RuleKey, upstream: &Upstream) -> Result<(), Refusal> {
        let Some(rule) = self.rules.get(key) else {
            return Ok(());
        };
        let wanted: Vec<_> =
            rule.targets.iter().filter(|target| self.is_target_permitted(key, target)).cloned().collect();
        let gone: Vec<_> = rule
            .delivered
            .iter()
            .map(|target| &target["Id"])
            .filter(|id| !wanted.iter().any(|target| target["Id"] == **id))
            .collect();
        let changed: Vec<_> = wanted.iter().filter(|target| !rule.delivered.contains(target)).collect();
        let (region, name, bus) = (&key.region, &key.name, &key.bus);
        if !changed.is_empty() {
            let body = json!({"Rule": name, "EventBusName": bus, "Targets": changed});
            let answer = upstream.events(&self.id, region, "PutTargets", &body).await?;
            expect_success(&answer, &format!("the targets of rule {name}"))?;
        }
        if !gone.is_empty() {
            let body = json!({"Rule": name, "EventBusName": bus, "Ids": gone});
            let answer = upstream.events(&self.id, region, "RemoveTargets", &body).await?;
            expect_success(&answer, &format!("fewer targets of rule {name}"))?;
        }
        if let Some(rule) = self.rules.get_mut(key) {
            rule.delivered = wanted;
        }
        Ok(())
    }

    fn is_target_permitted(&self, key: &RuleKey, target: &Value) -> bool {
        let arn = target["Arn"].as_str().unwrap_or_default();
        let function = FunctionRef::from_arn(arn);
        function.is_none_or(|function| {
            self.permits_invoke(&function, "events.amazonaws.com", &key.arn(&self.id), &self.id)
        })
    }
}

/// Returns the emulator's refusal unchanged, so that a client sees the emulator's error.
fn expect_success(answer: &Answer, what: &str) -> Result<(), Refusal> {
    if answer.status().is_success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    let document: Value = serde_json::from_str(&text).unwrap_or_default();
    let code = document["__type"].as_str().unwrap_or("InternalError");
    let message = document["message"].as_str().map(str::to_owned);
    let message = message.unwrap_or_else(|| format!("the emulator refused {what}: {text}"));
    Err(Refusal::new(answer.status().as_u16(), code, message))
}
