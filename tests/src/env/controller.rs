//! The real `lambda-triggers run`, as a child process.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use kube::config::Kubeconfig;
use lambda_triggers_core::iam::{Feature, Scope};
use lambda_triggers_core::ownership::OwnerId;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use super::TestEnv;
use super::aws::{REGION, SECRET_KEY};
use super::kubectl::Output;
use super::log::Log;
use super::process::Ward;

/// Time limit for a controller to stop after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running operator, killed on drop.
#[derive(Debug)]
pub struct Controller {
    arguments: Vec<String>,
    environment: Vec<(String, OsString)>,
    log: Log,
    process: Option<Ward>,
}

impl TestEnv {
    /// Starts `lambda-triggers run` for the environment's namespace and account, with further `arguments` such as
    /// `&["--resync", "1s"]`. Does not wait until the operator is ready.
    pub fn controller(&self, arguments: &[&str]) -> Controller {
        self.start_controller(&["--namespace", self.namespace()], arguments, vec![])
    }

    /// Like [`TestEnv::controller`], for all namespaces of the cluster. The operator's own namespace is `default`, so that
    /// a test can delete the environment's namespace without the Lease. Only for environments of
    /// [`super::test_on_own_cluster`].
    pub fn controller_of_all_namespaces(&self, arguments: &[&str]) -> Controller {
        self.start_controller(&[], arguments, self.kubeconfig_in("default"))
    }

    /// Like [`TestEnv::controller`], with another namespace for the operator itself: its Lease and its ConfigMap.
    pub fn controller_in(&self, namespace: &str, arguments: &[&str]) -> Controller {
        self.start_controller(&["--namespace", self.namespace()], arguments, self.kubeconfig_in(namespace))
    }

    /// The variable with an administrator's kubeconfig for an operator in this namespace.
    fn kubeconfig_in(&self, namespace: &str) -> Vec<(String, OsString)> {
        let mut config = Kubeconfig::read_from(self.operator_kubeconfig()).expect("the environment wrote it");
        for context in config.contexts.iter_mut().filter_map(|named| named.context.as_mut()) {
            context.namespace = Some(namespace.to_owned());
        }
        let path = self.directory().join(format!("kubeconfig-{namespace}"));
        let text = serde_json::to_string(&config).expect("a kubeconfig is JSON");
        std::fs::write(&path, text).expect("the environment's directory is writable");
        vec![("KUBECONFIG".to_owned(), path.into())]
    }

    fn start_controller(
        &self,
        scope: &[&str],
        arguments: &[&str],
        further: Vec<(String, OsString)>,
    ) -> Controller {
        let arguments = ["run"].iter().chain(scope).chain(arguments).map(ToString::to_string).collect();
        let environment = [
            ("LAMBDA_TRIGGERS_LOG_FORMAT", "text"),
            // The operator logs its port, and Controller::page reads the port from the log.
            ("LAMBDA_TRIGGERS_HTTP_ADDRESS", "127.0.0.1:0"),
            // No write to the local AWS is in flight for longer, unless a test delays a write.
            ("LAMBDA_TRIGGERS_WRITE_GRACE_PERIOD", "1ms"),
            // A resource that a test leaves out stays missing, unless a test sets a longer deadline.
            ("LAMBDA_TRIGGERS_PROGRESS_DEADLINE", "1ms"),
            ("RUST_LOG", "info,lambda_triggers=debug"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.into()));
        self.operator(arguments, environment.into_iter().chain(further).collect())
    }

    /// Starts the operator with exactly these arguments and variables. The method adds the credentials of the
    /// environment's account, and an administrator's kubeconfig if `further` names none.
    pub fn operator(&self, arguments: Vec<String>, further: Vec<(String, OsString)>) -> Controller {
        self.expect_operator(&arguments);
        let mut environment = self.environment(self.aws_endpoint(), [self.account(), SECRET_KEY]);
        environment.extend(further);
        self.launch(arguments, environment)
    }

