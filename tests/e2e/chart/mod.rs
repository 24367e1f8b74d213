//! Tests of the Helm charts: rendering, validation by the API server, a real install, and the files of a release.

pub mod accepted;
mod alerts;
mod archives;
mod artifact_hub;
mod crds;
mod dashboard;
mod installed;
mod readme;
mod release;
mod tenancy;
mod values;

use std::path::{Path, PathBuf};

use lambda_triggers_tests::env;
use serde_json::Value;

/// The namespace of a release that is rendered without a cluster.
pub const NAMESPACE: &str = "lambda-triggers";

/// The path of a folder or file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub fn read(path: &str) -> String {
    let path = repository(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folders of all charts.
pub const CHARTS: [&str; 2] = ["charts/lambda-triggers", "charts/lambda-triggers-crds"];

/// The path of the operator's chart.
pub fn chart() -> String {
    repository(CHARTS[0]).to_str().unwrap().to_owned()
}

/// The test values of the chart, with the names of their files.
pub fn matrix() -> Vec<(String, String)> {
    let folder = std::fs::read_dir(repository("charts/lambda-triggers/ci")).unwrap();
    let files = folder.map(|file| file.unwrap().path());
    files
        .map(|file| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(file).unwrap())
        })
        .collect()
}

/// The output of `helm template` for these values, or the error.
pub async fn template(values: &str, arguments: &[&str]) -> Result<String, String> {
    let (chart, own) = (chart(), ["--namespace", NAMESPACE, "--values", "-"]);
    let arguments = [&["template", "release", &chart][..], &own, arguments].concat();
    let output = env::tool("helm", &arguments, values).await;
    if output.success { Ok(output.stdout) } else { Err(output.stderr) }
}

/// The objects of a rendered chart.
pub fn objects(yaml: &str) -> Vec<Value> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
    objects.into_iter().filter(|object| !object.is_null()).collect()
}

/// The only object that this template renders.
pub async fn rendered(values: &str, template_name: &str) -> Value {
    let template_name = format!("templates/{template_name}.yaml");
    let yaml = template(values, &["--show-only", &template_name]).await.unwrap();
    let mut objects = objects(&yaml);
    assert_eq!(objects.len(), 1, "{yaml}");
    objects.remove(0)
}
