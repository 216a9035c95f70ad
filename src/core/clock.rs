//! The only "now": the system's, a virtual one shared with an in-process simulator, or the one
//! that a simulator elsewhere keeps.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Time that stands still until somebody moves it; cheap to clone, all clones show the same time.
///
/// Several machines can live in it, each by a clock of its own ([`VirtualClock::for_machine`]). Then a pause does not
/// move time at once: it goes on to the end of the earliest pause when no machine has anything to do any more.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    time: Arc<Time>,
    machine: MachineClock,
}

/// The time that all clocks of a world share.
#[derive(Debug)]
struct Time {
    now: Mutex<Timestamp>,
    machines: AtomicU64,
    /// Ends of pauses, each with its number.
    pauses: Mutex<BTreeSet<(Timestamp, u64)>>,
    numbers: AtomicU64,
    stirred: AtomicU64,
}

/// What a machine's clock shows otherwise than the others, and which it is.
#[derive(Debug, Clone, Copy, Default)]
struct MachineClock {
    number: u64,
    skew: SignedDuration,
}

/// Turns of all other work without a request, after which nobody has anything to do: from one answer to the next
/// request a machine needs two or three.
const IDLE_TURNS: u32 = 24;

impl VirtualClock {
    /// A clock that shows `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        let time = Time {
            now: Mutex::new(start),
            machines: AtomicU64::new(0),
            pauses: Mutex::default(),
            numbers: AtomicU64::new(0),
            stirred: AtomicU64::new(0),
        };
        Self { time: Arc::new(time), machine: MachineClock::default() }
    }

    /// The clock of one more machine in this time, wrong by `skew`.
    pub fn for_machine(&self, skew: SignedDuration) -> Self {
        let number = self.time.machines.fetch_add(1, Ordering::Relaxed) + 1;
        Self { time: Arc::clone(&self.time), machine: MachineClock { number, skew } }
    }

    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        let now = self.time.now();
        now.checked_add(self.machine.skew).unwrap_or(now)
    }

    /// Moves the clock forward; a negative step is ignored, because time never runs backwards.
    pub fn advance(&self, by: SignedDuration) -> Timestamp {
        if by.is_positive() {
            let mut now = self.time.now.lock().unwrap_or_else(PoisonError::into_inner);
            *now = now.checked_add(by).unwrap_or(Timestamp::MAX);
        }
        self.now()
    }

    /// Sets the clock to `to` unless it already shows a later time.
    pub fn advance_to(&self, to: Timestamp) {
        self.time.advance_to(to.checked_sub(self.machine.skew).unwrap_or(to));
    }

    /// Lets `length` pass: at once, or when no other machine has anything to do before.
    pub async fn pause(&self, length: SignedDuration) {
        if self.time.machines.load(Ordering::Relaxed) < 2 {
            self.advance(length);
            return;
        }
        let until = self.time.now().checked_add(length).unwrap_or(Timestamp::MAX);
        let pause = Pause::begin(&self.time, until);
        let (mut seen, mut idle) = (self.time.stirred.load(Ordering::Relaxed), 0);
        while self.time.now() < until {
            tokio::task::yield_now().await;
            let stirred = self.time.stirred.load(Ordering::Relaxed);
            idle = if stirred == seen { idle + 1 } else { 0 };
            seen = stirred;
            if pause.rank().is_some_and(|rank| idle >= IDLE_TURNS.saturating_mul(rank + 1)) {
                self.time.advance_to(until);
            }
        }
        self.stir();
    }

    /// Says that somebody has something to do: time does not pass meanwhile.
    pub fn stir(&self) {
        self.time.stirred.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that is the same in each repetition: it follows from the time, and from the machine where several
    /// share it.
    fn chance(&self) -> u64 {
        let since = self.now().as_nanosecond().unsigned_abs();
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are the ones that differ")]
        let since = since as u64;
        since ^ self.machine.number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Time {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance_to(&self, to: Timestamp) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = (*now).max(to);
    }

    fn pauses(&self) -> MutexGuard<'_, BTreeSet<(Timestamp, u64)>> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One pause of one machine; it ends with whoever pauses.
struct Pause<'a> {
    time: &'a Time,
    end: (Timestamp, u64),
}

impl<'a> Pause<'a> {
    fn begin(time: &'a Time, until: Timestamp) -> Self {
        let end = (until, time.numbers.fetch_add(1, Ordering::Relaxed));
        time.pauses().insert(end);
        time.stirred.fetch_add(1, Ordering::Relaxed);
        Self { time, end }
    }

    /// How many pauses end before this one. A machine that is held up does not end its own: then the next one does,
    /// a little later.
    fn rank(&self) -> Option<u32> {
        let before = self.time.pauses().range(..self.end).count();
        u32::try_from(before).ok()
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.time.pauses().remove(&self.end);
    }
}

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock in this process; pausing advances it at once.
    Virtual(VirtualClock),
    /// The clock of a simulator in another process.
    Simulator(SimulatorClock),
}

