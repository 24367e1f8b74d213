//! What the aws_proxy knows of each account, and what it makes the emulator deliver.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use hyper::Method;
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
    upstream::Upstream,
    wire::{Answer, Refusal},
};

/// Everything that the aws_proxy's connections share.
pub(super) struct Shared {
    pub upstream: Upstream,
    pub journal: Journal,
    pub faults: Faults,
    pub quotas: Quotas,
    pub wishes: Wishes,
    pub iam: Iam,
    accounts: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Account>>>>,
    /// The buckets of all accounts: two cannot have one of the same name.
    held: Mutex<HashSet<String>>,
    /// Temporary access keys, and the account and the role that STS gave each for.
    session_keys: Mutex<HashMap<String, (String, String)>>,
}

/// One account's buckets, functions, policies and rules. Held locked from check to write, so that a check still holds when the write is made.
pub(super) struct Account {
    pub id: String,
    pub buckets: BTreeMap<String, BucketState>,
    pub functions: Functions,
    pub policies: BTreeMap<FunctionRef, Policy>,
    pub rules: BTreeMap<RuleKey, Rule>,
}

/// A bucket that the emulator has.
pub(super) struct BucketState {
    pub owner: String,
    pub region: String,
    /// Its name in the emulator, which takes no legacy names.
    pub emulated: String,
    /// Whether its owner, who is another account, lets nobody in.
    pub closed: bool,
    pub notification: Option<Notification>,
    /// The document before that one, for stale reads.
    pub previous: Option<String>,
    /// The document that the emulator has.
    pub delivered: Option<String>,
}

/// Where a rule is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RuleKey {
    pub region: String,
    pub bus: String,
    pub name: String,
}

/// The targets of a rule that the emulator has.
#[derive(Default)]
pub(super) struct Rule {
    pub targets: Vec<Value>,
    /// Those of them that the emulator has.
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
            accounts: Mutex::default(),
            held: Mutex::default(),
            session_keys: Mutex::default(),
        }
    }

    /// The state of an account; empty at first.
    pub fn account(&self, id: &str) -> Arc<tokio::sync::Mutex<Account>> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Forgets all accounts, as the emulator does on a reset.
    pub fn forget_accounts(&self) {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.with_held_buckets(HashSet::clear);
    }

    /// Reads or changes the names of the buckets that some account has.
    pub fn with_held_buckets<T>(&self, act: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The account and the role of a temporary access key, if STS gave it out through this aws_proxy.
    pub fn session_of_key(&self, access_key: &str) -> Option<(String, String)> {
        self.session_keys.lock().unwrap_or_else(PoisonError::into_inner).get(access_key).cloned()
    }

    /// Notes the access key in the answer to a request that took on a role.
    pub fn learn_session_key(&self, request: &Request, answer: &Answer) {
        let text = String::from_utf8_lossy(answer.body());
        let between =
            |open: &str, close: &str| Some(text.split_once(open)?.1.split_once(close)?.0.to_owned());
        if let (Some(key), Some(account), Some(role)) = (
            between("<AccessKeyId>", "</AccessKeyId>"),
            between("arn:aws:sts::", ":assumed-role"),
            request.form("RoleArn"),
        ) {
            self.session_keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (account, role));
        }
    }
}

impl Account {
    /// Whether the policy of exactly this function, version or alias lets `service` invoke it for the source.
    /// A function of another account is not known here: that account is to be asked.
    pub fn lets_in(
        &self,
        function: &FunctionRef,
        service: &str,
        source_arn: &str,
        source_account: &str,
    ) -> bool {
        self.policies.get(function).is_some_and(|policy| policy.permits(service, source_arn, source_account))
    }

    /// Makes the emulator deliver what the policies allow, and nothing else. To call after each change of a policy.
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

    /// The document that the emulator may have of `notification`: without the functions that do not let this bucket in.
    pub fn permitted_notification(&self, bucket: &str, owner: &str, notification: &Notification) -> String {
        let source = format!("arn:aws:s3:::{bucket}");
        notification.executable(|entry| {
            entry.destination != Destination::Function
                || FunctionRef::from_arn(&entry.arn)
                    .is_some_and(|function| self.lets_in(&function, "s3.amazonaws.com", &source, owner))
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
        // Without validation there is no test message: nobody wrote a configuration here.
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

    /// Makes the emulator have those of a rule's targets that let EventBridge in.
    pub async fn deliver_targets(&mut self, key: &RuleKey, upstream: &Upstream) -> Result<(), Refusal> {
        let Some(rule) = self.rules.get(key) else {
            return Ok(());
        };
        let wanted: Vec<_> =
            rule.targets.iter().filter(|target| self.target_lets_in(key, target)).cloned().collect();
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

    fn target_lets_in(&self, key: &RuleKey, target: &Value) -> bool {
        let arn = target["Arn"].as_str().unwrap_or_default();
        let function = FunctionRef::from_arn(arn);
        function.is_none_or(|function| {
            self.lets_in(&function, "events.amazonaws.com", &key.arn(&self.id), &self.id)
        })
    }
}

/// The emulator's refusal as the aws_proxy's own, so that a client sees what it would see from the emulator.
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
