//! The move of an object between the backends: it waits for a minute without a run.

use std::time::Duration;

use lambda_triggers_core::api::{Applied, Backend, Schedule};
use lambda_triggers_core::plan::schedule::ScheduleKey;
use lambda_triggers_core::plan::switch::{Switch, of_rule, of_schedule, switch};
use lambda_triggers_core::status::{Component, Outcome};

use crate::objects::RawScheduledFunction;
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::reconciled::Settled;
use crate::reconcile::status::StatusWriter;

/// A possible move.
pub struct Move<'a> {
    /// The new backend.
    pub backend: Backend,
    /// True if the resource of the new backend exists.
    pub is_made: bool,
    /// The obsolete resources.
    pub old: &'a Applied,
    /// The schedule after the move; `None` if the spec suspends it.
    pub new: Option<&'a Schedule>,
}

/// The result of a reconcile that waits for a run before the move. `None` if there is nothing to wait for.
///
/// An object whose new resource exists does not wait: both resources would run.
pub async fn wait(
    context: &Context,
    writer: &StatusWriter<'_, RawScheduledFunction>,
    to: Move<'_>,
) -> Result<Option<Settled>, Error> {
    let Some(new) = to.new.filter(|_| !to.is_made) else { return Ok(None) };
    let Some(old) = read_old(context, writer, &to).await? else { return Ok(None) };
    let now = context.settings.clock.now();
    let Switch::Wait { until, message } = switch(to.backend, &old, new, now) else { return Ok(None) };
    let next_change = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    Ok(Some(Settled { outcome: Ok(Outcome::Progressing { message }), next_change: Some(next_change) }))
}

/// The schedule of the old resource; `None` if it runs no more.
async fn read_old(
    context: &Context,
    writer: &StatusWriter<'_, RawScheduledFunction>,
    to: &Move<'_>,
) -> Result<Option<Schedule>, Error> {
    let aws = context.aws_for_removal(&writer.id.key);
    match to.backend {
        Backend::Scheduler => {
            let Some(rule) = to.old.rules.first() else { return Ok(None) };
            let found = aws.eventbridge(&rule.region).describe(&rule.name).await;
            Ok(found.map_err(Error::aws(Component::Rule))?.and_then(|rule| of_rule(&rule.settings)))
        }
        Backend::Rule => {
            let Some(schedule) = to.old.schedules.first() else { return Ok(None) };
            let key = ScheduleKey::from(schedule);
            let found = aws.scheduler(&schedule.region).schedule(&key).await;
            Ok(found.map_err(Error::aws(Component::Schedule))?.and_then(|dated| of_schedule(&dated.schedule)))
        }
    }
}
