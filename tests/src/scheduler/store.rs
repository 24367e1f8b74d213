//! The schedules of an account, and the calls on schedules.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Operations.html>

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    check::{self, group, text},
    due::Timing,
    groups::{Group, GroupKey},
    runs::Plan,
    settings::{PastTime, SchedulerSettings},
};
use crate::aws_proxy::{events_check::invalid, wire::Refusal};

/// EventBridge Scheduler of an account in all Regions.
#[derive(Debug)]
pub(crate) struct Scheduler {
    pub(super) account: String,
    pub settings: SchedulerSettings,
    pub(super) groups: BTreeMap<GroupKey, Group>,
    pub(super) schedules: BTreeMap<ScheduleKey, Schedule>,
    /// Each schedule before its last change, for stale reads.
    previous: BTreeMap<ScheduleKey, Option<Schedule>>,
    /// The schedule of the last change.
    last_changed: Option<ScheduleKey>,
    /// Members and answer of the calls with a client token, by operation, Region and token.
    tokens: BTreeMap<[String; 3], (Value, Value)>,
    /// Number of deliveries so far.
    pub(super) executions: u64,
}

/// The identity of a schedule in an account. No call moves a schedule to another group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScheduleKey {
    pub region: String,
    pub group: String,
    pub name: String,
}

/// A schedule.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    /// The members as `GetSchedule` answers them, without ARN and dates of changes.
    pub members: Value,
    pub timing: Timing,
    created: Timestamp,
    modified: Timestamp,
    /// The next runs in order. More than one after an update in a flexible time window: a run that is due stays due.
    pub plans: Vec<Plan>,
}

/// The state that a read sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Current,
    /// A read of a schedule sees the state before its last change, and a list the state before the last change of all.
    Stale,
}

impl ScheduleKey {
    /// The schedule that the members of a request name.
    pub fn from_members(region: &str, members: &Value) -> Self {
        Self {
            region: region.to_owned(),
            group: group(members).to_owned(),
            name: text(members, "Name").to_owned(),
        }
    }

    /// The schedule's ARN in `account`.
    pub fn arn(&self, account: &str) -> String {
        let Self { region, group, name } = self;
        format!("arn:aws:scheduler:{region}:{account}:schedule/{group}/{name}")
    }
}

impl Schedule {
    pub fn is_enabled(&self) -> bool {
        self.members["State"] == "ENABLED"
    }

    /// The flexible time window; zero without a window.
    pub fn window(&self) -> SignedDuration {
        window(&self.members)
    }

    fn answer(&self, arn: String) -> Value {
        let mut answer = self.members.clone();
        answer["Arn"] = json!(arn);
        answer["CreationDate"] = seconds(self.created);
        answer["LastModificationDate"] = seconds(self.modified);
        answer
    }

    /// The members in a list, which has no expression and no input.
    fn summary(&self, arn: String) -> Value {
        let mut summary = self.answer(arn);
        let listed = ["Arn", "CreationDate", "GroupName", "LastModificationDate", "Name", "State"];
        let target = json!({"Arn": self.members["Target"]["Arn"]});
        if let Some(members) = summary.as_object_mut() {
            members.retain(|member, _| listed.contains(&member.as_str()));
            members.insert("Target".to_owned(), target);
        }
        summary
    }
}

fn window(members: &Value) -> SignedDuration {
    let minutes = members["FlexibleTimeWindow"]["MaximumWindowInMinutes"].as_i64();
    SignedDuration::from_mins(minutes.unwrap_or_default())
}

/// A time in an answer: seconds since 1970, with milliseconds.
pub(super) fn seconds(time: Timestamp) -> Value {
    json!(time.as_millisecond() as f64 / 1000.0)
}

