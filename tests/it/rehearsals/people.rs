//! Rehearsals with people: whoever the plan asks does what it says, and everything is reported.

use std::sync::Mutex;

use oar::cli::outside::{Outside, Stream};
use oar::core::config::env::Env;
use tokio_util::sync::CancellationToken;

use crate::real_files::invented;

/// Runs `oar words` without any environment: what it printed, and its exit code.
async fn oar(args: &[&str]) -> (String, u8) {
    let (out, printed) = Stream::captured();
    let (err, _) = Stream::captured();
    let args = std::iter::once("oar").chain(args.iter().copied()).map(str::to_owned).collect();
    let program = Some(env!("CARGO_BIN_EXE_oar").into());
    let outside = Outside { program, ..Outside::new(args, Env::default(), out, err) };
    let exit = oar::cli::program::run(outside, CancellationToken::new()).await;
    let read = |buffer: &Mutex<Vec<u8>>| String::from_utf8(buffer.lock().unwrap().clone()).unwrap();
    (read(&printed), exit.code())
}

async fn helped(scenario: &str) -> (String, u8) {
    oar(&["rehearse", "--small", "--scenario", scenario, "--people-help"]).await
}

#[tokio::test]
async fn product_security_clears_a_blocking_alert_and_the_lead_resolves_the_blocker() {
    let (text, exit) = helped("blocking-alert").await;
    assert_eq!(exit, 0, "{text}");
    let cleared = text.find("person (product security): reviewed the security alerts").expect("a action");
    let resolved = text.find("person (release lead): resolved the blocker").expect("a help");
    assert!(cleared < resolved, "{text}");
}

#[tokio::test]
async fn the_lead_waives_a_build_of_which_most_jobs_passed() {
    let (text, exit) = helped("promoted-rejected").await;
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("person (release lead): accepted the promoted build"), "{text}");
}

#[tokio::test]
async fn without_people_the_same_rehearsal_stops_where_one_is_needed() {
    let (text, exit) = oar(&["rehearse", "--small", "--scenario", "promoted-rejected"]).await;
    assert_eq!(exit, 4, "{text}");
    assert!(!text.contains("person ("), "{text}");
}

async fn helped_from(file: &str) -> (String, u8) {
    let file = invented(&format!("statebox/4.20/{file}")).display().to_string();
    oar(&["rehearse", "--small", "--from", &file, "--people-help"]).await
}

#[tokio::test]
async fn a_release_that_was_given_up_is_finished_by_nobody() {
    let (output, exit) = helped_from("4.20.92.yaml").await;
    assert_eq!(exit, 4, "{output}");
    assert!(output.contains("nobody could finish 4.20.92: 4.20.92 was given up"), "{output}");
}

#[tokio::test]
async fn a_timed_out_approval_is_finished_when_art_publishes() {
    let (output, exit) = helped_from("4.20.93.yaml").await;
    assert_eq!(exit, 0, "{output}");
    assert!(output.contains("person (ART): published"), "{output}");
    assert!(output.contains("person (release lead): has change-advisory-status tried again"), "{output}");
}
