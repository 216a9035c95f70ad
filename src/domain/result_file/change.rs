//! Changes of a record, as operations that can be applied again to a newer file.
//!
//! Nothing here removes an id, a run or what is known of a run. Applied twice, a change does nothing more.

use serde_json::{Map, Value, json};

use super::additions::{
    EVENTS, Event, PLAN, PlanEntry, PlanState, REGISTRY, SCHEMA, StoredPolicy, StoredVerdict, VERDICT,
};
use super::starts::{AnnouncedStart, JobStart, RunSlot};
use super::{
    ACCEPTED, AGGREGATED, BUILD, COMPLETED, FIRST, HISTORY, ID, PROMOTED, RESULT, RETRIED, ResultFile, RunState,
    STARTED, STATE,
};
use crate::domain::dates::stamp;

/// What is known of a run after a look; what a look does not say stays as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeenRun {
    /// State as Prow spells it.
    pub state: Option<String>,
    /// When it began.
    pub started: Option<String>,
    /// When it ended.
    pub completed: Option<String>,
    /// Its page.
    pub url: Option<String>,
    /// Counters of its suites.
    pub summary: Option<Value>,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum ResultChange {
    /// How far the triggering of a planned job is; every state but `planned` counts as a try.
    ///
    /// What says more is kept: a job with a run stays triggered, and whether a job runs stays uncertain until its run is
    /// found or somebody decides that it is to be tried again (`planned`), whatever another try was answered.
    Plan {
        /// The job.
        job: String,
        /// How far.
        state: PlanState,
        /// What the gateway said.
        error: Option<String>,
    },
    /// The first run of a job was triggered.
    FirstRun {
        /// The job.
        job: String,
        /// Id of the run.
        id: String,
        /// Pull spec that it started from.
        upgrade_from: Option<String>,
    },
    /// A further run of a job was triggered.
    Retry {
        /// The job.
        job: String,
        /// Id of the run.
        id: String,
    },
    /// Somebody looked at a run.
    Seen {
        /// Id of the run.
        id: String,
        /// What it is like.
        run: SeenRun,
    },
    /// A run takes the place of another one, which stays in the history of the job. The build is judged anew.
    Replace {
        /// The job.
        job: String,
        /// The run that counts no more.
        old: String,
        /// The run that counts.
        new: String,
        /// Who, when, why.
        event: Event,
    },
    /// A person promotes the build.
    Promote {
        /// Who, when, why.
        event: Event,
    },
    /// A verdict, perhaps while runs are still open.
    Verdict(StoredVerdict),
    /// Every run has ended; older readers take this for the verdict.
    Conclude {
        /// The verdict.
        accepted: bool,
    },
    /// Jobs that have neither a plan nor a run are planned; so is the policy, where the record says none.
    AddPlan {
        /// The jobs that the build is judged by.
        policy: StoredPolicy,
        /// What is to be triggered.
        entries: Vec<PlanEntry>,
    },
    /// A run is about to be triggered. Only over the announcement that was seen: two would be two runs.
    Announce {
        /// Which run.
        start: JobStart,
        /// Who, when.
        announced: AnnouncedStart,
        /// What stood there.
        over: Option<AnnouncedStart>,
    },
    /// An announced run has its id.
    Started {
        /// Which run.
        start: JobStart,
        /// Its id.
        id: String,
        /// Who, when.
        event: Event,
    },
    /// An announced run was refused, so that there is none (`refused`), or nobody knows whether there is one
    /// (`uncertain`): then the announcement stays.
    NotStarted {
        /// Which run.
        start: JobStart,
        /// How far it is.
        state: PlanState,
        /// What the gateway said.
        error: String,
    },
    /// A look proved, or a person said, that there is no such run: it may be triggered.
    NeverStarted {
        /// Which run.
        start: JobStart,
        /// Who says so, and why; it begins with the key of the start.
        event: Event,
    },
    /// Something happened.
    Note(Event),
}

