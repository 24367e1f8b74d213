//! The life of the operator process: crash, shutdown, start and leader election. Also namespaces, annotations, field
//! managers, and invalid or edited objects.

mod crashes;
mod default_tags;
mod field_manager;
mod namespaces;
mod paused;
mod reconcile_annotation;
mod recreated;
mod replicas;
mod rollout;
mod shutdown;
mod start;
mod status_edits;
mod unparsable;
