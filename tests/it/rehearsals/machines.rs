//! Several machines and one release: whatever stops one of them, everything happens once.

use oar::domain::task::{Task, TaskStatus};

use super::change_advisory_status::approved_too_early;
use crate::rehearsal::machines::{Moment, at_every_point};
use crate::rehearsal::{TestWorld, points, promoted, ready_to_approve};

/// Pipelines that were started, when it is not exactly one.
fn not_one_pipeline(world: &TestWorld) -> Vec<String> {
    let started = world.writes_to("buildWithParameters");
    if started == 1 { Vec::new() } else { vec![format!("{started} pipelines were started")] }
}

#[tokio::test]
async fn a_machine_that_dies_at_any_point_of_stage_testing_starts_one_pipeline() {
    let points = at_every_point(promoted, "stage-testing --no-notify", not_one_pipeline).await;
    assert_eq!(points, 4, "before its intent, before sending, unanswered, unrecorded");
}

#[tokio::test]
async fn two_machines_with_wrong_clocks_start_one_pipeline() {
    let world = promoted().await;
    let (one, other) = (world.machine_with_clock("one", "10m"), world.machine_with_clock("other", "-10m"));
    assert_ne!(one.home(), other.home());
    let (one, other) = futures::join!(one.oar("stage-testing"), other.oar("stage-testing"));
    let codes = [&one, &other].map(|reported| reported.rsplit_once("exit ").expect("an exit code").1.to_owned());
    assert!(codes.contains(&"0".to_owned()), "{one}\n{other}");
    assert_eq!(not_one_pipeline(&world), [""; 0], "{one}\n{other}");
    world.expect_task(Task::StageTesting, TaskStatus::InProgress);
}

#[tokio::test]
async fn a_frozen_machine_stands_still_while_time_passes_and_goes_on_when_it_is_revived() {
    let world = promoted().await;
    let calm = promoted().await;
    let machine = calm.machine("one");
    machine.oar("stage-testing").await;
    let before = points(&machine.sent()).into_iter().find(|point| point.moment == Moment::BeforeSending);
    let frozen = world.machine("one");
    let run = frozen.oar_frozen(&before.expect("a point"), "stage-testing").await;
    world.time_passes("1h");
    assert_eq!(world.writes_to("buildWithParameters"), 0);
    let Ok(run) = run else { panic!("it ended before") };
    let reported = run.revived().await;
    assert!(reported.ends_with("exit 0"), "{reported}");
    assert_eq!(world.writes_to("buildWithParameters"), 1, "{reported}");
}

/// A driver dies before the last message of its drive, which would have ended with `code`; the next one on the same
/// machine says what is missing, once, and ends with `next_code`.
async fn the_last_message_is_sent(world: impl AsyncFn() -> TestWorld, code: &str, next_code: &str) {
    let calm = world().await;
    let machine = calm.machine("one");
    let reported = machine.oar("drive --watch").await;
    assert!(reported.ends_with(code), "{reported}");
    let mut messages = points(&machine.sent());
    messages.retain(|point| point.moment == Moment::BeforeSending && point.write.contains("chat.postMessage"));
    let last = messages.pop().expect("a message");

    let world = world().await;
    let machine = world.machine("one");
    assert_eq!(machine.oar_killed(&last, "drive --watch").await, None);
    let reported = machine.oar("drive --watch").await;
    assert!(reported.ends_with(next_code), "{reported}");
    assert_eq!(world.posted_messages(), calm.posted_messages());
}

#[tokio::test]
async fn a_driver_that_died_before_its_last_message_sends_it_once_it_is_certain_that_it_did_not_arrive() {
    let approvable = async || {
        let world = ready_to_approve().await;
        world.advisory_page_opens();
        world
    };
    the_last_message_is_sent(approvable, "exit 0", "exit 0").await;
}

#[tokio::test]
async fn a_driver_that_died_before_it_called_a_person_stays_until_the_call_is_certain() {
    let too_early = async || {
        let world = approved_too_early(TestWorld::founded("portal-never-opens", |_| {}).await).await;
        world.days_pass(2);
        world
    };
    the_last_message_is_sent(too_early, "exit 5", "exit 4").await;
}
