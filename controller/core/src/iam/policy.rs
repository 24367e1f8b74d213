//! The model of an IAM policy: only the features of IAM that the operator's policy needs.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::actions::in_statement;

/// An IAM policy. Serializes to the JSON that IAM accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The statements. Every statement has the effect `Allow`.
    pub statements: Vec<Statement>,
}

/// A statement with the effect `Allow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The Sid: letters and digits.
    pub sid: &'static str,
    /// IAM actions, such as `lambda:GetFunction`.
    pub actions: Vec<&'static str>,
    /// ARNs, where `*` matches any text.
    pub resources: Vec<String>,
    /// The conditions. All conditions must hold.
    pub conditions: Vec<Condition>,
}

/// A condition of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The operator, such as `StringEquals`.
    pub operator: &'static str,
    /// The condition key, such as `s3:ResourceAccount`.
    pub key: String,
    /// The permitted values. Any match is enough.
    pub values: Vec<String>,
}

impl Condition {
    pub(super) fn new(operator: &'static str, key: &str, values: impl IntoIterator<Item = String>) -> Self {
        Self { operator, key: key.into(), values: values.into_iter().collect() }
    }
}

impl Statement {
    /// The statement with this Sid and its actions, for these resources.
    pub(super) fn new(sid: &'static str, resources: Vec<String>) -> Self {
        Self { sid, actions: in_statement(sid), resources, conditions: vec![] }
    }

    pub(super) fn when(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }
}

impl Policy {
    /// All permitted actions, sorted and without duplicates.
    pub fn actions(&self) -> Vec<&'static str> {
        let mut actions: Vec<_> =
            self.statements.iter().flat_map(|statement| statement.actions.iter().copied()).collect();
        actions.sort_unstable();
        actions.dedup();
        actions
    }

    /// The policy without the actions that `keep` rejects.
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

/// Conditions grouped by operator, as IAM requires. No statement has two conditions with the same operator.
struct Conditions<'a>(&'a [Condition]);

impl Serialize for Conditions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let by_key = |condition: &Condition| [(condition.key.clone(), condition.values.clone())];
        serializer.collect_map(self.0.iter().map(|condition| {
            (condition.operator, by_key(condition).into_iter().collect::<std::collections::BTreeMap<_, _>>())
        }))
    }
}
