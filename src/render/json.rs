//! Documents on their way out.

use serde::Serialize;
use serde_json::Value;

use crate::domain::mask;

/// A document as a value. Documents are made of texts, numbers and lists, so there is always one.
pub fn of(document: &impl Serialize) -> Value {
    serde_json::to_value(document).unwrap_or_default()
}

/// The same with every string masked. Escapes of control characters are JSON's own.
pub fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => mask::mask(&text).into(),
        Value::Array(items) => items.into_iter().map(clean).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, clean(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}
