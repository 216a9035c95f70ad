//! What the log says, and what its check finds.

use super::chain::{BEGINNING, Broken, Checked, check};
use super::*;
use crate::core::clock::VirtualClock;

fn clock() -> Clock {
    Clock::Virtual(VirtualClock::starting_at("2026-06-01T00:00:00Z".parse().unwrap()))
}

fn entry(tool: &str) -> AuditEntry {
    AuditEntry { who: "agent".to_owned(), tool: tool.to_owned(), outcome: OK.to_owned(), ..AuditEntry::default() }
}

fn log() -> (tempfile::TempDir, Audit) {
    let home = tempfile::tempdir().unwrap();
    let audit = Audit::below(home.path(), clock(), true);
    (home, audit)
}

fn edit(audit: &Audit, change: impl FnOnce(&str) -> String) {
    let text = std::fs::read_to_string(audit.path()).unwrap();
    std::fs::write(audit.path(), change(&text)).unwrap();
}

#[test]
fn a_line_says_everything_and_the_digest_of_the_line_before() {
    let (_home, audit) = log();
    audit.record(entry("oar_plan"));
    audit.record(AuditEntry { release: Some("4.20.17".to_owned()), ..entry("oar_push") });
    let text = std::fs::read_to_string(audit.path()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let first = format!(
        r#"{{"time":"2026-06-01T00:00:00Z","who":"agent","tool":"oar_plan","outcome":"OK","prev":"{BEGINNING}"}}"#
    );
    assert_eq!(lines[0], first);
    assert!(lines[1].ends_with(&format!(r#""prev":"{}"}}"#, sha256(lines[0].as_bytes()))), "{}", lines[1]);
    assert_eq!(check(audit.path(), None).unwrap(), Checked { lines: 2, cut: 0, head: sha256(lines[1].as_bytes()) });
}

#[test]
fn a_line_that_was_changed_or_taken_away_is_found() {
    for change in [
        |text: &str| text.replacen("oar_b", "oar_x", 1),
        |text: &str| text.lines().filter(|line| !line.contains("oar_b")).map(|line| format!("{line}\n")).collect(),
    ] {
        let (_home, audit) = log();
        for tool in ["oar_a", "oar_b", "oar_c"] {
            audit.record(entry(tool));
        }
        assert_eq!(check(audit.path(), None).unwrap().lines, 3);
        edit(&audit, change);
        assert!(matches!(check(audit.path(), None), Err(Broken::Chain { .. })));
    }
}

#[test]
fn lines_taken_from_the_end_show_with_a_digest_from_before() {
    let (_home, audit) = log();
    audit.record(entry("oar_a"));
    audit.record(entry("oar_b"));
    let known = check(audit.path(), None).unwrap().head;
    audit.record(entry("oar_c"));
    assert_eq!(check(audit.path(), Some(&known)).unwrap().lines, 3);
    edit(&audit, |text| text.lines().take(1).map(|line| format!("{line}\n")).collect());
    assert_eq!(check(audit.path(), None).unwrap().lines, 1);
    assert!(matches!(check(audit.path(), Some(&known)), Err(Broken::Missing { .. })));
}

#[test]
fn a_restart_goes_on_from_the_last_line_even_when_it_was_cut() {
    let (home, audit) = log();
    audit.record(entry("oar_a"));
    audit.record(entry("oar_b"));
    edit(&audit, |text| text[..text.len() - 20].to_owned());
    assert_eq!(check(audit.path(), None).unwrap().cut, 1, "the last line may be cut");
    let again = Audit::below(home.path(), clock(), true);
    again.record(entry("oar_c"));
    again.record(entry("oar_d"));
    let found = check(audit.path(), None).unwrap();
    assert_eq!((found.lines, found.cut), (4, 1));
    edit(&audit, |text| text.replace("oar_b", "oar_x"));
    assert!(check(audit.path(), None).is_err(), "also a cut line is part of the chain");
    edit(&audit, |text| format!("{text}nonsense\n"));
    assert!(check(audit.path(), None).is_err(), "a whole line that is none was not cut");
}

#[test]
fn many_writers_make_one_chain() {
    let (home, audit) = log();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let other = Audit::below(home.path(), clock(), true);
            scope.spawn(move || (0..25).for_each(|_| other.record(entry("oar_a"))));
        }
    });
    assert_eq!(check(audit.path(), None).unwrap().lines, 100);
}

#[test]
fn looks_are_counted_and_kept_only_when_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let audit = Audit::below(home.path(), clock(), false);
    audit.record(entry("oar_look"));
    audit.record(AuditEntry { outcome: "DENIED".to_owned(), ..entry("oar_look") });
    audit.record(AuditEntry { is_change: true, ..entry("oar_change") });
    assert_eq!(check(audit.path(), None).unwrap().lines, 2);
    assert_eq!(audit.counts().len(), 3);
}