impl Scheduler {
    /// An account without schedules. Each Region has the group `default`.
    pub fn new(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            settings: SchedulerSettings::default(),
            groups: BTreeMap::new(),
            schedules: BTreeMap::new(),
            previous: BTreeMap::new(),
            last_changed: None,
            tokens: BTreeMap::new(),
            executions: 0,
        }
    }

    /// Answers an operation of the API in a Region. `members` has the members of body, path and query in AWS's names. A
    /// repeated client token with the same members gets the first answer, without a second effect.
    pub fn call(
        &mut self,
        operation: &str,
        region: &str,
        members: &Value,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        self.finish_deletions(now);
        let token =
            members["ClientToken"].as_str().map(|token| [operation, region, token].map(str::to_owned));
        let known = token.as_ref().and_then(|token| self.tokens.get(token));
        if let Some((_, answer)) = known.filter(|(first, _)| first == members) {
            return Ok(answer.clone());
        }
        let key = ScheduleKey::from_members(region, members);
        let answer = match operation {
            "CreateSchedule" => self.create(key, members, now)?,
            "UpdateSchedule" => self.update(key, members, now)?,
            "DeleteSchedule" => self.delete(&key, members, now)?,
            "GetSchedule" | "ListSchedules" => self.read(operation, region, members, View::Current)?,
            _ => self.on_group(operation, region, members, now)?,
        };
        if let Some(token) = token {
            self.tokens.insert(token, (members.clone(), answer.clone()));
        }
        Ok(answer)
    }

    /// Answers `GetSchedule` and `ListSchedules`.
    pub fn read(&self, operation: &str, region: &str, members: &Value, view: View) -> Result<Value, Refusal> {
        if operation == "ListSchedules" {
            return self.list(region, members, view);
        }
        check::identity(members)?;
        let key = ScheduleKey::from_members(region, members);
        let previous = self.previous.get(&key).filter(|_| view == View::Stale);
        let schedule = previous.map_or(self.schedules.get(&key), Option::as_ref);
        schedule.map(|schedule| schedule.answer(key.arn(&self.account))).ok_or_else(|| missing(&key))
    }

    /// All schedules, each with the members that `GetSchedule` answers, without the ARN and the dates of changes.
    pub fn schedules(&self) -> impl Iterator<Item = (&ScheduleKey, &Value)> {
        self.schedules.iter().map(|(key, schedule)| (key, &schedule.members))
    }

    /// Makes the current schedules visible to every later read, also to stale reads.
    pub fn settle(&mut self) {
        self.previous.clear();
        self.last_changed = None;
    }

    /// Sets or removes a schedule, and keeps the state before the change.
    pub(super) fn set(&mut self, key: &ScheduleKey, schedule: Option<Schedule>) {
        let before = match schedule {
            Some(schedule) => self.schedules.insert(key.clone(), schedule),
            None => self.schedules.remove(key),
        };
        self.previous.insert(key.clone(), before);
        self.last_changed = Some(key.clone());
    }

    fn create(&mut self, key: ScheduleKey, members: &Value, now: Timestamp) -> Result<Value, Refusal> {
        let timing = self.checked(members, now)?;
        self.active_group(&key.group_key())?;
        if self.schedules.contains_key(&key) {
            return Err(conflict(format!("Schedule {} already exists.", key.name)));
        }
        if self.schedules.keys().filter(|other| other.region == key.region).count()
            >= self.settings.max_schedules
        {
            return Err(quota_exceeded("schedules"));
        }
        let plans = self.first_plan(&timing, members).into_iter().collect();
        let members = filled(members, &key.group);
        self.set(&key, Some(Schedule { members, timing, created: now, modified: now, plans }));
        Ok(json!({"ScheduleArn": key.arn(&self.account)}))
    }

    fn update(&mut self, key: ScheduleKey, members: &Value, now: Timestamp) -> Result<Value, Refusal> {
        let timing = self.checked(members, now)?;
        let present = self.changeable(&key, now)?;
        let (created, before) = (present.created, present.modified);
        // Two changes in one millisecond also differ in the date.
        let modified = now.max(before + SignedDuration::from_millis(1));
        let mut plans: Vec<Plan> = present.plans.iter().filter(|plan| plan.due <= now).copied().collect();
        plans.extend(self.first_plan(&timing, members));
        plans.sort_by_key(|plan| plan.at);
        let members = filled(members, &key.group);
        self.set(&key, Some(Schedule { members, timing, created, modified, plans }));
        Ok(json!({"ScheduleArn": key.arn(&self.account)}))
    }

    fn delete(&mut self, key: &ScheduleKey, members: &Value, now: Timestamp) -> Result<Value, Refusal> {
        check::identity(members)?;
        self.changeable(key, now)?;
        self.set(key, None);
        Ok(json!({}))
    }

    fn checked(&self, members: &Value, now: Timestamp) -> Result<Timing, Refusal> {
        let timing = check::schedule(members, now)?;
        if self.settings.past_time == PastTime::Refused && timing.is_past() {
            let expression = text(members, "ScheduleExpression");
            return Err(invalid(format!("The time of {expression} has passed.")));
        }
        Ok(timing)
    }

    fn first_plan(&self, timing: &Timing, members: &Value) -> Option<Plan> {
        Plan::first(timing, window(members), &self.settings)
    }

    /// The schedule for an update or a deletion, which conflict for a while after the creation.
    fn changeable(&self, key: &ScheduleKey, now: Timestamp) -> Result<&Schedule, Refusal> {
        let schedule = self.schedules.get(key).ok_or_else(|| missing(key))?;
        if now.duration_since(schedule.created) < self.settings.conflict_after_create {
            return Err(conflict(format!("Schedule {} is being created.", key.name)));
        }
        Ok(schedule)
    }

    fn list(&self, region: &str, members: &Value, view: View) -> Result<Value, Refusal> {
        let page_size = check::page_size(members)?;
        let group = members["ScheduleGroup"].as_str();
        if let Some(name) = group {
            self.group(&GroupKey { region: region.to_owned(), name: name.to_owned() })?;
        }
        let (prefix, state) = (text(members, "NamePrefix"), members["State"].as_str());
        let stale = self.last_changed.iter().filter(|_| view == View::Stale);
        let mut seen: BTreeMap<_, _> = self.schedules.iter().collect();
        for key in stale {
            match self.previous.get(key) {
                Some(Some(before)) => seen.insert(key, before),
                _ => seen.remove(key),
            };
        }
        let listed = seen.into_iter().filter(|(key, schedule)| {
            key.region == region
                && group.is_none_or(|group| key.group == group)
                && key.name.starts_with(prefix)
                && state.is_none_or(|state| schedule.members["State"] == state)
        });
        let summaries = listed.map(|(key, schedule)| {
            (format!("{}/{}", key.group, key.name), schedule.summary(key.arn(&self.account)))
        });
        Ok(page("Schedules", summaries, text(members, "NextToken"), page_size))
    }
}

