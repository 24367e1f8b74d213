//! `docs/versioning.md` shows the versions that the tests really use.

use super::{Page, root};

/// The first text after `before` in a file, up to white space or a quote.
fn version(file: &str, before: &str) -> String {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{file} has no {before:?}"));
    rest.split(|c: char| c.is_whitespace() || c == '"').next().unwrap().to_owned()
}

/// The row of the table with this first cell.
fn row<'a>(page: &'a Page, component: &str) -> &'a str {
    let row = page.text.lines().find(|line| line.starts_with(&format!("| {component}")));
    row.unwrap_or_else(|| panic!("{} has no row {component:?}", page.path))
}

#[test]
fn the_compatibility_table_shows_the_versions_of_the_tests() {
    let page = Page::read("docs/versioning.md");
    for (component, file, before) in [
        ("Kubernetes, with all end-to-end tests", "tests/controlplane/go.mod", "\tk8s.io/kubernetes v"),
        ("Kubernetes, rendering of the chart", "charts/lambda-triggers/Chart.yaml", "kubeVersion: \""),
        ("Helm", "tests/helm/go.mod", "\thelm.sh/helm/v4 v"),
        ("AWS", "tests/ministack/requirements.txt", "the lines \"ministack=="),
        ("Rust", "Cargo.toml", "rust-version = \""),
        ("Go", "tests/controlplane/go.mod", "\ngo "),
        ("Alerts", "tests/helm/go.mod", "\tgithub.com/prometheus/prometheus v"),
    ] {
        let version = version(file, before);
        let row = row(&page, component);
        assert!(row.contains(&version), "{file} has {version}, but docs/versioning.md has: {row}");
    }
}

#[test]
fn the_compatibility_table_shows_the_rendered_versions_of_kubernetes() {
    let test = std::fs::read_to_string(root().join("tests/e2e/chart/accepted.rs")).unwrap();
    let line = test.lines().find(|line| line.starts_with("const KUBERNETES: ")).unwrap();
    let versions: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
    assert!(versions.len() > 1, "{line}");
    let page = Page::read("docs/versioning.md");
    let row = row(&page, "Kubernetes, rendering of the chart");
    assert!(row.contains(&format!("| {} |", versions.join(", "))), "{versions:?} is not in {row}");
}
