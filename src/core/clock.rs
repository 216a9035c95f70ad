//! The only "now": the system's, a virtual one shared with an in-process simulator, or the one
//! that a simulator elsewhere keeps.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Time that stands still until somebody moves it; cheap to clone, all clones show the same time.
#[derive(Debug, Clone)]
pub struct VirtualClock(Arc<Mutex<Timestamp>>);

impl VirtualClock {
    /// A clock that shows `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock forward; a negative step is ignored, because time never runs backwards.
    pub fn advance(&self, by: SignedDuration) -> Timestamp {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if by.is_positive() {
            *now = now.checked_add(by).unwrap_or(Timestamp::MAX);
        }
        *now
    }

    /// Sets the clock to `to` unless it already shows a later time.
    pub fn advance_to(&self, to: Timestamp) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = (*now).max(to);
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
    /// The current time. For a remote simulator: as of the last [`Clock::refresh`] or pause.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => system_now(),
            Self::Virtual(clock) => clock.now(),
            Self::Simulator(clock) => clock.now(),
        }
    }

    /// The machine's time for measuring how long something takes: it never jumps, and no rehearsal moves it.
    pub fn monotonic() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
        Instant::now()
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
                let length = length.unsigned_abs();
                #[expect(clippy::disallowed_methods, reason = "the one place that really sleeps")]
                let sleep = tokio::time::sleep(length);
                tokio::select! {
                    () = sleep => {}
                    () = cancel.cancelled() => {}
                }
            }
            Self::Virtual(clock) => {
                clock.advance(length);
            }
            Self::Simulator(clock) => {
                let body = serde_json::json!({ "advance_s": length.as_secs() });
                clock.ask(clock.http.post(&clock.url).json(&body), cancel).await;
            }
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

impl SimulatorClock {
    /// `base` is the value of `OAR_SIM_URL`; the shown time is the machine's until the first refresh.
    pub fn new(base: &str, http: reqwest::Client) -> Self {
        Self {
            url: format!("{}/__sim/clock", base.trim_end_matches('/')),
            http,
            shown: VirtualClock::starting_at(Timestamp::UNIX_EPOCH),
        }
    }

    /// Until the simulator has answered once, the machine's time: a message from 1970 helps nobody.
    fn now(&self) -> Timestamp {
        let shown = self.shown.now();
        if shown == Timestamp::UNIX_EPOCH { system_now() } else { shown }
    }

    async fn ask(&self, request: reqwest::RequestBuilder, cancel: &CancellationToken) {
        #[derive(serde::Deserialize)]
        struct Shown {
            now: Timestamp,
        }
        let shown = async { request.send().await?.json::<Shown>().await };
        let shown = tokio::select! {
            shown = shown => shown,
            () = cancel.cancelled() => return,
        };
        if let Ok(shown) = shown {
            self.shown.advance_to(shown.now);
        }
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
    async fn a_simulator_that_does_not_answer_is_not_waited_for_after_ctrl_c() {
        // It takes connections and never says a word.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", silent.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "it asks a listener of this test")]
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let clock = Clock::Simulator(SimulatorClock::new(&base, client));
        let cancel = CancellationToken::new();
        let ctrl_c = async { cancel.cancel() };
        futures::join!(clock.refresh(&cancel), ctrl_c);
        futures::join!(clock.pause(SignedDuration::from_hours(1), &cancel), async {});
        assert!(cancel.is_cancelled());
    }
}
