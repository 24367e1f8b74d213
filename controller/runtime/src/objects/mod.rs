//! The objects that the operator watches, and the stores of these objects.

mod index;
mod pages;
mod status_cache;
mod stores;
mod trigger;

pub use index::{Change, IndexKey, IndexedStore, IndexedWriter};
pub use pages::list_all;
pub use status_cache::StatusCache;
pub use stores::{Stopped, Stores};
pub use trigger::{
    Identity, KINDS, RawJson, RawS3TriggeredFunction, RawScheduledFunction, Trigger, deletion_policy,
    is_paused, key_of, needs_applied_resources, read_spec, read_status, valid_spec,
};
