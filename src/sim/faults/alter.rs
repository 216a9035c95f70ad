//! Answers whose content is not what the documentation says: fields too many or too few, states that nobody knows.

use serde_json::{Map, Value};

use super::InjectedFault;

/// Fields that services document as always there, wherever they occur; a client may rely on them.
const ALWAYS: [&str; 9] = ["id", "iid", "sha", "key", "state", "status", "phase", "job_status", "ok"];

/// Fields that hold a state.
const STATES: [&str; 6] = ["state", "status", "phase", "result", "job_status", "merge_status"];

/// A state that nobody knows.
pub(in crate::sim) const UNHEARD_OF: &str = "SIM_UNHEARD_OF";

/// The body after the fault; nothing when the fault finds nothing to change in it.
pub(in crate::sim) fn altered(fault: &InjectedFault, body: &[u8], dice: u64) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    let unheard_of = |map: &mut Map<String, Value>, name: &str| {
        map.insert(name.to_owned(), UNHEARD_OF.into());
    };
    let missing = |map: &mut Map<String, Value>, name: &str| {
        map.shift_remove(name);
    };
    let null = |map: &mut Map<String, Value>, name: &str| {
        map.insert(name.to_owned(), Value::Null);
    };
    let changed = if let InjectedFault::UnknownEnum { path } = fault {
        at(&mut value, path.as_deref(), &STATES, dice, Value::is_string, unheard_of)
    } else if let InjectedFault::MissingField { path } = fault {
        at(&mut value, path.as_deref(), &ALWAYS, dice, |_| true, missing)
    } else if let InjectedFault::NullField { path } = fault {
        at(&mut value, path.as_deref(), &ALWAYS, dice, |_| true, null)
    } else {
        *fault == InjectedFault::ExtraFields && extra(&mut value)
    };
    changed.then(|| value.to_string().into_bytes())
}

/// Adds a field to every object.
fn extra(value: &mut Value) -> bool {
    match value {
        Value::Object(map) => {
            for inner in map.values_mut() {
                extra(inner);
            }
            map.insert("sim_extra".to_owned(), serde_json::json!({ "list": [1, null], "text": "nobody knows this" }));
            true
        }
        Value::Array(list) => list.iter_mut().filter_map(|inner| extra(inner).then_some(())).count() > 0,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Changes the field at `path`, or one of those in `names` that fits.
fn at(
    value: &mut Value,
    path: Option<&str>,
    names: &[&str],
    dice: u64,
    fits: impl Fn(&Value) -> bool,
    change: impl Fn(&mut Map<String, Value>, &str),
) -> bool {
    if let Some(path) = path {
        let steps: Vec<&str> = path.split('.').collect();
        return along(value, &steps, &change);
    }
    let mut places = Vec::new();
    find(value, &mut Vec::new(), names, &fits, &mut places);
    let Some(count) = u64::try_from(places.len()).ok().filter(|count| *count > 0) else { return false };
    let place = places.swap_remove(usize::try_from(dice % count).unwrap_or_default());
    let steps: Vec<&str> = place.iter().map(String::as_str).collect();
    along(value, &steps, &change)
}

/// Changes every field that the steps lead to; `*` is any element.
fn along(value: &mut Value, steps: &[&str], change: &impl Fn(&mut Map<String, Value>, &str)) -> bool {
    let Some((step, rest)) = steps.split_first() else { return false };
    match value {
        Value::Object(map) if rest.is_empty() && *step == "*" => {
            let names: Vec<String> = map.keys().cloned().collect();
            names.iter().for_each(|name| change(map, name));
            !names.is_empty()
        }
        Value::Object(map) if rest.is_empty() => {
            let known = map.contains_key(*step);
            if known {
                change(map, step);
            }
            known
        }
        Value::Object(map) if *step == "*" => {
            map.values_mut().filter_map(|inner| along(inner, rest, change).then_some(())).count() > 0
        }
        Value::Object(map) => map.get_mut(*step).is_some_and(|inner| along(inner, rest, change)),
        Value::Array(list) if *step == "*" => {
            list.iter_mut().filter_map(|inner| along(inner, rest, change).then_some(())).count() > 0
        }
        Value::Array(list) => {
            step.parse::<usize>().ok().and_then(|n| list.get_mut(n)).is_some_and(|inner| along(inner, rest, change))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Every place of a field with one of these names.
fn find(
    value: &Value,
    here: &mut Vec<String>,
    names: &[&str],
    fits: &impl Fn(&Value) -> bool,
    found: &mut Vec<Vec<String>>,
) {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(name, inner)| (name.clone(), inner)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(n, inner)| (n.to_string(), inner)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    for (name, inner) in inside {
        here.push(name.clone());
        if value.is_object() && names.contains(&name.as_str()) && !inner.is_null() && fits(inner) {
            found.push(here.clone());
        }
        find(inner, here, names, fits, found);
        here.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(fault: &InjectedFault, body: &Value) -> Value {
        let bytes = altered(fault, body.to_string().as_bytes(), 5).expect("a change");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    #[test]
    fn a_field_is_taken_away_nulled_or_unknown_where_the_rule_says() {
        let body = json!({ "items": [{ "status": { "state": "success" } }, { "status": { "state": "failure" } }] });
        let path = || Some("items.*.status.state".to_owned());
        let states = |value: &Value| -> Vec<Value> {
            (0..2).map(|n| value["items"][n]["status"].get("state").cloned().unwrap_or("gone".into())).collect()
        };
        assert_eq!(states(&after(&InjectedFault::MissingField { path: path() }, &body)), ["gone", "gone"]);
        assert_eq!(states(&after(&InjectedFault::NullField { path: path() }, &body)), [Value::Null, Value::Null]);
        assert_eq!(states(&after(&InjectedFault::UnknownEnum { path: path() }, &body)), [UNHEARD_OF, UNHEARD_OF]);
    }

    #[test]
    fn without_a_path_a_documented_field_is_hit_and_nothing_else() {
        let body = json!({ "title": "x", "iid": 7, "labels": ["a"] });
        assert_eq!(after(&InjectedFault::MissingField { path: None }, &body), json!({ "title": "x", "labels": ["a"] }));
        assert_eq!(altered(&InjectedFault::MissingField { path: None }, b"{\"title\":1}", 0), None);
        assert_eq!(altered(&InjectedFault::NullField { path: None }, b"no JSON", 0), None);
        assert!(after(&InjectedFault::ExtraFields, &json!([{ "a": {} }]))[0]["a"]["sim_extra"].is_object());
    }
}
