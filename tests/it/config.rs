//! Settings, sealed settings and build data, against the shared examples and real build data.

use std::path::PathBuf;

use indexmap::IndexMap;
use oar::cli::commands::config::{Explain, check_build_data, show, show_release};
use oar::cli::invocation::{AnswerForm, PrintedAnswer};
use oar::core::config::env::Env;
use oar::core::config::error::ConfigError;
use oar::core::config::settings::Settings;
use oar::core::config::sources::Flags;
use oar::core::error::ErrorClass;
use oar::domain::assembly::original::Reading;
use oar::domain::assembly::{Assembly, BuildData};
use oar::domain::release::Minor;
use oar::domain::service::Service;
use oar::domain::task::Flow;
use serde_json::{Value as Json, json};

use crate::real_files::{counted, invented, real};

/// A file or folder of the real examples.
fn shared(path: &str) -> Option<PathBuf> {
    real(&format!("data/{path}"))
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// What the examples call the effective result, spelled as they do.
fn as_expected(assembly: &Assembly) -> Json {
    let ids: IndexMap<_, _> = assembly.advisories.iter().map(|(impetus, id)| (impetus, id.get())).collect();
    json!({
        "advisories": ids,
        "candidate_builds": assembly.candidate_builds,
        "jira_ticket": assembly.jira_ticket,
        "release_date": assembly.release_date,
        "shipment_mr": assembly.shipment_mr.as_deref().unwrap_or_default(),
        "konflux_flow": assembly.shipment_mr.is_some(),
    })
}

/// Null and an empty map both say: none.
fn none_is_empty(mut expected: Json) -> Json {
    for key in ["advisories", "candidate_builds"] {
        if expected[key].is_null() {
            expected[key] = json!({});
        }
    }
    expected
}

#[test]
fn every_invented_release_resolves_to_its_effective_result() {
    let folder = invented("build-data");
    let data = BuildData::parse(&read(folder.join("releases.yml"))).unwrap();
    let expected: IndexMap<String, Json> = serde_json::from_str(&read(folder.join("effective.json"))).unwrap();
    for (release, expected) in expected {
        let found = data.resolve(&release.parse().unwrap()).unwrap();
        assert_eq!(as_expected(&found), expected, "{release}");
    }
    assert!(data.resolve(&"4.20.99".parse().unwrap()).is_err(), "it is not listed");
}

#[test]
fn every_example_release_resolves_to_its_effective_and_explains_its_original_result() {
    let Some(folder) = shared("configstore") else { return };
    let data = BuildData::parse(&read(folder.join("releases.yml"))).unwrap();
    let expected: IndexMap<String, Json> = serde_json::from_str(&read(folder.join("expected.json"))).unwrap();

    let mut compared = 0;
    for (release, expected) in expected {
        let Ok(parsed) = release.parse() else { continue };
        let Some(effective) = expected.get("effective") else {
            assert!(data.resolve(&parsed).is_err(), "{release} is not listed");
            continue;
        };
        let found = data.resolve(&parsed).unwrap();
        assert_eq!(as_expected(&found), none_is_empty(effective.clone()), "{release}");
        let original = data.original(&found.key).unwrap();
        for (key, read) in [
            ("advisories", original.advisories),
            ("candidate_builds", original.candidate_builds),
            ("jira_ticket", original.jira_ticket),
            ("release_date", original.release_date),
            ("shipment_mr", original.shipment_mr),
        ] {
            match (&expected["original"][key], read) {
                (Json::Object(crash), Reading::Crash(_)) if crash.contains_key("error") => {}
                (value, Reading::Found(found)) => assert_eq!(&found, value, "{release} {key}"),
                (value, Reading::Crash(how)) => panic!("{release} {key}: {how}, but the original read {value}"),
            }
        }
        compared += 1;
    }
    assert_eq!(compared, 10);
    counted(compared, "releases");
}

#[test]
fn differences_are_reported_exactly_where_the_two_rules_part() {
    let Some(folder) = shared("configstore") else { return };
    let data = BuildData::parse(&read(folder.join("releases.yml"))).unwrap();
    let not_ready = |key: &str| {
        let assembly = data.resolve_key(key).unwrap();
        data.differences(&assembly).into_iter().map(|difference| difference.entry).collect::<Vec<_>>()
    };
    assert_eq!(not_ready("4.19.6"), ["group.advisories", "group.shipment.url"]);
    assert_eq!(not_ready("4.19.5"), [""; 0]);
    assert_eq!(not_ready("4.19.3"), ["group.advisories"]);
    assert_eq!(not_ready("4.19.2"), ["group.advisories"]);
    assert_eq!(not_ready("ec.0"), ["group.release_date", "group.shipment.url"]);
}

#[test]
fn every_assembly_of_real_build_data_resolves_or_says_what_is_not_ready() {
    let Some(folder) = shared("build-data") else { return };
    let (mut resolved, mut errata, mut without_images, mut findings) = (0, 0, 0, Vec::new());
    for minor in std::fs::read_dir(folder).unwrap() {
        let minor = minor.unwrap().path();
        let name = minor.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let data = BuildData::parse(&read(minor.join("releases.yml"))).unwrap();
        for key in data.keys() {
            let found = data.resolve_key(key).unwrap_or_else(|error| panic!("{name} {key}: {error}"));
            resolved += 1;
            errata += usize::from(found.flow() == Flow::Errata);
            for entry in found.not_ready {
                assert!(!entry.why.is_empty());
                match entry.entry.as_str() {
                    "group.shipment" => without_images += 1,
                    _ => findings.push(format!("{name} {key} {}", entry.entry)),
                }
            }
        }
    }
    findings.sort();

    assert_eq!(
        findings,
        [
            "openshift-4.13 rc.7 group.advisories.metadata",
            "openshift-4.20 ec.1 group.shipment.url",
            "openshift-4.20 ec.2 group.shipment.url",
            "openshift-4.20 ec.5 group.shipment.url",
        ]
    );
    assert_eq!((resolved, errata, without_images), (376, 285, 23));
    counted(resolved, "assemblies");
}

/// The key of the sealed examples.
const EXAMPLE_KEY: &str = "example-key-0001";

fn settings_with(path: &std::path::Path, key: &str) -> Result<Settings, ConfigError> {
    let env = Env::default().with("OAR_CONFIG_FILE", path.to_str().unwrap()).with("OAR_JWK", key);
    Settings::load(&env, &Flags::default())
}

#[test]
fn sealed_settings_open_whatever_the_length_of_their_iv() {
    let Some(folder) = shared("configstore") else { return };
    for name in ["config-iv12.jwe", "config-iv16.jwe"] {
        let settings = settings_with(&folder.join(name), EXAMPLE_KEY).unwrap();
        let sealed = settings.sealed().unwrap();
        let (lead, other) = (
            sealed.lead_handle(Some(Minor::new(4, 19))).unwrap(),
            sealed.lead_handle(Some(Minor::new(4, 23))).unwrap(),
        );
        assert_eq!((lead.id, lead.is_fallback), ("rel-lead-419", false), "{name}");
        assert_eq!((other.id, other.is_fallback), ("example-qe-release", true), "{name}");
        assert_eq!(settings.services.url(Service::Gitlab).unwrap(), "https://gitlab.example.com");
    }
}

#[test]
fn sealed_settings_with_one_changed_letter_do_not_open() {
    let Some(folder) = shared("configstore") else { return };
    let scene = tempfile::tempdir().unwrap();
    for name in ["config-iv12.jwe", "config-iv16.jwe"] {
        let text = read(folder.join(name));
        for at in (0..text.len()).step_by(37) {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let path = scene.path().join("changed.jwe");
            std::fs::write(&path, changed).unwrap();
            let refused = settings_with(&path, EXAMPLE_KEY).unwrap_err();
            assert!(!format!("{refused:?}").contains(EXAMPLE_KEY) && !refused.next_step().is_empty(), "{name} {at}");
        }
    }
}

#[test]
fn a_wrong_key_and_a_key_of_wrong_length_say_which_variable_and_file() {
    let Some(folder) = shared("configstore") else { return };
    let path = folder.join("config-iv16.jwe");
    let problem = |key: &str| {
        let error = settings_with(&path, key).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.to_string().contains("config-iv16.jwe"), "{error}");
        (cause, error.class(), error.next_step())
    };
    let (wrong, class, next) = problem("example-key-0002");
    assert_eq!((wrong.as_str(), class), ("the key does not fit, or the file was changed", ErrorClass::Auth));
    assert!(next.contains("OAR_JWK"), "{next}");
    assert_eq!(problem("example-key").0, "the key in OAR_JWK has 11 bytes, 16, 24 or 32 are needed");
}

