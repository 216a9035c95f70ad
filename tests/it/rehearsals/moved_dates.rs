//! ART moves the date of a release that is under way: what build data says now counts, whoever asks.

use oar::domain::closed_gate::ClosedGate;
use oar::domain::task::{Task, TaskStatus};
use oar::operators::preview::preview;
use oar::operators::previewed::{Depth, Preview};
use oar::operators::request::{ChangeRequest, TaskRequest};

use crate::rehearsal::{TestWorld, promoted, ready_to_approve};

const TASK: Task = Task::ChangeAdvisoryStatus;

/// ART writes something else into build data.
fn build_data_changes(world: &TestWorld, from: &str, to: &str) {
    let mut facts = world.facts();
    let text = &mut facts.build_data.releases_yml;
    assert!(text.contains(from), "{from} is not in\n{text}");
    *text = text.replacen(from, to, 1);
}

/// Everything but the approval has passed, a week before the stored date.
async fn a_week_before() -> TestWorld {
    let world = promoted().await;
    world.signature_is_published();
    let done = [Task::ImageConsistencyCheck, Task::StageTesting, Task::ImageSignedCheck];
    world.somebody_stores(&done, TaskStatus::Pass);
    world
}

/// What a client of the server would be asked to confirm.
async fn previewed(world: &TestWorld, depth: Depth) -> Preview {
    let request = TaskRequest::ChangeAdvisoryStatus { ignore_release_date: false, reason: None };
    let found = preview(&world.context(), &world.release, &ChangeRequest::Task(request), depth).await;
    found.expect("a preview")
}

#[tokio::test]
async fn a_date_moved_later_holds_the_approval_back_whoever_asks() {
    for command in ["--yes change-advisory-status", "drive", "drive --once", "plan"] {
        let world = ready_to_approve().await;
        build_data_changes(&world, "2026-Jun-10", "2026-Aug-3");
        world.new_writes();
        let output = world.oar(command).await;
        assert!(output.contains("starts on 2026-08-02"), "{command}: {output}");
        assert_eq!(world.new_writes(), "nothing", "{command}: {output}");
        world.expect_task(TASK, TaskStatus::NotStarted);
        assert_eq!(world.advisory_state("rpm"), "QE");
        world.finish();
    }
    let world = ready_to_approve().await;
    build_data_changes(&world, "2026-Jun-10", "2026-Aug-3");
    assert!(matches!(previewed(&world, Depth::Looked).await, Preview::Closed(ClosedGate::TooEarly { .. })));
    assert_eq!(previewed(&world, Depth::Stored).await, Preview::Nothing, "a run that does not begin asks nobody");
    world.finish();
}

#[tokio::test]
async fn a_date_moved_earlier_is_followed_whoever_asks() {
    for command in ["--yes change-advisory-status", "drive"] {
        let world = a_week_before().await;
        build_data_changes(&world, "2026-Jun-10", "2026-Jun-4");
        let output = world.oar(command).await;
        assert_eq!(world.writes_to("/approve"), 1, "{command}: {output}");
        world.expect_task(TASK, TaskStatus::InProgress);
        world.finish();
    }
    let world = a_week_before().await;
    build_data_changes(&world, "2026-Jun-10", "2026-Jun-4");
    assert!(matches!(previewed(&world, Depth::Looked).await, Preview::Changes(_)));
    assert!(matches!(previewed(&world, Depth::Stored).await, Preview::Changes(_)));
    let output = world.oar_changes_nothing("plan").await;
    assert!(output.contains("now:     oar -r 4.20.17 change-advisory-status"), "{output}");
    world.finish();
}

#[tokio::test]
async fn a_difference_to_the_stored_copy_is_said_by_plan_and_status_and_by_the_next_write() {
    let world = promoted().await;
    build_data_changes(&world, "2026-Jun-10", "2026-Aug-3");
    let said = "release_date is stored as 2026-Jun-10 and is 2026-Aug-3 now";
    for command in ["plan", "status"] {
        let output = world.oar_changes_nothing(command).await;
        assert!(output.replace("\n        ", " ").replace("  ", " ").contains(said), "{command}: {output}");
    }
    let output = world.oar("image-consistency-check").await;
    assert!(output.contains(said), "{output}");
    assert!(world.file().contains("release_date: 2026-Aug-3"), "the copy is brought up to date with the write");
    let output = world.oar("plan").await;
    assert!(!output.contains("is stored as"), "{output}");
    world.finish();
}