impl Clock {
    /// The clock of the simulator at `base` (the value of `OAR_SIM_URL`), asked for its time: before it has said that,
    /// there is no clock, so the machine's time gets nowhere into its world.
    ///
    /// # Errors
    ///
    /// It did not answer, or `cancel` fired.
    pub async fn of_simulator(
        base: &str,
        http: reqwest::Client,
        cancel: &CancellationToken,
    ) -> Result<Self, NoSimulator> {
        let url = format!("{}/__sim/clock", base.trim_end_matches('/'));
        let asked = asked(http.get(&url), cancel).await;
        let now = asked.ok_or_else(|| NoSimulator { base: base.to_owned() })?;
        Ok(Self::Simulator(SimulatorClock { url, http, shown: VirtualClock::starting_at(now) }))
    }

    /// Can the time of others show that it is wrong? A simulator is the authority of its world.
    pub const fn may_be_wrong(&self) -> bool {
        match self {
            Self::System | Self::Virtual(_) => true,
            Self::Simulator(_) => false,
        }
    }

    /// The current time. For a remote simulator: as of the last [`Clock::refresh`] or pause.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => system_now(),
            Self::Virtual(clock) => clock.now(),
            Self::Simulator(clock) => clock.shown.now(),
        }
    }

    /// When the first pause of this process ends, while it pauses: for whoever asks what it waits for.
    pub fn pauses_until() -> Option<Timestamp> {
        PAUSES.lock().unwrap_or_else(PoisonError::into_inner).iter().min().copied()
    }

    /// The machine's time for measuring how long something takes: it never jumps, and no rehearsal moves it.
    pub fn monotonic() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
        Instant::now()
    }

    /// A seed for chance of ours, such as the jitter of a pause. In virtual time it is the same in each repetition.
    pub fn chance(&self) -> u64 {
        if let Self::Virtual(clock) = self { clock.chance() } else { fastrand::u64(..) }
    }

    /// The name of the machine in virtual time, so that a rehearsal writes the same bytes each time; a real machine has
    /// one of its own.
    pub fn machine(&self) -> Option<String> {
        let Self::Virtual(clock) = self else { return None };
        Some(match clock.machine.number {
            0 => "simulator".to_owned(),
            number => format!("simulator-{number}"),
        })
    }

    /// The current UTC calendar day.
    pub fn today(&self) -> Date {
        self.now().to_zoned(TimeZone::UTC).date()
    }

    /// Asks a remote simulator for its time; the other clocks need no asking.
    ///
    /// An unreachable simulator leaves the time as it was: the next real request reports the outage. So does
    /// `cancel`, which ends the asking at once.
    pub async fn refresh(&self, cancel: &CancellationToken) {
        if let Self::Simulator(clock) = self {
            clock.ask(clock.http.get(&clock.url), cancel).await;
        }
    }

    /// Waits for `length`, or until `cancel` fires; virtual clocks advance instead of waiting.
    pub async fn pause(&self, length: SignedDuration, cancel: &CancellationToken) {
        match self {
            Self::System => {
                let _pausing = Pausing::begin(self.now().checked_add(length).unwrap_or(Timestamp::MAX));
                let length = length.unsigned_abs();
                #[expect(clippy::disallowed_methods, reason = "the one place that really sleeps")]
                let sleep = tokio::time::sleep(length);
                tokio::select! {
                    () = sleep => {}
                    () = cancel.cancelled() => {}
                }
            }
            Self::Virtual(clock) => tokio::select! {
                biased;
                () = clock.pause(length) => {}
                () = cancel.cancelled() => {}
            },
            Self::Simulator(clock) => {
                let body = serde_json::json!({ "advance_s": length.as_secs() });
                clock.ask(clock.http.post(&clock.url).json(&body), cancel).await;
            }
        }
    }
}

/// Ends of the pauses of this process on the machine's clock.
static PAUSES: Mutex<Vec<Timestamp>> = Mutex::new(Vec::new());

/// A pause on the machine's clock; it ends with whoever pauses.
struct Pausing(Timestamp);

impl Pausing {
    fn begin(until: Timestamp) -> Self {
        PAUSES.lock().unwrap_or_else(PoisonError::into_inner).push(until);
        Self(until)
    }
}

impl Drop for Pausing {
    fn drop(&mut self) {
        let mut pauses = PAUSES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = pauses.iter().position(|until| *until == self.0) {
            pauses.swap_remove(place);
        }
    }
}

/// Connection to the clock of `oar sim serve`.
#[derive(Debug, Clone)]
pub struct SimulatorClock {
    url: String,
    http: reqwest::Client,
    shown: VirtualClock,
}

/// Nobody says what the time is in a simulated world.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the simulator at {base} does not say what the time is in its world")]
pub struct NoSimulator {
    /// Where it was to be.
    pub base: String,
}

