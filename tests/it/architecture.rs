//! The layout as a test: who may name whom, and the few rules that no compiler knows.
//!
//! Every rule is a function from sources to sentences; the tests at the end first show each rule failing on
//! small invented sources, then hold it against the tree.

mod arrows;
mod circles;
mod core_order;
mod front_ends;
mod source;
mod type_names;
mod vocabulary;

use std::collections::BTreeSet;
use std::path::Path;

use source::{Source, code_only, tokens};

/// Identifiers that a pure module cannot contain.
const IMPURE: [&str; 8] = ["async", "await", "tokio", "tracing", "reqwest", "println", "eprintln", "fs"];

/// A file is a thought; a longer one has two subjects.
const MOST_LINES: usize = 500;

/// Modules from top to bottom, as `lib.rs` lists them.
fn layers(lib: &str) -> Vec<String> {
    let names = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

/// The outside world in modules that only think.
fn impure(sources: &[Source]) -> Vec<String> {
    let thinking = |source: &&Source| matches!(source.module().first().map(String::as_str), Some("domain" | "planner"));
    let names = |source: &Source| {
        let names = tokens(&code_only(source.product()));
        let found: Vec<_> = IMPURE.iter().filter(|impure| names.iter().any(|name| name == *impure)).collect();
        found.into_iter().map(|name| format!("{}: thinks, and must not know {name}", source.file)).collect::<Vec<_>>()
    };
    sources.iter().filter(thinking).flat_map(names).collect()
}

/// Hosts that exist, put together here so that this file names none of them.
fn real_hosts() -> Vec<String> {
    let names = [
        ("redhat", "com"),
        ("redhat", "io"),
        ("openshift", "org"),
        ("openshift", "com"),
        ("openshiftapps", "com"),
        ("atlassian", "net"),
        ("slack", "com"),
        ("google", "com"),
        ("googleapis", "com"),
        ("github", "com"),
        ("githubusercontent", "com"),
        ("quay", "io"),
        ("gitlab", "com"),
    ];
    names.iter().map(|(name, end)| format!("{name}.{end}")).collect()
}

/// Names of real hosts, which belong into the one file of defaults.
fn named_hosts(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.text.lines().enumerate() {
            let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            let ends = |at: usize| !line[at..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
            let named = real_hosts()
                .into_iter()
                .find(|host| line.match_indices(host.as_str()).any(|(at, host)| begins(at) && ends(at + host.len())));
            found.extend(named.map(|host| format!("{}:{}: names {host}", source.file, number + 1)));
        }
    }
    found
}

/// Modules of the test binary that no `mod` line reaches: they would never run.
fn undeclared(sources: &[Source]) -> Vec<String> {
    let declares = |file: &str, name: &str| {
        sources.iter().filter(|source| source.file == file).any(|source| {
            let code = tokens(&code_only(&source.text));
            code.windows(3).any(|three| three[0] == "mod" && three[1] == name && three[2] == ";")
        })
    };
    let mut lost = Vec::new();
    for source in sources.iter().filter(|source| source.file != "tests/it/main.rs") {
        let module = source.file.trim_end_matches(".rs").trim_end_matches("/mod");
        let Some((folder, name)) = module.rsplit_once('/') else { continue };
        let above = [format!("{folder}/main.rs"), format!("{folder}/mod.rs"), format!("{folder}.rs")];
        if !above.iter().any(|file| declares(file, name)) {
            lost.push(format!("{}: is declared nowhere, so it never runs", source.file));
        }
    }
    lost
}

/// Attributes that hide something without saying why, and tests that are switched off.
fn silent_exceptions(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let code = code_only(&source.text);
        for (at, _) in code.match_indices("#[").chain(code.match_indices("#![")) {
            let attribute = attribute(&code[at..]);
            let names = tokens(attribute);
            let has = |name: &str| names.iter().any(|token| token == name);
            let hides = names.windows(2).any(|pair| (pair[0] == "allow" || pair[0] == "expect") && pair[1] == "(");
            if hides && !has("reason") {
                found.push(format!("{}: {attribute} gives no reason", source.file));
            }
            if has("ignore") {
                found.push(format!("{}: {attribute} switches a test off", source.file));
            }
        }
    }
    found
}