#[tokio::test]
async fn without_build_data_the_approval_waits_and_the_stored_date_decides_nothing() {
    for command in ["--yes change-advisory-status", "drive", "plan"] {
        let world = ready_to_approve().await;
        world.break_service("build_data", 503);
        world.new_writes();
        let output = world.oar(command).await;
        assert!(output.ends_with("exit 7"), "{command}: {output}");
        assert_eq!(world.new_writes(), "nothing", "{command}: {output}");
        world.expect_task(TASK, TaskStatus::NotStarted);
        world.finish();
    }
}

#[tokio::test]
async fn a_replaced_advisory_is_said_until_the_tasks_about_the_old_one_ran_again() {
    let world = promoted().await;
    let old = world.facts().release.advisories["rpm"];
    let new = old + 900;
    {
        let mut facts = world.facts();
        let mut advisory = facts.errata.advisories[&old].clone();
        advisory.id = new;
        facts.errata.advisories.insert(new, advisory);
    }
    build_data_changes(&world, &format!("rpm: {old}"), &format!("rpm: {new}"));

    let planned = world.oar_changes_nothing("plan").await;
    for line in [
        "note:    advisory_ids.rpm is stored as 170171 and is 171071 now; what build data says counts",
        "person:  advisory_ids.rpm is stored as 170171 and is 171071 now; take-ownership, check-cve-tracker-bug, \
         push-to-cdn-staging passed for the old one",
        "         -> oar -r 4.20.17 take-ownership",
        "         -> oar -r 4.20.17 update-task-status push-to-cdn-staging 'Not Started' --override --reason TEXT, then: \
         oar -r 4.20.17 push-to-cdn-staging",
    ] {
        assert!(planned.lines().any(|one| one == line), "{line}\n{planned}");
    }
    world.expect_task(Task::TakeOwnership, TaskStatus::Pass);
    world.expect_task(Task::PushToCdnStaging, TaskStatus::Pass);

    // The first write since brings the copy up to date; the note stays.
    world.oar("image-consistency-check").await;
    let planned = world.oar("plan").await;
    assert!(
        planned.contains("take-ownership, check-cve-tracker-bug, push-to-cdn-staging passed for the old one"),
        "{planned}"
    );

    let output = world.oar("--yes take-ownership -e lead@example.com").await;
    assert!(output.ends_with("exit 0"), "{output}");
    world.oar("check-cve-tracker-bug").await;
    let planned = world.oar("plan").await;
    assert!(planned.contains("now; push-to-cdn-staging passed for the old one"), "{planned}");

    world.oar("--yes update-task-status push-to-cdn-staging \"Not Started\" --override --reason replaced").await;
    // Whoever repeats it is not asked to do so again: that would set back what runs.
    let planned = world.oar("plan").await;
    assert!(!planned.contains("passed for the old one"), "{planned}");
    world.oar("push-to-cdn-staging").await;
    let planned = world.oar("plan").await;
    assert!(planned.contains("push-to-cdn-staging is running") && !planned.contains("for the old one"), "{planned}");
    world.push_finishes();
    let output = world.oar("push-to-cdn-staging").await;
    assert!(output.contains("push-to-cdn-staging Pass"), "{output}");
    let planned = world.oar("plan").await;
    assert!(!planned.contains("passed for the old one"), "{planned}");
    world.finish();
}

#[tokio::test]
async fn an_advisory_that_is_replaced_while_the_approval_waits_holds_it_back_and_never_fails_it() {
    let world = ready_to_approve().await;
    world.oar("--yes change-advisory-status").await;
    world.expect_task(TASK, TaskStatus::InProgress);
    oar::sim::people::act(oar::sim::act::Act::ReplaceAdvisory, &mut world.facts());
    world.advisory_page_opens();

    for _ in 0..4 {
        for line in ["--yes change-advisory-status", "drive", "ctl approval-checker"] {
            let output = world.oar(line).await;
            assert!(output.ends_with("exit 4"), "{line}: {output}");
            assert!(output.contains("check-cve-tracker-bug, push-to-cdn-staging passed for"), "{line}: {output}");
        }
        world.days_pass(1);
    }
    world.expect_task(TASK, TaskStatus::InProgress);
    assert_eq!(world.writes_to("change_state"), 0);
    assert!(world.oar("plan").await.contains("advisory_ids.rpm is stored as"), "the plan says which");

    for issue in world.state().issues().into_iter().filter(|issue| !issue.resolved) {
        world.oar(&format!("issue resolve {} --resolution \"it ships as it is\"", issue.id)).await;
    }
    world.everything_is_pushed();
    let output = world.oar("--yes change-advisory-status").await;
    assert!(output.starts_with("change-advisory-status Pass"), "{output}");
    world.finish();
}
