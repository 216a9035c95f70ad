//! The two GraphQL questions that are asked here: objects of a repository by expression.
//!
//! The parser takes what GraphQL allows around them (aliases, commas, variables, inline fragments);
//! a field that the schema does not have is an error with HTTP 200, as GitHub answers it.

mod history;

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{is_ours, problem};
use crate::sim::facts::github::Github;
use crate::sim::facts::github::trees::Node;
use crate::sim::wire;
use crate::sim::world::World;

/// Nesting beyond this is refused, so that a hostile query cannot exhaust the stack.
const DEPTH_LIMIT: usize = 40;

pub(super) async fn answer(State(world): State<World>, body: Bytes) -> Response {
    let facts = world.facts();
    let Ok(sent) = serde_json::from_slice::<Value>(&body) else {
        return problem(StatusCode::BAD_REQUEST, "Problems parsing JSON");
    };
    let Some(query) = sent.get("query").and_then(Value::as_str) else {
        return wire::json(StatusCode::OK, &errors("A query attribute must be specified and must be a string.", None));
    };
    let body = match parse(query, sent.get("variables").unwrap_or(&Value::Null)) {
        Err(message) => errors(&message, None),
        Ok(fields) => match root(&facts.github, &fields) {
            Ok(data) => json!({ "data": data }),
            Err(body) => body,
        },
    };
    wire::json(StatusCode::OK, &body)
}

fn errors(message: &str, kind: Option<&str>) -> Value {
    let mut error = json!({ "message": message, "locations": [{ "line": 1, "column": 1 }] });
    if let Some(kind) = kind {
        error["type"] = json!(kind);
        error["path"] = json!(["repository"]);
        return json!({ "data": { "repository": null }, "errors": [error] });
    }
    json!({ "errors": [error] })
}

fn unknown(field: &Field, on: &str) -> Value {
    errors(&format!("Field '{}' doesn't exist on type '{on}'", field.name), None)
}

fn root(github: &Github, fields: &[Field]) -> Result<Value, Value> {
    let mut data = Map::new();
    for field in fields {
        let value = match field.name.as_str() {
            "repository" => {
                let (owner, name) = (field.argument("owner"), field.argument("name"));
                if !is_ours(owner, name) {
                    let text = format!("Could not resolve to a Repository with the name '{owner}/{name}'.");
                    return Err(errors(&text, Some("NOT_FOUND")));
                }
                repository(github, &field.inside)?
            }
            "viewer" => json!({ "login": "release-bot" }),
            "rateLimit" => json!({ "limit": 5000, "cost": 1, "remaining": 4999, "used": 1 }),
            _ => return Err(unknown(field, "Query")),
        };
        data.insert(field.key.clone(), value);
    }
    Ok(Value::Object(data))
}

fn repository(github: &Github, fields: &[Field]) -> Result<Value, Value> {
    let mut data = Map::new();
    // A question may name hundreds of files of one branch.
    let mut roots: BTreeMap<&str, Option<Node<'_>>> = BTreeMap::new();
    for field in fields {
        let value = match field.name.as_str() {
            "object" => {
                let expression = field.argument("expression");
                let (reference, path) = expression.split_once(':').unwrap_or((expression, ""));
                let branch = github.resolve(reference).map(|(_, branch)| branch);
                if let (Some(branch), None) = (branch, expression.split_once(':'))
                    && field.inside.iter().any(|inner| inner.on.as_deref() == Some("Commit"))
                {
                    history::head(branch, &field.inside)?
                } else {
                    let root = roots
                        .entry(reference)
                        .or_insert_with(|| branch.map(|branch| Node::of(&branch.files, &github.base_url)));
                    match root.as_ref().and_then(|root| root.at(path)) {
                        Some(node) => object(node, path, &field.inside)?,
                        None => Value::Null,
                    }
                }
            }
            "name" => json!("release-tests"),
            "nameWithOwner" => json!(super::REPOSITORY),
            "id" => json!("R_1"),
            _ => return Err(unknown(field, "Repository")),
        };
        data.insert(field.key.clone(), value);
    }
    Ok(Value::Object(data))
}

fn object(node: &Node<'_>, path: &str, fields: &[Field]) -> Result<Value, Value> {
    let kind = match node {
        Node::Blob { .. } => "Blob",
        Node::Tree { .. } => "Tree",
    };
    let mut data = Map::new();
    for field in fields.iter().filter(|field| field.on.as_deref().is_none_or(|on| on == kind || on == "GitObject")) {
        let value = match (field.name.as_str(), node) {
            ("__typename", _) => json!(kind),
            ("oid", _) => json!(node.sha()),
            ("abbreviatedOid", _) => json!(&node.sha()[..7]),
            ("text", Node::Blob { text, .. }) => json!(text.text()),
            ("byteSize", Node::Blob { text, .. }) => json!(text.len()),
            ("isTruncated" | "isBinary", Node::Blob { .. }) => json!(false),
            ("entries", Node::Tree { entries, .. }) => {
                let mut list = Vec::new();
                for (name, entry) in entries {
                    let whole = if path.is_empty() { (*name).to_owned() } else { format!("{path}/{name}") };
                    list.push(tree_entry(name, entry, &whole, &field.inside)?);
                }
                Value::Array(list)
            }
            _ => return Err(unknown(field, kind)),
        };
        data.insert(field.key.clone(), value);
    }
    Ok(Value::Object(data))
}

