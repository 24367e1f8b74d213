//! Delivers the runs of EventBridge Scheduler to the functions in the emulator.

use std::{sync::Arc, time::Duration};

use hyper::Method;

use super::{
    arn::FunctionRef,
    scheduler_role::{Decision, decide},
    scheduler_state::ScheduleRun,
    state::Shared,
    wire::Refusal,
};
use crate::scheduler::runs::Run;

/// The time between two looks at the schedules of accounts in real time.
const TICK: Duration = Duration::from_secs(1);

/// Delivers the runs of accounts without a set clock, until dropped.
pub(super) async fn follow_real_time(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(TICK).await;
        for account in shared.schedulers.in_real_time() {
            deliver_due(&shared, &account).await;
        }
    }
}

/// Delivers all runs that are due at the account's present time, in order.
pub(super) async fn deliver_due(shared: &Shared, account: &str) {
    let runs = shared.schedulers.with(account, |scheduler| scheduler.store.run_until(scheduler.now()));
    for run in runs {
        let is_accepted = invoke(shared, account, &run).await.unwrap_or(false);
        shared.schedulers.with(account, |scheduler| {
            if is_accepted {
                let Run { key: _, due, at, schedule, target, role: _, payload } = run;
                scheduler.runs.push(ScheduleRun { due, at, schedule, target, payload });
            } else {
                *scheduler.target_errors.entry(run.key.group).or_default() += 1;
            }
        });
    }
}

/// Invokes the function of a run. True if the role may invoke exactly the target, and Lambda accepts the event. The
/// function's own policy does not matter.
async fn invoke(shared: &Shared, account: &str, run: &Run) -> Result<bool, Refusal> {
    let Some(function) = FunctionRef::from_arn(&run.target) else { return Ok(false) };
    let decision = decide(&shared.upstream, &run.role, "lambda:InvokeFunction", &run.target).await?;
    if decision != Decision::Allowed {
        return Ok(false);
    }
    let qualifier = function.qualifier.map(|qualifier| format!("?Qualifier={qualifier}")).unwrap_or_default();
    let path = format!("/2015-03-31/functions/{}/invocations{qualifier}", function.name);
    let headers = [("x-amz-invocation-type", "Event")];
    let scope = (account, function.region.as_str(), "lambda");
    let answer = shared.upstream.own(scope, Method::POST, &path, &headers, run.payload.clone()).await?;
    Ok(answer.status().is_success())
}
