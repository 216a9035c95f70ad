//! The real program is killed between its outside effects and run again: the same end, nothing twice.
//!
//! A fault of the simulator lets one request hang, either before or after the service carried it out;
//! the program is killed at that moment. Every POST and every PUT of a story is such a point, in both
//! ways. Reads are no points of their own: killed there, the program leaves what the write before left.
//! That bounds the points of a story to twice the number of its writes: a dozen or two. Every third point
//! is tried each time, all of them in `long` (`make crash`).

use std::collections::BTreeMap;

use futures::StreamExt as _;
use oar::domain::state::view::State;
use oar::domain::task::Task;
use oar::sim::faults::InjectedFault;

use crate::real_program::{ProgramWorld, Signal, Write};

/// Worlds at once: more only wait for the two processors.
const SIDE_BY_SIDE: usize = 3;

/// One step of a story.
#[derive(Debug, Clone, Copy)]
enum Step {
    Run(&'static [&'static str]),
    Hours(i64),
}

/// How a story is disturbed.
#[derive(Debug, Clone)]
struct Point {
    method: &'static str,
    nth: usize,
    fault: InjectedFault,
}

/// What a story left: statuses and jobs of all tasks, issues, push jobs, writes.
#[derive(Debug, PartialEq)]
struct End {
    tasks: BTreeMap<String, (String, Option<String>)>,
    issues: Vec<(String, bool)>,
    pushes: usize,
    writes: Vec<Write>,
}

impl End {
    fn of(world: &ProgramWorld) -> (Self, Vec<Write>) {
        let state: State = world.state();
        let task = |entry: oar::domain::state::entries::TaskEntry| {
            let job = entry.job_ref.map(|job| format!("{:?} {}", job.system, job.id));
            (entry.name, (entry.status.as_str().to_owned(), job))
        };
        let (messages, mut writes): (Vec<_>, Vec<_>) = world.writes().into_iter().partition(|write| write.0 == "slack");
        let tasks = state.tasks().into_iter().map(task).collect();
        let issues = state.issues().into_iter().map(|issue| (issue.issue, issue.resolved)).collect();
        // Sent twice, they give the same end: counted once.
        writes.dedup_by(|one, other| one == other && converges(one));
        let pushes = world.sim.world().facts().errata.pushes.len();
        (Self { tasks, issues, pushes, writes }, messages)
    }
}

/// A write that the service carries out only where something is missing.
fn converges(write: &Write) -> bool {
    write.1 == "PUT" || write.2.ends_with("/push?defaults=stage")
}

/// Runs a story; a step that was disturbed runs again.
async fn tell(world: &ProgramWorld, steps: &[Step], point: Option<&Point>) {
    if let Some(point) = point {
        world.fault(point.method, point.nth, point.fault.clone());
    }
    let hangs = point.is_some_and(|point| matches!(point.fault, InjectedFault::Hang | InjectedFault::AppliedThenHang));
    for step in steps {
        match step {
            Step::Hours(hours) => world.hours_pass(*hours),
            Step::Run(args) if hangs => {
                if world.oar_killed_at(args, Signal::Kill).await.is_some() {
                    world.sim.world().faults().clear();
                    settled(world, args).await;
                }
            }
            Step::Run(args) if point.is_some() => settled(world, args).await,
            Step::Run(args) => drop(world.oar(args).await),
        }
    }
}

/// Do two messages say the same? One that a later run caught up names no owner, one about a job names the page that is
/// known by then, and some keys hold a time.
fn are_the_same(one: &Write, other: &Write) -> bool {
    let body = |message: &Write| serde_json::from_str::<serde_json::Value>(&message.3).unwrap_or_default();
    let (one, other) = (body(one), body(other));
    let key = |body: &serde_json::Value| body["metadata"]["event_payload"]["key"].as_str().map(str::to_owned);
    let text = |body: &serde_json::Value| {
        let text = body["text"].as_str().unwrap_or_default();
        text.split("\nOwner: ").next().unwrap_or_default().to_owned()
    };
    (key(&one).is_some() && key(&one) == key(&other)) || text(&one) == text(&other)
}

/// Runs a step to its end: what nobody knows yet is settled by the next run once every list must show it, never by
/// trying it twice.
async fn settled(world: &ProgramWorld, args: &[&str]) {
    let ended = world.oar(args).await;
    // A drive has a next step of its own.
    if ended.code != 0 && args.first() != Some(&"drive") {
        world.hours_pass(1);
        let again = world.oar(args).await;
        assert!(matches!(again.code, 0 | 3), "{ended:?}\n{again:?}");
    }
}

