//! Work in Jira does not decide about a Pass, but it is not forgotten: whoever drives next does what is left of it.

use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{TestWorld, fresh, ready_to_approve, with_state_file};

/// The QE sub-tasks: key, status, account of the assignee.
fn sub_tasks(world: &TestWorld) -> Vec<(String, String, Option<String>)> {
    let facts = world.facts();
    let ours = facts.jira.issues.values().filter(|issue| issue.summary.contains("] QE "));
    ours.map(|issue| (issue.key.clone(), issue.status.clone(), issue.assignee.clone())).collect()
}

/// Notes of the state that are open.
fn open_notes(world: &TestWorld) -> Vec<String> {
    world.state().issues().into_iter().filter(|issue| !issue.resolved).map(|issue| issue.issue).collect()
}

/// Everybody can read that something is left, and what ends it: a drive, in its time, or `by_hand` a person.
async fn everybody_says(world: &TestWorld, task: Task, left: &str, by_hand: bool) {
    for line in ["plan", "status", "issue list"] {
        let output = world.oar_changes_nothing(line).await;
        let folded = output.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(folded.contains(left), "{line}: {output}");
    }
    let plan = world.oar("plan").await;
    assert!(!plan.contains(&format!("now:     oar -r 4.20.17 {task}")), "it was tried a moment ago: {plan}");
    let tried_again =
        plan.lines().any(|line| line.starts_with("wait:") && line.contains(&format!("{task} has passed")));
    assert_eq!(tried_again, !by_hand, "{plan}");
    assert_eq!(plan.contains(&format!("-> then: oar -r 4.20.17 {task}")), by_hand, "{plan}");
}

#[tokio::test]
async fn sub_tasks_that_jira_could_not_take_have_their_owner_after_the_next_drive() {
    for broken in [503, 404] {
        let world = with_state_file().await;
        world.break_service("jira", broken);
        let output = world.oar("drive").await;
        world.expect_task(Task::TakeOwnership, TaskStatus::Pass);
        assert!(output.contains("  note: ") && output.contains("sub-tasks of ART-22017 were not"), "{output}");
        everybody_says(&world, Task::TakeOwnership, "sub-tasks of ART-22017 were not", broken == 404).await;
        assert_eq!(open_notes(&world).len(), 1);

        // Nothing new: nothing is stored, nothing is done twice.
        world.new_writes();
        let (file, before) = (world.file(), world.comments());
        world.time_passes("10m");
        world.oar("drive").await;
        assert_eq!(open_notes(&world).len(), 1, "{}", world.file());
        assert_eq!(world.state().issues(), oar::domain::state::view::State::parse(&file, None).unwrap().issues());

        world.repair();
        world.oar("drive").await;
        assert_eq!(open_notes(&world), Vec::<String>::new());
        let taken = sub_tasks(&world);
        assert!(taken.len() == 3 && taken.iter().all(|(.., owner)| owner.is_some()), "{taken:?}");
        assert_eq!(world.comments(), before);
        assert_eq!(world.writes_to("PUT /errata/api/v1/erratum"), 2, "each advisory once");
        let after = world.oar("plan").await;
        assert!(!after.contains("take-ownership has passed, but"), "{after}");
        world.finish();
    }
}

#[tokio::test]
async fn what_is_left_is_done_for_whoever_owns_the_release_and_not_for_the_owner_of_the_settings() {
    let world = with_state_file().await;
    world.oar("take-ownership -e first@example.com").await;
    world.break_service("jira", 503);
    world.oar("--yes take-ownership -e second@example.com").await;
    world.repair();
    world.oar("drive").await;
    let second = world.facts().jira.account("second@example.com");
    let taken = sub_tasks(&world);
    assert!(second.is_some() && taken.iter().all(|(.., owner)| *owner == second), "{taken:?}");
    assert_eq!(world.comments().last().map(String::as_str), Some("QE Release Lead is @second"));
    world.finish();
}

#[tokio::test]
async fn a_refused_jira_token_ends_a_drive_like_every_other_and_the_rest_goes_on() {
    let world = with_state_file().await;
    for line in ["drive", "drive"] {
        let output = world.oar_with("JIRA_TOKEN", "not-the-one", line).await;
        assert!(output.ends_with("exit 6") && output.contains("JIRA_TOKEN"), "{output}");
        let planned = world.oar_with("JIRA_TOKEN", "not-the-one", "plan").await;
        let said =
            planned.lines().find(|line| line.starts_with("person:") && line.contains("take-ownership has passed"));
        assert!(said.is_some() && !planned.contains("now:     oar -r 4.20.17 take-ownership"), "{planned}");
    }
    world.expect_task(Task::TakeOwnership, TaskStatus::Pass);
    let by_hand = world.oar_with("JIRA_TOKEN", "not-the-one", "take-ownership").await;
    assert!(by_hand.ends_with("exit 6") && by_hand.contains("a step is still to be done"), "{by_hand}");
    let output = world.oar("drive").await;
    assert!(output.ends_with("exit 3") && output.contains("what was still to be done is done"), "{output}");
    assert_eq!(open_notes(&world), Vec::<String>::new());
    world.finish();
}

