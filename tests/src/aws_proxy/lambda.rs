//! Lambda: routes requests to the parts of the proxy, and keeps a resource policy for each function, version and alias.

use serde_json::json;

use super::{
    arn::FunctionRef,
    call::Request,
    fault_answers::not_authorized,
    functions,
    iam_needs::Need,
    policy::{Policy, not_found, statement},
    state::{Account, Shared},
    upstream::on_behalf_of,
    wire::{Answer, Refusal, empty_answer, rest_json_answer},
};

/// Answers a request to Lambda. A request for a function of another account uses the state of the owning account. The
/// proxy assumes that the function's policy permits reads. No policy can permit another account to change the policy
/// (<https://github.com/awsdocs/aws-lambda-developer-guide/issues/139>).
pub(super) async fn handle(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let reference = request.segments().get(2).cloned().unwrap_or_default();
    let elsewhere = FunctionRef::from_arn(&reference).map(|function| function.account);
    let elsewhere = elsewhere.filter(|account| *account != request.account);
    if elsewhere.is_some() && matches!(request.operation.as_str(), "AddPermission" | "RemovePermission") {
        let action = format!("lambda:{}", request.operation);
        return Err(not_authorized(request, &Need::of_function(&action, request)));
    }
    let request = &elsewhere.map_or_else(|| request.clone(), |account| on_behalf_of(request, &account));
    let touches_policies = matches!(
        request.operation.as_str(),
        "AddPermission" | "RemovePermission" | "GetPolicy" | "DeleteFunction" | "DeleteAlias"
    );
    let touches_functions = functions::handles(&request.operation);
    if request.operation.starts_with("Invoke") {
        functions::check_invocation(shared, request).await?;
    }
    if !touches_policies && !touches_functions {
        return Ok(shared.upstream.forward(request).await?);
    }
    let account = shared.account(&request.account);
    let mut account = account.lock().await;
    match request.operation.as_str() {
        "DeleteFunction" | "DeleteAlias" => delete(shared, &mut account, request).await,
        _ if touches_functions => functions::handle(shared, &mut account, request).await,
        _ => on_policy(shared, &mut account, request).await,
    }
}

/// The function in the path, with the qualifier from the path or from the `Qualifier` parameter.
pub(super) fn function(request: &Request) -> Result<FunctionRef, Refusal> {
    let reference = request.segments().get(2).cloned().unwrap_or_default();
    let mut function = FunctionRef::parse(&reference, &request.region).ok_or_else(|| {
        Refusal::new(400, "ValidationException", format!("'{reference}' at 'functionName' names no function"))
    })?;
    let mut qualifiers =
        [request.parameters().remove("Qualifier"), function.qualifier.take()].into_iter().flatten();
    function.qualifier = qualifiers.next();
    if qualifiers.next().is_some_and(|other| function.qualifier.as_ref() != Some(&other)) {
        let text = "The derived qualifier from the function name does not match the specified qualifier.";
        return Err(Refusal::new(400, "InvalidParameterValueException", text));
    }
    function.account.clone_from(&request.account);
    Ok(function)
}

async fn on_policy(shared: &Shared, account: &mut Account, request: &Request) -> Result<Answer, Refusal> {
    let function = function(request)?;
    if request.operation == "AddPermission" {
        // AWS reports errors in the request before errors about the function.
        statement(&request.json(), &function)?;
        if function.qualifier.as_deref() == Some("$LATEST") {
            return Err(no_policy_on_latest());
        }
    }
    let existing = shared.upstream.function(&request.account, &function).await?;
    if !existing.status().is_success() {
        return Err(functions::missing(&function));
    }
    match request.operation.as_str() {
        "AddPermission" => add_permission(shared, account, request, function).await,
        "RemovePermission" => remove_permission(shared, account, request, function).await,
        _ => get_policy(account, &function),
    }
}

/// 400: `$LATEST` cannot have a policy. The unqualified function can.
pub(crate) fn no_policy_on_latest() -> Refusal {
    let text = "We currently do not support adding policies for $LATEST.";
    Refusal::new(400, "InvalidParameterValueException", text)
}

async fn add_permission(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
    function: FunctionRef,
) -> Result<Answer, Refusal> {
    let body = request.json();
    let statement = statement(&body, &function)?;
    let policy =
        Policy::add(account.policies.get(&function), statement.clone(), body["RevisionId"].as_str())?;
    account.policies.insert(function, policy);
    account.follow_policies(&shared.upstream).await?;
    Ok(rest_json_answer(201, &json!({"Statement": statement.to_string()})))
}

async fn remove_permission(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
    function: FunctionRef,
) -> Result<Answer, Refusal> {
    let sid = request.segments().get(4).cloned().unwrap_or_default();
    let expected = request.parameters().remove("RevisionId");
    match Policy::remove(account.policies.get(&function), &sid, expected.as_deref())? {
        Some(policy) => account.policies.insert(function, policy),
        None => account.policies.remove(&function),
    };
    account.follow_policies(&shared.upstream).await?;
    Ok(empty_answer(204))
}

fn get_policy(account: &Account, function: &FunctionRef) -> Result<Answer, Refusal> {
    let policy = account
        .policies
        .get(function)
        .ok_or_else(|| not_found("The resource you requested does not exist."))?;
    Ok(rest_json_answer(200, &json!({"Policy": policy.document(), "RevisionId": policy.revision()})))
}

/// Deletes a function, version or alias together with its policy, which ends its deliveries.
async fn delete(shared: &Shared, account: &mut Account, request: &Request) -> Result<Answer, Refusal> {
    let mut gone = function(request)?;
    if request.operation == "DeleteFunction" && gone.qualifier.as_deref() == Some("$LATEST") {
        let text = "$LATEST version cannot be deleted without deleting the function.";
        return Err(Refusal::new(400, "InvalidParameterValueException", text));
    }
    let answer = shared.upstream.forward(request).await?;
    if answer.status().is_success() {
        if request.operation == "DeleteAlias" {
            gone.qualifier = request.segments().get(4).cloned();
        }
        account.functions.remove(&gone);
        account.policies.retain(|kept, _| {
            let same = kept.region == gone.region && kept.name == gone.name;
            !same || gone.qualifier.is_some() && kept.qualifier != gone.qualifier
        });
        account.follow_policies(&shared.upstream).await?;
    }
    Ok(answer)
}
