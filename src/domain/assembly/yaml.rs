//! Build data as a tree, read so that the traps of its YAML do not bite.
//!
//! Keys are kept as written (`4.10` is a key, not the number 4.1), `off` and dates stay text, of a
//! repeated key the last one counts as with every other reader of this file, and `<<` is applied.

use std::fmt;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// One value of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// `null`, `~` or nothing.
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map(Mapping),
}

/// A map in file order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Mapping {
    pub(super) entries: IndexMap<String, Value>,
    /// Keys that were written more than once.
    pub(super) repeated: Vec<String>,
}

impl Value {
    pub(super) fn as_map(&self) -> Option<&Mapping> {
        match self {
            Self::Map(map) => Some(map),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.entries.get(key)
    }

    /// The text of a scalar that is not null.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Int(number) => Some(number.to_string()),
            Self::Float(number) => Some(number.to_string()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(map) => map.entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Mapping::default();
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            if map.entries.insert(key.clone(), value).is_some() {
                map.repeated.push(key);
            }
        }
        if let Some(shared) = map.entries.shift_remove("<<") {
            let shared = if let Value::List(all) = shared { all } else { vec![shared] };
            for (key, value) in shared.iter().filter_map(Value::as_map).flat_map(|map| &map.entries) {
                map.entries.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        Ok(Value::Map(map))
    }
}
