//! One name for one type: a reader who searches for a type finds one.

use std::collections::BTreeMap;

use super::source::{Source, code_only, tokens};
use super::{below, source};

/// Types that stand twice, private ones too. The simulator names things as each service does, and so do the types in
/// which a file reads what others write.
fn twice(sources: &[Source]) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.file.starts_with("src/sim/")) {
        let tokens = tokens(&code_only(source.product()));
        for at in 0..tokens.len() {
            if !matches!(tokens[at].as_str(), "struct" | "enum" | "trait") {
                continue;
            }
            let before = |ends: &[&str]| {
                let begin = tokens[..at].iter().rposition(|token| ends.contains(&token.as_str()));
                &tokens[begin.map_or(0, |begin| begin + 1)..at]
            };
            let is_shown = matches!(before(&[";", "{", "}", "]"]).concat().as_str(), "pub" | "pub(crate)");
            let is_wire =
                before(&[";", "{", "}"]).iter().any(|token| matches!(token.as_str(), "Serialize" | "Deserialize"));
            // In a macro, `$` stands for the name.
            let name = tokens.get(at + 1).filter(|name| *name != "$");
            if let Some(name) = name.filter(|_| is_shown || !is_wire) {
                places.entry(name.clone()).or_default().push(&source.file);
            }
        }
    }
    let twice = places.into_iter().filter(|(_, files)| files.len() > 1);
    twice.map(|(name, files)| format!("{name}: {}", files.join(", "))).collect()
}

/// Names of ours that an import renames.
fn renamed(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let tokens = tokens(&code_only(source.product()));
        for (at, _) in tokens.iter().enumerate().filter(|(_, token)| *token == "use") {
            let path: Vec<_> = tokens[at + 1..].iter().take_while(|token| *token != ";").map(String::as_str).collect();
            let is_ours = matches!(path.first(), Some(&("crate" | "super" | "self")));
            let new = path.iter().position(|token| *token == "as").and_then(|at| path.get(at + 1));
            if let (true, Some(new)) = (is_ours, new.filter(|new| **new != "_")) {
                found.push(format!("{}: {new}", source.file));
            }
        }
    }
    found
}

#[test]
fn a_type_name_of_two_things_is_found() {
    let files = [
        source("src/cli/a.rs", "/// A.\n#[derive(Debug)]\npub struct Answer { x: u8 }\nstruct Own;"),
        source("src/mcp/b.rs", "pub(crate) enum Answer { A }\nstruct Own;\npub(super) struct Page;"),
        source(
            "src/core/c.rs",
            "#[derive(Deserialize)]\npub(super) struct Page;\n#[cfg(test)]\nmod tests { struct Own; }",
        ),
        source("src/sim/d.rs", "pub struct Answer;"),
    ];
    assert_eq!(twice(&files), ["Answer: src/cli/a.rs, src/mcp/b.rs", "Own: src/cli/a.rs, src/mcp/b.rs"]);
}

#[test]
fn an_import_that_renames_is_found() {
    let text = "use crate::a::{b, c as d}; use serde::x as y; use super::T as _; use self::e as f;";
    assert_eq!(renamed(&[source("src/cli/a.rs", text)]), ["src/cli/a.rs: d", "src/cli/a.rs: f"]);
}

#[test]
fn no_import_renames_a_name_of_ours() {
    assert_eq!(renamed(&below("src", &[".rs"])), [""; 0]);
}

#[test]
fn a_type_has_a_name_of_its_own() {
    assert_eq!(twice(&below("src", &[".rs"])), [""; 0]);
}