#[test]
fn a_flood_of_strangers_is_counted_not_kept() {
    let (_home, audit) = log();
    for _ in 0..STRANGERS_A_MINUTE + 20 {
        audit.refuse(AuditEntry { outcome: "FOREIGN_HOST".to_owned(), ..entry("GET /x") });
    }
    audit.record(entry("oar_a"));
    let text = std::fs::read_to_string(audit.path()).unwrap();
    assert_eq!(text.lines().count(), 101);
    assert!(text.lines().last().unwrap().contains(r#""left_out":20"#));
}

#[test]
fn no_value_no_secret_and_no_control_character_gets_into_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_home, audit) = log();
    let client = format!("x\u{1b}[31m someone@example.com {}", "y".repeat(1000));
    let arguments = serde_json::json!({ "b": "secret", "a": { "d": 1, "c": 2 } });
    let digest = digest_of(arguments.as_object().unwrap());
    let turned = serde_json::json!({ "a": { "c": 2, "d": 1 }, "b": "secret" });
    assert_eq!(digest, digest_of(turned.as_object().unwrap()));
    audit.record(AuditEntry { client, arguments: Some(digest), ..entry("oar_a") });
    let text = std::fs::read_to_string(audit.path()).unwrap();
    assert!(!text.contains("secret") && !text.contains("someone@") && !text.contains('\u{1b}'), "{text}");
    assert!(text.len() < 800, "{text}");
    assert_eq!(std::fs::metadata(audit.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_log_that_cannot_be_written_is_reported() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("mcp"), "a file where a folder is needed").unwrap();
    let audit = Audit::below(home.path(), clock(), true);
    assert!(audit.open().is_err() && audit.trouble().is_none());
    audit.record(entry("oar_a"));
    assert!(audit.trouble().is_some());
}

#[test]
fn a_log_is_ready_again_when_a_line_could_be_written_which_says_how_many_are_missing() {
    let (home, audit) = log();
    audit.record(entry("oar_a"));
    assert_eq!(audit.ready(), Ok(()));
    let (log, aside) = (audit.path().to_owned(), home.path().join("aside"));
    std::fs::rename(&log, &aside).unwrap();
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    assert!(audit.record_first(AuditEntry { outcome: BEGAN.to_owned(), ..entry("oar_b") }).is_err());
    audit.record(entry("oar_c"));
    assert!(audit.ready().is_err() && audit.ready().is_err());
    std::fs::remove_file(&log).unwrap();
    std::fs::rename(&aside, &log).unwrap();
    assert_eq!((audit.ready(), audit.trouble()), (Ok(()), None));
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.lines().count() == 2 && text.lines().last().unwrap().contains(r#""left_out":2"#), "{text}");
    assert_eq!(check(&log, None).unwrap().lines, 2);
}

#[test]
fn a_change_that_began_and_has_no_end_is_found() {
    let (_home, audit) = log();
    let line = |run: &str, outcome: &str| AuditEntry {
        run_id: Some(run.to_owned()),
        release: Some("4.20.17".to_owned()),
        outcome: outcome.to_owned(),
        ..entry("oar_push")
    };
    for (run, outcome) in [("1", BEGAN), ("2", BEGAN), ("1", OK), ("3", "DENIED")] {
        audit.record_first(line(run, outcome)).unwrap();
    }
    let found = changes::read(audit.path()).unwrap();
    let open: Vec<_> = found.open.iter().collect();
    assert_eq!(open, [(&"2".to_owned(), &"oar_push 4.20.17 agent 2026-06-01T00:00:00Z".to_owned())]);
    assert_eq!(found.runs.iter().collect::<Vec<_>>(), ["1", "2", "3"]);
    assert_eq!(found.since, "2026-06-01T00:00:00Z".parse().ok());
    assert_eq!(audit.counts().len(), 2, "a beginning is no outcome");
}
