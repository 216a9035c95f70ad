//! Releases in short worlds, each with three to eight faults of its own: service, kind and place by chance.
//!
//! `OAR_RELEASES` is the number of releases, `OAR_SEED` the first seed; `OAR_SEED=7 OAR_RELEASES=1` repeats one of them.
//! A release went wrong when something happened twice, when a status says what the world does not, when a Fail has
//! no verdict behind it, or when it ends neither done nor with a person who can read what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use futures::FutureExt as _;
use jiff::SignedDuration;
use oar::core::config::env::Env;
use oar::domain::advisory::NOT_OURS;
use oar::domain::state::view::State;
use oar::domain::task::{Task, TaskStatus};
use oar::sim::facts::errata::push::PushStatus;
use oar::sim::facts::prow::CONSISTENCY;
use oar::sim::faults::rules::Rule;
use oar::sim::faults::{InjectedFault, OLDEST_S};
use oar::sim::scenario::ReleasePlan;
use oar::sim::services::table;
use oar::sim::world::Facts;

use super::faults::happened_twice;
use crate::rehearsal::{TestWorld, with_state_file};

/// Worlds, and the task that may fail there because the world speaks against the release.
const WORLDS: [(&str, Option<Task>); 8] = [
    ("smooth", None),
    ("smooth", None),
    ("smooth", None),
    ("smooth", None),
    ("candidate-rejected", None),
    ("new-files", None),
    ("blocking-alert", None),
    ("missed-cve-tracker", Some(Task::CheckCveTrackerBug)),
];

/// How often somebody begins again after an outage that ended a drive.
const MOST_DRIVES: u32 = 12;

/// Threads carry a whole program each.
const STACK: usize = 16 << 20;

