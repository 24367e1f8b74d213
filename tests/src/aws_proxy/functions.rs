//! Lambda functions, from creation to deletion.
//!
//! The emulator runs the functions and stores their settings. The proxy checks each request, simulates the duration of
//! changes, and answers in AWS's words.

use std::collections::BTreeMap;

use hyper::{Method, body::Bytes};
use serde_json::{Value, json};

use super::{
    arn::FunctionRef,
    call::Request,
    event_invoke,
    function_check::{self, invalid},
    function_code::{Image, source},
    function_state::{Life, Stage},
    function_view::{document, hide_environment, show_configuration, show_function},
    lambda,
    policy::not_found,
    state::{Account, Shared},
    upstream::with_body,
    wire::{Answer, Refusal, rest_json_answer},
};

/// State of a function that only the proxy has.
#[derive(Debug)]
pub(super) struct Function {
    pub life: Life,
    pub image: Option<Image>,
    /// Reserved concurrent executions.
    reserved: Option<u64>,
    pub event_invoke_config: Option<Value>,
    /// True if a request ever had a VPC configuration. AWS then shows `VpcConfig`, even if empty.
    pub has_had_vpc: bool,
}

/// Functions by reference, without qualifiers.
pub(super) type Functions = BTreeMap<FunctionRef, Function>;

/// True if [`handle`] answers the operation.
pub(super) fn handles(operation: &str) -> bool {
    matches!(
        operation,
        "CreateFunction"
            | "GetFunction"
            | "GetFunctionConfiguration"
            | "ListFunctions"
            | "UpdateFunctionCode"
            | "UpdateFunctionConfiguration"
            | "PublishVersion"
            | "PutFunctionConcurrency"
            | "DeleteFunctionConcurrency"
            | "PutFunctionEventInvokeConfig"
            | "GetFunctionEventInvokeConfig"
            | "DeleteFunctionEventInvokeConfig"
            | "TagResource"
    )
}

/// Answers a request that creates, reads or changes functions.
pub(super) async fn handle(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
) -> Result<Answer, Refusal> {
    let finished = shared.wishes.finished(&request.account);
    for function in account.functions.values_mut() {
        function.life.settle(finished);
    }
    match request.operation.as_str() {
        "CreateFunction" => create(shared, account, request).await,
        "ListFunctions" => list(shared, account, request).await,
        "TagResource" => tag(shared, request).await,
        operation => {
            let target = lambda::function(request)?;
            match operation {
                "GetFunction" | "GetFunctionConfiguration" => read(shared, account, request, target).await,
                "PublishVersion" => publish(shared, account, request, target).await,
                "PutFunctionConcurrency" => reserve(shared, account, request, target).await,
                "DeleteFunctionConcurrency" => unreserve(shared, account, request, &target).await,
                operation if operation.ends_with("FunctionEventInvokeConfig") => {
                    event_invoke::handle(shared, account, request, &unqualified(target)).await
                }
                _ => update(shared, account, request, target).await,
            }
        }
    }
}

/// Refuses an invocation of a function whose creation is in progress or failed.
pub(super) async fn check_invocation(shared: &Shared, request: &Request) -> Result<(), Refusal> {
    let target = unqualified(lambda::function(request)?);
    let account = shared.account(&request.account);
    let mut account = account.lock().await;
    let Some(function) = account.functions.get_mut(&target) else {
        return Ok(());
    };
    function.life.settle(shared.wishes.finished(&request.account));
    function.life.check_invocable()
}

fn unqualified(mut function: FunctionRef) -> FunctionRef {
    function.qualifier = None;
    function
}

pub(crate) fn missing(function: &FunctionRef) -> Refusal {
    not_found(&format!("Function not found: {}", function.arn()))
}

/// 409: the name is taken.
pub(crate) fn exists_already(name: &str) -> Refusal {
    Refusal::new(409, "ResourceConflictException", format!("Function already exist: {name}"))
}

async fn create(shared: &Shared, account: &mut Account, request: &Request) -> Result<Answer, Refusal> {
    let mut body = request.json();
    function_check::creation(&body)?;
    let name = body["FunctionName"].as_str().unwrap_or_default().to_owned();
    let function = FunctionRef {
        region: request.region.clone(),
        account: request.account.clone(),
        name: name.clone(),
        qualifier: None,
    };
    let standard = json!({"LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}")});
    body["LoggingConfig"] = logging(&standard, &body["LoggingConfig"])?;
    if shared.upstream.function(&request.account, &function).await?.status().is_success() {
        return Err(exists_already(&name));
    }
    let image = source(shared, &account.buckets, request, &body["Code"]).await?;
    let has_had_vpc = !body["VpcConfig"].is_null();
    let answer = shared.upstream.forward(&with_body(request, body.to_string())).await?;
    if !answer.status().is_success() {
        return Ok(answer);
    }
    let change = shared.wishes.change(&request.account, &name);
    let life = Life::new(Stage::Creating(change));
    let created = Function { life, image, reserved: None, event_invoke_config: None, has_had_vpc };
    let shown = shown(&answer, &created);
    account.functions.insert(function, created);
    Ok(shown)
}

