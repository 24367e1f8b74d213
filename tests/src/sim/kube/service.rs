//! Answers the requests of a Kubernetes client, with the faults of the interceptor.

use std::io;
use std::time::Duration;

use ::kube::client::Body;
use futures::{Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::{Response, StatusCode, header};
use serde_json::Value;
use tokio::time::sleep;

use super::super::fault_injector::{CallInterceptor, Passed, Refusal, View};
use super::Cluster;
use super::history::{self, Scope};
use super::object::Check;
use super::refused::Refused;
use super::request::{Request, Verb};
use super::store::Write;
use super::watch::Watch;

/// The first delay and the number of retries of the operator's client
/// (`kube::client::retry::RetryPolicy::server_retry`), without jitter.
const FIRST_RETRY: Duration = Duration::from_millis(5);
const RETRIES: u32 = 15;

/// The minimum delay that the API server demands of throttled clients (`Retry-After`).
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The body of an answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, io::Error>;

/// The answer to a request.
pub enum Answer {
    /// An object, a list, or a `Status`.
    Value(StatusCode, Value),
    /// An open watch.
    Watch(Watch),
}

/// Passes a request through the interceptor, and retries as a client would retry.
pub async fn answer(
    cluster: Cluster,
    interceptor: CallInterceptor,
    request: hyper::Request<Body>,
) -> Result<Response<AnswerBody>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect_bytes().await.map_err(io::Error::other)?;
    let request = match Request::read(&parts, body) {
        Ok(request) => request,
        Err(refused) => return whole(refusal(&refused)),
    };
    let mut retries = 0;
    loop {
        let (cluster, performed) = (cluster.clone(), request.clone());
        let perform =
            move |view| performed.perform(&cluster, view).unwrap_or_else(|refused| refusal(&refused));
        let passed = interceptor.pass(&request.operation(), &request.on(), request.write(), perform).await;
        match passed {
            Passed::Refused(Refusal::Throttled) if retries < RETRIES => {
                sleep((FIRST_RETRY * 2u32.pow(retries)).max(RETRY_AFTER)).await;
                retries += 1;
            }
            Passed::Refused(refused) => {
                let creating = matches!(request.verb, Verb::Create(_));
                return whole(refusal(&Refused::planned(refused, request.key.resource, creating)));
            }
            Passed::NoAnswer | Passed::Unsent => return Err(closed()),
            Passed::Truncated(answer) => return cut(answer),
            Passed::Answer(Answer::Watch(watch)) => return stream(while_alive(interceptor, watch.lines())),
            Passed::Answer(answer) => return whole(answer),
        }
    }
}

impl Request {
    fn perform(&self, cluster: &Cluster, view: View) -> Result<Answer, Refused> {
        let Self { verb, part, key, form } = self;
        let operation = self.operation();
        let write = Write { operation: &operation, key, part: *part, check: Check::Strict };
        let (code, object) = match verb {
            Verb::Watch(request) => return Ok(Answer::Watch(Watch::open(cluster.clone(), request.clone()))),
            Verb::List(scope) => {
                let store = cluster.lock();
                let mut changes = store.fault.visible(&store.history, store.elapsed());
                if view == View::Stale {
                    changes = history::before_the_last(changes, scope);
                }
                let objects = history::replay(changes, scope).into_values();
                let list = form.list(key.resource, history::version(changes), objects);
                return Ok(Answer::Value(StatusCode::OK, list));
            }
            Verb::Get => {
                let store = cluster.lock();
                let found = match view {
                    View::Now => store.get(key).cloned(),
                    View::Stale => {
                        let namespace = key.resource.namespaced().then(|| key.namespace.clone());
                        let scope = Scope { resource: key.resource, namespace, name: Some(key.name.clone()) };
                        let before = history::before_the_last(&store.history, &scope);
                        history::replay(before, &scope).into_values().next().cloned()
                    }
                };
                (StatusCode::OK, found.ok_or_else(|| Refused::not_found(key))?)
            }
            Verb::Create(object) => {
                (StatusCode::CREATED, cluster.write(|store| store.create(write, object.clone()))?)
            }
            Verb::Update(object) => {
                (StatusCode::OK, cluster.write(|store| store.replace(write, object.clone()))?)
            }
            Verb::Patch { manager, how, body } => {
                (StatusCode::OK, cluster.write(|store| store.patch(write, manager, *how, body))?)
            }
            Verb::Delete(only) => {
                (StatusCode::OK, cluster.write(|store| store.delete(&operation, key, only))?)
            }
        };
        Ok(Answer::Value(code, form.of(&object)))
    }
}

fn refusal(refused: &Refused) -> Answer {
    let code = StatusCode::from_u16(refused.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::Value(code, refused.status())
}

fn whole(answer: Answer) -> Result<Response<AnswerBody>, io::Error> {
    match answer {
        Answer::Value(code, value) => {
            respond(code, Full::from(value.to_string()).map_err(|never| match never {}).boxed_unsync())
        }
        Answer::Watch(watch) => stream(watch.lines()),
    }
}

/// The first half of an answer, or of the first event of a watch. Then the connection breaks.
fn cut(answer: Answer) -> Result<Response<AnswerBody>, io::Error> {
    let half = |whole: Bytes| whole.slice(..whole.len() / 2);
    let end = futures::stream::once(async { Err(closed()) });
    match answer {
        Answer::Value(code, value) => {
            let body = futures::stream::iter([Ok(half(value.to_string().into()))]).chain(end);
            respond(code, stream_body(body))
        }
        Answer::Watch(watch) => stream(watch.lines().take(1).map(move |line| line.map(half)).chain(end)),
    }
}

/// Ends the stream without a word when the operator dies. A dead operator must not see even the end of the connection.
fn while_alive(
    interceptor: CallInterceptor,
    lines: impl Stream<Item = io::Result<Bytes>> + Send,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    futures::stream::unfold((interceptor, Box::pin(lines)), |(interceptor, mut lines)| async move {
        let line = tokio::select! {
            biased;
            () = interceptor.killed() => std::future::pending().await,
            line = lines.next() => line,
        };
        line.map(|line| (line, (interceptor, lines)))
    })
}

fn stream(
    lines: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Result<Response<AnswerBody>, io::Error> {
    respond(StatusCode::OK, stream_body(lines))
}

fn stream_body(lines: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> AnswerBody {
    BodyExt::boxed_unsync(StreamBody::new(lines.map(|line| line.map(Frame::data))))
}

fn respond(code: StatusCode, body: AnswerBody) -> Result<Response<AnswerBody>, io::Error> {
    let response = Response::builder().status(code).header(header::CONTENT_TYPE, "application/json");
    response.body(body).map_err(io::Error::other)
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "connection closed before message completed")
}