impl SimulatorClock {
    async fn ask(&self, request: reqwest::RequestBuilder, cancel: &CancellationToken) {
        if let Some(now) = asked(request, cancel).await {
            self.shown.advance_to(now);
        }
    }
}

/// The time that a simulator answers; nothing when it does not, or when `cancel` fires first.
async fn asked(request: reqwest::RequestBuilder, cancel: &CancellationToken) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct Shown {
        now: Timestamp,
    }
    let shown = async { request.send().await?.json::<Shown>().await };
    tokio::select! {
        shown = shown => shown.ok().map(|shown| shown.now),
        () = cancel.cancelled() => None,
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_that_pauses_can_say_until_when() {
        let (cancel, length) = (CancellationToken::new(), SignedDuration::from_hours(9));
        let asked = async {
            tokio::task::yield_now().await;
            let until = Clock::pauses_until();
            cancel.cancel();
            until
        };
        let before = Clock::System.now();
        let ((), until) = futures::join!(Clock::System.pause(length, &cancel), asked);
        assert!(until.is_some_and(|until| until <= Clock::System.now() + length), "{until:?}");
        assert!(Clock::pauses_until().is_none_or(|until| until < before + length), "it is over");
    }

    #[tokio::test]
    async fn machines_in_one_time_pause_side_by_side_and_not_one_after_the_other() {
        let minutes = SignedDuration::from_mins;
        let start = Timestamp::UNIX_EPOCH;
        let world = VirtualClock::starting_at(start);
        let (fast, slow) = (world.for_machine(minutes(10)), world.for_machine(minutes(-10)));
        assert_eq!((fast.now(), slow.now()), (start + minutes(10), start - minutes(10)));
        let short = async {
            for _ in 0..3 {
                fast.pause(minutes(10)).await;
            }
            world.now()
        };
        let long = async {
            slow.pause(minutes(60)).await;
            world.now()
        };
        let (short, long) = futures::join!(short, long);
        assert_eq!((short, long), (start + minutes(30), start + minutes(60)));
        assert_ne!(fast.chance(), slow.chance());
    }

    #[tokio::test]
    async fn a_machine_that_is_gone_holds_up_nobody() {
        let world = VirtualClock::starting_at(Timestamp::UNIX_EPOCH);
        let (gone, stays) = (world.for_machine(SignedDuration::ZERO), world.for_machine(SignedDuration::ZERO));
        {
            let pause = std::pin::pin!(gone.pause(SignedDuration::from_secs(1)));
            assert!(futures::poll!(pause).is_pending());
        }
        stays.pause(SignedDuration::from_hours(1)).await;
        assert_eq!(world.now(), Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1));
    }

    /// What listens at a free port, and a client for it.
    fn listener() -> (std::net::TcpListener, String, reqwest::Client) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "it asks a listener of this test")]
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        (listener, base, client)
    }

    /// Answers so many requests for the time with `now`, and closes.
    fn answers(listener: std::net::TcpListener, times: usize, now: &'static str) -> std::thread::JoinHandle<()> {
        use std::io::{Read as _, Write as _};
        std::thread::spawn(move || {
            for _ in 0..times {
                let (mut line, _) = listener.accept().unwrap();
                let _ = line.read(&mut [0; 4096]).unwrap();
                let body = format!("{{\"now\": \"{now}\"}}");
                let length = body.len();
                write!(line, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
            }
        })
    }

    #[tokio::test]
    async fn the_clock_of_a_simulated_world_shows_the_time_of_that_world_from_the_first_look_on() {
        let (listener, base, client) = listener();
        let world = answers(listener, 1, "2026-06-02T06:00:00Z");
        let clock = Clock::of_simulator(&base, client, &CancellationToken::new()).await.unwrap();
        world.join().unwrap();
        assert_eq!(clock.now(), "2026-06-02T06:00:00Z".parse().unwrap());
        clock.refresh(&CancellationToken::new()).await;
        assert_eq!(clock.now(), "2026-06-02T06:00:00Z".parse().unwrap(), "a world that is gone leaves its time");
    }

    #[tokio::test]
    async fn without_a_world_that_answers_there_is_no_clock_of_it() {
        let (listener, base, client) = listener();
        drop(listener);
        let none = Clock::of_simulator(&base, client, &CancellationToken::new()).await.unwrap_err();
        assert_eq!(none, NoSimulator { base });
    }

    #[tokio::test]
    async fn a_simulator_that_does_not_answer_is_not_waited_for_after_ctrl_c() {
        // It takes connections and never says a word.
        let (_silent, base, client) = listener();
        let cancel = CancellationToken::new();
        let ctrl_c = async { cancel.cancel() };
        let (clock, ()) = futures::join!(Clock::of_simulator(&base, client, &cancel), ctrl_c);
        assert!(clock.is_err());
    }
}
