//! Machines that work on one release at once: each with a home, a name and a clock of its own, all of them in this
//! process and in virtual time.
//!
//! ```text
//! let world = promoted().await;
//! let (one, other) = (world.machine("one"), world.machine_with_clock("other", "-10m"));
//! one.oar("stage-testing").await;                  // a run to its end, as `TestWorld::oar`
//! futures::join!(one.oar("drive --watch"), other.oar("drive --watch"));
//! ```
//!
//! With two machines or more a pause of one moves time only when no other has anything to do before its end, so
//! runs side by side meet as they would in real life, and meet in the same way each time.
//!
//! A machine can be stopped at any of its writes ([`Point`]): killed ([`Machine::oar_killed`]) nothing of it goes on
//! and its locks are free; frozen ([`Machine::oar_frozen`]) all of it stands still, as after SIGSTOP, until it is
//! revived ([`Frozen::revived`]). The points of a run are found by letting it run once undisturbed in a world of the
//! same kind, and asking [`points`] about [`Machine::sent`]. [`at_every_point`] does both for a whole story.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::FutureExt as _;
use http::Request;
use jiff::SignedDuration;
use oar::core::clock::{Clock, VirtualClock};
use oar::core::config::env::Env;
use oar::core::config::settings::Settings;
use oar::core::config::sources::Flags;
use oar::core::context::{Context, Options, StateAccess};
use oar::core::transport::{InMemory, ProgramCall, ProgramEnd, Transport};
use oar::sim::services::table;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::test_world::{RELEASE, TestWorld, split};

/// Where between the steps of an outside write a machine is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// Before the state says what is going to be done.
    BeforeIntent,
    /// After that, before the write leaves the machine.
    BeforeSending,
    /// The service has carried it out, no answer has come.
    Unanswered,
    /// The answer has come; the machine has asked nobody anything since.
    Unrecorded,
}

/// A point of a run at which its machine is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    /// Which outside write it is about, for messages.
    pub(crate) write: String,
    /// When.
    pub(crate) moment: Moment,
    /// Number of the write among all writes of the run, those to the state included; 1 is the first.
    pub(crate) number: usize,
}

/// A write that left a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// `METHOD /service/path`.
    pub(crate) what: String,
    /// It went to the repository of the state.
    pub(crate) is_state: bool,
}

/// All points of a run that sent these writes: four for each write that is none to the state.
pub(crate) fn points(sent: &[Sent]) -> Vec<Point> {
    let mut points = Vec::new();
    for (index, write) in sent.iter().enumerate().filter(|(_, write)| !write.is_state) {
        let point = |moment, number| Point { write: write.what.clone(), moment, number };
        if let Some(intent) = sent[..index].iter().rposition(|before| before.is_state) {
            points.push(point(Moment::BeforeIntent, intent + 1));
        }
        for moment in [Moment::BeforeSending, Moment::Unanswered, Moment::Unrecorded] {
            points.push(point(moment, index + 1));
        }
    }
    points
}

/// All points of a run that sent these writes, whatever they went to: three for each, but for the last one, after which
/// nobody may be asked anything.
pub(crate) fn points_of_all(sent: &[Sent]) -> Vec<Point> {
    let moments = [Moment::BeforeSending, Moment::Unanswered, Moment::Unrecorded];
    let of = |(index, write): (usize, &Sent)| {
        moments.map(|moment| Point { write: write.what.clone(), moment, number: index + 1 })
    };
    let mut points: Vec<_> = sent.iter().enumerate().flat_map(of).collect();
    points.pop();
    points
}

/// A machine of its own.
pub(crate) struct Machine<'w> {
    world: &'w TestWorld,
    env: Env,
    clock: VirtualClock,
    gate: Arc<Gate>,
    transport: Transport,
}

impl TestWorld {
    /// One more machine; the same name is the same home.
    pub(crate) fn machine(&self, name: &str) -> Machine<'_> {
        self.machine_with_clock(name, "0s")
    }

    /// One more machine whose clock is wrong by so much: `10m`, `-10m`.
    pub(crate) fn machine_with_clock(&self, name: &str, skew: &str) -> Machine<'_> {
        let skew: SignedDuration = skew.parse().expect("a length of time");
        let home = self.path(&format!("machine-{name}"));
        let env = self.env.clone().with("OAR_HOME", home.display().to_string());
        let (clock, gate) = (self.clock.for_machine(skew), Arc::new(Gate::default()));
        let transport = way_out(self, &gate);
        Machine { world: self, env, clock, gate, transport }
    }
}

