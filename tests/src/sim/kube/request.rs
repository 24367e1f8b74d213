//! Parses the request of a Kubernetes client.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, header};
use serde_json::Value;

use super::history::Scope;
use super::object::Component;
use super::refused::Refused;
use super::resource::{Key, Resource};
use super::store::{PatchType, Preconditions};
use super::view::Form;
use super::watch::{From, WatchRequest};

/// The known query parameters. Any other parameter is refused, since this server would ignore the parameter.
const PARAMETERS: [&str; 12] = [
    "allowWatchBookmarks",
    "continue",
    "fieldManager",
    "fieldSelector",
    "fieldValidation",
    "force",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
];

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The verb, with its arguments.
    pub verb: Verb,
    /// The component of the object.
    pub part: Component,
    /// The object. For a collection, the name is empty.
    pub key: Key,
    /// The form of objects in the answer.
    pub form: Form,
}

/// The verb of a request.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Lists objects.
    List(Scope),
    /// Watches objects.
    Watch(WatchRequest),
    /// Creates an object.
    Create(Value),
    /// Replaces an object.
    Update(Value),
    /// Patches an object.
    Patch {
        /// The field manager.
        manager: String,
        /// The type of the patch.
        how: PatchType,
        /// The patch.
        body: Bytes,
    },
    /// Deletes an object.
    Delete(Preconditions),
}

impl Request {
    /// Parses a request, or refuses an operation that this server does not support.
    pub fn read(parts: &Parts, body: Bytes) -> Result<Self, Refused> {
        let path = Path::read(parts.uri.path())?;
        let query = query(parts.uri.query().unwrap_or_default())?;
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let form = Form::accepted(header(header::ACCEPT));
        let mut key =
            Key::new(path.resource, path.namespace.unwrap_or_default(), path.name.unwrap_or_default());
        let part = match path.subresource {
            None => Component::Main,
            Some("status") if path.resource.custom() => Component::Status,
            Some(_) => return Err(no_such_path()),
        };
        let one = path.name.is_some();
        let verb = match parts.method {
            Method::GET if one => Verb::Get,
            Method::GET => {
                let scope = scope(&path, &query)?;
                if query.contains_key("watch") {
                    Verb::Watch(watch_request(scope, form, &query)?)
                } else {
                    Verb::List(scope)
                }
            }
            Method::POST if !one => {
                let object = json(&body)?;
                key.name = object["metadata"]["name"].as_str().unwrap_or_default().into();
                Verb::Create(object)
            }
            Method::PUT if one => Verb::Update(json(&body)?),
            Method::PATCH if one => {
                let manager = query.get("fieldManager").cloned().unwrap_or_default();
                Verb::Patch { manager, how: patch_type(header(header::CONTENT_TYPE))?, body }
            }
            Method::DELETE if one => Verb::Delete(preconditions(&body)?),
            _ => return Err(Refused::new(405, "MethodNotAllowed", "this cluster does not do this")),
        };
        Ok(Self { verb, part, key, form })
    }

    /// The operation as in the plan of a run: `kube:patch s3triggeredfunctions/status`.
    pub fn operation(&self) -> String {
        let verb = match self.verb {
            Verb::Get => "get",
            Verb::List(_) => "list",
            Verb::Watch(_) => "watch",
            Verb::Create(_) => "create",
            Verb::Update(_) => "update",
            Verb::Patch { .. } => "patch",
            Verb::Delete(_) => "delete",
        };
        let subresource = if self.part == Component::Status { "/status" } else { "" };
        format!("kube:{verb} {}{subresource}", self.key.resource)
    }

    /// The object as in the plan of a run: namespace and name. Empty for lists and watches.
    pub fn on(&self) -> String {
        match self.verb {
            Verb::List(_) | Verb::Watch(_) => String::new(),
            Verb::Get | Verb::Create(_) | Verb::Update(_) | Verb::Patch { .. } | Verb::Delete(_) => {
                self.key.to_string()
            }
        }
    }

