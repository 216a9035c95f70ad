use insta::assert_snapshot;
use oar::domain::service::Service;
use oar::domain::task::{Task, TaskStatus};
use oar::sim::facts::errata::rules::State;

use crate::rehearsal::{TestWorld, with_state_file};

#[tokio::test]
async fn the_owner_gets_advisories_merge_request_and_sub_tasks() {
    let world = with_state_file().await;

    let output = world.oar("take-ownership -e lead@example.com").await;
    assert_snapshot!(output, @"
    take-ownership Pass: 2 advisories and the shipment have their owner
      did:  set the owner of advisory 170171
      did:  set the owner of advisory 170172
      did:  name the lead on the merge request
      did:  assign ART-22020
      did:  assign ART-22019
      did:  move ART-22019 to In Progress
      did:  assign ART-22018
      did:  move ART-22018 to In Progress
      did:  tell qe-release on Slack
      next: oar -r 4.20.17 check-cve-tracker-bug
    exit 0
    ");
    assert_snapshot!(world.new_writes(), @"
    PUT /errata/api/v1/erratum/170171
    PUT /errata/api/v1/erratum/170172
    POST /gitlab/api/v4/projects/hybrid-platforms%2Fart%2Focp-shipment-data/merge_requests/2117/notes
    POST /jira/rest/api/3/issue/ART-22018/transitions
    POST /jira/rest/api/3/issue/ART-22019/transitions
    PUT /jira/rest/api/3/issue/ART-22018/assignee
    PUT /jira/rest/api/3/issue/ART-22019/assignee
    PUT /jira/rest/api/3/issue/ART-22020/assignee
    POST /slack/chat.postMessage
    ");
    world.expect_task(Task::TakeOwnership, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn taking_ownership_twice_writes_nothing_twice() {
    let world = with_state_file().await;
    world.oar("take-ownership -e lead@example.com").await;
    let file = world.file();
    world.new_writes();

    let output = world.oar("take-ownership -e lead@example.com").await;
    assert_snapshot!(output, @"
    take-ownership Pass: nothing to do, 2 advisories and the shipment have their owner
      next: oar -r 4.20.17 check-cve-tracker-bug
    exit 0
    ");
    assert_eq!(world.new_writes(), "nothing");
    assert_eq!(world.file(), file);

    world.finish();
}

#[tokio::test]
async fn another_owner_is_named_in_a_new_comment() {
    let world = with_state_file().await;
    world.oar("take-ownership -e first@example.com").await;

    let output = world.oar("--yes take-ownership -e second@example.com").await;
    assert_snapshot!(output, @"
    take-ownership Pass: 2 advisories and the shipment have their owner
      did:  set the owner of advisory 170171
      did:  set the owner of advisory 170172
      did:  name the lead on the merge request
      did:  assign ART-22020
      did:  assign ART-22019
      did:  assign ART-22018
      did:  tell qe-release on Slack
      next: oar -r 4.20.17 check-cve-tracker-bug
    exit 0
    ");
    assert_snapshot!(world.comments().join("\n"), @"
    QE Release Lead is @first
    QE Release Lead is @second
    ");

    world.finish();
}

#[tokio::test]
async fn a_change_of_the_owner_is_announced_like_every_other_work_and_the_pass_stays() {
    let world = with_state_file().await;
    world.oar("take-ownership -e first@example.com").await;
    world.refuses("gitlab", "POST", "notes", 502);
    world.oar("--yes take-ownership -e second@example.com").await;
    world.expect_task(Task::TakeOwnership, TaskStatus::Pass);
    let intent = |world: &TestWorld| world.state().task(Task::TakeOwnership).and_then(|entry| entry.intent);
    assert!(intent(&world).is_some(), "nobody knows yet whether the comment is there: {}", world.file());

    world.repair();
    let other = world.machine("other");
    let named = |world: &TestWorld| world.comments().iter().filter(|text| text.ends_with("@second")).count();
    let output = other.oar("--yes take-ownership -e second@example.com").await;
    assert!(output.contains("has not said how that ended") && output.ends_with("exit 3"), "{output}");
    assert_eq!(named(&world), 0, "it may still be on its way");
    for _ in 0..2 {
        world.time_passes("40m");
        let output = other.oar("--yes take-ownership -e second@example.com").await;
        assert!(output.ends_with("exit 0"), "{output}");
        assert_eq!(named(&world), 1);
        assert_eq!(intent(&world), None, "{}", world.file());
        world.expect_task(Task::TakeOwnership, TaskStatus::Pass);
    }

    world.finish();
}

#[tokio::test]
async fn old_answers_name_one_lead_once() {
    let world = with_state_file().await;
    world.answers_are_old(&[Service::Errata, Service::Gitlab, Service::Jira]);
    for _ in 0..6 {
        world.oar("take-ownership -e lead@example.com").await;
        world.time_passes("3m");
    }
    assert_eq!(world.comments(), ["QE Release Lead is @lead"]);
    world.expect_task(Task::TakeOwnership, TaskStatus::Pass);
    world.finish();
}

#[tokio::test]
async fn the_message_about_a_new_lead_names_what_build_data_names_now() {
    let world = with_state_file().await;
    let old = world.facts().release.advisories["rpm"];
    oar::sim::people::act(oar::sim::act::Act::ReplaceAdvisory, &mut world.facts());
    let new = world.facts().release.advisories["rpm"];
    world.oar("take-ownership").await;
    let posted = world.posted_messages().join("\n");
    assert!(posted.contains(&format!("rpm {new}")) && !posted.contains(&format!("rpm {old}")), "{posted}");
    world.finish();
}

#[tokio::test]
async fn a_release_that_is_with_the_customers_gets_no_new_owner_and_no_jobs() {
    let world = crate::rehearsal::ready_to_approve().await;
    world.merge_request_becomes(oar::sim::facts::gitlab::merge_requests::MrState::Merged);
    world.advisory_becomes("rpm", State::ShippedLive);
    world.advisory_becomes("rhcos", State::ShippedLive);
    let undone = [Task::StageTesting, Task::ImageConsistencyCheck];
    world.someone_else_edits_the_state(|state| {
        undone.into_iter().fold(state, |state, task| {
            let why = oar::domain::state::operation::Override { reason: "story".into(), actor: "lead".into() };
            let set = oar::domain::state::operation::SetTask::new(task, TaskStatus::NotStarted, world.now());
            let set = oar::domain::state::operation::SetTask { override_: Some(why), ..set };
            world.applied(state, oar::domain::state::operation::Operation::SetTask(set))
        })
    });
    world.new_writes();
    for line in ["--yes take-ownership -e new@example.com", "stage-testing", "image-consistency-check"] {
        let output = world.oar(line).await;
        assert!(output.contains("with the customers"), "{line}: {output}");
        assert_eq!(world.new_writes(), "nothing", "{line}: {output}");
    }
    world.finish();
}

#[tokio::test]
async fn a_text_that_is_no_mail_address_touches_nothing() {
    let world = with_state_file().await;
    world.new_writes();

    assert_snapshot!(world.oar("take-ownership -e lead").await, @r#"
    error: take-ownership of 4.20.17 could not be carried out
      why:  "lead" is no mail address, so it cannot be the owner
      next: oar -r 4.20.17 take-ownership -e NAME@DOMAIN
    exit 2
    "#);
    assert_eq!(world.new_writes(), "nothing");
    world.expect_task(Task::TakeOwnership, TaskStatus::NotStarted);

    world.finish();
}

#[tokio::test]
async fn an_owner_without_an_account_is_reported_before_anything_is_written() {
    let world = with_state_file().await;
    world.new_writes();

    assert_snapshot!(world.oar("take-ownership -e nobody@example.com").await, @"
    error: take-ownership of 4.20.17 could not be carried out
      why:  GitLab knows no account with the owner's mail address
      next: have the owner make the address public in the GitLab profile, or give another one with -e
    exit 2
    ");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn jira_and_slack_are_best_effort() {
    let world = with_state_file().await;
    world.break_service("jira", 503);
    world.break_service("slack", 503);

    let output = world.oar("take-ownership").await;
    assert_snapshot!(output, @"
    take-ownership Pass: 2 advisories and the shipment have their owner
      did:  set the owner of advisory 170171
      did:  set the owner of advisory 170172
      did:  name the lead on the merge request
      note: sub-tasks of ART-22017 were not all assigned: jira answered HTTP 503 (read an issue); the next drive tries again, or: oar -r 4.20.17 take-ownership
      note: nobody was notified on Slack: the message may have got lost (slack answered HTTP 503 (post message)); a run from 2026-06-03T06:15:17Z on looks for it before it is sent again
      next: oar -r 4.20.17 check-cve-tracker-bug
    exit 0
    ");
    world.expect_task(Task::TakeOwnership, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn a_placeholder_instead_of_the_art_ticket_is_a_note() {
    let world = TestWorld::founded("smooth", |plan| plan.art_ticket = "ART-0".to_owned()).await;
    world.has_report().await;

    let output = world.oar("take-ownership").await;
    assert!(output.contains("Pass") && output.ends_with("exit 0"), "{output}");

    world.finish();
}

#[tokio::test]
async fn an_outage_of_the_errata_tool_is_no_failure_of_the_task() {
    let world = with_state_file().await;
    world.break_service("errata", 503);

    assert_snapshot!(world.oar("take-ownership").await, @"
    error: take-ownership of 4.20.17 could not be carried out
      why:  errata answered HTTP 503 (read an advisory)
      next: wait a few minutes and run it again
    exit 7
    ");
    let status = world.state().status(Task::TakeOwnership);
    assert_ne!(status, TaskStatus::Fail);

    world.repair();
    assert!(world.oar("take-ownership").await.ends_with("exit 0"));
    world.expect_task(Task::TakeOwnership, TaskStatus::Pass);
    assert_eq!(world.comments().iter().filter(|text| text.contains("Lead")).count(), 1);

    world.finish();
}

#[tokio::test]
async fn a_lost_answer_of_a_comment_leaves_one_comment() {
    let world = with_state_file().await;
    world.answer_gets_lost("gitlab", "POST", "notes");

    world.oar("take-ownership").await;
    world.oar("take-ownership").await;
    assert_eq!(world.comments().iter().filter(|text| text.contains("QE Release Lead")).count(), 1);

    world.finish();
}

#[tokio::test]
async fn an_advisory_in_new_files_becomes_a_blocker_that_goes_when_art_is_done() {
    let world = with_state_file().await;
    world.advisory_becomes("rpm", State::NewFiles);

    assert_snapshot!(world.oar("take-ownership").await, @"
    take-ownership Pass: 2 advisories and the shipment have their owner
      did:  set the owner of advisory 170171
      did:  set the owner of advisory 170172
      did:  name the lead on the merge request
      did:  report blocker ee13f0ac
      did:  assign ART-22020
      did:  assign ART-22019
      did:  move ART-22019 to In Progress
      did:  assign ART-22018
      did:  move ART-22018 to In Progress
      did:  tell art on Slack
      did:  tell qe-release on Slack
      note: Advisories in abnormal state (NEW_FILES instead of QE): 170171
      next: oar -r 4.20.17 check-cve-tracker-bug
    exit 0
    ");
    assert_snapshot!(world.oar("issue list").await, @"
    ee13f0ac  BLOCKER   Advisories in abnormal state (NEW_FILES instead of QE): 170171 (push-to-cdn-staging)
    exit 0
    ");
    assert!(world.posted_messages().iter().any(|text| text.starts_with("#forum-ocp-release")));

    world.oar("take-ownership").await;
    assert_eq!(world.posted_messages().iter().filter(|text| text.starts_with("#forum-ocp-release")).count(), 1);

    world.advisory_becomes("rpm", State::Qe);
    world.oar("take-ownership").await;
    assert_snapshot!(world.oar("issue list").await, @"
    ee13f0ac  resolved  Advisories in abnormal state (NEW_FILES instead of QE): 170171 (push-to-cdn-staging)
              -> no advisory is in NEW_FILES any more
    exit 0
    ");

    world.finish();
}
