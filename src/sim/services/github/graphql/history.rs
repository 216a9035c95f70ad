//! The commits of a branch in GraphQL: its head, and the history of a path.

use serde_json::{Map, Value, json};

use super::{Field, unknown};
use crate::domain::dates::stamp;
use crate::sim::facts::github::{Branch, Commit};

/// What is asked of the newest commit of a branch.
pub(super) fn head(branch: &Branch, fields: &[Field]) -> Result<Value, Value> {
    let Some(newest) = branch.log.last() else { return Ok(Value::Null) };
    let mut data = Map::new();
    for field in fields.iter().filter(|field| field.on.as_deref().is_none_or(|on| on == "Commit" || on == "GitObject"))
    {
        let value = if field.name == "history" { history(branch, field)? } else { of(newest, field)? };
        data.insert(field.key.clone(), value);
    }
    Ok(Value::Object(data))
}

fn history(branch: &Branch, field: &Field) -> Result<Value, Value> {
    let first = field.argument("first").parse().unwrap_or(100).min(100);
    let found: Vec<&Commit> = branch.commits(field.argument("path")).collect();
    let mut data = Map::new();
    for inner in &field.inside {
        let value = match inner.name.as_str() {
            "totalCount" => json!(found.len()),
            "nodes" => {
                let nodes = found.iter().take(first).map(|one| commit(one, &inner.inside));
                Value::Array(nodes.collect::<Result<_, _>>()?)
            }
            _ => return Err(unknown(inner, "CommitHistoryConnection")),
        };
        data.insert(inner.key.clone(), value);
    }
    Ok(Value::Object(data))
}

fn commit(one: &Commit, fields: &[Field]) -> Result<Value, Value> {
    let mut data = Map::new();
    for field in fields {
        data.insert(field.key.clone(), of(one, field)?);
    }
    Ok(Value::Object(data))
}

fn of(one: &Commit, field: &Field) -> Result<Value, Value> {
    Ok(match field.name.as_str() {
        "__typename" => json!("Commit"),
        "oid" => json!(one.id),
        "message" => json!(one.message),
        "messageHeadline" => json!(one.message.lines().next().unwrap_or_default()),
        "committedDate" | "authoredDate" => json!(stamp(one.at)),
        "author" | "committer" => {
            let mut data = Map::new();
            for inner in &field.inside {
                let value = match inner.name.as_str() {
                    "name" => json!(one.by),
                    "email" => json!(format!("{}@example.com", one.by)),
                    "date" => json!(stamp(one.at)),
                    _ => return Err(unknown(inner, "GitActor")),
                };
                data.insert(inner.key.clone(), value);
            }
            Value::Object(data)
        }
        _ => return Err(unknown(field, "Commit")),
    })
}
