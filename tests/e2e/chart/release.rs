//! The scripts in `release/`: the notes and the manifests of a release, and the check of its versions.

use std::process::{Command, Output};

use lambda_triggers_tests::env;

use super::{chart, objects, repository};

/// The version of all crates.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn release(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(repository("release").join(script));
    command.args(arguments);
    command
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

const CHANGELOG: &str = "\
# Changelog

## [Unreleased]

## [0.2.0] - 2026-01-02

A paragraph
of two lines.

### Added

- The first entry continues on
  the next line. [Upgrade](docs/upgrade.md#before) and
  [AWS](https://aws.amazon.com/).
- The second entry:

  ```yaml
  a: 1
  b: 2
  ```

## [0.2.0-rc.1] - 2026-01-01

- An old entry.

[Unreleased]: https://example.com/
";

/// GitHub shows every line break of the notes, and does not resolve links to files.
#[test]
fn the_notes_are_the_section_of_the_version_with_joined_lines_and_absolute_links() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("CHANGELOG.md");
    std::fs::write(&path, CHANGELOG).unwrap();
    let notes = |version: &str| release("notes.sh", &[version, path.to_str().unwrap()]).output().unwrap();
    let expected = "\
A paragraph of two lines.

### Added

- The first entry continues on the next line. \
[Upgrade](https://github.com/lambda-triggers/lambda-triggers/blob/v0.2.0/docs/upgrade.md#before) and \
[AWS](https://aws.amazon.com/).
- The second entry:

  ```yaml
  a: 1
  b: 2
  ```
";
    assert_eq!(stdout(&notes("0.2.0")), expected);
    assert_eq!(stdout(&notes("0.2.0-rc.1")), "- An old entry.\n");
    for version in ["Unreleased", "0.2", "0.3.0"] {
        assert!(stderr(&notes(version)).contains(&format!("has no section [{version}]")), "{version}");
    }
}

/// Between two releases, the current version is the last release or has no section yet.
#[test]
fn the_changelog_has_notes() {
    let newest = ["Unreleased", VERSION].map(|version| release("notes.sh", &[version]).output().unwrap());
    assert!(newest.iter().any(|notes| notes.status.success()), "{newest:?}");
}

#[test]
fn all_versions_in_the_repository_match() {
    let check = release("check.sh", &[&format!("v{VERSION}")]).output().unwrap();
    let wrong = String::from_utf8(check.stderr).unwrap();
    let wrong: Vec<&str> = wrong.lines().filter(|line| !line.contains("has no section [")).collect();
    assert_eq!(wrong, Vec::<&str>::new());
}

#[test]
fn the_check_names_every_file_with_another_version() {
    let wrong = stderr(&release("check.sh", &["v99.0.0"]).output().unwrap());
    let files = [
        "Cargo.toml",
        "charts/lambda-triggers/Chart.yaml",
        "charts/lambda-triggers/Chart.yaml",
        "charts/lambda-triggers/Chart.yaml",
        "charts/lambda-triggers/Chart.yaml",
        "charts/lambda-triggers-crds/Chart.yaml",
        "charts/lambda-triggers-crds/Chart.yaml",
        "examples/gitops/argocd/application.yaml",
        "examples/gitops/flux/operator.yaml",
    ];
    let lines: Vec<&str> = wrong.lines().collect();
    assert_eq!(lines.len(), files.len() + 1, "{wrong}");
    for (line, file) in lines.iter().zip(files) {
        assert!(line.starts_with(&format!("{file} has no line")), "{line}");
    }
    for tag in ["0.1.0", "v1", "v0.1.0+build"] {
        let refusal = stderr(&release("check.sh", &[tag]).output().unwrap());
        assert_eq!(refusal, format!("the tag {tag} is not a version such as v0.2.0\n"));
    }
}

/// Helm does not manage the objects of `install.yaml`.
#[test]
fn install_yaml_contains_the_chart_without_labels_of_helm() {
    let folder = tempfile::tempdir().unwrap();
    let rendered = env::block_on(async {
        let path = format!("{}:{}", env::tools().await.display(), std::env::var("PATH").unwrap());
        let written = release("manifests.sh", &[folder.path().to_str().unwrap()]).env("PATH", path).output();
        stdout(&written.unwrap());
        let arguments =
            ["template", "lambda-triggers", &chart(), "--namespace", "lambda-triggers", "--no-hooks"];
        objects(&env::tool("helm", &arguments, "").await.expect("helm template"))
    });
    let read = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();
    let install = read("install.yaml");
    assert!(!install.contains("managed-by") && !install.contains("helm.sh/"), "{install}");
    let names = |objects: &[serde_json::Value]| -> Vec<String> {
        objects.iter().map(|object| format!("{} {}", object["kind"], object["metadata"]["name"])).collect()
    };
    let mut expected = vec![r#""Namespace" "lambda-triggers""#.to_owned()];
    expected.extend(names(&rendered));
    assert_eq!(names(&objects(&install)), expected);
    let crds = names(&objects(&read("crds.yaml")));
    assert_eq!(crds.len(), 2);
    assert!(crds.iter().all(|crd| expected.contains(crd)), "{crds:?}");
}
