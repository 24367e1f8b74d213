//! The API server accepts every manifest in the documentation and in `examples/`.

use lambda_triggers_tests::env;

use super::{Page, files, pages};

/// The API groups of manifests that the test API server does not serve.
const OTHERS: [&str; 6] = [
    "argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "source.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "kustomize.config.k8s.io/",
    "monitoring.coreos.com/",
];

fn is_other(manifest: &str) -> bool {
    manifest
        .lines()
        .filter_map(|line| line.strip_prefix("apiVersion: "))
        .any(|version| OTHERS.iter().any(|group| version.starts_with(group)))
}

/// True if the text is a manifest. Chart values have no kind.
pub fn has_kind(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("kind: "))
}

/// The manifests of a page: its YAML blocks with a kind.
fn manifests(page: &Page) -> Vec<(String, String)> {
    let blocks = page.blocks().into_iter().filter(|block| block.language == "yaml");
    let place = |line: usize| format!("{}, line {line}", page.path);
    blocks.filter(|block| has_kind(&block.text)).map(|block| (place(block.line), block.text)).collect()
}

#[test]
fn every_manifest_is_accepted() {
    let mut all: Vec<(String, String)> = pages().iter().flat_map(manifests).collect();
    // This folder contains test data of Argo CD.
    let is_manifest = |path: &String| path.ends_with(".yaml") && !path.contains("/argocd/health/");
    let examples = files("examples").into_iter().filter(is_manifest);
    all.extend(examples.map(|path| (path.clone(), Page::read(&path).text)));
    all.retain(|(_, manifest)| has_kind(manifest) && !is_other(manifest));
    assert!(all.len() > 8, "{all:?}");
    env::test("docs-manifests", async |env| {
        for (place, manifest) in all {
            let output = env.kubectl(&["apply", "--dry-run=server", "--filename", "-"], &manifest).await;
            assert!(output.success, "{place}: {}\n{manifest}", output.stderr);
        }
    });
}
