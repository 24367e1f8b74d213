//! The listening side: connections, and the three ends of a call.

use std::{io, sync::Arc};

use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    call::{Request, SignatureScope},
    pipeline::{Outcome, run},
    state::Shared,
};

/// Accepts connections until dropped. Drop also closes all connections.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    // Errors are expected: the client disconnected, or a fault closed the connection.
    let _closed = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Answers a request. An error closes the connection without an answer.
async fn answer(
    shared: Arc<Shared>,
    request: hyper::Request<Incoming>,
) -> io::Result<hyper::Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let scope = SignatureScope::from_headers(&parts.headers, parts.uri.query()).or_of_web_identity(&body);
    let caller = match shared.session_of_key(&scope.access_key) {
        Some((account, role)) => (account, Some(role)),
        None => (scope.account(), None),
    };
    let request = Request::new(caller, scope, parts, body);
    // Spawned: AWS also finishes a request if the client disconnects.
    match tokio::spawn(run(shared, request)).await.map_err(io::Error::other)? {
        Outcome::Answer(answer) => Ok(answer.map(Full::new)),
        Outcome::Silence => std::future::pending().await,
        Outcome::HangUp => {
            Err(io::Error::new(io::ErrorKind::ConnectionAborted, "hung up on request of a test"))
        }
    }
}
