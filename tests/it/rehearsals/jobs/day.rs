//! A day of 13 minors.

use super::{commits, records, wrong};
use crate::rehearsal::test_world::TestWorld;

mod long {
    use super::*;

    /// A pass of both agents every so many minutes, for so many hours; the most commits within one hour.
    async fn passes(world: &TestWorld, minutes: i64, hours: i64) -> usize {
        let mut counts = vec![commits(world)];
        for _ in 0..hours * 60 / minutes {
            world.oar("jobctl start-controller --all").await;
            world.oar("jobctl start-aggregator").await;
            world.time_passes(&format!("{minutes}m"));
            counts.push(commits(world));
        }
        let window = usize::try_from(60 / minutes).expect("a number");
        counts.windows(window + 1).map(|hour| hour[window] - hour[0]).max().unwrap_or_default()
    }

    #[tokio::test]
    async fn a_day_of_thirteen_minors_behind_a_limited_gateway_misses_no_job_and_doubles_none() {
        let world = TestWorld::founded("job-day", |_| {}).await;
        let busiest = passes(&world, 10, 24).await;
        world.oar("jobctl start-controller --all").await;
        let (all, missing) = (records(&world), wrong(&world, true));
        println!("{} records, {} commits, {busiest} in the busiest hour", all.len(), commits(&world));
        let mut messages = std::collections::BTreeMap::<String, usize>::new();
        for commit in &world.simulator().world().facts().github.branches["record"].log {
            let message = commit.message.split(' ').take(3).collect::<Vec<_>>().join(" ");
            *messages.entry(message).or_default() += 1;
        }
        println!("{messages:#?}");
        assert_eq!(missing, [""; 0]);
        assert!(all.len() > 13, "{}", all.len());
        assert!(busiest <= 240, "{busiest} commits in the busiest hour");
    }

    #[tokio::test]
    async fn an_older_program_on_the_same_branch_is_noticed_file_by_file() {
        let world = TestWorld::founded("predecessor-writes", |_| {}).await;
        passes(&world, 20, 8).await;
        assert_eq!(wrong(&world, false), [""; 0]);
    }
}
