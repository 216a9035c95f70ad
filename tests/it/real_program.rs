//! The real program as a child process, against a simulated world in this one.

use std::process::{Output, Stdio};

use jiff::SignedDuration;
use oar::core::clock::VirtualClock;
use oar::domain::release::ZStream;
use oar::domain::state::operation::{Applied, Operation, SetTask};
use oar::domain::state::view::State;
use oar::domain::task::{Task, TaskStatus};
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::{Faults, Rule};
use oar::sim::journal::Raw;
use oar::sim::scenario::{Progress, Scenario, Sizes};
use oar::sim::server::{Simulator, StartOptions};
use tokio::process::{Child, Command};

/// Branch of the state files.
const BRANCH: &str = "z-stream";

/// A simulated world, and the program's home beside it.
pub(crate) struct ProgramWorld {
    pub(crate) sim: Simulator,
    pub(crate) home: tempfile::TempDir,
    release: ZStream,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Fails with everything that was printed unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

/// A write that a service carried out: service, method, path, body.
pub(crate) type Write = (String, String, String, String);

impl ProgramWorld {
    /// The smooth world of 4.20.17, small and quick, without a state file.
    pub(crate) async fn empty() -> Self {
        Self::of(scenario()).await
    }

    /// The same with enough images that every part of the shipment has some.
    pub(crate) async fn with_every_part() -> Self {
        let mut scenario = scenario();
        scenario.plan.sizes.images = 64;
        Self::of(scenario).await
    }

    /// The same with a fresh state file.
    pub(crate) async fn created() -> Self {
        let world = Self::empty().await;
        world.oar(&["create-test-report", "--no-notify"]).await.exits(0);
        world
    }

    /// Promoted, stage released and tested; these tasks passed.
    pub(crate) async fn promoted(passed: &[Task]) -> Self {
        let mut scenario = scenario();
        let past = &mut scenario.plan.past;
        (past.promoted, past.stage_released) = (true, true);
        for task in passed {
            past.tasks.entry(task.name().to_owned()).or_default().progress = Progress::Passed;
        }
        let world = Self::of(scenario).await;
        world.oar(&["create-test-report", "--no-notify"]).await.exits(0);
        world.edit(|state| passed.iter().fold(state, |state, task| moved(&state, *task, TaskStatus::Pass)));
        world
    }

    async fn of(scenario: Scenario) -> Self {
        let clock = VirtualClock::starting_at(scenario.start());
        let release = scenario.plan.release.clone();
        let options = StartOptions { port: 0, scenario, seed: 1, clock, faults: Faults::none() };
        let sim = Simulator::start(options).await.expect("a free port");
        let home = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(home.path().join("settings.json"), sim.sealed_settings_json()).expect("a file");
        Self { sim, home, release }
    }

    /// Runs `oar -r 4.20.17 …` to its end.
    pub(crate) async fn oar(&self, args: &[&str]) -> Ended {
        Ended::of(&self.command(args).output().await.expect("the program starts"))
    }

    /// The program with the environment that the simulator prints, not started yet.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_oar");
        let path = |name: &str| self.home.path().join(name).display().to_string();
        let mut command = bare(&["-r", &self.release.to_string()]);
        command
            .args(args)
            .envs(self.sim.env())
            .env("OAR_CONFIG_FILE", path("settings.json"))
            .env("OAR_HOME", path("home"))
            .env("OAR_ELLIOTT_CMD", format!("{program} sim elliott"));
        command
    }

    /// Runs the program until a request hangs, then kills it; false when it ended before.
    pub(crate) async fn oar_killed_at(&self, args: &[&str], signal: Signal) -> Option<Ended> {
        let mut child = self.command(args).spawn().expect("the program starts");
        tokio::select! {
            () = self.sim.world().hangs().notified() => {}
            ended = child.wait() => {
                drop(ended);
                return None;
            }
        }
        signal.send(&mut child);
        let output = child.wait_with_output().await.expect("the program ends");
        Some(Ended::of(&output))
    }

