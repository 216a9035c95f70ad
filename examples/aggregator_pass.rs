//! How long a round of the aggregator takes, and how much it asks: `aggregator_pass [RECORDS [CHANGED]]`.
//!
//! A simulator in memory holds RECORDS (else 1000) settled records. Before each of five rounds the last runs of CHANGED
//! (else 10) builds end badly, so that these records are read, judged and written. Prints a row of a table each for a
//! machine that never looked, for a round in which nothing changed, and for the median of those five; fails when such
//! a round asks more than six questions for each changed record and fifty beside, or takes more than three seconds.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program for the bench: it prints and measures")]

use std::error::Error;
use std::time::{Duration, Instant};

use oar::cli::outside::{Outside, Stream};
use oar::core::clock::{Clock, VirtualClock};
use oar::core::config::env::Env;
use oar::core::transport::{InMemory, Transport};
use oar::domain::release::ZStream;
use oar::sim::faults::rules::Faults;
use oar::sim::scenario::Scenario;
use oar::sim::server::{Simulator, StartOptions};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 5;
const AT_MOST: Duration = Duration::from_secs(3);
const BRANCH: &str = "record";

struct World {
    simulator: Simulator,
    clock: VirtualClock,
    env: Env,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let (count, changed) = (numbers.first().copied().unwrap_or(1000), numbers.get(1).copied().unwrap_or(10));
    let home = tempfile::tempdir()?;
    let world = world(home.path())?;
    for nth in 0..count {
        world.put(nth, &record(nth, true));
    }
    let (took, asked) = world.round().await?;
    println!("| {count} records, the first look of a machine | {asked} requests | {:.2} s |", took.as_secs_f64());
    let (took, asked) = world.round().await?;
    println!("| {count} records, nothing changed | {asked} requests | {:.2} s |", took.as_secs_f64());
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let of_round = (0..changed).map(|nth| (round * changed + nth) % count).collect::<Vec<_>>();
        for nth in &of_round {
            world.put(*nth, &record(*nth, false));
        }
        rounds.push(world.round().await?);
        for nth in of_round {
            if !world.text(nth).contains("\"REJECTED\"") {
                return Err(format!("{} is not judged", path(nth)).into());
            }
        }
    }
    rounds.sort_unstable();
    let (took, asked) = rounds[ROUNDS / 2];
    let most = rounds.iter().map(|(_, asked)| *asked).max().unwrap_or_default();
    println!(
        "| {count} records, {changed} of them changed | {asked} requests | {:.2} s (at most {} s) |",
        took.as_secs_f64(),
        AT_MOST.as_secs()
    );
    if took > AT_MOST || most > 6 * changed + 50 {
        return Err("it took too long, or asked too much".into());
    }
    Ok(())
}

fn world(home: &std::path::Path) -> Result<World, Box<dyn Error>> {
    let release: ZStream = "4.20.17".parse()?;
    let mut scenario = Scenario::named("job-day", Some(&release), None)?;
    scenario.plan.disturbances.gateway = None;
    let clock = VirtualClock::starting_at(scenario.start());
    let options = StartOptions { port: 0, scenario, seed: 1, clock: clock.clone(), faults: Faults::none() };
    let simulator = Simulator::without_socket(options);
    let settings = home.join("settings.json");
    std::fs::write(&settings, simulator.sealed_settings_json())?;
    let env: Env = simulator.env().into_iter().collect();
    let env = env.with("OAR_CONFIG_FILE", settings.display().to_string());
    let env = env.with("OAR_HOME", home.join("home").display().to_string());
    Ok(World { simulator, clock, env })
}

impl World {
    fn put(&self, nth: usize, record: &Value) {
        self.simulator.world().facts().github.put_file(BRANCH, &path(nth), &format!("{record:#}"));
    }

    fn text(&self, nth: usize) -> String {
        self.simulator.world().facts().github.file(BRANCH, &path(nth)).unwrap_or_default().to_owned()
    }

    /// One round: how long it took, and how many requests it sent.
    async fn round(&self) -> Result<(Duration, usize), Box<dyn Error>> {
        self.simulator.world().journal().clear();
        let args = ["oar", "jobctl", "start-aggregator"].map(str::to_owned).to_vec();
        let ((out, _), (err, complained)) = (Stream::captured(), Stream::captured());
        let transport = Transport::InMemory(InMemory::new(self.simulator.base_url(), self.simulator.in_memory()));
        let clock = Some(Clock::Virtual(self.clock.clone()));
        let outside = Outside { transport, clock, ..Outside::new(args, self.env.clone(), out, err) };
        let began = Instant::now();
        let exit = oar::cli::program::run(outside, CancellationToken::new()).await;
        let took = began.elapsed();
        // 5: builds were rejected in it.
        if ![0, 5].contains(&exit.code()) {
            let said = complained.lock().map(|said| String::from_utf8_lossy(&said).into_owned()).unwrap_or_default();
            return Err(format!("exit {}: {said}", exit.code()).into());
        }
        Ok((took, self.simulator.world().journal().len()))
    }
}

fn path(nth: usize) -> String {
    format!("_releases/ocp-test-result-{}-amd64.json", build(nth))
}

fn build(nth: usize) -> String {
    format!("4.{}.{}", 12 + nth % 8, 100 + nth / 8)
}

/// Six jobs; of one that is not settled the first has failed three times.
fn record(nth: usize, is_settled: bool) -> Value {
    let run = |job: usize, run: usize, state: &str| {
        json!({
            "jobID": format!("{nth:08}-0000-4000-8000-{job:04}{run:08}"),
            "jobStartTime": "2026-05-20T11:00:00Z",
            "jobURL": format!("https://ci.example.com/view/gs/bucket/logs/job-{job}/{run}"),
            "jobState": state,
            "jobCompletionTime": "2026-05-20T13:00:00Z",
        })
    };
    let item = |job: usize| {
        let fails = job == 0 && !is_settled;
        let first = run(job, 0, if fails { "failure" } else { "success" });
        let further: Vec<_> = if fails { vec![run(job, 1, "failure"), run(job, 2, "failure")] } else { Vec::new() };
        json!({ "jobName": format!("periodic-ci-example-job-{job}"), "firstJob": first, "retriedJobs": further })
    };
    let jobs: Vec<_> = (0..6).map(|job| json!({ "prowJob": format!("periodic-ci-example-job-{job}") })).collect();
    let build = build(nth);
    let mut record = json!({
        "result": (0..6).map(item).collect::<Vec<_>>(),
        "build": { "name": build, "phase": "Accepted", "pullSpec": format!("registry.example.com/r:{build}") },
        "schema": 2,
        "registry": { "digest": "sha256:0", "jobs": jobs },
    });
    if is_settled {
        (record["aggregated"], record["accepted"]) = (true.into(), true.into());
    }
    record
}