/// The services of the world behind the gate of one machine.
fn way_out(world: &TestWorld, gate: &Arc<Gate>) -> Transport {
    let (services, gate) = (world.simulator.in_memory(), Arc::clone(gate));
    let guarded = tower::service_fn(move |request: Request<Bytes>| {
        let (services, gate) = (services.clone(), Arc::clone(&gate));
        async move {
            let number = gate.leaves(&request).await;
            let answer = services.oneshot(request).await;
            gate.answered(number).await;
            answer
        }
    });
    let elliott = world.simulator.elliott();
    let programs = tower::service_fn(move |call: ProgramCall| {
        let ended = elliott(&call.arguments, &call.environment);
        async move {
            let Some(ended) = ended else { return std::future::pending().await };
            Ok(ProgramEnd { code: ended.code.into(), stdout: ended.stdout.into_bytes(), stderr: ended.stderr })
        }
    });
    Transport::InMemory(InMemory::new(world.simulator.base_url(), guarded).with_programs(programs))
}

impl Machine<'_> {
    /// Runs `oar -r RELEASE LINE` on this machine: what it printed, and how it ended.
    pub(crate) async fn oar(&self, line: &str) -> String {
        self.oar_with(&[], line).await
    }

    /// The same with variables of the environment set otherwise.
    pub(crate) async fn oar_with(&self, variables: &[(&str, &str)], line: &str) -> String {
        self.gate.state().sent.clear();
        let mut args = vec!["oar".to_owned(), "-r".to_owned(), RELEASE.to_owned()];
        args.extend(split(line));
        let env = variables.iter().fold(self.env.clone(), |env, (name, value)| env.with(name, *value));
        self.world.run_with(args, env, self.transport.clone(), self.clock.clone()).await
    }

    /// Runs it until the point, where the machine dies; what it reported when it ended before.
    pub(crate) async fn oar_killed(&self, point: &Point, line: &str) -> Option<String> {
        match self.oar_frozen(point, line).await {
            Ok(frozen) => {
                drop(frozen);
                None
            }
            Err(reported) => Some(reported),
        }
    }

    /// Runs it until the point, where the machine stands still; what it reported when it ended before.
    pub(crate) async fn oar_frozen<'m>(&'m self, point: &Point, line: &'m str) -> Result<Frozen<'m>, String> {
        self.until_frozen(point, self.oar(line)).await
    }

    /// The same with anything else that goes on at this machine; what it came to when it ended before.
    pub(crate) async fn until_frozen<'m, T>(
        &self,
        point: &Point,
        run: impl Future<Output = T> + 'm,
    ) -> Result<Frozen<'m, T>, T> {
        self.gate.stop_at(point);
        self.stopped(run).await
    }

    /// The same, before the first question whose path ends so and whose query has this part.
    pub(crate) async fn oar_frozen_at_look<'m>(
        &'m self,
        path: &str,
        query: &str,
        line: &'m str,
    ) -> Result<Frozen<'m>, String> {
        self.gate.state().look = Some((path.to_owned(), query.to_owned()));
        self.stopped(self.oar(line)).await
    }

    async fn stopped<'m, T>(&self, run: impl Future<Output = T> + 'm) -> Result<Frozen<'m, T>, T> {
        let mut run: Pin<Box<dyn Future<Output = T> + 'm>> = Box::pin(run);
        tokio::select! {
            biased;
            ended = &mut run => {
                self.gate.state().stop = None;
                Err(ended)
            }
            () = self.gate.stopped.notified() => Ok(Frozen { run, gate: Arc::clone(&self.gate) }),
        }
    }

    /// What the program works with on this machine, for stories that say more than a command line can.
    pub(crate) fn context(&self) -> Context {
        let settings = Arc::new(Settings::load(&self.env, &Flags::default()).expect("settings"));
        let (clock, transport) = (Clock::Virtual(self.clock.clone()), self.transport.clone());
        let (cancel, options) = (CancellationToken::new(), Options::default());
        Context::new(settings, clock, transport, cancel, "story".to_owned(), options, StateAccess::Required)
            .expect("a context")
    }

    /// Everything that the last run wrote, in its order.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.gate.state().sent.clone()
    }

    /// The folder of this machine.
    pub(crate) fn home(&self) -> PathBuf {
        PathBuf::from(self.env.get("OAR_HOME").expect("a home"))
    }
}