fn tree_entry(name: &str, node: &Node<'_>, path: &str, fields: &[Field]) -> Result<Value, Value> {
    let mut data = Map::new();
    for field in fields {
        let value = match field.name.as_str() {
            "name" => json!(name),
            "path" => json!(path),
            "type" => json!(node.kind()),
            "oid" => json!(node.sha()),
            "mode" => json!(if node.kind() == "tree" { 0o40_000 } else { 0o100_644 }),
            "object" => object(node, path, &field.inside)?,
            _ => return Err(unknown(field, "TreeEntry")),
        };
        data.insert(field.key.clone(), value);
    }
    Ok(Value::Object(data))
}

/// One field of a selection.
#[derive(Debug)]
struct Field {
    key: String,
    name: String,
    arguments: Map<String, Value>,
    inside: Vec<Self>,
    /// The type of the inline fragment that it stands in.
    on: Option<String>,
}

impl Field {
    fn argument(&self, name: &str) -> &str {
        self.arguments.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Lexeme {
    Name(String),
    Text(String),
    Mark(char),
    Spread,
}

fn parse(query: &str, variables: &Value) -> Result<Vec<Field>, String> {
    let mut reader = Reader { tokens: tokens(query)?, at: 0, variables };
    while reader.peek().is_some_and(|token| *token != Lexeme::Mark('{')) {
        if *reader.next()? == Lexeme::Mark('(') {
            reader.skip_to(')')?;
        }
    }
    let fields = reader.selection(0)?;
    match reader.peek() {
        None => Ok(fields),
        Some(_) => Err("Parse error: unexpected text after the query".to_owned()),
    }
}

fn tokens(query: &str) -> Result<Vec<Lexeme>, String> {
    let mut found = Vec::new();
    let mut rest = query.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_whitespace() || c == ',' {
            continue;
        }
        if c == '#' {
            while rest.next_if(|c| *c != '\n').is_some() {}
        } else if c == '"' {
            let mut text = String::new();
            loop {
                match rest.next() {
                    Some('"') => break,
                    Some('\\') => text.extend(rest.next()),
                    Some(c) => text.push(c),
                    None => return Err("Parse error: unterminated string".to_owned()),
                }
            }
            found.push(Lexeme::Text(text));
        } else if c == '.' {
            while rest.next_if_eq(&'.').is_some() {}
            found.push(Lexeme::Spread);
        } else if c.is_alphanumeric() || c == '_' || c == '-' {
            let mut token = String::from(c);
            while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                token.push(c);
            }
            found.push(Lexeme::Name(token));
        } else {
            found.push(Lexeme::Mark(c));
        }
    }
    Ok(found)
}

struct Reader<'a> {
    tokens: Vec<Lexeme>,
    at: usize,
    variables: &'a Value,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Lexeme> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<&Lexeme, String> {
        self.at += 1;
        self.tokens.get(self.at - 1).ok_or_else(|| "Parse error: unexpected end of document".to_owned())
    }

    fn take(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Lexeme::Mark(mark));
        self.at += usize::from(found);
        found
    }

    fn name(&mut self) -> Result<String, String> {
        match self.next()? {
            Lexeme::Name(token) => Ok(token.clone()),
            Lexeme::Text(_) | Lexeme::Mark(_) | Lexeme::Spread => Err("Parse error: expected a name".to_owned()),
        }
    }

    fn skip_to(&mut self, mark: char) -> Result<(), String> {
        while *self.next()? != Lexeme::Mark(mark) {}
        Ok(())
    }

    fn selection(&mut self, depth: usize) -> Result<Vec<Field>, String> {
        if depth > DEPTH_LIMIT {
            return Err("Query has too much depth".to_owned());
        }
        if !self.take('{') {
            return Err("Parse error: expected a selection".to_owned());
        }
        let mut fields = Vec::new();
        while !self.take('}') {
            if self.peek() == Some(&Lexeme::Spread) {
                self.at += 1;
                if self.name()? != "on" {
                    return Err("Named fragments are not known here".to_owned());
                }
                let on = self.name()?;
                for mut field in self.selection(depth + 1)? {
                    field.on = Some(on.clone());
                    fields.push(field);
                }
                continue;
            }
            let first = self.name()?;
            let (key, name) = if self.take(':') { (first, self.name()?) } else { (first.clone(), first) };
            let mut arguments = Map::new();
            if self.take('(') {
                while !self.take(')') {
                    let argument = self.name()?;
                    if !self.take(':') {
                        return Err("Parse error: expected a value".to_owned());
                    }
                    let value = self.value()?;
                    arguments.insert(argument, value);
                }
            }
            let inside = if self.peek() == Some(&Lexeme::Mark('{')) { self.selection(depth + 1)? } else { Vec::new() };
            fields.push(Field { key, name, arguments, inside, on: None });
        }
        Ok(fields)
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.next()?.clone() {
            Lexeme::Text(text) | Lexeme::Name(text) => Ok(Value::String(text)),
            Lexeme::Mark('$') => {
                let name = self.name()?;
                self.variables.get(&name).cloned().ok_or_else(|| format!("Variable ${name} was not provided"))
            }
            Lexeme::Mark(_) | Lexeme::Spread => Err("Parse error: expected a value".to_owned()),
        }
    }
}