/// From `#[` to the bracket that closes it.
fn attribute(code: &str) -> &str {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '[' => depth += 1,
            ']' if depth == 1 => return &code[..=at],
            ']' => depth -= 1,
            _ => {}
        }
    }
    code
}

fn too_long(sources: &[Source]) -> Vec<String> {
    let lines = |source: &Source| (source.file.clone(), source.text.lines().count());
    let long = sources.iter().map(lines).filter(|(_, lines)| *lines > MOST_LINES);
    long.map(|(file, lines)| format!("{file}: {lines} lines; a file has one subject and at most {MOST_LINES}"))
        .collect()
}

/// Signs of folders that do more than declare and say what the folder is for.
fn busy_signs(sources: &[Source]) -> Vec<String> {
    let signs = sources.iter().filter(|source| source.file.ends_with("/mod.rs"));
    let busy = signs.filter(|sign| tokens(&code_only(sign.product())).iter().any(|token| token == "fn"));
    busy.map(|sign| format!("{}: declares, and does nothing", sign.file)).collect()
}

/// Names that a module shows as its own and that are another's: one thing has one path. A macro gets its path so.
fn re_exports(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.file != "src/lib.rs") {
        let tokens = tokens(&code_only(source.product()));
        for (at, _) in tokens.iter().enumerate().filter(|(_, token)| *token == "use") {
            let begin = tokens[..at].iter().rposition(|token| matches!(token.as_str(), ";" | "{" | "}"));
            let is_shown = tokens[begin.map_or(0, |begin| begin + 1)..at].iter().any(|token| token == "pub");
            let path: Vec<_> = tokens[at + 1..].iter().take_while(|token| *token != ";").map(String::as_str).collect();
            if is_shown && path.contains(&"::") {
                found.push(format!("{}: {} has its own path", source.file, path.concat()));
            }
        }
    }
    found
}

/// Modules that a page names and that are not there: `module::module` in backticks.
fn lost_names(page: &Source, sources: &[Source], layers: &[String]) -> Vec<String> {
    let exists = |name: &str| {
        let path = format!("src/{}", name.replace("::", "/"));
        sources.iter().any(|source| source.file == format!("{path}.rs") || source.file == format!("{path}/mod.rs"))
    };
    let names = page.text.split('`').skip(1).step_by(2).filter(|name| {
        let of_ours = name.split_once("::").is_some_and(|(layer, _)| layers.iter().any(|known| known == layer));
        of_ours && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':')
    });
    names.filter(|name| !exists(name)).map(|name| format!("{}: there is no {name}", page.file)).collect()
}

/// Items that a page names by a path and that stand nowhere in the sources.
fn lost_items(page: &Source, sources: &[Source]) -> Vec<String> {
    let is_of_names = |c: char| c.is_alphanumeric() || c == '_';
    let known: BTreeSet<&str> = sources.iter().flat_map(|source| source.text.split(|c| !is_of_names(c))).collect();
    let paths = page.text.split('`').skip(1).step_by(2).filter(|name| name.contains("::"));
    let lost = paths.filter(|path| path.split("::").any(|part| part.chars().all(is_of_names) && !known.contains(part)));
    lost.map(|path| format!("{}: nothing is called {path}", page.file)).collect()
}

/// Papers that stay behind when the product ships.
fn planning_papers(sources: &[Source]) -> Vec<String> {
    let papers = [format!("{}/", "shared"), format!("{}.md", "decisions"), format!("{}-commands.md", "oar")];
    let named = |source: &Source| {
        let paper = papers.iter().find(|paper| source.product().contains(paper.as_str()))?;
        Some(format!("{}: refers to {paper}, which readers do not have", source.file))
    };
    sources.iter().filter_map(named).collect()
}

