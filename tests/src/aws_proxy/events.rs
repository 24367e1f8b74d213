//! EventBridge: rules and their targets.

use serde_json::{Value, json};

use super::{
    call::Request,
    events_check::{MAX_RULES_PER_BUS, check_rule, check_targets, exceeded, invalid, length, pattern},
    state::{Account, Rule, RuleKey, Shared},
    upstream::with_body,
    wire::{Answer, Refusal, json_answer},
};

/// Answers a request to EventBridge. The emulator stores the rules, the proxy stores the targets.
pub(super) async fn handle(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let account = shared.account(&request.account);
    let mut account = account.lock().await;
    let body = request.json();
    let key = rule_key(request, &body);
    match request.operation.as_str() {
        "PutRule" => put_rule(shared, &mut account, request, body, key).await,
        "DeleteRule" => delete_rule(shared, &mut account, request, body, &key).await,
        "DescribeRule" | "EnableRule" | "DisableRule" => {
            find(&mut account, &key)?;
            Ok(shared.upstream.forward(&on_bus(request, body, &key)).await?)
        }
        "ListRules" => {
            drop(account);
            list_rules(shared, request, body, &key).await
        }
        "PutTargets" => put_targets(shared, &mut account, &body, &key).await,
        "RemoveTargets" => remove_targets(shared, &mut account, &body, &key).await,
        "ListTargetsByRule" => {
            let targets = find(&mut account, &key)?.targets.clone();
            page(&body, "Targets", targets)
        }
        "ListRuleNamesByTarget" => {
            let aims_at = |rule: &Rule| rule.targets.iter().any(|target| target["Arn"] == body["TargetArn"]);
            let here = account
                .rules
                .iter()
                .filter(|(other, rule)| other.region == key.region && other.bus == key.bus && aims_at(rule));
            page(&body, "RuleNames", here.map(|(other, _)| json!(other.name)).collect())
        }
        "DeleteEventBus" => {
            let answer = shared.upstream.forward(request).await?;
            if answer.status().is_success() {
                account.rules.retain(|other, _| other.region != key.region || other.bus != key.name);
            }
            Ok(answer)
        }
        _ => {
            drop(account);
            Ok(shared.upstream.forward(request).await?)
        }
    }
}

fn rule_key(request: &Request, body: &Value) -> RuleKey {
    let bus = body["EventBusName"].as_str().unwrap_or("default");
    let bus = bus.split_once(":event-bus/").map_or(bus, |(_, name)| name);
    RuleKey { region: request.region.clone(), bus: bus.to_owned(), name: request.resource.clone() }
}

fn find<'a>(account: &'a mut Account, key: &RuleKey) -> Result<&'a mut Rule, Refusal> {
    account.rules.get_mut(key).ok_or_else(|| missing(key))
}

/// 400: the rule does not exist.
pub(crate) fn missing(key: &RuleKey) -> Refusal {
    let text = format!("Rule {} does not exist on EventBus {}.", key.name, key.bus);
    Refusal::new(400, "ResourceNotFoundException", text)
}

/// 400: the rule still has targets.
pub(crate) fn has_targets() -> Refusal {
    invalid("Rule can't be deleted since it has targets.")
}

/// The request with the bus's name in place of its ARN: the emulator does not find a rule by the bus's ARN.
fn on_bus(request: &Request, mut body: Value, key: &RuleKey) -> Request {
    body["EventBusName"] = json!(key.bus);
    with_body(request, body.to_string())
}

/// Lists the rules of a bus in pages of at most 100, since the emulator does not paginate
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRules.html>).
async fn list_rules(
    shared: &Shared,
    request: &Request,
    body: Value,
    key: &RuleKey,
) -> Result<Answer, Refusal> {
    if let Some(prefix) = body["NamePrefix"].as_str() {
        pattern(prefix, "namePrefix")?;
    }
    let mut all = body.clone();
    if let Some(members) = all.as_object_mut() {
        members.retain(|member, _| !["Limit", "NextToken"].contains(&member.as_str()));
    }
    let answer = shared.upstream.forward(&on_bus(request, all, key)).await?;
    if !answer.status().is_success() {
        return Ok(answer);
    }
    let listed: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    page(&body, "Rules", listed["Rules"].as_array().cloned().unwrap_or_default())
}

