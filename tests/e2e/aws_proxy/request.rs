//! Requests to the AWS proxy by operation and members, and their answers.

use std::io::{Cursor, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use form_urlencoded::Serializer;
use http_body_util::{BodyExt, Full};
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lambda_triggers_tests::aws_proxy::AwsProxy;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::notification;

/// Service, operation, method and path of requests. The path contains members. The query has optional members, and
/// constants that end in `=`. EventBridge has all other operations, and the operations whose path lacks a member.
const ROUTES: &str = "\
lambda AddPermission POST /2015-03-31/functions/{FunctionName}/policy?Qualifier
lambda CreateAlias POST /2015-03-31/functions/{FunctionName}/aliases
lambda CreateFunction POST /2015-03-31/functions
lambda DeleteAlias DELETE /2015-03-31/functions/{FunctionName}/aliases/{Name}
lambda DeleteFunction DELETE /2015-03-31/functions/{FunctionName}?Qualifier
lambda DeleteFunctionConcurrency DELETE /2017-10-31/functions/{FunctionName}/concurrency
lambda DeleteFunctionEventInvokeConfig DELETE /2019-09-25/functions/{FunctionName}/event-invoke-config
lambda GetFunction GET /2015-03-31/functions/{FunctionName}?Qualifier
lambda GetFunctionConcurrency GET /2019-09-30/functions/{FunctionName}/concurrency
lambda GetFunctionConfiguration GET /2015-03-31/functions/{FunctionName}/configuration?Qualifier
lambda GetFunctionEventInvokeConfig GET /2019-09-25/functions/{FunctionName}/event-invoke-config
lambda GetPolicy GET /2015-03-31/functions/{FunctionName}/policy?Qualifier
lambda Invoke POST /2015-03-31/functions/{FunctionName}/invocations
lambda ListFunctions GET /2015-03-31/functions
lambda ListTags GET /2017-03-31/tags/{Resource}
lambda PublishVersion POST /2015-03-31/functions/{FunctionName}/versions
lambda PutFunctionConcurrency PUT /2017-10-31/functions/{FunctionName}/concurrency
lambda PutFunctionEventInvokeConfig PUT /2019-09-25/functions/{FunctionName}/event-invoke-config
lambda RemovePermission DELETE /2015-03-31/functions/{FunctionName}/policy/{StatementId}?Qualifier&RevisionId
lambda TagResource POST /2017-03-31/tags/{Resource}
lambda UntagResource DELETE /2017-03-31/tags/{Resource}?tagKeys
lambda UpdateFunctionCode PUT /2015-03-31/functions/{FunctionName}/code
lambda UpdateFunctionConfiguration PUT /2015-03-31/functions/{FunctionName}/configuration
s3 CreateBucket PUT /{Bucket}
s3 DeleteBucket DELETE /{Bucket}
s3 GetBucketNotificationConfiguration GET /{Bucket}?notification=
s3 HeadObject HEAD /{Bucket}/{Key}
s3 ListBuckets GET /
s3 ListObjectsV2 GET /{Bucket}?list-type=
s3 PutBucketNotificationConfiguration PUT /{Bucket}?notification=
s3 PutBucketVersioning PUT /{Bucket}?versioning=
s3 PutObject PUT /{Bucket}/{Key}
sts AssumeRole POST /
iam CreateRole POST /
iam PutRolePolicy POST /
iam SimulatePrincipalPolicy POST /
iam UpdateAssumeRolePolicy POST /
scheduler CreateSchedule POST /schedules/{Name}
scheduler CreateScheduleGroup POST /schedule-groups/{Name}
scheduler DeleteSchedule DELETE /schedules/{Name}?groupName&clientToken
scheduler DeleteScheduleGroup DELETE /schedule-groups/{Name}?clientToken
scheduler GetSchedule GET /schedules/{Name}?groupName
scheduler GetScheduleGroup GET /schedule-groups/{Name}
scheduler ListScheduleGroups GET /schedule-groups?NamePrefix&MaxResults&NextToken
scheduler ListSchedules GET /schedules?ScheduleGroup&NamePrefix&State&MaxResults&NextToken
scheduler ListTagsForResource GET /tags/{ResourceArn}
scheduler TagResource POST /tags/{ResourceArn}
scheduler UntagResource DELETE /tags/{ResourceArn}?TagKeys
scheduler UpdateSchedule PUT /schedules/{Name}
";

/// Characters of a path that are encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');

/// A new account. The numbers differ from the accounts of the operator's tests.
pub fn new_account() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(800_000_000_000);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

/// Base64 of a ZIP archive with the source in index.py. The same source always gives the same bytes.
pub fn archive(source: &str) -> String {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("index.py", stored).unwrap();
    zip.write_all(source.as_bytes()).unwrap();
    BASE64_STANDARD.encode(zip.finish().unwrap().into_inner())
}

/// The answer to a request.
pub struct Answer {
    /// Status, code and message, `None` for a success.
    pub refusal: Option<String>,
    /// A JSON body; or the texts of each element of an XML body with the headers of S3 and the whole `Body`.
    pub value: Value,
}

/// Sends a request of an access key in a Region. Members that begin with `x-amz-` are headers. `Base64Body` and `Body`
/// replace the members as the body, and `Entries` is a notification configuration. `names` are members for paths that
/// lack them. Returns `None` if the connection closes.
pub async fn send(
    proxy: &AwsProxy,
    (access_key, region): (&str, &str),
    operation: &str,
    mut members: Map<String, Value>,
    mut names: Map<String, Value>,
) -> Option<Answer> {
    names.extend(members.clone());
    let is_route = |route: &[&str; 4]| {
        let mut in_path = route[3].split(['{', '}']).skip(1).step_by(2);
        route[1] == operation && in_path.all(|name| names.contains_key(name))
    };
    let mut routes = ROUTES.lines().filter_map(|line| line.split(' ').collect::<Vec<_>>().try_into().ok());
    let [service, _, method, route] = routes.find(is_route).unwrap_or(["events", operation, "POST", "/"]);
    members.retain(|name, _| !route.split(['{', '}', '?', '&']).any(|part| part == name));
    let path = path(route, &names);
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential={access_key}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let mut request = hyper::Request::builder()
        .method(method)
        .uri(format!("{}{path}", proxy.url()))
        .header("authorization", scope);
    if service == "events" {
        request = request.header("x-amz-target", format!("AWSEvents.{operation}"));
    }
    for (name, value) in members.iter().filter(|(name, _)| name.starts_with("x-amz-")) {
        request = request.header(name, text(value));
    }
    let request = request.body(Full::new(body(service, operation, region, members))).unwrap();
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.ok()?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let value = parse(&head.headers, &String::from_utf8_lossy(&body));
    let refusal = (!head.status.is_success()).then(|| refusal(head.status.as_u16(), &head.headers, &value));
    Some(Answer { refusal, value })
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The path and the query with their members.
fn path(route: &str, members: &Map<String, Value>) -> String {
    let (path, query) = route.split_once('?').unwrap_or((route, ""));
    let parts = path.split(['{', '}']).enumerate().map(|(index, part)| match index % 2 {
        0 => part.to_owned(),
        _ => utf8_percent_encode(&text(&members[part]), ENCODED).to_string(),
    });
    let mut pairs = Serializer::new(String::new());
    for name in query.split('&').filter(|name| !name.is_empty()) {
        match members.get(name) {
            Some(Value::Array(values)) => pairs.extend_pairs(values.iter().map(|value| (name, text(value)))),
            Some(value) => pairs.append_pair(name, &text(value)),
            None => match name.strip_suffix('=') {
                Some(name) => pairs.append_pair(name, ""),
                None => &mut pairs,
            },
        };
    }
    format!("{}?{}", parts.collect::<String>(), pairs.finish())
}

fn body(service: &str, operation: &str, region: &str, mut members: Map<String, Value>) -> Bytes {
    if let Some(encoded) = members.get("Base64Body") {
        return BASE64_STANDARD.decode(text(encoded)).unwrap().into();
    }
    match (service, members.remove("Body"), members.get("Entries")) {
        (_, Some(body), _) => text(&body).into(),
        ("s3", _, Some(entries)) => notification::document(entries).into(),
        ("s3", ..) if operation == "CreateBucket" && region != "us-east-1" => format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        )
        .into(),
        ("s3", ..) => Bytes::new(),
        ("sts" | "iam", ..) => {
            let members = members.iter().map(|(name, value)| (name.clone(), text(value)));
            Serializer::new(String::new()).append_pair("Action", operation).extend_pairs(members).finish().into()
        }
        _ => Value::Object(members).to_string().into(),
    }
}

fn parse(headers: &HeaderMap, body: &str) -> Value {
    if let Ok(json) = serde_json::from_str(body) {
        return json;
    }
    let headers = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-amz-"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()));
    let mut value: Map<String, Value> = headers.collect();
    value.insert("Body".to_owned(), body.into());
    if let Ok(document) = roxmltree::Document::parse(body) {
        for element in document.descendants().filter(|node| node.is_element()) {
            let texts = value.entry(element.tag_name().name()).or_insert_with(|| Value::Array(vec![]));
            if let (Value::Array(texts), Some(text)) = (texts, element.text()) {
                texts.push(text.into());
            }
        }
    }
    value.into()
}

/// `<status> <code>: <message>`, read in the way of the SDK.
fn refusal(status: u16, headers: &HeaderMap, value: &Value) -> String {
    let code = headers.get("x-amzn-errortype").and_then(|code| code.to_str().ok());
    let code = code.or(value["__type"].as_str()).or(value["Code"][0].as_str()).unwrap_or_default();
    let message = &value["Message"];
    let message = value["message"].as_str().or(message.as_str()).or(message[0].as_str()).unwrap_or_default();
    format!("{status} {code}: {message}")
}
