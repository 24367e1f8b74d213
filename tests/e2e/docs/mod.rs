//! Tests of the documentation: commands run, manifests are accepted, lists match the code, and links have targets.

mod cli;
mod commands;
mod examples;
mod explain;
mod generated;
mod import;
mod links;
pub mod manifests;
mod plan;
mod quickstart;
mod readme;
mod reasons;
mod uninstall;
mod upgrade;
mod versions;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files in a folder and its subfolders, as sorted paths from the root of the repository.
pub fn files(folder: &str) -> Vec<String> {
    let mut files = vec![];
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap().map(Result::unwrap) {
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else {
                files.push(path.display().to_string());
            }
        }
    }
    files.sort();
    files
}

/// All pages: the pages at the root, in `docs/` and in `examples/`.
fn pages() -> Vec<Page> {
    let root = ["CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"];
    let folders = ["docs", "examples"].into_iter().flat_map(files).filter(|path| path.ends_with(".md"));
    root.into_iter().map(str::to_owned).chain(folders).map(|path| Page::read(&path)).collect()
}

/// A page of the documentation.
pub struct Page {
    /// The path from the root of the repository.
    path: String,
    text: String,
}

/// A fenced block of a page.
#[derive(Debug)]
pub struct Block {
    /// The heading above the block, without `#`.
    heading: String,
    /// The language of the fence, such as `sh`, or an empty string.
    language: String,
    /// The number of the block's first line.
    line: usize,
    pub text: String,
}

impl Page {
    /// Reads the page at a path from the root of the repository.
    pub fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path));
        Self { path: path.into(), text: text.unwrap_or_else(|error| panic!("{path}: {error}")) }
    }

    /// The fenced blocks. A block in a list loses the list's indentation.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = vec![];
        let mut heading = "";
        let mut open: Option<usize> = None;
        for (number, line) in self.text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            match (line.trim_start().strip_prefix("```"), open) {
                (Some(language), None) => {
                    open = Some(indent);
                    blocks.push(Block {
                        heading: heading.into(),
                        language: language.into(),
                        line: number + 2,
                        text: String::new(),
                    });
                }
                (Some(_), Some(_)) => open = None,
                (None, Some(indent)) => {
                    let block = blocks.last_mut().unwrap();
                    block.text += line.get(indent..).unwrap_or_default();
                    block.text.push('\n');
                }
                (None, None) if line.starts_with('#') => heading = line.trim_start_matches('#').trim(),
                (None, None) => {}
            }
        }
        assert_eq!(open, None, "{}: a fence is not closed", self.path);
        blocks
    }

    /// The commands under a heading, one string per block.
    pub fn commands<const N: usize>(&self, heading: &str) -> [String; N] {
        let blocks = self.blocks().into_iter();
        let found: Vec<String> = blocks
            .filter(|block| block.heading == heading && block.language == "sh")
            .map(|block| block.text)
            .collect();
        let path = &self.path;
        found
            .try_into()
            .unwrap_or_else(|found| panic!("{path}, under {heading:?}, has the commands {found:?}"))
    }
}
