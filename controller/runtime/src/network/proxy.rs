//! Proxies from the variables `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, as in curl, the AWS CLI and Go.

use aws_smithy_http_client::proxy::ProxyConfig;
use http::Uri;
use http::uri::Scheme;
use hyper_util::client::proxy::matcher::Matcher;

/// Destinations that never use a proxy. A proxy cannot reach the node's link-local addresses: instance metadata, and
/// the agents of EKS Pod Identity and ECS
/// (<https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html>). Loopback addresses use no proxy, as
/// in Go (<https://pkg.go.dev/net/http#ProxyFromEnvironment>).
const NEVER_PROXIED: &str = "localhost,127.0.0.0/8,::1,169.254.0.0/16,fd00:ec2::/32";

/// Kubernetes' variable for the API server's address in a pod. The API server runs in the same cluster, so needs no
/// proxy.
const API_SERVER: &str = "KUBERNETES_SERVICE_HOST";

/// A variable without a valid proxy URL. The value may contain a password, and is not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the environment variable {variable} is not a valid URL of an HTTP proxy ({problem}): write for example \
     http://proxy.example.com:3128"
)]
pub struct InvalidProxy {
    variable: &'static str,
    problem: String,
}

/// The proxies, by scheme of the destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<Uri>,
    https: Option<Uri>,
    no_proxy: String,
}

impl Proxies {
    /// Reads the variables with `variable`. Uppercase names take precedence. An empty value counts as unset.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidProxy> {
        let first =
            |names: [&str; 2]| names.into_iter().filter_map(&variable).find(|value| !value.trim().is_empty());
        let proxy = |name: &'static str, lower: &str| {
            first([name, lower]).map(|value| parse(name, value.trim())).transpose()
        };
        let excluded = first(["NO_PROXY", "no_proxy"]).unwrap_or_default();
        let api_server = variable(API_SERVER).unwrap_or_default();
        let no_proxy = [NEVER_PROXIED, &api_server, &excluded].join(",");
        Ok(Self {
            http: proxy("HTTP_PROXY", "http_proxy")?,
            https: proxy("HTTPS_PROXY", "https_proxy")?,
            no_proxy: normalized(&no_proxy),
        })
    }

    /// The proxy for a destination, with the credentials of the proxy.
    pub fn proxy_for(&self, destination: &Uri) -> Option<&Uri> {
        let proxy = if destination.scheme()? == &Scheme::HTTPS { &self.https } else { &self.http };
        let proxy = proxy.as_ref()?;
        // The matcher only decides by NO_PROXY here; the address of the matcher's proxy does not matter.
        let matcher = Matcher::builder().all("http://proxy").no(self.no_proxy.as_str()).build();
        matcher.intercept(destination).map(|_| proxy)
    }

    /// The HTTP client's proxy settings for `http` and `https` destinations.
    pub fn configs(&self) -> Result<[ProxyConfig; 2], InvalidProxy> {
        let config = |variable, proxy: &Option<Uri>| match proxy {
            None => Ok(ProxyConfig::disabled()),
            Some(url) => match ProxyConfig::all(url.clone()) {
                Ok(config) => Ok(config.no_proxy(&self.no_proxy)),
                Err(error) => Err(InvalidProxy { variable, problem: error.to_string() }),
            },
        };
        Ok([config("HTTP_PROXY", &self.http)?, config("HTTPS_PROXY", &self.https)?])
    }

    /// The variables in effect, without the credentials of proxies.
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        let proxies = [("HTTPS_PROXY", &self.https), ("HTTP_PROXY", &self.http)];
        proxies
            .into_iter()
            .filter_map(|(name, proxy)| Some((name, without_credentials(proxy.as_ref()?))))
            .collect()
    }
}

/// Parses a proxy URL. The default scheme is `http`, as in Go.
fn parse(variable: &'static str, value: &str) -> Result<Uri, InvalidProxy> {
    let invalid = |problem: &str| InvalidProxy { variable, problem: problem.into() };
    let text = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url: Uri = text.parse().map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
    // http::Uri accepts any text as a port, and drops an invalid port.
    let port = host_and_port(&url).rsplit_once(':').map(|(_, port)| port);
    if port.is_some_and(|port| !port.ends_with(']') && port.parse::<u16>().is_err()) {
        return Err(invalid("its port is not a number"));
    }
    match url.scheme_str() {
        Some("http" | "https") if url.host().is_some_and(|host| !host.is_empty()) => Ok(url),
        Some("http" | "https") => Err(invalid("it has no host")),
        _ => Err(invalid("its scheme is neither http nor https")),
    }
}

/// `NO_PROXY` in the matcher's format. `*` also covers IP addresses, and `*.example.com` becomes `.example.com`. Ports
/// are dropped: a host bypasses the proxy at every port.
fn normalized(no_proxy: &str) -> String {
    let entries = no_proxy.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
    let entries = entries.flat_map(|entry| match entry {
        "*" => vec!["*".to_owned(), "0.0.0.0/0".to_owned(), "::/0".to_owned()],
        _ => vec![host(entry.strip_prefix('*').unwrap_or(entry)).to_owned()],
    });
    entries.collect::<Vec<_>>().join(",")
}

