//! One language: the terms of the field and of Rust, so that a stranger can guess the next file's name.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, code_only, tokens};
use super::{below, source};

/// Words that the first version used for its parts, and that say nothing to a newcomer.
const OLD: [&str; 14] = [
    "told", "town", "towns", "door", "doors", "room", "rooms", "house", "houses", "weather", "news", "word", "deed",
    "wish",
];

/// The same in the plural, where adding an `s` does not give it.
const OLD_PLURALS: [&str; 3] = ["words", "deeds", "wishes"];

/// How often prose (comments and running text) uses one of them in its plain English sense; may only become fewer.
const PROSE: [(&str, usize); 2] = [("word", 37), ("words", 67)];

/// `stage` is the staging environment, and what services call so: what stands behind it says which.
const BEHIND_STAGE: [&str; 31] = [
    "testing",
    "testings",
    "test",
    "tests",
    "task",
    "tasks",
    "release",
    "released",
    "releases",
    "pipeline",
    "pipelines",
    "push",
    "pushes",
    "build",
    "builds",
    "job",
    "jobs",
    "advisory",
    "advisories",
    "catalog",
    "catalogue",
    "container",
    "environment",
    "target",
    "label",
    "policy",
    "runs",
    "failures",
    "status",
    "name",
    "example",
];

/// The same for what stands before it.
const BEFORE_STAGE: [&str; 7] = ["catalog", "cdn", "docker", "release", "defaults", "to", "on"];

/// How often it stands alone: the stage of a job in GitLab, an environment; may only become fewer.
const STAGE_ALONE: [(&str, usize); 3] = [("identifiers", 33), ("literals", 22), ("prose", 19)];

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

/// How often `stage` stands among `terms` without what says whether it is the environment.
fn stages_alone(terms: &[String]) -> usize {
    let is_said = |at: usize| {
        let behind = terms.get(at + 1).is_some_and(|term| BEHIND_STAGE.contains(&term.as_str()));
        behind || at.checked_sub(1).is_some_and(|before| BEFORE_STAGE.contains(&terms[before].as_str()))
    };
    let stages = terms.iter().enumerate().filter(|(_, term)| matches!(term.as_str(), "stage" | "stages"));
    stages.filter(|(at, _)| !is_said(*at)).count()
}

fn lowered(identifier: &str) -> Vec<String> {
    parts(identifier).iter().map(|part| part.to_ascii_lowercase()).collect()
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
    for comment in sources.iter().flat_map(comments) {
        for term in terms_of(comment).filter(|term| is_old(term)) {
            *counts.entry(term).or_insert(0) += 1;
        }
    }
    counts
}

fn comments(source: &Source) -> impl Iterator<Item = &str> {
    source.text.lines().filter_map(|line| line.split_once("//").map(|(_, comment)| comment))
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

/// All Rust files but this one.
fn written() -> Vec<Source> {
    let sources = below("src", &[".rs"]).into_iter().chain(below("tests", &[".rs"]));
    sources.filter(|source| !source.file.ends_with("/vocabulary.rs")).collect()
}

#[test]
fn prose_uses_the_old_words_as_often_as_counted() {
    let counted = PROSE.iter().map(|(term, count)| ((*term).to_owned(), *count)).collect();
    assert_eq!(in_prose(&written()), counted, "say it in the terms of the field, and count what is gone");
}

#[test]
fn stage_is_the_staging_environment_or_what_services_call_so() {
    let alone = |text: &str| stages_alone(&terms_of(text).collect::<Vec<_>>());
    assert_eq!(["the stage pipeline", "released to stage", "a stage of the drive"].map(alone), [0, 0, 1]);
    let sources = written();
    // Each once in a file.
    let names = |source: &Source| tokens(&code_only(&source.text)).into_iter().collect::<BTreeSet<_>>();
    let identifiers = sources.iter().flat_map(names);
    let literals = sources.iter().flat_map(Source::literals);
    let found = [
        ("identifiers", identifiers.map(|name| stages_alone(&lowered(&name))).sum()),
        ("literals", literals.map(|text| alone(&text)).sum()),
        ("prose", sources.iter().flat_map(comments).map(alone).sum()),
    ];
    assert_eq!(found, STAGE_ALONE, "the parts of a work have other names: step, phase, row");
}
