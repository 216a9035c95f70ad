//! Signs of life on stderr while a command works: one moving line on a terminal, now and then a sentence for a
//! screen reader, nothing in a pipe.
//!
//! The line shares its screen with everything else that is printed: it is taken away before a line is written
//! and comes back when nothing was printed for a second.

use std::future::Future;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cli::output::terminal::Style;
use crate::render::report::minutes;

/// How often the moving line is looked after.
const BEAT: Duration = Duration::from_millis(250);

/// Silence after which people want a sign.
const SILENCE: Duration = Duration::from_secs(1);

/// The first sentence for a screen reader comes after this silence, later ones ever less often.
const FIRST_TOKEN: Duration = Duration::from_secs(5);

/// The longest pause between two sentences.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The screen on which lines and the sign of life meet; cheap to clone.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<ScreenState>>);

struct ScreenState {
    err: Arc<Mutex<dyn Write + Send>>,
    style: Style,
    width: usize,
    step: String,
    shown: Option<String>,
    spoke: bool,
    last_line: Duration,
    next_token: Duration,
    resting: u32,
    ended: bool,
}

/// There is no sign of life while this lives.
#[derive(Debug)]
pub struct Rest(Screen);

impl Drop for Rest {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.resting = state.resting.saturating_sub(1);
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen")
    }
}

