//! The life of the operator itself: killed, stopped, started too early or wrongly; and what it makes of objects and
//! namespaces in every state.

mod asked;
mod default_tags;
mod edited;
mod interrupted;
mod namespaces;
mod paused;
mod recreated;
mod replicas;
mod rollout;
mod start;
mod stopped;
mod unreadable;
