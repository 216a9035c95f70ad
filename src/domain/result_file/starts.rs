//! Starts of runs that a record announces: who is about to trigger what, written before it is triggered.
//!
//! A start whose announcement stands may have happened, whoever died meanwhile. It goes when the run has its id, when
//! the gateway refused, or when a look proved that there is no such run.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ResultFile;
use crate::domain::dates::stamp;

/// Which run of a job is to be triggered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RunSlot {
    /// The first one.
    First,
    /// A further one; 1 is the first of these.
    Retry(usize),
    /// One that takes the place of another.
    Instead {
        /// The run that counts no more.
        of: String,
        /// How many were replaced before, in this job.
        replaced: usize,
        /// Why.
        why: String,
    },
}

/// A run that is to be triggered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobStart {
    /// Name as in the registry.
    pub job: String,
    /// Which run of it.
    pub slot: RunSlot,
    /// Pull spec that it starts from, where that is ours to choose.
    pub upgrade_from: Option<String>,
}

impl JobStart {
    /// Names the start within its record for ever.
    pub fn key(&self) -> String {
        match &self.slot {
            RunSlot::First => format!("{}/first", self.job),
            RunSlot::Retry(nth) => format!("{}/retry-{nth}", self.job),
            RunSlot::Instead { replaced, .. } => format!("{}/again-{}", self.job, replaced + 1),
        }
    }
}

impl JobStart {
    /// The start with this key. Of one in the place of another run the key does not say which: to withdraw it, that does
    /// not matter.
    pub fn announced_as(key: &str) -> Option<Self> {
        let (job, slot) = key.rsplit_once('/')?;
        let slot = match slot.split_once('-') {
            None if slot == "first" => RunSlot::First,
            Some(("retry", nth)) => RunSlot::Retry(nth.parse().ok()?),
            Some(("again", nth)) => {
                let replaced = nth.parse::<usize>().ok()?.checked_sub(1)?;
                RunSlot::Instead { of: String::new(), replaced, why: String::new() }
            }
            Some(_) | None => return None,
        };
        Some(Self { job: job.to_owned(), slot, upgrade_from: None })
    }
}

/// A start that somebody announced.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AnnouncedStart {
    /// Which one.
    pub key: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl AnnouncedStart {
    pub(super) fn value(&self) -> Value {
        json!({ "key": self.key, "by": self.by, "at": stamp(self.at) })
    }
}

pub(super) const STARTS: &str = "starts";

impl ResultFile {
    /// Starts that are announced, and of which nobody wrote how they ended.
    pub fn announced(&self) -> Vec<AnnouncedStart> {
        self.addition(STARTS).ok().flatten().unwrap_or_default()
    }

    /// The announcement of this start.
    pub fn announced_start(&self, key: &str) -> Option<AnnouncedStart> {
        self.announced().into_iter().find(|start| start.key == key)
    }

    /// The run that stands where this one would.
    pub(super) fn in_the_way(&self, start: &JobStart) -> Option<String> {
        let jobs = self.jobs();
        let item = jobs.iter().find(|item| item.name == start.job);
        let id = match &start.slot {
            RunSlot::First => item?.first.id,
            RunSlot::Retry(nth) => item?.retried.get(nth.checked_sub(1)?)?.id,
            RunSlot::Instead { of, .. } => {
                let item = item?;
                let stands = item.runs().any(|run| run.id == Some(of));
                if stands { None } else { item.history.iter().rfind(|old| old.run.id == Some(of)).and(item.first.id) }
            }
        };
        id.map(str::to_owned)
    }

    pub(super) fn announce(&mut self, announced: &AnnouncedStart) {
        self.withdraw(&announced.key);
        let starts = self.document.entry(STARTS).or_insert_with(|| json!([]));
        if let Some(starts) = starts.as_array_mut() {
            starts.push(announced.value());
        }
    }