/// All files below `folder` whose name ends so.
fn below(folder: &str, ends: &[&str]) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![top.join(folder)];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(path.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
            let file = path.strip_prefix(top).expect("below the top").display().to_string();
            found.push(Source { file, text: std::fs::read_to_string(&path).expect("a text") });
        }
    }
    found.sort_by(|a, b| a.file.cmp(&b.file));
    found
}

fn source(file: &str, text: &str) -> Source {
    Source { file: file.to_owned(), text: text.to_owned() }
}

fn layout() -> Vec<String> {
    layers(
        "pub mod cli;\n\npub mod web;\npub mod agents;\npub mod operators;\npub mod core;\npub mod domain;\npub mod sim;\n",
    )
}

#[test]
fn pure_modules_do_not_wait_log_or_read() {
    let found = impure(&[
        source("src/planner/gate.rs", "async fn f() {} // tokio\n#[cfg(test)]\nmod tests { use std::fs; }"),
        source("src/core/a.rs", "async"),
    ]);
    assert_eq!(found, ["src/planner/gate.rs: thinks, and must not know async"]);
}

#[test]
fn a_real_host_is_seen_and_an_invented_one_is_not() {
    let (host, like) = (format!("issues.{}", real_hosts()[0]), format!("not{}", real_hosts()[0]));
    let text = format!("fine: https://example.com {like}\nbad: https://{host}/browse");
    assert_eq!(named_hosts(&[source("src/a.rs", &text)]), [format!("src/a.rs:2: names {}", real_hosts()[0])]);
}

#[test]
fn a_test_file_that_nobody_declares_is_found() {
    let files = [
        source("tests/it/main.rs", "mod crash;\nmod rehearsals;\n// mod lost;"),
        source("tests/it/crash.rs", ""),
        source("tests/it/lost.rs", ""),
        source("tests/it/rehearsals/mod.rs", "mod signed;"),
        source("tests/it/rehearsals/signed.rs", ""),
        source("tests/it/rehearsals/unsigned.rs", ""),
    ];
    assert_eq!(
        undeclared(&files),
        [
            "tests/it/lost.rs: is declared nowhere, so it never runs",
            "tests/it/rehearsals/unsigned.rs: is declared nowhere, so it never runs"
        ]
    );
}

#[test]
fn an_exception_without_reason_and_a_test_that_is_off_are_found() {
    let fine = "#[expect(dead_code, reason = \"soon\")] #![cfg_attr(test, allow(x, reason = \"y\"))] #[serde(skip)]";
    assert_eq!(silent_exceptions(&[source("src/a.rs", fine)]), [""; 0]);
    let bad = "#![allow(x)] #[cfg_attr(test, expect(y))] #[ignore = \"slow\"] fn f() {}";
    assert_eq!(
        silent_exceptions(&[source("src/a.rs", bad)]),
        [
            "src/a.rs: #[cfg_attr(test, expect(y))] gives no reason",
            "src/a.rs: #[ignore = \"\"] switches a test off",
            "src/a.rs: #![allow(x)] gives no reason",
        ]
    );
}

#[test]
fn long_files_and_planning_papers_are_found() {
    let long = source("src/a.rs", &"\n".repeat(MOST_LINES + 1));
    assert_eq!(too_long(&[long, source("src/b.rs", &"\n".repeat(MOST_LINES))]).len(), 1);
    let paper = format!("as {}/data says", "shared");
    assert_eq!(planning_papers(&[source("docs/a.md", &paper), source("docs/b.md", "shared with all")]).len(), 1);
}

