//! The HTTP client of the AWS SDK and of the trace exporter.

use async_trait::async_trait;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use http::{Request, Response, Uri};
use opentelemetry_http::HttpError;

use super::Network;

impl Network {
    /// The client for the AWS SDK and the SDK's credentials providers.
    pub fn aws_client(&self) -> SharedHttpClient {
        let client = |scheme| {
            let network = self.clone();
            let connect = move |settings: Option<&HttpConnectorSettings>,
                                components: Option<&RuntimeComponents>| {
                network.connector(scheme, network.aws_authorities.clone(), settings, components)
            };
            Builder::new().build_with_connector_fn(connect)
        };
        SharedHttpClient::new(ByScheme { http: client(Scheme::Http), https: client(Scheme::Https) })
    }

    /// The client for a trace collector. The system's certificate authorities certify the collector.
    pub fn collector_client(&self, collector: &Uri) -> CollectorClient {
        let connector =
            self.connector(Scheme::from_text(collector.scheme_str()), TlsContext::default(), None, None);
        CollectorClient { connector: SharedHttpConnector::new(connector) }
    }

    fn connector(
        &self,
        scheme: Scheme,
        authorities: TlsContext,
        settings: Option<&HttpConnectorSettings>,
        components: Option<&RuntimeComponents>,
    ) -> Connector {
        let [http, https] = &self.proxy_configs;
        let proxy = match scheme {
            Scheme::Http => http,
            Scheme::Https => https,
        };
        let mut builder = Connector::builder();
        builder.set_proxy_config(Some(proxy.clone())).set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(authorities).build()
    }
}

/// The scheme of a destination: `HTTP_PROXY` and `HTTPS_PROXY` may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn from_text(scheme: Option<&str>) -> Self {
        if scheme == Some("https") { Self::Https } else { Self::Http }
    }
}

/// A client or a connector for each scheme.
#[derive(Debug)]
struct ByScheme<T> {
    http: T,
    https: T,
}

impl HttpClient for ByScheme<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let [http, https] =
            [&self.http, &self.https].map(|client| client.http_connector(settings, components));
        SharedHttpConnector::new(ByScheme { http, https })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.https.connector_metadata()
    }
}

impl HttpConnector for ByScheme<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match Scheme::from_text(request.uri().split("://").next()) {
            Scheme::Http => self.http.call(request),
            Scheme::Https => self.https.call(request),
        }
    }
}

/// Sends spans to a collector.
#[derive(Clone, Debug)]
pub struct CollectorClient {
    connector: SharedHttpConnector,
}

#[async_trait]
impl opentelemetry_http::HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = HttpRequest::try_from(request.map(SdkBody::from))?;
        let response = self.connector.call(request).await?.try_into_http1x()?;
        let (parts, body) = response.into_parts();
        let body = ByteStream::new(body).collect().await?.into_bytes();
        Ok(Response::from_parts(parts, body))
    }
}
