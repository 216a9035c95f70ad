use serde_json::{Value, json};

use super::*;

/// A run: `P`assed, `F`ailed, `A`borted, `E`rror, `R`unning, `T`riggered, `L`ost, ended in a state that is none (`U`),
/// `S`ucceeded without a time of its end. It ends at that hour.
fn run(id: &str, letter: char, hour: usize) -> Value {
    let ended = |state: &str| json!({ "jobID": id, "jobState": state, "jobCompletionTime": format!("2026-01-01T{hour:02}:00:00Z") });
    match letter {
        'P' => ended("success"),
        'F' => ended("failure"),
        'A' => ended("aborted"),
        'E' => ended("error"),
        'U' => ended("pending"),
        'R' => json!({ "jobID": id, "jobState": "pending" }),
        'S' => json!({ "jobID": id, "jobState": "success" }),
        'T' => json!({ "jobID": id }),
        'L' => json!({}),
        other => panic!("no run is {other}"),
    }
}

/// A job with its runs, the first one first.
fn item(name: &str, runs: &str) -> Value {
    let runs: Vec<Value> =
        runs.chars().enumerate().map(|(at, letter)| run(&format!("{name}-{at}"), letter, at + 1)).collect();
    json!({ "jobName": name, "firstJob": runs[0], "retriedJobs": runs[1..] })
}

fn file_with(items: &[Value], more: &Value) -> ResultFile {
    let mut file = json!({ "result": items, "build": { "name": "4.99.1" } });
    for (key, value) in more.as_object().expect("keys") {
        file[key] = value.clone();
    }
    ResultFile::read(&file.to_string()).expect("a record")
}

fn file(items: &[Value]) -> ResultFile {
    file_with(items, &json!({}))
}

fn job(name: &str) -> RegistryJob {
    RegistryJob { name: name.to_owned(), ..RegistryJob::default() }
}

fn retries(name: &str, retries: usize) -> RegistryJob {
    RegistryJob { retries: Some(retries), ..job(name) }
}

fn optional(name: &str) -> RegistryJob {
    RegistryJob { optional: true, ..job(name) }
}

fn disabled(name: &str) -> RegistryJob {
    RegistryJob { disabled: true, ..job(name) }
}

/// Decision and verdict of the only job of a build, by the strict rule.
fn one(registry: &RegistryJob, runs: &str) -> (Decision, JobVerdict) {
    let evaluation = evaluate(&file(&[item("a", runs)]), std::slice::from_ref(registry));
    (evaluation.strict.decision, evaluation.strict.jobs[0].verdict)
}

fn planned(evaluation: &Evaluation) -> Vec<(&str, usize)> {
    evaluation.strict.retry_plan.iter().map(|retry| (retry.job.as_str(), retry.runs)).collect()
}

#[test]
fn a_job_is_judged_by_the_best_of_its_planned_runs() {
    use JobVerdict::{Failed, Passed, PassedOnRetry, RetryNeeded, Retrying, Running};
    for (runs, verdict) in [
        ("P", Passed),
        ("PF", Passed),
        ("R", Running),
        ("T", Running),
        ("RP", Running),
        ("F", RetryNeeded),
        ("FP", RetryNeeded),
        ("FF", Failed),
        ("FR", Retrying),
        ("FPR", Retrying),
        ("FRR", Retrying),
        ("FFR", Failed),
        ("FPP", PassedOnRetry),
        ("FPF", Failed),
        ("FFF", Failed),
        ("FPPF", PassedOnRetry),
        ("FFPF", Failed),
    ] {
        assert_eq!(one(&job("a"), runs).1, verdict, "{runs}");
    }
}

#[test]
fn every_end_that_is_no_success_is_a_failure() {
    for runs in ["FFF", "AAA", "UUU"] {
        assert_eq!(one(&job("a"), runs), (Decision::Rejected, JobVerdict::Failed), "{runs}");
    }
    for runs in ["F", "A", "U"] {
        assert_eq!(one(&job("a"), runs), (Decision::InProgress, JobVerdict::RetryNeeded), "{runs}");
    }
}