impl Screen {
    /// A screen `width` columns wide whose sign of life goes to `err`.
    pub fn new(err: Arc<Mutex<dyn Write + Send>>, style: Style, width: usize) -> Self {
        Self(Arc::new(Mutex::new(ScreenState {
            err,
            style,
            width,
            step: String::new(),
            shown: None,
            spoke: false,
            last_line: Duration::ZERO,
            next_token: FIRST_TOKEN,
            resting: 0,
            ended: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, ScreenState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the moving line away and keeps it away until the answer is dropped.
    pub fn hush(&self) -> impl Sized {
        let mut state = self.state();
        state.erase();
        state.spoke = true;
        state
    }

    /// Keeps the sign of life away until the answer is dropped: a person is being asked something.
    pub fn rest(&self) -> Rest {
        let mut state = self.state();
        state.erase();
        state.resting += 1;
        Rest(self.clone())
    }

    /// What is being done now.
    pub fn step(&self, text: &str) {
        text.lines().next().unwrap_or_default().clone_into(&mut self.state().step);
    }

    /// Takes the line away for good.
    pub fn end(&self) {
        let mut state = self.state();
        state.erase();
        state.ended = true;
    }

    /// Shows that the work goes on, `elapsed` after its start, if people wait for a sign.
    pub fn beat(&self, elapsed: Duration) {
        let mut state = self.state();
        if state.ended {
            return;
        }
        state.spoke |= state.resting > 0;
        if std::mem::take(&mut state.spoke) {
            state.last_line = elapsed;
        }
        let silence = elapsed.saturating_sub(state.last_line);
        let step = if state.step.is_empty() { "working" } else { state.step.as_str() };
        let passed = match elapsed.as_secs() {
            seconds @ 0..=119 => format!("{seconds} s"),
            seconds => minutes(i64::try_from(seconds / 60).unwrap_or(i64::MAX)),
        };
        if state.style.live && silence >= SILENCE {
            let text: String = format!("{passed}  {step}").chars().take(state.width.saturating_sub(1)).collect();
            if state.shown.as_ref() != Some(&text) {
                state.write(&format!("\r\u{1b}[2K{text}"));
                state.shown = Some(text);
            }
        } else if state.style.accessible && silence >= FIRST_TOKEN && elapsed >= state.next_token {
            let text = format!("still at work after {passed}: {step}\n");
            state.next_token = elapsed + elapsed.clamp(FIRST_TOKEN, LONGEST_PAUSE);
            state.write(&text);
        }
    }
}

impl ScreenState {
    fn erase(&mut self) {
        if self.shown.take().is_some() {
            self.write("\r\u{1b}[2K");
        }
    }

    fn write(&self, text: &str) {
        let mut err = self.err.lock().unwrap_or_else(PoisonError::into_inner);
        // A sign of life that nobody can see is no loss.
        let _ = err.write_all(text.as_bytes());
        let _ = err.flush();
    }
}

/// Does `work` and shows signs of life beside it.
pub async fn beside<T>(screen: Option<Screen>, work: impl Future<Output = T>) -> T {
    /// Also when the work is given up.
    struct Ends(Screen);
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.end();
        }
    }
    let Some(screen) = screen else { return work.await };
    let ends = Ends(screen);
    tokio::pin!(work);
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let started = beats.tick().await;
    loop {
        tokio::select! {
            biased;
            ended = &mut work => return ended,
            now = beats.tick() => ends.0.beat(now.duration_since(started)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::outside::Stream;

    const LIVE: Style = Style { live: true, color: false, links: false, accessible: false };
    const SPOKEN: Style = Style { live: false, color: false, links: false, accessible: true };

    fn after(style: Style, play: impl FnOnce(&Screen, &Stream)) -> String {
        let (err, written) = Stream::captured();
        let (err, screen) = err.with_screen(style, 20);
        play(&screen, &err);
        let written = written.lock().unwrap().clone();
        String::from_utf8(written).unwrap().replace('\u{1b}', "^")
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn quick_work_shows_nothing() {
        assert_eq!(after(LIVE, |screen, _| [0, 250, 999].into_iter().for_each(|at| screen.beat(ms(at)))), "");
    }

    #[test]
    fn longer_work_has_one_line_that_changes_in_place_and_goes_at_the_end() {
        let text = after(LIVE, |screen, _| {
            screen.beat(ms(1000));
            screen.step("reading the very long list\nof advisories");
            screen.beat(ms(2500));
            screen.end();
            screen.beat(ms(5000));
        });
        assert_eq!(text, "\r^[2K1 s  working\r^[2K2 s  reading the ve\r^[2K");
    }

    #[test]
    fn a_printed_line_takes_the_moving_line_away_and_earns_a_second_of_silence() {
        let text = after(LIVE, |screen, err| {
            screen.beat(ms(1000));
            err.line("a log line");
            screen.beat(ms(1250));
            screen.beat(ms(2000));
            screen.beat(ms(2250));
        });
        assert_eq!(text, "\r^[2K1 s  working\r^[2Ka log line\n\r^[2K2 s  working");
    }

    #[test]
    fn a_screen_reader_hears_whole_sentences_ever_less_often() {
        let text = after(SPOKEN, |screen, _| (0..200).for_each(|second| screen.beat(Duration::from_secs(second))));
        let times = ["5 s", "10 s", "20 s", "40 s", "80 s", "2 min"];
        let wanted: String = times.map(|at| format!("still at work after {at}: working\n")).concat();
        assert_eq!(text, wanted);
    }

    #[test]
    fn nothing_moves_under_a_question() {
        let text = after(LIVE, |screen, err| {
            screen.beat(ms(1000));
            let rest = screen.rest();
            err.line("Go on?");
            (0..40).for_each(|second| screen.beat(Duration::from_secs(second)));
            drop(rest);
            screen.beat(ms(39_750));
            screen.beat(ms(40_000));
        });
        assert_eq!(text, "\r^[2K1 s  working\r^[2KGo on?\n\r^[2K40 s  working");
    }

    #[test]
    fn a_pipe_sees_nothing() {
        let text = after(Style::default(), |screen, _| {
            (0..200).for_each(|second| screen.beat(Duration::from_secs(second)));
            screen.end();
        });
        assert_eq!(text, "");
    }

    #[tokio::test]
    async fn work_that_is_given_up_leaves_no_line_behind() {
        let (err, written) = Stream::captured();
        let (_err, screen) = err.with_screen(LIVE, 20);
        let mut work = Box::pin(beside(Some(screen.clone()), std::future::pending::<()>()));
        assert!(futures::poll!(&mut work).is_pending());
        screen.beat(ms(1000));
        drop(work);
        assert_eq!(String::from_utf8(written.lock().unwrap().clone()).unwrap(), "\r\u{1b}[2K1 s  working\r\u{1b}[2K");
    }
}
