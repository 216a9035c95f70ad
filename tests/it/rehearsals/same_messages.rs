//! However a release is driven, people get the same messages, each once: cron with `--once` included.

use oar::domain::task::{Task, TaskStatus};
use oar::sim::act::Act;

use crate::rehearsal::{TestWorld, promoted, with_state_file};

/// What a drive of this world posts, and what single rounds from cron post in a world like it.
async fn posted(world: TestWorld, line: &str, rounds: usize, variable: Option<(&str, &str)>) -> Vec<String> {
    let before = world.posted_messages();
    for _ in 0..rounds {
        match variable {
            Some((name, value)) => world.oar_with(name, value, line).await,
            None => world.oar(line).await,
        };
        world.time_passes("15m");
    }
    let mut posted: Vec<String> = world.posted_messages().into_iter().skip(before.len()).collect();
    posted.sort();
    world.finish();
    posted
}

async fn lost_job() -> TestWorld {
    let world = promoted().await;
    world.oar("drive").await;
    world.time_passes("20m");
    for forgets in [Act::ForgetBuilds, Act::ForgetProwJobs] {
        oar::sim::people::act(forgets, &mut world.facts());
    }
    world
}

async fn rejected_build() -> TestWorld {
    let world = TestWorld::founded("candidate-rejected", |_| {}).await;
    world.has_report().await;
    world
}

async fn refused_token() -> TestWorld {
    let world = promoted().await;
    world.somebody_stores(&[Task::ImageConsistencyCheck], TaskStatus::Pass);
    world
}

#[tokio::test]
async fn single_rounds_post_what_a_drive_posts_and_each_fact_once() {
    let worlds: [(&str, Option<(&str, &str)>); 4] = [
        ("job", None),
        ("rejected", None),
        ("refused", Some(("JENKINS_TOKEN", "not-the-one"))),
        ("missing", Some(("GITLAB_TOKEN", ""))),
    ];
    for (name, variable) in worlds {
        let world = async || match name {
            "job" => lost_job().await,
            "rejected" => rejected_build().await,
            "refused" => refused_token().await,
            _ => with_state_file().await,
        };
        let by_drive = posted(world().await, "drive", 3, variable).await;
        let by_rounds = posted(world().await, "drive --once", 12, variable).await;
        assert!(!by_drive.is_empty(), "{name}");
        assert_eq!(by_rounds, by_drive, "{name}");
    }
}

#[tokio::test]
async fn a_single_round_says_at_once_what_it_found_and_ends_like_a_drive() {
    let world = lost_job().await;
    let before = world.posted_messages().len();
    let output = world.oar("drive --once").await;
    assert!(output.ends_with("exit 4"), "{output}");
    let posted = world.posted_messages().split_off(before).join("\n");
    assert!(posted.contains("stage-testing is In Progress, but"), "{posted}");
    world.finish();
}
