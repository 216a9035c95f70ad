//! Messages of a `.proto` file and their form in JSON, strictly: no field that is not declared, no value of
//! another kind, enumerations by a known name or number.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

/// The messages and enumerations of one file.
pub(super) struct Messages {
    messages: BTreeMap<String, Vec<Field>>,
    enums: BTreeMap<String, BTreeMap<String, u64>>,
}

struct Field {
    name: String,
    kind: String,
    repeated: bool,
}

impl Messages {
    /// Reads a file without nested messages, oneofs and options on fields; fails when it has any.
    pub(super) fn read(text: &str) -> Self {
        let comments = Regex::new(r"(?s)/\*.*?\*/|//[^\n]*").unwrap();
        let text = comments.replace_all(text, "");
        let block = Regex::new(r"\b(message|enum)\s+(\w+)\s*\{([^{}]*)\}").unwrap();
        let (mut messages, mut enums) = (BTreeMap::new(), BTreeMap::new());
        for found in block.captures_iter(&text) {
            let lines = found[3].split(';').map(str::trim).filter(|line| !line.is_empty());
            if &found[1] == "enum" {
                enums.insert(found[2].to_owned(), lines.map(value).collect());
            } else {
                messages.insert(found[2].to_owned(), lines.map(field).collect());
            }
        }
        assert_eq!(messages.len(), Regex::new(r"\bmessage\s+\w+\s*\{").unwrap().find_iter(&text).count());
        Self { messages, enums }
    }

    /// Is `value` a `message` in the JSON form of proto3?
    pub(super) fn check(&self, message: &str, value: &Value) -> Result<(), String> {
        let fields = self.messages.get(message).ok_or_else(|| format!("no message {message}"))?;
        let object = value.as_object().ok_or_else(|| format!("{message} is no object: {value}"))?;
        for (key, value) in object {
            let field = fields
                .iter()
                .find(|field| field.name == *key || camel(&field.name) == *key)
                .ok_or_else(|| format!("{message} has no field {key}"))?;
            let place = format!("{message}.{key}");
            // Null is the absence of any field.
            if value.is_null() {
                continue;
            }
            let values = match value.as_array().filter(|_| field.repeated) {
                Some(list) => list.as_slice(),
                None if field.repeated => return Err(format!("{place} is no list: {value}")),
                None => std::slice::from_ref(value),
            };
            values.iter().try_for_each(|value| self.kind(&field.kind, value, &place))?;
        }
        Ok(())
    }

    fn kind(&self, kind: &str, value: &Value, place: &str) -> Result<(), String> {
        let fits = match kind {
            "string" => value.is_string(),
            "bool" => value.is_boolean(),
            "int32" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            "map<string,string>" => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
            "google.protobuf.Timestamp" => {
                value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok() && text.ends_with('Z'))
            }
            name => match self.enums.get(name) {
                None => return self.check(name, value).map_err(|why| format!("{place}: {why}")),
                // The transcoder before the service reads a number in quotes, too: so it is asked in the wild.
                Some(known) => match value.as_str() {
                    Some(text) => {
                        known.contains_key(text) || text.parse().is_ok_and(|n: u64| known.values().any(|v| *v == n))
                    }
                    None => value.as_u64().is_some_and(|number| known.values().any(|known| *known == number)),
                },
            },
        };
        if fits { Ok(()) } else { Err(format!("{place} is no {kind}: {value}")) }
    }
}

fn value(line: &str) -> (String, u64) {
    let (name, number) = line.split_once('=').expect("a name and its number");
    (name.trim().to_owned(), number.trim().parse().expect("a number"))
}

fn field(line: &str) -> Field {
    let form = Regex::new(r"^(repeated\s+)?(map<\s*string\s*,\s*string\s*>|[\w.]+)\s+(\w+)\s*=\s*\d+$").unwrap();
    let found = form.captures(line).unwrap_or_else(|| panic!("{line:?} is no field that is known here"));
    Field { name: found[3].to_owned(), kind: found[2].replace(' ', ""), repeated: found.get(1).is_some() }
}

fn camel(name: &str) -> String {
    let mut tokens = name.split('_');
    let first = tokens.next().unwrap_or_default().to_owned();
    tokens.fold(first, |text, token| {
        let mut letters = token.chars();
        text + &letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    })
}
