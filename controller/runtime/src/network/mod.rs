//! How AWS, Kubernetes and a collector of traces are reached: proxies, and the authorities that are trusted.

mod http_client;
mod proxy;

use std::path::{Path, PathBuf};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use http::Uri;
use kube::config::{Config, InferConfigError, Kubeconfig};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

pub use proxy::{InvalidProxy, Proxies};

/// The AWS SDKs' variable for a file of certificates, which takes the place of the machine's own
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ca-bundle.html>).
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// Why the network settings of the environment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A proxy's variable is no URL.
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// The file of certificates cannot be used.
    #[error(
        "the file {path} of the environment variable {CA_BUNDLE} cannot be used ({problem}): give one with certificates in PEM"
    )]
    Bundle {
        /// The file.
        path: PathBuf,
        /// The reason.
        problem: String,
    },
}

/// The network settings of the environment.
#[derive(Clone, Debug)]
pub struct Network {
    proxies: Proxies,
    /// The proxies for destinations of `http` and of `https`.
    proxy_configs: [ProxyConfig; 2],
    /// The authorities that certify AWS's endpoints.
    aws_authorities: TlsContext,
    ca_bundle: Option<PathBuf>,
}

impl Network {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// A proxy is no URL, or the file of `AWS_CA_BUNDLE` has no certificates that can be used.
    pub fn from_env() -> Result<Self, NetworkError> {
        let proxies = Proxies::from_env(|name| std::env::var(name).ok())?;
        let proxy_configs = proxies.configs()?;
        let ca_bundle = std::env::var_os(CA_BUNDLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let aws_authorities = ca_bundle.as_deref().map(read_bundle).transpose()?.unwrap_or_default();
        Ok(Self { proxies, proxy_configs, aws_authorities, ca_bundle })
    }

    /// The settings in effect, a variable and a value each. Credentials of proxies are left out.
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        let bundle = self.ca_bundle.iter().map(|path| (CA_BUNDLE, path.display().to_string()));
        self.proxies.shown().into_iter().chain(bundle).collect()
    }

    /// The configuration of the current kubeconfig, or of the pod. The kubeconfig's `proxy-url` wins over `HTTPS_PROXY`
    /// and `NO_PROXY`, as in client-go.
    ///
    /// # Errors
    /// There is neither a kubeconfig that can be used, nor a service account.
    pub async fn kube_config(&self) -> Result<Config, InferConfigError> {
        let mut config = Config::infer().await?;
        // kube-rs holds NO_PROXY against the address of the proxy, in place of that of the API server.
        let declared = Kubeconfig::read().ok().and_then(|kubeconfig| proxy_url(&kubeconfig));
        config.proxy_url = declared.or_else(|| self.proxies.proxy_for(&config.cluster_url).cloned());
        Ok(config)
    }
}

/// The proxy that the current context's cluster names.
fn proxy_url(kubeconfig: &Kubeconfig) -> Option<Uri> {
    let current = kubeconfig.current_context.as_ref()?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == *current)?.context.as_ref()?;
    let named = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster)?;
    let url = named.cluster.as_ref()?.proxy_url.as_ref()?;
    // A value that is no URL was refused with the rest of the kubeconfig.
    url.parse().ok()
}

/// Reads a file of certificates. The HTTP client panics on an invalid certificate, so each is checked here.
fn read_bundle(path: &Path) -> Result<TlsContext, NetworkError> {
    let invalid = |problem: String| NetworkError::Bundle { path: path.into(), problem };
    let pem = std::fs::read(path).map_err(|error| invalid(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| invalid(error.to_string()))?;
    if certificates.is_empty() {
        return Err(invalid("there is no certificate in it".into()));
    }
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store.add(certificate).map_err(|error| invalid(error.to_string()))?;
    }
    let trusted = TrustStore::empty().with_pem_certificate(pem);
    let context = TlsContext::builder().with_trust_store(trusted).build();
    context.map_err(|error| invalid(error.to_string()))
}
