//! A request as the proxy sees it: caller, Region, operation and resource.

use std::collections::BTreeMap;

use hyper::{HeaderMap, Method, body::Bytes, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{arn::is_account, operations};

/// The emulator's account for an access key that is no account id.
const DEFAULT_ACCOUNT: &str = "000000000000";

/// A recorded call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Signing name of the service: `s3`, `lambda`, `events`, `scheduler`, `sts`, ...
    pub service: String,
    /// The operation as AWS names it, for instance `PutBucketNotificationConfiguration`.
    pub operation: String,
    /// Bucket, function, rule, schedule or group name without its qualifier; empty if the call names no resource.
    pub resource: String,
    /// The Region in the request's signature.
    pub region: String,
    /// True if the operation changes something.
    pub write: bool,
    /// ARN of the role whose session made the call; `None` for other credentials.
    pub role: Option<String>,
    /// HTTP status of the answer. 0 before the answer, and forever if the answer was withheld or lost.
    pub status: u16,
}

/// A decoded request. Cloning is cheap, except for the headers.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub method: Method,
    /// Path, still percent-encoded.
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub account: String,
    pub role: Option<String>,
    pub region: String,
    pub service: String,
    pub operation: String,
    pub resource: String,
    pub write: bool,
}

/// The scope of a request's signature: `<key>/<date>/<region>/<service>/aws4_request`.
pub(super) struct SignatureScope {
    pub access_key: String,
    pub region: String,
    pub service: String,
}

impl SignatureScope {
    /// Reads the scope from the `Authorization` header, or from the query of a presigned URL.
    pub fn from_headers(headers: &HeaderMap, query: Option<&str>) -> Self {
        let credential = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split("Credential=").nth(1))
            .and_then(|value| value.split(',').next())
            .map(str::to_owned)
            .or_else(|| pairs(query).remove("X-Amz-Credential"))
            .unwrap_or_default();
        let mut parts = credential.split('/');
        let mut next = || parts.next().unwrap_or_default().trim().to_owned();
        let access_key = next();
        let _date = next();
        let region = Some(next()).filter(|region| !region.is_empty());
        Self { access_key, region: region.unwrap_or_else(|| "us-east-1".to_owned()), service: next() }
    }

    /// The scope of an unsigned STS call with a service account token. The role in the request names the account
    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>).
    pub fn or_of_web_identity(self, body: &[u8]) -> Self {
        let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        let is_web_identity = form.get("Action").is_some_and(|action| action == "AssumeRoleWithWebIdentity");
        if !self.access_key.is_empty() || !is_web_identity {
            return self;
        }
        let account = form.get("RoleArn").and_then(|role| role.split(':').nth(4)).unwrap_or_default();
        Self { access_key: account.to_owned(), service: "sts".to_owned(), ..self }
    }

    /// The account of the access key, as the emulator sees it: a key of 12 digits is an account.
    pub fn account(&self) -> String {
        if is_account(&self.access_key) { self.access_key.clone() } else { DEFAULT_ACCOUNT.to_owned() }
    }
}

impl Request {
    /// Decodes a request of `account`, or of a role in the account.
    pub fn new(
        (account, role): (String, Option<String>),
        scope: SignatureScope,
        parts: hyper::http::request::Parts,
        body: Bytes,
    ) -> Self {
        let mut request = Self {
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            method: parts.method,
            headers: parts.headers,
            body,
            account,
            role,
            region: scope.region,
            service: scope.service,
            operation: String::new(),
            resource: String::new(),
            write: false,
        };
        let named = operations::name(&request);
        request.operation = named.operation;
        request.resource = named.resource;
        request.write = named.write;
        request
    }

    /// The journal entry, still without an answer.
    pub fn call(&self) -> Call {
        Call {
            service: self.service.clone(),
            operation: self.operation.clone(),
            resource: self.resource.clone(),
            region: self.region.clone(),
            write: self.write,
            role: self.role.clone(),
            status: 0,
        }
    }

    /// A header's value, if present and valid text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The decoded query. The last value of each name wins.
    pub fn parameters(&self) -> BTreeMap<String, String> {
        pairs(self.query.as_deref())
    }

    /// The decoded segments of the path.
    pub fn segments(&self) -> Vec<String> {
        self.path
            .split('/')
            .skip(1)
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect()
    }

    /// A field of a form body.
    pub fn form(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(&self.body).into_owned().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The body as a JSON object; empty for any other body.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .ok()
            .filter(Value::is_object)
            .unwrap_or_else(|| Value::Object(Default::default()))
    }
}

fn pairs(query: Option<&str>) -> BTreeMap<String, String> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}
