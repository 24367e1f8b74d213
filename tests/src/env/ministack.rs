//! The local AWS: ministack on 127.0.0.1, with real Lambda functions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lambda_triggers_core::iam::Policy;
use tokio::process::Command;

use super::TestEnv;
use super::aws::{Clients, SECRET_KEY};
use super::control_plane::script;
use super::log::Log;
use super::process::Service;

/// A ministack of the test process.
#[derive(Debug)]
pub(super) struct Ministack {
    pub url: String,
    service: Service,
}

impl Ministack {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts a ministack with further `environment` variables.
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

/// The Python that has ministack and botocore.
async fn python() -> String {
    script(&folder().join("install.sh")).await
}

/// A local AWS for a single test, without the strict proxy. Signatures and IAM policies are verified. The account has a
/// root user, and a user with a policy.
pub struct SignedAws {
    /// The endpoint URL.
    pub endpoint: String,
    /// Access key and secret of the user.
    pub keys: [String; 2],
    /// Lambda client of the root user.
    pub lambda: aws_sdk_lambda::Client,
    /// S3 client of the root user.
    pub s3: aws_sdk_s3::Client,
    account: String,
    _ministack: Ministack,
}

impl SignedAws {
    /// Starts an AWS with the account of `w`. The user gets `policy`, and the roles are created.
    pub async fn start(w: &TestEnv, policy: &Policy, roles: &[&str]) -> Self {
        // Ministack reads the root user's secret from its environment.
        let ministack = Ministack::with(&[("AUTH", "true"), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)]).await;
        w.show_on_failure("ministack with AUTH=true", ministack.log());
        let printed = user(&ministack.url, w.account(), policy, roles).await;
        let (key, secret) = printed.trim().split_once(' ').unwrap_or_else(|| panic!("no keys: {printed}"));
        let Clients { s3, lambda, .. } = Clients::new(&ministack.url, w.account()).await;
        Self {
            endpoint: ministack.url.clone(),
            keys: [key.to_owned(), secret.to_owned()],
            lambda,
            s3,
            account: w.account().to_owned(),
            _ministack: ministack,
        }
    }

    /// Replaces the user's policy.
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