#[test]
fn a_name_with_two_paths_is_found() {
    let text =
        "pub(crate) use answer::{Answer, Kind}; use a::B; pub use list; #[x] pub use self::auth::Auth; fn f() {}";
    assert_eq!(
        re_exports(&[source("src/core/a.rs", text), source("src/lib.rs", text)]),
        ["src/core/a.rs: answer::{Answer,Kind} has its own path", "src/core/a.rs: self::auth::Auth has its own path"]
    );
}

#[test]
fn a_sign_that_works_and_a_name_of_nothing_are_found() {
    let signs = [source("src/core/mod.rs", "//! fn\npub mod clock;"), source("src/web/mod.rs", "fn serve() {}")];
    assert_eq!(busy_signs(&signs), ["src/web/mod.rs: declares, and does nothing"]);
    let page = source("docs/a.md", "`core` and `core::clock`, `core::lost`, `serde::x`, `a` `core::Clock`");
    let files = [source("src/core/mod.rs", ""), source("src/core/clock.rs", "")];
    assert_eq!(lost_names(&page, &files, &layout()), ["docs/a.md: there is no core::lost"]);
    let page = source("docs/a.md", "`Http::read` and `Http::gone`, also `Gone::read()`.");
    let files = [source("src/core/http.rs", "impl Http { fn read() {} }")];
    let lost = ["docs/a.md: nothing is called Http::gone", "docs/a.md: nothing is called Gone::read()"];
    assert_eq!(lost_items(&page, &files), lost);
}

#[test]
fn signs_of_folders_only_declare() {
    assert_eq!(busy_signs(&below("src", &[".rs"])), [""; 0]);
}

#[test]
fn every_name_has_one_path() {
    assert_eq!(re_exports(&below("src", &[".rs"])), [""; 0]);
}

#[test]
fn the_map_names_what_is_there() {
    let sources = below("src", &[".rs"]);
    let lib = sources.iter().find(|source| source.file == "src/lib.rs").expect("the map");
    let layers = layers(&lib.text);
    let all: Vec<Source> = ["src", "tests"].iter().flat_map(|folder| below(folder, &[".rs"])).collect();
    let lost: Vec<_> = ["docs/ARCHITECTURE.md", "AGENTS.md"]
        .iter()
        .flat_map(|page| below(page, &[".md"]))
        .flat_map(|page| [lost_names(&page, &sources, &layers), lost_items(&page, &all)].concat())
        .collect();
    assert_eq!(lost, [""; 0]);
}

#[test]
fn domain_and_planner_only_think() {
    assert_eq!(impure(&below("src", &[".rs"])), [""; 0]);
}

#[test]
fn real_hosts_are_named_in_the_defaults_only() {
    let files = ["src", "tests", "config", "docs", "_releases"].iter().flat_map(|folder| below(folder, &[""]));
    let files: Vec<_> = files.filter(|source| source.file != "config/defaults.toml").collect();
    assert_eq!(named_hosts(&files), [""; 0]);
}

#[test]
fn every_test_file_is_declared() {
    assert_eq!(undeclared(&below("tests/it", &[".rs"])), [""; 0]);
}

#[test]
fn no_test_is_off_and_every_exception_has_a_reason() {
    let sources: Vec<_> = below("src", &[".rs"]).into_iter().chain(below("tests", &[".rs"])).collect();
    assert_eq!(silent_exceptions(&sources), [""; 0]);
}

#[test]
fn a_file_is_a_thought() {
    let sources: Vec<_> = below("src", &[".rs"]).into_iter().chain(below("tests", &[".rs"])).collect();
    assert_eq!(too_long(&sources), [""; 0]);
}

#[test]
fn code_and_pages_stand_on_their_own() {
    let pages =
        ["README.md", "AGENTS.md", "CLAUDE.md", "CHANGELOG.md", "Makefile", "src", "docs", "config", "_releases"];
    let sources: Vec<_> = pages.iter().flat_map(|path| below(path, &[".rs", ".md", ".toml", "Makefile"])).collect();
    assert_eq!(planning_papers(&sources), [""; 0]);
}
