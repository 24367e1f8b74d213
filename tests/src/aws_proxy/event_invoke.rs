//! The configuration of a function's asynchronous invocations: retries and destinations.
//!
//! Sources: the API model, and
//! <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>.

use serde_json::{Value, json};

use super::{
    arn::FunctionRef,
    call::Request,
    function_check::{invalid, within},
    functions::find,
    policy::not_found,
    state::{Account, Shared},
    wire::{Answer, Refusal, empty_answer, rest_json_answer},
};

/// The members of a configuration. A write without a member removes the member.
const MEMBERS: [&str; 3] = ["MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"];

/// The requested configuration, or Lambda's refusal.
pub(crate) fn event_invoke_config(body: &Value) -> Result<Value, Refusal> {
    within(&body["MaximumRetryAttempts"], "maximumRetryAttempts", 0, 2)?;
    within(&body["MaximumEventAgeInSeconds"], "maximumEventAgeInSeconds", 60, 21_600)?;
    let given = MEMBERS.into_iter().filter(|member| !body[*member].is_null());
    let config: Value = given.map(|member| (member.to_owned(), body[member].clone())).collect();
    if config == json!({}) {
        return Err(invalid("You must specify at least one of error handling or destination setting."));
    }
    Ok(config)
}

/// 404: the function has no configuration, or does not exist.
pub(crate) fn no_event_invoke_config(function: &FunctionRef) -> Refusal {
    not_found(&format!("The function {}:$LATEST doesn't have an EventInvokeConfig", function.arn()))
}

/// `PutFunctionEventInvokeConfig`, `GetFunctionEventInvokeConfig` and `DeleteFunctionEventInvokeConfig`.
pub(super) async fn handle(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
    target: &FunctionRef,
) -> Result<Answer, Refusal> {
    let is_put = request.operation == "PutFunctionEventInvokeConfig";
    let requested = if is_put { Some(event_invoke_config(&request.json())?) } else { None };
    let (_, function) = find(shared, &mut account.functions, target).await?;
    if let Some(requested) = requested {
        function.event_invoke_config = Some(requested);
    }
    let Some(mut shown) = function.event_invoke_config.clone() else {
        return Err(no_event_invoke_config(target));
    };
    if request.operation == "DeleteFunctionEventInvokeConfig" {
        function.event_invoke_config = None;
        return Ok(empty_answer(204));
    }
    shown["FunctionArn"] = json!(format!("{}:$LATEST", target.arn()));
    shown["LastModified"] = json!(0);
    Ok(rest_json_answer(200, &shown))
}
