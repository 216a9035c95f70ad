//! Test records and registries: read, written back byte for byte, judged as the table beside them says. Invented ones
//! are always here, real ones where [`crate::real_files`] finds them.

use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use oar::domain::acceptance::AcceptancePolicy;
use oar::domain::job_registry::JobRegistry;
use oar::domain::job_registry::finding::Severity;
use oar::domain::result_file::ResultFile;
use oar::domain::result_file::name::{RecordName, check_latest};
use oar::operators::views::evaluated_files::{EvaluatedFile, FileOutcome, RegistrySource, evaluate_files, name_of};
use oar::render::evaluation::{text, tsv};

use crate::real_files::{counted, invented, real};

const BOTH: [AcceptancePolicy; 2] = [AcceptancePolicy::Strict, AcceptancePolicy::Compat];

/// The JSON files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    files
}

/// The invented files but the registries.
fn invented_records() -> Vec<PathBuf> {
    let mut found = files(&invented("record"));
    found.retain(|path| !name_of(path).contains("-test-jobs-"));
    found
}

/// The real files of the present, in the order of the table, and those of the past.
fn real_records() -> Option<(Vec<PathBuf>, Vec<PathBuf>)> {
    let folder = real("data/record")?;
    let now = [files(&folder.join("_releases")), files(&folder.join("pseudonymized/_releases"))].concat();
    let past = files(&folder.join("history"));
    counted(now.len() + past.len(), "records");
    Some((now, past))
}

fn judged(files: &[PathBuf], source: &RegistrySource) -> Vec<EvaluatedFile> {
    evaluate_files(files, source).expect("registries")
}

fn of_time() -> Option<RegistrySource> {
    Some(RegistrySource::history(&real("data/jobs/history")?).expect("a folder"))
}

fn damaged(files: &[EvaluatedFile]) -> Vec<String> {
    let is_damaged = |file: &&EvaluatedFile| matches!(file.outcome, FileOutcome::Damaged { .. });
    files.iter().filter(is_damaged).map(|file| name_of(&file.path)).collect()
}

/// A text in which files are named without their folder.
fn without_folder(text: &str, folder: &Path) -> String {
    text.replace(&format!("{}/", folder.display()), "")
}

