//! A new assembly inherits shipment, advisories and ticket of the release before it, until ART fills in its own.
//! Nothing of the other release is touched, approved or judged.

use insta::assert_snapshot;
use oar::domain::closed_gate::ClosedGate;
use oar::domain::task::{Flow, Task};
use oar::operators::preview::preview;
use oar::operators::previewed::{Depth, Preview};
use oar::operators::request::{ChangeRequest, TaskRequest};

use crate::rehearsal::{TestWorld, promoted, with_state_file};

/// The release whose assembly has nothing but its basis.
const HEIR: &str = "4.20.18";

/// ART lists the next release, with nothing but `basis: {assembly: 4.20.17}`.
fn the_next_release_is_listed(world: &TestWorld) {
    let assembly = format!(
        "releases:\n  {HEIR}:\n    assembly:\n      type: standard\n      basis:\n        assembly: 4.20.17\n        time: \"2026-06-09T00:00:00Z\"\n"
    );
    let mut facts = world.facts();
    let text = &mut facts.build_data.releases_yml;
    *text = text.replacen("releases:\n", &assembly, 1);
}

/// The heir has its state file, and everything that could hold a task back has passed.
async fn heir() -> TestWorld {
    let world = promoted().await;
    the_next_release_is_listed(&world);
    let output = world.oar_about(HEIR, "create-test-report --no-notify").await;
    assert!(output.ends_with("exit 0"), "{output}");
    world
}

/// Every task of the heir but `open` is stored as Pass.
async fn all_passed_but(world: &TestWorld, open: Task) {
    for task in Task::tracked(Flow::Konflux).filter(|task| *task != open && *task != Task::CreateTestReport) {
        let output = world.oar_about(HEIR, &format!("--yes update-task-status {task} Pass --reason \"by hand\"")).await;
        assert!(output.ends_with("exit 0"), "{output}");
    }
}

/// The state file of the heir.
fn file_of_heir(world: &TestWorld) -> String {
    world.facts().github.file("z-stream", "_releases/4.20/statebox/4.20.18.yaml").expect("a state file").to_owned()
}

