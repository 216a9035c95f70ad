use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{Town, reported};

async fn alerted() -> Town {
    let town = Town::founded("blocking-alert", |_| {}).await;
    town.has_report().await;
    town
}

fn rhcos(town: &Town) -> u64 {
    town.world().release.advisories["rhcos"]
}

#[tokio::test]
async fn an_rhcos_advisory_without_alerts_passes() {
    let town = reported().await;

    assert_snapshot!(town.oar("check-rhcos-security-alerts").await, @"
    check-rhcos-security-alerts Pass: the RHCOS advisory 170172 has no blocking security alert
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    town.expect_task(Task::CheckRhcosSecurityAlerts, TaskStatus::Pass);

    town.finish();
}

#[tokio::test]
async fn a_blocking_alert_passes_the_check_and_blocks_the_approval() {
    let town = alerted().await;

    assert_snapshot!(town.oar("check-rhcos-security-alerts").await, @"
    check-rhcos-security-alerts Pass: checked: advisory 170172 has 1 blocking security alert(s); they hold back the final approval
      did:  report blocker 4787dbf7
      did:  tell qe-release on Slack
      next: mail product security about advisory 170172 and its alerts; when they are solved: oar -r 4.20.17 check-rhcos-security-alerts
    exit 0
    ");
    assert_snapshot!(town.oar("issue list").await, @"
    4787dbf7  BLOCKER   RHCOS advisory 170172 has blocking security alerts: unverified-cve (Contact Product Security.). Mail product security with the advisory number and these details; run check-rhcos-security-alerts again when they are solved (change-advisory-status)
    exit 0
    ");
    assert_snapshot!(town.posted_messages().join("\n"), @"
    #team-qe-release: <!subteam^SD329E44F7> *[4.20.17]* RHCOS advisory <http://sim.example.com/errata/advisory/170172|170172> has blocking security alerts; they hold back the final approval:
    • unverified-cve (Contact Product Security.)
    Please mail product security with the advisory and these details.
    ");

    town.finish();
}

#[tokio::test]
async fn every_plan_tells_what_will_hold_back_the_approval_and_what_lifts_it() {
    let town = alerted().await;
    town.oar("check-rhcos-security-alerts").await;

    let told = town.oar("plan").await;
    assert!(told.contains("later: the approval is held back by a blocker: RHCOS advisory 170172"), "{told}");
    assert!(told.contains("oar -r 4.20.17 check-rhcos-security-alerts, which resolves the blocker"), "{told}");
    assert!(!told.contains("issue resolve"), "{told}");

    town.finish();
}

#[tokio::test]
async fn a_solved_alert_lifts_the_blocker_and_a_repeat_tells_nobody_again() {
    let town = alerted().await;
    town.oar("check-rhcos-security-alerts").await;
    town.new_writes();

    town.oar("check-blocking-sec-alerts").await;
    assert_eq!(town.new_writes(), "nothing");
    assert_eq!(town.state().issues().len(), 1);

    let id = rhcos(&town);
    town.world().errata.advisories.get_mut(&id).unwrap().alerts.clear();
    assert_snapshot!(town.oar("check-rhcos-security-alerts").await, @"
    check-rhcos-security-alerts Pass: the RHCOS advisory 170172 has no blocking security alert
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    assert!(town.state().issues().iter().all(|issue| issue.resolved));

    town.finish();
}

#[tokio::test]
async fn a_refused_refresh_falls_back_to_the_stored_alerts() {
    let town = reported().await;
    let id = rhcos(&town);
    town.world().errata.hooks.refresh_refused.insert(id);

    let told = town.oar("check-rhcos-security-alerts").await;
    assert!(told.ends_with("exit 0"), "{told}");
    town.expect_task(Task::CheckRhcosSecurityAlerts, TaskStatus::Pass);

    town.finish();
}

#[tokio::test]
async fn alerts_that_were_not_fetched_yet_are_no_verdict() {
    let town = reported().await;
    let id = rhcos(&town);
    town.world().errata.hooks.not_yet_fetched.insert(id);

    assert_snapshot!(town.oar("check-rhcos-security-alerts").await, @"
    check-rhcos-security-alerts In Progress: waiting for the Errata Tool to fetch the security alerts, look again in 10 min
      next: in 10 min: oar -r 4.20.17 check-rhcos-security-alerts
            meanwhile: oar -r 4.20.17 take-ownership
    exit 0
    ");
    town.expect_task(Task::CheckRhcosSecurityAlerts, TaskStatus::InProgress);

    town.world().errata.hooks.not_yet_fetched.clear();
    town.oar("check-rhcos-security-alerts").await;
    town.expect_task(Task::CheckRhcosSecurityAlerts, TaskStatus::Pass);

    town.finish();
}

#[tokio::test]
async fn a_refused_ticket_leaves_the_task_as_it_was() {
    let town = reported().await;

    assert_snapshot!(town.oar_with("ERRATA_TOKEN", "an-old-ticket", "check-rhcos-security-alerts").await, @"
    error: check-rhcos-security-alerts of 4.20.17 could not be carried out
      why:  errata refused our credential with HTTP 401 (read an advisory)
      next: renew the credential: check ERRATA_TOKEN, or run kinit and leave OAR_ERRATA_AUTH out
    exit 6
    ");
    town.expect_task(Task::CheckRhcosSecurityAlerts, TaskStatus::NotStarted);

    town.finish();
}