async fn put_rule(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
    mut body: Value,
    key: RuleKey,
) -> Result<Answer, Refusal> {
    check_rule(&body, &key.bus)?;
    let exists = account.rules.contains_key(&key);
    let on_this_bus =
        account.rules.keys().filter(|other| other.region == key.region && other.bus == key.bus).count();
    if !exists && on_this_bus >= MAX_RULES_PER_BUS {
        return Err(exceeded());
    }
    let members = body.as_object_mut().ok_or_else(|| invalid("The request has no body"))?;
    members.entry("State").or_insert(json!("ENABLED"));
    for optional in ["Description", "RoleArn", "ScheduleExpression", "EventPattern"] {
        members.entry(optional).or_insert(json!(""));
    }
    if exists {
        members.remove("Tags");
    }
    let answer = shared.upstream.forward(&on_bus(request, body, &key)).await?;
    if answer.status().is_success() {
        account.rules.entry(key).or_default();
    }
    Ok(answer)
}

async fn delete_rule(
    shared: &Shared,
    account: &mut Account,
    request: &Request,
    body: Value,
    key: &RuleKey,
) -> Result<Answer, Refusal> {
    match account.rules.get(key) {
        None => return Ok(json_answer(&json!({}))),
        Some(rule) if !rule.targets.is_empty() => {
            return Err(has_targets());
        }
        Some(_) => {}
    }
    let answer = shared.upstream.forward(&on_bus(request, body, key)).await?;
    if answer.status().is_success() {
        account.rules.remove(key);
    }
    Ok(answer)
}

async fn put_targets(
    shared: &Shared,
    account: &mut Account,
    body: &Value,
    key: &RuleKey,
) -> Result<Answer, Refusal> {
    let given = body["Targets"].as_array().cloned().unwrap_or_default();
    length("targets", given.len(), 1, 10)?;
    check_targets(&given, &account.id)?;
    let rule = find(account, key)?;
    let before = rule.targets.clone();
    rule.targets = merged(&before, given)?;
    settle(shared, account, key, before).await
}

/// The targets after a `PutTargets`: a target with a known Id replaces the present target.
pub(crate) fn merged(before: &[Value], given: Vec<Value>) -> Result<Vec<Value>, Refusal> {
    let mut targets = before.to_vec();
    for target in given {
        match targets.iter_mut().find(|known| known["Id"] == target["Id"]) {
            Some(known) => *known = target,
            None => targets.push(target),
        }
    }
    if targets.len() > super::events_check::MAX_TARGETS_PER_RULE { Err(exceeded()) } else { Ok(targets) }
}

async fn remove_targets(
    shared: &Shared,
    account: &mut Account,
    body: &Value,
    key: &RuleKey,
) -> Result<Answer, Refusal> {
    let ids = body["Ids"].as_array().cloned().unwrap_or_default();
    length("ids", ids.len(), 1, 100)?;
    for (id, number) in ids.iter().zip(1..) {
        pattern(id.as_str().unwrap_or_default(), &format!("ids.{number}.member"))?;
    }
    let rule = find(account, key)?;
    let before = rule.targets.clone();
    rule.targets.retain(|target| !ids.contains(&target["Id"]));
    settle(shared, account, key, before).await
}

/// Applies a change of targets to the emulator, or restores the targets in `before`.
async fn settle(
    shared: &Shared,
    account: &mut Account,
    key: &RuleKey,
    before: Vec<Value>,
) -> Result<Answer, Refusal> {
    if let Err(refusal) = account.deliver_targets(key, &shared.upstream).await {
        find(account, key)?.targets = before;
        return Err(refusal);
    }
    Ok(json_answer(&json!({"FailedEntryCount": 0, "FailedEntries": []})))
}

/// A page of a list. The token is the index of the next element.
fn page(body: &Value, member: &str, all: Vec<Value>) -> Result<Answer, Refusal> {
    let limit = body["Limit"].as_u64().unwrap_or(100);
    if !(1..=100).contains(&limit) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must be between 1 and 100"
        )));
    }
    let start = match body["NextToken"].as_str() {
        Some(token) => token.parse::<usize>().map_err(|_| invalid("Token is invalid."))?,
        None => 0,
    };
    let end = start.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX)).min(all.len());
    let mut answer = json!({member: all.get(start..end).unwrap_or_default()});
    if end < all.len() {
        answer["NextToken"] = json!(end.to_string());
    }
    Ok(json_answer(&answer))
}
