//! Refusals in the wire format of each service.

use aws_smithy_cbor::Encoder;
use hyper::{Response, body::Bytes};
use serde_json::json;

/// A complete answer.
pub(super) type Answer = Response<Bytes>;

/// The Smithy error shape of a service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// restXml without an envelope: S3.
    S3Xml,
    /// restJson1: Lambda.
    RestJson,
    /// restJson1 with `Message` in upper case: Scheduler.
    SchedulerJson,
    /// awsJson1_1: EventBridge and most others.
    AwsJson,
    /// awsQuery: STS and IAM.
    Query,
    /// rpcv2Cbor: CloudWatch.
    Cbor,
}

/// An error answer, independent of the service's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// Further members: elements in XML, members in JSON.
    pub details: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
}

impl Refusal {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            details: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Adds a member to the error document.
    pub fn detail(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a header to the answer.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The answer in the format of `service`. An answer to `HEAD` has no body.
    pub fn render(&self, service: &str, head: bool) -> Answer {
        let shape = shape_of(service);
        let request_id = request_id();
        let body = if head { Bytes::new() } else { self.body(shape, &request_id) };
        let (content_type, id_header) = match shape {
            Shape::S3Xml => ("application/xml", "x-amz-request-id"),
            Shape::Query => ("text/xml", "x-amzn-requestid"),
            Shape::RestJson | Shape::SchedulerJson => ("application/json", "x-amzn-requestid"),
            Shape::AwsJson => ("application/x-amz-json-1.1", "x-amzn-requestid"),
            Shape::Cbor => ("application/cbor", "x-amzn-requestid"),
        };
        let mut answer = Response::builder()
            .status(self.status)
            .header("content-type", content_type)
            .header(id_header, &request_id);
        if matches!(shape, Shape::RestJson | Shape::SchedulerJson) {
            answer = answer.header("x-amzn-errortype", &self.code);
        }
        if shape == Shape::Cbor {
            answer = answer.header("smithy-protocol", "rpc-v2-cbor");
        }
        for (name, value) in &self.headers {
            answer = answer.header(name, value);
        }
        answer.body(body).expect("a refusal is made of valid header values")
    }

    fn body(&self, shape: Shape, request_id: &str) -> Bytes {
        let Self { code, message, details, .. } = self;
        let members = || {
            details
                .iter()
                .map(|(name, value)| format!("<{name}>{}</{name}>", escape(value)))
                .collect::<String>()
        };
        let text = match shape {
            Shape::Cbor => return self.cbor(),
            Shape::S3Xml => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{}</Message>{}\
                 <RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>",
                escape(message),
                members()
            ),
            Shape::Query => format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message>{}</Error>\
                 <RequestId>{request_id}</RequestId></ErrorResponse>",
                escape(message),
                members()
            ),
            Shape::SchedulerJson => json!({"Message": message}).to_string(),
            Shape::RestJson | Shape::AwsJson => {
                let mut document = json!({"message": message});
                if shape == Shape::AwsJson {
                    document["__type"] = json!(code);
                } else {
                    document["Type"] = json!(if self.status < 500 { "User" } else { "Service" });
                }
                for (name, value) in details {
                    document[name] = json!(value);
                }
                document.to_string()
            }
        };
        Bytes::from(text)
    }

    /// A map with the code and the message.
    fn cbor(&self) -> Bytes {
        let mut encoder = Encoder::new(vec![]);
        encoder.begin_map().str("__type").str(&self.code).str("message").str(&self.message).end();
        Bytes::from(encoder.into_writer())
    }
}

fn shape_of(service: &str) -> Shape {
    match service {
        "s3" => Shape::S3Xml,
        "lambda" => Shape::RestJson,
        "scheduler" => Shape::SchedulerJson,
        "sts" | "iam" | "sns" => Shape::Query,
        "monitoring" => Shape::Cbor,
        _ => Shape::AwsJson,
    }
}

/// 200 with a JSON document, in EventBridge's format.
pub(super) fn json_answer(document: &serde_json::Value) -> Answer {
    json_with_status(200, document, "application/x-amz-json-1.1")
}

/// A JSON answer in the format of Lambda and Scheduler.
pub(super) fn rest_json_answer(status: u16, document: &serde_json::Value) -> Answer {
    json_with_status(status, document, "application/json")
}

fn json_with_status(status: u16, document: &serde_json::Value, content_type: &str) -> Answer {
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .header("x-amzn-requestid", request_id())
        .body(Bytes::from(document.to_string()))
        .expect("constant headers are valid")
}

/// An answer without a body.
pub(super) fn empty_answer(status: u16) -> Answer {
    Response::builder()
        .status(status)
        .header("x-amzn-requestid", request_id())
        .body(Bytes::new())
        .expect("constant headers are valid")
}

/// 200 with an XML document, in the format of STS and IAM.
pub(super) fn query_answer(document: impl Into<Bytes>) -> Answer {
    Response::builder()
        .status(200)
        .header("content-type", "text/xml")
        .header("x-amzn-requestid", request_id())
        .body(document.into())
        .expect("constant headers are valid")
}

/// 200 with an XML document, in S3's format.
pub(super) fn xml_answer(document: impl Into<Bytes>) -> Answer {
    Response::builder()
        .status(200)
        .header("content-type", "application/xml")
        .header("x-amz-request-id", request_id())
        .body(document.into())
        .expect("constant headers are valid")
}

/// Escapes text for XML elements and attributes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A random identifier in the form of a UUID, as in request ids and revision ids.
pub(crate) fn request_id() -> String {
    let bits: u128 = rand::random();
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