#[test]
fn config_show_lists_values_origins_and_no_secret() {
    let env = Env::default()
        .with("OAR_SIM_URL", "http://127.0.0.1:7777")
        .with("GITHUB_TOKEN", "invented-token")
        .with("OAR_DRY_RUN", "1");
    let settings = Settings::load(&env, &Flags::default().with("--state", "state.dir", "/tmp/state")).unwrap();
    let shown = |form| match show(&settings, form) {
        PrintedAnswer::Text(text) => text.to_string(),
        PrintedAnswer::Json(json) => json,
    };
    let text = shown(AnswerForm::Text);
    let line = |start: &str| {
        let found = text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}\n{text}"));
        found.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("state.dir "), "state.dir /tmp/state (flag --state)");
    assert_eq!(line("run.dry_run "), "run.dry_run 1 (variable OAR_DRY_RUN)");
    assert_eq!(line("http.tries "), "http.tries 3 (default)");
    assert_eq!(line("services.gitlab.url "), "services.gitlab.url http://127.0.0.1:7777/gitlab (variable OAR_SIM_URL)");
    assert_eq!(line("GITHUB_TOKEN "), "GITHUB_TOKEN *** reads and writes the release state");
    assert_eq!(line("JIRA_TOKEN "), "JIRA_TOKEN - reads and changes Jira issues");
    assert!(!text.contains("invented-token") && !shown(AnswerForm::Json).contains("invented-token"));
    assert!(serde_json::from_str::<Json>(&shown(AnswerForm::Json)).is_ok());
}

