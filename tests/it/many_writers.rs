//! Many processes change one state file at once: nothing gets lost, and nobody says otherwise.
//!
//! Each writer changes the file a few times, and many times in `long` (`make crash`).

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use oar::core::clock::{Clock, VirtualClock};
use oar::core::config::env::Env;
use oar::core::statebox::git_dir::{Author, GitDir};
use oar::core::statebox::repo::Repo;
use oar::domain::release::ZStream;
use oar::domain::state::entries::Metadata;
use oar::domain::state::view::State;
use oar::domain::task::{Task, TaskStatus};
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::{Faults, Rule};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::real_program::{Ended, ProgramWorld, bare};

const BRANCH: &str = "z-stream";

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

/// Codes that mean: stored, or kept and going to be stored.
const TAKEN: [i32; 2] = [0, 3];

/// The operations of one writer in their order: its task begins, issues are reported, its task passes.
fn operations(writer: usize, count: usize) -> Vec<Vec<String>> {
    let args = |args: &[&str]| args.iter().map(|token| (*token).to_owned()).collect::<Vec<_>>();
    let task = TASKS[writer].name();
    let issue = |n: usize| args(&["issue", "add", "--no-blocker", &text(writer, n)]);
    let mut all = vec![args(&["update-task-status", task, "In Progress"])];
    all.extend((2..count).map(issue));
    all.push(args(&["update-task-status", task, "Pass", "--reason", "checked by hand", "--yes"]));
    all
}

fn text(writer: usize, n: usize) -> String {
    format!("writer {writer} saw thing {n}")
}

/// Every operation of every writer stands in the state, once.
#[track_caller]
fn expect_all(state: &State, count: usize) {
    let mut found: Vec<_> = state.issues().into_iter().map(|issue| issue.issue).collect();
    let mut wanted: Vec<_> = (0..8).flat_map(|writer| (2..count).map(move |n| text(writer, n))).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    for task in TASKS {
        let entry = state.task(task).expect("it was moved");
        assert_eq!((entry.status.known(), entry.attempts.len()), (Some(TaskStatus::Pass), 1), "{task}");
    }
}

/// Runs `count` operations of each of eight writers, one process each, and gives back every ending.
async fn all_at_once(count: usize, command: impl Fn(usize, &[String]) -> Command) -> Vec<Ended> {
    let command = &command;
    let writer = |writer: usize| async move {
        let mut ended = Vec::new();
        for args in operations(writer, count) {
            ended.push(Ended::of(&command(writer, &args).output().await.expect("the program starts")));
        }
        ended
    };
    futures::future::join_all((0..8).map(writer)).await.into_iter().flatten().collect()
}

/// Two writers share a machine.
fn machine(folder: &Path, writer: usize) -> PathBuf {
    folder.join(format!("machine {}", writer / 2))
}

fn in_world(world: &ProgramWorld, writer: usize, args: &[String]) -> Command {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = world.command(&args);
    // The clock of the world is shared, so the pauses of all writers, and of all other clients, add up.
    command.env("OAR_STATE_TRIES", "200").env("OAR_STATE_TOTAL", "3600");
    command.env("OAR_HOME", machine(world.home.path(), writer));
    command
}

/// Every machine has seen the release; looking sends nothing.
async fn all_machines_look(world: &ProgramWorld) {
    for writer in [0, 2, 4, 6] {
        let args = ["state".to_owned(), "show".to_owned()];
        Ended::of(&in_world(world, writer, &args).output().await.expect("the program starts")).exits(0);
    }
}

/// What waits on any machine is sent.
async fn all_machines_send(world: &ProgramWorld) {
    for writer in [0, 2, 4, 6] {
        let args = ["state", "unsent", "--send"].map(str::to_owned);
        Ended::of(&in_world(world, writer, &args).output().await.expect("the program starts")).exits(0);
    }
}