#[test]
fn invented_records_are_judged_by_the_registry_beside_them_or_by_their_own_plan() {
    let files = judged(&invented_records(), &RegistrySource::OwnOrBeside);
    let shown = text(&files, &BOTH).to_string();
    assert_snapshot!(without_folder(&shown, &invented("record")), @"
    ocp-latest-4.19-stable.json: DAMAGED: the file of the current build is unusable: no JSON (trailing characters at line 1 column 5)
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000001-amd64.json: ACCEPTED, 3 of 3 required jobs ran; by the older rule ACCEPTED
      PASSED_ON_RETRY FPPP  periodic-ci-example-release-4.19-azure-f999: 3 of 3 further runs passed, 3 are needed
      OPTIONAL_FAILED F     periodic-ci-example-release-4.19-gcp-f999: its first run failed, and it does not count
      decided: 2026-03-16T19:30:00Z
      odd: recorded as rejected, which the older rule does not say
      odd: periodic-ci-example-release-4.19-vsphere-f999: 0 further runs are planned, the older rule triggers 2
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000002-amd64.json: REJECTED, 3 of 3 required jobs ran; by the older rule REJECTED
      FAILED          F     periodic-ci-example-release-4.19-vsphere-f999: its first run failed, and no further one is planned
      decided: 2026-03-16T10:30:00Z
      odd: periodic-ci-example-release-4.19-vsphere-f999: 0 further runs are planned, the older rule triggers 2
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000003-amd64.json: IN_PROGRESS, 3 of 3 required jobs ran; by the older rule IN_PROGRESS
      RETRY_NEEDED    E     periodic-ci-example-release-4.19-aws-f999: its first run could not run (error)
      NOT_TRIGGERED   -     periodic-ci-example-release-4.19-gcp-f999: it was never triggered
      UNKNOWN_JOB     P     periodic-ci-example-release-4.19-other-f999: the registry does not have it
      odd: periodic-ci-example-release-4.19-vsphere-f999: 0 further runs are planned, the older rule triggers 2
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000004-amd64.json: IN_PROGRESS, 3 of 3 required jobs ran; by the older rule ACCEPTED
      RETRY_NEEDED    FP    periodic-ci-example-release-4.19-aws-f999: 1 of 1 further runs passed, 2 are needed, 1 to trigger
      RUNNING         R     periodic-ci-example-release-4.19-gcp-f999: its first run is open
      odd: recorded as complete, although these have open runs: periodic-ci-example-release-4.19-gcp-f999
      odd: periodic-ci-example-release-4.19-aws-f999: as many runs passed as failed, which the older rule lets pass
      odd: periodic-ci-example-release-4.19-vsphere-f999: 0 further runs are planned, the older rule triggers 2
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000005-amd64.json: INCOMPLETE, 2 of 3 required jobs ran; by the older rule IN_PROGRESS
      RUNNING         R     periodic-ci-example-release-4.19-aws-f999: its first run is open
      NOT_TRIGGERED   -     periodic-ci-example-release-4.19-gcp-f999: it was never triggered
      NOT_TRIGGERED   -     periodic-ci-example-release-4.19-vsphere-f999: it was never triggered
      odd: recorded as complete, although these have open runs: periodic-ci-example-release-4.19-aws-f999
      odd: periodic-ci-example-release-4.19-vsphere-f999: 0 further runs are planned, the older rule triggers 2
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000006-amd64.json: REJECTED, 2 of 3 required jobs ran; by the older rule IN_PROGRESS
      LOST            -     periodic-ci-example-release-4.19-aws-f999: its run has no id, it was lost before it began
      RUNNING         R     periodic-ci-example-release-4.19-azure-f999: its first run is open
      NOT_TRIGGERED   -     periodic-ci-example-release-4.19-gcp-f999: it was never triggered
      FAILED          F     periodic-ci-example-release-4.19-vsphere-f999: its first run failed, and no further one is planned
      decided: 2026-03-16T10:30:00Z
      odd: periodic-ci-example-release-4.19-vsphere-f999: 0 further runs are planned, the older rule triggers 2
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000007-amd64.json: INCOMPLETE, 1 of 2 required jobs ran; by the older rule IN_PROGRESS
      RUNNING         R     periodic-ci-example-release-4.19-aws-f999: its first run is open
      NOT_TRIGGERED   -     periodic-ci-example-release-4.19-azure-f999: triggering it was refused (4×): “429 Too Many Requests”
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000008-amd64.json: DAMAGED: the test record is unusable: no JSON (trailing comma at line 7 column 7)
    ocp-test-result-4.19.0-rc.1-amd64.json: REJECTED, 2 of 2 required jobs ran; by the older rule REJECTED; promoted by a person
      FAILED          FFF   periodic-ci-example-release-4.19-aws-upgrade-f999: 0 of 2 further runs passed, 2 are needed
      decided: 2026-03-16T13:30:00Z
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012431-amd64.json: ACCEPTED, 3 of 3 required jobs ran; by the older rule ACCEPTED
      decided: 2026-03-15T10:34:59Z
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012432-amd64.json: ACCEPTED, 3 of 3 required jobs ran; by the older rule ACCEPTED
      PASSED_ON_RETRY FPP   periodic-ci-example-release-4.20-azure-f999: 2 of 2 further runs passed, 2 are needed
      decided: 2026-03-15T10:34:59Z
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012433-amd64.json: REJECTED, 3 of 3 required jobs ran; by the older rule REJECTED
      FAILED          FFF   periodic-ci-example-release-4.20-azure-f999: 0 of 2 further runs passed, 2 are needed
      decided: 2026-03-15T10:34:59Z
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012434-amd64.json: IN_PROGRESS, 3 of 3 required jobs ran; by the older rule IN_PROGRESS
      RETRYING        FR    periodic-ci-example-release-4.20-azure-f999: 0 of 1 further runs passed, 2 are needed, 1 open
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012435-amd64.json: INCOMPLETE, 2 of 3 required jobs ran; by the older rule ACCEPTED
      NOT_TRIGGERED   -     periodic-ci-example-release-4.20-gcp-f999: it was never triggered
      odd: recorded as accepted, although these never ran: periodic-ci-example-release-4.20-gcp-f999
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012436-amd64.json: REJECTED, 3 of 3 required jobs ran; by the older rule REJECTED; promoted by a person
      FAILED          FFF   periodic-ci-example-release-4.20-azure-f999: 0 of 2 further runs passed, 2 are needed
      decided: 2026-03-15T10:34:59Z
      odd: recorded as accepted, which the older rule does not say
      odd: promoted by a person, although it is recorded as accepted
    16 records: 3 ACCEPTED, 2 DAMAGED, 3 INCOMPLETE, 3 IN_PROGRESS, 5 REJECTED
    ");
}

#[test]
fn the_table_has_a_row_for_every_record_a_damaged_one_and_none_for_the_current_build() {
    let history = RegistrySource::history(&invented("record/versions")).expect("a folder");
    let table = tsv(&judged(&invented_records(), &history));
    assert_snapshot!(table.replace('\t', " "), @"
    file registry_at total completed pending success failed required successful_required qe_accepted all_completed recorded_aggregated recorded_accepted recorded_manual_promotion compat_retry_now strict_decision strict_job_verdicts
    ocp-latest-4.19-stable.json - - - - - - - - - - - - - - DAMAGED -
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000001-amd64.json 20260316T080000Z 4 4 0 3 1 3 3 true true true false - 0 ACCEPTED PASSED=2,PASSED_ON_RETRY=1
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000002-amd64.json 20260316T080000Z 4 4 0 3 1 3 2 false true true false - 1 REJECTED FAILED=1,PASSED=2
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000003-amd64.json 20260316T080000Z 4 3 0 1 0 3 1 false false true false - 0 IN_PROGRESS PASSED=2,RETRY_NEEDED=1
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000004-amd64.json 20260316T080000Z 4 3 1 3 0 3 3 true false true true - 0 IN_PROGRESS PASSED=2,RETRY_NEEDED=1
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000005-amd64.json 20260316T080000Z 2 1 1 1 0 2 1 false false true - - 0 INCOMPLETE NOT_TRIGGERED=1,PASSED=1,RUNNING=1
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000006-amd64.json 20260316T080000Z 3 1 2 0 1 3 0 false false - - - 1 REJECTED FAILED=1,LOST=1,RUNNING=1
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000007-amd64.json 20260316T080000Z 1 0 1 0 0 1 0 false false - - - 0 INCOMPLETE NOT_TRIGGERED=2,RUNNING=1
    ocp-test-result-4.19.0-0.nightly-2026-03-16-000008-amd64.json - - - - - - - - - - - - - - DAMAGED -
    ocp-test-result-4.19.0-rc.1-amd64.json 20260316T080000Z 2 2 0 1 1 2 1 false true true false true 0 REJECTED FAILED=1,PASSED=1
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012431-amd64.json - 3 0 0 0 0 0 0 false false true true - 0 NO_POLICY -
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012432-amd64.json - 3 0 0 0 0 0 0 false false true true - 0 NO_POLICY -
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012433-amd64.json - 3 0 0 0 0 0 0 false false true false - 0 NO_POLICY -
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012434-amd64.json - 3 0 0 0 0 0 0 false false - - - 0 NO_POLICY -
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012435-amd64.json - 2 0 0 0 0 0 0 false false true true - 0 NO_POLICY -
    ocp-test-result-4.20.0-0.nightly-2026-03-15-012436-amd64.json - 3 0 0 0 0 0 0 false false true true true 0 NO_POLICY -
    ");
    assert!(table.lines().all(|line| line.split('\t').count() == 17));
}

#[test]
fn a_registry_with_a_flag_as_text_judges_nothing_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = |name: &str| {
        let text = std::fs::read_to_string(invented("record").join(name)).expect("a text");
        std::fs::write(folder.path().join(name), text.replace("\"optional\": true", "\"optional\": \"false\""))
            .expect("a file");
        folder.path().join(name)
    };
    copy("ocp-4.19-test-jobs-amd64.json");
    let nightly = copy("ocp-test-result-4.19.0-0.nightly-2026-03-16-000001-amd64.json");
    let stable = copy("ocp-test-result-4.19.0-rc.1-amd64.json");
    let found = judged(&[nightly, stable], &RegistrySource::OwnOrBeside);
    let FileOutcome::Damaged { why } = &found[0].outcome else { panic!("{found:?}") };
    assert!(why.contains("nightly, job 3 (periodic-ci-example-release-4.19-gcp-f999): optional is"), "{why}");
    assert!(matches!(found[1].outcome, FileOutcome::Record(_)), "its section is in order");
}

/// Every file that can be read; the names of those that cannot.
fn read_all(files: &[PathBuf]) -> (Vec<(String, String, ResultFile)>, Vec<String>) {
    let (mut read, mut unusable) = (Vec::new(), Vec::new());
    for path in files {
        let (name, text) = (name_of(path), std::fs::read_to_string(path).expect("a text"));
        let ended = match RecordName::parse(&name) {
            RecordName::Latest => check_latest(&text).map(|()| None),
            RecordName::Result(_) | RecordName::Other => ResultFile::read(&text).map(Some),
        };
        match ended {
            Ok(Some(file)) => read.push((name, text, file)),
            Ok(None) => {}
            Err(_) => unusable.push(name),
        }
    }
    (read, unusable)
}

/// Files that are written in another form than that of now.
fn written_otherwise(read: &[(String, String, ResultFile)]) -> Vec<&str> {
    read.iter().filter(|(_, text, file)| file.to_text() != *text).map(|(name, ..)| name.as_str()).collect()
}

#[test]
fn every_invented_record_but_the_damaged_ones_is_read_and_written_back_byte_for_byte() {
    let (read, unusable) = read_all(&invented_records());
    assert_eq!(written_otherwise(&read), [""; 0]);
    assert_eq!(
        unusable,
        ["ocp-latest-4.19-stable.json", "ocp-test-result-4.19.0-0.nightly-2026-03-16-000008-amd64.json"]
    );
}

#[test]
fn every_real_record_but_the_two_damaged_ones_is_read_and_written_back_byte_for_byte() {
    let Some((now, past)) = real_records() else { return };
    let (read, unusable) = read_all(&[now, past].concat());
    // One ends with a line feed, which was never the form of these files.
    assert_eq!(written_otherwise(&read), ["2d0430918__ocp-test-result-4.15.0-0.nightly-2024-03-05-192758-amd64.json"]);
    assert_eq!(
        unusable,
        [
            "7bad94cc8__ocp-latest-4.15-stable.json",
            "a041a16c7__ocp-test-result-4.12.0-0.nightly-2024-08-12-154937-amd64.json",
        ]
    );
}

#[test]
fn every_real_record_is_judged_as_its_table_says() {
    let (Some((now, _)), Some(source), Some(folder)) = (real_records(), of_time(), real("data/record")) else { return };
    let wanted = std::fs::read_to_string(folder.join("expected.tsv")).expect("a table");
    let wanted = wanted.replace("pseudonymized/", "");
    let found = tsv(&judged(&now, &source));
    for (wanted, found) in wanted.lines().zip(found.lines()) {
        assert_eq!(found, wanted);
    }
    assert_eq!(found.lines().count(), wanted.lines().count());
}

#[test]
fn of_the_real_records_of_the_past_exactly_the_two_damaged_ones_cannot_be_judged() {
    let (Some((now, past)), Some(source)) = (real_records(), of_time()) else { return };
    assert_eq!(damaged(&judged(&now, &source)), [""; 0]);
    assert_eq!(
        damaged(&judged(&past, &source)),
        [
            "7bad94cc8__ocp-latest-4.15-stable.json",
            "a041a16c7__ocp-test-result-4.12.0-0.nightly-2024-08-12-154937-amd64.json",
        ]
    );
}

#[test]
fn the_older_rule_says_what_every_real_complete_record_says() {
    let (Some((now, past)), Some(source)) = (real_records(), of_time()) else { return };
    let (mut compared, mut otherwise) = (0, Vec::new());
    for file in judged(&[now, past].concat(), &source) {
        let FileOutcome::Record(record) = file.outcome else { continue };
        let (Some(true), Some(accepted)) = (record.recorded.aggregated, record.recorded.accepted) else { continue };
        let compat = record.evaluation.compat;
        assert!(compat.metrics.all_completed(), "{}", file.path.display());
        if compat.metrics.is_accepted() != accepted {
            otherwise.push(name_of(&file.path));
        }
        compared += 1;
    }
    counted(compared, "recorded verdicts");
    assert!(compared > 40, "{compared}");
    // It is older than the rule that a build without a required job is never accepted.
    assert_eq!(otherwise, ["aba3c92e3__ocp-test-result-4.16.0-0.nightly-arm64-2024-07-25-062635-arm64.json"]);
}

#[test]
fn a_damaged_file_changes_nothing_about_any_other_one() {
    let rows = |files: &[PathBuf]| tsv(&judged(files, &RegistrySource::OwnOrBeside));
    let all = invented_records();
    let damaged = damaged(&judged(&all, &RegistrySource::OwnOrBeside));
    let sound: Vec<_> = all.iter().filter(|path| !damaged.contains(&name_of(path))).cloned().collect();
    assert_eq!(sound.len() + 2, all.len());
    let with: String =
        rows(&all).lines().filter(|row| !row.contains("\tDAMAGED\t")).map(|row| format!("{row}\n")).collect();
    assert_eq!(with, rows(&sound));
}

#[test]
fn the_same_files_give_the_same_text_and_table_in_whatever_order_they_are_named() {
    let source = RegistrySource::OwnOrBeside;
    let files = invented_records();
    let reversed: Vec<_> = files.iter().rev().cloned().collect();
    let mut backwards = judged(&reversed, &source);
    backwards.reverse();
    let forwards = judged(&files, &source);
    assert_eq!(text(&forwards, &BOTH), text(&backwards, &BOTH));
    assert_eq!(tsv(&forwards), tsv(&backwards));
}

#[test]
fn no_real_registry_has_an_error_but_those_that_nobody_reads() {
    let (Some(now), Some(past)) = (real("data/jobs"), real("data/jobs/history")) else { return };
    let mut warnings = Vec::new();
    let all = [files(&now), files(&past)].concat();
    for path in &all {
        let name = name_of(path);
        let registry = JobRegistry::named(&name, &std::fs::read_to_string(path).expect("a text"));
        for finding in registry.findings() {
            assert_eq!(finding.flaw.severity(), Severity::Warning, "{name}: {finding}");
            warnings.push(format!("{name}: {finding}"));
        }
    }
    counted(all.len(), "registries");
    let has = |part: &str| warnings.iter().any(|warning| warning.contains(part));
    assert!(has("20240307T065045Z__ocp-4.16-test-jobs-amd64.json: nightly, job 3") && has("retries is 3; 2 are used"));
    assert!(has("20240725T074439Z__ocp-4.16-test-jobs-arm64.json: nightly: no job is required"), "{warnings:#?}");
    assert!(has("ocp-4.15-test-jobs-multi.json: stable, job 1") && has("nothing reads a file of this name"));
}
