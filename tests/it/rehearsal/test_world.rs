//! A simulated world with one release, and `oar` standing in it.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use oar::cli::outside::{Outside, Stream};
use oar::core::clock::{Clock, VirtualClock};
use oar::core::config::env::Env;
use oar::core::config::settings::Settings;
use oar::core::config::sources::Flags;
use oar::core::context::{Context, Options, StateAccess};
use oar::core::transport::{InMemory, ProgramCall, ProgramEnd, Transport};
use oar::domain::release::ZStream;
use oar::domain::state::operation::{Applied, Operation, SetTask};
use oar::domain::state::view::State;
use oar::domain::task::{Task, TaskStatus};
use oar::sim::auth::secrets;
use oar::sim::events::Event;
use oar::sim::faults::rules::Faults;
use oar::sim::journal::Raw;
use oar::sim::scenario::{ReleasePlan, Scenario};
use oar::sim::server::{Simulator, StartOptions};
use tokio_util::sync::CancellationToken;

/// The release of all stories.
pub(crate) const RELEASE: &str = "4.20.17";

/// A world, its clock, and everything that `oar` said in it.
pub(crate) struct TestWorld {
    pub release: ZStream,
    pub(super) simulator: Simulator,
    pub(super) clock: VirtualClock,
    transport: Transport,
    home: tempfile::TempDir,
    pub(super) env: Env,
    said: Mutex<String>,
    seen: Mutex<Vec<String>>,
}

/// A world at its beginning: nobody has looked at the release yet.
pub(crate) async fn fresh() -> TestWorld {
    TestWorld::founded("smooth", |_| {}).await
}

/// The state file exists, nothing else was done.
pub(crate) async fn with_state_file() -> TestWorld {
    let world = fresh().await;
    world.has_report().await;
    world
}

/// Everything up to the push has passed; the payload is not promoted yet.
pub(crate) async fn prepared() -> TestWorld {
    let world = with_state_file().await;
    let done = [
        Task::TakeOwnership,
        Task::CheckCveTrackerBug,
        Task::CheckRhcosSecurityAlerts,
        Task::PushToCdnStaging,
        Task::AnalyzeCandidateBuild,
    ];
    world.somebody_stores(&done, TaskStatus::Pass);
    world.everything_is_pushed();
    world
}

/// Prepared, promoted, released to stage, and the tests of the promoted build are accepted.
pub(crate) async fn promoted() -> TestWorld {
    let world = prepared().await;
    world.payload_is_promoted();
    world.stage_release_succeeds();
    world.tests_of_the_promoted_build_are_accepted();
    world.somebody_stores(&[Task::AnalyzePromotedBuild], TaskStatus::Pass);
    world
}

/// Only the final approval is left, and it is the day before the release.
pub(crate) async fn ready_to_approve() -> TestWorld {
    let world = promoted().await;
    world.signature_is_published();
    let done = [Task::ImageConsistencyCheck, Task::StageTesting, Task::ImageSignedCheck];
    world.somebody_stores(&done, TaskStatus::Pass);
    world.days_pass(6);
    world
}

impl TestWorld {
    /// The world `scenario`, small, after `change`.
    pub(crate) async fn founded(scenario: &str, change: impl FnOnce(&mut ReleasePlan)) -> Self {
        let release: ZStream = RELEASE.parse().unwrap();
        let mut scenario = Scenario::named(scenario, Some(&release), None).unwrap();
        (scenario.plan.sizes.images, scenario.plan.sizes.components) = (64, 6);
        change(&mut scenario.plan);
        Self::begun(scenario).await
    }

    /// The world in which a release goes on from its state file.
    pub(crate) async fn from_state_file(text: &str) -> Self {
        let mut scenario = Scenario::from_state(crate::worlds::read(&serde_yaml::from_str(text).expect("YAML")));
        (scenario.plan.sizes.images, scenario.plan.sizes.components) = (40, 6);
        let world = Self::begun(scenario).await;
        world.simulator.world().facts().github.put_file("z-stream", &world.release.state_path(), text);
        world
    }

