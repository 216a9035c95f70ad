//! As much of JSON Schema as the schemas of shipment files and of our documents use. A keyword that is not known here
//! fails.

use serde_json::Value;

/// Everything in `value` that `schema` does not allow, in the order of the value's paths.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, schema, value, "", &mut faults);
    faults.sort();
    faults
}

fn check(root: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    if schema == &Value::Bool(true) {
        return;
    }
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "$schema" | "$comment" | "$defs" | "title" | "description" | "default" | "format" | "minimum"
            | "maximum" => {}
            "$ref" => {
                let pointer = wanted.as_str().and_then(|name| name.strip_prefix('#')).expect("a place in this schema");
                check(root, root.pointer(pointer).expect("the place exists"), value, place, faults);
            }
            "anyOf" => {
                let fits = |one: &Value| {
                    let mut inner = Vec::new();
                    check(root, one, value, place, &mut inner);
                    inner.is_empty()
                };
                if !wanted.as_array().expect("a list").iter().any(fits) {
                    faults.push(format!("{place} fits none of the allowed forms"));
                }
            }
            "type" => {
                let kinds: Vec<_> =
                    wanted.as_array().map_or(std::slice::from_ref(wanted), Vec::as_slice).iter().collect();
                let kinds: Vec<_> = kinds.into_iter().map(|kind| kind.as_str().expect("the name of a type")).collect();
                if !kinds.iter().any(|kind| is_of(kind, value)) {
                    faults.push(format!("{place} is no {}", kinds.join(" or ")));
                }
            }
            "enum" => {
                if !wanted.as_array().expect("a list").contains(value) {
                    faults.push(format!("{place} is {value}, which is not allowed"));
                }
            }
            "required" => {
                for key in wanted.as_array().expect("a list").iter().filter_map(Value::as_str) {
                    if value.is_object() && value.get(key).is_none() {
                        faults.push(format!("{place}/{key} is missing"));
                    }
                }
            }
            "properties" => {
                for (key, inner) in wanted.as_object().expect("an object") {
                    if let Some(value) = value.get(key) {
                        check(root, inner, value, &format!("{place}/{key}"), faults);
                    }
                }
            }
            "additionalProperties" => {
                let known = schema["properties"].as_object();
                for (key, value) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(key)) {
                        continue;
                    }
                    match wanted {
                        Value::Bool(true) => {}
                        Value::Object(_) => check(root, wanted, value, &format!("{place}/{key}"), faults),
                        Value::Null | Value::Bool(false) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                            faults.push(format!("{place}/{key} is not known"));
                        }
                    }
                }
            }
            "items" => {
                for (n, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, value, &format!("{place}/{n}"), faults);
                }
            }
            other => panic!("keyword {other} is not known here"),
        }
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("type {other} is not known here"),
    }
}
