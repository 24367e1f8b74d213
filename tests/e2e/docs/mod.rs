//! What the documentation says, held against what is so: its commands are run, its manifests applied, its lists compared
//! with the code, its links followed.

mod generated;
mod links;
mod manifests;
mod reasons;
mod uninstall;
mod upgrade;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files in a folder of the repository and below it, by their paths from the root, sorted.
fn files(folder: &str) -> Vec<String> {
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

/// All pages: the pages at the root and in `docs/`.
fn pages() -> Vec<Page> {
    let root = ["CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"];
    let docs = files("docs").into_iter().filter(|path| path.ends_with(".md"));
    root.into_iter().map(str::to_owned).chain(docs).map(|path| Page::read(&path)).collect()
}

/// A page of the documentation.
pub struct Page {
    /// Its path from the root of the repository.
    path: String,
    text: String,
}

/// A fenced block of a page.
#[derive(Debug)]
struct Block {
    /// The heading that it stands under, without its `#`.
    heading: String,
    /// What the fence says it is, such as `sh`; empty where it says nothing.
    language: String,
    /// The number of its first line.
    line: usize,
    text: String,
}

impl Page {
    /// The page at a path from the root of the repository.
    pub fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path));
        Self { path: path.into(), text: text.unwrap_or_else(|error| panic!("{path}: {error}")) }
    }

    /// Its fenced blocks. One within a list is taken without the list's indentation.
    fn blocks(&self) -> Vec<Block> {
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

    /// The commands that stand under a heading, a block each.
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
