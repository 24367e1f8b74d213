//! Records the requests of an operator to the API server, as a proxy that forwards every request.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{HOST, USER_AGENT};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::TestEnv;

/// A request, as the API server's authorizer sees it
/// (<https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb>).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// The namespace; `None` for a cluster-wide resource, and for all namespaces.
    pub namespace: Option<String>,
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource, with its subresource: `pods/log`.
    pub resource: String,
    /// The verb, such as `watch`.
    pub verb: &'static str,
    /// The name of the object; `None` for several objects, and for a name in the body.
    pub name: Option<String>,
}

impl Asked {
    /// Reads a request; `None` if the request is not about a resource.
    fn read(method: &Method, uri: &Uri) -> Option<Self> {
        let path: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
        let (group, rest) = match path.as_slice() {
            ["api", _, rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            // The authorizer counts a namespace as inside of itself.
            ["namespaces", name] => (Some(*name), rest),
            ["namespaces", name, rest @ ..] => (Some(*name), rest),
            rest => (None, rest),
        };
        let [resource, rest @ ..] = rest else { return None };
        let watches = uri.query().is_some_and(|query| query.split('&').any(|part| part == "watch=true"));
        let verb = match (method.as_str(), rest.first()) {
            ("GET", Some(_)) => "get",
            ("GET", None) if watches => "watch",
            ("GET", None) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            _ => "delete",
        };
        let resource = rest.get(1).map_or((*resource).to_owned(), |sub| format!("{resource}/{sub}"));
        let owned = |text: &str| text.to_owned();
        Some(Self {
            namespace: namespace.map(owned),
            group: owned(group),
            resource,
            verb,
            name: rest.first().map(|name| owned(name)),
        })
    }
}

/// A running proxy. Drop closes the port and all connections.
pub struct Recorder {
    address: SocketAddr,
    record: Record,
    server: JoinHandle<()>,
}

impl TestEnv {
    /// Starts a proxy before the environment's API server. The proxy has no credentials of its own.
    pub async fn recorder(&self) -> Recorder {
        let mut kubeconfig =
            Kubeconfig::read_from(self.kubeconfig()).expect("the environment has a kubeconfig");
        for user in &mut kubeconfig.auth_infos {
            user.auth_info = Some(AuthInfo::default());
        }
        let options = KubeConfigOptions::default();
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.kubeconfig().display()));
        config.read_timeout = None;
        let client = kube::Client::try_from(config).expect("the kubeconfig says how to reach the API server");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound port has an address");
        let record = Record::default();
        let server = tokio::spawn(serve(listener, client, record.clone()));
        Recorder { address, record, server }
    }
}

impl Recorder {
    /// The proxy's URL, `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The recorded requests, with the status of each answer.
    pub fn asked(&self) -> BTreeSet<(Asked, u16)> {
        self.record.lock().asked.clone()
    }

    /// The `User-Agent` headers of all requests. A request without the header counts as an empty name.
    pub fn user_agents(&self) -> BTreeSet<String> {
        self.record.lock().user_agents.clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The requests so far, without duplicates.
#[derive(Default)]
struct Requests {
    asked: BTreeSet<(Asked, u16)>,
    user_agents: BTreeSet<String>,
}

type Record = Arc<Mutex<Requests>>;

async fn serve(listener: TcpListener, client: kube::Client, record: Record) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, client.clone(), record.clone()));
                }
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, client: kube::Client, record: Record) {
    let service = service_fn(move |request| pass(client.clone(), record.clone(), request));
    // Errors are expected: an operator disconnects when it stops.
    let _closed = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn pass(
    client: kube::Client,
    record: Record,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let attributes = Asked::read(request.method(), request.uri());
    let (mut parts, body) = request.into_parts();
    let user_agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    record.lock().user_agents.insert(user_agent.to_owned());
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    // The client adds the host of the API server.
    parts.headers.remove(HOST);
    let request = Request::from_parts(parts, Body::from(body.to_vec()));
    let answer = client.send(request).await.map_err(io::Error::other)?;
    if let Some(attributes) = attributes {
        let status = answer.status().as_u16();
        record.lock().asked.insert((attributes, status));
    }
    Ok(answer)
}
