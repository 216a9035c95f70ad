//! Two of everything at once, and signals in the middle: one effect, the other one is reported.

use oar::domain::state::lease::LeaseKey;
use oar::domain::task::{Task, TaskStatus};
use oar::sim::faults::InjectedFault;

use crate::real_program::{ProgramWorld, Signal};

async fn tested() -> ProgramWorld {
    ProgramWorld::promoted(&[Task::TakeOwnership, Task::PushToCdnStaging, Task::AnalyzePromotedBuild]).await
}

/// Starts `args`, waits until its `nth` POST hangs, and leaves it there.
async fn stuck(world: &ProgramWorld, args: &[&str], nth: usize) -> tokio::process::Child {
    world.fault("POST", nth, InjectedFault::Hang);
    let child = world.command(args).spawn().expect("the program starts");
    world.sim.world().hangs().notified().await;
    world.sim.world().faults().clear();
    child
}

fn builds_started(world: &ProgramWorld) -> usize {
    world.writes().iter().filter(|write| write.0 == "jenkins").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_creations_at_once_make_one_file_and_both_say_so() {
    let world = ProgramWorld::empty().await;

    let (one, other) = tokio::join!(world.oar(&["create-test-report"]), world.oar(&["create-test-report"]));

    let (one, other) = (one.exits(0), other.exits(0));
    let made = [&one, &other].iter().filter(|ended| ended.out.contains("did:  create")).count();
    assert_eq!(made, 1, "{one:?}\n{other:?}");
    let created: Vec<_> =
        world.sim.world().journal().entries().into_iter().filter(|entry| entry.status == 201).collect();
    assert_eq!(created.iter().filter(|entry| entry.service == "github").count(), 1);
    let posts = world.writes().into_iter().filter(|write| write.0 == "slack").count();
    assert_eq!(posts, 1, "one message");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_stage_testing_on_the_same_machine_is_reported_and_starts_nothing() {
    let world = tested().await;
    let mut first = stuck(&world, &["stage-testing"], 1).await;

    let second = world.oar(&["stage-testing"]).await.exits(8);

    assert!(second.err.contains("runs stage-testing of 4.20.17 right now"), "{}", second.err);
    assert!(second.err.contains("next: wait until it ends"), "{}", second.err);
    assert_eq!(builds_started(&world), 0);
    first.start_kill().expect("it hangs");
    first.wait().await.expect("it ends");
    world.oar(&["stage-testing"]).await.exits(3);
    world.hours_pass(1);
    world.oar(&["stage-testing"]).await.exits(0);
    assert_eq!(builds_started(&world), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stage_testings_at_once_start_one_pipeline() {
    let world = tested().await;

    let (one, other) = tokio::join!(world.oar(&["stage-testing"]), world.oar(&["stage-testing"]));

    let mut codes = [one.code, other.code];
    codes.sort_unstable();
    // The slower one comes too early (8), or so late that it finds the pipeline of the other (0).
    assert_eq!(codes[0], 0, "{one:?}\n{other:?}");
    assert!([0, 8].contains(&codes[1]), "{one:?}\n{other:?}");
    assert_eq!(builds_started(&world), 1);
    assert_eq!(world.state().status(Task::StageTesting), TaskStatus::InProgress);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_machine_is_refused_while_the_first_one_starts_the_pipeline() {
    let world = tested().await;
    let mut first = stuck(&world, &["stage-testing"], 1).await;

    let elsewhere = world.home.path().join("another-machine");
    let mut command = world.command(&["stage-testing"]);
    let second = command.env("OAR_HOME", elsewhere).output().await.expect("the program runs");

    let complaint = String::from_utf8_lossy(&second.stdout).into_owned();
    assert_eq!(second.status.code(), Some(3), "{complaint}");
    assert!(complaint.contains("has not said how that ended"), "{complaint}");
    assert_eq!(builds_started(&world), 0);
    first.start_kill().expect("it hangs");
    first.wait().await.expect("it ends");
    world.hours_pass(1);
    world.oar(&["stage-testing"]).await.exits(0);
    assert_eq!(builds_started(&world), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_driver_is_informed_who_drives() {
    let world = ProgramWorld::created().await;
    let mut first = stuck(&world, &["drive"], 1).await;

    let second = world.oar(&["drive"]).await.exits(8);

    assert!(second.err.contains("another oar on this machine drives 4.20.17"), "{}", second.err);
    first.start_kill().expect("it hangs");
    first.wait().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_run_says_so_and_its_task_is_not_failed() {
    for (signal, code) in [(Signal::Interrupt, 130), (Signal::Terminate, 143)] {
        for fault in [InjectedFault::Hang, InjectedFault::AppliedThenHang] {
            let world = tested().await;
            world.fault("POST", 1, fault.clone());

            let ended = world.oar_killed_at(&["stage-testing"], signal).await.expect("it was stopped");

            let ended = ended.exits(code);
            assert!(ended.err.contains("the run was cancelled"), "{}", ended.err);
            assert!(ended.err.contains("next: run it again"), "{}", ended.err);
            let entry = world.state().task(Task::StageTesting).expect("it was begun");
            assert_eq!(entry.status.as_str(), "In Progress", "{fault:?}");
            assert!(entry.intent.is_some(), "the intent stays until the next run has looked: {entry:?}");
            world.sim.world().faults().clear();
            world.hours_pass(1);
            world.oar(&["stage-testing"]).await.exits(0);
            assert_eq!(builds_started(&world), 1, "{signal:?} {fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_driver_gives_its_lease_back_and_keeps_its_epoch() {
    for (signal, code) in [(Signal::Interrupt, 130), (Signal::Terminate, 143), (Signal::HangUp, 129)] {
        let world = tested().await;
        world.fault("POST", 1, InjectedFault::Hang);

        let reported = world.oar_killed_at(&["drive"], signal).await.expect("it was stopped");

        reported.exits(code);
        let lease = world.state().lease(LeaseKey::Driver).expect("it drove");
        assert_eq!(lease.until, None, "{signal:?}");
        assert!(lease.since().is_some(), "{signal:?}: the epoch stays");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_folder_of_a_machine_is_another_driver() {
    let world = tested().await;
    let mut first = stuck(&world, &["drive"], 1).await;
    let (home, copy) = (world.home.path().join("home"), world.home.path().join("copy"));
    std::fs::create_dir(&copy).expect("a folder");
    std::fs::copy(home.join("machine"), copy.join("machine")).expect("the name of the machine");

    let second = world.command(&["drive"]).env("OAR_HOME", copy).output().await.expect("the program runs");

    let reported = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(8), "{reported}");
    assert!(reported.contains("(process ") && reported.contains("drives this release since "), "{reported}");
    assert!(reported.contains("drive --take-over --reason TEXT"), "{reported}");
    first.start_kill().expect("it hangs");
    first.wait().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_name_of_the_machine_stops_nothing() {
    let world = tested().await;
    world.oar(&["stage-testing"]).await.exits(0);
    let name = world.home.path().join("home/machine");
    std::fs::write(&name, [0; 33]).expect("a power cut");
    world.oar(&["drive"]).await.exits(3);
    assert!(std::fs::read_to_string(&name).expect("text").trim().len() == 32);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_that_is_asked_says_what_it_does_and_goes_on() {
    let world = tested().await;
    let mut child = stuck(&world, &["drive"], 1).await;
    for signal in [Signal::Ask, Signal::Ask] {
        signal.send(&mut child);
    }
    Signal::Terminate.send(&mut child);
    let ended = crate::real_program::Ended::of(&child.wait_with_output().await.expect("it ends")).exits(143);
    assert!(ended.err.contains("at work; "), "{}", ended.err);
}
