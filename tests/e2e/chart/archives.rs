//! The archives of the command line and the manifest for krew, from the scripts in `release/`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use lambda_triggers_tests::env;
use serde_json::{Value, json};

use super::repository;

const TAG: &str = "v0.2.0";
const PLATFORMS: [&str; 4] = ["darwin-amd64", "darwin-arm64", "linux-amd64", "linux-arm64"];

/// Runs a program, and returns its output.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn release(script: &str) -> Command {
    Command::new(repository("release").join(script))
}

/// A program for each platform. Each runs the real program, which is larger.
fn binaries(folder: &Path) -> Vec<std::path::PathBuf> {
    let real = env::binary();
    let binary = |platform: &str| {
        let path = folder.join(format!("lambda-triggers-{platform}"));
        std::fs::write(&path, format!("#!/bin/sh\nexec '{}' \"$@\"\n# {platform}\n", real.display()))
            .unwrap();
        path
    };
    PLATFORMS.map(binary).into()
}

/// Writes the archives into a folder, and returns the checksums.
fn archives(binaries: &[std::path::PathBuf], folder: &Path) -> String {
    run(release("archives.sh").args([TAG, folder.to_str().unwrap()]).args(binaries)).unwrap();
    let names = PLATFORMS.map(|platform| format!("lambda-triggers-{TAG}-{platform}.tar.gz"));
    run(Command::new("sha256sum").args(names).current_dir(folder)).unwrap()
}

#[test]
fn each_platform_has_the_same_archive_at_each_run() {
    let folder = tempfile::tempdir().unwrap();
    let binaries = binaries(folder.path());
    let [first, second] = ["first", "second"].map(|name| archives(&binaries, &folder.path().join(name)));
    assert_eq!(first, second);

    let archive = folder.path().join(format!("first/lambda-triggers-{TAG}-darwin-arm64.tar.gz"));
    let list = run(Command::new("tar").args(["-tzf"]).arg(&archive)).unwrap();
    let files: Vec<&str> = list.lines().filter(|line| !line.ends_with('/')).collect();
    for file in [
        "LICENSE",
        "completions/_lambda-triggers",
        "completions/kubectl_complete-lambda_triggers",
        "completions/lambda-triggers.bash",
        "completions/lambda-triggers.fish",
        "completions/lambda-triggers.ps1",
        "lambda-triggers",
        "man/lambda-triggers.1",
        "man/lambda-triggers-plan.1",
        "man/lambda-triggers-import-bucket.1",
    ] {
        assert!(files.contains(&file), "{file}: {files:?}");
    }
    let unpacked = folder.path().join("unpacked");
    std::fs::create_dir(&unpacked).unwrap();
    run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&unpacked)).unwrap();
    let read = |file: &str| std::fs::read_to_string(unpacked.join(file)).unwrap();
    assert!(read("lambda-triggers").ends_with("# darwin-arm64\n"));
    assert!(read("man/lambda-triggers-plan.1").contains("lambda-triggers"));
    for file in ["lambda-triggers", "completions/kubectl_complete-lambda_triggers"] {
        assert_eq!(
            std::fs::metadata(unpacked.join(file)).unwrap().permissions().mode() & 0o777,
            0o755,
            "{file}"
        );
    }
}

#[test]
fn archives_need_a_binary_for_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let binaries = binaries(folder.path());
    let of_macos = binaries.iter().filter(|binary| binary.to_str().unwrap().contains("darwin"));
    let out = folder.path().join("out");
    let refused = run(release("archives.sh").args([TAG, out.to_str().unwrap()]).args(of_macos)).unwrap_err();
    assert!(refused.starts_with("no binary has the name lambda-triggers-linux-"), "{refused}");
}

/// The rules of krew for a manifest
/// (<https://github.com/kubernetes-sigs/krew/blob/master/internal/index/validation/validate.go>), and its fields
/// (<https://github.com/kubernetes-sigs/krew/blob/master/pkg/index/types.go>).
fn check_krew(plugin: &Value) {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(plugin["apiVersion"], "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!(plugin["kind"], "Plugin");
    assert_eq!(plugin["metadata"], json!({"name": "lambda-triggers"}));
    let spec = &plugin["spec"];
    let known = ["caveats", "description", "homepage", "platforms", "shortDescription", "version"];
    assert_eq!(keys(spec), known);
    let short = spec["shortDescription"].as_str().unwrap();
    // The index asks for at most 50 characters (https://krew.sigs.k8s.io/docs/developer-guide/develop/best-practices/).
    assert!(
        !short.is_empty() && short.len() <= 50 && !short.contains('\n') && !short.ends_with('.'),
        "{short}"
    );
    for platform in spec["platforms"].as_array().unwrap() {
        assert_eq!(keys(platform), ["bin", "selector", "sha256", "uri"]);
        assert_eq!(keys(&platform["selector"]["matchLabels"]), ["arch", "os"]);
        let sum = platform["sha256"].as_str().unwrap();
        assert!(sum.len() == 64 && sum.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{sum}");
    }
}

#[test]
fn the_manifest_for_krew_has_the_checksum_of_each_archive() {
    let folder = tempfile::tempdir().unwrap();
    let sums: BTreeMap<String, String> = PLATFORMS
        .iter()
        .enumerate()
        .map(|(number, platform)| {
            (format!("lambda-triggers-{TAG}-{platform}.tar.gz"), format!("{number:064x}"))
        })
        .collect();
    let file = folder.path().join("SHA256SUMS");
    let text: Vec<String> = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    std::fs::write(&file, text.concat()).unwrap();
    let krew = |file: &Path| run(release("krew.sh").arg(TAG).arg(file));
    let plugin: Value = serde_saphyr::from_str(&krew(&file).unwrap()).unwrap();
    check_krew(&plugin);
    assert_eq!(plugin["spec"]["version"], TAG);
    let platforms = plugin["spec"]["platforms"].as_array().unwrap();
    let found: BTreeMap<String, String> = platforms
        .iter()
        .map(|platform| {
            let labels = &platform["selector"]["matchLabels"];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let name =
                format!("lambda-triggers-{TAG}-{}-{}.tar.gz", text(&labels["os"]), text(&labels["arch"]));
            let url = "https://github.com/lambda-triggers/lambda-triggers/releases/download";
            assert_eq!(text(&platform["uri"]), format!("{url}/{TAG}/{name}"));
            (name, text(&platform["sha256"]))
        })
        .collect();
    assert_eq!(found, sums);

    std::fs::write(&file, text[1..].concat()).unwrap();
    let missing =
        format!("{} has no checksum of lambda-triggers-{TAG}-darwin-amd64.tar.gz\n", file.display());
    assert_eq!(krew(&file), Err(missing));
}

/// krew links the binary of an archive by this name, and kubectl finds the link.
#[test]
fn kubectl_runs_the_binary_of_an_archive_as_a_plugin() {
    env::test("krew", async |env| {
        let folder = env.directory().join("plugin");
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(env::binary(), folder.join("kubectl-lambda_triggers")).unwrap();
        let path = format!("PATH='{}':$PATH\n", folder.display());
        let version = env.shell(&format!("{path}kubectl lambda-triggers version")).await.expect("the plugin");
        assert!(version.starts_with("lambda-triggers "), "{version}");
        let usage = env.shell(&format!("{path}kubectl lambda-triggers version --tpyo")).await;
        assert!(usage.stderr.contains("Usage: kubectl lambda-triggers version"), "{}", usage.stderr);
    });
}
