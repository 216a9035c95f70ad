//! Nothing is started or sent twice: what nobody knows yet is waited for, what nobody can know any more is asked.

use oar::domain::service::Service;
use oar::domain::state::operation::{Change, Operation, SetTask};
use oar::domain::task::{JobRef, JobSystem, Task, TaskStatus};

use crate::rehearsal::{TestWorld, promoted, with_state_file};

const CONSISTENCY: Task = Task::ImageConsistencyCheck;
const STAGE: Task = Task::StageTesting;

/// A start whose answer got lost and that shows nowhere.
async fn unanswered() -> TestWorld {
    let world = promoted().await;
    world.break_service("gangway", 503);
    let reported = world.oar("image-consistency-check").await;
    assert!(reported.contains("nobody knows yet whether this happened: start the image consistency job"), "{reported}");
    assert!(reported.ends_with("exit 3"), "{reported}");
    world.repair();
    world
}

#[tokio::test]
async fn after_a_lost_answer_nothing_is_started_until_a_look_proves_that_nothing_was() {
    let world = unanswered().await;
    world.time_passes("14m");
    let early = world.oar("image-consistency-check").await;
    assert!(early.contains("it is not tried again before 20") && early.ends_with("exit 3"), "{early}");
    assert_eq!(world.facts().prow.runs.len(), 0);
    world.expect_task(CONSISTENCY, TaskStatus::InProgress);

    world.time_passes("2m");
    let later = world.oar("image-consistency-check").await;
    assert!(later.contains("did:  start the image consistency job") && later.ends_with("exit 0"), "{later}");
    assert_eq!(world.facts().prow.runs.len(), 1);

    world.finish();
}

/// Who has no token cannot start a job, and leaves nothing behind that others would have to wait for.
#[tokio::test]
async fn a_start_that_is_plainly_refused_holds_up_nobody_elsewhere() {
    let mut world = promoted().await;
    for task in ["image-consistency-check", "stage-testing"] {
        let variable = if task == "stage-testing" { "JENKINS_TOKEN" } else { "APITOKEN" };
        let refused = world.oar_with(variable, "not-the-one", task).await;
        assert!(refused.contains("refused our credential") && refused.ends_with("exit 6"), "{refused}");
        world.expect_task(task.parse().unwrap(), TaskStatus::NotStarted);
        assert!(world.state().task(task.parse().unwrap()).unwrap().intent.is_none());

        let elsewhere = world.elsewhere(task).await;
        assert!(elsewhere.contains("did:  start the") && elsewhere.ends_with("exit 0"), "{elsewhere}");
        world.expect_task(task.parse().unwrap(), TaskStatus::InProgress);
    }
    assert_eq!(world.facts().prow.runs.len(), 1);
    world.finish();
}

#[tokio::test]
async fn another_machine_allows_for_the_difference_of_two_clocks() {
    let mut world = unanswered().await;
    world.time_passes("30m");
    let early = world.elsewhere("image-consistency-check").await;
    assert!(early.contains("nothing is started beside it until 20") && early.ends_with("exit 3"), "{early}");
    assert_eq!(world.facts().prow.runs.len(), 0);

    world.time_passes("6m");
    let later = world.elsewhere("image-consistency-check").await;
    assert!(later.ends_with("exit 0"), "{later}");
    assert_eq!(world.facts().prow.runs.len(), 1);

    world.finish();
}

#[tokio::test]
async fn a_drive_waits_for_what_nobody_knows_yet_and_says_until_when() {
    let world = unanswered().await;
    let reported = world.oar("drive").await;
    assert!(reported.contains("nobody knows yet whether this happened"), "{reported}");
    assert!(reported.ends_with("exit 3"), "{reported}");
    assert_eq!(world.facts().prow.runs.len(), 0);

    world.finish();
}

#[tokio::test]
async fn a_push_whose_answer_got_lost_is_pushed_once() {
    let world = with_state_file().await;
    world.somebody_stores(&[Task::TakeOwnership, Task::CheckCveTrackerBug], TaskStatus::Pass);
    world.somebody_stores(&[Task::CheckRhcosSecurityAlerts], TaskStatus::Pass);
    world.line_breaks("errata", "POST", "/push");
    world.oar("push-to-cdn-staging").await;
    let pushes = world.facts().errata.pushes.len();
    world.time_passes("2m");
    world.oar("push-to-cdn-staging").await;
    assert_eq!(world.facts().errata.pushes.len(), pushes);

    world.finish();
}

