//! Child processes that end with the test process, even if it gets SIGKILL.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::log::Log;

/// A server that announces its start on stdout, and ends when its stdin is closed.
#[derive(Debug)]
pub(super) struct Service {
    /// The server's stderr.
    pub log: Log,
    _stdin: ChildStdin,
    _child: Child,
}

impl Service {
    /// Starts `command` and waits for its line `<key>=<value>`. Also returns the value.
    pub async fn start(mut command: Command, key: &str, limit: Duration) -> (Self, String) {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let log = Log::default();
        log.follow(child.stderr.take().expect("stderr is piped"));
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let announced = tokio::time::timeout(limit, async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, value)) = line.split_once('=').filter(|(name, _)| *name == key) {
                    return Some(value.to_owned());
                }
                log.push(line);
            }
            None
        });
        let value = match announced.await {
            Ok(Some(value)) => value,
            Ok(None) => panic!("{command:?} ended before it was ready:\n{}", log.tail(100)),
            Err(_) => panic!("{command:?} was not ready within {limit:?}:\n{}", log.tail(100)),
        };
        let stdin = child.stdin.take().expect("stdin is piped");
        (Self { log, _stdin: stdin, _child: child }, value)
    }
}

/// A process that does not watch its stdin. Killed on drop, and when the test process ends, even by SIGKILL.
#[derive(Debug)]
pub(super) struct Ward {
    pub child: Child,
    pid: u32,
}

impl Ward {
    /// Starts `command`; its stdout and stderr go to `log`.
    pub fn start(mut command: Command, log: &Log) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let pid = child.id().expect("a child that was not waited for has an id");
        GUARDIAN.send('+', pid);
        log.follow(child.stdout.take().expect("stdout is piped"));
        log.follow(child.stderr.take().expect("stderr is piped"));
        Self { child, pid }
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        GUARDIAN.send('-', self.pid);
    }
}

/// The directory of the test process, removed after its end.
pub(super) fn scratch() -> &'static Path {
    &GUARDIAN.scratch
}

static GUARDIAN: LazyLock<Guardian> = LazyLock::new(Guardian::start);

/// A shell that outlives the test process for a moment. The end of the test process closes its stdin.
struct Guardian {
    scratch: PathBuf,
    process: Mutex<std::process::Child>,
}

impl Guardian {
    /// Kills every process that was added (`+ pid`) and not removed (`- pid`), then removes the directory.
    const SCRIPT: &str = r#"
trap '' INT TERM HUP
pids=' '
while read -r sign pid; do
    case $sign in
        +) pids="$pids$pid " ;;
        -) pids="${pids%% $pid *} ${pids#* $pid }" ;;
    esac
done
[ "$pids" = ' ' ] || kill -KILL $pids
rm -rf "$1"
"#;

    fn start() -> Self {
        let scratch = tempfile::Builder::new()
            .prefix("lambda-triggers-test-")
            .tempdir()
            .expect("the system's temporary directory can be written to")
            .keep();
        let process = std::process::Command::new("sh")
            .args(["-c", Self::SCRIPT, "guardian"])
            .arg(&scratch)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh is on PATH");
        Self { scratch, process: Mutex::new(process) }
    }

    fn send(&self, sign: char, pid: u32) {
        let mut process = self.process.lock();
        let stdin = process.stdin.as_mut().expect("stdin is piped");
        writeln!(stdin, "{sign} {pid}").expect("the guardian reads until we end");
    }
}
