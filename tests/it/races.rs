//! Two of everything at once, and signals in the middle: one effect, the other one is told.

use oar::domain::task::{Task, TaskStatus};
use oar::sim::faults::Fault;

use crate::real_program::{Signal, Town};

async fn tested() -> Town {
    Town::promoted(&[Task::TakeOwnership, Task::PushToCdnStaging, Task::AnalyzePromotedBuild]).await
}

/// Starts `args`, waits until its `nth` POST hangs, and leaves it there.
async fn stuck(town: &Town, args: &[&str], nth: usize) -> tokio::process::Child {
    town.fault("POST", nth, Fault::Hang);
    let child = town.command(args).spawn().expect("the program starts");
    town.sim.world().hangs().notified().await;
    town.sim.world().faults().clear();
    child
}

fn builds_started(town: &Town) -> usize {
    town.writes().iter().filter(|write| write.0 == "jenkins").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_creations_at_once_make_one_file_and_both_say_so() {
    let town = Town::empty().await;

    let (one, other) = tokio::join!(town.oar(&["create-test-report"]), town.oar(&["create-test-report"]));

    let (one, other) = (one.exits(0), other.exits(0));
    let made = [&one, &other].iter().filter(|told| told.out.contains("did:  create")).count();
    assert_eq!(made, 1, "{one:?}\n{other:?}");
    let created: Vec<_> =
        town.sim.world().journal().entries().into_iter().filter(|entry| entry.status == 201).collect();
    assert_eq!(created.iter().filter(|entry| entry.service == "github").count(), 1);
    let said = town.writes().into_iter().filter(|write| write.0 == "slack").count();
    assert_eq!(said, 1, "one message");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_stage_testing_on_the_same_machine_is_told_and_starts_nothing() {
    let town = tested().await;
    let mut first = stuck(&town, &["stage-testing"], 1).await;

    let second = town.oar(&["stage-testing"]).await.exits(8);

    assert!(second.err.contains("runs stage-testing of 4.20.17 right now"), "{}", second.err);
    assert!(second.err.contains("next: wait until it ends"), "{}", second.err);
    assert_eq!(builds_started(&town), 0);
    first.start_kill().expect("it hangs");
    first.wait().await.expect("it ends");
    town.oar(&["stage-testing"]).await.exits(0);
    assert_eq!(builds_started(&town), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stage_testings_at_once_start_one_pipeline() {
    let town = tested().await;

    let (one, other) = tokio::join!(town.oar(&["stage-testing"]), town.oar(&["stage-testing"]));

    let mut codes = [one.code, other.code];
    codes.sort_unstable();
    assert!(codes == [0, 0] || codes == [0, 8], "{one:?}\n{other:?}");
    assert_eq!(builds_started(&town), 1);
    assert_eq!(town.state().status(Task::StageTesting), TaskStatus::InProgress);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_machine_is_refused_while_the_first_one_starts_the_pipeline() {
    let town = tested().await;
    let mut first = stuck(&town, &["stage-testing"], 1).await;

    let elsewhere = town.home.path().join("another-machine");
    let mut command = town.command(&["stage-testing"]);
    let second = command.env("OAR_HOME", elsewhere).output().await.expect("the program runs");

    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(8), "{told}");
    assert!(told.contains("has not said how that ended"), "{told}");
    assert_eq!(builds_started(&town), 0);
    first.start_kill().expect("it hangs");
    first.wait().await.expect("it ends");
    town.oar(&["stage-testing"]).await.exits(0);
    assert_eq!(builds_started(&town), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_driver_is_told_who_drives() {
    let town = Town::created().await;
    let mut first = stuck(&town, &["drive"], 1).await;

    let second = town.oar(&["drive"]).await.exits(8);

    assert!(second.err.contains("another oar on this machine drives 4.20.17"), "{}", second.err);
    first.start_kill().expect("it hangs");
    first.wait().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_run_says_so_and_its_task_is_not_failed() {
    for (signal, code) in [(Signal::Interrupt, 130), (Signal::Terminate, 143)] {
        for fault in [Fault::Hang, Fault::AppliedThenHang] {
            let town = tested().await;
            town.fault("POST", 1, fault.clone());

            let told = town.oar_killed_at(&["stage-testing"], signal).await.expect("it was stopped");

            let told = told.exits(code);
            assert!(told.err.contains("the run was cancelled"), "{}", told.err);
            assert!(told.err.contains("next: run it again"), "{}", told.err);
            let entry = town.state().task(Task::StageTesting).expect("it was begun");
            assert_eq!(entry.status.as_str(), "In Progress", "{fault:?}");
            assert!(entry.intent.is_some(), "the intent stays until the next run has looked: {entry:?}");
            town.sim.world().faults().clear();
            town.oar(&["stage-testing"]).await.exits(0);
            assert_eq!(builds_started(&town), 1, "{signal:?} {fault:?}");
        }
    }
}
