use insta::assert_snapshot;
use oar::domain::closed_gate::ClosedGate;
use oar::domain::outcome::Outcome;
use oar::domain::task::{Task, TaskStatus};
use oar::operators::execute::run_task;
use oar::operators::request::TaskRequest;
use oar::sim::facts::gitlab::merge_requests::MrState;

use crate::rehearsal::{TestWorld, promoted, ready_to_approve, with_state_file};

const TASK: Task = Task::AddQeApproval;

/// Issues that the approval left.
fn notes(world: &TestWorld) -> Vec<(String, bool)> {
    let issues = world.state().issues().into_iter().filter(|issue| issue.issue.contains("approved the shipment"));
    issues.map(|issue| (issue.issue, issue.blocker)).collect()
}

#[tokio::test]
async fn nothing_is_approved_by_hand_before_somebody_was_asked() {
    let world = ready_to_approve().await;
    world.new_writes();
    assert_snapshot!(world.oar("add-qe-approval").await, @"
    error: the approval of the shipment of 4.20.17 was not done
      why:  it cannot be taken back, and nobody is at a terminal to be asked
            it would approve the merge request https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117, which lets its content go to the customers
      next: if that is meant, run it again with --yes: oar -r 4.20.17 add-qe-approval --yes
    exit 4
    ");
    assert_eq!(world.new_writes(), "nothing");
    world.expect_task(TASK, TaskStatus::NotStarted);
    let agreed = world.oar("--yes add-qe-approval").await;
    assert!(agreed.contains("add-qe-approval Pass") && agreed.ends_with("exit 0"), "{agreed}");
    assert_eq!(notes(&world), [], "nothing speaks against it");
    world.finish();
}

#[tokio::test]
async fn whoever_approves_by_hand_sees_what_speaks_against_it_and_it_is_kept_with_the_release() {
    let world = promoted().await;
    world.oar("issue add \"installer fails on one platform\" --task stage-testing").await;
    world.new_writes();
    let against = [
        "open blocker: “installer fails on one platform”",
        "image-consistency-check has to pass first (it is Not Started)",
        "stage-testing has to pass first (it is Not Started)",
        "image-signed-check has to pass first (it is Not Started)",
        "final approval starts on 2026-06-09",
    ];
    let asked = world.oar("add-qe-approval").await;
    for one in against {
        assert!(asked.contains(&format!("it would pass over this: {one}\n")), "{one}: {asked}");
    }
    assert!(asked.ends_with("exit 4"), "{asked}");
    assert_eq!(world.new_writes(), "nothing");
    let dry = world.oar("--dry-run add-qe-approval").await;
    assert!(dry.contains("installer fails on one platform") && dry.contains("it would approve"), "{dry}");

    let approved = world.oar("--yes add-qe-approval").await;

    assert!(approved.contains("add-qe-approval Pass") && approved.ends_with("exit 0"), "{approved}");
    for one in against {
        assert!(approved.contains(&format!("note: approved although this speaks against it: {one}\n")), "{approved}");
    }
    assert!(world.new_writes().ends_with("/approve"));
    let kept = notes(&world);
    assert_eq!(kept.len(), 1, "{kept:?}");
    let (note, blocks) = &kept[0];
    assert!(against.iter().all(|one| note.contains(one)) && !blocks, "{note}");
    world.expect_task(TASK, TaskStatus::Pass);
    world.finish();
}

#[tokio::test]
async fn without_a_yes_the_task_itself_stops_at_what_speaks_against_it() {
    let world = ready_to_approve().await;
    world.oar("issue add \"installer fails on one platform\"").await;
    world.new_writes();
    let (ctx, release) = (world.context(), "4.20.17".parse().unwrap());
    let request = TaskRequest::AddQeApproval { confirmed: false };
    let report = run_task(&ctx, &release, request).await.unwrap();
    let [issue] = &world.state().issues()[..] else { panic!("one issue was reported") };
    let blocker = ClosedGate::Blocker { issue: issue.issue.clone(), id: Some(issue.id.clone()) };
    assert_eq!(report.outcome, Outcome::Blocked { by: blocker });
    assert_eq!(world.new_writes(), "nothing");
    world.finish();
}

#[tokio::test]
async fn the_merge_request_is_approved_once_and_nothing_else_happens() {
    let world = promoted().await;
    world.new_writes();

    let output = world.oar("--yes add-qe-approval").await;
    assert!(output.contains("add-qe-approval Pass") && output.ends_with("exit 0"), "{output}");
    let writes = world.new_writes();
    assert!(writes.ends_with("/approve") && writes.lines().count() == 1, "{writes}");
    world.expect_task(TASK, TaskStatus::Pass);
    assert_eq!(world.advisory_state("rpm"), "QE");

    let again = world.oar("add-qe-approval").await;
    assert!(again.contains("passed already") && again.ends_with("exit 0"), "{again}");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn a_closed_merge_request_is_not_approved() {
    let world = with_state_file().await;
    world.merge_request_becomes(MrState::Closed);
    world.new_writes();

    let output = world.oar("add-qe-approval").await;
    assert!(output.contains("was closed without being merged") && output.ends_with("exit 4"), "{output}");
    assert_eq!(world.new_writes(), "nothing");
    world.expect_task(TASK, TaskStatus::NotStarted);

    world.finish();
}
