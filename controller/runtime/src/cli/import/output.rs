//! The output of an import: manifests as files or on standard output, and the report.

use std::io::Write;
use std::path::PathBuf;

use lambda_triggers_core::import::{ManifestFormat, Report};

use crate::cli::output;
use crate::operator::StartError;

/// Where an import writes to.
pub struct Output {
    /// The folder of the manifests; `None` for standard output.
    pub folder: Option<PathBuf>,
    /// True if existing manifests are replaced.
    pub force: bool,
    /// The file of the report; `None` for standard error.
    pub report: Option<PathBuf>,
}

impl Output {
    /// Writes the manifests and then the report.
    ///
    /// # Errors
    /// A file exists, or cannot be written. Nothing is written if one of the files exists.
    pub fn write(&self, report: &Report) -> Result<(), StartError> {
        match &self.folder {
            Some(folder) => {
                let mut files = vec![];
                for manifest in report.manifests() {
                    files.push((
                        folder.join(manifest.file_name(report.format)),
                        manifest.to_text(report.format)?,
                    ));
                }
                let existing = files.iter().find(|(path, _)| !self.force && path.exists());
                if let Some((path, _)) = existing {
                    return Err(format!("{} exists; give --force to replace it", path.display()).into());
                }
                std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder.display(), &error))?;
                for (path, text) in files {
                    std::fs::write(&path, text).map_err(|error| cannot_write(path.display(), &error))?;
                }
            }
            None => output::print(&report.manifests_text()?)?,
        }
        let text = match report.format {
            ManifestFormat::Yaml => report.to_string(),
            ManifestFormat::Json => output::json("ImportReport", &report.to_json())?,
        };
        match &self.report {
            Some(path) => {
                std::fs::write(path, text).map_err(|error| cannot_write(path.display(), &error).into())
            }
            None => {
                warn(&text);
                Ok(())
            }
        }
    }
}

/// Writes to standard error. The reader of a closed pipe misses nothing.
pub fn warn(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn cannot_write(path: impl std::fmt::Display, error: &std::io::Error) -> String {
    format!("cannot write {path}: {error}")
}
