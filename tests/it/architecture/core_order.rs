//! The order inside `core`: a folder names only those further down, as `src/core/mod.rs` lists them.

use super::source::Source;
use super::{below, layers, source};

/// Files that name something further up, each with its reason; the list may only become shorter.
const KNOWN: [(&str, &str); 1] = [(
    "src/core/config/settings/tests.rs: core::config must not use core::clients",
    "the test asks the rule that rewrites addresses what the settings make of one",
)];

/// Every arrow inside `core` that points up, as "file: core::module must not use core::module".
fn wrong_arrows(sources: &[Source], order: &[String]) -> Vec<String> {
    let place = |module: Option<&String>| order.iter().position(|name| Some(name) == module);
    let mut wrong = Vec::new();
    for source in sources.iter().filter(|source| source.file.starts_with("src/core/")) {
        let from = source.module();
        let Some(own) = place(from.get(1)) else { continue };
        for to in source.paths().iter().filter(|to| to.first().is_some_and(|first| first == "core")) {
            if place(to.get(1)).is_some_and(|used| used < own) {
                wrong.push(format!("{}: core::{} must not use core::{}", source.file, from[1], to[1]));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    wrong
}

/// The order as the map in docs/ARCHITECTURE.md tells it.
fn order_of_the_map(map: &str) -> Vec<String> {
    let row = map.lines().find(|line| line.starts_with("| `core` |")).unwrap_or_default();
    let list = row.split("itself in this order:").nth(1).unwrap_or_default().split('|').next().unwrap_or_default();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn an_arrow_up_within_core_is_found() {
    let order = layers("pub mod context;\n\npub mod clients;\n\npub mod clock;\n");
    let found = |file: &str, text: &str| wrong_arrows(&[source(file, text)], &order);
    assert_eq!(
        found("src/core/clients/jira.rs", "use crate::core::context::Context; use crate::core::clock::Clock;"),
        ["src/core/clients/jira.rs: core::clients must not use core::context"]
    );
    assert_eq!(
        found("src/core/clock.rs", "use super::clients::http::Http;"),
        ["src/core/clock.rs: core::clock must not use core::clients"]
    );
    let fine = "use crate::core::clients::jira::Jira; use super::clock::Clock; use crate::domain::task::Task;";
    assert_eq!(found("src/core/context.rs", fine), [""; 0]);
    assert_eq!(found("src/core/clients/jira/wire.rs", "use super::super::http::Ask;"), [""; 0]);
}

#[test]
fn every_arrow_within_core_points_down() {
    let sources = below("src/core", &[".rs"]);
    let folder = sources.iter().find(|source| source.file == "src/core/mod.rs").expect("the list of core");
    let order = layers(&folder.text);
    assert!(order.len() > 8, "the list was not found: {order:?}");
    let known: Vec<&str> = KNOWN.iter().map(|(arrow, _)| *arrow).collect();
    assert_eq!(wrong_arrows(&sources, &order), known, "an arrow that is gone leaves the list; a new one is turned");
    assert!(KNOWN.iter().all(|(_, reason)| reason.len() > 20));
    let map = below("docs/ARCHITECTURE.md", &[".md"]);
    assert_eq!(order_of_the_map(&map[0].text), order, "the map and src/core/mod.rs list the same");
}
