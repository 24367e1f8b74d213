//! A Git server on 127.0.0.1. The server answers Git's smart HTTP protocol, with the program `git`, since Flux reads no
//! repository over plain HTTP.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::{JoinHandle, JoinSet};

use super::TestEnv;

/// The branch of all commits.
const BRANCH: &str = "main";

/// The start of an answer with references: the length of the line in hexadecimal, the line, and an empty packet.
const SERVICE: &[u8] = b"001e# service=git-upload-pack\n0000";

/// A running Git server. Drop closes the port and all connections.
pub struct GitServer {
    address: SocketAddr,
    folder: PathBuf,
    server: JoinHandle<()>,
}

impl TestEnv {
    /// Starts a Git server without repositories. The server needs `git` on `PATH`.
    pub async fn git_server(&self) -> GitServer {
        let folder = self.directory().join("git");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound port has an address");
        let server = tokio::spawn(serve(listener, folder.clone()));
        GitServer { address, folder, server }
    }
}

impl GitServer {
    /// The URL of a repository.
    pub fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.address)
    }

    /// Replaces all files of a repository by these paths and texts, in a commit to the branch `main`. Creates the
    /// repository on first use. Returns the hash of the commit.
    ///
    /// # Panics
    /// If a file cannot be written, or if `git` fails.
    pub async fn commit(&self, repository: &str, files: &[(String, String)]) -> String {
        let folder = self.folder.join(repository);
        std::fs::create_dir_all(&folder).expect("the environment's directory is writable");
        run(&folder, &["init", "--quiet", "--initial-branch", BRANCH]).await;
        run(&folder, &["rm", "-r", "--quiet", "--force", "--ignore-unmatch", "."]).await;
        for (path, text) in files {
            let path = folder.join(path);
            let parent = path.parent().expect("a file is in a folder");
            std::fs::create_dir_all(parent).expect("the environment's directory is writable");
            std::fs::write(path, text).expect("the environment's directory is writable");
        }
        run(&folder, &["add", "--all"]).await;
        run(&folder, &["commit", "--quiet", "--allow-empty", "--message", "Change the files"]).await;
        run(&folder, &["rev-parse", "HEAD"]).await.trim().to_owned()
    }

    /// Gives the last commit of a repository a tag.
    ///
    /// # Panics
    /// If `git` fails.
    pub async fn tag(&self, repository: &str, tag: &str) {
        run(&self.folder.join(repository), &["tag", tag]).await;
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Runs `git` in a folder, and returns its text on stdout.
async fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder, arguments, &[]).await;
    let output = output.unwrap_or_else(|error| panic!("git {arguments:?}: {error}; is git on PATH?"));
    String::from_utf8_lossy(&output).into_owned()
}

/// Runs `git` without the user's own configuration, with `input` on stdin. Returns stdout.
async fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> io::Result<Vec<u8>> {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for (name, value) in [("NAME", "test"), ("EMAIL", "test@example.com")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1").env_remove("GIT_DIR").env_remove("GIT_INDEX_FILE");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(input).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let failed = || io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned());
    output.status.success().then(|| output.stdout.clone()).ok_or_else(failed)
}

async fn serve(listener: TcpListener, folder: PathBuf) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, folder.clone()));
    }
}

async fn connection(stream: TcpStream, folder: PathBuf) {
    let service = service_fn(move |request| answer(folder.clone(), request));
    // Errors are expected: Flux disconnects when it stops.
    let _closed = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Answers the two requests of a fetch: the references, and then the objects.
/// <https://git-scm.com/docs/http-protocol>
async fn answer(folder: PathBuf, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let Some((repository, resource)) = path.split_once('/') else { return Ok(not_found()) };
    let folder = folder.join(repository);
    if !folder.join(".git").exists() {
        return Ok(not_found());
    }
    let (kind, body) = match resource {
        "info/refs" => {
            let references =
                git(&folder, &["upload-pack", "--stateless-rpc", "--advertise-refs", "."], &[]).await?;
            ("advertisement", [SERVICE, &references].concat())
        }
        "git-upload-pack" => {
            let wanted = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            ("result", git(&folder, &["upload-pack", "--stateless-rpc", "."], &wanted).await?)
        }
        _ => return Ok(not_found()),
    };
    let answer = Response::builder().header(CONTENT_TYPE, format!("application/x-git-upload-pack-{kind}"));
    answer.body(Full::from(body)).map_err(io::Error::other)
}

fn not_found() -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}
