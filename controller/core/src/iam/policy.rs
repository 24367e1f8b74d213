//! An IAM policy, as far as the operator's needs one: what is allowed, on what, under which conditions.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::actions::in_statement;

/// A policy. Written by serde, it is the JSON that IAM takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its statements, each of which allows.
    pub statements: Vec<Statement>,
}

/// What is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name in the policy: letters and digits.
    pub sid: &'static str,
    /// Actions of IAM, such as `lambda:GetFunction`.
    pub actions: Vec<&'static str>,
    /// ARNs, with `*` for any text.
    pub resources: Vec<String>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
}

/// What must hold for a statement to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Such as `StringEquals`.
    pub operator: &'static str,
    /// Such as `s3:ResourceAccount`.
    pub key: String,
    /// One of them must match.
    pub values: Vec<String>,
}

impl Condition {
    pub(super) fn new(operator: &'static str, key: &str, values: impl IntoIterator<Item = String>) -> Self {
        Self { operator, key: key.into(), values: values.into_iter().collect() }
    }
}

impl Statement {
    /// The statement of this name, with its actions, on these resources.
    pub(super) fn new(sid: &'static str, resources: Vec<String>) -> Self {
        Self { sid, actions: in_statement(sid), resources, conditions: vec![] }
    }

    pub(super) fn when(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }
}

impl Policy {
    /// Every action that it allows, sorted.
    pub fn actions(&self) -> Vec<&'static str> {
        let mut actions: Vec<_> =
            self.statements.iter().flat_map(|statement| statement.actions.iter().copied()).collect();
        actions.sort_unstable();
        actions.dedup();
        actions
    }

    /// The same policy with those of its actions alone that `keep` holds for.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        let mut statements = self.statements.clone();
        statements.iter_mut().for_each(|statement| statement.actions.retain(|action| keep(action)));
        statements.retain(|statement| !statement.actions.is_empty());
        Self { statements }
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("Version", "2012-10-17")?;
        map.serialize_entry("Statement", &self.statements)?;
        map.end()
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { sid, actions, resources, conditions } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Sid", sid)?;
        map.serialize_entry("Effect", "Allow")?;
        map.serialize_entry("Action", actions)?;
        map.serialize_entry("Resource", resources)?;
        if !conditions.is_empty() {
            map.serialize_entry("Condition", &Conditions(conditions))?;
        }
        map.end()
    }
}

/// By operator, as IAM wants them. No statement of ours has two conditions of one operator.
struct Conditions<'a>(&'a [Condition]);

impl Serialize for Conditions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let by_key = |condition: &Condition| [(condition.key.clone(), condition.values.clone())];
        serializer.collect_map(self.0.iter().map(|condition| {
            (condition.operator, by_key(condition).into_iter().collect::<std::collections::BTreeMap<_, _>>())
        }))
    }
}
