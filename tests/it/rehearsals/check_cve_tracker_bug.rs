use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};
use oar::sim::facts::elliott::Behaviour;

use crate::rehearsal::{TestWorld, with_state_file};

fn attach_everything(world: &TestWorld) {
    let mut world = world.facts();
    let trackers: Vec<String> =
        world.elliott.brew.values().chain(world.elliott.konflux.values()).flatten().cloned().collect();
    let rpm = world.release.advisories["rpm"];
    world.errata.advisories.get_mut(&rpm).unwrap().jira_issues.extend(trackers);
}

#[tokio::test]
async fn missed_trackers_are_reported_and_hold_nobody_up() {
    let world = with_state_file().await;
    world.a_tracker_is_detached();

    assert_snapshot!(world.oar("check-cve-tracker-bug").await, @"
    check-cve-tracker-bug Pass: checked: 1 CVE trackers are attached nowhere; ART has to attach them
      did:  tell art on Slack
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    assert_snapshot!(world.oar("issue list").await, @"
    0c0546ee  note      1 CVE trackers are attached nowhere, ART has to attach them: OCPBUGS-220181 (check-cve-tracker-bug)
    exit 0
    ");
    assert_snapshot!(world.posted_messages().join("\n"), @"
    #forum-ocp-release: <!subteam^SA3033CCE4> *[4.20.17]* 1 CVE trackers are attached to no advisory and no shipment: <https://sim.example.com/jira/browse/OCPBUGS-220181|OCPBUGS-220181>
    Please attach them, or tell QE why they do not belong to the release.
    ");
    world.expect_task(Task::CheckCveTrackerBug, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn the_same_missed_trackers_are_reported_once() {
    let world = with_state_file().await;
    world.a_tracker_is_detached();
    world.oar("check-cve-tracker-bug").await;
    world.new_writes();

    let output = world.oar("check-cve-tracker-bug").await;
    assert!(output.ends_with("exit 0"), "{output}");
    assert_eq!(world.new_writes(), "nothing");
    assert_eq!(world.state().issues().len(), 1);

    world.finish();
}

#[tokio::test]
async fn attached_trackers_close_the_issue_of_the_last_check() {
    let world = with_state_file().await;
    world.a_tracker_is_detached();
    world.oar("check-cve-tracker-bug").await;
    attach_everything(&world);

    assert_snapshot!(world.oar("check-cve-tracker-bug").await, @"
    check-cve-tracker-bug Pass: every CVE tracker of the release is attached
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    assert_snapshot!(world.oar("issue list").await, @"
    0c0546ee  resolved  1 CVE trackers are attached nowhere, ART has to attach them: OCPBUGS-220181 (check-cve-tracker-bug)
              -> every CVE tracker of the release is attached
    exit 0
    ");

    world.finish();
}

#[tokio::test]
async fn a_release_without_elliott_says_what_to_install_and_stays_not_started() {
    let world = with_state_file().await;

    assert_snapshot!(world.oar_with("OAR_ELLIOTT_CMD", "/nowhere/elliott", "check-cve-tracker-bug").await, @"
    check-cve-tracker-bug Not Started: blocked, elliott is not installed or not executable: install elliott (openshift-eng/art-tools), or name it with OAR_ELLIOTT_CMD
      next: provide it
            then: oar -r 4.20.17 check-cve-tracker-bug
    exit 4
    ");
    world.expect_task(Task::CheckCveTrackerBug, TaskStatus::NotStarted);

    world.finish();
}

#[tokio::test]
async fn a_tracker_that_jira_hides_is_named_with_what_to_do() {
    let world = with_state_file().await;
    world.facts().elliott.behaviour = Behaviour::CannotFetch;

    assert_snapshot!(world.oar("check-cve-tracker-bug").await, @"
    error: check-cve-tracker-bug of 4.20.17 could not be carried out
      why:  elliott cannot fetch OCPBUGS-1 from Jira
      done: report blocker 8f99de46
      next: ask ART to take the issue out of the assembly, or to make it readable for the account of JIRA_TOKEN
    exit 2
    ");
    assert_snapshot!(world.oar("issue list").await, @"
    8f99de46  BLOCKER   elliott cannot fetch CVE trackers from Jira: OCPBUGS-1; ask ART to take the issue out of the assembly, or to make it readable for the account of JIRA_TOKEN (check-cve-tracker-bug)
    exit 0
    ");

    world.facts().elliott.behaviour = Behaviour::Honest;
    world.oar("check-cve-tracker-bug").await;
    world.expect_task(Task::CheckCveTrackerBug, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn an_outage_of_the_shipment_is_never_a_clean_check() {
    let world = with_state_file().await;
    world.break_service("gitlab", 502);

    assert_snapshot!(world.oar("check-cve-tracker-bug").await, @"
    error: check-cve-tracker-bug of 4.20.17 could not be carried out
      why:  gitlab answered HTTP 502 (read the merge request)
      next: wait a few minutes and run it again
    exit 7
    ");
    world.expect_task(Task::CheckCveTrackerBug, TaskStatus::NotStarted);

    world.finish();
}