#[test]
fn a_success_without_a_time_of_its_end_is_open_in_both_rules() {
    assert_eq!(one(&job("a"), "S"), (Decision::InProgress, JobVerdict::Running));
    let evaluation = evaluate(&file(&[item("a", "S")]), &[job("a")]);
    assert_eq!(evaluation.compat.decision, Decision::InProgress);
    assert_eq!(
        evaluation.contradictions,
        [Contradiction::EndWithoutTime { job: "a".to_owned(), state: "success".to_owned() }]
    );
}

#[test]
fn no_retries_means_that_the_first_run_decides() {
    let once = retries("a", 0);
    assert_eq!(one(&once, "P"), (Decision::Accepted, JobVerdict::Passed));
    assert_eq!(one(&once, "F"), (Decision::Rejected, JobVerdict::Failed));
    assert_eq!(one(&once, "R"), (Decision::InProgress, JobVerdict::Running));
}

#[test]
fn retries_that_ran_although_none_are_planned_are_read_literally_and_shown() {
    let evaluation = evaluate(&file(&[item("a", "FPP")]), &[retries("a", 0)]);
    assert_eq!(evaluation.strict.decision, Decision::Accepted);
    let name = || "a".to_owned();
    assert_eq!(
        evaluation.contradictions,
        [
            Contradiction::MoreRetries { job: name(), recorded: 2, planned: 0 },
            Contradiction::OtherRetries { job: name(), planned: 0, original: 2 },
        ]
    );
    assert_eq!(one(&retries("a", 0), "FF"), (Decision::Rejected, JobVerdict::Failed));
}

#[test]
fn one_and_three_retries_are_none_and_two_by_the_strict_rule() {
    assert_eq!(one(&retries("a", 1), "F").1, JobVerdict::Failed);
    assert_eq!(one(&retries("a", 3), "FPP").1, JobVerdict::PassedOnRetry);
    assert_eq!(one(&retries("a", 3), "FF").1, JobVerdict::Failed);
    let rounded = evaluate(&file(&[item("a", "F")]), &[retries("a", 3)]);
    assert_eq!((planned(&rounded), rounded.contradictions.as_slice()), (vec![("a", 2)], [].as_slice()));
}

#[test]
fn four_retries_need_three_that_pass() {
    for (runs, verdict) in [
        ("FPP", JobVerdict::RetryNeeded),
        ("FPPP", JobVerdict::PassedOnRetry),
        ("FPPF", JobVerdict::RetryNeeded),
        ("FPPFF", JobVerdict::Failed),
        ("FFPPP", JobVerdict::PassedOnRetry),
        ("FFF", JobVerdict::Failed),
        ("FFRR", JobVerdict::Retrying),
    ] {
        assert_eq!(one(&retries("a", 4), runs).1, verdict, "{runs}");
    }
    let evaluation = evaluate(&file(&[item("a", "FPP")]), &[retries("a", 4)]);
    assert_eq!(planned(&evaluation), [("a", 2)]);
}

#[test]
fn up_to_two_runs_in_error_are_set_aside_and_the_next_ones_are_failures() {
    for (runs, verdict, set_aside, plan) in [
        ("E", JobVerdict::RetryNeeded, 1, vec![("a", 1)]),
        ("EE", JobVerdict::RetryNeeded, 2, vec![("a", 1)]),
        ("EEE", JobVerdict::RetryNeeded, 2, vec![("a", 2)]),
        ("EP", JobVerdict::Passed, 1, vec![]),
        ("EF", JobVerdict::RetryNeeded, 1, vec![("a", 2)]),
        ("EER", JobVerdict::Running, 2, vec![]),
        ("FEP", JobVerdict::RetryNeeded, 1, vec![("a", 1)]),
        ("FEPP", JobVerdict::PassedOnRetry, 1, vec![]),
        ("FEEP", JobVerdict::RetryNeeded, 2, vec![("a", 1)]),
        ("FEEE", JobVerdict::Failed, 2, vec![]),
        ("FEEEP", JobVerdict::Failed, 2, vec![]),
    ] {
        let evaluation = evaluate(&file(&[item("a", runs)]), &[job("a")]);
        let found = &evaluation.strict.jobs[0];
        assert_eq!((found.verdict, found.set_aside, planned(&evaluation)), (verdict, set_aside, plan), "{runs}");
    }
}

