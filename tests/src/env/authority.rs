//! A private certificate authority and TLS servers with its certificates.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A certificate authority that no trust store contains.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    bundle: PathBuf,
}

impl Authority {
    /// Creates an authority and writes its certificate into `folder`.
    pub fn new(folder: &Path) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let bundle = folder.join("authority.pem");
        let text = STANDARD.encode(certificate.der());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64")).collect();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
        std::fs::write(&bundle, pem).expect("the folder can be written to");
        Self { issuer: Issuer::new(parameters, key), bundle }
    }

    /// Path of the authority's certificate.
    pub fn bundle(&self) -> &str {
        self.bundle.to_str().expect("the folder has a name in UTF-8")
    }

    /// Starts a server that terminates TLS for a host name and forwards the plain bytes to `upstream`.
    pub async fn serve(&self, host: &str, upstream: SocketAddr) -> TlsServer {
        let key = KeyPair::generate().expect("a key");
        let parameters = CertificateParams::new(vec![host.to_owned()]).expect("a host name");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key in PKCS #8");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the key is the certificate's");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound port has an address");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        TlsServer { address, server: tokio::spawn(accept(listener, acceptor, upstream)) }
    }
}

/// A server of [`Authority::serve`]. Drop closes the port and all connections.
pub struct TlsServer {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl TlsServer {
    /// The address on 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, upstream: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            // A client that does not trust the certificate hangs up.
            let mut inside = acceptor.accept(stream).await?;
            let mut onward = TcpStream::connect(upstream).await?;
            copy_bidirectional(&mut inside, &mut onward).await.map(drop)
        });
    }
}
