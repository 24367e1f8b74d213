//! kubectl, as a user runs it.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::cluster::Cluster;

/// What a command that has ended left behind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Output {
    /// Whether its exit code was 0.
    pub success: bool,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Output {
    /// Its stdout.
    ///
    /// # Panics
    /// When it failed, with its stderr.
    pub fn expect(self, what: &str) -> String {
        assert!(self.success, "{what} failed: {}{}", self.stdout, self.stderr);
        self.stdout
    }
}

/// Runs `kubectl` with the administrator's rights, `stdin` as its input.
pub(super) async fn kubectl(
    cluster: &Cluster,
    namespace: Option<&str>,
    args: &[&str],
    stdin: &str,
) -> Output {
    let mut command = cluster.kubectl_command();
    if let Some(namespace) = namespace {
        command.args(["--namespace", namespace]);
    }
    run(command.args(args), stdin).await
}

/// Runs a command, `stdin` as its input.
pub(super) async fn run(command: &mut Command, stdin: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}; is kubectl on PATH?"));
    let mut input = child.stdin.take().expect("stdin is piped");
    // A command that has no use for its input may end before it is written.
    let _ = input.write_all(stdin.as_bytes()).await;
    drop(input);
    let output = child.wait_with_output().await.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Output {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
