//! The local AWS: ministack, with real Lambda functions, on 127.0.0.1.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

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
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ministack");
        let mut command = Command::new(script(&folder.join("install.sh")).await);
        command.arg(folder.join("serve.py"));
        let (service, url) = Service::start(command, "AWS_ENDPOINT_URL", Duration::from_secs(120)).await;
        Self { url, service }
    }

    pub fn log(&self) -> &Log {
        &self.service.log
    }
}