/// A run that stands still; dropped, it is killed.
pub(crate) struct Frozen<'m, T = String> {
    run: Pin<Box<dyn Future<Output = T> + 'm>>,
    gate: Arc<Gate>,
}

impl<T> Frozen<'_, T> {
    /// Lets it go on to its end, as if nothing had been.
    pub(crate) async fn revived(self) -> T {
        self.gate.revived.notify_one();
        self.run.await
    }
}

/// What all requests of a machine pass.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    stopped: Notify,
    revived: Notify,
}

#[derive(Default)]
struct GateState {
    sent: Vec<Sent>,
    stop: Option<(Moment, usize)>,
    /// The write to stop at was answered: the next request stops.
    next_stops: bool,
    /// End of the path and part of the query of a question to stop at.
    look: Option<(String, String)>,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop_at(&self, point: &Point) {
        // A run that ended while it stood still left its mark.
        let _ = self.stopped.notified().now_or_never();
        let mut state = self.state();
        state.stop = Some((point.moment, point.number));
        state.next_stops = false;
    }

    /// A request is about to leave; its number if it writes.
    async fn leaves(&self, request: &Request<Bytes>) -> usize {
        let path = request.uri().path();
        let (service, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
        let writes = !table::is_look_up(service, request.method().as_str(), &format!("/{rest}"));
        let (number, stops) = {
            let mut state = self.state();
            if writes {
                let what = format!("{} {path}", request.method());
                state.sent.push(Sent { what, is_state: service == "github" });
            }
            let number = if writes { state.sent.len() } else { 0 };
            let before = matches!(state.stop, Some((Moment::BeforeIntent | Moment::BeforeSending, at)) if at == number);
            let query = request.uri().query().unwrap_or_default();
            let look = state.look.take_if(|(end, part)| !writes && path.ends_with(&*end) && query.contains(&*part));
            (number, before || look.is_some() || std::mem::take(&mut state.next_stops))
        };
        if stops {
            self.stop().await;
        }
        number
    }

    /// The answer to a request is there.
    async fn answered(&self, number: usize) {
        let stop = self.state().stop;
        match stop {
            Some((Moment::Unanswered, at)) if at == number => self.stop().await,
            Some((Moment::Unrecorded, at)) if at == number => self.state().next_stops = true,
            Some(_) | None => {}
        }
    }

    /// Stands still until the machine is revived, if it ever is.
    async fn stop(&self) {
        self.state().stop = None;
        self.stopped.notify_one();
        self.revived.notified().await;
    }
}

/// Tells a story undisturbed to find its points, then once for each of them: a machine is killed there, and another run
/// of the same line on the same machine follows, and one more in case that one had to wait. `check` sees the
/// world afterwards and says what is wrong with it.
pub(crate) async fn at_every_point(
    world: impl AsyncFn() -> TestWorld,
    line: &str,
    check: impl Fn(&TestWorld) -> Vec<String>,
) -> usize {
    let calm = world().await;
    let machine = calm.machine("one");
    machine.oar(line).await;
    let points = points(&machine.sent());
    drop(machine);
    assert_eq!(check(&calm), [""; 0], "undisturbed");
    let mut wrong = Vec::new();
    for point in &points {
        let world = world().await;
        let machine = world.machine("one");
        if let Some(reported) = machine.oar_killed(point, line).await {
            wrong.push(format!("{point:?} was never reached:\n{reported}"));
        }
        let mut reported = machine.oar(line).await;
        if !reported.ends_with("exit 0") {
            world.time_passes("20m");
            reported = machine.oar(line).await;
        }
        drop(machine);
        wrong.extend(check(&world).iter().map(|what| format!("{point:?}: {what}\n{reported}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    points.len()
}
