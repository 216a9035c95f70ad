//! How long judging test records takes, and what retrying by our rule spares: `evaluate_records [FOLDER [VERSIONS]]`.
//!
//! Judges every `ocp-*.json` below FOLDER (else 80 invented records), each by the version of its registry in the
//! folder VERSIONS. Prints one row of a table, and fails when the median of 20 rounds is more than 50 ms. A second row
//! counts the further runs in these records, and those of them that our rule would not have started: the record is asked
//! as it was when the run began; for one of a nightly, as it was when the run before it had ended.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program for the bench: it prints and measures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use oar::domain::build::Stream;
use oar::domain::evaluation::evaluate;
use oar::domain::job_registry::{JobRegistry, RegistryJob};
use oar::domain::job_starts::{RetryOrder, further_runs};
use oar::domain::result_file::ResultFile;
use oar::operators::views::evaluated_files::{
    EvaluatedFile, EvaluatedRecord, FileOutcome, RegistrySource, evaluate_files, name_of,
};
use serde_json::Value;

const ROUNDS: usize = 20;
const AT_MOST: Duration = Duration::from_millis(50);
const INVENTED: &str = "tests/it/corpus/invented/record";

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let mut files = Vec::new();
    match folders.first() {
        Some(folder) => records(folder, &mut files)?,
        None => {
            records(Path::new(INVENTED), &mut files)?;
            files = files.into_iter().cycle().take(80).collect();
        }
    }
    let source = match folders.get(1) {
        Some(versions) => RegistrySource::history(versions)?,
        None => RegistrySource::OwnOrBeside,
    };
    let mut times = Vec::new();
    let mut outcomes = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        outcomes = evaluate_files(&files, &source)?;
        times.push(began.elapsed());
    }
    let judged = outcomes.iter().filter(|file| matches!(file.outcome, FileOutcome::Record(_))).count();
    times.sort_unstable();
    let median = times[ROUNDS / 2];
    println!(
        "| {judged} of {} files judged | {:.1} ms | at most {} ms |",
        files.len(),
        median.as_secs_f64() * 1e3,
        AT_MOST.as_millis()
    );
    println!("{}", spared(&outcomes)?);
    if judged == 0 || median > AT_MOST {
        return Err("no record was judged, or it took too long".into());
    }
    Ok(())
}

/// A further run of a record.
struct FurtherRun {
    job: String,
    nth: usize,
    began: Timestamp,
    ended: Option<Timestamp>,
}

impl FurtherRun {
    /// How long it ran; nothing where the record does not say.
    fn length(&self) -> SignedDuration {
        self.ended.map_or(SignedDuration::ZERO, |ended| ended.duration_since(self.began))
    }
}

/// The row about further runs. Of several versions of a record that with the most runs counts.
fn spared(files: &[EvaluatedFile]) -> Result<String, Box<dyn Error>> {
    let mut records: BTreeMap<String, (usize, Stream, Vec<FurtherRun>, Vec<FurtherRun>)> = BTreeMap::new();
    for file in files {
        let FileOutcome::Record(judged) = &file.outcome else { continue };
        let text = std::fs::read_to_string(&file.path)?;
        let Some(jobs) = jobs_of(judged, &text)? else { continue };
        let record: Value = serde_json::from_str(&text)?;
        let stream = judged.of.stream();
        let (wanted, spared) = by_our_rule(&record, &jobs, stream)?;
        let (name, runs) = (judged.of.path(), wanted.len() + spared.len());
        if records.get(&name).is_none_or(|known| known.0 < runs) {
            records.insert(name, (runs, stream, wanted, spared));
        }
    }
    let hours =
        |runs: &mut dyn Iterator<Item = &FurtherRun>| runs.map(|run| run.length().as_secs_f64()).sum::<f64>() / 3600.0;
    let all = || records.values().flat_map(|(.., wanted, spared)| wanted.iter().chain(spared));
    let of = |stream| records.values().filter(move |(_, of, ..)| *of == stream).flat_map(|(.., spared)| spared);
    let (nightly, stable) = (of(Stream::Nightly).count(), of(Stream::Stable).count());
    let (total, less) = (hours(&mut all()), hours(&mut of(Stream::Nightly)) + hours(&mut of(Stream::Stable)));
    Ok(format!(
        "| {} further runs ({total:.0} h) of {} builds | not started by our rule: {nightly} of nightlies, {stable} of \
         stable builds | {less:.0} h less, {:.0} % |",
        all().count(),
        records.len(),
        100.0 * less / total.max(f64::MIN_POSITIVE)
    ))
}