/// The host of an entry such as `example.com:8443`, `[fd00:ec2::23]` or `fd00::/8`.
fn host(entry: &str) -> &str {
    if let Some((address, _)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => entry,
    }
}

fn without_credentials(proxy: &Uri) -> String {
    format!("{}://{}", proxy.scheme_str().unwrap_or("http"), host_and_port(proxy))
}

fn host_and_port(proxy: &Uri) -> &str {
    let authority = proxy.authority().map_or("", http::uri::Authority::as_str);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, InvalidProxy> {
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Proxies::from_env(find)
    }

    fn chosen(variables: &[(&str, &str)], destination: &str) -> Option<String> {
        let proxies = proxies(variables).unwrap();
        proxies.proxy_for(&destination.parse().unwrap()).map(ToString::to_string)
    }

    #[test]
    fn each_scheme_has_its_proxy_and_uppercase_wins() {
        let both = [("HTTPS_PROXY", "http://a:1"), ("HTTP_PROXY", "b:2"), ("https_proxy", "http://c:3")];
        assert_eq!(chosen(&both, "https://sts.eu-west-1.amazonaws.com/").as_deref(), Some("http://a:1/"));
        assert_eq!(chosen(&both, "http://collector.tracing:4318/").as_deref(), Some("http://b:2/"));
        assert_eq!(
            chosen(&[("https_proxy", "http://c:3")], "https://x.test/").as_deref(),
            Some("http://c:3/")
        );
        assert_eq!(chosen(&[("https_proxy", "[::1]")], "https://x.test/").as_deref(), Some("http://[::1]/"));
        let empty = [("HTTPS_PROXY", " "), ("https_proxy", "http://c:3")];
        assert_eq!(chosen(&empty, "https://x.test/").as_deref(), Some("http://c:3/"));
        assert_eq!(chosen(&empty, "http://x.test/"), None);
    }

    #[test]
    fn node_addresses_and_the_api_server_bypass_the_proxy() {
        let variables = [
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("HTTP_PROXY", "http://proxy:3128"),
            ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
        ];
        for destination in [
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://169.254.170.2/v2/credentials",
            "http://169.254.169.254/latest/meta-data",
            "http://[fd00:ec2::254]/latest/meta-data",
            "http://127.0.0.1:4566/",
            "http://[::1]:4566/",
            "https://localhost:6443/",
            "https://10.96.0.1/api",
        ] {
            assert_eq!(chosen(&variables, destination), None, "{destination}");
        }
        assert!(chosen(&variables, "https://10.96.0.2/").is_some());
    }

    #[test]
    fn no_proxy_matches_hosts_domains_and_ranges() {
        for (no_proxy, destination, proxied) in [
            ("example.com", "https://example.com/", false),
            ("example.com", "https://api.example.com:6443/", false),
            ("example.com", "https://notexample.com/", true),
            (".example.com", "https://api.example.com/", false),
            ("*.example.com", "https://api.example.com/", false),
            ("api.example.com:6443", "https://api.example.com:6443/", false),
            ("10.0.0.0/8", "https://10.1.2.3/", false),
            ("10.0.0.0/8", "https://11.1.2.3/", true),
            ("10.0.0.1", "https://10.0.0.1:6443/", false),
            ("fd00::/8", "https://[fd00::1]/", false),
            ("[fd00::1]", "https://[fd00::1]:6443/", false),
            ("*", "https://10.1.2.3/", false),
            ("*", "https://[2001:db8::1]/", false),
            ("*", "https://example.com/", false),
            ("a.test, b.test,", "https://b.test/", false),
            ("a.test b.test", "https://b.test/", false),
        ] {
            for name in ["NO_PROXY", "no_proxy"] {
                let variables = [("HTTPS_PROXY", "http://proxy:3128"), (name, no_proxy)];
                assert_eq!(chosen(&variables, destination).is_some(), proxied, "{no_proxy} {destination}");
            }
        }
    }

    #[test]
    fn an_invalid_proxy_is_rejected_without_the_password() {
        for (value, problem) in [
            ("socks5://user:secret@proxy:1080", "its scheme is neither http nor https"),
            ("http://user:secret@", "invalid authority"),
            ("http://user:secret@proxy:port", "its port is not a number"),
            ("http://user:secret@[::1]:port", "its port is not a number"),
        ] {
            let error = proxies(&[("HTTPS_PROXY", value)]).unwrap_err();
            assert_eq!(error, InvalidProxy { variable: "HTTPS_PROXY", problem: problem.into() });
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn proxies_are_shown_without_credentials() {
        let variables = [("HTTPS_PROXY", "http://user:p%40ss@proxy:3128"), ("HTTP_PROXY", "proxy")];
        let shown = proxies(&variables).unwrap().shown();
        let expected = [("HTTPS_PROXY", "http://proxy:3128".into()), ("HTTP_PROXY", "http://proxy".into())];
        assert_eq!(shown, expected);
    }
}