/// Why a change was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedChange {
    /// The first run of a job was triggered already.
    #[error("{job} has the run {id} already")]
    HasRun {
        /// The job.
        job: String,
        /// Its run.
        id: String,
    },
    /// Somebody else is about to trigger the same run.
    #[error("{by} announced at {at} to trigger {key}, and did not write how that ended")]
    Announced {
        /// The run.
        key: String,
        /// Who.
        by: String,
        /// When.
        at: String,
    },
    /// The record has no such job.
    #[error("the test record has no job {job}; it has {}", listed(known))]
    NoJob {
        /// What was asked for.
        job: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A run counts once.
    #[error("the run {id} counts already")]
    CountsAlready {
        /// The run.
        id: String,
    },
    /// The record has no such run.
    #[error("there is no run {id}; there is {}", listed(known))]
    NoRun {
        /// What was asked for.
        id: String,
        /// What there is.
        known: Vec<String>,
    },
}

fn listed_runs<'a>(item: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    item.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}

impl ResultFile {
    /// The record of a build that is about to be tested. No job has an item yet: an empty run stops older readers.
    pub fn begin(build: &Value, policy: &StoredPolicy, plan: &[PlanEntry], event: &Event) -> Self {
        let plan: Vec<Value> = plan.iter().map(PlanEntry::value).collect();
        let mut document = Map::new();
        document.insert(RESULT.to_owned(), json!([]));
        document.insert(BUILD.to_owned(), build.clone());
        document.insert(SCHEMA.to_owned(), json!(2));
        document.insert(REGISTRY.to_owned(), policy.value());
        document.insert(PLAN.to_owned(), plan.into());
        document.insert(EVENTS.to_owned(), json!([event.value()]));
        Self { document, list: RESULT.to_owned() }
    }

    /// Applies a change; false when the file says so already.
    ///
    /// # Errors
    ///
    /// The change does not fit the file; nothing was changed.
    pub fn apply(&mut self, change: &ResultChange) -> Result<bool, RefusedChange> {
        let before = self.document.clone();
        match change {
            ResultChange::Plan { job, state, error } => self.plan_entry(job, *state, error.as_deref())?,
            ResultChange::FirstRun { job, id, upgrade_from } => self.first_run(job, id, upgrade_from.as_deref())?,
            ResultChange::Retry { job, id } => self.retry(job, id)?,
            ResultChange::Seen { id, run } => self.seen(id, run)?,
            ResultChange::Replace { job, old, new, event } => self.replace(job, old, new, event)?,
            ResultChange::Promote { event } => {
                if self.promoted() != Some(true) {
                    self.document.insert(AGGREGATED.to_owned(), false.into());
                    self.document.insert(PROMOTED.to_owned(), true.into());
                    self.note(event);
                }
            }
            ResultChange::Verdict(verdict) => drop(self.document.insert(VERDICT.to_owned(), verdict.value())),
            ResultChange::Conclude { accepted } => {
                self.document.insert(AGGREGATED.to_owned(), true.into());
                self.document.insert(ACCEPTED.to_owned(), (*accepted).into());
            }
            ResultChange::AddPlan { policy, entries } => self.add_plan(policy, entries),
            ResultChange::Announce { start, announced, over } => self.announce_over(start, announced, over.as_ref())?,
            ResultChange::Started { start, id, event } => self.started(start, id, event)?,
            ResultChange::NotStarted { start, state, error } => {
                if start.slot == RunSlot::First {
                    self.plan_entry(&start.job, *state, Some(error))?;
                }
                if *state == PlanState::Refused {
                    self.withdraw(&start.key());
                }
            }
            ResultChange::NeverStarted { start, event } => {
                if start.slot == RunSlot::First {
                    self.plan_entry(&start.job, PlanState::Planned, None)?;
                }
                self.withdraw(&start.key());
                self.note(event);
            }
            ResultChange::Note(event) => self.note(event),
        }
        Ok(self.document != before)
    }

    fn add_plan(&mut self, policy: &StoredPolicy, entries: &[PlanEntry]) {
        let named: Vec<String> = self.jobs().iter().map(|item| item.name.to_owned()).collect();
        if !self.document.contains_key(REGISTRY) {
            self.document.insert(SCHEMA.to_owned(), json!(2));
            self.document.insert(REGISTRY.to_owned(), policy.value());
        }
        let planned: Vec<String> = self.plan().into_iter().map(|entry| entry.job).collect();
        let is_new = |entry: &&PlanEntry| !planned.contains(&entry.job) && !named.contains(&entry.job);
        let new: Vec<Value> = entries.iter().filter(is_new).map(PlanEntry::value).collect();
        if new.is_empty() {
            return;
        }
        let plan = self.document.entry(PLAN).or_insert_with(|| json!([]));
        if let Some(plan) = plan.as_array_mut() {
            plan.extend(new);
        }
    }

