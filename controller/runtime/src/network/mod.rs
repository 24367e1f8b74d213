//! Network settings for AWS, Kubernetes and a trace collector: proxies and trusted certificate authorities.

mod http_client;
mod proxy;

use std::path::{Path, PathBuf};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use http::header::USER_AGENT;
use http::{HeaderValue, Uri};
use kube::config::{Config, InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

pub use proxy::{InvalidProxy, Proxies};

/// The AWS SDKs' variable for a certificate file. The file replaces the system's certificates
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ca-bundle.html>).
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// The name in requests to Kubernetes.
const AGENT: &str = concat!("lambda-triggers/", env!("CARGO_PKG_VERSION"));

/// Invalid network settings in the environment.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A proxy variable is no valid URL.
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// The certificate file cannot be used.
    #[error(
        "the file {path} of the environment variable {CA_BUNDLE} cannot be used ({problem}): name a file with \
         certificates in PEM format"
    )]
    Bundle {
        /// The path of the certificate file.
        path: PathBuf,
        /// The reason.
        problem: String,
    },
}

/// No usable configuration of a cluster.
#[derive(Debug, thiserror::Error)]
pub enum KubeConfigError {
    /// The kubeconfig is invalid, or has no such context.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// The process has neither a usable kubeconfig nor a service account.
    #[error(transparent)]
    Infer(#[from] InferConfigError),
}

/// The network settings of the environment.
#[derive(Clone, Debug)]
pub struct Network {
    proxies: Proxies,
    /// The proxies for `http` and `https` destinations.
    proxy_configs: [ProxyConfig; 2],
    /// The certificate authorities for AWS endpoints.
    aws_authorities: TlsContext,
    ca_bundle: Option<PathBuf>,
}

impl Network {
    /// Reads the environment variables of this process.
    ///
    /// # Errors
    /// A proxy variable is no valid URL, or the file in `AWS_CA_BUNDLE` has no usable certificates.
    pub fn from_env() -> Result<Self, NetworkError> {
        let proxies = Proxies::from_env(|name| std::env::var(name).ok())?;
        let proxy_configs = proxies.configs()?;
        let ca_bundle = std::env::var_os(CA_BUNDLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let aws_authorities = ca_bundle.as_deref().map(read_bundle).transpose()?.unwrap_or_default();
        Ok(Self { proxies, proxy_configs, aws_authorities, ca_bundle })
    }

    /// The settings in effect, as pairs of variable and value, without the credentials of proxies.
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        let bundle = self.ca_bundle.iter().map(|path| (CA_BUNDLE, path.display().to_string()));
        self.proxies.shown().into_iter().chain(bundle).collect()
    }

    /// The configuration from this context of the kubeconfig. Without a context, from the current context, or from the
    /// pod. As in client-go, `proxy-url` in the kubeconfig overrides `HTTPS_PROXY` and `NO_PROXY`.
    ///
    /// # Errors
    /// The kubeconfig has no such context, or the process has neither a usable kubeconfig nor a service account.
    pub async fn kube_config(&self, context: Option<&str>) -> Result<Config, KubeConfigError> {
        let mut config = match context {
            Some(_) => {
                let context = context.map(ToOwned::to_owned);
                let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
                Config::from_kubeconfig(&options).await?
            }
            None => Config::infer().await?,
        };
        // The API server also takes the field manager of a request from the name before the slash.
        config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
        // kube-rs compares NO_PROXY with the address of the proxy instead of the API server.
        let declared = Kubeconfig::read().ok().and_then(|kubeconfig| proxy_url(&kubeconfig, context));
        config.proxy_url = declared.or_else(|| self.proxies.proxy_for(&config.cluster_url).cloned());
        Ok(config)
    }
}

/// The `proxy-url` of a context's cluster; `None` for the current context.
fn proxy_url(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<Uri> {
    let chosen = context.or(kubeconfig.current_context.as_deref())?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == chosen)?.context.as_ref()?;
    let named = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster)?;
    let url = named.cluster.as_ref()?.proxy_url.as_ref()?;
    // An invalid URL was rejected before, with the whole kubeconfig.
    url.parse().ok()
}

/// Reads a certificate file. The HTTP client panics on an invalid certificate, so this function checks each
/// certificate.
fn read_bundle(path: &Path) -> Result<TlsContext, NetworkError> {
    let invalid = |problem: String| NetworkError::Bundle { path: path.into(), problem };
    let pem = std::fs::read(path).map_err(|error| invalid(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| invalid(error.to_string()))?;
    if certificates.is_empty() {
        return Err(invalid("it contains no certificate".into()));
    }
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store.add(certificate).map_err(|error| invalid(error.to_string()))?;
    }
    let trusted = TrustStore::empty().with_pem_certificate(pem);
    let context = TlsContext::builder().with_trust_store(trusted).build();
    context.map_err(|error| invalid(error.to_string()))
}