/// One release: what went wrong with it, how it ended, and which faults it met.
struct Played {
    wrong: Vec<String>,
    end: &'static str,
    met: BTreeSet<(String, &'static str)>,
}

/// Everything takes minutes, and the approval may begin on the first day.
fn short(plan: &mut ReleasePlan) {
    let minutes = SignedDuration::from_mins;
    (plan.sizes.images, plan.sizes.components) = (40, 6);
    plan.start += SignedDuration::from_hours(6 * 24);
    let timing = &mut plan.timing;
    (timing.promotion, timing.acceptance, timing.change_log) = (minutes(40), minutes(10), minutes(2));
    (timing.stage_release, timing.stage_release_run) = (minutes(60), minutes(10));
    (timing.record, timing.aggregation, timing.signature) = (minutes(10), minutes(20), minutes(30));
    (timing.push, timing.consistency, timing.stage_testing) = (minutes(25), minutes(30), minutes(40));
    (timing.prod_release, timing.portal) = (minutes(30), minutes(20));
}

/// Where a fault can hit: what a release asks, and about how often in a short world.
const PLACES: [(&str, &str, u32); 24] = [
    ("brew_download", "GET", 4),
    ("build_data", "GET", 30),
    ("catalog_stage", "GET", 20),
    ("customer_portal", "GET", 3),
    ("errata", "GET", 60),
    ("errata", "POST", 10),
    ("errata", "PUT", 2),
    ("gangway", "POST", 1),
    ("github", "GET", 60),
    ("github", "PUT", 30),
    ("gitlab", "GET", 60),
    ("gitlab", "POST", 3),
    ("jenkins", "GET", 10),
    ("jenkins", "POST", 1),
    ("jira", "GET", 12),
    ("jira", "POST", 5),
    ("jira", "PUT", 3),
    ("koji", "POST", 6),
    ("prow", "GET", 8),
    ("registry", "GET", 20),
    ("release_controller", "GET", 30),
    ("signatures", "GET", 1),
    ("slack", "GET", 3),
    ("slack", "POST", 5),
];

fn faults(dice: &mut Rng) -> Vec<Rule> {
    let kinds = InjectedFault::each_kind();
    let one = |dice: &mut Rng| {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others are played as they are")]
        let fault = match kinds[dice.usize(..kinds.len())].clone() {
            InjectedFault::Status { .. } => InjectedFault::status([500, 502, 503, 504, 408, 429][dice.usize(..6)]),
            InjectedFault::StaleRead { .. } => InjectedFault::stale(0, OLDEST_S),
            InjectedFault::SlowDrip { .. } => InjectedFault::SlowDrip { bytes_per_s: 500 },
            other => other,
        };
        let (service, method, most) = PLACES[dice.usize(..PLACES.len())];
        Rule::on(service, fault).method(method).from_nth(dice.u32(1..=most)).times(dice.u32(1..=3))
    };
    (0..dice.usize(3..=8)).map(|_| one(dice)).collect()
}

async fn play(seed: u64) -> Played {
    let mut dice = Rng::with_seed(seed);
    let (scenario, may_fail) = WORLDS[dice.usize(..WORLDS.len())];
    let world = TestWorld::founded(scenario, short).await.without_programs();
    for rule in faults(&mut dice) {
        world.faults().add(rule).expect("a rule");
    }
    let mut wrong = Vec::new();
    let mut end = "nowhere";
    let mut output = String::new();
    for _ in 0..MOST_DRIVES {
        output = world.oar("drive --watch").await;
        end = match output.rsplit_once("exit ").map_or("", |(_, code)| code) {
            "0" => "done",
            "4" => "a person is needed",
            "5" => "failed",
            "3" | "6" | "7" | "8" => {
                world.time_passes("30m");
                continue;
            }
            _ => "an internal error",
        };
        break;
    }
    let explained = match end {
        "done" => true,
        "a person is needed" => output.contains("person:") && output.contains("->"),
        "failed" => output.contains("FAILED:") && output.contains("->"),
        _ => false,
    };
    if !explained {
        wrong.push(format!("it ends with {end} and nobody can read what to do:\n{output}"));
    }
    wrong.extend(happened_twice(&world).into_iter().map(|what| format!("twice: {what}")));
    let stored = world.facts().github.file("z-stream", &world.release.state_path()).map(str::to_owned);
    match stored.map(|text| State::parse(&text, Some(&world.release))) {
        Some(Ok(state)) => wrong.extend(contradictions(&state, &world.facts(), end == "done", may_fail)),
        Some(Err(error)) => wrong.push(format!("the state file cannot be read: {error}")),
        None if end == "done" => wrong.push("it is done without a state file".to_owned()),
        None => {}
    }
    let entries = world.simulator().world().journal().entries_of(|raw| raw.fault.is_some());
    let met = entries.iter().filter_map(|entry| Some((entry.service.clone(), entry.fault?))).collect();
    world.finish();
    Played { wrong, end, met }
}

/// Where the state says otherwise than the world.
fn contradictions(state: &State, facts: &Facts, done: bool, may_fail: Option<Task>) -> Vec<String> {
    let mut found = Vec::new();
    let mut claim = |task: Task, is_true: bool, what: &str| {
        if !is_true {
            found.push(format!("{task} is {}, but {what}", state.status(task)));
        }
    };
    for task in Task::tracked(state.flow()) {
        let status = state.status(task);
        claim(task, status != TaskStatus::Fail || may_fail == Some(task), "nothing speaks against the release");
        claim(task, !done || status == TaskStatus::Pass, "the release is done");
    }
    let passed = |task| state.status(task) == TaskStatus::Pass;
    let untouched = |task| state.status(task) == TaskStatus::NotStarted;

    let ours: Vec<u64> =
        facts.release.advisories.iter().filter(|(kind, _)| *kind != NOT_OURS).map(|(_, id)| *id).collect();
    let complete =
        |id: &u64| facts.errata.pushes.values().any(|push| push.advisory == *id && push.status == PushStatus::Complete);
    let push = Task::PushToCdnStaging;
    claim(push, !passed(push) || ours.iter().all(complete), "an advisory is not pushed");
    claim(push, !untouched(push) || facts.errata.pushes.is_empty(), "something was pushed");

    let consistency = Task::ImageConsistencyCheck;
    let jobs: Vec<&str> = facts.prow.runs.values().filter(|run| run.job == CONSISTENCY).map(|run| run.state).collect();
    claim(consistency, !passed(consistency) || jobs.contains(&"success"), "its job did not succeed");
    claim(consistency, !untouched(consistency) || jobs.is_empty(), "its job was started");

    let stage = Task::StageTesting;
    let jenkins = table::facts_of("jenkins", facts).unwrap_or_default();
    let results = jenkins["builds"].as_array().cloned().unwrap_or_default();
    let succeeded = results.iter().any(|build| build["result"] == "SUCCESS");
    claim(stage, !passed(stage) || succeeded, "its pipeline did not succeed");
    claim(stage, !untouched(stage) || !facts.jenkins.was_asked(), "its pipeline was started");

    let gate = Task::AnalyzePromotedBuild;
    claim(gate, !passed(gate) || facts.actors.promoted, "the payload is not promoted");

    let approval = Task::ChangeAdvisoryStatus;
    let is_ready = |id: &u64| {
        let name = facts.errata.advisories[id].state.name();
        ["REL_PREP", "PUSH_READY", "IN_PUSH", "SHIPPED_LIVE"].contains(&name)
    };
    claim(approval, !passed(approval) || ours.iter().all(is_ready), "an advisory is not approved");
    claim(approval, !untouched(approval) || !ours.iter().any(is_ready), "an advisory is approved");
    found
}

/// Plays this many releases on all processors; every one of them has to be right.
fn all_are_right(usual: u64) {
    let number = |name: &str| Env::from_process().get(name).map(|text| text.parse::<u64>().expect("a number"));
    let first = number("OAR_SEED").unwrap_or(1);
    let count = number("OAR_RELEASES").unwrap_or(usual);
    let next = AtomicU64::new(first);
    let all = Mutex::new((Vec::new(), BTreeMap::<&str, u64>::new(), BTreeSet::new()));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let work = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    let played = runtime.block_on(AssertUnwindSafe(play(seed)).catch_unwind());
                    let mut all = all.lock().expect("nobody panics here");
                    let Ok(played) = played else {
                        all.0.push(format!("OAR_SEED={seed}: a panic, see above"));
                        continue;
                    };
                    all.0.extend(played.wrong.iter().map(|wrong| format!("OAR_SEED={seed} OAR_RELEASES=1: {wrong}")));
                    *all.1.entry(played.end).or_default() += 1;
                    all.2.extend(played.met);
                }
            };
            std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).expect("a thread");
        }
    });
    let (wrong, ends, met) = all.into_inner().expect("nobody panics here");
    let kinds = InjectedFault::each_kind();
    let services: BTreeSet<&str> = PLACES.iter().map(|(service, ..)| *service).collect();
    eprintln!("seeds {first} to {}: {ends:?}", first + count - 1);
    eprintln!("faults met: {} pairs of {} services and {} kinds", met.len(), services.len(), kinds.len());
    let pairs = services.iter().flat_map(|service| kinds.iter().map(move |kind| (*service, kind.name())));
    let missing = pairs.filter(|(service, kind)| !met.contains(&((*service).to_owned(), *kind)));
    let missing: Vec<String> = missing.map(|(service, kind)| format!("{service}/{kind}")).collect();
    eprintln!("never met: {}", missing.join(" "));
    let never = |kind: &&InjectedFault| !met.iter().any(|(_, name)| *name == kind.name());
    let never: Vec<&str> = kinds.iter().filter(never).map(InjectedFault::name).collect();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    );
    if count >= 500 {
        assert!(never.is_empty(), "no release met these faults: {never:?}");
    }
}

#[test]
fn whatever_three_to_eight_faults_hit_a_release_nothing_happens_twice_and_every_status_is_true() {
    all_are_right(6);
}

#[tokio::test]
async fn a_status_that_its_world_does_not_bear_out_is_seen() {
    let world = with_state_file().await;
    world.somebody_stores(&[Task::PushToCdnStaging, Task::StageTesting], TaskStatus::Pass);
    world.somebody_stores(&[Task::ImageConsistencyCheck], TaskStatus::Fail);
    let found = contradictions(&world.state(), &world.facts(), false, None);
    assert_eq!(
        found,
        [
            "image-consistency-check is Fail, but nothing speaks against the release",
            "push-to-cdn-staging is Pass, but an advisory is not pushed",
            "stage-testing is Pass, but its pipeline did not succeed",
        ]
    );
    let world = with_state_file().await;
    world.everything_is_pushed();
    let found = contradictions(&world.state(), &world.facts(), false, None);
    assert_eq!(found, ["push-to-cdn-staging is Not Started, but something was pushed"]);
}

mod long {
    #[test]
    fn hundreds_of_releases_with_random_faults_are_all_right() {
        super::all_are_right(500);
    }
}
