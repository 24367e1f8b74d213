//! The schedules that were as desired at the last read. A list shows if a schedule has changed since then.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use lambda_triggers_core::plan::schedule::{DesiredSchedule, ObservedSchedule};
use parking_lot::Mutex;

use crate::aws::{DatedSchedule, ListedSchedule};

/// The remembered schedules, by the UID of the object.
#[derive(Default)]
pub struct RememberedSchedules(Mutex<HashMap<String, Remembered>>);

struct Remembered {
    listed: ListedSchedule,
    start: Option<Timestamp>,
    /// The hash of the desired settings.
    desired: u64,
}

impl RememberedSchedules {
    /// The schedule if the list shows it unchanged, and the desired settings are the same.
    pub fn unchanged(
        &self,
        uid: &str,
        found: &ListedSchedule,
        desired: &DesiredSchedule,
    ) -> Option<ObservedSchedule> {
        let remembered = self.0.lock();
        let Remembered { start, .. } = remembered
            .get(uid)
            .filter(|remembered| remembered.listed == *found && remembered.desired == hash(desired))?;
        Some(ObservedSchedule { settings: desired.settings.clone(), start: *start, has_more: false })
    }

    /// Remembers a schedule that was read, if it has the desired settings.
    pub fn remember(&self, uid: &str, dated: &DatedSchedule, desired: &DesiredSchedule) {
        let ObservedSchedule { settings, start, has_more } = &dated.schedule;
        if *settings != desired.settings || *has_more {
            return self.forget(uid);
        }
        let remembered = Remembered { listed: dated.listed(), start: *start, desired: hash(desired) };
        self.0.lock().insert(uid.into(), remembered);
    }

    /// Forgets the schedule of an object.
    pub fn forget(&self, uid: &str) {
        self.0.lock().remove(uid);
    }
}

fn hash(desired: &DesiredSchedule) -> u64 {
    let mut hasher = DefaultHasher::new();
    desired.settings.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use lambda_triggers_core::api::{RetryPolicy, Schedule};
    use lambda_triggers_core::plan::schedule::{ScheduleKey, ScheduleSettings, ScheduleTarget};

    use super::*;

    fn desired() -> DesiredSchedule {
        let expression = "cron(0 18 * * ? *)";
        DesiredSchedule {
            key: ScheduleKey { group: "lt-1a2b3c4d".into(), name: "lt-report".into() },
            settings: ScheduleSettings {
                expression: expression.into(),
                time_zone: "UTC".into(),
                end: None,
                window_minutes: None,
                enabled: true,
                deletes_itself: false,
                description: "report".into(),
                target: ScheduleTarget {
                    arn: "arn:function".into(),
                    role_arn: "arn:role".into(),
                    input: Some("{}".into()),
                    retry_policy: RetryPolicy::default(),
                    dead_letter_queue_arn: None,
                },
            },
            schedule: Schedule {
                expression: expression.parse().unwrap(),
                time_zone: None,
                start: None,
                end: None,
                window_minutes: None,
            },
        }
    }

    fn dated() -> DatedSchedule {
        let start = Some("2026-11-02T10:00:00Z".parse().unwrap());
        let schedule = ObservedSchedule { settings: desired().settings, start, has_more: false };
        DatedSchedule { schedule, modified: "2026-11-01T10:00:00.123Z".parse().unwrap() }
    }

    #[test]
    fn a_schedule_is_unchanged_while_the_list_and_the_spec_are_the_same() {
        let (remembered, desired, dated) = (RememberedSchedules::default(), desired(), dated());
        let listed = dated.listed();
        assert_eq!(remembered.unchanged("uid", &listed, &desired), None);
        remembered.remember("uid", &dated, &desired);
        assert_eq!(remembered.unchanged("uid", &listed, &desired), Some(dated.schedule.clone()));
        assert_eq!(remembered.unchanged("other", &listed, &desired), None);
        let later =
            ListedSchedule { modified: "2026-11-01T10:00:00.124Z".parse().unwrap(), ..listed.clone() };
        assert_eq!(remembered.unchanged("uid", &later, &desired), None);
        let mut edited = desired.clone();
        edited.settings.target.input = Some("1".into());
        assert_eq!(remembered.unchanged("uid", &listed, &edited), None);
        remembered.forget("uid");
        assert_eq!(remembered.unchanged("uid", &listed, &desired), None);
    }

    #[test]
    fn only_a_schedule_as_desired_is_remembered() {
        let (remembered, desired) = (RememberedSchedules::default(), desired());
        let changes: [fn(&mut ObservedSchedule); 2] =
            [|schedule| schedule.has_more = true, |schedule| schedule.settings.enabled = false];
        for change in changes {
            remembered.remember("uid", &dated(), &desired);
            let mut changed = dated();
            change(&mut changed.schedule);
            remembered.remember("uid", &changed, &desired);
            assert_eq!(remembered.unchanged("uid", &changed.listed(), &desired), None);
        }
    }
}