/// A page of a list. The token is the key of the last element: a changed list would shift the pages of an index.
pub(super) fn page(
    member: &str,
    all: impl Iterator<Item = (String, Value)>,
    token: &str,
    size: usize,
) -> Value {
    let mut rest: Vec<_> = all.filter(|(key, _)| key.as_str() > token).collect();
    let is_last = rest.len() <= size;
    rest.truncate(size);
    let next = rest.last().filter(|_| !is_last).map(|(key, _)| key.clone());
    let mut page = json!({member: rest.into_iter().map(|(_, element)| element).collect::<Vec<_>>()});
    if let Some(next) = next {
        page["NextToken"] = json!(next);
    }
    page
}

/// The members of a schedule with the values that AWS fills in.
fn filled(members: &Value, group: &str) -> Value {
    let mut filled = members.clone();
    if let Some(members) = filled.as_object_mut() {
        members.remove("ClientToken");
        let is_empty =
            |member: &str, value: &Value| value.is_null() || member == "Description" && value == "";
        members.retain(|member, value| !is_empty(member, value));
        members.insert("GroupName".to_owned(), json!(group));
        let defaults =
            [("ActionAfterCompletion", "NONE"), ("ScheduleExpressionTimezone", "UTC"), ("State", "ENABLED")];
        for (member, value) in defaults {
            members.entry(member).or_insert(json!(value));
        }
    }
    let retry = &mut filled["Target"]["RetryPolicy"];
    for (member, value) in [("MaximumRetryAttempts", 185), ("MaximumEventAgeInSeconds", 86_400)] {
        if retry[member].is_null() {
            retry[member] = json!(value);
        }
    }
    filled
}

/// 404: the schedule does not exist.
fn missing(key: &ScheduleKey) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", format!("Schedule {} does not exist.", key.name))
}

/// 409.
pub(crate) fn conflict(why: String) -> Refusal {
    Refusal::new(409, "ConflictException", why)
}

/// 402: unlike most of AWS's errors for quotas.
pub(crate) fn quota_exceeded(what: &str) -> Refusal {
    let text = format!("You have reached the maximum number of {what}.");
    Refusal::new(402, "ServiceQuotaExceededException", text)
}