#[test]
fn a_first_run_in_error_is_replaced_and_never_a_failure_even_without_retries() {
    let evaluation = evaluate(&file(&[item("a", "E")]), &[retries("a", 0)]);
    assert_eq!(evaluation.strict.decision, Decision::InProgress);
    let plan = PlannedRetry { job: "a".to_owned(), runs: 1, replaces: Some("a-0".to_owned()) };
    assert_eq!(evaluation.strict.retry_plan, [plan]);
}

#[test]
fn replaced_runs_in_error_use_the_same_allowance() {
    let with_history = |states: &[char], first: &str| {
        let history: Vec<Value> = states.iter().map(|state| run("old", *state, 1)).collect();
        let mut item = item("a", first);
        item["history"] = history.into();
        evaluate(&file(&[item]), &[retries("a", 0)]).strict.jobs[0].clone()
    };
    let found = |states: &[char], first: &str| {
        let job = with_history(states, first);
        (job.verdict, job.set_aside)
    };
    assert_eq!(found(&['E'], "E"), (JobVerdict::RetryNeeded, 2));
    assert_eq!(found(&['E', 'E'], "E"), (JobVerdict::Failed, 2));
    assert_eq!(found(&['E', 'E'], "P"), (JobVerdict::Passed, 2));
    // What a person replaced was no error and leaves the allowance alone.
    assert_eq!(found(&['F', 'F', 'F'], "E"), (JobVerdict::RetryNeeded, 1));
}

#[test]
fn a_run_in_error_is_complete_and_never_retried_by_the_older_rule() {
    let evaluation = evaluate(&file(&[item("a", "E")]), &[job("a")]);
    let metrics = Metrics { total: 1, completed: 1, required: 1, ..Metrics::default() };
    assert_eq!(evaluation.compat.metrics, metrics);
    assert_eq!((evaluation.compat.decision, evaluation.compat.retry_now), (Decision::Rejected, vec![]));
}

#[test]
fn a_required_job_that_never_ran_is_not_a_passed_job() {
    let registry = [job("a"), job("b")];
    for items in [vec![item("a", "P")], vec![item("a", "P"), json!({ "jobName": "b" })]] {
        let evaluation = evaluate(&file_with(&items, &json!({ "aggregated": true, "accepted": true })), &registry);
        assert_eq!(evaluation.strict.decision, Decision::Incomplete);
        assert_eq!(evaluation.coverage, Coverage { ran: 1, required: 2 });
        assert!(evaluation.contradictions.contains(&Contradiction::AcceptedWithout { jobs: vec!["b".to_owned()] }));
    }
    let counted = evaluate(&file(&[item("a", "P")]), &registry).compat;
    assert_eq!(counted.decision, Decision::Accepted, "the older rule counts the jobs of the record alone");
}

#[test]
fn a_run_without_id_is_lost() {
    let evaluation = evaluate(&file(&[item("a", "L"), item("b", "P")]), &[job("a"), job("b")]);
    assert_eq!(evaluation.strict.jobs[0].verdict, JobVerdict::Lost);
    assert_eq!(evaluation.strict.decision, Decision::Incomplete);
    assert_eq!(evaluation.compat.decision, Decision::InProgress);
    assert_eq!(one(&job("a"), "FLP").1, JobVerdict::RetryNeeded, "a lost retry was none");
}

#[test]
fn the_plan_says_why_a_job_was_not_triggered() {
    let plan = json!([
        { "jobName": "a", "state": "planned" },
        { "jobName": "b", "state": "refused", "attempts": 3, "last_error": "too many\nrequests" },
        { "jobName": "c", "state": "uncertain", "attempts": 1 },
        { "jobName": "d", "state": "triggered", "attempts": 1 },
    ]);
    let registry = ["a", "b", "c", "d", "e"].map(job);
    let evaluation = evaluate(&file_with(&[], &json!({ "plan": plan })), &registry);
    let reasons: Vec<_> = evaluation.strict.jobs.iter().map(|job| job.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "it is planned, and not triggered yet",
            "triggering it was refused (3×): \u{201c}too many requests\u{201d}",
            "whether it was triggered is not known",
            "the plan calls it triggered, but the record has no run of it",
            "it was never triggered",
        ]
    );
    assert_eq!(evaluation.strict.decision, Decision::Incomplete);
}

