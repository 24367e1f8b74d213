//! The local AWS: ministack, with real Lambda functions, on 127.0.0.1.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lambda_triggers_core::iam::Policy;
use tokio::process::Command;

use super::TestEnv;
use super::aws::{Clients, SECRET_KEY};
use super::control_plane::script;
use super::log::Log;
use super::process::Service;

/// A ministack of this test process.
#[derive(Debug)]
pub(super) struct Ministack {
    pub url: String,
    service: Service,
}

impl Ministack {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// One that reads further `environment`.
    async fn with(environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(python().await);
        command.arg(folder().join("serve.py")).envs(environment.iter().copied());
        let (service, url) = Service::start(command, "AWS_ENDPOINT_URL", Duration::from_secs(120)).await;
        Self { url, service }
    }

    pub fn log(&self) -> &Log {
        &self.service.log
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ministack")
}

/// The Python that has ministack, and botocore with it.
async fn python() -> String {
    script(&folder().join("install.sh")).await
}

/// A local AWS of a test's own, without the strict aws_proxy, that checks signatures and IAM policies. It has one user with a
/// policy beside the account's root user.
pub struct SignedAws {
    /// Where it answers.
    pub endpoint: String,
    /// Access key and secret of the user.
    pub keys: [String; 2],
    /// Lambda, as root.
    pub lambda: aws_sdk_lambda::Client,
    /// S3, as root.
    pub s3: aws_sdk_s3::Client,
    account: String,
    _ministack: Ministack,
}

impl SignedAws {
    /// Starts one for the env's account, in which the user has this policy; `roles` are there, too.
    pub async fn start(w: &TestEnv, policy: &Policy, roles: &[&str]) -> Self {
        // What root's secret is, it takes from its environment.
        let ministack = Ministack::with(&[("AUTH", "true"), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)]).await;
        w.show_on_failure("ministack with AUTH=true", ministack.log());
        let printed = user(&ministack.url, w.account(), policy, roles).await;
        let (key, secret) = printed.trim().split_once(' ').unwrap_or_else(|| panic!("no keys: {printed}"));
        let Clients { s3, lambda, events: _ } = Clients::new(&ministack.url, w.account()).await;
        Self {
            endpoint: ministack.url.clone(),
            keys: [key.to_owned(), secret.to_owned()],
            lambda,
            s3,
            account: w.account().to_owned(),
            _ministack: ministack,
        }
    }

    /// Gives the user another policy in place of the one that it has.
    pub async fn give_policy(&self, policy: &Policy) {
        user(&self.endpoint, &self.account, policy, &[]).await;
    }
}

async fn user(endpoint: &str, account: &str, policy: &Policy, roles: &[&str]) -> String {
    let policy = serde_json::to_string(policy).expect("a policy is JSON");
    let mut command = Command::new(python().await);
    command.arg(folder().join("user.py")).args([endpoint, account, &policy]).args(roles);
    let output = command.output().await.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
