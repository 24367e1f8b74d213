//! A function as Lambda shows it: what the emulator says, without what AWS leaves out and with what the aws_proxy knows better.

use serde_json::{Map, Value, json};

use super::{
    functions::Function,
    wire::{Answer, rest_json_answer},
};

/// Members that AWS leaves out where they are empty.
const ABSENT_WHEN_EMPTY: [&str; 4] = ["KMSKeyArn", "Runtime", "Handler", "Layers"];

/// Members that AWS leaves out where this one in them is empty.
const ABSENT_WITHOUT: [(&str, &str); 3] = [
    ("Environment", "Variables"),
    ("DeadLetterConfig", "TargetArn"),
    ("RuntimeVersionConfig", "RuntimeVersionArn"),
];

/// Members that say where a function stands. The emulator's own are wrong.
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

/// Makes a configuration of the emulator what AWS answers. `function` is none for a version, which the aws_proxy knows nothing more of.
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

/// An image's settings are always there, empty where none are set.
fn show_image_configuration(members: &mut Map<String, Value>) {
    let set =
        members.get("ImageConfigResponse").is_some_and(|response| !is_empty(response.get("ImageConfig")));
    if !set {
        members.insert("ImageConfigResponse".to_owned(), json!({}));
    }
}

/// Makes an answer to `GetFunction` of the emulator what AWS answers.
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

/// Shows what a caller sees who may not decrypt: an error in place of the variables, for a key of the customer's. With
/// Lambda's own key everybody may who may read the function.
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

/// Nothing, or nothing in it.
fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        Some(_) => false,
    }
}

/// An answer to `GetFunction` as a caller has it who may not read tags
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