    async fn begun(scenario: Scenario) -> Self {
        let release = scenario.plan.release.clone();
        let clock = VirtualClock::starting_at(scenario.start());
        let options = StartOptions { port: 0, scenario, seed: 1, clock: clock.clone(), faults: Faults::none() };
        let simulator = Simulator::start(options).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let settings = home.path().join("settings.json");
        std::fs::write(&settings, simulator.sealed_settings_json()).unwrap();
        let mut env: Env = simulator.env().into_iter().collect();
        env = env.with("OAR_CONFIG_FILE", settings.display().to_string());
        env = env.with("OAR_HOME", home.path().join("home").display().to_string());
        env = env.with("OAR_ELLIOTT_CMD", format!("{} sim elliott", env!("CARGO_BIN_EXE_oar")));
        let transport = Transport::InMemory(InMemory::new(simulator.base_url(), simulator.in_memory()));
        Self { release, simulator, clock, transport, home, env, said: Mutex::default(), seen: Mutex::default() }
    }

    /// The same world with elliott in this process: no program is started.
    pub(crate) fn without_programs(mut self) -> Self {
        let elliott = self.simulator.elliott();
        let programs = tower::service_fn(move |call: ProgramCall| {
            let ended = elliott(&call.arguments, &call.environment);
            async move {
                let Some(ended) = ended else { return std::future::pending().await };
                Ok(ProgramEnd { code: ended.code.into(), stdout: ended.stdout.into_bytes(), stderr: ended.stderr })
            }
        });
        let services = InMemory::new(self.simulator.base_url(), self.simulator.in_memory());
        self.transport = Transport::InMemory(services.with_programs(programs));
        self
    }

    /// The simulator behind it.
    pub(crate) fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// The clock of the world.
    pub(crate) fn clock(&self) -> VirtualClock {
        self.clock.clone()
    }