    fn announce_over(
        &mut self,
        start: &JobStart,
        announced: &AnnouncedStart,
        over: Option<&AnnouncedStart>,
    ) -> Result<(), RefusedChange> {
        if let Some(id) = self.in_the_way(start) {
            return Err(RefusedChange::HasRun { job: start.job.clone(), id });
        }
        match self.announced_start(&announced.key) {
            Some(stored) if stored.value() == announced.value() => Ok(()),
            Some(stored) if over.is_none_or(|over| over.value() != stored.value()) => {
                Err(RefusedChange::Announced { key: stored.key, by: stored.by, at: stamp(stored.at) })
            }
            Some(_) | None => {
                self.announce(announced);
                Ok(())
            }
        }
    }

    fn started(&mut self, start: &JobStart, id: &str, event: &Event) -> Result<(), RefusedChange> {
        match &start.slot {
            RunSlot::First => {
                self.first_run(&start.job, id, start.upgrade_from.as_deref())?;
                if self.plan().iter().any(|entry| entry.job == start.job) {
                    self.plan_entry(&start.job, PlanState::Triggered, None)?;
                }
            }
            RunSlot::Retry(_) => self.retry(&start.job, id)?,
            RunSlot::Instead { of, .. } => self.replace(&start.job, of, id, event)?,
        }
        self.withdraw(&start.key());
        // A replaced run has its event already.
        self.note(event);
        Ok(())
    }

    fn plan_entry(&mut self, job: &str, state: PlanState, error: Option<&str>) -> Result<(), RefusedChange> {
        let known: Vec<String> = self.plan().into_iter().map(|entry| entry.job).collect();
        let has_run = self.jobs().iter().any(|item| item.name == job && item.first.id.is_some());
        let entries = self.document.get_mut(PLAN).and_then(Value::as_array_mut);
        let entry = entries.into_iter().flatten().find(|entry| entry["jobName"] == job);
        let Some(entry) = entry else { return Err(RefusedChange::NoJob { job: job.to_owned(), known }) };
        let says_more = match state {
            PlanState::Triggered => false,
            PlanState::Planned | PlanState::Uncertain => has_run,
            PlanState::Refused => has_run || entry["state"] == PlanState::Uncertain.name(),
        };
        if says_more || entry["state"] == state.name() && entry["last_error"].as_str() == error {
            return Ok(());
        }
        let attempts = entry["attempts"].as_u64().unwrap_or_default();
        entry["state"] = state.name().into();
        entry["attempts"] = (attempts + u64::from(state != PlanState::Planned)).into();
        match error {
            Some(error) => entry["last_error"] = error.into(),
            None => drop(entry.as_object_mut().and_then(|entry| entry.shift_remove("last_error"))),
        }
        Ok(())
    }

    fn first_run(&mut self, job: &str, id: &str, upgrade_from: Option<&str>) -> Result<(), RefusedChange> {
        let had = self.jobs().iter().find(|item| item.name == job).and_then(|item| item.first.id).map(str::to_owned);
        if let Some(had) = had {
            let same = had == id;
            return if same { Ok(()) } else { Err(RefusedChange::HasRun { job: job.to_owned(), id: had }) };
        }
        let Some(item) = self.item(job) else {
            let mut item = json!({ "jobName": job, FIRST: { ID: id } });
            if let Some(from) = upgrade_from {
                item["upgrade_from"] = from.into();
            }
            if let Some(Value::Array(items)) = self.document.get_mut(&self.list) {
                items.push(item);
            }
            return Ok(());
        };
        // It was lost before it began.
        item[FIRST] = json!({ ID: id });
        Ok(())
    }

    fn retry(&mut self, job: &str, id: &str) -> Result<(), RefusedChange> {
        let known = self.jobs().iter().map(|item| item.name.to_owned()).collect();
        let Some(item) = self.item(job) else { return Err(RefusedChange::NoJob { job: job.to_owned(), known }) };
        if !item[RETRIED].is_array() {
            item[RETRIED] = json!([]);
        }
        if let Some(runs) = item[RETRIED].as_array_mut().filter(|runs| !runs.iter().any(|run| run[ID] == id)) {
            runs.push(json!({ ID: id }));
        }
        Ok(())
    }