#[test]
fn a_failed_job_rejects_also_while_others_are_missing_or_open() {
    let registry = [job("a"), job("b"), job("c")];
    let evaluation = evaluate(&file(&[item("a", "FFR"), item("b", "R")]), &registry);
    assert_eq!(evaluation.strict.decision, Decision::Rejected);
    let open = evaluate(&file(&[item("a", "P"), item("b", "R")]), &registry);
    assert_eq!(open.strict.decision, Decision::Incomplete);
}

#[test]
fn an_optional_job_is_never_retried_and_rejects_nothing() {
    for runs in ["F", "E", "FF", "FPF", "R", "L", "FR"] {
        let evaluation = evaluate(&file(&[item("a", "P"), item("b", runs)]), &[job("a"), optional("b")]);
        assert_eq!(evaluation.strict.decision, Decision::Accepted, "{runs}");
        assert_eq!(planned(&evaluation), [], "{runs}");
        assert!(!evaluation.compat.retry_now.contains(&"b".to_owned()), "{runs}");
    }
    let verdict = |runs| one(&optional("a"), runs).1;
    assert_eq!(["F", "FF", "FPP", "FR", "FRR"].map(verdict), {
        use JobVerdict::{OptionalFailed, PassedOnRetry, Retrying};
        [OptionalFailed, OptionalFailed, PassedOnRetry, OptionalFailed, Retrying]
    });
}

#[test]
fn an_optional_success_does_not_make_up_for_a_required_failure() {
    let evaluation = evaluate(&file(&[item("a", "FFF"), item("b", "P")]), &[job("a"), optional("b")]);
    assert_eq!((evaluation.strict.decision, evaluation.compat.decision), (Decision::Rejected, Decision::Rejected));
}

#[test]
fn a_disabled_job_is_never_planned_and_counts_by_the_older_rule_only() {
    for runs in ["F", "E", "FFF", "R"] {
        let evaluation = evaluate(&file(&[item("a", "P"), item("b", runs)]), &[job("a"), disabled("b")]);
        assert_eq!((evaluation.strict.decision, planned(&evaluation)), (Decision::Accepted, vec![]), "{runs}");
        assert_eq!(evaluation.strict.jobs[1].verdict, JobVerdict::Disabled);
        assert_eq!(evaluation.coverage, Coverage { ran: 1, required: 1 });
        assert_eq!(evaluation.compat.metrics.required, 2, "{runs}");
    }
    let without = evaluate(&file(&[item("a", "P")]), &[job("a"), disabled("b")]);
    assert_eq!(without.strict.jobs[1].verdict, JobVerdict::Disabled);
}

#[test]
fn an_unknown_job_counts_nowhere_but_in_the_total_of_the_older_rule() {
    let evaluation = evaluate(&file(&[item("z", "F"), item("a", "P"), item("y", "R")]), &[job("a")]);
    let verdicts: Vec<_> = evaluation.strict.jobs.iter().map(|job| (job.name.as_str(), job.verdict)).collect();
    assert_eq!(verdicts, [("a", JobVerdict::Passed), ("y", JobVerdict::UnknownJob), ("z", JobVerdict::UnknownJob)]);
    assert_eq!((evaluation.strict.decision, planned(&evaluation)), (Decision::Accepted, vec![]));
    let counted = evaluation.compat.metrics;
    assert_eq!((counted.total, counted.completed, counted.pending, counted.required), (3, 1, 0, 1));
    assert!(!counted.all_completed());
}

#[test]
fn without_a_required_job_nothing_is_ever_accepted() {
    for registry in [vec![], vec![optional("a")], vec![disabled("a")]] {
        let evaluation = evaluate(&file(&[item("a", "P")]), &registry);
        assert_eq!(evaluation.strict.decision, Decision::NoPolicy);
        assert_eq!(evaluation.coverage, Coverage { ran: 0, required: 0 });
    }
    let green = evaluate(&file(&[item("a", "P")]), &[optional("a")]);
    assert_eq!(green.compat.decision, Decision::Rejected, "0 of 0 was accepted once");
}

