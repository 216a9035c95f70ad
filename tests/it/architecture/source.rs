//! Reads Rust text just well enough to see which modules it names: comments and literals out, paths resolved.

use std::collections::BTreeMap;

/// One Rust file and where it stands in the module tree.
pub(super) struct Source {
    /// Path from the top of the checkout, with `/`.
    pub(super) file: String,
    /// Its text.
    pub(super) text: String,
}

/// A path that a file names, from the crate's root: `["core", "clients", "jira"]`.
pub(super) type ModPath = Vec<String>;

impl Source {
    /// The module that this file is: `src/core/clients/jira.rs` is `core::clients::jira`.
    pub(super) fn module(&self) -> ModPath {
        let inside = self.file.strip_prefix("src/").unwrap_or(&self.file);
        let inside = inside.strip_suffix(".rs").unwrap_or(inside);
        let mut module: ModPath = inside.split('/').map(str::to_owned).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            module.pop();
        }
        module
    }

    /// The part that ships: tests at the end of the file, and files of tests, may look beside the checkout.
    pub(super) fn product(&self) -> &str {
        if self.file.ends_with("/tests.rs") {
            return "";
        }
        self.text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default()
    }

    /// Every path of this file that begins with `crate::`, `super::` or `self::`, or with a name that such a path brought
    /// in or that the file declares as a module, resolved.
    pub(super) fn paths(&self) -> Vec<ModPath> {
        self.paths_of(&self.text)
    }

    /// The same without the tests of the file.
    pub(super) fn product_paths(&self) -> Vec<ModPath> {
        self.paths_of(self.product())
    }

    /// The string literals of the part that ships, as they stand between their quotes.
    pub(super) fn literals(&self) -> Vec<String> {
        let mut found = Vec::new();
        scan(self.product(), |literal| found.push(literal.to_owned()));
        found
    }

    fn paths_of(&self, text: &str) -> Vec<ModPath> {
        let tokens = tokens(&code_only(text));
        let mut module = self.module();
        // Brace depth at which each inline module began.
        let mut inline: Vec<usize> = Vec::new();
        let (mut depth, mut at) = (0, 0);
        let mut found = Vec::new();
        // What a name at the beginning of a path stands for.
        let mut known: BTreeMap<String, ModPath> = BTreeMap::new();
        while let Some(token) = tokens.get(at) {
            match token.as_str() {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if inline.last() == Some(&depth) {
                        inline.pop();
                        module.pop();
                    }
                }
                "mod" if tokens.get(at + 2).is_some_and(|next| next == "{") => {
                    inline.push(depth);
                    module.push(tokens[at + 1].clone());
                }
                "mod" if tokens.get(at + 2).is_some_and(|next| next == ";") => {
                    let child = [&module[..], std::slice::from_ref(&tokens[at + 1])].concat();
                    known.insert(tokens[at + 1].clone(), child);
                }
                "crate" | "super" | "self" if tokens.get(at + 1).is_some_and(|next| next == "::") => {
                    let before = found.len();
                    at = tree(&tokens, at, &[], &module, &mut found);
                    known.extend(found[before..].iter().filter_map(|path| Some((path.last()?.clone(), path.clone()))));
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        found.extend(continued(&tokens, &known));
        found
    }
}

/// Paths that go on from a known name: `tools::ALL` behind `use super::tools`.
fn continued(tokens: &[String], known: &BTreeMap<String, ModPath>) -> Vec<ModPath> {
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let begins = at == 0 || tokens[at - 1] != "::";
        if begins
            && pair[1] == "::"
            && let Some(path) = known.get(&pair[0])
        {
            tree(tokens, at + 2, path, &[], &mut found);
        }
    }
    found
}

/// Reads one path with its branches (`a::{b, c::d}`) from `at`; the place behind it.
fn tree(tokens: &[String], mut at: usize, before: &[String], module: &[String], found: &mut Vec<ModPath>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    let next = tree(tokens, at, &path, module, found);
                    // Whatever is no path (a comma, an alias) is stepped over.
                    at = next.max(at + 1);
                }
                return at + 1;
            }
            Some(name) if is_name(name) || name == "*" => path.push(name.to_owned()),
            Some(_) | None => return at,
        }
        at += 1;
        if tokens.get(at).is_some_and(|token| token == "::") {
            at += 1;
            continue;
        }
        found.push(resolved(&path, module));
        return at;
    }
}

fn resolved(path: &[String], module: &[String]) -> ModPath {
    let mut whole = module.to_vec();
    for segment in path {
        match segment.as_str() {
            "crate" => whole.clear(),
            "super" => {
                whole.pop();
            }
            "self" => {}
            name => whole.push(name.to_owned()),
        }
    }
    whole
}

fn is_name(token: &str) -> bool {
    token.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Names, `::`, and every other visible character on its own.
pub(super) fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let name = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let length = match (name, rest.starts_with("::")) {
            (0, true) => 2,
            (0, false) => first.len_utf8(),
            (name, _) => name,
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token.to_owned());
        rest = after.trim_start();
    }
    tokens
}

/// The text with comments left out and the inside of string and character literals emptied.
pub(super) fn code_only(text: &str) -> String {
    scan(text, |_| ())
}

/// The same; `literal` gets each string literal that is left out.
fn scan(text: &str, mut literal: impl FnMut(&str)) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after_name = code.chars().last().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(rest).filter(|_| !after_name) {
            code.push_str("\"\"");
            literal(&rest[..length]);
            length
        } else if c == '"' {
            code.push_str("\"\"");
            let length = quoted(rest, '"');
            literal(rest[..length].trim_matches('"'));
            length
        } else if c == '\'' && is_char_literal(rest) {
            code.push_str("''");
            quoted(rest, '\'')
        } else {
            code.push(c);
            c.len_utf8()
        };
        rest = &rest[skipped..];
    }
    code
}

/// Length of `r"…"` or `r#"…"#` at the beginning of `text`.
fn raw_string(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('r').or_else(|| text.strip_prefix("br"))?;
    let hashes = inside.len() - inside.trim_start_matches('#').len();
    let body = inside[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(text.len() - body.len() + length)
}

/// Length of the literal at the beginning of `text`, both quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `'x'` or `'\n'`, not the lifetime `'x`.
fn is_char_literal(text: &str) -> bool {
    let mut inside = text.chars().skip(1);
    match inside.next() {
        Some('\\') => true,
        Some(_) => inside.next() == Some('\''),
        None => false,
    }
}
