use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{TestWorld, with_state_file};

async fn alerted() -> TestWorld {
    let world = TestWorld::founded("blocking-alert", |_| {}).await;
    world.has_report().await;
    world
}

fn rhcos(world: &TestWorld) -> u64 {
    world.facts().release.advisories["rhcos"]
}

#[tokio::test]
async fn an_rhcos_advisory_without_alerts_passes() {
    let world = with_state_file().await;

    assert_snapshot!(world.oar("check-rhcos-security-alerts").await, @"
    check-rhcos-security-alerts Pass: the RHCOS advisory 170172 has no blocking security alert
      did:  refresh the security alerts of advisory 170172
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    world.expect_task(Task::CheckRhcosSecurityAlerts, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn a_blocking_alert_passes_the_check_and_blocks_the_approval() {
    let world = alerted().await;

    assert_snapshot!(world.oar("check-rhcos-security-alerts").await, @"
    check-rhcos-security-alerts Pass: checked: advisory 170172 has 1 blocking security alert(s); they hold back the final approval
      did:  refresh the security alerts of advisory 170172
      did:  report blocker 4787dbf7
      did:  tell qe-release on Slack
      next: mail product security about advisory 170172 and its alerts; when they are solved: oar -r 4.20.17 check-rhcos-security-alerts
    exit 0
    ");
    assert_snapshot!(world.oar("issue list").await, @"
    4787dbf7  BLOCKER   RHCOS advisory 170172 has blocking security alerts: unverified-cve (Contact Product Security.). Mail product security with the advisory number and these details; run check-rhcos-security-alerts again when they are solved (change-advisory-status)
    exit 0
    ");
    assert_snapshot!(world.posted_messages().join("\n"), @"
    #team-qe-release: <!subteam^SD329E44F7> *[4.20.17]* RHCOS advisory <https://sim.example.com/errata/advisory/170172|170172> has blocking security alerts; they hold back the final approval:
    • unverified-cve (Contact Product Security.)
    Please mail product security with the advisory and these details.
    ");

    world.finish();
}

#[tokio::test]
async fn every_plan_tells_what_will_hold_back_the_approval_and_what_lifts_it() {
    let world = alerted().await;
    world.oar("check-rhcos-security-alerts").await;

    let output = world.oar("plan").await;
    assert!(output.contains("later: the approval is held back by a blocker: “RHCOS advisory 170172"), "{output}");
    assert!(output.contains("oar -r 4.20.17 check-rhcos-security-alerts, which resolves the blocker"), "{output}");
    assert!(!output.contains("issue resolve"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_solved_alert_lifts_the_blocker_and_a_repeat_tells_nobody_again() {
    let world = alerted().await;
    world.oar("check-rhcos-security-alerts").await;
    world.new_writes();

    world.oar("check-blocking-sec-alerts").await;
    assert_eq!(world.new_writes(), "POST /errata/api/v1/erratum/170172/security_alerts/refresh");
    assert_eq!(world.state().issues().len(), 1);

    let id = rhcos(&world);
    world.facts().errata.advisories.get_mut(&id).unwrap().alerts.clear();
    assert_snapshot!(world.oar("check-rhcos-security-alerts").await, @"
    check-rhcos-security-alerts Pass: the RHCOS advisory 170172 has no blocking security alert
      did:  refresh the security alerts of advisory 170172
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    assert!(world.state().issues().iter().all(|issue| issue.resolved));

    world.finish();
}

#[tokio::test]
async fn a_refused_refresh_falls_back_to_the_stored_alerts() {
    let world = with_state_file().await;
    let id = rhcos(&world);
    world.facts().errata.hooks.refresh_refused.insert(id);

    let output = world.oar("check-rhcos-security-alerts").await;
    assert!(output.ends_with("exit 0"), "{output}");
    world.expect_task(Task::CheckRhcosSecurityAlerts, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn a_dry_run_looks_at_the_alerts_as_they_are_and_has_nothing_refreshed() {
    let world = with_state_file().await;
    let output = world.oar_changes_nothing("--dry-run check-rhcos-security-alerts").await;
    assert!(output.ends_with("exit 0"), "{output}");
    world.finish();
}

#[tokio::test]
async fn a_refresh_waits_for_another_machine_that_is_at_it() {
    let world = with_state_file().await;
    let (one, other) = (world.machine("one"), world.machine("other"));
    world.refuses("errata", "POST", "/security_alerts/refresh", 502);
    one.oar("check-rhcos-security-alerts").await;
    world.repair();
    world.new_writes();
    let output = other.oar("check-rhcos-security-alerts").await;
    assert!(output.contains("has not said how that ended") && output.ends_with("exit 3"), "{output}");
    assert_eq!(world.new_writes(), "nothing");
    let output = one.oar("check-rhcos-security-alerts").await;
    assert!(output.starts_with("check-rhcos-security-alerts Pass"), "{output}");
    world.finish();
}

#[tokio::test]
async fn alerts_that_were_not_fetched_yet_are_no_verdict() {
    let world = with_state_file().await;
    let id = rhcos(&world);
    world.facts().errata.hooks.not_yet_fetched.insert(id);

    assert_snapshot!(world.oar("check-rhcos-security-alerts").await, @"
    check-rhcos-security-alerts In Progress: waiting for the Errata Tool to fetch the security alerts, look again in 10 min
      did:  refresh the security alerts of advisory 170172
      next: in 10 min: oar -r 4.20.17 check-rhcos-security-alerts
            meanwhile: oar -r 4.20.17 take-ownership
    exit 0
    ");
    world.expect_task(Task::CheckRhcosSecurityAlerts, TaskStatus::InProgress);

    world.facts().errata.hooks.not_yet_fetched.clear();
    world.oar("check-rhcos-security-alerts").await;
    world.expect_task(Task::CheckRhcosSecurityAlerts, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn a_refused_ticket_leaves_the_task_as_it_was() {
    let world = with_state_file().await;

    assert_snapshot!(world.oar_with("ERRATA_TOKEN", "an-old-ticket", "check-rhcos-security-alerts").await, @r#"
    error: check-rhcos-security-alerts of 4.20.17 could not be carried out
      why:  errata refused our credential with HTTP 401 (read an advisory), it says "401 Authorization Required"
      next: renew the credential: check ERRATA_TOKEN, or run kinit and leave OAR_ERRATA_AUTH out
    exit 6
    "#);
    world.expect_task(Task::CheckRhcosSecurityAlerts, TaskStatus::NotStarted);

    world.finish();
}