/// Which points of a story are tried.
#[derive(Debug, Clone, Copy)]
enum Points {
    EveryThird,
    All,
}

/// Tells the story undisturbed, then once for every point, and compares the ends.
async fn survives<F: Future<Output = ProgramWorld>>(
    points: Points,
    world: impl Fn() -> F,
    steps: &[Step],
    methods: &[&'static str],
    faults: &[InjectedFault],
) {
    let every = match points {
        Points::EveryThird => 3,
        Points::All => 1,
    };
    let calm = world().await;
    let before: Vec<usize> = methods.iter().map(|method| calm.requests(method)).collect();
    tell(&calm, steps, None).await;
    let (end, messages) = End::of(&calm);
    let points: Vec<Point> = methods
        .iter()
        .zip(before)
        .flat_map(|(method, before)| (1..=calm.requests(method) - before).map(move |nth| (*method, nth)))
        .flat_map(|(method, nth)| faults.iter().map(move |fault| Point { method, nth, fault: fault.clone() }))
        .collect();
    assert!(points.len() >= 4, "the story writes: {points:?}");
    let points: Vec<Point> = points.into_iter().step_by(every).collect();
    let (world, end, messages) = (&world, &end, &messages);
    let wrong: Vec<String> = futures::stream::iter(points)
        .map(|point| async move {
            let world = world().await;
            tell(&world, steps, Some(&point)).await;
            let (found, heard) = End::of(&world);
            let mut wrong = Vec::new();
            if !world.was_disturbed() {
                wrong.push(format!("{point:?} was never reached"));
            }
            if found != *end {
                wrong.push(format!("{point:?}: {}", difference(end, &found)));
            }
            let mut known = messages.clone();
            for message in heard {
                match known.iter().position(|known| are_the_same(known, &message)) {
                    Some(place) => drop(known.remove(place)),
                    None => wrong.push(format!("{point:?}: a message twice or of its own: {}", message.3)),
                }
            }
            wrong
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .flat_map(futures::stream::iter)
        .collect()
        .await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn difference(calm: &End, disturbed: &End) -> String {
    let mut lines = Vec::new();
    for (task, now) in &disturbed.tasks {
        let then = calm.tasks.get(task);
        if then != Some(now) {
            lines.push(format!("{task} is {now:?}, undisturbed {then:?}"));
        }
    }
    if calm.pushes != disturbed.pushes {
        lines.push(format!("{} push jobs, undisturbed {}", disturbed.pushes, calm.pushes));
    }
    if calm.issues != disturbed.issues {
        lines.push(format!("issues {:?}, undisturbed {:?}", disturbed.issues, calm.issues));
    }
    let count = |writes: &[Write]| {
        let mut counts: BTreeMap<Write, i32> = BTreeMap::new();
        for write in writes {
            *counts.entry(write.clone()).or_default() += 1;
        }
        counts
    };
    let (then, now) = (count(&calm.writes), count(&disturbed.writes));
    for write in then.keys().chain(now.keys()).collect::<std::collections::BTreeSet<_>>() {
        let (a, b) = (then.get(write).copied().unwrap_or(0), now.get(write).copied().unwrap_or(0));
        if a != b {
            lines.push(format!("{} {} {} {}: {b} times, undisturbed {a}", write.0, write.1, write.2, write.3));
        }
    }
    lines.join("; ")
}

/// The methods that write. The state repository takes only PUT, messages and jobs are POST.
const WRITES: [&str; 2] = ["POST", "PUT"];
const KILLS: [InjectedFault; 2] = [InjectedFault::Hang, InjectedFault::AppliedThenHang];
const LOST_ANSWERS: [InjectedFault; 1] = [InjectedFault::AppliedThenError];

const OWNERSHIP: &[Step] = &[Step::Run(&["take-ownership"])];
const PUSH: &[Step] = &[
    Step::Run(&["push-to-cdn-staging", "--force", "--reason", "a story about pushes"]),
    Step::Hours(2),
    Step::Run(&["push-to-cdn-staging"]),
];
const CONSISTENCY: &[Step] =
    &[Step::Run(&["image-consistency-check"]), Step::Hours(4), Step::Run(&["image-consistency-check"])];
const STAGE: &[Step] = &[Step::Run(&["stage-testing"]), Step::Hours(5), Step::Run(&["stage-testing"])];
const APPROVAL: &[Step] = &[
    Step::Run(&["--yes", "change-advisory-status", "--ignore-release-date", "--reason", "go"]),
    Step::Hours(6),
    Step::Run(&["--yes", "change-advisory-status", "--ignore-release-date", "--reason", "go"]),
];

async fn tested() -> ProgramWorld {
    ProgramWorld::promoted(&[Task::TakeOwnership, Task::PushToCdnStaging, Task::AnalyzePromotedBuild]).await
}

async fn approvable() -> ProgramWorld {
    ProgramWorld::promoted(&[
        Task::TakeOwnership,
        Task::CheckCveTrackerBug,
        Task::CheckRhcosSecurityAlerts,
        Task::PushToCdnStaging,
        Task::AnalyzeCandidateBuild,
        Task::AnalyzePromotedBuild,
        Task::ImageConsistencyCheck,
        Task::StageTesting,
        Task::ImageSignedCheck,
    ])
    .await
}

/// Every story twice: a part of its points each time, all of them in `long`.
macro_rules! stories {
    ($($story:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $story() {
            stories::$story(Points::EveryThird).await;
        })*

        mod long {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::stories::$story(super::Points::All).await;
            })*
        }
    };
}

stories! {
    a_killed_take_ownership_continues_where_it_was
    a_killed_push_pushes_no_advisory_twice
    a_killed_image_consistency_check_starts_one_job
    a_killed_stage_testing_starts_one_pipeline
    a_killed_approval_approves_and_moves_once
    a_lost_answer_makes_no_ownership_write_happen_twice
    a_lost_answer_makes_no_push_happen_twice
    a_lost_answer_starts_no_second_job
    a_lost_answer_approves_once
    a_killed_drive_is_taken_over_and_goes_on
}

mod stories {
    use super::*;

    pub(super) async fn a_killed_take_ownership_continues_where_it_was(points: Points) {
        survives(points, ProgramWorld::created, OWNERSHIP, &WRITES, &KILLS).await;
    }

    pub(super) async fn a_killed_push_pushes_no_advisory_twice(points: Points) {
        survives(points, ProgramWorld::created, PUSH, &WRITES, &KILLS).await;
    }

    pub(super) async fn a_killed_image_consistency_check_starts_one_job(points: Points) {
        survives(points, tested, CONSISTENCY, &WRITES, &KILLS).await;
    }

    pub(super) async fn a_killed_stage_testing_starts_one_pipeline(points: Points) {
        survives(points, tested, STAGE, &WRITES, &KILLS).await;
    }

    pub(super) async fn a_killed_approval_approves_and_moves_once(points: Points) {
        survives(points, approvable, APPROVAL, &WRITES, &KILLS).await;
    }

    pub(super) async fn a_lost_answer_makes_no_ownership_write_happen_twice(points: Points) {
        survives(points, ProgramWorld::created, OWNERSHIP, &WRITES, &LOST_ANSWERS).await;
    }

    pub(super) async fn a_lost_answer_makes_no_push_happen_twice(points: Points) {
        survives(points, ProgramWorld::created, PUSH, &WRITES, &LOST_ANSWERS).await;
    }

    pub(super) async fn a_lost_answer_starts_no_second_job(points: Points) {
        survives(points, tested, CONSISTENCY, &WRITES, &LOST_ANSWERS).await;
        survives(points, tested, STAGE, &WRITES, &[InjectedFault::AppliedThenError, InjectedFault::AppliedThenReset])
            .await;
    }

    pub(super) async fn a_lost_answer_approves_once(points: Points) {
        survives(points, approvable, APPROVAL, &WRITES, &LOST_ANSWERS).await;
    }

    pub(super) async fn a_killed_drive_is_taken_over_and_goes_on(points: Points) {
        // What a kill leaves within a task is reported above; here the drive is what continues.
        // A task that was begun counts as running for a quarter of an hour: elsewhere somebody may be at it.
        let steps = &[Step::Run(&["drive", "--once"]), Step::Hours(1), Step::Run(&["drive"])];
        survives(points, ProgramWorld::created, steps, &["POST"], &[InjectedFault::AppliedThenHang]).await;
    }
}
