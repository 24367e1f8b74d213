//! The life of the operator process: crash, shutdown, start and leader election. Also namespaces, annotations, and
//! invalid or edited objects.

mod default_tags;
mod interrupted;
mod namespaces;
mod paused;
mod reconcile_annotation;
mod recreated;
mod replicas;
mod rollout;
mod start;
mod status_edits;
mod stopped;
mod unreadable;
