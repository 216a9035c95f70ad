//! Whole rehearsals by the command line: scenarios, and real state files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use oar::domain::state::view::State;
use oar::domain::task::{Task, TaskStatus};

use crate::real_files::{counted, invented, real, states};
use crate::rehearsal::whole::{effects, rehearse};

#[tokio::test]
async fn the_smooth_rehearsal_ends_approved_does_everything_once_and_asks_no_more_than_it_needs() {
    let rehearsed = rehearse(&["4.20.17"]).await;

    assert_snapshot!(rehearsed.end(), @"
    REHEARSAL of 4.20.17: approved, overall Green, 142 h of virtual time
    exit 0
    ");
    let journal = rehearsed.journal();
    for (effect, times) in effects(&journal) {
        assert_eq!(times, 1, "{effect}");
    }
    asks_no_more_than(MOST_REQUESTS, &journal);
}

/// Requests of a smooth rehearsal: 860 of them look up one image each, some 140 looks at the release ask for
/// the state file, build data, the payload, the merge request and two advisories, and the tasks need the rest; a
/// drive looks whether its lease still holds before it changes something, and whose the merge request is.
const MOST_REQUESTS: usize = 2_290;

#[track_caller]
fn asks_no_more_than(most: usize, journal: &[serde_json::Value]) {
    let mut services: BTreeMap<&str, usize> = BTreeMap::new();
    for exchange in journal {
        *services.entry(exchange["service"].as_str().unwrap()).or_default() += 1;
    }
    assert!(journal.len() <= most, "{} requests, at most {most} are needed: {services:?}", journal.len());
}

#[tokio::test]
async fn a_stage_release_that_fails_needs_art() {
    assert_snapshot!(rehearse(&["--small", "--scenario", "stage-pipeline-fails-twice"]).await.end(), @"
    4.20.17  Green  a person is needed
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, push-to-cdn-staging, analyze-candidate-build, analyze-promoted-build
    person:  the stage release of the shipment ended with failed
             -> open the pipeline of the merge request, stage stage-release-triggers, and look why
             -> have it repeated together with ART; other tasks go on meanwhile
             -> then: oar -r 4.20.17 drive
             https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117
    wait:    image-signed-check waits for image-consistency-check, stage-testing
    next:    image-consistency-check, stage-testing, image-signed-check, change-advisory-status
    REHEARSAL of 4.20.17: a person is needed, overall Green, 25 h 40 min of virtual time
    exit 4
    ");
}

#[tokio::test]
async fn a_release_whose_test_records_come_from_runs_is_approved() {
    assert_snapshot!(rehearse(&["--small", "--scenario", "from-candidate"]).await.end(), @"
    REHEARSAL of 4.20.17: approved, overall Green, 173 h of virtual time
    exit 0
    ");
}

#[tokio::test]
async fn a_push_that_fails_once_is_repeated_and_the_release_is_approved() {
    assert_snapshot!(rehearse(&["--small", "--scenario", "push-fails-once"]).await.end(), @"
    REHEARSAL of 4.20.17: approved, overall Green, 142 h of virtual time
    exit 0
    ");
}

#[tokio::test]
async fn a_blocking_alert_holds_back_nothing_but_the_approval() {
    assert_snapshot!(rehearse(&["--small", "--scenario", "blocking-alert"]).await.end(), @"
    4.20.17  Green  a person is needed
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, push-to-cdn-staging, analyze-candidate-build, analyze-promoted-build, image-consistency-check, stage-testing, image-signed-check
    person:  the approval is held back by a blocker: “RHCOS advisory 170172 has blocking security alerts: unverified-cve (Contact Product Security.). Mail product security with the advisory number and these details; run check-rhcos-security-alerts again when they are solved”
             -> solve what the issue says
             -> when it is solved: oar -r 4.20.17 check-rhcos-security-alerts, which resolves the blocker
    next:    change-advisory-status
    REHEARSAL of 4.20.17: a person is needed, overall Green, 28 h 57 min of virtual time
    exit 4
    ");
}

#[tokio::test]
async fn an_advisory_in_new_files_needs_art() {
    assert_snapshot!(rehearse(&["--small", "--scenario", "new-files"]).await.end(), @r#"
    4.20.17  Green  a person is needed
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, analyze-candidate-build, analyze-promoted-build, image-consistency-check
    person:  push-to-cdn-staging is held back by a blocker: “Advisories in abnormal state (NEW_FILES instead of QE): 170171”
             -> solve what the issue says
             -> then: oar -r 4.20.17 issue resolve "ee13f0ac" --resolution TEXT
    wait:    stage-testing waits for push-to-cdn-staging: it tests what was pushed
    wait:    image-signed-check waits for push-to-cdn-staging, stage-testing
    next:    push-to-cdn-staging, stage-testing, image-signed-check, change-advisory-status
    REHEARSAL of 4.20.17: a person is needed, overall Green, 26 h 15 min of virtual time
    exit 4
    "#);
}

#[tokio::test]
async fn a_rejected_promoted_build_needs_a_decision() {
    assert_snapshot!(rehearse(&["--small", "--scenario", "promoted-rejected"]).await.end(), @"
    4.20.17  Green  a person is needed
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, push-to-cdn-staging, analyze-candidate-build, image-consistency-check
    person:  the promoted build was rejected (4 of 5 required jobs passed); a person has to decide
             -> look at the failed jobs in the test record
             -> oar -r 4.20.17 drive --decide promoted=accept --reason TEXT
             -> or: oar -r 4.20.17 drive --decide promoted=reject --reason TEXT
    wait:    stage-testing waits for the verdict on the promoted build
    wait:    image-signed-check waits for stage-testing, analyze-promoted-build
    next:    analyze-promoted-build, stage-testing, image-signed-check, change-advisory-status
    REHEARSAL of 4.20.17: a person is needed, overall Green, 26 h 15 min of virtual time
    exit 4
    ");
}

#[tokio::test]
async fn a_rejected_candidate_needs_a_decision() {
    assert_snapshot!(rehearse(&["--small", "--scenario", "candidate-rejected"]).await.end(), @"
    4.20.17  Green  a person is needed
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, push-to-cdn-staging, analyze-promoted-build, image-consistency-check, stage-testing, image-signed-check
    person:  the candidate build was rejected (4 of 5 required jobs passed); a person has to decide
             -> look at the failed jobs in the test record
             -> oar -r 4.20.17 drive --decide candidate=accept --reason TEXT
             -> or: oar -r 4.20.17 drive --decide candidate=reject --reason TEXT
    person:  the approval needs a verdict on the candidate build, and there is none that lets it ship
             -> oar -r 4.20.17 drive --decide candidate=accept --reason TEXT
    next:    analyze-candidate-build, change-advisory-status
    REHEARSAL of 4.20.17: a person is needed, overall Green, 28 h 57 min of virtual time
    exit 4
    ");
}

#[tokio::test]
async fn old_answers_hold_a_release_up_and_let_nothing_happen_twice() {
    let rehearsed = rehearse(&["--small", "--scenario", "old-answers", "--seed", "3"]).await;
    assert_eq!(rehearsed.exit, 0, "{}", rehearsed.output);
    for (effect, times) in effects(&rehearsed.journal()) {
        assert_eq!(times, 1, "{effect}");
    }
    assert!(!rehearsed.output.contains("WARNING"), "{}", rehearsed.output);
}

#[tokio::test]
async fn a_state_file_that_somebody_broke_is_said_once_and_the_release_goes_on_when_it_is_mended() {
    let rehearsed = rehearse(&["--small", "--scenario", "state-broken-by-hand"]).await;
    let output = &rehearsed.output;
    assert_eq!(rehearsed.exit, 0, "{output}");
    let said = "06-04 08:00  _releases/4.20/statebox/4.20.17.yaml could not be read: the stored file is no state file: \
                line 19: expected a value, found '-' in column 1; repair the file by hand or take its last good version \
                from git, then: oar -r 4.20.17 state check; nothing is done until then, a look every 5 min finds it mended\n";
    assert_eq!(output.matches(said).count(), 1, "{output}");
    assert_eq!(output.matches("no state file").count(), 1, "{output}");
    assert!(output.contains("06-04 10:00  the state file can be read again\n"), "{output}");
    let journal = rehearsed.journal();
    let posted = journal.iter().filter(|entry| entry["path"].as_str().unwrap().contains("chat.postMessage"));
    assert_eq!(posted.filter(|entry| entry["body"].as_str().unwrap().contains("no state file")).count(), 1);
}

#[tokio::test]
async fn a_ticket_that_expired_is_named_with_kinit_and_with_the_next_look() {
    let rehearsed = rehearse(&["--small", "--scenario", "kerberos-expired"]).await;
    assert_snapshot!(rehearsed.end(), @r#"
    4.20.17  Green  a person is needed
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, push-to-cdn-staging, analyze-candidate-build, analyze-promoted-build, image-consistency-check, stage-testing, image-signed-check
    person:  change-advisory-status waits for a valid Kerberos ticket: errata refused our credential with HTTP 401 (read an advisory), it says "401 Unauthorized" (look again at 2026-06-19T00:30:00Z)
             -> kinit (or renew ERRATA_TOKEN where one is set), then: oar -r 4.20.17 drive
    note:    the release date (2026-06-10) has passed, 9 days ago; the approval is open
    next:    change-advisory-status
    REHEARSAL of 4.20.17: a person is needed, overall Green, 378 h of virtual time
    exit 6
    "#);
}

#[tokio::test]
async fn a_release_goes_on_once_somebody_renewed_the_ticket() {
    let rehearsed = rehearse(&["--small", "--people-help", "--scenario", "kerberos-expired"]).await;
    assert!(rehearsed.output.contains("person (administrator): renewed the Kerberos ticket"), "{}", rehearsed.output);
    assert!(rehearsed.exit == 0, "{}", rehearsed.end());
}

#[tokio::test]
async fn an_advisory_that_art_replaced_holds_the_approval_back_until_the_checks_are_about_the_new_one() {
    let rehearsed = rehearse(&["--small", "--scenario", "advisory-replaced"]).await;
    assert_snapshot!(rehearsed.end(), @"
    4.20.17  Green  a person is needed
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, push-to-cdn-staging, analyze-candidate-build, analyze-promoted-build, image-consistency-check, stage-testing, image-signed-check
    person:  advisory_ids.rpm is stored as 170171 and is 171171 now; take-ownership, check-cve-tracker-bug, push-to-cdn-staging passed for the old one
             -> oar -r 4.20.17 take-ownership
             -> oar -r 4.20.17 check-cve-tracker-bug
             -> oar -r 4.20.17 update-task-status push-to-cdn-staging 'Not Started' --override --reason TEXT, then: oar -r 4.20.17 push-to-cdn-staging
             -> or leave it as it is: oar -r 4.20.17 issue resolve 6d3e0b33 --resolution TEXT
    person:  the approval is held back: check-cve-tracker-bug, push-to-cdn-staging passed for what was replaced since
             -> do what is said about what was replaced
    next:    change-advisory-status
    REHEARSAL of 4.20.17: a person is needed, overall Green, 28 h 57 min of virtual time
    exit 4
    ");
    let helped = rehearse(&["--small", "--people-help", "--scenario", "advisory-replaced"]).await;
    assert!(helped.exit == 0, "{}", helped.end());
    assert_eq!(effects(&helped.journal()).values().max(), Some(&1), "{}", helped.output);
}

#[tokio::test]
async fn a_payload_that_is_rejected_after_all_starts_nothing_more_until_art_accepts_it() {
    let rehearsed = rehearse(&["--small", "--scenario", "payload-rejected-late"]).await;
    let end = rehearsed.end();
    assert!(rehearsed.exit == 4 && end.contains("ask ART"), "{end}");
    let helped = rehearse(&["--small", "--people-help", "--scenario", "payload-rejected-late"]).await;
    assert!(helped.exit == 0, "{}", helped.end());
    assert_eq!(effects(&helped.journal()).values().max(), Some(&1), "{}", helped.output);
}

#[tokio::test]
async fn a_scenario_that_nobody_knows_is_reported_with_those_there_are() {
    let rehearsed = rehearse(&["--scenario", "no-such-world"]).await;
    assert!(rehearsed.exit == 2 && rehearsed.output.contains("portal-never-opens"), "{}", rehearsed.output);
}

#[tokio::test]
async fn a_state_file_of_a_simulated_world_goes_on_in_another() {
    let first = rehearse(&["--small", "--scenario", "blocking-alert"]).await;
    let file = first.keep.path().join("4.20.17.yaml").display().to_string();

    let second = rehearse(&["--small", "--from", &file]).await;
    assert!(second.exit == 4 && !second.output.contains("404"), "{}", second.output);
    assert!(second.end().contains("person:  the approval is held back by a blocker"), "{}", second.end());
}

async fn goes_on_from(file: &Path) {
    let name = file.display().to_string();
    let before = State::parse(&std::fs::read_to_string(file).unwrap(), None).unwrap();
    let rehearsed = rehearse(&["--small", "--from", &name]).await;
    assert!(matches!(rehearsed.exit, 0 | 4), "{name}: {}\n{}", rehearsed.exit, rehearsed.end());
    if rehearsed.exit == 4 {
        let asks = |line: &str| ["person:", "FAILED:"].iter().any(|mark| line.starts_with(mark));
        assert!(rehearsed.output.lines().any(asks), "{name}:\n{}", rehearsed.end());
    }
    let kept = rehearsed.keep.path().join(format!("{}.yaml", before.release()));
    let after = State::parse(&std::fs::read_to_string(kept).unwrap(), None).unwrap();
    for task in Task::ALL.into_iter().filter(|task| before.status(*task) == TaskStatus::Pass) {
        assert_eq!(after.status(task), TaskStatus::Pass, "{name}: {task} was Pass");
        let text = |state: &State| state.task(task).and_then(|entry| entry.result);
        assert_eq!(text(&after), text(&before), "{name}: the stored text of {task}");
    }
}

#[tokio::test]
async fn an_invented_file_goes_on_to_the_end_or_to_a_person() {
    goes_on_from(&invented("statebox/4.20/4.20.91.yaml")).await;
}

mod long {
    use super::*;

    #[tokio::test]
    async fn old_answers_let_nothing_happen_twice_whatever_the_seed() {
        for seed in 1..=20 {
            let rehearsed = rehearse(&["--small", "--scenario", "old-answers", "--seed", &seed.to_string()]).await;
            assert_eq!(rehearsed.exit, 0, "seed {seed}: {}", rehearsed.output);
            for (effect, times) in effects(&rehearsed.journal()) {
                assert_eq!(times, 1, "seed {seed}: {effect}");
            }
        }
    }

    #[tokio::test]
    async fn invented_files_go_on_to_the_end_or_to_a_person() {
        for file in states(&invented("statebox")) {
            goes_on_from(&file).await;
        }
    }

    #[tokio::test]
    async fn real_files_go_on_to_the_end_or_to_a_person() {
        let Some(folder) = real("data/statebox") else { return };
        let mut last: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        for file in states(&folder) {
            last.insert(file.parent().unwrap().to_owned(), file);
        }
        // Each file takes seconds; OAR_REHEARSE_ALL=1 takes all of them instead of one of each minor.
        let all = std::env::var_os("OAR_REHEARSE_ALL").is_some();
        let files: Vec<PathBuf> = if all { states(&folder) } else { last.into_values().collect() };
        for file in &files {
            goes_on_from(file).await;
        }
        counted(files.len(), "state files");
    }
}
