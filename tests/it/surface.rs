//! What people and scripts see of the program, written down: `docs/reference` is made here and compared here.
//!
//! `OAR_WRITE_REFERENCE=1` writes the pages instead of comparing them (`make docs`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use oar::cli::output::logging::{self, Verbosity};
use oar::cli::outside::Stream;
use oar::core::clock::{Clock, VirtualClock};
use oar::core::config::env::Env;
use oar::core::config::settings::Settings;
use oar::core::config::sources::Flags;
use oar::core::context::authentication::{AskedBy, asked_by};
use oar::domain::credential::Credential;
use oar::domain::mask::Masker;
use oar::domain::service::Service;
use oar::domain::task::Task;
use oar::grammar::args::{NAMES, command};
use oar::operators::request::TaskRequest;
use oar::planner::messages::{Kind, Severity};
use oar::render::documents::reference;
use oar::sim::events::Event;
use oar::sim::faults::InjectedFault;
use oar::sim::scenario;

const GENERATED: &str = "<!-- Made by `make docs`; do not edit. -->";

/// Compares `text` with the page of that name, or writes the page when asked to.
fn page(name: &str, title: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
    let text = format!("# {title}\n\n{GENERATED}\n\n{}\n", text.trim_end());
    if Env::from_process().get("OAR_WRITE_REFERENCE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("docs/reference");
        std::fs::write(&path, text).expect("the page is written");
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(written == text, "docs/reference/{name} is out of date (first difference: {differs:?}); run make docs");
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let row: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

#[test]
fn every_exit_code_is_in_the_reference() {
    page("exit-codes.md", "Exit codes", &oar::cli::output::exit::table());
}

#[test]
fn every_json_document_is_in_the_reference() {
    page("json.md", "JSON documents", &reference::page());
}

fn commands_below(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    let subcommands: Vec<_> = command.get_subcommands().filter(|sub| !sub.is_hide_set()).collect();
    if subcommands.is_empty() {
        found.push(path.trim().to_owned());
    }
    for sub in subcommands {
        commands_below(sub, &format!("{path} {}", sub.get_name()), found);
    }
}

#[test]
fn every_command_has_a_document_or_is_a_named_exception() {
    let mut commands = Vec::new();
    commands_below(&command(), "", &mut commands);
    let documents = reference::all();
    let named = documents.iter().map(|document| document.commands);
    let named: Vec<_> = named.chain(reference::EXCEPTIONS.iter().map(|(command, _)| *command)).collect();
    let parts: Vec<&str> = named.iter().flat_map(|named| named.split([',', ';'])).map(str::trim).collect();
    let is_named = |command: &String| {
        let inside = |part: &&str| part.split(" and ").any(|one| one.strip_prefix(command.as_str()).is_some_and(ends));
        command.parse::<Task>().is_ok() || parts.iter().any(inside)
    };
    let unnamed: Vec<_> = commands.into_iter().filter(|command| !is_named(command)).collect();
    assert_eq!(unnamed, [""; 0], "write them into render/documents/reference.rs");
}

/// Nothing more of a name follows.
fn ends(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-')
}

#[test]
fn every_command_is_in_the_reference() {
    let mut root = command().term_width(100).color(clap::ColorChoice::Never);
    root.build();
    let names = NAMES.iter().map(|(name, command)| format!("`{name} …` is `oar {command} …`"));
    let also = "Options of `oar` itself can stand behind every command and are listed once.";
    let mut text = format!("{}.\n{also}\n", names.collect::<Vec<_>>().join(", "));
    help_of(&mut root, "oar", &mut text);
    page("commands.md", "Commands", &text);
}

fn help_of(command: &mut clap::Command, name: &str, text: &mut String) {
    let help = command.render_long_help().to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    let _ = writeln!(text, "\n## {name}\n\n```text\n{}\n```", help.join("\n").trim_end());
    let subcommands = command.get_subcommands_mut().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help");
    for sub in subcommands {
        let name = format!("{name} {}", sub.get_name());
        *sub = std::mem::take(sub).mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg });
        help_of(sub, &name, text);
    }
}

