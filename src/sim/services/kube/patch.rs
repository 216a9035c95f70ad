//! The two kinds of patches, and what labels may be.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Why a patch changes nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is no patch.
    Unreadable(String),
    /// It does not fit the object.
    Inapplicable(String),
}

type Patch = fn(&Value, &[u8]) -> Result<Value, Refused>;

/// The patch that a content type means.
pub(super) fn of_kind(kind: &str) -> Option<Patch> {
    match kind {
        "application/merge-patch+json" => Some(merge),
        "application/json-patch+json" => Some(json_patch),
        _ => None,
    }
}

fn merge(before: &Value, body: &[u8]) -> Result<Value, Refused> {
    let patch: Value = serde_json::from_slice(body).map_err(|error| Refused::Unreadable(error.to_string()))?;
    if !patch.is_object() {
        return Err(Refused::Unreadable("json: cannot unmarshal into Go value of type map".to_owned()));
    }
    let mut after = before.clone();
    merge_into(&mut after, &patch);
    Ok(after)
}

/// RFC 7396: objects are merged, `null` removes, everything else replaces.
fn merge_into(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge_into(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// RFC 6902, as far as members of objects go.
fn json_patch(before: &Value, body: &[u8]) -> Result<Value, Refused> {
    let steps: Vec<Value> = serde_json::from_slice(body).map_err(|error| Refused::Unreadable(error.to_string()))?;
    let mut after = before.clone();
    for step in steps {
        let path = step["path"].as_str().unwrap_or_default();
        let inapplicable =
            || Refused::Inapplicable(format!("the server rejected our request due to an error in our request: {path}"));
        let (parent, key) = path.rsplit_once('/').ok_or_else(inapplicable)?;
        let key = key.replace("~1", "/").replace("~0", "~");
        let members = after.pointer_mut(parent).and_then(Value::as_object_mut).ok_or_else(inapplicable)?;
        match step["op"].as_str() {
            Some("add") => drop(members.insert(key, step["value"].clone())),
            Some("replace") if members.contains_key(&key) => drop(members.insert(key, step["value"].clone())),
            Some("remove") if members.contains_key(&key) => drop(members.remove(&key)),
            Some("test") if members.get(&key) == Some(&step["value"]) => {}
            Some("replace" | "remove" | "test") => return Err(inapplicable()),
            Some(other) => return Err(Refused::Unreadable(format!("unexpected kind: {other}"))),
            None => return Err(Refused::Unreadable("an operation is missing".to_owned())),
        }
    }
    Ok(after)
}

/// A map of texts; labels have a grammar of their own.
pub(super) fn texts(value: &Value, are_labels: bool) -> Result<BTreeMap<String, String>, String> {
    let Some(members) = value.as_object() else { return Ok(BTreeMap::new()) };
    let mut texts = BTreeMap::new();
    for (key, value) in members {
        let text = value.as_str().ok_or_else(|| format!("{key:?}: must be a string"))?;
        if are_labels && !is_label(text) {
            return Err(format!(
                "{text:?}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
                 and must start and end with an alphanumeric character"
            ));
        }
        texts.insert(key.clone(), text.to_owned());
    }
    Ok(texts)
}

fn is_label(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let outside = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63 && text.chars().all(inside) && outside(text.chars().next()) && outside(text.chars().next_back())
}
