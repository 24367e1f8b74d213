//! A function as Lambda shows it: the emulator's answer without the members that AWS omits, and with the proxy's own
//! state.

use serde_json::{Map, Value, json};

use super::{
    functions::Function,
    wire::{Answer, rest_json_answer},
};

/// Members that AWS omits if empty.
const ABSENT_WHEN_EMPTY: [&str; 4] = ["KMSKeyArn", "Runtime", "Handler", "Layers"];

/// Members that AWS omits if the inner member is empty.
const ABSENT_WITHOUT: [(&str, &str); 3] = [
    ("Environment", "Variables"),
    ("DeadLetterConfig", "TargetArn"),
    ("RuntimeVersionConfig", "RuntimeVersionArn"),
];

/// State members. The emulator's values are wrong.
const STAGE: [&str; 6] = [
    "State",
    "StateReason",
    "StateReasonCode",
    "LastUpdateStatus",
    "LastUpdateStatusReason",
    "LastUpdateStatusReasonCode",
];

/// The JSON document in an answer of the emulator.
pub(super) fn document(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

/// Turns the emulator's configuration into AWS's. `function` is `None` for a version, since the proxy has no state of
/// versions.
pub(super) fn show_configuration(configuration: &mut Value, function: Option<&Function>) {
    let Some(members) = configuration.as_object_mut() else {
        return;
    };
    if let Some(function) = function {
        for member in STAGE {
            members.remove(member);
        }
        if let Value::Object(stage) = function.life.members() {
            members.extend(stage);
        }
        members.insert("RevisionId".to_owned(), json!(function.life.revision));
        if !function.has_had_vpc {
            members.remove("VpcConfig");
        }
        if let Some(image) = &function.image {
            members.insert("CodeSha256".to_owned(), json!(image.digest));
        }
    }
    if members.get("PackageType").is_some_and(|kind| kind == "Image") {
        show_image_configuration(members);
    }
    members.remove("ImageUri");
    for member in ABSENT_WHEN_EMPTY.iter().chain(&STAGE) {
        if is_empty(members.get(*member)) {
            members.remove(*member);
        }
    }
    for (member, inner) in ABSENT_WITHOUT {
        if is_empty(members.get(member).and_then(|value| value.get(inner))) {
            members.remove(member);
        }
    }
}

/// AWS always shows the settings of an image, even if empty.
fn show_image_configuration(members: &mut Map<String, Value>) {
    let set =
        members.get("ImageConfigResponse").is_some_and(|response| !is_empty(response.get("ImageConfig")));
    if !set {
        members.insert("ImageConfigResponse".to_owned(), json!({}));
    }
}

/// Turns the emulator's answer to `GetFunction` into AWS's.
pub(super) fn show_function(answer: &mut Value, function: Option<&Function>) {
    show_configuration(&mut answer["Configuration"], function);
    if let Some(image) = function.and_then(|function| function.image.as_ref()) {
        answer["Code"] = json!({
            "RepositoryType": "ECR",
            "ImageUri": image.uri,
            "ResolvedImageUri": image.resolved(),
        });
    }
    if is_empty(answer.get("Tags"))
        && let Some(members) = answer.as_object_mut()
    {
        members.remove("Tags");
    }
}

/// Shows a caller without `kms:Decrypt` an error instead of the variables, if the function has a customer managed key.
/// With Lambda's own key, every reader of the function may decrypt.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentError.html>
pub(super) fn hide_environment(configuration: &mut Value) {
    if is_empty(configuration.get("KMSKeyArn")) || is_empty(configuration.get("Environment")) {
        return;
    }
    configuration["Environment"] = json!({"Error": {
        "ErrorCode": "AccessDeniedException",
        "Message": "Lambda was unable to decrypt your environment variables because the KMS access was denied. Please check \
                    your KMS permissions. KMS Exception: AccessDeniedException",
    }});
}

/// True if the value is absent, null or empty.
fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        Some(_) => false,
    }
}

/// The answer to `GetFunction` for a caller without permission to read tags
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>).
pub(super) fn without_tags(answer: Answer) -> Answer {
    let mut shown = document(&answer);
    let Some(members) = shown.as_object_mut().filter(|_| answer.status().is_success()) else { return answer };
    members.remove("Tags");
    let error =
        json!({"ErrorCode": "AccessDeniedException", "Message": "The caller may not call lambda:ListTags."});
    members.insert("TagsError".to_owned(), error);
    rest_json_answer(200, &shown)
}
