//! Validation of both resources. [`cel`] has the rules of the CRDs, which the API server evaluates. [`check`] repeats
//! the rules in Rust, for objects of older CRDs and for limits that CEL cannot compute. `tests/e2e/refused` has the
//! manifests for both.

pub(super) mod cel;
mod check;
mod field_error;
pub(super) mod limits;
pub(super) mod messages;
#[cfg(test)]
mod tests;

pub(super) use check::is_dns_subdomain;
pub use check::parse_default_tags;
pub use field_error::FieldError;