    /// Takes an announcement away.
    pub(super) fn withdraw(&mut self, key: &str) {
        let Some(Value::Array(starts)) = self.document.get_mut(STARTS) else { return };
        starts.retain(|start| start["key"] != key);
        if starts.is_empty() {
            self.document.shift_remove(STARTS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job_registry::RegistryJob;
    use crate::domain::result_file::additions::{Event, EventKind, PlanEntry, PlanState, StoredPolicy};
    use crate::domain::result_file::change::{RefusedChange, ResultChange};

    fn event(kind: EventKind) -> Event {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        Event { at, actor: "an agent".to_owned(), kind, detail: "for a reason".to_owned() }
    }

    fn begun() -> ResultFile {
        let jobs = vec![RegistryJob { name: "a".to_owned(), ..RegistryJob::default() }];
        let policy = StoredPolicy { digest: "sha256:1".to_owned(), jobs };
        let build = json!({ "name": "4.99.1" });
        ResultFile::begin(&build, &policy, &[PlanEntry::new("a", None)], &event(EventKind::Created))
    }

    fn first() -> JobStart {
        JobStart { job: "a".to_owned(), slot: RunSlot::First, upgrade_from: None }
    }

    fn announcement(start: &JobStart, by: &str, minute: i64) -> AnnouncedStart {
        let at = Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap();
        AnnouncedStart { key: start.key(), by: by.to_owned(), at }
    }

    fn announce(start: &JobStart, by: &str, minute: i64, over: Option<AnnouncedStart>) -> ResultChange {
        ResultChange::Announce { start: start.clone(), announced: announcement(start, by, minute), over }
    }

    #[test]
    fn of_two_that_announce_the_same_run_the_second_is_refused() {
        let mut file = begun();
        let start = first();
        assert_eq!(file.apply(&announce(&start, "one", 0, None)), Ok(true));
        assert_eq!(file.apply(&announce(&start, "one", 0, None)), Ok(false), "the same once more");
        let refused = file.apply(&announce(&start, "two", 1, None)).unwrap_err();
        assert!(matches!(refused, RefusedChange::Announced { .. }), "{refused}");
        let seen = Some(announcement(&start, "one", 0));
        assert_eq!(file.apply(&announce(&start, "two", 1, seen.clone())), Ok(true), "over what was seen");
        assert!(file.apply(&announce(&start, "three", 2, seen)).is_err(), "that one is gone");
    }

    #[test]
    fn a_run_with_an_id_is_announced_by_nobody_any_more() {
        let mut file = begun();
        file.apply(&announce(&first(), "one", 0, None)).unwrap();
        let event = event(EventKind::Triggered);
        let started = ResultChange::Started { start: first(), id: "1".to_owned(), event };
        assert_eq!(file.apply(&started), Ok(true));
        assert_eq!(file.apply(&started), Ok(false));
        assert_eq!((file.announced(), file.plan()[0].state), (vec![], PlanState::Triggered));
        assert!(!file.to_text().contains("starts"));
        let refused = file.apply(&announce(&first(), "two", 1, None));
        assert_eq!(refused, Err(RefusedChange::HasRun { job: "a".to_owned(), id: "1".to_owned() }));
    }

    #[test]
    fn what_was_refused_may_be_tried_again_and_what_is_uncertain_only_after_a_look() {
        let mut file = begun();
        let not = |state| ResultChange::NotStarted { start: first(), state, error: "429".to_owned() };
        file.apply(&announce(&first(), "one", 0, None)).unwrap();
        file.apply(&not(PlanState::Refused)).unwrap();
        assert_eq!((file.announced(), file.plan()[0].state), (vec![], PlanState::Refused));
        file.apply(&announce(&first(), "one", 1, None)).unwrap();
        file.apply(&not(PlanState::Uncertain)).unwrap();
        assert_eq!((file.announced().len(), file.plan()[0].state), (1, PlanState::Uncertain));
        file.apply(&ResultChange::NeverStarted {
            start: first(),
            event: Event { detail: "a/first: seen at the gateway".to_owned(), ..event(EventKind::NeverStarted) },
        })
        .unwrap();
        assert_eq!((file.announced(), file.plan()[0].state), (vec![], PlanState::Planned));
        let said = |key| file.never_started_at(key).map(|at| at.to_string());
        assert_eq!((said("a/first"), said("a/retry-1")), (Some("2026-01-02T03:04:05Z".to_owned()), None));
    }

    #[test]
    fn a_run_is_replaced_once_and_a_further_run_has_its_number() {
        let mut file = begun();
        let id = |start: &JobStart, id: &str, kind| ResultChange::Started {
            start: start.clone(),
            id: id.to_owned(),
            event: event(kind),
        };
        file.apply(&id(&first(), "1", EventKind::Triggered)).unwrap();
        let of = |of: &str, replaced| JobStart {
            slot: RunSlot::Instead { of: of.to_owned(), replaced, why: "error".to_owned() },
            ..first()
        };
        assert_eq!(of("1", 0).key(), "a/again-1");
        file.apply(&id(&of("1", 0), "2", EventKind::RunReplaced)).unwrap();
        let late = file.apply(&announce(&of("1", 0), "two", 0, None));
        assert_eq!(late, Err(RefusedChange::HasRun { job: "a".to_owned(), id: "2".to_owned() }));
        let retry = |nth| JobStart { slot: RunSlot::Retry(nth), ..first() };
        file.apply(&id(&retry(1), "3", EventKind::RetryTriggered)).unwrap();
        assert!(file.apply(&announce(&retry(1), "two", 0, None)).is_err());
        assert_eq!(file.apply(&announce(&retry(2), "two", 0, None)), Ok(true));
        assert_eq!(file.jobs()[0].runs().filter_map(|run| run.id).collect::<Vec<_>>(), ["2", "3"]);
    }

    #[test]
    fn announcements_of_another_form_are_damage() {
        let mut text: Value = serde_json::from_str(&begun().to_text()).unwrap();
        text["starts"] = json!([{ "key": "a/first" }]);
        assert!(ResultFile::read(&text.to_string()).is_err());
    }
}
