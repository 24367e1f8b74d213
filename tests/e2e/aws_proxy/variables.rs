//! Variables in the texts of a step.

use serde_json::{Map, Value, json};

use super::REGION;
use super::request::{archive, new_account};

/// Source of `$recorder`.
const RECORDER: &str = "\
import json, os

def handler(event, context):
    with open(os.environ['OUT'], 'a+') as file:
        if event == 'count':
            file.seek(0)
            return len(file.readlines())
        file.write(json.dumps(event) + '\\n')
";

/// The values of the variables of a row. [`super::table`] names the variables at the start.
#[derive(Clone)]
pub struct Variables(Map<String, Value>);

impl Variables {
    /// Variables with two new accounts.
    pub fn new() -> Self {
        let (account, other) = (new_account(), new_account());
        let variables = json!({
            "app": format!("arn:aws:lambda:{REGION}:{account}:function:app-{account}"),
            "function": format!("app-{account}"),
            "bucket": format!("bucket-{account}"),
            "one": archive("def handler(event, context):\n    return 'one'\n"),
            "two": archive("def handler(event, context):\n    return 'two'\n"),
            "recorder": archive(RECORDER),
            "scratch": format!("{}/{}-{account}", env!("CARGO_TARGET_TMPDIR"), std::process::id()),
            "account": account,
            "other": other,
            "LATEST": "$LATEST",
        });
        Self(variables.as_object().cloned().unwrap())
    }

    pub fn insert(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// Sets `$number`.
    pub fn count(&mut self, number: usize) {
        self.insert("number", format!("{number:03}").into());
    }

    /// Replaces the variables and repetitions in a value.
    pub fn fill(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) => match self.variable(text) {
                Some((value, "")) => Ok(value),
                _ => self.text(text).map(Value::String),
            },
            Value::Array(items) => {
                let lists: Vec<Vec<Value>> =
                    items.iter().map(|item| self.repeated(item)).collect::<Result<_, _>>()?;
                Ok(lists.concat().into())
            }
            Value::Object(members) => {
                let members = members.iter().filter(|(_, value)| !value.is_null());
                members.map(|(name, value)| Ok((name.clone(), self.fill(value)?))).collect()
            }
            _ => Ok(value.clone()),
        }
    }

    fn repeated(&self, item: &Value) -> Result<Vec<Value>, String> {
        let Some(times) = item["repeat"].as_u64() else { return Ok(vec![self.fill(item)?]) };
        let numbered = |number| {
            let mut variables = self.clone();
            variables.count(number);
            variables.fill(&item["of"])
        };
        (0..times as usize).map(numbered).collect()
    }

    pub fn text(&self, text: &str) -> Result<String, String> {
        let Some((before, after)) = text.split_once('$') else { return Ok(text.to_owned()) };
        let (value, rest) = if let Some((word, times, rest)) = repetition(after) {
            (word.repeat(times), rest)
        } else if after.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let (value, rest) =
                self.variable(&text[before.len()..]).ok_or_else(|| format!("no variable in {text}"))?;
            (
                value.as_str().or(value[0].as_str()).ok_or_else(|| format!("{value} is no text"))?.to_owned(),
                rest,
            )
        } else {
            ("$".to_owned(), after)
        };
        let rest = self.text(rest)?;
        Ok(format!("{before}{value}{rest}"))
    }

    /// The value of the variable at the start of the text, and the text behind the variable.
    fn variable<'t>(&self, text: &'t str) -> Option<(Value, &'t str)> {
        let name_and_rest = text.strip_prefix('$')?;
        let end = name_and_rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name_and_rest.len());
        let (name, rest) = name_and_rest.split_at(end);
        let value = self.0.get(name)?;
        let Some(member) = rest.strip_prefix('.').filter(|_| value.is_object()) else {
            return Some((value.clone(), rest));
        };
        let end = member.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(member.len());
        Some((value.get(&member[..end])?.clone(), &member[end..]))
    }
}

/// The word, the count and the rest of `{x*65}...`.
fn repetition(text: &str) -> Option<(&str, usize, &str)> {
    let (inside, rest) = text.strip_prefix('{')?.split_once('}')?;
    let (word, times) = inside.split_once('*')?;
    Some((word, times.parse().ok()?, rest))
}
