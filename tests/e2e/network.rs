//! Networks with an outbound proxy, and endpoints with certificates of a private authority.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::SocketAddr;

use kube::config::Kubeconfig;
use lambda_triggers_tests::env::{self, Authority, Controller, ForwardProxy, Proxied, TestEnv, TlsServer};

use crate::objects::OWNER;
use crate::scheduled::view::KIND;
use crate::support::scheduled;
use crate::telemetry::collector::Collector;

/// The host name of AWS. Only the proxy resolves this name.
const AWS: &str = "aws.example.internal";
/// The host name of the API server in its certificate. Only the proxy resolves this name.
const API_SERVER: &str = "kubernetes.default.svc";

/// A company network: AWS with a certificate of a private authority, and the API server, both behind a proxy.
struct Company {
    authority: Authority,
    aws: TlsServer,
    proxy: ForwardProxy,
    kubeconfig: String,
}

fn address(url: &str) -> SocketAddr {
    let (_, authority) = url.split_once("://").unwrap();
    authority.trim_end_matches('/').parse().unwrap()
}

/// A copy of the kubeconfig with [`API_SERVER`] as the server and `proxy` as the `proxy-url`.
fn kubeconfig(env: &TestEnv, name: &str, proxy: Option<String>) -> (String, SocketAddr) {
    let mut kubeconfig = Kubeconfig::read_from(env.operator_kubeconfig()).unwrap();
    let cluster = kubeconfig.clusters[0].cluster.as_mut().unwrap();
    let server = cluster.server.replace(format!("https://{API_SERVER}:6443")).unwrap();
    cluster.proxy_url = proxy;
    let path = env.directory().join(name);
    std::fs::write(&path, serde_json::to_string(&kubeconfig).unwrap()).unwrap();
    (path.to_str().unwrap().to_owned(), address(&server))
}

async fn company(env: &TestEnv) -> Company {
    let authority = Authority::new(env.directory());
    let aws = authority.serve(AWS, address(env.aws_endpoint())).await;
    let (kubeconfig, api_server) = kubeconfig(env, "kubeconfig-of-the-company", None);
    let (to_aws, to_api_server) = (format!("{AWS}:443"), format!("{API_SERVER}:6443"));
    let proxy = ForwardProxy::start([(&*to_aws, aws.address()), (&*to_api_server, api_server)]).await;
    Company { authority, aws, proxy, kubeconfig }
}