#[test]
fn every_setting_is_in_the_reference_with_its_meaning() {
    let env = Env::default().with("HOME", "~");
    let settings = Settings::load(&env, &Flags::default()).expect("the defaults");
    let meanings = meanings(&std::fs::read_to_string("config/defaults.toml").expect("the defaults"));
    let mut rows: Vec<_> = settings.rows.into_iter().map(|row| (row.key, row.variable, row.value)).collect();
    let known = |rows: &[(String, String, String)], key: &str| rows.iter().any(|(known, _, _)| known == key);
    for service in Service::ALL.iter().filter(|service| service.has_address()) {
        let key = format!("services.{service}.url");
        if !known(&rows, &key) {
            rows.push((key, service.url_env().to_owned(), String::new()));
        }
    }
    rows.push(("simulator.url".to_owned(), "OAR_SIM_URL".to_owned(), String::new()));
    let mut without = Vec::new();
    let rows = rows.into_iter().map(|(key, variable, value)| {
        let service = Service::ALL.iter().find(|service| key == format!("services.{service}.url"));
        let meaning = service
            .map(|service| match asked_by(*service) {
                AskedBy::NotYet => format!("{} Not used yet.", service.meaning()),
                AskedBy::Client(_) | AskedBy::Program | AskedBy::Links => service.meaning().to_owned(),
            })
            .or_else(|| meanings.get(&key).cloned());
        if meaning.is_none() {
            without.push(key.clone());
        }
        // Real hosts stay in one file.
        let names_a_host = value.split([',', '/']).any(|part| part.contains('.') && part.contains(char::is_alphabetic));
        let local = value.starts_with('~') || value.starts_with('.');
        let value = if names_a_host && !local { "see the defaults".to_owned() } else { code(&value) };
        vec![code(&key), code(&variable), value, meaning.unwrap_or_default()]
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(without, [""; 0], "say above the key in config/defaults.toml what it means");
    let intro = "A value comes from the first of: flag, variable, settings file, sealed settings (addresses only), default. \
        The defaults, addresses included, are in [`config/defaults.toml`](../../config/defaults.toml); `oar config show` \
        prints what holds here and where it comes from.\n\nEach service also takes `services.ID.read_timeout_s` \
        (`OAR_ID_READ_TIMEOUT`), `services.ID.proxy` (`OAR_ID_PROXY`) and, in files, `services.ID.aliases`: further \
        addresses under which it occurs inside data. Two tables map addresses: `registries` (`OAR_REGISTRY_MAP`, \
        `host=url,…`) and `url_rewrites` (`OAR_URL_REWRITES`, `from=to,…`).\n";
    let text = format!("{intro}\n{}", table(&["Setting", "Variable", "Default", "Meaning"], rows));
    page("settings.md", "Settings", &text);
}

/// The comment above each key of the defaults; a key behind `#` counts.
fn meanings(toml: &str) -> BTreeMap<String, String> {
    let (mut section, mut comment) = (String::new(), Vec::new());
    let mut found = BTreeMap::new();
    for line in toml.lines() {
        let (bare, hidden) = line.strip_prefix("# ").map_or((line, false), |bare| (bare, true));
        let key = bare.split_once(" = ").map(|(key, _)| key).filter(|key| !key.contains(char::is_whitespace));
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
            comment.clear();
        } else if let Some(key) = key {
            if !comment.is_empty() {
                found.insert(format!("{section}.{key}"), comment.join(" "));
            }
            comment.clear();
        } else if hidden {
            comment.push(bare.to_owned());
        } else {
            comment.clear();
        }
    }
    found
}

#[test]
fn every_credential_is_in_the_reference_with_who_needs_it() {
    let rows = Credential::ALL.iter().map(|credential| {
        let requests = TaskRequest::all();
        let needed = requests.iter().filter(|request| request.needs().contains(credential));
        let needed: Vec<_> = needed.map(|request| code(request.task().name())).collect();
        let note = match credential {
            Credential::GithubToken => "every command on a release, unless `--state` or `OAR_STATE_DIR` keeps it local",
            Credential::ErrataToken => "only with `OAR_ERRATA_AUTH=bearer`: ",
            Credential::OarJwk => "whatever reads `OAR_CONFIG_FILE`; without it the sealed settings stay closed",
            Credential::SlackBotToken => "optional: without it nothing is posted, and the run says so",
            Credential::JiraEmail => "optional: `JIRA_USERNAME` stands in",
            Credential::JiraToken
            | Credential::JiraUsername
            | Credential::JenkinsUser
            | Credential::JenkinsToken
            | Credential::GitlabToken
            | Credential::ApiToken => "",
        };
        let needed = format!("{note}{}", needed.join(", "));
        vec![code(credential.variable()), credential.purpose().to_owned(), needed, credential.how_to_get().to_owned()]
    });
    let intro = "Credentials come from the environment only. Each command asks for those it needs and for no other; \
        a missing one ends with exit code 6 before anything was done. A rehearsal needs none.\n";
    let rows: Vec<_> = rows.collect();
    let text = format!("{intro}\n{}", table(&["Variable", "What for", "Needed by", "Where from"], rows));
    page("credentials.md", "Credentials", &text);
}

#[test]
fn every_message_of_a_plan_is_in_the_reference() {
    let severities = [
        (Severity::Info, "nobody has to do anything"),
        (Severity::Wait, "it comes by itself; the message says when to look again"),
        (Severity::Action, "a person is needed; the message says for what"),
        (Severity::Failure, "something went wrong and a person has to look"),
    ];
    let mut text = "A plan says why it does not act, one message per reason. `Action` and `Failure` are also posted, \
        once per occasion, and so is `Completed`.\n"
        .to_owned();
    for (severity, who) in severities {
        let kinds = Kind::ALL.iter().filter(|kind| kind.severity() == severity);
        let rows = kinds.map(|kind| vec![code(kind.name()), kind.meaning().to_owned()]);
        let _ = writeln!(text, "\n## {severity:?}: {who}\n\n{}", table(&["Kind", "Meaning"], rows).trim_end());
    }
    let shown = Kind::ALL.iter().filter(|kind| severities.iter().any(|(severity, _)| kind.severity() == *severity));
    assert_eq!(shown.count(), Kind::ALL.len(), "a severity without a heading");
    page("messages.md", "Messages of a plan", &text);
}

#[test]
fn every_scenario_is_in_the_reference() {
    assert!(
        scenario::named::NAMES.iter().all(|name| !scenario::named::meaning(name).is_empty()),
        "a scenario without meaning"
    );
    let rows = scenario::named::NAMES.iter().map(|name| vec![code(name), scenario::named::meaning(name).to_owned()]);
    let intro = "`oar rehearse 4.20.17 --scenario NAME`, or `oar sim serve --scenario NAME` for a world that stays.\n";
    let events = Event::meanings().into_iter().map(|(name, meaning)| vec![code(name), meaning.to_owned()]);
    let faults = InjectedFault::each_kind();
    let faults = faults.iter().map(|fault| vec![code(fault.name()), fault.meaning().to_owned()]);
    let text = format!(
        "{intro}\n{}\n## Events\n\n`oar sim event NAME`, or `POST /__sim/event` with `name`, and `days` or `kind` where they \
         matter.\n\n{}\n## Faults\n\n`POST /__sim/faults` with `kind`, what it takes, and which requests it hits: `service`, \
         `method`, `path` (a regular expression), `nth`, `every`, `probability`, `count`. `--faults RATE` draws from all \
         of them but `answer`, `redirect` and `unknown_enum`.\n\n{}",
        table(&["Name", "What happens"], rows),
        table(&["Name", "What happens"], events),
        table(&["Kind", "What happens"], faults).trim_end(),
    );
    page("scenarios.md", "Scenarios, events and faults", &text);
}

#[test]
fn the_log_line_has_the_form_of_the_reference() {
    let (err, lines) = Stream::captured();
    let clock = Arc::new(OnceLock::new());
    let start = "2026-06-10T06:00:00Z".parse().expect("a time");
    assert!(clock.set(Clock::Virtual(VirtualClock::starting_at(start))).is_ok(), "the first clock");
    let token = format!("glpat-{}", "x".repeat(20));
    tracing::subscriber::with_default(
        logging::subscriber(err, Verbosity::Calls, clock, logging::LogSink::default(), Masker::default()),
        || {
            tracing::error!(target: "oar::run", "somebody has to act");
            tracing::warn!(target: "oar::run", "something is degraded, the run goes on");
            tracing::info!(target: "oar::run", "a step of the run (-v)");
            tracing::debug!(target: "oar::run", service = "gitlab", status = 200, "a call (-vv)");
            tracing::info!(target: "oar::run", "a secret is replaced: {token}");
            tracing::trace!(target: "oar::run", "never shown");
            tracing::error!(target: "hyper", "of other programs' parts nothing is shown");
        },
    );
    let lines = String::from_utf8(lines.lock().expect("the log").clone()).expect("text");
    assert!(!lines.contains(&token), "{lines}");
    let text = format!(
        "The log goes to stderr, the result to stdout. A line is `{{UTC}}: {{LEVEL}}: {{message}}{{ field=value}}`; \
         the state file keeps the same lines as `result` of a task.\n\n```text\n{}\n```",
        lines.trim_end()
    );
    page("log-lines.md", "Log lines", &text);
}
