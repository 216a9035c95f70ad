use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{fresh, ready_to_approve, with_state_file};

#[tokio::test]
async fn a_release_without_state_file_is_listed_for_initialisation() {
    let world = fresh().await;
    let output = world.oar("active-releases").await;
    assert!(output.contains("4.20.17") && output.contains("tracked, but has no state file"), "{output}");
    assert!(output.contains("next: oar -r 4.20.17 create-test-report") && output.ends_with("exit 0"), "{output}");
    world.finish();
}

#[tokio::test]
async fn an_open_release_is_listed_with_its_date_and_leaves_after_its_approval() {
    let world = with_state_file().await;
    let output = world.oar("active-releases").await;
    assert!(
        output.contains("2026-06-10")
            && output.contains("0/10 done  (10 tasks are open, the final approval among them)"),
        "{output}"
    );
    let json = world.oar("--json active-releases").await;
    assert!(json.contains(r#""why": "approval-open""#) && json.contains(r#""tasks": 10"#), "{json}");

    world.somebody_stores(&[Task::ChangeAdvisoryStatus], TaskStatus::Pass);
    let output = world.oar("active-releases").await;
    assert!(output.contains("finished, around its date"), "{output}");
    world.days_pass(30);
    let output = world.oar("active-releases").await;
    assert!(!output.contains("4.20.17 "), "{output}");
    assert!(world.oar("active-releases --all").await.contains("4.20.17"));

    world.finish();
}

#[tokio::test]
async fn beside_a_file_that_cannot_be_read_nobody_hears_that_there_is_no_active_release() {
    let world = with_state_file().await;
    oar::sim::people::act(oar::sim::act::Act::BreakState, &mut world.facts());
    let output = world.oar("active-releases").await;
    assert!(output.starts_with("no active release among the files that can be read;"), "{output}");
    assert!(output.contains("not readable: _releases/4.20/statebox/4.20.17.yaml: "), "{output}");
    assert!(output.contains("next: correct what is not readable on the branch"), "{output}");
    assert!(output.ends_with("exit 4"), "{output}");
    world.finish();
}

#[tokio::test]
async fn one_question_serves_all_releases() {
    let world = with_state_file().await;
    world.break_service("github", 503);
    let output = world.oar("active-releases").await;
    assert!(output.ends_with("exit 7"), "{output}");
    world.repair();
    world.finish();
}

#[tokio::test]
async fn a_release_is_shipped_when_its_services_say_so() {
    let world = ready_to_approve().await;
    world.new_writes();
    let output = world.oar("is-shipped").await;
    assert!(output.starts_with("4.20.17 is not shipped yet (Konflux flow)") && output.ends_with("exit 0"), "{output}");
    assert!(output.contains("rpm advisory") && output.contains("open: rpm advisory: QE"), "{output}");
    let json = world.oar("--json is-shipped").await;
    assert!(json.contains(r#""shipped": false"#) && json.contains(r#""flow_type": "konflux""#), "{json}");

    world.break_service("errata", 503);
    let output = world.oar("is-shipped").await;
    assert!(output.contains("advisories error") && output.contains("open: production release"), "{output}");
    world.repair();
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn the_metadata_shows_what_changed_since_it_was_stored() {
    let world = fresh().await;
    let output = world.oar("metadata").await;
    assert!(output.contains("Konflux flow") && output.contains("next: no state file yet"), "{output}");
    world.has_report().await;
    let output = world.oar("metadata").await;
    assert!(output.contains("the stored copy is the same") && output.ends_with("exit 0"), "{output}");
    let file = world.file();
    world.oar("--json metadata").await;
    assert_eq!(world.file(), file, "a look writes nothing");

    world.finish();
}

#[tokio::test]
async fn a_dry_run_tells_its_first_change_and_makes_none() {
    let world = with_state_file().await;
    let file = world.file();
    world.new_writes();
    for command in
        ["push-to-cdn-staging --force --reason soon", "take-ownership -e lead@example.com", "add-qe-approval"]
    {
        let output = world.oar(&format!("--dry-run {command}")).await;
        assert!(output.contains("dry run") && output.ends_with("exit 0"), "{command}: {output}");
    }
    assert_eq!(world.new_writes(), "nothing");
    assert_eq!(world.file(), file);

    world.finish();
}