    /// The next `method` request of this number goes wrong, once.
    pub(crate) fn fault(&self, method: &str, nth: usize, fault: InjectedFault) {
        let nth = u32::try_from(nth).expect("a small number");
        let rule = Rule::everywhere(fault).method(method).from_nth(nth).times(1);
        self.sim.world().faults().add(rule).expect("a rule");
    }

    /// Lets time pass.
    pub(crate) fn hours_pass(&self, hours: i64) {
        self.sim.world().clock().advance(SignedDuration::from_hours(hours));
    }

    /// The stored state.
    pub(crate) fn state(&self) -> State {
        let facts = self.sim.world().facts();
        let text = facts.github.file(BRANCH, &self.release.state_path()).expect("a state file");
        State::parse(text, Some(&self.release)).expect("a state file that can be read")
    }

    /// Changes the stored state as somebody else would.
    pub(crate) fn edit(&self, change: impl FnOnce(State) -> State) {
        let text = change(self.state()).to_yaml();
        self.sim.world().facts().github.put_file(BRANCH, &self.release.state_path(), &text);
    }

    /// Every write that a service carried out, except to the state repository; sorted.
    pub(crate) fn writes(&self) -> Vec<Write> {
        let is_write = |raw: &Raw| {
            // Koji is asked by POST and changes nothing.
            raw.method != "GET" && raw.service != "github" && raw.service != "koji"
                // Converges: whoever goes on after a crash may have it done again.
                && !raw.path.ends_with("/security_alerts/refresh")
                && raw.fault.is_none_or(|fault| fault.starts_with("applied_then"))
        };
        let entries = self.sim.world().journal().entries_of(is_write);
        let mut writes: Vec<Write> = entries
            .into_iter()
            .map(|entry| (entry.service, entry.method, entry.path, entry.body.unwrap_or_default()))
            .collect();
        writes.sort();
        writes
    }

    /// Did a fault hit any request?
    pub(crate) fn was_disturbed(&self) -> bool {
        self.sim.world().journal().any(|raw| raw.fault.is_some())
    }

    /// How many requests of this method were made.
    pub(crate) fn requests(&self, method: &str) -> usize {
        self.sim.world().journal().entries_of(|raw| raw.method == method).len()
    }
}

/// How a program is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Kill,
    Interrupt,
    Terminate,
    HangUp,
    /// Says what it is doing.
    Ask,
}

impl Signal {
    pub(crate) fn send(self, child: &mut Child) {
        let signal = match self {
            Self::Kill => return child.start_kill().expect("it still runs"),
            Self::Interrupt => rustix::process::Signal::INT,
            Self::Terminate => rustix::process::Signal::TERM,
            Self::HangUp => rustix::process::Signal::HUP,
            Self::Ask => rustix::process::Signal::USR1,
        };
        let id = i32::try_from(child.id().expect("it still runs")).expect("a process id");
        let id = rustix::process::Pid::from_raw(id).expect("a process id");
        rustix::process::kill_process(id, signal).expect("it still runs");
    }
}

/// The program with an empty environment.
pub(crate) fn bare(args: &[&str]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the program itself is what is tested")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_oar"));
    command
        .args(args)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs the program with an empty environment.
pub(crate) async fn run_bare(args: &[&str]) -> Ended {
    Ended::of(&bare(args).output().await.expect("the program starts"))
}

/// `state` with a task moved.
pub(crate) fn moved(state: &State, task: Task, to: TaskStatus) -> State {
    let at = "2026-06-03T06:00:00Z".parse().expect("a time");
    match Operation::SetTask(SetTask::new(task, to, at)).apply(state, at) {
        Applied::Changed(state) => state,
        Applied::Unchanged | Applied::Rejected(_) => panic!("{task} cannot become {to}"),
    }
}

fn scenario() -> Scenario {
    let release = "4.20.17".parse().expect("a release");
    let mut scenario = Scenario::named("smooth", Some(&release), None).expect("a scenario");
    scenario.plan.sizes = Sizes { images: 6, components: 6, record_jobs: 2 };
    scenario
}
