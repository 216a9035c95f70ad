//! Broken files, wrong words, missing keys, services that talk nonsense: reported clearly, nothing touched.

use std::path::Path;

use oar::domain::state::view::State;
use oar::domain::task::{Task, TaskStatus};
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;

use crate::real_program::{Ended, ProgramWorld, bare, run_bare};

const GOOD: &str = "schema_version: '1.0'
release: 4.20.17
created_at: '2026-06-03T06:00:00Z'
updated_at: '2026-06-03T06:00:00Z'
metadata:
  jira_ticket: ART-1
  advisory_ids:
    rpm: 170171
  release_date: 2026-Jun-10
  candidate_builds: {}
  shipment_mr: null
tasks: []
issues: []
";

/// An error in the one form: what, why, what to do; nothing that could move a terminal's cursor.
#[track_caller]
fn explained(ended: Ended, code: i32) -> Ended {
    let ended = ended.exits(code);
    for part in ["error: ", "\n  why:  ", "\n  next: "] {
        assert!(ended.err.contains(part), "no {part:?} in:\n{}", ended.err);
    }
    assert!(!ended.err.contains('\u{1b}'), "{:?}", ended.err);
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
    ended
}

/// Files that are no state file, with a word of the reason that has to be reported.
fn broken_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let with = |from: &str, to: &str| GOOD.replace(from, to).into_bytes();
    vec![
        ("a release as a number", with("release: 4.20.17", "release: 4.20"), "line 2: release is a decimal number"),
        ("a key twice", with("tasks: []", "tasks: []\ntasks: []"), "stands twice"),
        ("a key twice below", with("  jira_ticket: ART-1", "  jira_ticket: ART-1\n  jira_ticket: ART-2"), "line 7"),
        ("tabs", with("  rpm", "\trpm"), "a tab"),
        ("another schema", with("'1.0'", "'2.0'"), "schema_version"),
        ("cut in a key", GOOD.as_bytes()[..70].to_vec(), "line 3"),
        ("a web page", b"<!DOCTYPE html><html><body>Sign in</body></html>".to_vec(), "text, not a mapping"),
        ("nothing", Vec::new(), "null, not a mapping"),
        ("a list", b"- 4.20.17\n".to_vec(), "a list, not a mapping"),
        ("10 MB", format!("{GOOD}x: {}\n", "y".repeat(10 << 20)).into_bytes(), "bytes beyond"),
        ("100,000 brackets", format!("a: {}", "[".repeat(100_000)).into_bytes(), "nesting beyond"),
        ("binary", (0..=255).cycle().take(4096).collect(), "line 2: bytes that are not UTF-8"),
        ("a null byte", format!("{GOOD}\0").into_bytes(), "U+0000"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_state_file_is_refused_with_place_and_reason_and_stays_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("4.20.17.yaml");
    for (name, bytes, reason) in broken_files() {
        std::fs::write(&file, &bytes).expect("a file");
        for command in ["check", "show", "fmt"] {
            let ended = explained(run_bare(&["state", command, &file.display().to_string()]).await, 2);
            assert!(ended.err.contains(reason), "{name}, {command}: {}", ended.err);
        }
        assert_eq!(std::fs::read(&file).expect("a file"), bytes, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_task_works_on_a_broken_state_file() {
    let world = ProgramWorld::empty().await;
    let folder = world.home.path().join("state");
    let file = folder.join("_releases/4.20/statebox/4.20.17.yaml");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    let dir = folder.display().to_string();
    for (name, bytes, _) in broken_files().into_iter().step_by(2) {
        std::fs::write(&file, &bytes).expect("a file");
        for command in [&["check-cve-tracker-bug"][..], &["drive", "--once"], &["issue", "add", "x"]] {
            let ended = world.oar(&[&["--state", &dir], command].concat()).await;
            explained(ended, 4);
        }
        assert_eq!(std::fs::read(&file).expect("a file"), bytes, "{name}");
    }
    assert!(world.writes().is_empty(), "{:?}", world.writes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_of_another_release_is_not_worked_on() {
    let world = ProgramWorld::empty().await;
    let folder = world.home.path().join("state");
    let file = folder.join("_releases/4.20/statebox/4.20.17.yaml");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    let text = GOOD.replace("4.20.17", "4.20.18");
    std::fs::write(&file, &text).expect("a file");

    let ended = explained(world.oar(&["--state", &folder.display().to_string(), "take-ownership"]).await, 4);

    assert!(ended.err.contains("4.20.18"), "{}", ended.err);
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_is_none_is_a_usage_error_that_names_the_accepted_forms() {
    for text in ["4.20", "v4.20.1", "4.20.0-0.nightly-2026-06-01-230000", "04.20.1", "4.20.1+build.5", "4.20.x", ""] {
        let ended = explained(run_bare(&["-r", text, "status"]).await, 2);
        assert!(ended.err.contains("4.21.0-rc.1"), "{text}: {}", ended.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_that_make_no_sense_are_usage_errors() {
    let lines: [&[&str]; 9] = [
        &["-r", "4.20.17", "frobnicate"],
        &["-r", "4.20.17", "status", "--frobnicate"],
        &["-r", "4.20.17", "update-task-status", "no-such-task", "Pass"],
        &["-r", "4.20.17", "update-task-status", "stage-testing", "Passed"],
        &["-r", "4.20.17", "stage-testing", "--force"],
        &["-r", "4.20.17", "image-consistency-check", "-i", "a/../b"],
        &["-r", "4.20.17", "drive", "--retry", "no-such-task"],
        &["rehearse", "4.20.17", "--faults", "3"],
        &["status"],
    ];
    for line in lines {
        explained(run_bare(line).await, 2);
        let ended = run_bare(&[&["--json"], line].concat()).await;
        let json: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
        assert_eq!((json["ok"].as_bool(), json["error"]["exit"].as_i64()), (Some(false), Some(2)), "{line:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_credential_every_command_names_the_missing_one() {
    let commands: [&[&str]; 6] =
        [&["status"], &["take-ownership"], &["create-test-report"], &["drive"], &["plan"], &["issue", "list"]];
    for command in commands {
        let ended = explained(run_bare(&[&["-r", "4.20.17"], command].concat()).await, 6);
        assert!(ended.err.contains("GITHUB_TOKEN") && ended.err.contains("create a token"), "{}", ended.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_without_its_credential_names_it_and_does_nothing() {
    let world = ProgramWorld::created().await;
    let before = world.state().to_yaml();
    let cases = [
        ("take-ownership", "GITLAB_TOKEN"),
        ("check-cve-tracker-bug", "JIRA_TOKEN"),
        ("push-to-cdn-staging", "ERRATA_TOKEN"),
        ("image-consistency-check", "APITOKEN"),
        ("stage-testing", "JENKINS_TOKEN"),
    ];
    for (task, variable) in cases {
        let output = world.command(&[task]).env_remove(variable).output().await.expect("the program starts");
        let ended = explained(Ended::of(&output), 6);
        assert!(ended.err.contains(&format!("set {variable} (")), "{task}: {}", ended.err);
    }
    assert_eq!(world.state().to_yaml(), before);
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_or_a_damaged_settings_file_is_reported_without_showing_the_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let world = ProgramWorld::empty().await;
    std::fs::write(path("plain.json"), world.sim.sealed_settings_json()).expect("a file");
    let with_key = |key: &str, args: &[&str], file: &Path| {
        let mut command = bare(args);
        command.env("OAR_JWK", key).env("OAR_CONFIG_FILE", file);
        async move { Ended::of(&command.output().await.expect("the program starts")) }
    };
    let (plain, sealed) = (path("plain.json").display().to_string(), path("sealed.jwe"));
    let sealed_text = sealed.display().to_string();
    with_key("example-key-0001", &["config", "encrypt", &plain, &sealed_text], &sealed).await.exits(0);
    with_key("example-key-0001", &["config", "check"], &sealed).await.exits(0);
    let bytes = std::fs::read(&sealed).expect("a file");

    for key in ["example-key-0002", "short-key", "a-key-that-is-too-long"] {
        let ended = with_key(key, &["config", "check"], &sealed).await;
        let code = ended.code;
        let ended = explained(ended, code);
        assert!(matches!(ended.code, 2 | 6), "{ended:?}");
        assert!(ended.err.contains("OAR_JWK"), "{}", ended.err);
        assert!(!ended.err.contains(key), "the key is shown: {}", ended.err);
    }
    let mut damaged = bytes.clone();
    let place = damaged.len() - 30;
    damaged[place] = if damaged[place] == b'A' { b'B' } else { b'A' };
    for damaged in [damaged, bytes[..bytes.len() / 2].to_vec(), b"<html>Sign in</html>".to_vec(), Vec::new()] {
        std::fs::write(&sealed, &damaged).expect("a file");
        let ended = with_key("example-key-0001", &["config", "check"], &sealed).await;
        let code = ended.code;
        explained(ended, code);
        assert!(matches!(code, 2 | 6), "{code}");
        assert_eq!(std::fs::read(&sealed).expect("a file"), damaged);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_talks_nonsense_is_named_and_the_task_stays_where_it_was() {
    let status = |code, retry_after_s| InjectedFault::Status { code, retry_after_s };
    let cases = [
        (InjectedFault::Html, 7, "a web page instead of JSON"),
        (InjectedFault::MalformedJson, 7, "not the documented JSON"),
        (InjectedFault::Truncated, 7, "broke the connection"),
        (InjectedFault::Reset, 7, "broke the connection"),
        (status(429, Some(5)), 7, "HTTP 429"),
        (status(429, Some(5000)), 7, "wait 84 min"),
        (status(503, None), 7, "HTTP 503"),
        (status(401, None), 6, "refused our credential"),
    ];
    for (fault, code, reason) in cases {
        let world = ProgramWorld::created().await;
        world.sim.world().faults().add(Rule::on("errata", fault.clone())).expect("a rule");

        let ended = explained(world.oar(&["take-ownership"]).await, code);

        assert!(ended.err.contains(reason) && ended.err.contains("errata"), "{fault:?}: {}", ended.err);
        assert_eq!(ended.err.matches(reason).count(), 1, "reported once: {}", ended.err);
        assert_eq!(world.state().status(Task::TakeOwnership), TaskStatus::NotStarted, "{fault:?}");
        assert!(world.writes().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_hangs_is_given_up_after_the_set_time() {
    let world = ProgramWorld::created().await;
    world.sim.world().faults().add(Rule::on("errata", InjectedFault::Hang)).expect("a rule");

    let mut command = world.command(&["take-ownership"]);
    // One second is the shortest that the settings take, and one try is enough.
    command.env("OAR_ERRATA_TOTAL_TIMEOUT", "1").env("OAR_HTTP_TRIES", "1");
    let ended = explained(Ended::of(&command.output().await.expect("the program starts")), 7);

    assert!(ended.err.contains("errata did not answer in time"), "{}", ended.err);
    assert_eq!(world.state().status(Task::TakeOwnership), TaskStatus::NotStarted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_talks_nonsense_or_is_gone_ends_every_command_with_7_unless_it_knows_what_it_saw() {
    let world = ProgramWorld::created().await;
    world.sim.world().faults().add(Rule::on("github", InjectedFault::Html)).expect("a rule");
    // Whoever only wants to know gets what was last seen here, reported as such.
    let old = world.oar(&["status"]).await.exits(0);
    let shown: Vec<_> = old.out.split_whitespace().collect();
    assert!(shown.join(" ").contains("last seen here"), "{}", old.out);
    for command in [&["plan"][..], &["drive", "--once"], &["create-test-report"], &["issue", "list"]] {
        explained(world.oar(command).await, 7);
        let gone = world.command(command).env("OAR_SIM_URL", "http://127.0.0.1:9").output().await;
        explained(Ended::of(&gone.expect("the program starts")), 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_text_is_stored_masked_and_shown_without_control_characters() {
    const TOKEN: &str = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let world = ProgramWorld::created().await;
    let text = format!("\u{1b}[31mred\u{1b}[0m <!channel> @everyone `x` ``` {TOKEN} engineer@example.com\u{7}");
    world.oar(&["issue", "add", &text, "--no-blocker"]).await.exits(0);
    let id = world.state().issues()[0].id.clone();
    world.oar(&["issue", "resolve", &id, "--resolution", &text]).await.exits(0);
    world.oar(&["update-task-status", "check-cve-tracker-bug", "Fail", "--reason", &text]).await.exits(0);

    let stored = world.state().to_yaml();
    for secret in [TOKEN, "engineer@"] {
        assert!(!stored.contains(secret), "{stored}");
    }
    State::parse(&stored, None).expect("a state file that can be read");
    for command in [&["status"][..], &["issue", "list"], &["plan"], &["state", "show"], &["--json", "status"]] {
        let ended = world.oar(command).await.exits(0);
        let shown = ended.out + &ended.err;
        assert!(!shown.contains(['\u{1b}', '\u{7}']), "{command:?}: {shown:?}");
        assert!(!shown.contains(TOKEN), "{command:?}");
    }
}

#[tokio::test]
async fn an_argument_that_is_not_utf8_is_named_and_nothing_is_done() {
    use std::os::unix::ffi::OsStrExt as _;

    let argument = std::ffi::OsStr::from_bytes(b"4.19.\xff23");
    let output = bare(&["-r"]).arg(argument).arg("status").output().await.expect("the program starts");
    let ended = Ended::of(&output).exits(2);
    assert!(ended.err.contains("is not UTF-8") && ended.err.contains("  next: "), "{ended:?}");
}
