//! The lease of the agents that trigger and judge test jobs: one machine at a time, whoever else looks on.
//!
//! It stands in a file of the records, so that all machines see it, and ends by itself. The next process of the same
//! machine is the same holder. The epoch is the second of the take-over: whatever an earlier holder announced, it can
//! have sent before that second only.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::dates::stamp;
use super::result_file::BadFile;
use super::state::holder;
use super::state::lease::{LENGTH, RENEW_AFTER, ends_too_late};

/// The file.
pub const PATH: &str = "_releases/agents.json";

/// The lease as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentLease {
    /// Who holds it.
    pub holder: String,
    /// The second of the take-over.
    pub epoch: i64,
    /// When it ends by itself; nothing once it was given back.
    pub until: Option<Timestamp>,
    others: Map<String, Value>,
}

/// Somebody else holds it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} looks after the test jobs, until {}{}", holder::shown(.holder), stamp(*.until), doubt(*.by_a_wrong_clock))]
pub struct HeldBy {
    /// Who.
    pub holder: String,
    /// Until when.
    pub until: Timestamp,
    /// That is longer than a lease lasts.
    pub by_a_wrong_clock: bool,
}

impl HeldBy {
    /// What a person does next.
    pub const fn next_step(&self) -> &'static str {
        if self.by_a_wrong_clock {
            "set the clock that is wrong; when nothing is at work there any more, run it again with --take-over"
        } else {
            "leave it to that machine, or run it again after that time"
        }
    }
}

const fn doubt(by_a_wrong_clock: bool) -> &'static str {
    if by_a_wrong_clock {
        ", though its lease lasts two hours: the clock of that machine is wrong, or the one here"
    } else {
        ""
    }
}

impl AgentLease {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// It is no JSON, or lacks what makes it a lease: whether somebody holds it, nobody can tell.
    pub fn read(text: &str) -> Result<Self, BadFile> {
        let bad = |why: &str| BadFile { what: "the lease of the agents", why: why.to_owned() };
        let Ok(Value::Object(mut file)) = serde_json::from_str(text) else { return Err(bad("it is no object")) };
        let holder = file.shift_remove("holder").and_then(|holder| holder.as_str().map(str::to_owned));
        let epoch = file.shift_remove("epoch").and_then(|epoch| epoch.as_i64());
        let until = match file.shift_remove("until") {
            None | Some(Value::Null) => None,
            Some(until) => {
                let time = until.as_str().and_then(|until| until.parse().ok());
                Some(time.ok_or_else(|| bad("its end is no time"))?)
            }
        };
        let (Some(holder), Some(epoch)) = (holder, epoch) else { return Err(bad("it names no holder or no epoch")) };
        Ok(Self { holder, epoch, until, others: file })
    }

    /// The file as it is written.
    pub fn to_text(&self) -> String {
        let mut file = json!({ "holder": self.holder, "epoch": self.epoch, "until": self.until.map(stamp) });
        if let Value::Object(file) = &mut file {
            file.extend(self.others.clone());
        }
        format!("{file:#}\n")
    }

    /// The lease of `us` at `now`, over what is `stored`. A lease of ours with more than enough time left is the same.
    /// One that a wrong clock wrote for days is taken only by whoever `takes_over`.
    ///
    /// # Errors
    ///
    /// Somebody else's has not ended.
    pub fn taken(stored: Option<&Self>, us: &str, now: Timestamp, takes_over: bool) -> Result<Self, HeldBy> {
        let until = now.checked_add(LENGTH).unwrap_or(now);
        let others = stored.map(|stored| stored.others.clone()).unwrap_or_default();
        let epoch = stored.map_or(0, |stored| stored.epoch.saturating_add(1)).max(now.as_second());
        let fresh = |epoch| Self { holder: us.to_owned(), epoch, until: Some(until), others };
        let Some(stored) = stored else { return Ok(fresh(epoch)) };
        match stored.until.filter(|until| *until > now) {
            Some(end) if !holder::is_same(&stored.holder, us) => {
                let by_a_wrong_clock = ends_too_late(end, now);
                if by_a_wrong_clock && takes_over {
                    return Ok(fresh(epoch));
                }
                Err(HeldBy { holder: stored.holder.clone(), until: end, by_a_wrong_clock })
            }
            Some(end) if end.duration_since(now) > LENGTH - RENEW_AFTER && !ends_too_late(end, now) => {
                Ok(stored.clone())
            }
            Some(_) => Ok(fresh(stored.epoch)),
            // It ended, and nobody took it: what we announced under it is still ours alone.
            None if holder::is_same(&stored.holder, us) => Ok(fresh(stored.epoch)),
            None => Ok(fresh(epoch)),
        }
    }