    /// Adds what a look says. A final state and an end stay as they are whatever a later look says.
    fn seen(&mut self, id: &str, seen: &SeenRun) -> Result<(), RefusedChange> {
        let known = self.ids();
        let Some(run) = self.run(id) else { return Err(RefusedChange::NoRun { id: id.to_owned(), known }) };
        let has_ended = run[COMPLETED].as_str().is_some_and(|at| !at.is_empty());
        let is_final = run[STATE].as_str().and_then(RunState::named).is_some_and(RunState::is_terminal);
        for (key, text, is_settled) in [
            (STARTED, &seen.started, has_ended),
            ("jobURL", &seen.url, false),
            (STATE, &seen.state, is_final),
            (COMPLETED, &seen.completed, has_ended),
        ] {
            if let Some(text) = text.as_deref().filter(|text| !text.is_empty() && !is_settled) {
                run[key] = text.into();
            }
        }
        if let Some(summary) = &seen.summary {
            run["testResultSummary"] = summary.clone();
        }
        Ok(())
    }

    fn replace(&mut self, job: &str, old: &str, new: &str, event: &Event) -> Result<(), RefusedChange> {
        let known = self.jobs().iter().map(|item| item.name.to_owned()).collect();
        let Some(item) = self.item(job) else { return Err(RefusedChange::NoJob { job: job.to_owned(), known }) };
        let ids = |run: &Value| run[ID].as_str().map(str::to_owned);
        let standing = item.get(FIRST).into_iter().chain(listed_runs(item, RETRIED));
        let known: Vec<String> = standing.filter_map(ids).collect();
        let was_replaced = listed_runs(item, HISTORY).any(|run| run[ID] == old);
        if was_replaced && known.iter().any(|id| id == new) {
            return Ok(());
        }
        if known.iter().any(|id| id == new) {
            return Err(RefusedChange::CountsAlready { id: new.to_owned() });
        }
        let is_first = item.get(FIRST).is_some_and(|run| run[ID] == old);
        let run = if is_first {
            item.get_mut(FIRST)
        } else {
            let runs = item.get_mut(RETRIED).and_then(Value::as_array_mut);
            runs.into_iter().flatten().find(|run| run[ID] == old)
        };
        let Some(run) = run else { return Err(RefusedChange::NoRun { id: old.to_owned(), known }) };
        let mut replaced = std::mem::replace(run, json!({ ID: new }));
        replaced["reason"] = event.detail.as_str().into();
        let history = listed_runs(item, HISTORY).cloned().chain([replaced]).collect::<Vec<_>>();
        item[HISTORY] = history.into();
        for key in [AGGREGATED, ACCEPTED, VERDICT] {
            self.document.shift_remove(key);
        }
        self.note(event);
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        let events = self.document.entry(EVENTS).or_insert_with(|| json!([]));
        let event = event.value();
        if let Some(events) = events.as_array_mut().filter(|events| !events.contains(&event)) {
            events.push(event);
        }
    }

    fn items(&mut self) -> impl Iterator<Item = &mut Value> {
        self.document.get_mut(&self.list).and_then(Value::as_array_mut).into_iter().flatten()
    }

    fn item(&mut self, job: &str) -> Option<&mut Value> {
        self.items().find(|item| item["jobName"] == job)
    }

    fn ids(&self) -> Vec<String> {
        self.jobs().iter().flat_map(super::JobItem::runs).filter_map(|run| run.id.map(str::to_owned)).collect()
    }

    /// The run of that id; in the first files it is the item itself.
    fn run(&mut self, id: &str) -> Option<&mut Value> {
        self.items().find_map(|item| {
            if item.get(FIRST).is_none() && item[ID] == id {
                return Some(item);
            }
            let Value::Object(item) = item else { return None };
            let mut found = None;
            for (key, value) in item {
                match (key.as_str(), value) {
                    (FIRST, first) if first[ID] == id => found = Some(first),
                    (RETRIED, Value::Array(runs)) => found = found.or(runs.iter_mut().find(|run| run[ID] == id)),
                    _ => {}
                }
            }
            found
        })
    }
}