async fn waiting(world: &ProgramWorld) -> usize {
    let mut waiting = 0;
    for writer in [0, 2, 4, 6] {
        let args = ["state".to_owned(), "unsent".to_owned()];
        let ended = Ended::of(&in_world(world, writer, &args).output().await.expect("the program starts")).exits(0);
        assert!(!ended.out.contains("refused"), "{}", ended.out);
        waiting += ended.out.matches("  waits").count();
    }
    waiting
}

#[track_caller]
fn all_exit(ended: &[Ended], codes: &[i32]) {
    for ended in ended {
        assert!(codes.contains(&ended.code), "{ended:?}");
    }
}

async fn eight_processes_change_one_file_on_github_and_nothing_gets_lost(count: usize) {
    let world = ProgramWorld::created().await;
    let commits = || world.sim.world().facts().github.branches[BRANCH].messages.len();
    let before = commits();
    let ended = all_at_once(count, |writer, args| in_world(&world, writer, args)).await;
    assert_eq!(ended.len(), 8 * count);
    all_exit(&ended, &[0]);
    expect_all(&world.state(), count);
    assert_eq!(commits() - before, 8 * count, "one commit each");
}

/// A local store with a fresh state file; the folder of the machines beside it.
fn fresh_state() -> (ZStream, String) {
    let release: ZStream = "4.20.17".parse().expect("a release");
    let text = State::create(&release, Timestamp::UNIX_EPOCH, &Metadata::default()).to_yaml();
    (release, text)
}

fn at_home(store: &Path, homes: &Path, writer: usize, args: &[String]) -> Command {
    let mut command = bare(&["-r", "4.20.17", "--state"]);
    // On a busy machine a change through Git takes seconds, and the pauses are real ones.
    command.env("OAR_STATE_TRIES", "100").env("OAR_STATE_TOTAL", "600");
    command.arg(store).args(args).env("OAR_HOME", machine(homes, writer));
    command
}

async fn eight_processes_change_one_file_in_a_directory_and_nothing_gets_lost(count: usize) {
    let (store, homes) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (release, text) = fresh_state();
    let repo = Repo::Directory(store.path().to_owned());
    repo.write(BRANCH, &release.state_path(), text.as_bytes(), None, "Initialize").await.expect("a first file");
    let ended = all_at_once(count, |writer, args| at_home(store.path(), homes.path(), writer, args)).await;
    all_exit(&ended, &[0]);
    expect_all(&stored(&repo, &release).await, count);
}

async fn eight_processes_change_one_file_in_a_git_repository_and_nothing_gets_lost(count: usize) {
    let (store, homes) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    #[expect(clippy::disallowed_methods, reason = "a person makes the repository")]
    let mut git = Command::new("git");
    let made = git.args(["init", "--quiet", "--bare"]).arg(store.path()).status().await;
    assert!(made.expect("git starts").success());
    let (release, text) = fresh_state();
    let env = Env::default().with("PATH", "/usr/bin:/bin");
    let author = Author { name: "test".to_owned(), mail: "oar@example.com".to_owned() };
    let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
    let repo = Repo::Git(GitDir::new(store.path(), &author, &env, clock, CancellationToken::new()));
    repo.write(BRANCH, &release.state_path(), text.as_bytes(), None, "Initialize").await.expect("a first commit");
    let ended = all_at_once(count, |writer, args| at_home(store.path(), homes.path(), writer, args)).await;
    all_exit(&ended, &[0]);
    expect_all(&stored(&repo, &release).await, count);
    #[expect(clippy::disallowed_methods, reason = "a person looks at the history")]
    let mut git = Command::new("git");
    let commits = git.arg("-C").arg(store.path()).args(["rev-list", "--count", BRANCH]).output().await;
    assert_eq!(
        String::from_utf8_lossy(&commits.expect("git starts").stdout).trim(),
        (8 * count + 1).to_string(),
        "one commit each"
    );
}

