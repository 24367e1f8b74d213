//! One request as the aws_proxy sees it: who asks, in which Region, for which operation on what.

use std::collections::BTreeMap;

use hyper::{HeaderMap, Method, body::Bytes, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::operations;

/// The account that the emulator gives to an access key which is no account id.
const DEFAULT_ACCOUNT: &str = "000000000000";

/// One call that reached the aws_proxy, in the order of arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Signing name of the service: `s3`, `lambda`, `events`, `sts`, ...
    pub service: String,
    /// The operation as AWS names it, for instance `PutBucketNotificationConfiguration`.
    pub operation: String,
    /// Bucket, function or rule name without its qualifier; empty where the call names none.
    pub resource: String,
    /// The Region that the request was signed for.
    pub region: String,
    /// Whether the operation changes anything.
    pub write: bool,
    /// The ARN of the role in whose session it was made; none for other credentials.
    pub role: Option<String>,
    /// HTTP status of the answer; 0 while there is none, and for good when the answer was withheld or lost.
    pub status: u16,
}

/// A decoded request. Cloning is cheap but for the headers.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub method: Method,
    /// Path as it came, still percent-encoded.
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

/// The scope that a request was signed for: `<key>/<date>/<region>/<service>/aws4_request`.
pub(super) struct SignatureScope {
    pub access_key: String,
    pub region: String,
    pub service: String,
}

impl SignatureScope {
    /// Reads the scope from the `Authorization` header or, for a presigned URL, from the query.
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

    /// The scope of a call without a signature: STS takes one of a service account's token, and the role names the account
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

    /// The account whose key this is, as the emulator sees it: a key of 12 digits is the account.
    pub fn account(&self) -> String {
        let is_account =
            self.access_key.len() == 12 && self.access_key.bytes().all(|byte| byte.is_ascii_digit());
        if is_account { self.access_key.clone() } else { DEFAULT_ACCOUNT.to_owned() }
    }
}

impl Request {
    /// Decodes a request that `account`, or a role in it, made within `scope`.
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

    /// The entry for the journal, not answered yet.
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

    /// A header's text, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The decoded query, the last value of each name.
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

    /// A field of the body where that is a form.
    pub fn form(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(&self.body).into_owned().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The body as a JSON object; anything else counts as an empty one.
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
