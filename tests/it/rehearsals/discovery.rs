use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{fresh, ready_to_approve, reported};

#[tokio::test]
async fn a_release_without_state_file_is_listed_for_initialisation() {
    let town = fresh().await;
    let told = town.oar("active-releases").await;
    assert!(told.contains("4.20.17") && told.contains("tracked, but has no state file"), "{told}");
    assert!(told.contains("next: oar -r 4.20.17 create-test-report") && told.ends_with("exit 0"), "{told}");
    town.finish();
}

#[tokio::test]
async fn an_open_release_is_listed_with_its_date_and_leaves_after_its_approval() {
    let town = reported().await;
    let told = town.oar("active-releases").await;
    assert!(
        told.contains("2026-06-10") && told.contains("0/10 done  (10 tasks are open, the final approval among them)"),
        "{told}"
    );
    let json = town.oar("--json active-releases").await;
    assert!(json.contains(r#""why": "approval-open""#) && json.contains(r#""tasks": 10"#), "{json}");

    town.somebody_stores(&[Task::ChangeAdvisoryStatus], TaskStatus::Pass);
    let told = town.oar("active-releases").await;
    assert!(told.contains("finished, around its date"), "{told}");
    town.days_pass(30);
    let told = town.oar("active-releases").await;
    assert!(!told.contains("4.20.17 "), "{told}");
    assert!(town.oar("active-releases --all").await.contains("4.20.17"));

    town.finish();
}

#[tokio::test]
async fn one_question_serves_all_releases() {
    let town = reported().await;
    town.break_service("github", 503);
    let told = town.oar("active-releases").await;
    assert!(told.ends_with("exit 7"), "{told}");
    town.repair();
    town.finish();
}

#[tokio::test]
async fn a_release_is_shipped_when_its_services_say_so() {
    let town = ready_to_approve().await;
    town.new_writes();
    let told = town.oar("is-shipped").await;
    assert!(told.starts_with("4.20.17 is not shipped yet (Konflux flow)") && told.ends_with("exit 0"), "{told}");
    assert!(told.contains("rpm advisory") && told.contains("open: rpm advisory: QE"), "{told}");
    let json = town.oar("--json is-shipped").await;
    assert!(json.contains(r#""shipped": false"#) && json.contains(r#""flow_type": "konflux""#), "{json}");

    town.break_service("errata", 503);
    let told = town.oar("is-shipped").await;
    assert!(told.contains("advisories error") && told.contains("open: production release"), "{told}");
    town.repair();
    assert_eq!(town.new_writes(), "nothing");

    town.finish();
}

#[tokio::test]
async fn the_metadata_shows_what_changed_since_it_was_stored() {
    let town = fresh().await;
    let told = town.oar("metadata").await;
    assert!(told.contains("Konflux flow") && told.contains("next: no state file yet"), "{told}");
    town.has_report().await;
    let told = town.oar("metadata").await;
    assert!(told.contains("the stored copy is the same") && told.ends_with("exit 0"), "{told}");
    let file = town.file();
    town.oar("--json metadata").await;
    assert_eq!(town.file(), file, "a look writes nothing");

    town.finish();
}

#[tokio::test]
async fn a_dry_run_tells_its_first_change_and_makes_none() {
    let town = reported().await;
    let file = town.file();
    town.new_writes();
    for command in
        ["push-to-cdn-staging --force --reason soon", "take-ownership -e lead@example.com", "add-qe-approval"]
    {
        let told = town.oar(&format!("--dry-run {command}")).await;
        assert!(told.contains("dry run") && told.ends_with("exit 0"), "{command}: {told}");
    }
    assert_eq!(town.new_writes(), "nothing");
    assert_eq!(town.file(), file);

    town.finish();
}