#[tokio::test]
async fn without_a_jira_credential_the_note_says_what_to_do_and_holds_nothing() {
    let world = with_state_file().await;
    let output = world.oar_without("JIRA_TOKEN", "take-ownership").await;
    assert!(output.ends_with("exit 0") && output.contains("JIRA_TOKEN"), "{output}");
    assert!(output.contains("then: oar -r 4.20.17 take-ownership"), "{output}");
    let planned = world.oar_without("JIRA_TOKEN", "plan").await;
    let said = planned.lines().find(|line| line.starts_with("note:") && line.contains("ART-22017"));
    assert!(said.is_some() && !planned.contains("now:     oar -r 4.20.17 take-ownership"), "{planned}");

    let id = world.state().issues()[0].id.clone();
    world.oar("take-ownership").await;
    assert_eq!(open_notes(&world), Vec::<String>::new());
    let listed = world.oar("issue list").await;
    assert!(listed.contains(&id) && listed.contains("a later run has done it"), "{listed}");
    world.finish();
}

#[tokio::test]
async fn sub_tasks_that_could_not_be_closed_are_closed_later_and_the_release_is_done_only_then() {
    let world = ready_to_approve().await;
    world.oar("drive").await;
    world.advisory_page_opens();
    world.break_service("jira", 503);
    world.time_passes("40m");
    let output = world.oar("drive").await;
    world.expect_task(Task::ChangeAdvisoryStatus, TaskStatus::Pass);
    assert!(output.contains("the QE sub-tasks in Jira were not all closed"), "{output}");
    assert!(output.ends_with("exit 3"), "{output}");
    everybody_says(&world, Task::ChangeAdvisoryStatus, "the QE sub-tasks in Jira were not all closed", false).await;
    let approvals = world.writes_to("/approve");

    world.repair();
    for _ in 0..2 {
        world.oar("drive").await;
        assert!(sub_tasks(&world).iter().all(|(_, status, _)| status == "Closed"), "{:?}", sub_tasks(&world));
        assert_eq!(world.writes_to("transitions"), 3, "each once");
        assert_eq!((world.writes_to("change_state"), world.writes_to("/approve")), (2, approvals));
    }
    assert_eq!(open_notes(&world), Vec::<String>::new());
    world.finish();
}

#[tokio::test]
async fn a_watching_drive_closes_the_sub_tasks_once_jira_is_back() {
    use oar::sim::faults::InjectedFault;
    use oar::sim::faults::rules::Rule;

    let world = fresh().await;
    world.plan(Rule::on("jira", InjectedFault::status(503)).method("POST").path("transitions").times(40));
    let output = world.oar("drive --watch").await;
    assert!(output.ends_with("exit 0"), "{output}");
    assert!(sub_tasks(&world).iter().all(|(_, status, _)| status == "Closed"), "{:?}", sub_tasks(&world));
    assert_eq!(open_notes(&world), Vec::<String>::new());
    world.finish();
}

#[tokio::test]
async fn a_person_who_did_it_by_hand_ends_it_with_the_note() {
    let world = with_state_file().await;
    world.break_service("jira", 503);
    world.oar("take-ownership").await;
    let id = world.state().issues()[0].id.clone();
    world.oar(&format!("issue resolve {id} --resolution \"assigned by hand\"")).await;
    let planned = world.oar("plan").await;
    assert!(!planned.contains("ART-22017"), "{planned}");
    world.finish();
}

#[tokio::test]
async fn a_sub_task_that_somebody_typed_with_a_blank_is_closed_with_the_others() {
    let world = ready_to_approve().await;
    for issue in world.simulator().world().facts().jira.issues.values_mut() {
        if issue.summary.contains("] QE ") {
            issue.summary.push(' ');
        }
    }
    world.oar("drive").await;
    world.advisory_page_opens();
    world.time_passes("40m");
    world.oar("drive").await;
    world.expect_task(Task::ChangeAdvisoryStatus, TaskStatus::Pass);
    assert!(sub_tasks(&world).iter().all(|(_, status, _)| status == "Closed"), "{:?}", sub_tasks(&world));
    world.finish();
}
