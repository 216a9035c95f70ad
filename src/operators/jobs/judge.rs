//! Judges one record: looks at its open runs, stores how they ended and what follows, and triggers the further runs that
//! the verdict needs.

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};

use crate::core::clients::prow::{Prow, ProwJob};
use crate::domain::acceptance::AcceptancePolicy;
use crate::domain::build::made_at;
use crate::domain::dates::stamp;
use crate::domain::evaluation::{Decision, Evaluation, JobVerdict, evaluate};
use crate::domain::ids::ProwJobId;
use crate::domain::job_starts::{RetryOrder, further_runs, lost_runs, policy};
use crate::domain::result_file::ResultFile;
use crate::domain::result_file::additions::{Event, EventKind, StoredPolicy, StoredVerdict};
use crate::domain::result_file::change::{ResultChange, SeenRun};
use crate::domain::result_file::name::ResultName;
use crate::operators::error::TaskError;
use crate::operators::jobs::gone::GoneRuns;
use crate::operators::jobs::job_files::{JobFiles, stream_of};
use crate::operators::jobs::job_writer::{JobWriter, LastWriter, message};
use crate::operators::jobs::payload_label;
use crate::operators::jobs::report::{JudgedRecord, Triggered};
use crate::operators::jobs::trigger::{BuildToTest, store, together, trigger_in_turn};
use crate::operators::jobs::watch::pull_spec_of;

/// Runs of one record that are looked at side by side.
const LOOKS: usize = 4;

/// So long an end that nothing follows from may wait for others.
const KEPT_BACK: SignedDuration = SignedDuration::from_mins(30);

/// Nothing is triggered for a record in which nothing happened for this long: nobody waits for its build.
const STALE: SignedDuration = SignedDuration::from_hours(72);

/// Judges the record of a build; nothing when it is settled.
///
/// # Errors
///
/// The record is damaged, nothing says which jobs it is judged by, or the store does not answer.
pub async fn judge(
    writer: &JobWriter<'_>,
    job_files: &JobFiles,
    gone: &GoneRuns,
    of: &ResultName,
) -> Result<Option<JudgedRecord>, TaskError> {
    let Some(record) = job_files.open(writer, of).await? else { return Ok(None) };
    let mut file = record.file;
    if is_settled(&file) {
        return Ok(None);
    }
    let stream = stream_of(of)?;
    let policy = match file.policy() {
        Some(stored) => stored,
        None => {
            let (digest, section) = job_files.section(&stream)?;
            policy(&file, digest, section)
        }
    };
    let (mut changes, mut notes) = look(writer, gone, &file).await;
    let seen = after(&file, &changes);
    let judged = DecidedRecord::of(writer, &seen, &policy);
    changes.extend(judged.changes(&seen));
    let mut report = judged.report(of, &seen, std::mem::take(&mut notes));
    let stale = latest_sign(of, &file).is_none_or(|at| writer.ctx.clock.now().duration_since(at) > STALE);
    let order = match writer.ctx.settings.acceptance_policy {
        AcceptancePolicy::Compat => RetryOrder::AllAtOnce,
        AcceptancePolicy::Strict => RetryOrder::usual(stream.stream),
    };
    let starts = further_runs(&seen, &judged.evaluation.strict, order);
    if writer.powers.shadow {
        return Ok(Some(report));
    }
    let mut last = LastWriter::default();
    if !changes.is_empty() || !starts.is_empty() {
        last = writer.last_writer(&of.path()).await?;
    }
    if let Some(at) = last.at_work {
        report.notes.push(format!("left alone: another program wrote it at {}", stamp(at)));
        return Ok(Some(report));
    }
    let pull_spec = pull_spec_of(&file);
    if !starts.is_empty() {
        report.notes.extend(hindrance(stale, pull_spec.is_some()).map(str::to_owned));
    }
    let Some(pull_spec) = pull_spec.filter(|_| !stale && !starts.is_empty()) else {
        // What nothing follows from may fall together with what the next look sees.
        let waits = !judged.is_decided() && !has_waited(&changes, writer.ctx.clock.now());
        if !changes.is_empty() && !waits {
            file = store(&writer.hold().await?, of, message::ENDED, &changes).await?;
            report.changed = true;
        }
        if payload_label::is_due(&file) {
            report.label = Some(payload_label::set(writer, of, &file, &mut report.notes).await?);
        }
        return Ok(Some(report));
    };
    // What is announced is asked for at once.
    let _turn = writer.turn().await;
    let held = writer.hold().await?;
    let new = starts.iter().filter(|start| file.announced_start(&start.key()).is_none());
    let announced = together(new, &held.us, writer.ctx.clock.now());
    let announce = announced.iter().cloned();
    let announce = announce.map(|(start, announced)| ResultChange::Announce { start, announced, over: None });
    let both: Vec<_> = changes.iter().cloned().chain(announce).collect();
    let ours = match store(&held, of, message::ENDED, &both).await {
        // Somebody else announced one of them: what was seen is stored all the same.
        Err(TaskError::Taken { .. }) => {
            file = store(&held, of, message::ENDED, &changes).await?;
            Vec::new()
        }
        stored => {
            file = stored?;
            announced.into_iter().map(|(_, announced)| announced).collect()
        }
    };
    report.changed = !changes.is_empty();
    let build = BuildToTest {
        of,
        pull_spec: &pull_spec,
        jobs: &policy.jobs,
        file,
        announced: ours,
        looks_first: last.is_somebody_else,
    };
    report.triggered = trigger_in_turn(writer, build, &starts).await;
    Ok(Some(report))
}

