//! Who is informed what, where, and that nobody is notified twice or called by foreign words.

use insta::assert_snapshot;
use oar::domain::task::{Flow, Task, TaskStatus};
use oar::sim::facts::errata::rules::State;

use crate::rehearsal::{TestWorld, promoted, ready_to_approve, with_state_file};

/// Messages since the last call, with the names of groups and people kept apart.
fn messages(world: &TestWorld) -> String {
    world.posted_messages().join("\n---\n")
}

fn threads(world: &TestWorld) -> Vec<(String, String)> {
    let facts = world.facts();
    let replies = facts.slack.messages.iter().filter_map(|m| Some((m.thread.clone()?, m.text.clone())));
    replies.collect()
}

#[tokio::test]
async fn every_change_of_the_owner_is_reported_once() {
    let world = with_state_file().await;
    for owner in ["first", "second", "second", "first"] {
        world.oar(&format!("--yes take-ownership -e {owner}@example.com")).await;
    }

    let owners: Vec<_> =
        world.posted_messages().iter().filter_map(|m| Some(m.split_once("Owner: ")?.1.to_owned())).collect();
    assert_eq!(owners.len(), 3, "{}", messages(&world));
    assert!(owners[0] == owners[2] && owners[0] != owners[1], "{owners:?}");

    world.finish();
}

#[tokio::test]
async fn art_is_informed_of_advisories_that_are_still_being_filled() {
    let world = with_state_file().await;
    world.advisory_becomes("rpm", State::NewFiles);

    world.oar("take-ownership -e lead@example.com").await;
    let posted = messages(&world);
    assert!(
        posted.contains("#forum-ocp-release: <!subteam^") && posted.contains("/advisory/170171|170171>"),
        "{posted}"
    );

    world.finish();
}

#[tokio::test]
async fn art_is_informed_of_missed_trackers_once() {
    let world = with_state_file().await;
    world.somebody_stores(&[Task::TakeOwnership], TaskStatus::Pass);
    world.a_tracker_is_detached();

    world.oar("check-cve-tracker-bug").await;
    let first = messages(&world);
    assert!(
        first.contains("#forum-ocp-release: <!subteam^") && first.contains("*[4.20.17]* 1 CVE trackers"),
        "{first}"
    );
    assert!(first.contains("/browse/OCPBUGS-"), "{first}");
    world.oar("check-cve-tracker-bug").await;
    assert_eq!(messages(&world), first);

    world.finish();
}

#[tokio::test]
async fn the_leads_are_informed_of_blocking_alerts_once() {
    let world = TestWorld::founded("blocking-alert", |_| {}).await;
    world.has_report().await;

    world.oar("check-rhcos-security-alerts").await;
    let first = messages(&world);
    assert!(first.contains("#team-qe-release: <!subteam^") && first.contains("unverified-cve (Contact"), "{first}");
    assert!(first.contains("mail product security"), "{first}");
    world.oar("check-rhcos-security-alerts").await;
    assert_eq!(messages(&world), first);

    world.finish();
}

#[tokio::test]
async fn a_hostile_alert_calls_nobody_and_formats_nothing() {
    let world = TestWorld::founded("blocking-alert", |_| {}).await;
    world.has_report().await;
    for advisory in world.facts().errata.advisories.values_mut() {
        for alert in &mut advisory.alerts {
            alert.name = "<!channel> @here ```rm -rf``` *now* \u{1b}[31mred".to_owned();
        }
    }

    world.oar("check-rhcos-security-alerts").await;
    let posted = messages(&world);
    assert!(posted.contains("rm -rf"), "{posted}");
    for bad in ["<!channel", "@here", "```", "*now*", "\u{1b}"] {
        assert!(!posted.contains(bad), "{bad:?} in {posted}");
    }

    world.finish();
}

