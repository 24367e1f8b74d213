//! The stores of both kinds.

use std::sync::Arc;

use lambda_triggers_core::api::AppliedPermission;
use lambda_triggers_core::ownership::ObjectKey;
use tokio::sync::watch;

use super::index::{IndexKey, IndexedStore};
use super::trigger::{
    RawS3TriggeredFunction, RawScheduledFunction, Trigger, is_paused, needs_applied_resources, read_status,
};

/// The reflectors stopped before the first list, so the stores never sync.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operator is stopping")]
pub struct Stopped;

/// The cached objects of both kinds.
#[derive(Clone)]
pub struct Stores {
    /// All watched `ScheduledFunction`s.
    pub scheduled: IndexedStore<RawScheduledFunction>,
    /// All watched `S3TriggeredFunction`s.
    pub s3: IndexedStore<RawS3TriggeredFunction>,
    /// True for each store that holds all objects. `Store::wait_until_ready` wakes only the last waiter, and the
    /// controller of the store is a waiter, too.
    pub synced: [watch::Receiver<bool>; 2],
}

impl Stores {
    /// Waits until both stores are synced. A missing object would lose its entries, since the operator removes
    /// unclaimed entries.
    pub async fn wait_for_sync(&self) -> Result<(), Stopped> {
        for synced in &self.synced {
            synced.clone().wait_for(|synced| *synced).await.map_err(|_| Stopped)?;
        }
        Ok(())
    }

    /// True if both stores are synced.
    pub fn are_synced(&self) -> bool {
        self.synced.iter().all(|synced| *synced.borrow())
    }

    /// True if the `S3TriggeredFunction` of this name is paused.
    pub fn is_s3_paused(&self, key: &ObjectKey) -> bool {
        self.s3.get(key).is_some_and(|object| is_paused(&*object))
    }

    /// True if another object than the one with this UID needs the statement.
    pub fn is_permission_claimed(&self, permission: &AppliedPermission, except: &str) -> bool {
        is_claimed(&self.scheduled, permission, except) || is_claimed(&self.s3, permission, except)
    }

    /// True if an existing object decides about the rule of this name.
    pub fn has_rule(&self, name: &str) -> bool {
        self.scheduled.snapshot().count(&IndexKey::Rule(name.into())) > 0
    }

    /// True if an object needs this function, which was deployed for the object.
    pub fn deploys(&self, kind: &str, key: &ObjectKey, region: &str, function: &str) -> bool {
        match kind {
            RawScheduledFunction::NAME => deploys(&self.scheduled, key, region, function),
            RawS3TriggeredFunction::NAME => deploys(&self.s3, key, region, function),
            _ => false,
        }
    }
}

fn is_claimed<K: Trigger>(store: &IndexedStore<K>, permission: &AppliedPermission, except: &str) -> bool {
    let is_other = |object: &Arc<K>| object.meta().uid.as_deref() != Some(except);
    store.snapshot().by_index(&IndexKey::Permission(permission.clone())).any(is_other)
}

fn deploys<K: Trigger>(store: &IndexedStore<K>, key: &ObjectKey, region: &str, function: &str) -> bool {
    let object = store.get(key).filter(|object| needs_applied_resources(&**object));
    object.is_some_and(|object| {
        let deployed = read_status(&*object).applied.functions;
        deployed.iter().any(|deployed| deployed.region == region && deployed.name == function)
    })
}