/// Why no run is triggered, though some are wanted.
const fn hindrance(stale: bool, can_be_pulled: bool) -> Option<&'static str> {
    match (stale, can_be_pulled) {
        (true, _) => Some("nothing is triggered: nothing happened in it for days"),
        (false, false) => Some("the record does not say where the build can be pulled: nothing is triggered"),
        (false, true) => None,
    }
}

/// Is there an end, or a loss, that is not to be kept back any longer? A record whose runs end one after the other would
/// be written for each.
fn has_waited(changes: &[ResultChange], now: Timestamp) -> bool {
    changes.iter().any(|change| {
        let ResultChange::Seen { run, .. } = change else { return true };
        let ended = run.completed.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
        ended.is_none_or(|ended| now.duration_since(ended) >= KEPT_BACK)
    })
}

/// Is nothing left to be done for it? What older programs concluded is never opened again.
fn is_settled(file: &ResultFile) -> bool {
    file.aggregated() == Some(true) && !payload_label::is_due(file)
}

/// The file with changes that nobody wrote yet. A change that does not fit changes nothing.
fn after(file: &ResultFile, changes: &[ResultChange]) -> ResultFile {
    let mut after = file.clone();
    for change in changes {
        let _ = after.apply(change);
    }
    after
}

/// What is known of each open run now: only how it ended is worth a commit.
async fn look(writer: &JobWriter<'_>, gone: &GoneRuns, file: &ResultFile) -> (Vec<ResultChange>, Vec<String>) {
    let prow = writer.ctx.prow();
    let now = writer.ctx.clock.now();
    let open: Vec<String> = open_runs(file);
    let looks = futures::stream::iter(&open).map(|id| look_at(&prow, id)).buffered(LOOKS);
    let (mut changes, mut notes) = (Vec::new(), Vec::new());
    let known_lost = lost_runs(file);
    for (id, found) in open.iter().zip(looks.collect::<Vec<_>>().await) {
        match found {
            Ok(Some(run)) => {
                gone.shows(id);
                if run.state.is_final() && run.completed_at.is_some() {
                    changes.push(ResultChange::Seen { id: id.clone(), run: seen(&run) });
                }
            }
            Ok(None) if known_lost.contains(id) => {}
            Ok(None) if gone.does_not_show(id, now) => {
                let detail = format!("{id} is not known to Prow any more, and nobody saw its end");
                notes.push(detail.clone());
                let event = Event { at: now, actor: writer.actor(), kind: EventKind::Lost, detail };
                changes.push(ResultChange::Note(event));
            }
            Ok(None) => notes.push(format!("Prow does not show {id} at the moment")),
            Err(why) => notes.push(why),
        }
    }
    (changes, notes)
}

