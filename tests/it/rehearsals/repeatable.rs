//! The same seed gives the same journal, byte for byte, whatever disturbs the world.

use oar::sim::scenario::named::NAMES;

use crate::rehearsal::whole::rehearse;

/// Rehearses twice and compares every byte that went over the wire.
async fn repeats_itself(args: &[&str]) {
    let args: Vec<&str> = ["--small"].iter().chain(args).copied().collect();
    let (one, two) = (rehearse(&args).await, rehearse(&args).await);
    let journal = |rehearsed: &crate::rehearsal::whole::Rehearsed| {
        std::fs::read_to_string(rehearsed.keep.path().join("journal.jsonl")).expect("a journal")
    };
    let (one, two) = (journal(&one), journal(&two));
    if one == two {
        return;
    }
    let first = one.lines().zip(two.lines()).position(|(one, two)| one != two).unwrap_or_default();
    let line = |journal: &str| journal.lines().nth(first).unwrap_or_default().chars().take(600).collect::<String>();
    panic!("{args:?}: line {first} of {}:\n{}\n{}", one.lines().count(), line(&one), line(&two));
}

#[tokio::test]
async fn random_faults_hit_the_same_requests_again() {
    repeats_itself(&["--faults", "0.1", "--seed", "5"]).await;
}

#[tokio::test]
async fn slow_answers_and_busy_colleagues_come_at_the_same_time_again() {
    repeats_itself(&["--scenario", "everything-slow", "--seed", "2"]).await;
    repeats_itself(&["--scenario", "conflict-storm", "--seed", "2"]).await;
}

mod long {
    use super::*;

    #[tokio::test]
    async fn every_scenario_repeats_itself() {
        for scenario in NAMES {
            repeats_itself(&["--scenario", scenario, "--seed", "3"]).await;
        }
    }

    #[tokio::test]
    async fn every_rate_of_faults_repeats_itself() {
        for (rate, seed) in [("0.02", "1"), ("0.05", "2"), ("0.2", "3"), ("0.3", "4")] {
            repeats_itself(&["--faults", rate, "--seed", seed]).await;
        }
    }
}
