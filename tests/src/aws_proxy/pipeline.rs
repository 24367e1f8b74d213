//! A call from its arrival to its end: journal, quota, IAM, fault, rules, emulator.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    call::Request,
    events,
    fault_answers::{credentials_refused, denied, operation_aborted, server_error, throttled},
    faults::{FaultKind, Hook, LateAnswer, SecondWriter, Then},
    function_view::without_tags,
    iam,
    iam_simulation::simulate,
    lambda, s3, scheduler,
    state::Shared,
    upstream::with_body,
    wire::{Answer, Refusal, json_answer},
};

/// The end of a call, as the client sees it.
pub(super) enum Outcome {
    Answer(Answer),
    /// No answer, on an open connection.
    Silence,
    /// The connection closes without an answer.
    HangUp,
}

/// Runs a call to its end, even if the client disconnects.
pub(super) async fn run(shared: Arc<Shared>, request: Request) -> Outcome {
    let number = shared.journal.arrived(&request.account, request.call());
    let outcome = if shared.quotas.exceeded(&request) {
        refuse(&request, &throttled(&request.service))
    } else if let Some(refusal) = iam::judge(&shared, &request).await {
        refuse(&request, &refusal)
    } else {
        match shared.faults.meet(&request) {
            Some(fault) => with_fault(&shared, &request, fault).await,
            None => Outcome::Answer(apply(&shared, &request).await),
        }
    };
    if let Outcome::Answer(answer) = &outcome {
        shared.journal.answered(&request.account, number, answer.status().as_u16());
    }
    outcome
}

/// Applies AWS's rules to a call, without faults.
async fn apply(shared: &Shared, request: &Request) -> Answer {
    let result = match request.service.as_str() {
        "s3" => s3::handle(shared, request).await,
        "lambda" => lambda::handle(shared, request).await,
        "events" => events::handle(shared, request).await,
        "scheduler" => scheduler::handle(shared, request).await,
        "iam" if request.operation == "SimulatePrincipalPolicy" => simulate(shared, request).await,
        // IAM Identity Center knows no token here, so each token counts as expired
        // (https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html).
        _ if request.header("x-amz-sso_bearer_token").is_some() => {
            Err(Refusal::new(401, "UnauthorizedException", "Session token not found or invalid"))
        }
        _ => pass(shared, request).await,
    };
    let answer = result.unwrap_or_else(|refusal| render(request, &refusal));
    if iam::hides_tags(shared, request) { without_tags(answer) } else { answer }
}

async fn pass(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let answer = shared.upstream.forward(request).await?;
    match request.service.as_str() {
        "sts" => shared.learn_session_key(request, &answer),
        _ if request.path == "/_ministack/reset" => shared.forget_accounts(),
        _ => {}
    }
    Ok(answer)
}

fn render(request: &Request, refusal: &Refusal) -> Answer {
    refusal.render(&request.service, request.method == hyper::Method::HEAD)
}

fn refuse(request: &Request, refusal: &Refusal) -> Outcome {
    Outcome::Answer(render(request, refusal))
}

async fn with_fault(shared: &Arc<Shared>, request: &Request, fault: FaultKind) -> Outcome {
    match fault {
        FaultKind::Throttle => refuse(request, &throttled(&request.service)),
        FaultKind::Denied => refuse(request, &denied(request)),
        FaultKind::Credentials(fault) => refuse(request, &credentials_refused(&request.service, fault)),
        FaultKind::Refuse { status, code, message } => refuse(request, &Refusal::new(status, &code, message)),
        FaultKind::OperationAborted => refuse(request, &operation_aborted()),
        FaultKind::Error(status) => refuse(request, &server_error(&request.service, status)),
        FaultKind::Timeout => Outcome::Silence,
        FaultKind::Slow(delay) => {
            let answer = apply(shared, request).await;
            tokio::time::sleep(delay).await;
            Outcome::Answer(answer)
        }
        FaultKind::LostAnswer => {
            apply(shared, request).await;
            Outcome::HangUp
        }
        FaultKind::Late(delay, answer) => {
            let (shared, late) = (Arc::clone(shared), request.clone());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                apply(&shared, &late).await;
            });
            match answer {
                LateAnswer::Error(status) => refuse(request, &server_error(&request.service, status)),
                LateAnswer::Lost => Outcome::HangUp,
                LateAnswer::Silence => Outcome::Silence,
            }
        }
        FaultKind::StaleRead if request.service == "scheduler" => {
            let result = scheduler::stale_read(shared, request).await;
            Outcome::Answer(result.unwrap_or_else(|refusal| render(request, &refusal)))
        }
        FaultKind::StaleRead => Outcome::Answer(s3::stale_read(shared, request).await),
        FaultKind::SecondWriter(writer) => {
            Outcome::Answer(after_second_writer(shared, request, &writer).await)
        }
        FaultKind::FailedEntry => Outcome::Answer(failed_entry(shared, request).await),
        FaultKind::Hook(hook) => with_hook(shared, request, &hook).await,
    }
}

async fn with_hook(shared: &Shared, request: &Request, hook: &Hook) -> Outcome {
    if let Some(before) = &hook.before
        && before(request.call()).await == Then::HangUp
    {
        return Outcome::HangUp;
    }
    let answer = apply(shared, request).await;
    let mut call = request.call();
    call.status = answer.status().as_u16();
    match &hook.after {
        Some(after) if after(call).await == Then::HangUp => Outcome::HangUp,
        _ => Outcome::Answer(answer),
    }
}

/// Applies the second writer's document before the request. S3 must accept the document, but destinations are not
/// validated.
async fn after_second_writer(shared: &Shared, request: &Request, writer: &SecondWriter) -> Answer {
    let present = s3::current(shared, &request.account, &request.resource).await;
    let mut write = with_body(request, (writer.0)(&present));
    write.method = hyper::Method::PUT;
    write.query = Some("notification".to_owned());
    write.path = format!("/{}", request.resource);
    write.operation = "PutBucketNotificationConfiguration".to_owned();
    write.headers.remove("x-amz-expected-bucket-owner");
    write
        .headers
        .insert("x-amz-skip-destination-validation", hyper::header::HeaderValue::from_static("true"));
    let written = apply(shared, &write).await;
    if !written.status().is_success() {
        let why = String::from_utf8_lossy(written.body()).into_owned();
        return render(
            request,
            &Refusal::new(
                500,
                "SecondWriterRefused",
                format!("the second writer's document was refused: {why}"),
            ),
        );
    }
    apply(shared, request).await
}

async fn failed_entry(shared: &Shared, request: &Request) -> Answer {
    let mut body = request.json();
    let member = if request.operation == "PutTargets" { "Targets" } else { "Ids" };
    let Some(mut entries) = body[member].as_array().cloned().filter(|entries| !entries.is_empty()) else {
        return apply(shared, request).await;
    };
    let failed = entries.remove(0);
    if !entries.is_empty() {
        body[member] = Value::Array(entries);
        let answer = apply(shared, &with_body(request, body.to_string())).await;
        if !answer.status().is_success() {
            return answer;
        }
    }
    let id = if failed.is_string() { failed } else { failed["Id"].clone() };
    let text = "The rule is being modified by another process.";
    json_answer(&json!({
        "FailedEntryCount": 1,
        "FailedEntries": [{"TargetId": id, "ErrorCode": "ConcurrentModificationException", "ErrorMessage": text}],
    }))
}
