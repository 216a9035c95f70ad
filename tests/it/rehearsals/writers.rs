//! Eight machines change one state file at once through a GitHub that loses answers, refuses and overtakes: what a
//! writer was answered is true, nothing is lost and nothing is there twice.
//!
//! A few changes of each with two seeds every time; a hundred with twenty seeds in `long` (`make crash`).

use oar::core::context::Context;
use oar::core::statebox::error::{Arrived, StoreError};
use oar::core::statebox::outbox::SavedOrKept;
use oar::domain::release::ZStream;
use oar::domain::state::operation::{AddIssue, Operation, SetTask};
use oar::domain::state::view::State;
use oar::domain::task::{Task, TaskStatus};
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::{Faults, Rule};

use crate::rehearsal::{TestWorld, with_state_file};

/// One task per writer.
const TASKS: [Task; 8] = [
    Task::TakeOwnership,
    Task::CheckCveTrackerBug,
    Task::CheckRhcosSecurityAlerts,
    Task::PushToCdnStaging,
    Task::ImageConsistencyCheck,
    Task::StageTesting,
    Task::ImageSignedCheck,
    Task::AnalyzeCandidateBuild,
];

/// What goes wrong with writes to GitHub, each kind every so often.
fn troubles(seed: u64) -> Vec<Rule> {
    let moved = r#"{"message":"_releases/4.20/statebox/4.20.17.yaml does not match 0123abc"}"#;
    let impossible = r#"{"message":"Invalid request.\n\n\"sha\" wasn't supplied."}"#;
    let kinds = [
        InjectedFault::AppliedThenReset,
        InjectedFault::ResetMidBody,
        InjectedFault::AppliedThenError,
        InjectedFault::Truncated,
        InjectedFault::Reset,
        InjectedFault::status(502),
        InjectedFault::answer(409, &[], moved),
        InjectedFault::answer(422, &[], impossible),
    ];
    let mut dice = fastrand::Rng::with_seed(seed);
    let rule = |fault| Rule {
        nth: Some(dice.u32(1..20)),
        every: Some(dice.u32(13..31)),
        ..Rule::on("github", fault).method("PUT")
    };
    kinds.into_iter().map(rule).collect()
}

/// The changes of one writer in their order: its task begins, issues are reported, its task passes.
fn changes(world: &TestWorld, writer: usize, count: usize) -> Vec<Operation> {
    let set = |to| Operation::SetTask(SetTask::new(TASKS[writer], to, world.now()));
    let issue = |n: usize| {
        Operation::AddIssue(AddIssue {
            text: text(writer, n),
            blocker: false,
            related: Vec::new(),
            source: None,
            at: world.now(),
        })
    };
    let mut all = vec![set(TaskStatus::InProgress)];
    all.extend((1..count - 1).map(issue));
    all.push(set(TaskStatus::Pass));
    all
}

fn text(writer: usize, n: usize) -> String {
    format!("writer {writer} saw thing {n}")
}

type Answers = Vec<Result<SavedOrKept, StoreError>>;

async fn writes(ctx: &Context, release: &ZStream, changes: &[Operation]) -> Answers {
    let mut answers = Vec::new();
    for change in changes {
        answers.push(ctx.statebox.apply_or_keep(release, std::slice::from_ref(change), "Change").await);
    }
    answers
}

/// How often the state says what change `n` of `writer` wanted.
fn found(state: &State, writer: usize, n: usize, count: usize) -> usize {
    let attempts = state.task(TASKS[writer]).map_or(0, |entry| entry.attempts.len());
    match n {
        0 => attempts,
        n if n == count - 1 => usize::from(state.status(TASKS[writer]) == TaskStatus::Pass) * attempts,
        n => state.issues().iter().filter(|issue| issue.issue == text(writer, n)).count(),
    }
}

async fn every_answer_is_true(count: usize, seeds: u64) {
    for seed in 0..seeds {
        let world = with_state_file().await;
        {
            let mut faults = world.simulator().world().faults();
            for rule in troubles(seed) {
                faults.add(rule).expect("a rule");
            }
        }
        let machines: Vec<_> = (0..TASKS.len()).map(|writer| world.machine(&format!("{writer}"))).collect();
        let all: Vec<_> = machines.iter().map(|machine| machine.context()).collect();
        let changes: Vec<_> = (0..TASKS.len()).map(|writer| changes(&world, writer, count)).collect();
        let writers = all.iter().zip(&changes).map(|(ctx, changes)| writes(ctx, &world.release, changes));

        let answers = futures::future::join_all(writers).await;

        *world.simulator().world().faults() = Faults::none();
        for ctx in &all {
            ctx.statebox.send_waiting(&world.release).await.expect("GitHub is well again");
        }
        let state = world.state();
        let mut wrong = Vec::new();
        for (writer, answers) in answers.iter().enumerate() {
            for (n, answer) in answers.iter().enumerate() {
                let found = found(&state, writer, n, count);
                let right = match answer {
                    Ok(_) => found == 1,
                    Err(error) if error.arrived == Arrived::Perhaps => found <= 1,
                    Err(_) => found == 0,
                };
                if !right {
                    wrong.push(format!("seed {seed}, writer {writer}, change {n}: {found} times, answer {answer:?}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let met = world.requests_of(|raw| raw.fault.is_some()).len();
        assert!(met > count, "only {met} writes were disturbed");
    }
}

#[tokio::test]
async fn eight_machines_write_through_a_broken_github_and_every_answer_is_true() {
    every_answer_is_true(12, 2).await;
}

mod long {
    #[tokio::test]
    async fn eight_machines_write_through_a_broken_github_and_every_answer_is_true() {
        super::every_answer_is_true(100, 20).await;
    }
}
