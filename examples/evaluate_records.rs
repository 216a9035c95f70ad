//! How long judging test records takes: `evaluate_records [FOLDER [VERSIONS]]`.
//!
//! Judges every `ocp-*.json` below FOLDER (else 80 invented records), each by the version of its registry in the
//! folder VERSIONS. Prints one row of a table, and fails when the median of 20 rounds is more than 50 ms.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program for the bench: it prints and measures")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oar::operators::views::evaluated_files::{FileOutcome, RegistrySource, evaluate_files};

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
    let mut judged = 0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let outcomes = evaluate_files(&files, &source)?;
        times.push(began.elapsed());
        judged = outcomes.iter().filter(|file| matches!(file.outcome, FileOutcome::Record(_))).count();
    }
    times.sort_unstable();
    let median = times[ROUNDS / 2];
    println!(
        "| {judged} of {} files judged | {:.1} ms | at most {} ms |",
        files.len(),
        median.as_secs_f64() * 1e3,
        AT_MOST.as_millis()
    );
    if judged == 0 || median > AT_MOST {
        return Err("no record was judged, or it took too long".into());
    }
    Ok(())
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