async fn stored(repo: &Repo, release: &ZStream) -> State {
    let file = repo.read(BRANCH, &release.state_path()).await.expect("a store").expect("a file");
    State::parse(std::str::from_utf8(&file.bytes).expect("text"), Some(release)).expect("a state")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_while_github_was_away_arrives_later() {
    let world = ProgramWorld::created().await;
    all_machines_look(&world).await;
    let before = world.state();
    world
        .sim
        .world()
        .faults()
        .add(Rule::on("github", InjectedFault::Status { code: 503, retry_after_s: None }))
        .expect("a rule");

    let ended = all_at_once(6, |writer, args| in_world(&world, writer, args)).await;

    all_exit(&ended, &[3]);
    assert!(
        ended.iter().all(|ended| ended.out.contains("not stored yet") && ended.out.contains("unsent/4.20.17.jsonl"))
    );
    assert_eq!(world.state(), before, "nothing arrived");
    assert_eq!(waiting(&world).await, 48);
    world.sim.world().faults().clear();
    all_machines_look(&world).await;
    assert_eq!((world.state(), waiting(&world).await), (before, 48), "looking sends nothing");
    all_machines_send(&world).await;
    expect_all(&world.state(), 6);
    assert_eq!(waiting(&world).await, 0);
}

async fn github_goes_away_in_the_middle_of_their_operations_and_all_of_them_arrive(count: usize) {
    let world = ProgramWorld::created().await;
    all_machines_look(&world).await;
    let times = u32::try_from(count).expect("a small number");
    let away =
        Rule { nth: Some(6 * times), ..Rule::on("github", InjectedFault::Status { code: 503, retry_after_s: None }) };
    world.sim.world().faults().add(away.times(10 * times)).expect("a rule");

    let ended = all_at_once(count, |writer, args| in_world(&world, writer, args)).await;

    all_exit(&ended, &TAKEN);
    for code in TAKEN {
        assert!(ended.iter().any(|ended| ended.code == code), "nobody met GitHub in both its states");
    }
    let honest = |ended: &Ended| ended.out.contains("not stored yet") == (ended.code == 3);
    assert!(ended.iter().all(honest), "who was not stored says so, and nobody else");
    world.sim.world().faults().clear();
    all_machines_look(&world).await;
    all_machines_send(&world).await;
    expect_all(&world.state(), count);
    assert_eq!(waiting(&world).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_is_believed_whatever_happens_to_questions_and_answers() {
    let world = ProgramWorld::created().await;
    all_machines_look(&world).await;
    *world.sim.world().faults() = Faults::random(0.15, 7);
    for (nth, fault) in
        [(3, InjectedFault::AppliedThenReset), (9, InjectedFault::AppliedThenError), (15, InjectedFault::Truncated)]
    {
        let rule = Rule { nth: Some(nth), ..Rule::on("github", fault).method("PUT").times(3) };
        world.sim.world().faults().add(rule).expect("a rule");
    }

    let ended = all_at_once(8, |writer, args| in_world(&world, writer, args)).await;

    all_exit(&ended, &TAKEN);
    assert!(world.was_disturbed());
    *world.sim.world().faults() = Faults::none();
    all_machines_send(&world).await;
    expect_all(&world.state(), 8);
    assert_eq!(waiting(&world).await, 0);
}

/// Every story twice: a few changes of each writer, and many in `long`.
macro_rules! stories {
    ($($story:ident)*) => {
        mod short {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(6).await;
            })*
        }

        mod long {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(25).await;
            })*
        }
    };
}

stories! {
    eight_processes_change_one_file_on_github_and_nothing_gets_lost
    eight_processes_change_one_file_in_a_directory_and_nothing_gets_lost
    eight_processes_change_one_file_in_a_git_repository_and_nothing_gets_lost
    github_goes_away_in_the_middle_of_their_operations_and_all_of_them_arrive
}