#[tokio::test]
async fn groups_and_people_are_looked_up_once_in_one_run() {
    let world = with_state_file().await;
    world.oar("drive").await;

    let asked = |what: &str| world.journal().lines().filter(|line| line.contains(what)).count();
    assert!(asked("usergroups.list") <= 1, "{}", asked("usergroups.list"));

    world.finish();
}

#[tokio::test]
async fn the_end_of_the_approval_goes_to_the_channel_and_with_its_log_to_the_thread_that_asked() {
    let world = ready_to_approve().await;
    world.advisory_page_opens();
    world
        .oar_with_all(
            &[("OAR_SLACK_CHANNEL", "C0THREAD01"), ("OAR_SLACK_THREAD", "1700000000.000100")],
            "--yes change-advisory-status",
        )
        .await;

    let replies = threads(&world);
    assert_eq!(replies.len(), 2, "{replies:?}");
    assert!(replies.iter().all(|(thread, _)| thread == "1700000000.000100"), "{replies:?}");
    assert!(replies[0].1.contains("is approved") && replies[1].1.starts_with("```"), "{replies:?}");
    assert!(messages(&world).contains("#team-qe-release: <!subteam^"), "{}", messages(&world));

    world.finish();
}

#[tokio::test]
async fn an_approval_that_times_out_is_reported() {
    let world = TestWorld::founded("portal-never-opens", |_| {}).await;
    world.has_report().await;
    world.payload_is_promoted();
    world.stage_release_succeeds();
    let before: Vec<Task> = Task::tracked(Flow::Konflux).filter(|t| *t != Task::ChangeAdvisoryStatus).collect();
    world.somebody_stores(&before, TaskStatus::Pass);
    world.everything_is_pushed();
    world.days_pass(6);
    world.oar("--yes change-advisory-status").await;
    world.days_pass(4);

    let output = world.oar("change-advisory-status").await;
    assert!(output.ends_with("exit 5"), "{output}");
    assert!(
        messages(&world).contains("is not approved in time: the advisory page was not public by"),
        "{}",
        messages(&world)
    );

    world.finish();
}

#[tokio::test]
async fn an_approval_that_fails_is_reported() {
    let world = ready_to_approve().await;
    world.facts().koji.tags.push("early-kernel-stop-ship".to_owned());

    let output = world.oar("--yes change-advisory-status").await;
    assert!(output.ends_with("exit 5"), "{output}");
    assert!(messages(&world).contains("is not approved: "), "{}", messages(&world));

    world.finish();
}

#[tokio::test]
async fn a_failed_task_is_asked_to_the_owner_and_to_the_thread_that_asked() {
    let world = promoted().await;
    world.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);

    let thread = [("OAR_SLACK_CHANNEL", "C0THREAD01"), ("OAR_SLACK_THREAD", "1700000000.000100")];
    world.oar_with_all(&thread, "drive -e lead@example.com").await;
    let all = world.posted_messages();
    let failed: Vec<_> = all.iter().filter(|m| m.contains("stage-testing failed")).collect();
    assert!(failed.iter().any(|m| m.starts_with("#team-qe-release: <@U")), "{all:?}");
    assert!(threads(&world).iter().any(|(_, text)| text.contains("stage-testing failed")), "{all:?}");

    world.oar_with_all(&thread, "drive -e lead@example.com").await;
    assert_eq!(world.posted_messages().iter().filter(|m| m.contains("stage-testing failed")).count(), failed.len());

    world.finish();
}

#[tokio::test]
async fn an_owner_whom_slack_does_not_know_leaves_the_leads_called() {
    let world = promoted().await;
    world.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);

    world.oar("drive -e nobody@example.com").await;
    let posted = messages(&world);
    assert!(posted.contains("#team-qe-release: <!subteam^") && !posted.contains("nobody@"), "{posted}");

    world.finish();
}

#[tokio::test]
async fn with_no_notify_nobody_is_notified() {
    let world = promoted().await;
    world.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);

    world.oar("--no-notify drive -e lead@example.com").await;
    assert_snapshot!(messages(&world), @"");

    world.finish();
}