#[tokio::test]
async fn what_no_list_shows_any_more_is_asked_and_the_first_answer_counts() {
    let world = unanswered().await;
    world.days_pass(2);
    let asked = world.oar("image-consistency-check").await;
    assert!(asked.contains("a person has to answer question") && asked.ends_with("exit 4"), "{asked}");
    let question = world.state().task(CONSISTENCY).and_then(|entry| entry.question).expect("a question");
    assert_eq!(question.choices, ["happened", "did-not-happen"]);

    let command = format!("oar -r 4.20.17 answer {} did-not-happen --reason TEXT", question.id);
    for view in ["plan", "status", "drive"] {
        let shown = world.oar(view).await;
        assert!(shown.contains(&command), "{view}: {shown}");
    }
    let again = world.oar("drive").await;
    assert!(again.ends_with("exit 4"), "{again}");
    let informed = world.posted_messages().iter().filter(|text| text.contains(&question.id)).count();
    assert_eq!(informed, 1, "{:?}", world.posted_messages());

    let wrong = world.oar(&format!("answer {} perhaps --reason x", question.id)).await;
    assert!(wrong.contains("choose one of happened, did-not-happen") && wrong.ends_with("exit 2"), "{wrong}");
    let answered = world.oar(&format!("answer {} did-not-happen --reason \"looked at Prow\"", question.id)).await;
    assert!(answered.contains("image-consistency-check is Not Started") && answered.ends_with("exit 0"), "{answered}");
    let late = world.oar(&format!("answer {} happened --reason \"it ran\"", question.id)).await;
    assert!(late.contains("was answered already") && late.ends_with("exit 8"), "{late}");

    let started = world.oar("image-consistency-check").await;
    assert!(started.ends_with("exit 0"), "{started}");
    assert_eq!(world.facts().prow.runs.len(), 1);

    world.finish();
}

#[tokio::test]
async fn what_happened_after_all_is_not_started_again_and_its_job_is_asked_for() {
    let world = unanswered().await;
    world.days_pass(2);
    world.oar("image-consistency-check").await;
    let question = world.state().task(CONSISTENCY).and_then(|entry| entry.question).expect("a question");
    world.oar(&format!("answer {} happened --reason \"its page exists\"", question.id)).await;

    let reported = world.oar("drive").await;
    assert!(reported.contains("oar -r 4.20.17 image-consistency-check -i ID"), "{reported}");
    assert!(reported.ends_with("exit 4"), "{reported}");
    assert_eq!(world.facts().prow.runs.len(), 0);

    world.finish();
}

fn with_job(world: &TestWorld, task: Task, system: JobSystem, id: &str) {
    let job = JobRef { system, id: id.to_owned(), url: None, triggered_at: Some(world.now()) };
    world.someone_else_edits_the_state(|state| {
        let started = SetTask::new(task, TaskStatus::InProgress, world.now());
        world.applied(state, Operation::SetTask(SetTask { job_ref: Change::Set(job), ..started }))
    });
}

#[tokio::test]
async fn a_job_that_is_gone_needs_a_person_who_is_informed_once_and_no_drive_runs_in_circles() {
    for (task, system, id) in [
        (STAGE, JobSystem::Jenkins, "99999"),
        (STAGE, JobSystem::Prow, "11111111-2222-4333-8444-555555555555"),
        (CONSISTENCY, JobSystem::Prow, "11111111-2222-4333-8444-555555555555"),
        (CONSISTENCY, JobSystem::Jenkins, "3467"),
    ] {
        let world = promoted().await;
        world.somebody_stores(&[STAGE, CONSISTENCY], TaskStatus::Pass);
        world.someone_else_edits_the_state(|state| {
            let over = oar::domain::state::operation::Override { reason: "a story".into(), actor: "story".into() };
            let set = SetTask { override_: Some(over), ..SetTask::new(task, TaskStatus::NotStarted, world.now()) };
            world.applied(state, Operation::SetTask(set))
        });
        with_job(&world, task, system, id);
        world.time_passes("20m");

        let alone = world.oar(task.name()).await;
        assert!(alone.contains("cannot be looked at any more") && alone.ends_with("exit 4"), "{alone}");
        for line in ["drive", "drive --watch", "drive --once"] {
            let driven = world.oar(line).await;
            assert!(driven.ends_with("exit 4"), "{line}: {driven}");
            for step in ["Pass --reason TEXT", "Fail --reason TEXT", "'Not Started' --reason TEXT"] {
                let step = format!("oar -r 4.20.17 update-task-status {task} {step}");
                assert!(driven.contains(&step), "{line}: {driven}");
            }
        }
        world.expect_task(task, TaskStatus::InProgress);
        let messages = world.posted_messages();
        let informed = messages.iter().filter(|text| text.contains("cannot be looked at any more")).count();
        assert_eq!(informed, 1, "{messages:?}");

        world.finish();
    }
}

#[tokio::test]
async fn a_wrong_number_from_the_command_line_is_refused_with_the_number() {
    let world = promoted().await;
    let reported = world.oar("stage-testing -n 123").await;
    assert!(reported.contains("Jenkins knows no build 123") && reported.ends_with("exit 2"), "{reported}");
    world.expect_task(STAGE, TaskStatus::NotStarted);

    world.finish();
}

