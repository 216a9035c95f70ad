//! One language: the terms of the field and of Rust, so that a stranger can guess the next file's name.

use std::collections::BTreeMap;

use super::source::{Source, code_only, tokens};
use super::{below, source};

/// Words that the first version used for its parts, and that say nothing to a newcomer.
const OLD: [&str; 14] = [
    "told", "town", "towns", "door", "doors", "room", "rooms", "house", "houses", "weather", "news", "word", "deed",
    "wish",
];

/// The same in the plural, where adding an `s` does not give it.
const OLD_PLURALS: [&str; 3] = ["words", "deeds", "wishes"];

/// How often prose (comments and running text) may use one of them in its plain English sense; may only become fewer.
const PROSE: [(&str, usize); 2] = [("word", 48), ("words", 84)];

/// Literals that stored files have always spelled so.
const STORED: [&str; 1] = ["src/runs/approval.rs: told"];

fn is_old(term: &str) -> bool {
    let term = term.to_ascii_lowercase();
    OLD.contains(&term.as_str()) || OLD_PLURALS.contains(&term.as_str())
}

/// The parts of an identifier: `TestWorld` and `test_world` are `test` and `world`.
fn parts(identifier: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = '_';
    for c in identifier.chars() {
        if c == '_' || (c.is_uppercase() && before.is_lowercase()) {
            parts.push(String::new());
        }
        if c != '_' {
            parts.last_mut().expect("one part").push(c);
        }
        before = c;
    }
    parts
}

/// Identifiers that have an old term as one of their parts, with their file.
fn in_identifiers(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let names = source.module().into_iter().chain(tokens(&code_only(&source.text)));
        for name in names.filter(|name| parts(name).iter().any(|part| is_old(part))) {
            found.push(format!("{}: {name}", source.file));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Words of a text, in lower case.
fn terms_of(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_ascii_lowercase)
}

/// Lines of a page that people read as it is.
fn in_pages(pages: &[Source], only_headings: bool) -> Vec<String> {
    let mut found = Vec::new();
    for page in pages {
        for (number, line) in page.text.lines().enumerate().filter(|(_, line)| !only_headings || line.starts_with('#'))
        {
            if terms_of(line).any(|term| is_old(&term)) {
                found.push(format!("{}:{}: {}", page.file, number + 1, line.trim()));
            }
        }
    }
    found
}

/// Literals of the product, which end in what people read.
fn in_literals(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for literal in source.literals() {
            if terms_of(&literal).any(|term| is_old(&term)) {
                found.push(format!("{}: {literal}", source.file));
            }
        }
    }
    found
}

/// How often prose uses each old term.
fn in_prose(sources: &[Source]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for source in sources {
        for comment in source.text.lines().filter_map(|line| line.split_once("//").map(|(_, comment)| comment)) {
            for term in terms_of(comment).filter(|term| is_old(term)) {
                *counts.entry(term).or_insert(0) += 1;
            }
        }
    }
    counts
}

#[test]
fn an_old_word_is_found_in_an_identifier_a_literal_and_a_heading() {
    let file = source("src/town.rs", "/// a word\nfn is_told() -> TestTown { say(\"the news\", password, Keyword) }");
    assert_eq!(
        in_identifiers(std::slice::from_ref(&file)),
        ["src/town.rs: TestTown", "src/town.rs: is_told", "src/town.rs: town"]
    );
    assert_eq!(in_literals(std::slice::from_ref(&file)), ["src/town.rs: the news"]);
    assert_eq!(in_prose(&[file]), BTreeMap::from([("word".to_owned(), 1)]));
    assert_eq!(in_pages(&[source("a.md", "# The rooms\nin other words")], true), ["a.md:1: # The rooms"]);
}

#[test]
fn identifiers_speak_the_language_of_the_field() {
    let sources: Vec<_> = below("src", &[".rs"]).into_iter().chain(below("tests", &[".rs"])).collect();
    let here = |name: &str| name.starts_with("tests/it/architecture/vocabulary.rs");
    assert_eq!(in_identifiers(&sources).into_iter().filter(|name| !here(name)).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn what_people_read_speaks_the_language_of_the_field() {
    let mut literals = in_literals(&below("src", &[".rs"]));
    literals.retain(|found| !STORED.contains(&found.as_str()));
    assert_eq!(literals, [""; 0]);
    let pages: Vec<_> =
        below("docs/reference", &[".md"]).into_iter().chain(below("src/mcp/guides", &[".md"])).collect();
    assert_eq!(in_pages(&pages, false), [""; 0]);
    let pages =
        ["README.md", "AGENTS.md", "CHANGELOG.md", "docs", "config"].iter().flat_map(|path| below(path, &[".md"]));
    assert_eq!(in_pages(&pages.collect::<Vec<_>>(), true), [""; 0]);
}

#[test]
fn prose_uses_the_old_words_no_more_often_than_counted() {
    let sources: Vec<_> = below("src", &[".rs"]).into_iter().chain(below("tests", &[".rs"])).collect();
    let sources: Vec<_> = sources.into_iter().filter(|source| !source.file.ends_with("/vocabulary.rs")).collect();
    let mut counts = in_prose(&sources);
    let allowed = |term: &str| PROSE.iter().find(|(known, _)| *known == term).map_or(0, |(_, count)| *count);
    counts.retain(|term, count| *count > allowed(term));
    assert_eq!(counts, BTreeMap::new(), "say it in the terms of the field");
}
