//! Code as a zip archive for Lambda. Equal files give equal bytes.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A zip archive.
#[derive(Clone, PartialEq, Eq)]
pub struct Archive {
    /// The content of the archive.
    pub bytes: Vec<u8>,
    /// The SHA-256 of `bytes` in base64, the same form as Lambda's `CodeSha256`.
    pub sha256: String,
}

impl Archive {
    /// An empty archive for a definition without code. Validation rejects the definition.
    pub(super) fn none() -> Self {
        Self { bytes: vec![], sha256: String::new() }
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Archive({} bytes, {})", self.bytes.len(), self.sha256)
    }
}

/// The error for files that do not fit into an archive, for example because of a long name.
#[derive(Debug, thiserror::Error)]
#[error("the code cannot be put into an archive")]
pub struct ArchiveError(#[from] zip::result::ZipError);

/// Packs files into an archive, in the order of their names.
///
/// All users may read and execute every file, because Lambda runs code as a separate user
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-function-zip.html>). All files have the same date, so
/// that equal files give equal bytes. The archive is uncompressed, because a Kubernetes object has room for little
/// code only.
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
