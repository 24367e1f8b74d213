//! The decisions of `lambda-triggers doctor`: the findings about a cluster and an account, from observed values.

mod check;
mod leader;
mod orphans;
mod owner_id;
mod pod;
mod quota;
mod readiness;

pub use check::{Check, CheckResult, Summary};
pub use leader::{LeaseRecord, check_leader, is_renewed};
pub use orphans::{Claims, OwnedResource, check_orphans, is_own_name};
pub use owner_id::check_owner_id;
pub use pod::{Pod, PodImages, check_pod};
pub use quota::check_quota;
pub use readiness::unready;
