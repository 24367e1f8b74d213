//! Tests of the reader of manifests.

use super::*;

const TWO: &str = "\
# The first line is a comment.
apiVersion: lambda-triggers.dev/v1alpha1
kind: ScheduledFunction
metadata: {name: a}
spec:
  tags:
    one: '1'
---
apiVersion: v1
kind: ConfigMap
metadata: {name: code, namespace: media}
data: {a.py: x}
binaryData: {b.bin: eA==}
---
---
apiVersion: v1
kind: List
items:
- apiVersion: lambda-triggers.dev/v1alpha1
  kind: S3TriggeredFunction
  metadata: {name: b}
  spec:
    filters:
    - prefix: in/
    - suffix: .jpg
- apiVersion: v1
  kind: Secret
";

#[test]
fn each_manifest_knows_its_lines() {
    let manifests = Manifests::of_text("-", TWO).unwrap();
    assert_eq!(manifests.documents, 4);
    let [a, b] = manifests.triggers.as_slice() else { panic!("{manifests:?}") };
    let line = |manifest: &Manifest, field: &str| manifest.source_of(field).line;
    assert_eq!(a.source, Source { file: "-".into(), line: 2 });
    assert_eq!([line(a, "spec"), line(a, "spec.tags.one"), line(a, "spec.missing")], [6, 7, 6]);
    assert_eq!(b.source, Source { file: "-".into(), line: 19 });
    assert_eq!(
        [line(b, "spec.filters[1].suffix"), line(b, "spec.filters[1]"), line(b, "spec.filters[9]")],
        [25, 25, 24]
    );
    assert_eq!(a.object["spec"]["tags"]["one"], "1");
    let files = &manifests.config_maps[&("media".to_owned(), "code".to_owned())];
    assert_eq!(
        *files,
        BTreeMap::from([("a.py".to_owned(), b"x".to_vec()), ("b.bin".to_owned(), b"x".to_vec())])
    );
}

#[test]
fn a_text_that_is_not_yaml_names_its_line() {
    let error = |text: &str| Manifests::of_text("a.yaml", text).unwrap_err().to_string();
    let duplicate = error("kind: A\n---\nkind: A\nspec: {}\nkind: B\n");
    assert!(duplicate.starts_with("a.yaml:5: not valid YAML: "), "{duplicate}");
    let template = error("metadata:\n  name: {{ .Release.Name }}\n");
    assert!(template.ends_with("; run `helm template` first"), "{template}");
    assert!(error("a: [").starts_with("a.yaml:1: "), "{}", error("a: ["));
}

#[test]
fn folders_are_read_in_the_order_of_their_names() {
    let folder = std::env::temp_dir().join(format!("lambda-triggers-manifests-{}", std::process::id()));
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let manifest = |name: &str| format!("kind: ScheduledFunction\nmetadata: {{name: {name}}}\n");
    for (file, name) in
        [("b.yaml", "b"), ("a.yml", "a"), ("c.json", "c"), ("notes.txt", "d"), ("sub/e.yaml", "e")]
    {
        write(file, &manifest(name));
    }
    let names = |recursive| -> Vec<String> {
        let found = read(std::slice::from_ref(&folder), recursive).unwrap().triggers;
        found.iter().map(|one| one.object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(false), ["a", "b", "c"]);
    assert_eq!(names(true), ["a", "b", "c", "e"]);
    write("kustomization.yaml", "resources: [a.yml]\n");
    let shown = folder.display();
    let error = read(std::slice::from_ref(&folder), false).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{shown} has a Kustomization: pipe the output of kustomize build {shown} into -f -")
    );
    write("Chart.yaml", "name: x\n");
    let error = read(std::slice::from_ref(&folder), false).unwrap_err().to_string();
    assert_eq!(error, format!("{shown} is a Helm chart: pipe the output of helm template {shown} into -f -"));
    std::fs::remove_dir_all(&folder).unwrap();
    let error = read(std::slice::from_ref(&folder), false).unwrap_err().to_string();
    assert_eq!(error, format!("cannot read {shown}"));
}