    /// Since when nobody but its holder may have triggered anything.
    pub fn since(&self) -> Timestamp {
        Timestamp::from_second(self.epoch).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    fn taken(stored: Option<&AgentLease>, us: &str, at: i64) -> Result<AgentLease, HeldBy> {
        AgentLease::taken(stored, us, minute(at), false)
    }

    #[test]
    fn one_machine_holds_it_until_its_end_and_prolongs_it_late() {
        let first = taken(None, "agent on one", 0).unwrap();
        assert_eq!((first.since(), first.until), (minute(0), Some(minute(120))));
        assert_eq!(taken(Some(&first), "agent on one", 89).unwrap(), first, "no commit for nothing");
        let longer = taken(Some(&first), "agent on one", 91).unwrap();
        assert_eq!((longer.since(), longer.until), (minute(0), Some(minute(211))));
        let held = taken(Some(&first), "agent on two", 119).unwrap_err();
        assert_eq!(held.to_string(), "agent on one looks after the test jobs, until 2027-01-15T10:00:00Z");
        let next = taken(Some(&first), "agent on two", 120).unwrap();
        assert_eq!((next.holder.as_str(), next.since()), ("agent on two", minute(120)));
        assert_eq!(taken(Some(&first), "agent on one", 300).unwrap().since(), minute(0));
    }

    #[test]
    fn a_lease_that_a_wrong_clock_wrote_for_days_says_so_and_is_taken_by_whoever_says_that_it_is_dead() {
        let days = taken(None, "agent on one", 1_440).unwrap();
        let held = taken(Some(&days), "agent on two", 0).unwrap_err();
        assert_eq!(
            held.to_string(),
            "agent on one looks after the test jobs, until 2027-01-16T10:00:00Z, though its lease lasts two hours: the \
             clock of that machine is wrong, or the one here"
        );
        assert!(held.next_step().ends_with("--take-over"), "{}", held.next_step());
        let over = AgentLease::taken(Some(&days), "agent on two", minute(0), true).unwrap();
        assert_eq!((over.epoch, over.until), (days.epoch + 1, Some(minute(120))));
        let off_in_opposite_directions = taken(None, "agent on one", 20).unwrap();
        let held = AgentLease::taken(Some(&off_in_opposite_directions), "agent on two", minute(0), true).unwrap_err();
        assert!(!held.by_a_wrong_clock, "{held}");
        assert_eq!(taken(Some(&days), "agent on one", 0).unwrap().until, Some(minute(120)), "ours, mended");
    }

    #[test]
    fn the_epoch_grows_even_where_the_clock_went_back() {
        let first = taken(None, "agent on one", 600).unwrap();
        let given_back = AgentLease { until: None, ..first };
        let next = taken(Some(&given_back), "agent on two", 0).unwrap();
        assert_eq!(next.epoch, given_back.epoch + 1);
    }

    #[test]
    fn a_lease_is_read_as_it_was_written_with_what_others_added() {
        let text = taken(None, "agent on one", 0).unwrap().to_text();
        assert_eq!(AgentLease::read(&text).unwrap().to_text(), text);
        let more = text.replace("\"holder\"", "\"note\": \"ours\",\n  \"holder\"");
        assert!(AgentLease::read(&more).unwrap().to_text().contains("\"note\": \"ours\""));
    }

    #[test]
    fn a_file_that_tells_no_lease_is_nobody_elses_to_take() {
        for text in ["", "[]", "{}", r#"{"holder": "x", "epoch": 1, "until": "soon"}"#, r#"{"holder": "x"}"#] {
            assert!(AgentLease::read(text).is_err(), "{text}");
        }
    }
}