    /// True for a write.
    pub fn write(&self) -> bool {
        !matches!(self.verb, Verb::Get | Verb::List(_) | Verb::Watch(_))
    }
}

struct Path<'a> {
    resource: Resource,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    subresource: Option<&'a str>,
}

impl<'a> Path<'a> {
    /// Parses a path (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris>).
    fn read(path: &'a str) -> Result<Self, Refused> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (api_version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return Err(no_such_path()),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            rest => (None, rest),
        };
        let [plural, rest @ ..] = rest else { return Err(no_such_path()) };
        let resource = Resource::ALL
            .into_iter()
            .find(|resource| resource.plural() == *plural && resource.api_version() == api_version)
            .ok_or_else(no_such_path)?;
        let (name, subresource) = match rest {
            [] => (None, None),
            [name] => (Some(*name), None),
            [name, subresource] => (Some(*name), Some(*subresource)),
            _ => return Err(no_such_path()),
        };
        Ok(Self { resource, namespace, name, subresource })
    }
}

fn no_such_path() -> Refused {
    Refused::new(404, "NotFound", "the server could not find the requested resource")
}

fn query(text: &str) -> Result<BTreeMap<String, String>, Refused> {
    let query: BTreeMap<String, String> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    match query.keys().find(|name| !PARAMETERS.contains(&name.as_str())) {
        Some(name) => Err(Refused::bad_request(format!("this cluster does not know the parameter {name}"))),
        None => Ok(query),
    }
}

/// The scope of a list or a watch. The only known field selector selects a name.
fn scope(path: &Path<'_>, query: &BTreeMap<String, String>) -> Result<Scope, Refused> {
    let name = match query.get("fieldSelector") {
        None => None,
        Some(selector) => {
            Some(selector.strip_prefix("metadata.name=").map(str::to_owned).ok_or_else(|| {
                Refused::bad_request(format!("this cluster does not know the field selector {selector}"))
            })?)
        }
    };
    Ok(Scope { resource: path.resource, namespace: path.namespace.map(str::to_owned), name })
}

fn watch_request(
    scope: Scope,
    form: Form,
    query: &BTreeMap<String, String>,
) -> Result<WatchRequest, Refused> {
    let number = |name| match query.get(name) {
        None => Ok(None),
        Some(text) => text.parse::<u64>().map(Some).map_err(|_| {
            Refused::bad_request(format!("{name}: Invalid value: \"{text}\": this is no number"))
        }),
    };
    let is = |name| query.get(name).is_some_and(|value| value == "true");
    let from = match number("resourceVersion")? {
        Some(version) if version > 0 && !is("sendInitialEvents") => From::Version(version),
        _ => From::Any { marked: is("sendInitialEvents") },
    };
    let timeout = number("timeoutSeconds")?.map(Duration::from_secs);
    Ok(WatchRequest { scope, form, from, bookmarks: is("allowWatchBookmarks"), timeout })
}

fn json(body: &[u8]) -> Result<Value, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::bad_request(error.to_string()))
}

fn patch_type(content_type: Option<&str>) -> Result<PatchType, Refused> {
    match content_type {
        Some("application/json-patch+json") => Ok(PatchType::Json),
        Some("application/merge-patch+json") => Ok(PatchType::Merge),
        Some("application/apply-patch+yaml") => Ok(PatchType::Apply),
        _ => Err(Refused::new(415, "UnsupportedMediaType", "this cluster does not know this kind of patch")),
    }
}

fn preconditions(body: &[u8]) -> Result<Preconditions, Refused> {
    if body.is_empty() {
        return Ok(Preconditions::default());
    }
    let options = json(body)?;
    let text = |field| options["preconditions"][field].as_str().map(str::to_owned);
    Ok(Preconditions { uid: text("uid"), resource_version: text("resourceVersion") })
}
