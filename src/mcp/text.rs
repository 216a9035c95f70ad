//! Texts for models and terminals: cleaned of what steers either, and cut to what an answer may hold.

use serde_json::Value;

use crate::render::text::clean;

/// A summary is one line.
const SHORT_LINE: usize = 300;

/// Cleans every text within `data`.
pub(super) fn clean_all(data: &mut Value) {
    match data {
        Value::String(text) => *text = clean(text),
        Value::Array(items) => items.iter_mut().for_each(clean_all),
        Value::Object(fields) => fields.values_mut().for_each(clean_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `data` with every text cleaned.
pub(super) fn cleaned(mut data: Value) -> Value {
    clean_all(&mut data);
    data
}

/// Shortens every text to `letters` bytes and every list to `items`.
pub(super) fn shorten_all(data: &mut Value, letters: usize, items: usize) {
    match data {
        Value::String(text) if text.len() > letters => {
            *text = format!("{}… (cut)", head(text, letters));
        }
        Value::Array(list) => {
            list.truncate(items);
            list.iter_mut().for_each(|item| shorten_all(item, letters, items));
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| shorten_all(field, letters, items)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// One line of at most [`SHORT_LINE`] bytes.
pub(super) fn one_line(text: &str) -> String {
    let text = clean(text);
    let line = text.lines().next().unwrap_or_default().trim();
    if line.len() > SHORT_LINE { format!("{}…", head(line, SHORT_LINE)) } else { line.to_owned() }
}

/// `text`, or its beginning and where the rest is.
pub(super) fn shorten(text: &str, most: usize, rest: &str) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}\n… cut; the whole answer is at {rest}", head(text, most))
}

/// The first `most` bytes of `text`, or a little less: letters stay whole.
pub fn head(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