#[test]
fn the_older_rule_needs_more_than_half_of_the_recorded_retries() {
    for (recorded, needed) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (8, 5)] {
        for passes in 0..=recorded {
            let runs = format!("F{}{}", "P".repeat(passes), "F".repeat(recorded - passes));
            let evaluation = evaluate(&file(&[item("a", &runs)]), &[job("a")]);
            let wanted = if passes >= needed { Decision::Accepted } else { Decision::Rejected };
            assert_eq!(evaluation.compat.decision, wanted, "{runs}");
        }
    }
    let open = evaluate(&file(&[item("a", "FPPR")]), &[job("a")]);
    assert_eq!(open.compat.decision, Decision::InProgress, "it waits for all recorded runs");
}

#[test]
fn a_tie_passes_by_the_older_rule_alone_and_is_shown() {
    for (runs, decision) in [("FP", Decision::InProgress), ("FPPF", Decision::Accepted)] {
        let evaluation = evaluate(&file(&[item("a", runs)]), &[job("a")]);
        assert_eq!(evaluation.compat.decision, Decision::Accepted, "{runs}");
        assert_eq!(evaluation.strict.decision, decision, "{runs}");
        assert!(evaluation.contradictions.contains(&Contradiction::Tie { job: "a".to_owned() }), "{runs}");
    }
    let clear = evaluate(&file(&[item("a", "FPP")]), &[job("a")]);
    assert_eq!(clear.contradictions, []);
}

#[test]
fn jobs_to_retry_now_are_required_ones_that_failed_and_have_no_retry() {
    let items = [item("d", "F"), item("a", "A"), item("b", "FP"), item("c", "E"), item("e", "R"), item("f", "F")];
    let registry = [job("a"), job("b"), job("c"), job("d"), job("e"), optional("f")];
    let evaluation = evaluate(&file(&items), &registry);
    assert_eq!(evaluation.compat.retry_now, ["a", "d"]);
}

#[test]
fn nothing_is_retried_for_a_lost_build() {
    let registry = [job("a"), job("b")];
    let lost = evaluate(&file(&[item("a", "FFF"), item("b", "F")]), &registry);
    assert_eq!((lost.strict.decision, planned(&lost)), (Decision::Rejected, vec![]));
    assert_eq!(lost.strict.jobs[1].verdict, JobVerdict::RetryNeeded);
    let open = evaluate(&file(&[item("a", "P"), item("b", "F")]), &registry);
    assert_eq!(planned(&open), [("b", 2)]);
    let incomplete = evaluate(&file(&[item("b", "F")]), &registry);
    assert_eq!(planned(&incomplete), [("b", 2)]);
}

#[test]
fn a_promotion_changes_no_decision_and_makes_the_build_effectively_accepted() {
    let promoted = |flags: &Value| evaluate(&file_with(&[item("a", "FFF")], flags), &[job("a")]);
    let evaluation = promoted(&json!({ "aggregated": true, "accepted": false, "manual_promotion": true }));
    assert_eq!(evaluation.strict.decision, Decision::Rejected);
    assert!(evaluation.is_effectively(evaluation.strict.decision));
    assert_eq!(evaluation.contradictions, []);
    let alone = promoted(&json!({ "manual_promotion": true }));
    assert!(alone.is_effectively(alone.strict.decision));
    let not = promoted(&json!({ "manual_promotion": false }));
    assert!(!not.is_effectively(not.strict.decision) && not.is_effectively(Decision::Accepted));
    let redundant =
        evaluate(&file_with(&[item("a", "P")], &json!({ "accepted": true, "manual_promotion": true })), &[job("a")]);
    assert_eq!(redundant.contradictions, [Contradiction::PromotedAlthoughAccepted]);
}

#[test]
fn what_is_recorded_is_compared_with_the_older_rule() {
    let with = |runs: &str, accepted: bool| {
        let flags = json!({ "aggregated": true, "accepted": accepted });
        evaluate(&file_with(&[item("a", runs)], &flags), &[job("a")]).contradictions
    };
    assert_eq!(with("P", true), []);
    assert_eq!(with("FFF", false), []);
    assert_eq!(with("P", false), [Contradiction::RecordedOtherwise { accepted: false }]);
    let jobs = vec!["a".to_owned()];
    assert_eq!(
        with("FR", true),
        [Contradiction::RecordedOtherwise { accepted: true }, Contradiction::CompleteWithOpenRuns { jobs },]
    );
}

