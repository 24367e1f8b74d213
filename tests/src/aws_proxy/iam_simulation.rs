//! IAM's simulator of policies, for the roles in the emulator's IAM. Every other call of IAM passes through.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html>

use super::{
    call::Request,
    scheduler_role::{Decision, decide, exists},
    state::Shared,
    wire::{Answer, Refusal, escape, query_answer, request_id},
};

/// IAM's name for the resources of an action on functions.
const ANY_FUNCTION: &str = "arn:${Partition}:lambda:${Region}:${Account}:function:${FunctionName}";

/// Answers `SimulatePrincipalPolicy` for one action on functions.
pub(super) async fn simulate(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let role = request.form("PolicySourceArn").unwrap_or_default();
    let parts: Vec<&str> = role.split(':').collect();
    let ["arn", _, "iam", "", account, name] = parts.as_slice() else { return Err(not_a_role(&role)) };
    let Some(name) = name.strip_prefix("role/") else { return Err(not_a_role(&role)) };
    if *account != request.account || !exists(&shared.upstream, &role).await? {
        let text = format!("The role with name {name} cannot be found.");
        return Err(Refusal::new(404, "NoSuchEntity", text));
    }
    let [action] = &members(request, "ActionNames")[..] else {
        return Err(Refusal::new(400, "InvalidInput", "the proxy simulates exactly one action"));
    };
    let (mut strictest, mut results) = (Decision::Allowed, String::new());
    for resource in members(request, "ResourceArns") {
        let decision = decide(&shared.upstream, &role, action, &resource).await?;
        strictest = strictest.max(decision);
        results += &format!(
            "<member><EvalResourceName>{}</EvalResourceName><EvalResourceDecision>{}</EvalResourceDecision>\
             <MatchedStatements/><MissingContextValues/></member>",
            escape(&resource),
            decision.as_str()
        );
    }
    Ok(query_answer(format!(
        "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
         <SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults><member>\
         <EvalActionName>{}</EvalActionName><EvalResourceName>{ANY_FUNCTION}</EvalResourceName>\
         <EvalDecision>{}</EvalDecision><MatchedStatements/><MissingContextValues/>\
         <ResourceSpecificResults>{results}</ResourceSpecificResults></member></EvaluationResults>\
         </SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata>\
         </SimulatePrincipalPolicyResponse>",
        escape(action),
        strictest.as_str(),
        request_id()
    )))
}

/// The refusal of an ARN that names no user, group or role. The proxy knows only roles.
fn not_a_role(arn: &str) -> Refusal {
    let text = format!("Invalid Entity Arn: {arn} does not clearly define entity type and name.");
    Refusal::new(400, "InvalidInput", text)
}

/// The values of a list in a form.
fn members(request: &Request, list: &str) -> Vec<String> {
    let prefix = format!("{list}.member.");
    let form = form_urlencoded::parse(&request.body).into_owned();
    form.filter(|(name, _)| name.starts_with(&prefix)).map(|(_, value)| value).collect()
}
