//! The GitOps examples: Argo CD's health checks and diff, and Flux's controllers on the test cluster.

mod argocd;
mod dependencies;
mod flux;
mod health;
mod team;