    /// Starts `lambda-triggers run` for the environment's namespace, with a different AWS endpoint and different keys.
    pub fn controller_on(&self, endpoint: &str, keys: [&str; 2], arguments: &[&str]) -> Controller {
        let own =
            ["run", "--log-format", "text", "--write-grace-period", "1ms", "--progress-deadline", "1ms"];
        let scope = ["--http-address", "127.0.0.1:0", "--namespace", self.namespace()];
        let arguments = own.iter().chain(&scope).chain(arguments);
        self.launch(arguments.map(ToString::to_string).collect(), self.environment(endpoint, keys))
    }

    /// Deletes the Leases of this namespace, so that the successor of a killed operator does not wait for the expiry.
    pub async fn delete_leases(&self) {
        let leases: Api<Lease> = Api::namespaced(self.kube().clone(), self.namespace());
        let deleted = leases.delete_collection(&DeleteParams::default(), &ListParams::default()).await;
        deleted.expect("an administrator can delete Leases");
    }

    /// Runs `lambda-triggers` with these arguments to its end, as the environment's account. `environment` overrides
    /// variables.
    pub async fn lambda_triggers(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = bare_command();
        command.args(arguments).envs(self.environment(self.aws_endpoint(), [self.account(), SECRET_KEY]));
        command.envs(environment.iter().copied()).stdin(Stdio::null());
        let output = command.output().await.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Output {
            success: output.status.success(),
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    fn launch(&self, arguments: Vec<String>, environment: Vec<(String, OsString)>) -> Controller {
        let mut controller = Controller { arguments, environment, log: Log::default(), process: None };
        self.show_on_failure("controller", &controller.log);
        controller.start();
        controller
    }

    /// The variables of an operator: its cluster, and its account of an AWS.
    pub(super) fn environment(&self, endpoint: &str, [key, secret]: [&str; 2]) -> Vec<(String, OsString)> {
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

    /// Registers the owner id of an operator at the AWS proxy, which then allows only the operator's own rules. The
    /// owner id is unknown if the operator reads it from the cluster. The proxy then allows any owner id.
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
    /// Starts the operator again with the same arguments, after [`Controller::kill`] or [`Controller::stop`].
    ///
    /// # Panics
    /// If the operator still runs.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "the controller runs already");
        let mut command = bare_command();
        command.args(&self.arguments).envs(self.environment.iter().cloned());
        self.log.push(format!("--- lambda-triggers {}", self.arguments.join(" ")));
        self.process = Some(Ward::start(command, &self.log));
    }

    /// Sends SIGKILL, like a node failure, and waits for the end of the process.
    pub async fn kill(&mut self) {
        let mut ward = self.running();
        ward.child.kill().await.expect("a child can be killed");
        self.log.push("--- killed".to_owned());
    }

    /// Sends SIGSTOP, like a frozen node. [`Controller::resume`] continues the process.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Sends SIGCONT after [`Controller::pause`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let ward = self.process.as_ref().expect("the controller was started and not stopped");
        if let Some(pid) = ward.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
            kill_process(pid, signal).expect("a child can be signalled");
        }
    }

    /// Sends SIGTERM, as Kubernetes does first, and waits for the end of the process.
    ///
    /// # Panics
    /// If the process does not end within 30 seconds, or ends with an exit code other than 0.
    pub async fn stop(&mut self) {
        self.signal(Signal::TERM);
        let mut ward = self.running();
        let status = tokio::time::timeout(STOP_LIMIT, ward.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("the controller ignored SIGTERM for {STOP_LIMIT:?}"));
        let status = status.expect("a child can be waited for");
        self.log.push(format!("--- stopped: {status}"));
        assert!(status.success(), "the controller stopped with {status}");
    }

    /// The exit status, if the operator ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().and_then(|ward| ward.child.try_wait().expect("a child can be waited for"))
    }

    /// Process id of the operator.
    ///
    /// # Panics
    /// If the operator does not run.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().and_then(|ward| ward.child.id()).expect("the controller runs")
    }

    /// The last 5,000 lines of stdout and stderr, over all starts.
    pub fn log(&self) -> String {
        self.log.text()
    }

    fn running(&mut self) -> Ward {
        self.process.take().expect("the controller was started and not stopped")
    }
}

/// The program, without AWS, operator and proxy variables of the test process.
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

/// The path of the program: `LAMBDA_TRIGGERS_BIN`, or the program that cargo built beside the test executable.
pub fn binary() -> PathBuf {
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
