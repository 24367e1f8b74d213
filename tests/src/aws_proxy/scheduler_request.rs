//! Requests to EventBridge Scheduler as members in AWS's names.

use serde_json::{Value, json};

use super::call::Request;

/// The members of body, query and path. The query names `groupName` and `clientToken` in lower case.
pub(super) fn members(request: &Request) -> Value {
    let mut members = request.json();
    let segments = request.segments();
    let in_path = segments.get(1..).unwrap_or_default().join("/");
    if !in_path.is_empty() {
        let name = if segments[0] == "tags" { "ResourceArn" } else { "Name" };
        members[name] = json!(in_path);
    }
    let query = request.query.as_deref().unwrap_or_default();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        add(&mut members, &key, &value);
    }
    members
}

fn add(members: &mut Value, key: &str, value: &str) {
    let mut name = key.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    match name.as_str() {
        "TagKeys" => {
            let keys = members.as_object_mut().map(|all| all.entry(name).or_insert_with(|| json!([])));
            if let Some(Value::Array(keys)) = keys {
                keys.push(json!(value));
            }
        }
        "MaxResults" => {
            members[name] = value.parse::<i64>().map_or_else(|_| json!(value), |number| json!(number))
        }
        _ => members[name] = json!(value),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use hyper::body::Bytes;

    use super::*;
    use crate::aws_proxy::call::SignatureScope;

    /// A request of account 123456789012 in a Region, such as `GET /schedules/app`.
    pub fn request(region: &str, line: &str, body: &Value) -> Request {
        let (method, uri) = line.split_once(' ').unwrap();
        let (parts, ()) = hyper::Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
        let scope = SignatureScope {
            access_key: "123456789012".to_owned(),
            region: region.to_owned(),
            service: "scheduler".to_owned(),
        };
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        Request::new(("123456789012".to_owned(), None), scope, parts, body)
    }

    #[test]
    fn members_come_from_body_query_and_path() {
        let cases = [
            (
                "DELETE /schedules/app?groupName=team&clientToken=a",
                Value::Null,
                json!({"Name": "app", "GroupName": "team", "ClientToken": "a"}),
            ),
            (
                "POST /schedules/app",
                json!({"GroupName": "team"}),
                json!({"Name": "app", "GroupName": "team"}),
            ),
            (
                "GET /schedules?ScheduleGroup=team&MaxResults=7",
                Value::Null,
                json!({"ScheduleGroup": "team", "MaxResults": 7}),
            ),
            (
                "DELETE /tags/arn:aws:scheduler:a:b:schedule-group%2Fteam?TagKeys=a&TagKeys=b",
                Value::Null,
                json!({"ResourceArn": "arn:aws:scheduler:a:b:schedule-group/team", "TagKeys": ["a", "b"]}),
            ),
        ];
        for (line, body, expected) in cases {
            assert_eq!(members(&request("eu-west-1", line, &body)), expected, "{line}");
        }
    }
}