/// The jobs that a record was judged by.
fn jobs_of(judged: &EvaluatedRecord, text: &str) -> Result<Option<Vec<RegistryJob>>, Box<dyn Error>> {
    let Some(by) = &judged.by else { return Ok(None) };
    let Some(path) = &by.file else { return Ok(ResultFile::read(text)?.policy().map(|policy| policy.jobs)) };
    let registry = JobRegistry::named(&name_of(path), &std::fs::read_to_string(path)?);
    Ok(Some(registry.section(judged.of.stream())?.to_vec()))
}

/// The further runs that our rule would have started, and those that it would not.
fn by_our_rule(
    record: &Value,
    jobs: &[RegistryJob],
    stream: Stream,
) -> Result<(Vec<FurtherRun>, Vec<FurtherRun>), Box<dyn Error>> {
    let order = RetryOrder::usual(stream);
    let (mut wanted, mut spared) = (Vec::<FurtherRun>::new(), Vec::new());
    for run in further(record) {
        let before: Vec<_> = wanted.iter().filter(|known| known.job == run.job).map(|known| known.ended).collect();
        let at = match order {
            RetryOrder::OneAfterTheOther => before.iter().flatten().copied().chain([run.began]).max(),
            RetryOrder::AllAtOnce => None,
        };
        let at = at.unwrap_or(run.began);
        // Those that are open were started with it.
        let open = before.iter().filter(|ended| ended.is_none_or(|ended| ended > at)).count();
        let file = ResultFile::read(&as_it_was(record, &wanted, at, &run.job).to_string())?;
        let starts = further_runs(&file, &evaluate(&file, jobs).strict, order);
        let is_wanted = starts.iter().filter(|start| start.job == run.job).count() > open;
        // Of a nightly whose run before never ended nobody knows what would have followed.
        let is_unknown = order == RetryOrder::OneAfterTheOther && before.contains(&None);
        if is_wanted || is_unknown { wanted.push(run) } else { spared.push(run) }
    }
    Ok((wanted, spared))
}

/// The further runs of a record in the order in which they began; one that never showed began when the one before it had
/// ended.
fn further(record: &Value) -> Vec<FurtherRun> {
    let mut found = Vec::new();
    for item in items(record) {
        let Some(job) = item["jobName"].as_str() else { continue };
        let mut last = ended(&item["firstJob"]);
        for (nth, run) in item["retriedJobs"].as_array().into_iter().flatten().enumerate() {
            let Some(began) = time(&run["jobStartTime"]).or(last) else { continue };
            found.push(FurtherRun { job: job.to_owned(), nth, began, ended: ended(run) });
            last = ended(run).or(last);
        }
    }
    found.sort_by_key(|run| run.began);
    found
}

/// A record at `at`, when of the further runs `wanted` alone had been started, without those of `job` that were open.
fn as_it_was(record: &Value, wanted: &[FurtherRun], at: Timestamp, job: &str) -> Value {
    let mut record = record.clone();
    for item in record["result"].as_array_mut().into_iter().flatten() {
        let name = item["jobName"].as_str().unwrap_or_default().to_owned();
        let runs = item["retriedJobs"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let had_ended = |run: &FurtherRun| run.ended.is_some_and(|ended| ended <= at);
        let counts = |run: &FurtherRun| run.job == name && (name != job || had_ended(run));
        let is_started = |nth: usize| wanted.iter().any(|run| run.nth == nth && counts(run));
        let started = runs.into_iter().enumerate().filter(|(nth, _)| is_started(*nth));
        item["retriedJobs"] = started.map(|(_, run)| still_open(run, at)).collect();
        item["firstJob"] = still_open(item["firstJob"].take(), at);
    }
    record
}

/// A run as it was at `at`: without its end, when that came later.
fn still_open(mut run: Value, at: Timestamp) -> Value {
    if ended(&run).is_some_and(|ended| ended > at)
        && let Some(run) = run.as_object_mut()
    {
        run.remove("jobCompletionTime");
        run.remove("jobState");
    }
    run
}

fn items(record: &Value) -> impl Iterator<Item = &Value> {
    record["result"].as_array().into_iter().flatten()
}

fn ended(run: &Value) -> Option<Timestamp> {
    time(&run["jobCompletionTime"])
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// Records and files of the current build below `folder`, in order.
fn records(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            records(&path, files)?;
        } else if name.ends_with(".json") && (name.contains("ocp-test-result-") || name.contains("ocp-latest-")) {
            files.push(path);
        }
    }
    Ok(())
}
