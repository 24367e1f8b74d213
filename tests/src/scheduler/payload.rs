//! The payload of a run.

use jiff::Timestamp;
use serde_json::json;

/// The values of a run that the payload can contain.
pub(super) struct Context<'a> {
    pub schedule_arn: &'a str,
    pub account: &'a str,
    pub region: &'a str,
    pub due: Timestamp,
    /// A number of its own for each attempt.
    pub execution: u64,
}

impl Context<'_> {
    /// The input of the target, or an event in the shape of EventBridge's scheduled events. Unlike in the events of rules,
    /// `detail` is a text.
    pub fn payload(&self, input: Option<&str>) -> String {
        match input {
            Some(input) => self.replaced(input),
            None => json!({
                "version": "0",
                "id": format!("{:08x}-0000-4000-8000-{:012x}", self.execution >> 48, self.execution & 0xffff_ffff_ffff),
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": self.account,
                "time": self.time(),
                "region": self.region,
                "resources": [self.schedule_arn],
                "detail": "{}",
            })
            .to_string(),
        }
    }

    /// Replaces the context attributes, but only with literal `<` and `>`.
    /// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>
    fn replaced(&self, input: &str) -> String {
        input
            .replace("<aws.scheduler.schedule-arn>", self.schedule_arn)
            .replace("<aws.scheduler.scheduled-time>", &self.time())
            .replace("<aws.scheduler.execution-id>", &format!("{:016x}", self.execution))
            .replace("<aws.scheduler.attempt-number>", "1")
    }

    fn time(&self) -> String {
        self.due.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}
