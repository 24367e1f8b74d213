//! EventBridge Scheduler: requests and answers. The proxy alone has groups and schedules, in
//! [`crate::scheduler::store`].

use serde_json::Value;

use super::{
    call::Request,
    scheduler_request::members,
    scheduler_role::check_trust,
    state::Shared,
    wire::{Answer, Refusal, rest_json_answer},
};
use crate::scheduler::{
    check,
    store::{ScheduleKey, View},
};

/// Answers a request to EventBridge Scheduler.
pub(super) async fn handle(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let Request { account, region, operation, .. } = request;
    let members = members(request);
    if matches!(operation.as_str(), "CreateSchedule" | "UpdateSchedule") {
        check_role(shared, request, &members).await?;
    }
    let answer = shared.schedulers.with(account, |scheduler| {
        let now = scheduler.now();
        scheduler.store.call(operation, region, &members, now)
    });
    answer.map(|answer| rest_json_answer(200, &answer))
}

/// Checks the members, and then the role: AWS reports a wrong expression first.
async fn check_role(shared: &Shared, request: &Request, members: &Value) -> Result<(), Refusal> {
    let Request { account, region, .. } = request;
    let (now, delay) =
        shared.schedulers.with(account, |scheduler| (scheduler.now(), scheduler.store.settings.role_delay));
    check::schedule(members, now)?;
    let role = check::text(&members["Target"], "RoleArn");
    let group = ScheduleKey::from_members(region, members).group_key().arn(account);
    check_trust(&shared.upstream, role, (account, &group), delay).await
}

/// Answers a read from the state before the last change. Every other request gets its usual answer.
pub(super) async fn stale_read(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    if !matches!(request.operation.as_str(), "GetSchedule" | "ListSchedules") {
        return handle(shared, request).await;
    }
    let members = members(request);
    let answer = shared.schedulers.with(&request.account, |scheduler| {
        scheduler.store.read(&request.operation, &request.region, &members, View::Stale)
    });
    answer.map(|answer| rest_json_answer(200, &answer))
}
