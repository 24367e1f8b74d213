//! Runs kubectl like a user.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::cluster::Cluster;

/// The result of a finished command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Output {
    /// True if the exit code was 0.
    pub success: bool,
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The text on stdout.
    pub stdout: String,
    /// The text on stderr.
    pub stderr: String,
}

impl Output {
    /// Returns stdout.
    ///
    /// # Panics
    /// If the command failed. The message contains stderr.
    pub fn expect(self, what: &str) -> String {
        assert!(self.success, "{what} failed: {}{}", self.stdout, self.stderr);
        self.stdout
    }
}

/// Runs `kubectl` as administrator, with `stdin` as input.
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

/// Runs a command with `stdin` as input.
pub(super) async fn run(command: &mut Command, stdin: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}; is kubectl on PATH?"));
    let mut input = child.stdin.take().expect("stdin is piped");
    // A command that does not read its input may end before the write.
    let _ = input.write_all(stdin.as_bytes()).await;
    drop(input);
    let output = child.wait_with_output().await.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Output {
        success: output.status.success(),
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