#[tokio::test]
async fn a_message_that_slack_refuses_is_sent_by_a_later_run_and_changes_no_status() {
    for (code, step) in [("not_in_channel", "invite the bot"), ("is_archived", "choose another channel")] {
        let world = with_state_file().await;
        let channel = "team-qe-release".to_owned();
        match code {
            "is_archived" => world.facts().slack.archived.push(channel),
            _ => world.facts().slack.not_in.push(channel),
        }
        let reported = world.oar("take-ownership -e lead@example.com").await;
        assert!(reported.contains(step) && reported.ends_with("exit 0"), "{reported}");
        world.expect_task(Task::TakeOwnership, TaskStatus::Pass);
        assert!(world.posted_messages().is_empty());

        world.facts().slack.archived.clear();
        world.facts().slack.not_in.clear();
        world.oar("take-ownership -e lead@example.com").await;
        let messages = world.posted_messages();
        assert_eq!(messages.iter().filter(|text| text.contains("has a release lead")).count(), 1, "{messages:?}");
        world.oar("take-ownership -e lead@example.com").await;
        assert_eq!(world.posted_messages(), messages);

        world.finish();
    }
}

#[tokio::test]
async fn a_message_whose_answer_got_lost_is_looked_for_before_it_is_sent_again() {
    for elsewhere in [false, true] {
        let mut world = with_state_file().await;
        world.answer_gets_lost("slack", "POST", "chat.postMessage");
        world.break_history();
        let reported = world.oar("take-ownership -e lead@example.com").await;
        assert!(reported.contains("may have got lost") && reported.ends_with("exit 0"), "{reported}");
        world.repair();
        for _ in 0..3 {
            world.time_passes("40m");
            if elsewhere {
                world.elsewhere("drive --once -e lead@example.com").await;
            } else {
                world.oar("drive --once -e lead@example.com").await;
            }
        }
        let messages = world.posted_messages();
        assert_eq!(messages.iter().filter(|text| text.contains("has a release lead")).count(), 1, "{messages:?}");
        let sent = world.state().task(Task::TakeOwnership).expect("an entry");
        assert!(sent.due.is_empty() && !sent.notified.is_empty(), "{sent:?}");

        world.finish();
    }
}

#[tokio::test]
async fn a_message_that_was_never_sent_is_caught_up_by_another_machine() {
    let mut world = with_state_file().await;
    world.refuses("slack", "POST", "chat.postMessage", 500);
    world.oar("take-ownership -e lead@example.com").await;
    world.repair();
    assert!(world.posted_messages().is_empty());

    world.elsewhere("drive --once -e lead@example.com").await;
    assert!(world.posted_messages().is_empty(), "the first machine may still be at it");
    world.time_passes("40m");
    world.elsewhere("drive --once -e lead@example.com").await;
    let messages = world.posted_messages();
    assert_eq!(messages.iter().filter(|text| text.contains("has a release lead")).count(), 1, "{messages:?}");

    world.finish();
}

#[tokio::test]
async fn without_the_scope_to_look_a_message_is_sent_at_most_once_and_the_scope_is_named() {
    let mut world = with_state_file().await;
    world.facts().slack.lacking.push("channels:history");
    world.answer_gets_lost("slack", "POST", "chat.postMessage");
    world.oar("take-ownership -e lead@example.com").await;

    world.time_passes("40m");
    let reported = world.elsewhere("take-ownership -e lead@example.com").await;
    assert!(reported.contains("channels:history") && reported.ends_with("exit 0"), "{reported}");
    let messages = world.posted_messages();
    assert_eq!(messages.iter().filter(|text| text.contains("has a release lead")).count(), 1, "{messages:?}");

    world.finish();
}

/// A world whose lists are up to five minutes old.
fn lists_are_old(world: &TestWorld) {
    world.answers_are_old(&[Service::Prow, Service::Gangway, Service::Jenkins, Service::Errata]);
}

#[tokio::test]
async fn two_machines_start_one_job_however_old_the_lists_are_and_whatever_answer_gets_lost() {
    for (line, service, path) in [
        ("image-consistency-check --no-notify", "gangway", "executions"),
        ("stage-testing --no-notify", "jenkins", "buildWithParameters"),
    ] {
        for (mine, theirs) in [("0s", "0s"), ("10m", "-10m"), ("-10m", "10m")] {
            let world = promoted().await;
            lists_are_old(&world);
            world.line_breaks(service, "POST", path);
            let (one, other) = (world.machine_with_clock("one", mine), world.machine_with_clock("other", theirs));
            one.oar(line).await;
            for _ in 0..12 {
                world.time_passes("5m");
                other.oar(line).await;
                one.oar(line).await;
            }
            assert_eq!(world.writes_to(path), 1, "{line}, clocks {mine} and {theirs}");
        }
    }
}

#[tokio::test]
async fn a_start_that_another_machine_made_needless_is_no_trouble_and_nobody_is_advised_to_override() {
    let world = promoted().await;
    let (one, other) = (world.machine("one"), world.machine("other"));
    let (one, other) = futures::join!(one.oar("drive"), other.oar("drive"));
    for reported in [&one, &other] {
        assert!(!reported.contains("--override"), "{reported}");
    }
    assert_eq!((world.writes_to("buildWithParameters"), world.writes_to("executions")), (1, 1), "{one}\n{other}");
    let started = world.posted_messages().iter().filter(|text| text.contains("was started")).count();
    assert_eq!(started, 2, "{:?}", world.posted_messages());
}
