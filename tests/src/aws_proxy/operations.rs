//! Derives the operation of a request, its resource, and whether it writes, from method, path and headers.
//!
//! Paths and query keys come from the services' API models.

use hyper::Method;
use serde_json::Value;

use super::{arn::FunctionRef, call::Request};

/// The operation of a request.
pub(super) struct Named {
    pub operation: String,
    pub resource: String,
    pub write: bool,
}

/// Sub-resources of a bucket: query key, noun of the operation.
const BUCKET_SUBRESOURCES: [(&str, &str); 22] = [
    ("notification", "BucketNotificationConfiguration"),
    ("accelerate", "BucketAccelerateConfiguration"),
    ("acl", "BucketAcl"),
    ("analytics", "BucketAnalyticsConfiguration"),
    ("cors", "BucketCors"),
    ("encryption", "BucketEncryption"),
    ("intelligent-tiering", "BucketIntelligentTieringConfiguration"),
    ("inventory", "BucketInventoryConfiguration"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("location", "BucketLocation"),
    ("logging", "BucketLogging"),
    ("metrics", "BucketMetricsConfiguration"),
    ("object-lock", "ObjectLockConfiguration"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("policy", "BucketPolicy"),
    ("policyStatus", "BucketPolicyStatus"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("replication", "BucketReplication"),
    ("requestPayment", "BucketRequestPayment"),
    ("tagging", "BucketTagging"),
    ("versioning", "BucketVersioning"),
    ("website", "BucketWebsite"),
];

/// Sub-resources of an object: query key, noun of the operation.
const OBJECT_SUBRESOURCES: [(&str, &str); 5] = [
    ("acl", "ObjectAcl"),
    ("attributes", "ObjectAttributes"),
    ("legal-hold", "ObjectLegalHold"),
    ("retention", "ObjectRetention"),
    ("tagging", "ObjectTagging"),
];

/// Sub-resources of a function: path segment, noun of the operation.
const FUNCTION_SUBRESOURCES: [(&str, &str); 10] = [
    ("code", "FunctionCode"),
    ("code-signing-config", "FunctionCodeSigningConfig"),
    ("concurrency", "FunctionConcurrency"),
    ("configuration", "FunctionConfiguration"),
    ("event-invoke-config", "FunctionEventInvokeConfig"),
    ("provisioned-concurrency", "ProvisionedConcurrencyConfig"),
    ("recursion-config", "FunctionRecursionConfig"),
    ("runtime-management-config", "RuntimeManagementConfig"),
    ("scaling-config", "FunctionScalingConfig"),
    ("url", "FunctionUrlConfig"),
];

/// Names a request. An unknown request keeps its method and path as operation.
pub(super) fn name(request: &Request) -> Named {
    match request.service.as_str() {
        "s3" => s3(request),
        "lambda" => lambda(request),
        "scheduler" => scheduler(request),
        "monitoring" => cloudwatch(request),
        _ => by_action(request),
    }
}

/// The verb of an operation on a sub-resource.
fn verb(method: &Method) -> &'static str {
    match *method {
        Method::GET | Method::HEAD => "Get",
        Method::DELETE => "Delete",
        _ => "Put",
    }
}

fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn s3(request: &Request) -> Named {
    let segments = request.segments();
    let query = request.parameters();
    let bucket = segments.first().cloned().unwrap_or_default();
    let has_key = segments.iter().skip(1).any(|segment| !segment.is_empty());
    let of = |table: &[(&str, &str)]| {
        table
            .iter()
            .find(|(key, _)| query.contains_key(*key))
            .map(|(_, noun)| format!("{}{noun}", verb(&request.method)))
    };
    let plain = |operation: &str| operation.to_owned();
    let operation = if let Some(operation) = query.get("x-id") {
        operation.clone()
    } else if bucket.is_empty() {
        plain("ListBuckets")
    } else if has_key {
        of(&OBJECT_SUBRESOURCES).unwrap_or_else(|| match request.method {
            Method::GET => plain("GetObject"),
            Method::HEAD => plain("HeadObject"),
            Method::DELETE => plain("DeleteObject"),
            _ => plain("PutObject"),
        })
    } else {
        of(&BUCKET_SUBRESOURCES).unwrap_or_else(|| match request.method {
            Method::HEAD => plain("HeadBucket"),
            Method::PUT => plain("CreateBucket"),
            Method::DELETE => plain("DeleteBucket"),
            Method::POST => plain("DeleteObjects"),
            _ if query.contains_key("versions") => plain("ListObjectVersions"),
            _ if query.contains_key("uploads") => plain("ListMultipartUploads"),
            _ if query.contains_key("list-type") => plain("ListObjectsV2"),
            _ => plain("ListObjects"),
        })
    };
    Named { operation, resource: bucket, write: is_write(&request.method) }
}

fn lambda(request: &Request) -> Named {
    let segments = request.segments();
    let part = |index: usize| segments.get(index).map(String::as_str).unwrap_or_default();
    let method = &request.method;
    let (operation, resource) = match part(1) {
        "functions" if part(2).is_empty() => {
            let create = *method == Method::POST;
            let name = request.json()["FunctionName"].as_str().map(plain_name).unwrap_or_default();
            (if create { "CreateFunction" } else { "ListFunctions" }.to_owned(), name)
        }
        "functions" => (on_function(method, part(3), part(4)), plain_name(part(2))),
        "tags" => {
            let verb = match *method {
                Method::GET => "ListTags",
                Method::DELETE => "UntagResource",
                _ => "TagResource",
            };
            (verb.to_owned(), plain_name(part(2)))
        }
        "event-source-mappings" => (listed(method, part(2), "EventSourceMapping"), String::new()),
        "account-settings" => ("GetAccountSettings".to_owned(), String::new()),
        _ => (format!("{method} {}", request.path), String::new()),
    };
    let write = is_write(method) && operation != "Invoke";
    Named { operation, resource, write }
}

fn plain_name(reference: &str) -> String {
    FunctionRef::parse(reference, "").map_or_else(|| reference.to_owned(), |function| function.name)
}

fn on_function(method: &Method, sub: &str, item: &str) -> String {
    let name = match (sub, method) {
        ("", &Method::GET) => "GetFunction",
        ("", &Method::DELETE) => "DeleteFunction",
        ("code", &Method::PUT) => "UpdateFunctionCode",
        ("configuration", &Method::PUT) => "UpdateFunctionConfiguration",
        ("policy", &Method::GET) => "GetPolicy",
        ("policy", &Method::POST) => "AddPermission",
        ("policy", &Method::DELETE) => "RemovePermission",
        ("invocations" | "invoke-async", _) => "Invoke",
        ("response-streaming-invocations", _) => "InvokeWithResponseStream",
        ("versions", &Method::POST) => "PublishVersion",
        ("versions", _) => "ListVersionsByFunction",
        ("url", &Method::POST) => "CreateFunctionUrlConfig",
        ("url", &Method::PUT) => "UpdateFunctionUrlConfig",
        ("aliases", _) => return listed(method, item, "Alias"),
        _ => "",
    };
    if !name.is_empty() {
        return name.to_owned();
    }
    let noun = FUNCTION_SUBRESOURCES.iter().find(|(segment, _)| *segment == sub);
    noun.map_or_else(|| format!("{method} functions/*/{sub}"), |(_, noun)| format!("{}{noun}", verb(method)))
}

/// The five operations of a collection: create, list, get, update, delete.
fn listed(method: &Method, item: &str, noun: &str) -> String {
    match (method, item.is_empty()) {
        (&Method::POST, _) => format!("Create{noun}"),
        (&Method::GET, true) if noun == "Alias" => "ListAliases".to_owned(),
        (&Method::GET, true) => format!("List{noun}s"),
        (&Method::GET, false) => format!("Get{noun}"),
        (&Method::DELETE, _) => format!("Delete{noun}"),
        _ => format!("Update{noun}"),
    }
}

fn scheduler(request: &Request) -> Named {
    let segments = request.segments();
    let part = |index: usize| segments.get(index).cloned().unwrap_or_default();
    let method = &request.method;
    let (operation, resource) = match part(0).as_str() {
        "schedules" if part(1).is_empty() => {
            let group = request.parameters().remove("ScheduleGroup");
            ("ListSchedules".to_owned(), group.unwrap_or_default())
        }
        "schedules" => (listed(method, &part(1), "Schedule"), part(1)),
        "schedule-groups" => (listed(method, &part(1), "ScheduleGroup"), part(1)),
        "tags" => {
            let verb = match *method {
                Method::GET => "ListTagsForResource",
                Method::DELETE => "UntagResource",
                _ => "TagResource",
            };
            let arn = segments.join("/");
            (verb.to_owned(), arn.rsplit('/').next().unwrap_or_default().to_owned())
        }
        _ => (format!("{method} {}", request.path), String::new()),
    };
    Named { operation, resource, write: is_write(method) }
}

/// Smithy RPC v2 CBOR: `/service/<service>/operation/<operation>`
/// (<https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>).
fn cloudwatch(request: &Request) -> Named {
    let operation = request.segments().pop().unwrap_or_default();
    let write = !["Describe", "Get", "List"].iter().any(|read| operation.starts_with(read));
    Named { operation, resource: String::new(), write }
}

/// Services whose requests name the operation: in `X-Amz-Target`, or as `Action` in a form.
fn by_action(request: &Request) -> Named {
    let target = request.header("x-amz-target").and_then(|target| target.rsplit('.').next());
    let form = || {
        form_urlencoded::parse(&request.body)
            .find(|(key, _)| key == "Action")
            .map(|(_, value)| value.into_owned())
    };
    let operation = target
        .map(str::to_owned)
        .or_else(|| request.parameters().remove("Action"))
        .or_else(form)
        .unwrap_or_else(|| format!("{} {}", request.method, request.path));
    let reads = ["Describe", "List", "Get", "Test", "Query", "Scan", "AssumeRole", "Receive", "Simulate"];
    let write = is_write(&request.method) && !reads.iter().any(|prefix| operation.starts_with(prefix));
    let resource = if request.service == "events" { rule_name(&request.json()) } else { String::new() };
    Named { operation, resource, write }
}

/// The rule of a request to EventBridge. The member with the name depends on the operation.
fn rule_name(body: &Value) -> String {
    let member = |name: &str| body[name].as_str();
    let tagged = member("ResourceARN")
        .and_then(|arn| arn.split(":rule/").nth(1))
        .and_then(|rule| rule.rsplit('/').next());
    member("Rule").or_else(|| member("Name")).or(tagged).unwrap_or_default().to_owned()
}
