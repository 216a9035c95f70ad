//! Several machines run every task of a release at once, again and again, as people without a plan would: everything
//! happens once, and the release ends like an undisturbed one.

use futures::future::join_all;

use super::crashes::{driven, founded};
use super::end::End;
use crate::rehearsals::faults::happened_twice;

/// Every task, in the order of the workflow.
const TASKS: [&str; 11] = [
    "create-test-report",
    "take-ownership",
    "check-cve-tracker-bug",
    "check-rhcos-security-alerts",
    "push-to-cdn-staging",
    "analyze-candidate-build",
    "analyze-promoted-build",
    "image-consistency-check",
    "stage-testing",
    "image-signed-check",
    "change-advisory-status --yes",
];

/// So many machines run all tasks at once, `rounds` times with hours in between.
async fn all_at_once(count: usize, rounds: usize) {
    let calm = founded("smooth").await;
    let machine = calm.machine("one");
    let reported = driven(&calm, &machine).await;
    drop(machine);
    let calm = End::of(&calm, &reported);

    let world = founded("smooth").await;
    let skews = ["0s", "10m", "-10m", "3m", "-3m", "7m", "-7m", "1m"];
    let machines: Vec<_> =
        (0..count).map(|number| world.machine_with_clock(&format!("number-{number}"), skews[number])).collect();
    for _ in 0..rounds {
        for task in TASKS {
            let reported = join_all(machines.iter().map(|machine| machine.oar(task))).await;
            assert!(reported.iter().all(|said| !said.ends_with("exit 2")), "{task}: {reported:?}");
        }
        world.time_passes("7h");
    }
    let reported = driven(&world, &machines[0]).await;
    drop(machines);
    assert_eq!(happened_twice(&world), [""; 0], "{reported}");
    assert_eq!(End::of(&world, &reported).differs_from(&calm), [""; 0], "{reported}");
    world.finish();
}

#[tokio::test]
async fn two_machines_that_run_every_task_at_once_do_everything_once() {
    all_at_once(2, 2).await;
}

mod long {
    #[tokio::test]
    async fn up_to_eight_machines_that_run_every_task_at_once_do_everything_once() {
        for count in 2..=8 {
            super::all_at_once(count, 8).await;
        }
    }
}
