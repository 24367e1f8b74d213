//! Code as Lambda takes it: a zip archive, the same bytes for the same files.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A zip archive.
#[derive(Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their SHA-256 in base64, as Lambda tells it of a function's code.
    pub sha256: String,
}

impl Archive {
    /// No code: that of a definition which names none, and is refused for it.
    pub(super) fn none() -> Self {
        Self { bytes: vec![], sha256: String::new() }
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Archive({} bytes, {})", self.bytes.len(), self.sha256)
    }
}

/// Why files cannot be put into an archive, such as a name that is too long for it.
#[derive(Debug, thiserror::Error)]
#[error("the code cannot be put into an archive")]
pub struct ArchiveError(#[from] zip::result::ZipError);

/// Puts files into an archive, in the order of their names. Every file may be read and run by everybody, since
/// Lambda runs code as a user of its own
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-function-zip.html>), and is of the same date, so
/// that the same files are the same bytes. They are stored as they are: what fits into a Kubernetes object is small.
pub fn archive(files: &BTreeMap<String, Vec<u8>>) -> Result<Archive, ArchiveError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(name.as_str(), options)?;
        zip.write_all(content).map_err(zip::result::ZipError::from)?;
    }
    let bytes = zip.finish()?.into_inner();
    let sha256 = BASE64_STANDARD.encode(Sha256::digest(&bytes));
    Ok(Archive { bytes, sha256 })
}