#[test]
fn a_state_that_nobody_knows_is_shown_and_never_a_success() {
    let mut item = item("a", "P");
    item["firstJob"]["jobState"] = "Success".into();
    let evaluation = evaluate(&file(&[item]), &[retries("a", 0)]);
    assert_eq!(evaluation.strict.decision, Decision::Rejected);
    assert!(
        evaluation
            .contradictions
            .contains(&Contradiction::UnknownState { job: "a".to_owned(), state: "Success".to_owned() })
    );
}

#[test]
fn of_a_job_that_stands_twice_the_worst_counts_in_either_order() {
    let (good, bad) = (item("a", "P"), item("a", "FFF"));
    let either = [[good.clone(), bad.clone()], [bad, good]].map(|items| evaluate(&file(&items), &[job("a")]));
    assert_eq!(either[0], either[1]);
    assert_eq!(either[0].strict.decision, Decision::Rejected);
    assert!(either[0].contradictions.contains(&Contradiction::Twice { job: "a".to_owned() }));
}

#[test]
fn a_decision_dates_from_the_run_that_fixed_it() {
    let at = |runs: &[(&str, &str)], registry: &[RegistryJob]| {
        let items: Vec<_> = runs.iter().map(|(name, runs)| item(name, runs)).collect();
        evaluate(&file(&items), registry).strict.decided_at.map(|at| at.to_string())
    };
    let hour = |hour: u8| Some(format!("2026-01-01T{hour:02}:00:00Z"));
    let two = [job("a"), job("b")];
    assert_eq!(at(&[("a", "P"), ("b", "P")], &two), hour(1));
    assert_eq!(at(&[("a", "P"), ("b", "FPP")], &two), hour(3), "the last pass that was needed");
    assert_eq!(at(&[("a", "FPPF"), ("b", "P")], &two), hour(3), "and not the run after it");
    assert_eq!(at(&[("a", "P"), ("b", "FFF")], &two), hour(2), "the first loss that nothing makes up for");
    assert_eq!(at(&[("a", "P"), ("b", "FPF")], &two), hour(3));
    assert_eq!(at(&[("a", "FPF"), ("b", "FF")], &two), hour(2), "the earlier of two lost jobs");
    assert_eq!(at(&[("a", "F")], &[retries("a", 0)]), hour(1));
    assert_eq!(at(&[("a", "FFPFP")], &[retries("a", 4)]), hour(4), "with two of four lost, three cannot pass");
    assert_eq!(at(&[("a", "FFPR")], &[retries("a", 4)]), None);
    assert_eq!(at(&[("a", "P"), ("b", "FR")], &two), None);
    assert_eq!(at(&[("a", "P")], &two), None);
}

#[test]
fn runs_are_counted_and_shown_in_their_order() {
    let jobs = evaluate(&file(&[item("a", "EFRP")]), &[retries("a", 4)]).strict.jobs;
    let found = &jobs[0];
    assert_eq!(found.attempts, "EFRP");
    assert_eq!((found.passes, found.fails, found.open, found.set_aside, found.planned), (1, 1, 1, 1, 5));
    assert_eq!(found.reason, "1 of 2 further runs passed, 3 are needed, 1 open");
}

#[test]
fn the_text_of_a_stranger_stays_on_its_line() {
    for hostile in crate::domain::foreign::tests::HOSTILE {
        let mut odd = item("a", "F");
        odd["firstJob"]["jobState"] = hostile.into();
        let named = item(hostile, "FPR");
        let plan = json!([{ "jobName": "b", "state": "refused", "last_error": hostile }]);
        let flags = json!({ "plan": plan, "aggregated": true, "accepted": true });
        let registry = [job("a"), job("b"), job(hostile), retries(&format!("{hostile}1"), 4)];
        let evaluation = evaluate(&file_with(&[odd, named.clone(), named], &flags), &registry);
        assert!(evaluation.contradictions.len() >= 5, "{evaluation:?}");
        let said = evaluation.contradictions.iter().map(ToString::to_string);
        let said = said.chain(evaluation.strict.jobs.iter().map(|job| job.reason.clone()));
        said.for_each(|text| crate::domain::foreign::tests::assert_harmless(&text, "an evaluation"));
    }
}