/// Turns the emulator's answer with a configuration into AWS's.
fn shown(answer: &Answer, function: &Function) -> Answer {
    let mut configuration = document(answer);
    show_configuration(&mut configuration, Some(function));
    rest_json_answer(answer.status().as_u16(), &configuration)
}

async fn read(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
    target: FunctionRef,
) -> Result<Answer, Refusal> {
    let answer = shared.upstream.forward(request).await?;
    if !answer.status().is_success() {
        return Err(missing(&target));
    }
    let of_version = target.qualifier.as_ref().is_some_and(|qualifier| qualifier != "$LATEST");
    let function = account.functions.get_mut(&unqualified(target)).filter(|_| !of_version);
    let mut found = document(&answer);
    if request.operation == "GetFunction" {
        show_function(&mut found, function.as_deref());
    } else {
        show_configuration(&mut found, function.as_deref());
    }
    if shared.wishes.hides_environments(&request.account) {
        hide_environment(if request.operation == "GetFunction" {
            &mut found["Configuration"]
        } else {
            &mut found
        });
    }
    if let Some(function) = function {
        function.life.seen();
    }
    Ok(rest_json_answer(200, &found))
}

async fn list(shared: &Shared, account: &Account, request: &Request) -> Result<Answer, Refusal> {
    let answer = shared.upstream.forward(request).await?;
    let mut found = document(&answer);
    for configuration in found["Functions"].as_array_mut().into_iter().flatten() {
        let arn = configuration["FunctionArn"].as_str().unwrap_or_default();
        let function = FunctionRef::from_arn(arn).and_then(|function| account.functions.get(&function));
        show_configuration(configuration, function);
    }
    Ok(rest_json_answer(answer.status().as_u16(), &found))
}

/// The emulator's configuration of a function, and the proxy's state of the function.
pub(super) async fn find<'a>(
    shared: &Shared,
    functions: &'a mut Functions,
    target: &FunctionRef,
) -> Result<(Value, &'a mut Function), Refusal> {
    let target = unqualified(target.clone());
    let answer = shared.upstream.function(&target.account, &target).await?;
    if !answer.status().is_success() {
        functions.remove(&target);
        return Err(missing(&target));
    }
    // A function that was created without the proxy has no change in progress.
    let function = functions.entry(target).or_insert_with(|| Function {
        life: Life::new(Stage::Ready),
        image: None,
        reserved: None,
        event_invoke_config: None,
        has_had_vpc: true,
    });
    Ok((document(&answer), function))
}

/// `UpdateFunctionCode` and `UpdateFunctionConfiguration`.
async fn update(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
    target: FunctionRef,
) -> Result<Answer, Refusal> {
    let mut body = request.json();
    let (present, function) = find(shared, &mut account.functions, &target).await?;
    function.life.check_at_rest(&unqualified(target.clone()).arn())?;
    check_revision(&mut body, function)?;
    let package_type = present["PackageType"].as_str().unwrap_or("Zip");
    let mut image = None;
    if request.operation == "UpdateFunctionCode" {
        function_check::code_update(&body, package_type)?;
        image = source(shared, &account.buckets, request, &body).await?;
    } else {
        function_check::configuration_update(&body, package_type)?;
        if !body["LoggingConfig"].is_null() {
            body["LoggingConfig"] = logging(&present["LoggingConfig"], &body["LoggingConfig"])?;
        }
    }
    if body["DryRun"] == true {
        let mut configuration = present;
        show_configuration(&mut configuration, Some(function));
        return Ok(rest_json_answer(200, &configuration));
    }
    let change = |function: &mut Function| {
        let change = shared.wishes.change(&request.account, &target.name);
        function.life = Life::new(Stage::Updating(change));
    };
    // "Lambda aborts the update, and the function's previous code and configuration remain available."
    if shared.wishes.dooms(&request.account, &target.name) {
        change(function);
        let mut configuration = present;
        show_configuration(&mut configuration, Some(function));
        return Ok(rest_json_answer(200, &configuration));
    }
    let answer = shared.upstream.forward(&with_body(request, body.to_string())).await?;
    if !answer.status().is_success() {
        return Ok(answer);
    }
    change(function);
    function.image = image.or(function.image.take());
    function.has_had_vpc |= !body["VpcConfig"].is_null();
    Ok(shown(&answer, function))
}