    /// Rewrites the sealed settings.
    pub(crate) fn settings(&self, change: impl FnOnce(&mut serde_json::Value)) {
        let path = self.home.path().join("settings.json");
        let mut settings = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut settings);
        std::fs::write(path, settings.to_string()).unwrap();
    }

    /// Everything that this machine keeps of its runs: file by file, settings aside.
    pub(crate) fn kept(&self) -> Vec<(String, String)> {
        let mut kept = Vec::new();
        let mut folders = vec![self.home.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("settings.json") {
                    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                    kept.push((path.strip_prefix(self.home.path()).unwrap().display().to_string(), text));
                }
            }
        }
        kept
    }

    /// Everything that was printed so far, log lines and all.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// A path below the home of this world.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    /// Runs one command line about the release, from another machine than the last one.
    pub(crate) async fn elsewhere(&mut self, line: &str) -> String {
        let other = self.home.path().join("elsewhere").display().to_string();
        let here = std::mem::take(&mut self.env);
        self.env = here.clone().with("OAR_HOME", other);
        let output = self.oar(line).await;
        self.env = here;
        output
    }

    /// Runs `oar -r RELEASE LINE`: what it printed, what it complained about, how it ended.
    ///
    /// Words in double quotes stay together. Log lines are left out: the reports say the same.
    pub(crate) async fn oar(&self, line: &str) -> String {
        let mut args = vec!["oar".to_owned(), "-r".to_owned(), RELEASE.to_owned()];
        args.extend(split(line));
        self.run(args, self.env.clone()).await
    }

    /// Runs a command that may change neither the state file nor anything outside.
    pub(crate) async fn oar_changes_nothing(&self, line: &str) -> String {
        let file = self.file();
        self.new_writes();
        let output = self.oar(line).await;
        assert_eq!(self.new_writes(), "nothing", "{output}");
        assert_eq!(self.file(), file, "{output}");
        output
    }

    /// The same without one variable of the environment.
    pub(crate) async fn oar_without(&self, variable: &str, line: &str) -> String {
        let mut args = vec!["oar".to_owned(), "-r".to_owned(), RELEASE.to_owned()];
        args.extend(split(line));
        self.run(args, self.env.clone().with(variable, "")).await
    }

    /// Runs `oar` about another release.
    pub(crate) async fn oar_about(&self, release: &str, line: &str) -> String {
        let mut args = vec!["oar".to_owned(), "-r".to_owned(), release.to_owned()];
        args.extend(split(line));
        self.run(args, self.env.clone()).await
    }

    /// The same with one variable of the environment set otherwise.
    pub(crate) async fn oar_with(&self, variable: &str, value: &str, line: &str) -> String {
        let mut args = vec!["oar".to_owned(), "-r".to_owned(), RELEASE.to_owned()];
        args.extend(split(line));
        self.run(args, self.env.clone().with(variable, value)).await
    }

    /// The same with several variables of the environment set otherwise.
    pub(crate) async fn oar_with_all(&self, variables: &[(&str, &str)], line: &str) -> String {
        let mut args = vec!["oar".to_owned(), "-r".to_owned(), RELEASE.to_owned()];
        args.extend(split(line));
        let env = variables.iter().fold(self.env.clone(), |env, (name, value)| env.with(name, *value));
        self.run(args, env).await
    }

    /// Sets variables of the environment for everything that follows.
    pub(crate) fn add_variables(&mut self, variables: &[(&str, &str)]) {
        self.env = variables.iter().fold(self.env.clone(), |env, (name, value)| env.with(name, *value));
    }

    /// Every request so far, one JSON line each.
    pub(crate) fn journal(&self) -> String {
        self.simulator.journal()
    }

    /// Outside writes since the last time this was asked, without their order.
    pub(crate) fn new_writes(&self) -> String {
        let mut seen = self.seen.lock().unwrap();
        let all = self.external_writes();
        let mut old = std::mem::replace(&mut *seen, all.clone());
        let mut new = Vec::new();
        for write in all {
            match old.iter().position(|known| *known == write) {
                Some(place) => drop(old.swap_remove(place)),
                None => new.push(write),
            }
        }
        if new.is_empty() { "nothing".to_owned() } else { new.join("\n") }
    }

    /// What the program would work with here, for stories that say more than a command line can.
    pub(crate) fn context(&self) -> Context {
        let settings = Arc::new(Settings::load(&self.env, &Flags::default()).expect("settings"));
        let (clock, transport) = (Clock::Virtual(self.clock.clone()), self.transport.clone());
        let (cancel, options) = (CancellationToken::new(), Options::default());
        Context::new(settings, clock, transport, cancel, "story".to_owned(), options, StateAccess::Required)
            .expect("a context")
    }

    async fn run(&self, args: Vec<String>, env: Env) -> String {
        self.run_with(args, env, self.transport.clone(), self.clock.clone()).await
    }

    /// The same by another way out and with another clock.
    pub(super) async fn run_with(
        &self,
        args: Vec<String>,
        env: Env,
        transport: Transport,
        clock: VirtualClock,
    ) -> String {
        let (out, printed) = Stream::captured();
        let (err, complained) = Stream::captured();
        let clock = Some(Clock::Virtual(clock));
        let outside = Outside { transport, clock, ..Outside::new(args, env, out, err) };
        let exit = oar::cli::program::run(outside, CancellationToken::new()).await;
        let read = |buffer: &Mutex<Vec<u8>>| String::from_utf8(buffer.lock().unwrap().clone()).unwrap();
        let (printed, complained) = (read(&printed), read(&complained));
        self.said.lock().unwrap().push_str(&format!("{printed}{complained}"));
        let complaints: String =
            complained.lines().filter(|line| !is_log(line)).map(|line| format!("{line}\n")).collect();
        let output = format!("{printed}{complaints}exit {}", exit.code());
        self.plain(&output)
    }

    /// Without the port of the simulator, which differs from run to run.
    pub(super) fn plain(&self, text: &str) -> String {
        text.replace(self.simulator.base_url(), "https://sim.example.com")
    }

    /// Puts the state file there, quietly.
    pub(crate) async fn has_report(&self) {
        let output = self.oar("create-test-report --no-notify").await;
        assert!(output.ends_with("exit 0"), "{output}");
    }

    /// The text of the state file.
    pub(crate) fn file(&self) -> String {
        let facts = self.simulator.world().facts();
        facts.github.file("z-stream", &self.release.state_path()).expect("a state file").to_owned()
    }

    /// The stored state.
    pub(crate) fn state(&self) -> State {
        State::parse(&self.file(), Some(&self.release)).expect("a state that can be read")
    }

    /// Somebody else (a colleague, the program of old) writes statuses into the state file.
    pub(crate) fn somebody_stores(&self, tasks: &[Task], status: TaskStatus) {
        self.someone_else_edits_the_state(|mut state| {
            for task in tasks {
                state =
                    self.applied(state, Operation::SetTask(SetTask::new(*task, TaskStatus::InProgress, self.now())));
                if status != TaskStatus::InProgress {
                    let result = Some(format!("Stored by a colleague.\ntask [{task}] status is changed to [{status}]"));
                    let set = SetTask { result, ..SetTask::new(*task, status, self.now()) };
                    state = self.applied(state, Operation::SetTask(set));
                }
            }
            state
        });
    }

    /// Somebody else changes the state file between two of our runs.
    pub(crate) fn someone_else_edits_the_state(&self, edit: impl FnOnce(State) -> State) {
        let text = edit(self.state()).to_yaml();
        self.simulator.world().facts().github.put_file("z-stream", &self.release.state_path(), &text);
    }

    /// Somebody else changes the text of the state file by hand.
    pub(crate) fn someone_else_edits_the_text(&self, edit: impl FnOnce(&str) -> String) {
        let before = self.file();
        let text = edit(&before);
        assert_ne!(text, before, "the story changes nothing");
        self.simulator.world().facts().github.put_file("z-stream", &self.release.state_path(), &text);
    }

    /// The value of a variable in this world.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.env.get(name).map(str::to_owned)
    }

    /// Every request and its answer.
    pub(crate) fn requests(&self) -> Vec<serde_json::Value> {
        self.requests_of(|_| true)
    }

    /// Those that are `wanted`.
    pub(crate) fn requests_of(&self, wanted: impl Fn(&Raw) -> bool) -> Vec<serde_json::Value> {
        let entries = self.simulator.world().journal().entries_of(wanted);
        entries.iter().map(|entry| serde_json::to_value(entry).expect("JSON")).collect()
    }

    /// Applies one operation; a refusal is a mistake of the story.
    pub(crate) fn applied(&self, state: State, operation: Operation) -> State {
        match operation.apply(&state, self.now()) {
            Applied::Changed(state) => state,
            Applied::Unchanged => state,
            Applied::Rejected(why) => panic!("the story stores what may not be stored: {why}"),
        }
    }

    /// The time in world.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass: `2h`, `45m`.
    pub(crate) fn time_passes(&self, length: &str) {
        let length: SignedDuration = length.parse().expect("a length of time");
        self.clock.advance(length);
        drop(self.simulator.world().facts());
    }

    /// Lets whole days pass.
    pub(crate) fn days_pass(&self, days: i64) {
        self.clock.advance(SignedDuration::from_hours(24 * days));
        drop(self.simulator.world().facts());
    }

    pub(super) fn happens(&self, event: Event) {
        self.simulator.world().happens(event);
    }

    /// The stored status of a task.
    #[track_caller]
    pub(crate) fn expect_task(&self, task: Task, status: TaskStatus) {
        assert_eq!(self.state().status(task), status, "{task} in\n{}", self.file());
    }

    /// The job that is stored with a task.
    pub(crate) fn job_of(&self, task: Task) -> Option<String> {
        self.state().task(task).and_then(|entry| entry.job_ref).map(|job| job.id)
    }

    /// Nothing was asked that the world does not know, and no secret got into any text.
    #[track_caller]
    pub(crate) fn finish(self) {
        assert_eq!(self.simulator.unmatched(), Vec::<String>::new());
        let messages: String = self.posted_messages().join("\n");
        let file = {
            let facts = self.simulator.world().facts();
            facts.github.file("z-stream", &self.release.state_path()).unwrap_or_default().to_owned()
        };
        let said = self.said.lock().unwrap();
        for (place, text) in [("output", said.as_str()), ("state file", &file), ("messages", &messages)] {
            for secret in secrets() {
                assert!(!text.contains(secret), "{secret} got into the {place}:\n{text}");
            }
        }
    }
}

fn is_log(line: &str) -> bool {
    let stamped = line.get(..20).is_some_and(|head| head.ends_with('Z') && head.as_bytes()[10] == b'T');
    stamped && line.get(20..).is_some_and(|rest| rest.starts_with(": "))
}

pub(super) fn split(line: &str) -> Vec<String> {
    let mut args = Vec::new();
    for (place, piece) in line.split('"').enumerate() {
        if place % 2 == 1 {
            args.push(piece.to_owned());
        } else {
            args.extend(piece.split_whitespace().map(str::to_owned));
        }
    }
    args
}