async fn look_at(prow: &Prow, id: &str) -> Result<Option<ProwJob>, String> {
    let id: ProwJobId = id.parse().map_err(|bad: crate::domain::ids::BadId| bad.to_string())?;
    prow.job(&id).await.map_err(|error| error.to_string())
}

fn open_runs(file: &ResultFile) -> Vec<String> {
    let jobs = file.jobs();
    let open = jobs.iter().flat_map(|item| item.runs().filter(|run| !run.is_finished()).filter_map(|run| run.id));
    open.map(str::to_owned).collect()
}

fn seen(run: &ProwJob) -> SeenRun {
    SeenRun {
        state: Some(run.state.as_str().to_owned()),
        started: run.started_at.map(stamp),
        completed: run.completed_at.map(stamp),
        url: run.url.clone(),
        summary: None,
    }
}

/// The last time at which something happened in a record, as far as it says.
fn latest_sign(of: &ResultName, file: &ResultFile) -> Option<Timestamp> {
    let jobs = file.jobs();
    let runs = jobs.iter().flat_map(|item| item.runs()).flat_map(|run| [run.started, run.completed]).flatten();
    let runs = runs.filter_map(|time| time.parse::<Timestamp>().ok());
    let events = file.events().into_iter().filter_map(|event| event.at.parse::<Timestamp>().ok()).collect::<Vec<_>>();
    runs.chain(events).chain(made_at(&of.build)).max()
}

/// A record with what is decided about it.
struct DecidedRecord {
    evaluation: Evaluation,
    rule: AcceptancePolicy,
    decision: Decision,
}

impl DecidedRecord {
    fn of(writer: &JobWriter<'_>, file: &ResultFile, policy: &StoredPolicy) -> Self {
        let evaluation = evaluate(file, &policy.jobs);
        let rule = writer.ctx.settings.acceptance_policy;
        let decision = match rule {
            AcceptancePolicy::Strict => evaluation.strict.decision,
            AcceptancePolicy::Compat => evaluation.compat.decision,
        };
        Self { evaluation, rule, decision }
    }

    /// Can no run change the decision any more?
    const fn is_decided(&self) -> bool {
        match self.decision {
            Decision::Accepted | Decision::Rejected => true,
            Decision::Incomplete | Decision::InProgress | Decision::NoPolicy => false,
        }
    }

    /// The verdict, as soon as no run can change it; for older readers when every run has ended.
    fn changes(&self, file: &ResultFile) -> Vec<ResultChange> {
        let accepted = match self.decision {
            Decision::Accepted => true,
            Decision::Rejected => false,
            Decision::Incomplete | Decision::InProgress | Decision::NoPolicy => return Vec::new(),
        };
        let verdict = StoredVerdict {
            decision: self.decision.name().to_owned(),
            decided_at: self.evaluation.strict.decided_at.map(stamp),
            rule: self.rule.name().to_owned(),
        };
        let mut changes = Vec::new();
        if file.verdict().as_ref() != Some(&verdict) {
            changes.push(ResultChange::Verdict(verdict));
        }
        let says_so = file.aggregated() == Some(true) && file.accepted() == Some(accepted);
        if open_runs(file).is_empty() && !says_so {
            changes.push(ResultChange::Conclude { accepted });
        }
        changes
    }

    fn report(&self, of: &ResultName, file: &ResultFile, notes: Vec<String>) -> JudgedRecord {
        let failed = self.evaluation.strict.jobs.iter().filter(|job| job.required && job.verdict == JobVerdict::Failed);
        JudgedRecord {
            of: of.clone(),
            decision: self.decision,
            promoted: self.evaluation.promoted,
            coverage: self.evaluation.coverage,
            failed: failed.map(|job| job.name.clone()).collect(),
            changed: false,
            open_runs: open_runs(file).len(),
            triggered: Triggered::default(),
            label: None,
            notes,
        }
    }
}
