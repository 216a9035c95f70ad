//! Arrows between modules: who may name whom.

use super::source::{ModPath, Source};
use super::{below, layers, layout, source};

/// Modules through which requests come in; they do not know each other.
const FRONT_ENDS: [&str; 3] = ["cli", "mcp", "web"];

/// The one file that joins front ends, by itself or by a part in its folder.
const JOINT: &str = "src/cli/serve.rs";

/// Files that may put a simulated world up.
const SIM_COMMANDS: [&str; 2] = ["src/cli/commands/sim.rs", "src/cli/commands/rehearse.rs"];

/// Is `file` the file `whole`, or a part of it in its folder?
fn is_of(file: &str, whole: &str) -> bool {
    file == whole || file.starts_with(&whole.replace(".rs", "/"))
}

/// What all clients share.
const SHARED_BY_CLIENTS: [&str; 7] = ["http", "error", "retry", "pacer", "process", "loopback", "negotiate"];

/// Every arrow that points the wrong way, as "file: module must not use module".
fn wrong_arrows(sources: &[Source], layers: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources {
        let from = source.module();
        for to in source.paths() {
            if let Some((user, used)) = wrong_arrow(&source.file, &from, &to, layers) {
                wrong.push(format!("{}: {user} must not use {used}", source.file));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    wrong
}

fn wrong_arrow(file: &str, from: &ModPath, to: &ModPath, layers: &[String]) -> Option<(String, String)> {
    let part = |path: &ModPath, at: usize| path.get(at).cloned().unwrap_or_default();
    let (user, used) = (part(from, 0), part(to, 0));
    // Items of the crate's root, and the root itself.
    if user.is_empty() || used.is_empty() || used == "*" {
        return None;
    }
    let Some(below) = layers.iter().position(|layer| *layer == used) else { return Some((user, used)) };
    let wrong = Some((user.clone(), used.clone()));
    if user != used {
        let clock_only = used == "core" && part(to, 1) == "clock";
        return match (user.as_str(), used.as_str()) {
            ("sim", "domain") => None,
            ("sim", _) => wrong.filter(|_| !clock_only),
            (_, "sim") => wrong.filter(|_| !SIM_COMMANDS.iter().any(|command| is_of(file, command))),
            ("cli", below) if FRONT_ENDS.contains(&below) && is_of(file, JOINT) => None,
            (above, below) if FRONT_ENDS.contains(&above) && FRONT_ENDS.contains(&below) => wrong,
            (above, "core") if FRONT_ENDS.contains(&above) && part(to, 1) == "clients" => {
                Some((user, "core::clients".to_owned()))
            }
            (above, _) => wrong.filter(|_| layers.iter().position(|layer| layer == above).is_none_or(|at| at > below)),
        };
    }
    let neighbours = |depth: usize, shared: &[&str]| {
        let (own, other) = (part(from, depth), part(to, depth));
        let is_module = other.chars().next().is_some_and(char::is_lowercase);
        // `mod.rs` knows everybody: that is what it is for.
        let wrong = is_module && own != other && !shared.contains(&other.as_str()) && !own.is_empty();
        wrong.then(|| (from[..=depth].join("::"), to[..=depth].join("::")))
    };
    match (user.as_str(), part(from, 1).as_str(), part(to, 1).as_str()) {
        ("operators", "tasks", "tasks") => neighbours(2, &[]),
        (
            "operators",
            own @ ("steps" | "tasks" | "views" | "manual" | "jobs"),
            other @ ("tasks" | "views" | "manual" | "jobs"),
        ) if own != other => wrong.map(|_| (format!("operators::{own}"), format!("operators::{other}"))),
        ("core", "clients", "clients") => neighbours(2, &SHARED_BY_CLIENTS),
        _ => None,
    }
}

fn arrows(file: &str, text: &str) -> Vec<String> {
    wrong_arrows(&[source(file, text)], &layout())
}

#[test]
fn an_arrow_upwards_is_found() {
    assert_eq!(
        arrows("src/domain/task.rs", "use crate::core::clock::Clock;"),
        ["src/domain/task.rs: domain must not use core"]
    );
    assert_eq!(
        arrows("src/core/context.rs", "fn f() { let x = crate::operators::run::run(); }"),
        ["src/core/context.rs: core must not use operators"]
    );
    assert_eq!(
        arrows("src/core/context.rs", "use crate::attic::Box;"),
        ["src/core/context.rs: core must not use attic"]
    );
    assert_eq!(arrows("src/operators/run.rs", "use crate::{core::clock, domain::task};"), [""; 0]);
}

#[test]
fn a_path_is_found_in_braces_behind_super_and_in_an_inline_module() {
    let found = ["src/core/clock.rs: core must not use cli"];
    assert_eq!(arrows("src/core/clock.rs", "use crate::{domain::task::{Task, Which}, cli::exit};"), found);
    assert_eq!(arrows("src/core/clock.rs", "use super::super::cli::exit::Exit;"), found);
    assert_eq!(arrows("src/core/clock.rs", "mod tests { use super::super::super::cli::exit; }"), found);
    assert_eq!(arrows("src/core/clock.rs", "mod tests { use super::super::domain; } use self::x;"), [""; 0]);
    assert_eq!(arrows("src/core/mod.rs", "use super::cli::exit::Exit;"), ["src/core/mod.rs: core must not use cli"]);
}

#[test]
fn comments_and_literals_name_nothing() {
    let text = "// crate::cli::x\n/* crate::cli */ fn f<'a>() { g(\"crate::cli::y\", r#\"\"crate::cli\"#, '\"'); }";
    assert_eq!(arrows("src/domain/task.rs", text), [""; 0]);
    let behind = format!("{text} use crate::cli::z;");
    assert_eq!(arrows("src/domain/task.rs", &behind), ["src/domain/task.rs: domain must not use cli"]);
}

#[test]
fn front_ends_know_neither_each_other_nor_a_service() {
    assert_eq!(arrows("src/cli/oar.rs", "use crate::web::router;"), ["src/cli/oar.rs: cli must not use web"]);
    assert_eq!(
        arrows("src/web/router.rs", "use crate::cli::output::exit;"),
        ["src/web/router.rs: web must not use cli"]
    );
    assert_eq!(
        arrows("src/cli/oar.rs", "use crate::core::clients::jira::Jira;"),
        ["src/cli/oar.rs: cli must not use core::clients"]
    );
    assert_eq!(arrows("src/cli/oar.rs", "use crate::agents::approval_checker;"), [""; 0]);
}

#[test]
fn a_path_is_followed_from_the_name_that_an_import_ends_on() {
    assert_eq!(
        arrows("src/cli/oar.rs", "use crate::core; fn f() { core::clients::jira::look() }"),
        ["src/cli/oar.rs: cli must not use core::clients"]
    );
    assert_eq!(arrows("src/operators/tasks/mod.rs", "mod push; mod sign; const ALL: [u8; 1] = [push::ONE];"), [""; 0]);
}

#[test]
fn an_operator_knows_no_other_operator() {
    let file = "src/operators/tasks/stage_testing.rs";
    assert_eq!(
        arrows(file, "use super::push_to_cdn_staging::run;"),
        [
            "src/operators/tasks/stage_testing.rs: operators::tasks::stage_testing must not use operators::tasks::push_to_cdn_staging"
        ]
    );
    assert_eq!(
        arrows(
            file,
            "use super::super::steps::notify; use crate::operators::run::Run; use crate::operators::error::X;"
        ),
        [""; 0]
    );
    assert_eq!(
        arrows("src/operators/steps/notify.rs", "use super::super::tasks::stage_testing;"),
        ["src/operators/steps/notify.rs: operators::steps must not use operators::tasks"]
    );
    assert_eq!(arrows("src/operators/mod.rs", "use self::tasks::stage_testing::run;"), [""; 0]);
}

#[test]
fn a_client_knows_no_other_client() {
    assert_eq!(
        arrows("src/core/clients/jira/wire.rs", "use crate::core::clients::gitlab::GitLab;"),
        ["src/core/clients/jira/wire.rs: core::clients::jira must not use core::clients::gitlab"]
    );
    let fine = "use super::super::http::Ask; use super::answers::X; use crate::core::clients::error::ClientError;";
    assert_eq!(arrows("src/core/clients/jira/wire.rs", fine), [""; 0]);
}

#[test]
fn the_simulator_stands_beside_the_layout() {
    assert_eq!(arrows("src/sim/world.rs", "use crate::core::clock::Clock; use crate::domain::task::Task;"), [""; 0]);
    assert_eq!(
        arrows("src/sim/world.rs", "use crate::core::clients::jira::wire;"),
        ["src/sim/world.rs: sim must not use core"]
    );
    assert_eq!(arrows("src/cli/oar.rs", "use crate::sim::world;"), ["src/cli/oar.rs: cli must not use sim"]);
    assert_eq!(arrows("src/domain/task.rs", "use crate::sim::world;"), ["src/domain/task.rs: domain must not use sim"]);
    assert_eq!(arrows("src/cli/commands/rehearse.rs", "use crate::sim::world;"), [""; 0]);
}

#[test]
fn every_arrow_points_down() {
    let sources = below("src", &[".rs"]);
    let lib = sources.iter().find(|source| source.file == "src/lib.rs").expect("the map");
    let layers = layers(&lib.text);
    assert!(layers.len() > 5 && sources.len() > 100, "the sources were not found: {layers:?}");
    assert_eq!(wrong_arrows(&sources, &layers), [""; 0]);
}