#[test]
fn config_show_explains_where_build_data_values_come_from() {
    let Some(folder) = shared("configstore") else { return };
    let data = BuildData::parse(&read(folder.join("releases.yml"))).unwrap();
    let answer = show_release(&data, &"4.19.6".parse().unwrap(), Explain::Yes, AnswerForm::Text).unwrap();
    let PrintedAnswer::Text(text) = answer else { panic!("{answer:?}") };
    insta::assert_snapshot!(text, @r#"
    4.19.6: Konflux flow
      group.advisories.rpm    200051  (assembly 4.19.5)
      group.advisories.rhcos  200052  (assembly 4.19.5)
      group.release_jira      ART-906  (assembly 4.19.6)
      group.release_date      2026-Feb-3  (assembly 4.19.6)
      group.shipment.url      https://gitlab.example.com/example/ocp-shipment-data/-/merge_requests/205  (assembly 4.19.5)
    warning: older tools read group.advisories as null; it is {"rpm":200051,"rhcos":200052}
    warning: older tools read group.shipment.url as ""; it is "https://gitlab.example.com/example/ocp-shipment-data/-/merge_requests/205"
    "#);
}

#[test]
fn config_check_lists_what_is_not_ready_and_fails_only_for_broken_entries() {
    let check = |text: &str| {
        let (found, ended) = check_build_data(text);
        (found, ended.map_err(|error| error.to_string()))
    };
    let (text, ended) = check(
        "releases:\n  4.20.2: {assembly: {group: {shipment: {env: stage}}}}\n  4.20.1: {assembly: {group: {advisories: {image: 1}}}}\n",
    );
    insta::assert_snapshot!(text, @r"
    4.20.2: not ready: group.shipment.url is missing: ART has not opened the merge request yet
    1 ready, 1 not ready, 0 broken
    ");
    assert_eq!(ended, Ok(()));
    let (text, ended) = check("releases:\n  a: {assembly: {basis: {assembly: a}}}\n  b: {}\n");
    insta::assert_snapshot!(text, @r"
    a: broken: build data is circular: a -> a
    b: broken: build data entry releases.b.assembly is not a map
    0 ready, 0 not ready, 2 broken
    ");
    assert_eq!(ended, Err("build data is circular: a -> a".to_owned()));
    assert!(check("<html>").1.is_err());
    let refused = check_build_data("releases:\n  4.20.2: {assembly: {group!: {release_jira: ART-1}}}\n").1;
    let refused = refused.expect_err("a suffix on a top-level key");
    assert!(refused.to_string().contains("ART's tools refuse `group!`"), "{refused}");
    assert_eq!(oar::cli::output::exit::Exit::of_error(refused.class()).code(), 4);
}

/// The text of all comments of a file, without their marks and line ends.
fn comments(file: &str) -> String {
    let text = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let lines = text.lines().filter_map(|line| line.trim().trim_start_matches('/').strip_prefix(['#', ' ']));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

#[test]
fn who_is_asked_to_confirm_is_said_alike_in_the_code_and_in_the_settings() {
    let sentence = "Not named, the approval, a Pass by hand, a change of a Pass, a decision about a build, a start against \
        a closed gate, an answer to a question about an effect, resolving a blocker, promoting test results and replacing \
        a run ask always, all others never";
    for file in ["src/core/config/mcp.rs", "config/defaults.toml"] {
        assert!(comments(file).contains(sentence), "{file}: {}", comments(file));
    }
}
