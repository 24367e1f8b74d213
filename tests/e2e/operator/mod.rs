//! The life of the operator itself: killed, stopped, started too early or wrongly; and what it makes of objects and
//! namespaces in every state.

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
