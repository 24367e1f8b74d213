//! The real `lambda-triggers run`, as a child process.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use lambda_triggers_core::iam::{Feature, Scope};
use lambda_triggers_core::ownership::OwnerId;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use super::TestEnv;
use super::aws::{REGION, SECRET_KEY};
use super::kubectl::Output;
use super::log::Log;
use super::process::Ward;

/// A controller has this long to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running operator; killed when dropped.
#[derive(Debug)]
pub struct Controller {
    arguments: Vec<String>,
    environment: Vec<(String, OsString)>,
    log: Log,
    process: Option<Ward>,
}

impl TestEnv {
    /// Starts `lambda-triggers run` for this env's namespace and account, with further
    /// `arguments`, such as `&["--resync", "1s"]`. It does not wait for it to be ready.
    pub fn controller(&self, arguments: &[&str]) -> Controller {
        self.start_controller(&["--namespace", self.namespace()], arguments)
    }

    /// As [`TestEnv::controller`], for all namespaces of the cluster: only in a env of
    /// [`super::test_on_own_cluster`].
    pub fn controller_of_all_namespaces(&self, arguments: &[&str]) -> Controller {
        self.start_controller(&[], arguments)
    }

    fn start_controller(&self, scope: &[&str], arguments: &[&str]) -> Controller {
        let arguments = ["run"].iter().chain(scope).chain(arguments).map(ToString::to_string).collect();
        let environment = [
            ("LAMBDA_TRIGGERS_LOG_FORMAT", "text"),
            // Its log says which port that is: Controller::page finds it there.
            ("LAMBDA_TRIGGERS_HTTP_ADDRESS", "127.0.0.1:0"),
            // Alone in its env, it need not wait for one that was killed.
            ("LAMBDA_TRIGGERS_LEADER_ELECT", "false"),
            // Nothing is on its way to this AWS for longer, unless a test says so.
            ("LAMBDA_TRIGGERS_SETTLE", "1ms"),
            // What a test leaves out is missing for good, unless it says so.
            ("LAMBDA_TRIGGERS_PROGRESS_DEADLINE", "1ms"),
            ("RUST_LOG", "info,lambda_triggers=debug"),
        ];
        self.operator(arguments, environment.map(|(name, value)| (name.to_owned(), value.into())).into())
    }

    /// Starts the operator with exactly these arguments and this environment, to which the credentials of this env's
    /// account are added, and an administrator's kubeconfig where it names none.
    pub fn operator(&self, arguments: Vec<String>, further: Vec<(String, OsString)>) -> Controller {
        self.expect_operator(&arguments);
        let mut environment = self.environment(self.aws_endpoint(), [self.account(), SECRET_KEY]);
        environment.extend(further);
        self.launch(arguments, environment)
    }

    /// Starts `lambda-triggers run` for this env's namespace, with another AWS and another's keys.
    pub fn controller_on(&self, endpoint: &str, keys: [&str; 2], arguments: &[&str]) -> Controller {
        let own = [
            "run",
            "--log-format",
            "text",
            "--leader-elect",
            "false",
            "--write-grace-period",
            "1ms",
            "--progress-deadline",
            "1ms",
        ];
        let scope = ["--http-address", "127.0.0.1:0", "--namespace", self.namespace()];
        let arguments = own.iter().chain(&scope).chain(arguments);
        self.launch(arguments.map(ToString::to_string).collect(), self.environment(endpoint, keys))
    }

