//! `lambda-triggers crds`: the CRDs, generated from the types.

use std::path::Path;

use lambda_triggers_core::api::{crd_file_name, crd_yaml, crds};

use crate::operator::StartError;

/// Prints the CRDs, or writes the CRDs to a folder.
pub fn print(dir: Option<&Path>) -> Result<(), StartError> {
    for crd in crds() {
        let yaml = crd_yaml(&crd)?;
        match dir {
            None => print!("{yaml}"),
            Some(dir) => std::fs::write(dir.join(crd_file_name(&crd)), yaml)?,
        }
    }
    Ok(())
}
