//! The layers of this crate, as a test: reads the top-level `use` lines of all files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The modules of the crate, from low to high. A module imports lower modules only.
const LAYERS: [&str; 11] = [
    "leadership",
    "network",
    "objects",
    "manifests",
    "telemetry",
    "aws",
    "reconcile",
    "preview",
    "operator",
    "doctor",
    "cli",
];
/// More files than this cannot be read one at a time.
const MAX_CIRCLE: usize = 3;

/// A module path below `crate`.
type Module = Vec<String>;

/// An item in scope: its name, its path below `crate`, and true for `pub use`.
struct Import {
    name: String,
    path: Module,
    is_public: bool,
}

/// The files below `dir`, by module. Test modules may import any module.
fn read(dir: &Path, module: &Module, files: &mut BTreeMap<Module, String>) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        let stem = name.trim_end_matches(".rs");
        let child = [module.clone(), vec![stem.to_owned()]].concat();
        match stem {
            _ if path.is_dir() => read(&path, &child, files),
            "main" | "tests" | "layers_test" => {}
            "lib" | "mod" => drop(files.insert(module.clone(), std::fs::read_to_string(path).unwrap())),
            _ => drop(files.insert(child, std::fs::read_to_string(path).unwrap())),
        }
    }
}

/// Expands the braces of a `use` tree.
fn expand(tree: &str) -> Vec<String> {
    let Some((prefix, list)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in list[..list.rfind('}').unwrap()].chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            _ => parts.last_mut().unwrap().push(c),
        }
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(|part| expand(&format!("{}{part}", prefix.trim()))).collect()
}

/// The imports of a file from this crate.
fn imports(module: &Module, files: &BTreeMap<Module, String>) -> Vec<Import> {
    let source = &files[module];
    let mut all = vec![];
    for (at, keyword) in source.match_indices("use ") {
        let is_public = match source[..at].rsplit('\n').next() {
            Some("") => false,
            Some("pub " | "pub(crate) ") => true,
            _ => continue,
        };
        let (tree, _) = source[at + keyword.len()..].split_once(';').unwrap();
        for path in expand(tree) {
            let (path, alias) = path.split_once(" as ").unwrap_or((&path, ""));
            let mut segments: Module = path.split("::").map(ToOwned::to_owned).collect();
            segments.retain(|segment| segment != "self");
            let name = if alias.is_empty() { segments.last().unwrap() } else { alias }.to_owned();
            let supers = segments.iter().take_while(|segment| *segment == "super").count();
            let child = [module.clone(), vec![segments[0].clone()]].concat();
            let path = match segments[0].as_str() {
                "crate" => segments[1..].to_vec(),
                "super" => [&module[..module.len() - supers], &segments[supers..]].concat(),
                _ if files.contains_key(&child) => [module.clone(), segments].concat(),
                _ => continue,
            };
            all.push(Import { name, path, is_public });
        }
    }
    all
}

/// The file that defines the item at `path`, through all re-exports.
fn defining_file(path: &[String], all: &BTreeMap<Module, Vec<Import>>) -> Module {
    let length = (0..=path.len()).rev().find(|length| all.contains_key(&path[..*length])).unwrap();
    let (file, rest) = path.split_at(length);
    let is_source = |import: &&Import| import.is_public && rest.first() == Some(&import.name);
    match all[file].iter().find(is_source) {
        Some(import) => defining_file(&[import.path.clone(), rest[1..].to_vec()].concat(), all),
        None => file.to_vec(),
    }
}

/// The files that each file imports. A re-export of a child is no import.
fn dependencies() -> BTreeMap<Module, BTreeSet<Module>> {
    let mut files = BTreeMap::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &vec![], &mut files);
    let all: BTreeMap<Module, Vec<Import>> =
        files.keys().map(|file| (file.clone(), imports(file, &files))).collect();
    let imported = |(file, imports): (&Module, &Vec<Import>)| {
        let imports = imports.iter().filter(|import| !(import.is_public && import.path.starts_with(file)));
        let files = imports.map(|import| defining_file(&import.path, &all)).filter(|other| other != file);
        (file.clone(), files.collect())
    };
    all.iter().map(imported).collect()
}

#[test]
fn modules_import_lower_layers_only() {
    let rank = |module: &Module| {
        let layer = module.first().map(String::as_str);
        let known = LAYERS.iter().position(|known| Some(*known) == layer);
        layer.map(|layer| known.unwrap_or_else(|| panic!("give the module {layer} a place in LAYERS")))
    };
    for (file, imported) in dependencies().iter().filter(|(file, _)| !file.is_empty()) {
        for other in imported {
            assert!(
                rank(other).is_none() || rank(other) <= rank(file),
                "{} imports {}, which is a higher layer; the layers from low to high are {LAYERS:?}",
                file.join("::"),
                other.join("::"),
            );
        }
    }
}

#[test]
fn import_circles_have_at_most_three_files() {
    let dependencies = dependencies();
    let reachable = |from: &Module| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(file) = open.pop() {
            open.extend(dependencies[file].iter().filter(|other| seen.insert((*other).clone())));
        }
        seen
    };
    let all: BTreeMap<&Module, BTreeSet<Module>> =
        dependencies.keys().map(|file| (file, reachable(file))).collect();
    for (file, reached) in &all {
        let circle: Vec<String> =
            reached.iter().filter(|other| all[other].contains(*file)).map(|other| other.join("::")).collect();
        assert!(
            circle.len() <= MAX_CIRCLE,
            "these files import each other in a circle: {circle:?}; move the shared items to a file of their own"
        );
    }
}
