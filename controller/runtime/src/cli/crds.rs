//! `lambda-triggers crds`: the custom resource definitions, generated from the types.

use std::path::Path;

use lambda_triggers_core::api::{crd_file_name, crd_yaml, crds};

use crate::operator::StartError;

/// Prints the definitions, or writes them into a folder.
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