/// Refuses a stale `RevisionId`. A current `RevisionId` is removed from the request: the emulator has different
/// revisions.
fn check_revision(body: &mut Value, function: &Function) -> Result<(), Refusal> {
    let given = body.as_object_mut().and_then(|members| members.remove("RevisionId"));
    match given {
        Some(given) if given != function.life.revision => {
            let text = "The RevisionId provided does not match the latest RevisionId for the Lambda function or alias. \
                        Call the GetFunction or the GetAlias API to retrieve the latest RevisionId for your resource.";
            Err(Refusal::new(412, "PreconditionFailedException", text))
        }
        _ => Ok(()),
    }
}

/// The logging configuration after a change. Omitted members stay, and log levels exist only with JSON.
fn logging(present: &Value, given: &Value) -> Result<Value, Refusal> {
    let mut whole = present.clone();
    let is_json = |logging: &Value| logging["LogFormat"] == "JSON";
    if is_json(given) && !is_json(present) {
        whole["ApplicationLogLevel"] = json!("INFO");
        whole["SystemLogLevel"] = json!("INFO");
    }
    for (member, value) in given.as_object().into_iter().flatten() {
        whole[member] = value.clone();
    }
    function_check::logging(given, &whole)?;
    if let Some(members) = whole.as_object_mut().filter(|members| members["LogFormat"] != "JSON") {
        members.remove("ApplicationLogLevel");
        members.remove("SystemLogLevel");
    }
    Ok(whole)
}

async fn publish(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
    target: FunctionRef,
) -> Result<Answer, Refusal> {
    let mut body = request.json();
    let (present, function) = find(shared, &mut account.functions, &target).await?;
    function.life.check_at_rest(&unqualified(target).arn())?;
    check_revision(&mut body, function)?;
    let code = function.image.as_ref().map_or(present["CodeSha256"].clone(), |image| json!(image.digest));
    let expected = &body["CodeSha256"];
    if !expected.is_null() && *expected != code {
        return Err(invalid(format!(
            "CodeSHA256 ({}) is different from current CodeSHA256 in $LATEST ({}). Please try again with the CodeSHA256 in $LATEST.",
            expected.as_str().unwrap_or_default(),
            code.as_str().unwrap_or_default()
        )));
    }
    let answer = shared.upstream.forward(&with_body(request, body.to_string())).await?;
    let mut version = document(&answer);
    show_configuration(&mut version, None);
    Ok(rest_json_answer(answer.status().as_u16(), &version))
}

async fn reserve(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
    target: FunctionRef,
) -> Result<Answer, Refusal> {
    let target = unqualified(target);
    find(shared, &mut account.functions, &target).await?;
    let of_others = account
        .functions
        .iter()
        .filter(|(other, _)| other.region == target.region && **other != target)
        .filter_map(|(_, function)| function.reserved)
        .sum();
    let wanted = function_check::reservation(&request.json()["ReservedConcurrentExecutions"], of_others)?;
    let answer = shared.upstream.forward(request).await?;
    if let Some(function) = account.functions.get_mut(&target).filter(|_| answer.status().is_success()) {
        function.reserved = Some(wanted);
    }
    Ok(answer)
}

async fn unreserve(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
    target: &FunctionRef,
) -> Result<Answer, Refusal> {
    let (_, function) = find(shared, &mut account.functions, target).await?;
    let answer = shared.upstream.forward(request).await?;
    if answer.status().is_success() {
        function.reserved = None;
    }
    Ok(answer)
}

/// 400: versions and aliases have no tags.
pub(crate) fn no_tags_there(arn: &str) -> Refusal {
    let text = format!(
        "Tags on function aliases and versions are not supported. Please specify a function ARN: {arn}"
    );
    invalid(text)
}

async fn tag(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let arn = request.segments().get(2).cloned().unwrap_or_default();
    let Some(function) = FunctionRef::from_arn(&arn) else {
        return Ok(shared.upstream.forward(request).await?);
    };
    if function.qualifier.is_some() {
        return Err(no_tags_there(&arn));
    }
    let scope = (request.account.as_str(), function.region.as_str(), "lambda");
    let present = shared.upstream.own(scope, Method::GET, &request.path, &[], Bytes::new()).await?;
    function_check::tags(&request.json()["Tags"], &document(&present)["Tags"])?;
    Ok(shared.upstream.forward(request).await?)
}
