//! The metadata of the charts for Artifact Hub, which reads YAML from annotations in `Chart.yaml`.

use lambda_triggers_core::api::crds;
use lambda_triggers_tests::env;
use serde_json::{Value, json};

use super::{CHARTS, read, rendered, repository};

fn chart_yaml(chart: &str) -> Value {
    serde_saphyr::from_str(&read(&format!("{chart}/Chart.yaml"))).unwrap()
}

/// The YAML in the annotation `artifacthub.io/<name>` of a chart.
fn annotation(chart: &str, name: &str) -> Value {
    let chart = chart_yaml(chart);
    let text = chart["annotations"][format!("artifacthub.io/{name}")].as_str();
    serde_saphyr::from_str(text.unwrap_or_else(|| panic!("there is no annotation {name}"))).unwrap()
}

#[test]
fn the_annotation_names_all_crds() {
    let mut expected: Vec<Value> = crds()
        .into_iter()
        .map(|crd| {
            let (names, version) = (&crd.spec.names, &crd.spec.versions[0].name);
            json!({"kind": names.kind, "version": version, "name": crd.metadata.name})
        })
        .collect();
    let kind = |crd: &Value| crd["kind"].as_str().unwrap().to_owned();
    expected.sort_by_key(kind);
    for chart in CHARTS {
        let mut found = annotation(chart, "crds").as_array().cloned().unwrap();
        for crd in &mut found {
            let crd = crd.as_object_mut().unwrap();
            for text in ["displayName", "description"] {
                assert!(crd.remove(text).is_some_and(|text| text.is_string()), "{crd:?} has no {text}");
            }
        }
        found.sort_by_key(kind);
        assert_eq!(found, expected, "{chart}");
    }
}

#[test]
fn the_annotation_contains_the_examples() {
    let examples = ["scheduled-function", "s3-triggered-function"].map(|name| {
        let manifest: Value = serde_saphyr::from_str(&read(&format!("examples/{name}.yaml"))).unwrap();
        manifest
    });
    assert_eq!(annotation(CHARTS[0], "crdsExamples"), json!(examples));
}

/// Artifact Hub scans the image of the annotation for vulnerabilities.
#[test]
fn the_annotations_name_the_image_and_the_notes_of_the_version() {
    env::block_on(async {
        let deployment = rendered("{}", "deployment").await;
        let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
        let images = annotation(CHARTS[0], "images");
        assert_eq!(images.as_array().unwrap().len(), 1);
        assert_eq!(images[0]["image"], *image);
    });
    let suffix = concat!("/releases/tag/v", env!("CARGO_PKG_VERSION"));
    for change in annotation(CHARTS[0], "changes").as_array().unwrap() {
        let url = change["links"][0]["url"].as_str().unwrap();
        assert!(url.ends_with(suffix), "{url} is not the page of this version");
    }
}

#[test]
fn the_icon_is_a_file_of_the_repository() {
    for chart in CHARTS {
        let chart = chart_yaml(chart);
        let icon = chart["icon"].as_str().unwrap();
        let main = "https://raw.githubusercontent.com/lambda-triggers/lambda-triggers/main/";
        let path = icon.strip_prefix(main).unwrap_or_else(|| panic!("{icon} is not in the repository"));
        assert!(repository(path).is_file(), "{path} does not exist");
    }
}
