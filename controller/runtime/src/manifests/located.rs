//! A value of a manifest with the line of each field.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// A value with its lines.
#[derive(Clone, Debug)]
pub struct Located(Spanned<Node>);

#[derive(Clone, Debug)]
enum Node {
    Scalar(Value),
    List(Vec<Located>),
    Fields(Vec<(String, Located)>),
}

impl Located {
    /// The value without the lines.
    pub fn value(&self) -> Value {
        match &self.0.value {
            Node::Scalar(value) => value.clone(),
            Node::List(items) => items.iter().map(Self::value).collect(),
            Node::Fields(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), value.value()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// The line of a field, such as `spec.filters[0].prefix`, or of its nearest parent. The first line of the text is 1.
    pub fn line_of(&self, path: &str) -> u64 {
        let mut at = self;
        let mut line = self.0.referenced.line();
        for step in path.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
            let next = match &at.0.value {
                Node::Fields(fields) => fields.iter().find(|(name, _)| name == step).map(|(_, value)| value),
                Node::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
                Node::Scalar(_) => None,
            };
            let Some(next) = next else { break };
            at = next;
            line = at.0.referenced.line();
        }
        line
    }

    /// The items of a list with this name.
    pub fn items(self, list: &str) -> Vec<Self> {
        let Node::Fields(fields) = self.0.value else { return vec![] };
        let found = fields.into_iter().find(|(name, _)| name == list).map(|(_, value)| value.0.value);
        match found {
            Some(Node::List(items)) => items,
            _ => vec![],
        }
    }
}

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of YAML or JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = vec![];
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = vec![];
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Fields(fields))
    }
}
