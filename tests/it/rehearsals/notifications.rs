//! Who is told what, where, and that nobody is told twice or called by foreign words.

use insta::assert_snapshot;
use oar::domain::task::{Flow, Task, TaskStatus};
use oar::sim::services::errata::State;

use crate::rehearsal::{Town, promoted, ready_to_approve, reported};

/// Messages since the last call, with the names of groups and people kept apart.
fn told(town: &Town) -> String {
    town.posted_messages().join("\n---\n")
}

fn threads(town: &Town) -> Vec<(String, String)> {
    let facts = town.world();
    let replies = facts.slack.messages.iter().filter_map(|m| Some((m.thread.clone()?, m.text.clone())));
    replies.collect()
}

#[tokio::test]
async fn every_change_of_the_owner_is_told_once() {
    let town = reported().await;
    for owner in ["first", "second", "second", "first"] {
        town.oar(&format!("--yes take-ownership -e {owner}@example.com")).await;
    }

    let owners: Vec<_> =
        town.posted_messages().iter().filter_map(|m| Some(m.split_once("Owner: ")?.1.to_owned())).collect();
    assert_eq!(owners.len(), 3, "{}", told(&town));
    assert!(owners[0] == owners[2] && owners[0] != owners[1], "{owners:?}");

    town.finish();
}

#[tokio::test]
async fn art_is_told_of_advisories_that_are_still_being_filled() {
    let town = reported().await;
    town.advisory_becomes("rpm", State::NewFiles);

    town.oar("take-ownership -e lead@example.com").await;
    let told = told(&town);
    assert!(told.contains("#forum-ocp-release: <!subteam^") && told.contains("/advisory/170171|170171>"), "{told}");

    town.finish();
}

#[tokio::test]
async fn art_is_told_of_missed_trackers_once() {
    let town = reported().await;
    town.somebody_stores(&[Task::TakeOwnership], TaskStatus::Pass);
    town.a_tracker_is_detached();

    town.oar("check-cve-tracker-bug").await;
    let first = told(&town);
    assert!(
        first.contains("#forum-ocp-release: <!subteam^") && first.contains("*[4.20.17]* 1 CVE trackers"),
        "{first}"
    );
    assert!(first.contains("/browse/OCPBUGS-"), "{first}");
    town.oar("check-cve-tracker-bug").await;
    assert_eq!(told(&town), first);

    town.finish();
}

#[tokio::test]
async fn the_leads_are_told_of_blocking_alerts_once() {
    let town = Town::founded("blocking-alert", |_| {}).await;
    town.has_report().await;

    town.oar("check-rhcos-security-alerts").await;
    let first = told(&town);
    assert!(first.contains("#team-qe-release: <!subteam^") && first.contains("unverified-cve (Contact"), "{first}");
    assert!(first.contains("mail product security"), "{first}");
    town.oar("check-rhcos-security-alerts").await;
    assert_eq!(told(&town), first);

    town.finish();
}

#[tokio::test]
async fn a_hostile_alert_calls_nobody_and_formats_nothing() {
    let town = Town::founded("blocking-alert", |_| {}).await;
    town.has_report().await;
    for advisory in town.world().errata.advisories.values_mut() {
        for alert in &mut advisory.alerts {
            alert.name = "<!channel> @here ```rm -rf``` *now* \u{1b}[31mred".to_owned();
        }
    }

    town.oar("check-rhcos-security-alerts").await;
    let told = told(&town);
    assert!(told.contains("rm -rf"), "{told}");
    for bad in ["<!channel", "@here", "```", "*now*", "\u{1b}"] {
        assert!(!told.contains(bad), "{bad:?} in {told}");
    }

    town.finish();
}

#[tokio::test]
async fn groups_and_people_are_looked_up_once_in_one_run() {
    let town = reported().await;
    town.oar("drive").await;

    let asked = |what: &str| town.journal().lines().filter(|line| line.contains(what)).count();
    assert!(asked("usergroups.list") <= 1, "{}", asked("usergroups.list"));

    town.finish();
}

#[tokio::test]
async fn the_end_of_the_approval_goes_to_the_channel_and_with_its_log_to_the_thread_that_asked() {
    let town = ready_to_approve().await;
    town.advisory_page_opens();
    town.oar_with_all(
        &[("OAR_SLACK_CHANNEL", "C0THREAD01"), ("OAR_SLACK_THREAD", "1700000000.000100")],
        "--yes change-advisory-status",
    )
    .await;

    let replies = threads(&town);
    assert_eq!(replies.len(), 2, "{replies:?}");
    assert!(replies.iter().all(|(thread, _)| thread == "1700000000.000100"), "{replies:?}");
    assert!(replies[0].1.contains("is approved") && replies[1].1.starts_with("```"), "{replies:?}");
    assert!(told(&town).contains("#team-qe-release: <!subteam^"), "{}", told(&town));

    town.finish();
}

#[tokio::test]
async fn an_approval_that_times_out_is_told() {
    let town = Town::founded("portal-never-opens", |_| {}).await;
    town.has_report().await;
    town.payload_is_promoted();
    town.stage_release_succeeds();
    let before: Vec<Task> = Task::tracked(Flow::Konflux).filter(|t| *t != Task::ChangeAdvisoryStatus).collect();
    town.somebody_stores(&before, TaskStatus::Pass);
    town.everything_is_pushed();
    town.days_pass(6);
    town.oar("--yes change-advisory-status").await;
    town.days_pass(4);

    let said = town.oar("change-advisory-status").await;
    assert!(said.ends_with("exit 5"), "{said}");
    assert!(told(&town).contains("is not approved in time: the advisory page was not public by"), "{}", told(&town));

    town.finish();
}

#[tokio::test]
async fn an_approval_that_fails_is_told() {
    let town = ready_to_approve().await;
    town.world().koji.tags.push("early-kernel-stop-ship".to_owned());

    let said = town.oar("--yes change-advisory-status").await;
    assert!(said.ends_with("exit 5"), "{said}");
    assert!(told(&town).contains("is not approved: "), "{}", told(&town));

    town.finish();
}

#[tokio::test]
async fn a_failed_task_is_told_to_the_owner_and_to_the_thread_that_asked() {
    let town = promoted().await;
    town.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);

    let thread = [("OAR_SLACK_CHANNEL", "C0THREAD01"), ("OAR_SLACK_THREAD", "1700000000.000100")];
    town.oar_with_all(&thread, "drive -e lead@example.com").await;
    let all = town.posted_messages();
    let failed: Vec<_> = all.iter().filter(|m| m.contains("stage-testing failed")).collect();
    assert!(failed.iter().any(|m| m.starts_with("#team-qe-release: <@U")), "{all:?}");
    assert!(threads(&town).iter().any(|(_, text)| text.contains("stage-testing failed")), "{all:?}");

    town.oar_with_all(&thread, "drive -e lead@example.com").await;
    assert_eq!(town.posted_messages().iter().filter(|m| m.contains("stage-testing failed")).count(), failed.len());

    town.finish();
}

#[tokio::test]
async fn an_owner_whom_slack_does_not_know_leaves_the_leads_called() {
    let town = promoted().await;
    town.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);

    town.oar("drive -e nobody@example.com").await;
    let told = told(&town);
    assert!(told.contains("#team-qe-release: <!subteam^") && !told.contains("nobody@"), "{told}");

    town.finish();
}

#[tokio::test]
async fn with_no_notify_nobody_is_told() {
    let town = promoted().await;
    town.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);

    town.oar("--no-notify drive -e lead@example.com").await;
    assert_snapshot!(told(&town), @"");

    town.finish();
}