    /// Runs `lambda-triggers` with these arguments to its end, as this env's account; further `environment` wins.
    pub async fn lambda_triggers(&self, arguments: &[&str], environment: &[(&'static str, &str)]) -> Output {
        let mut command = bare_command();
        command.args(arguments).envs(self.environment(self.aws_endpoint(), [self.account(), SECRET_KEY]));
        command.envs(environment.iter().copied()).stdin(Stdio::null());
        let output = command.output().await.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Output { success: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn launch(&self, arguments: Vec<String>, environment: Vec<(String, OsString)>) -> Controller {
        let mut controller = Controller { arguments, environment, log: Log::default(), process: None };
        self.show_on_failure("controller", &controller.log);
        controller.start();
        controller
    }

    fn environment(&self, endpoint: &str, [key, secret]: [&str; 2]) -> Vec<(String, OsString)> {
        let environment: [(&str, OsString); 8] = [
            ("KUBECONFIG", self.operator_kubeconfig().into()),
            ("AWS_ENDPOINT_URL", endpoint.into()),
            ("AWS_ACCESS_KEY_ID", key.into()),
            ("AWS_SECRET_ACCESS_KEY", secret.into()),
            ("AWS_REGION", REGION.into()),
            ("AWS_CONFIG_FILE", "/dev/null".into()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ];
        environment.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Tells the aws_proxy the owner id of an operator, whose rules it may touch. What the operator takes from the cluster is
    /// not known here: for that, the aws_proxy takes any.
    fn expect_operator(&self, arguments: &[String]) {
        let after =
            arguments.iter().skip_while(|argument| *argument != "--owner-id").nth(1).map(String::as_str);
        let given = after.or(arguments.iter().find_map(|argument| argument.strip_prefix("--owner-id=")));
        if let Some(owner) = given.and_then(|id| OwnerId::parse(id).ok()) {
            let scope = Scope::for_account(self.account(), Some(owner)).with(Feature::ALL);
            self.aws_proxy().expect_operator(self.account(), scope);
        }
    }
}

impl Controller {
    /// Starts it again, with the same arguments, after [`Controller::kill`] or [`Controller::stop`].
    ///
    /// # Panics
    /// When it still runs.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "the controller runs already");
        let mut command = bare_command();
        command.args(&self.arguments).envs(self.environment.iter().cloned());
        self.log.push(format!("--- lambda-triggers {}", self.arguments.join(" ")));
        self.process = Some(Ward::start(command, &self.log));
    }

    /// SIGKILL: what a node that fails does to it. Returns when it is gone.
    pub async fn kill(&mut self) {
        let mut ward = self.running();
        ward.child.kill().await.expect("a child can be killed");
        self.log.push("--- killed".to_owned());
    }

    /// SIGSTOP: what a node does that is frozen for a while. It goes on with [`Controller::resume`].
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT, after [`Controller::pause`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let ward = self.process.as_ref().expect("the controller was started and not stopped");
        if let Some(pid) = ward.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
            kill_process(pid, signal).expect("a child can be signalled");
        }
    }

    /// SIGTERM: what Kubernetes sends first. Waits for its end.
    ///
    /// # Panics
    /// When it does not end within 30 seconds, or with another exit code than 0.
    pub async fn stop(&mut self) {
        self.signal(Signal::TERM);
        let mut ward = self.running();
        let status = tokio::time::timeout(STOP_LIMIT, ward.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("the controller ignored SIGTERM for {STOP_LIMIT:?}"));
        let status = status.expect("a child can be waited for");
        self.log.push(format!("--- stopped: {status}"));
        assert!(status.success(), "the controller stopped with {status}");
    }

    /// The exit status, once it has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().and_then(|ward| ward.child.try_wait().expect("a child can be waited for"))
    }

    /// Its process.
    ///
    /// # Panics
    /// When it does not run.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().and_then(|ward| ward.child.id()).expect("the controller runs")
    }

    /// What it wrote to stdout and stderr, over all its starts: the last 5,000 lines.
    pub fn log(&self) -> String {
        self.log.text()
    }

    fn running(&mut self) -> Ward {
        self.process.take().expect("the controller was started and not stopped")
    }
}

/// The program, without what the environment of the tests says to it.
fn bare_command() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_uppercase();
        let known = ["AWS_", "LAMBDA_TRIGGERS_"].iter().any(|prefix| text.starts_with(prefix));
        if known || text.ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    command
}

/// `LAMBDA_TRIGGERS_BIN`, or what cargo built beside this executable.
fn binary() -> PathBuf {
    let path = match std::env::var_os("LAMBDA_TRIGGERS_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            let executable = std::env::current_exe().expect("an executable knows its path");
            let mut folder = executable.parent().expect("an executable is in a folder");
            if folder.ends_with("deps") {
                folder = folder.parent().expect("deps/ is in a folder");
            }
            folder.join("lambda-triggers")
        }
    };
    assert!(
        path.exists(),
        "{} is not there: run `make test`, or `cargo build -p lambda-triggers` first",
        path.display()
    );
    path
}