/// Runs doctor. Returns true if the exit code is 0, and the output.
async fn doctor(env: &TestEnv, environment: &[(&'static str, &str)]) -> (bool, String) {
    let command = ["doctor", "--owner-id", OWNER, "--namespace", env.namespace()];
    let output = env.lambda_triggers(&command, environment).await;
    assert_eq!(output.stderr, "");
    (output.success, output.stdout)
}

/// Starts the operator with this environment.
fn run(env: &TestEnv, environment: &[(&'static str, &str)], flags: &[&str]) -> Controller {
    let own = [
        "run",
        "--log-format=text",
        "--write-grace-period=1ms",
        "--http-address=127.0.0.1:0",
        "--owner-id",
        OWNER,
    ];
    let scope = ["--namespace", env.namespace()];
    let arguments = own.iter().chain(&scope).chain(flags).map(ToString::to_string).collect();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
    env.operator(arguments, environment.collect())
}

/// The message of the failed check with this name.
fn line<'a>(printed: &'a str, check: &str) -> &'a str {
    let failed = format!("failed   {check}: ");
    printed.lines().find_map(|line| line.strip_prefix(&failed)).unwrap_or_else(|| panic!("{printed}"))
}

fn tunnel(destination: &str, authorization: Option<&str>) -> Proxied {
    Proxied {
        method: "CONNECT".into(),
        destination: destination.into(),
        authorization: authorization.map(Into::into),
    }
}

#[test]
fn run_and_doctor_work_through_a_proxy_and_with_a_private_authority() {
    env::test("proxy", async |env| {
        env.function("hourly").await;
        let company = company(&env).await;
        let endpoint = format!("https://{AWS}");
        let proxy = format!("http://user:p%40ssword@{}", company.proxy.authority());
        let environment = [
            ("HTTPS_PROXY", &*proxy),
            ("NO_PROXY", ".svc.cluster.local,10.0.0.0/8"),
            ("AWS_CA_BUNDLE", company.authority.bundle()),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("KUBECONFIG", &company.kubeconfig),
        ];
        let (healthy, printed) = doctor(&env, &environment).await;
        assert!(healthy, "{printed}");
        let proxy_line = format!("ok       HTTPS_PROXY: http://{}\n", company.proxy.authority());
        assert!(printed.starts_with(&proxy_line), "{printed}");
        let bundle = format!("ok       AWS_CA_BUNDLE: {}\n", company.authority.bundle());
        assert!(printed.contains(&bundle), "{printed}");
        let credentials = Some("Basic dXNlcjpwQHNzd29yZA==");
        let expected = BTreeSet::from([
            tunnel(&format!("{AWS}:443"), credentials),
            tunnel(&format!("{API_SERVER}:6443"), credentials),
        ]);
        assert_eq!(company.proxy.seen(), expected);

        let mut controller = run(&env, &environment, &[]);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.until_ready(KIND, "hourly").await;
        controller.stop().await;
        assert_eq!(company.proxy.seen(), expected);
        assert!(!controller.log().contains("ssword"), "the password is in the log");
        drop(company.aws);
    });
}

#[test]
fn the_proxy_of_the_kubeconfig_overrides_https_proxy_for_kubernetes() {
    env::test("proxy-url", async |env| {
        env.function("hourly").await;
        let company = company(&env).await;
        let proxy = format!("http://{}", company.proxy.authority());
        let (kubeconfig, _) = kubeconfig(&env, "kubeconfig-with-a-proxy", Some(proxy));
        let environment =
            [("KUBECONFIG", &*kubeconfig), ("HTTPS_PROXY", "http://127.0.0.1:9"), ("NO_PROXY", API_SERVER)];
        let (healthy, printed) = doctor(&env, &environment).await;
        assert!(healthy, "{printed}");
        let _controller = run(&env, &environment, &[]);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.until_ready(KIND, "hourly").await;
        assert_eq!(company.proxy.seen(), [tunnel(&format!("{API_SERVER}:6443"), None)].into());
    });
}

/// The operator ignores the unreachable proxy for local addresses and for the hosts of `NO_PROXY`.
#[test]
fn no_proxy_applies_to_aws_and_to_kubernetes() {
    env::test("no-proxy", async |env| {
        let unreachable = "http://127.0.0.1:9";
        let direct = [("HTTPS_PROXY", unreachable), ("HTTP_PROXY", unreachable)];
        let (healthy, printed) = doctor(&env, &direct).await;
        assert!(healthy, "{printed}");

        let company = company(&env).await;
        let endpoint = format!("https://{AWS}");
        let environment = [
            ("HTTPS_PROXY", unreachable),
            ("AWS_ENDPOINT_URL", &*endpoint),
            ("KUBECONFIG", &*company.kubeconfig),
        ];
        let with_proxy = doctor(&env, &environment).await.1;
        assert!(line(&with_proxy, "API server").contains("tcp connect error"), "{with_proxy}");
        assert!(
            line(&with_proxy, "AWS credentials").contains("the connection is refused; check the proxy"),
            "{with_proxy}"
        );
        let no_proxy = format!("{API_SERVER}:6443,*.example.internal");
        let without_proxy = doctor(&env, &[&environment[..], &[("NO_PROXY", &*no_proxy)]].concat()).await.1;
        assert!(line(&without_proxy, "API server").contains("dns error"), "{without_proxy}");
        assert!(
            line(&without_proxy, "AWS credentials").contains("DNS does not find the endpoint's name"),
            "{without_proxy}"
        );
    });
}

#[test]
fn an_untrusted_authority_is_reported_with_the_remedy() {
    env::test("no-authority", async |env| {
        let company = company(&env).await;
        let (endpoint, proxy) = (format!("https://{AWS}"), format!("http://{}", company.proxy.authority()));
        let environment = [("HTTPS_PROXY", &*proxy), ("AWS_ENDPOINT_URL", &*endpoint)];
        let (healthy, printed) = doctor(&env, &environment).await;
        assert!(!healthy, "{printed}");
        let line = line(&printed, "AWS credentials");
        assert!(line.contains("the TLS handshake failed"), "{line}");
        assert!(
            line.contains("set AWS_CA_BUNDLE to a file with the certificate authorities (docs/network.md)"),
            "{line}"
        );
    });
}

#[test]
fn invalid_network_settings_are_refused_with_the_remedy() {
    env::test("network-settings", async |env| {
        let empty = env.directory().join("empty.pem");
        std::fs::write(&empty, "nothing").unwrap();
        let empty = empty.to_str().unwrap();
        let missing = env.directory().join("missing.pem");
        let missing = missing.to_str().unwrap();
        let give = "name a file with certificates in PEM format";
        let file = |path: &str, why: &str| {
            format!(
                "the file {path} of the environment variable AWS_CA_BUNDLE cannot be used ({why}): {give}"
            )
        };
        for (environment, message) in [
            (
                ("HTTPS_PROXY", "socks5://user:secret@proxy:1080"),
                "the environment variable HTTPS_PROXY is not a valid URL of an HTTP proxy (its scheme is \
                 neither http nor https): write for example http://proxy.example.com:3128"
                    .to_owned(),
            ),
            (("AWS_CA_BUNDLE", missing), file(missing, "No such file or directory (os error 2)")),
            (("AWS_CA_BUNDLE", empty), file(empty, "it contains no certificate")),
        ] {
            let failed = format!("failed   network: {message}\n");
            let expected = format!(
                "{failed}skipped  Kubernetes: the network cannot be used\nskipped  AWS: the network cannot be used\n\n\
                 {failed}1 failed, 2 skipped\n"
            );
            assert_eq!(doctor(&env, &[environment]).await, (false, expected));
            let output = env.lambda_triggers(&["run"], &[environment]).await;
            assert_eq!((output.success, output.stderr), (false, format!("lambda-triggers: {message}\n")));
        }
    });
}

/// A request to an `http` destination reaches the proxy with its whole URL.
#[test]
fn traces_are_sent_through_the_proxy() {
    env::test("proxy-traces", async |env| {
        env.function("hourly").await;
        let collector = Collector::start().await;
        let destination = "collector.example.internal:4318";
        let proxy = ForwardProxy::start([(destination, address(&collector.url()))]).await;
        let url = format!("http://user:password@{}", proxy.authority());
        let endpoint = format!("http://{destination}");
        let mut controller = run(&env, &[("http_proxy", &url)], &["--otlp-endpoint", &endpoint]);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.until_ready(KIND, "hourly").await;
        controller.stop().await;
        assert!(collector.spans().iter().any(|span| span.name == "reconcile"));
        let authorization = Some("Basic dXNlcjpwYXNzd29yZA==".into());
        let sent = Proxied { method: "POST".into(), destination: destination.into(), authorization };
        assert_eq!(proxy.seen(), [sent].into());
    });
}

/// `credential_process`: the interface of `aws-vault` and IAM Roles Anywhere.
#[test]
fn credentials_come_from_the_credential_process_of_a_profile() {
    env::test("credential-process", async |env| {
        let config = env.directory().join("config");
        let answer = format!(
            r#"{{"Version": 1, "AccessKeyId": "{}", "SecretAccessKey": "test-secret-key"}}"#,
            env.account()
        );
        let file = env.directory().join("credentials.json");
        std::fs::write(&file, answer).unwrap();
        std::fs::write(&config, format!("[profile tool]\ncredential_process = cat {}\n", file.display()))
            .unwrap();
        let environment = [
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", ""),
            ("AWS_PROFILE", "tool"),
            ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ];
        let (healthy, printed) = doctor(&env, &environment).await;
        let line = format!("ok       AWS credentials: arn:aws:iam::{0}:root in account {0}; ", env.account());
        assert!(healthy && printed.contains(&line), "{printed}");
    });
}

/// The SDK reads profiles of IAM Identity Center; doctor names the command to log in.
#[test]
fn a_missing_sso_login_is_reported_with_the_command() {
    env::test("sso", async |env| {
        let config = env.directory().join("config");
        std::fs::write(
            &config,
            "[profile people]\nsso_session = company\nsso_account_id = 123456789012\nsso_role_name = admin\n\
             [sso-session company]\nsso_region = eu-west-1\nsso_start_url = https://company.awsapps.com/start\n",
        )
        .unwrap();
        let home = env.directory().to_str().unwrap().to_owned();
        let environment = [
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", ""),
            ("AWS_PROFILE", "people"),
            ("AWS_CONFIG_FILE", config.to_str().unwrap()),
            ("HOME", &*home),
        ];
        let (healthy, printed) = doctor(&env, &environment).await;
        let line = line(&printed, "AWS credentials");
        assert!(!healthy && line.contains("run aws sso login --profile people, "), "{line}");
    });
}