#[tokio::test]
async fn values_that_all_come_from_another_release_are_said_when_the_report_is_made_and_in_the_plan() {
    let world = with_state_file().await;
    the_next_release_is_listed(&world);

    assert_snapshot!(world.oar_about(HEIR, "create-test-report --no-notify").await, @"
    create-test-report Pass: created the state file _releases/4.20/statebox/4.20.18.yaml
      did:  create _releases/4.20/statebox/4.20.18.yaml
      note: everything that build data says of 4.20.18 comes from 4.20.17; ask ART to fill in what is its own
      next: ask ART to fill in what is its own
            ask ART to complete the assembly, then: oar -r 4.20.18 drive
    exit 0
    ");
    let planned = world.oar_about(HEIR, "plan").await;
    assert!(planned.contains("person:  everything that build data says of 4.20.18 comes from 4.20.17"), "{planned}");
    assert!(planned.contains("is the shipment of 4.20.17)"), "{planned}");

    world.finish();
}

#[tokio::test]
async fn nothing_of_the_other_release_is_touched_approved_or_judged() {
    for (open, command) in [
        (Task::TakeOwnership, "--yes take-ownership -e lead@example.com"),
        (Task::CheckCveTrackerBug, "check-cve-tracker-bug"),
        (Task::CheckRhcosSecurityAlerts, "check-rhcos-security-alerts"),
        (Task::PushToCdnStaging, "push-to-cdn-staging"),
        (Task::AddQeApproval, "--yes add-qe-approval"),
        (Task::ChangeAdvisoryStatus, "--yes change-advisory-status"),
        (Task::ChangeAdvisoryStatus, "ctl approval-checker"),
        (Task::TakeOwnership, "drive -e lead@example.com"),
        (Task::PushToCdnStaging, "drive"),
        (Task::ChangeAdvisoryStatus, "drive"),
        (Task::ChangeAdvisoryStatus, "is-shipped"),
    ] {
        let world = heir().await;
        all_passed_but(&world, open).await;
        world.days_pass(6);
        world.new_writes();
        let output = world.oar_about(HEIR, &format!("--no-notify {command}")).await;
        assert!(output.ends_with("exit 4"), "{command}: {output}");
        assert!(output.contains(" of 4.20.17)") && output.contains("ask ART"), "{command}: {output}");
        assert_eq!(world.new_writes(), "nothing", "{command}: {output}");
        assert!(!file_of_heir(&world).contains("status: Fail"), "{command}: {}", file_of_heir(&world));
        let stored = oar::domain::state::view::State::parse(&file_of_heir(&world), None).unwrap();
        assert_eq!(stored.status(open), oar::domain::task::TaskStatus::NotStarted, "{command}: {output}");
        world.finish();
    }
}

#[tokio::test]
async fn a_client_of_the_server_is_not_asked_to_confirm_what_belongs_to_another_release() {
    let world = heir().await;
    all_passed_but(&world, Task::ChangeAdvisoryStatus).await;
    world.days_pass(6);
    let heir = HEIR.parse().unwrap();
    let request = TaskRequest::ChangeAdvisoryStatus { ignore_release_date: false, reason: None };
    let found = preview(&world.context(), &heir, &ChangeRequest::Task(request), Depth::Looked).await.unwrap();
    assert!(matches!(found, Preview::Closed(ClosedGate::NotReady { .. })), "{found:?}");
    world.finish();
}

#[tokio::test]
async fn a_shipped_release_does_not_make_its_heir_a_shipped_one() {
    let world = heir().await;
    {
        let mut facts = world.facts();
        for advisory in facts.errata.advisories.values_mut() {
            advisory.state = oar::sim::facts::errata::rules::State::ShippedLive;
        }
    }
    world.merge_request_becomes(oar::sim::facts::gitlab::merge_requests::MrState::Merged);
    let output = world.oar("is-shipped").await;
    assert!(output.ends_with("exit 0"), "{output}");

    assert_snapshot!(world.oar_about(HEIR, "is-shipped").await, @"
    error: whether 4.20.18 is shipped could not be found out
      why:  build data is not ready: group.shipment.url (https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117 is the shipment of 4.20.17)
      next: ask ART to complete the build data; then run it again
    exit 4
    ");
    let output = world.oar_about(HEIR, "plan").await;
    assert!(!output.contains("update-task-status change-advisory-status Pass"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_file_inside_the_shipment_that_names_another_assembly_makes_it_a_strangers() {
    let world = with_state_file().await;
    {
        let mut facts = world.facts();
        let facts = &mut *facts;
        let branch = facts.gitlab.shipment().expect("a merge request").source_branch.clone();
        let project = facts.gitlab.projects.get_mut(&facts.gitlab.shipment_project).expect("a project");
        let files = &project.branches[&branch].files;
        let (path, text) = files.iter().find(|(path, _)| path.contains(".extras.")).expect("a file");
        let text = text.replace("assembly: 4.20.17", "assembly: 4.20.16");
        project.commit(&branch, "by mistake", [(path.clone(), Some(text))].into());
    }
    world.new_writes();
    let output = world.oar("take-ownership -e lead@example.com").await;
    assert!(output.contains("is the shipment of assembly \"4.20.16\"") && output.ends_with("exit 4"), "{output}");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn an_advisory_or_ticket_of_another_release_is_named_and_left_alone() {
    let world = with_state_file().await;
    {
        let mut facts = world.facts();
        let id = facts.release.advisories["rhcos"];
        facts.errata.advisories.get_mut(&id).unwrap().synopsis =
            "OpenShift Container Platform 4.20.16 packages and security update".to_owned();
    }
    world.new_writes();
    let output = world.oar("take-ownership -e lead@example.com").await;
    assert!(
        output.contains("group.advisories.rhcos (170172 is the advisory of 4.20.16)") && output.ends_with("exit 4"),
        "{output}"
    );
    assert_eq!(world.new_writes(), "nothing");
    world.finish();

    let world = with_state_file().await;
    {
        let mut facts = world.facts();
        let ticket = facts.release.art_ticket.clone();
        facts.jira.issues.get_mut(&ticket).unwrap().summary = "Release 4.20.16 [2026-Jun-3]".to_owned();
    }
    world.new_writes();
    let output = world.oar("take-ownership -e lead@example.com").await;
    assert!(output.contains("is the ticket of 4.20.16") && output.ends_with("exit 4"), "{output}");
    assert_eq!(world.new_writes(), "nothing");
    world.finish();
}
