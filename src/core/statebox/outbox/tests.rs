use super::super::fake_github::{FakeGithub, Trouble, at, create, issue, release, start};
use super::super::state_box::StateBox;
use super::*;
use crate::domain::state::operation::{Rejection, SetTask};
use crate::domain::task::{Task, TaskStatus};

const TASK: Task = Task::StageTesting;

fn set(to: TaskStatus, second: u32) -> Operation {
    Operation::SetTask(SetTask::new(TASK, to, at(&format!("2026-01-01T00:00:{second:02}Z"))))
}

/// A GitHub with a state file, and a machine that has seen it.
async fn scene() -> (FakeGithub, StateBox, tempfile::TempDir) {
    let (github, home) = (FakeGithub::default(), tempfile::tempdir().unwrap());
    let statebox = github.serve().await.keeping(home.path(), true);
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    (github, statebox, home)
}

async fn kept(statebox: &StateBox, operation: Operation) -> SavedOrKept {
    let stored = statebox.apply_or_keep(&release(), &[operation], "Change").await.unwrap();
    assert!(matches!(stored, SavedOrKept::Kept { .. }), "{stored:?}");
    stored
}

#[tokio::test]
async fn a_change_that_cannot_reach_the_store_is_kept_reported_and_sent_by_the_next_command() {
    let (github, statebox, home) = scene().await;
    github.is_down(true);
    let stored = kept(&statebox, issue("broken")).await;
    assert_eq!(stored.state().unwrap().issues().len(), 1, "this machine sees its own truth");
    let notice = stored.notice().unwrap();
    assert!(notice.contains("HTTP 503") && notice.contains("unsent/4.99.1.jsonl"), "{notice}");
    assert!(statebox.has_kept());
    github.is_down(false);

    let next = statebox.afresh().apply(&release(), &[start(TASK)], "Next").await.unwrap();

    assert!(!statebox.has_kept(), "it does not wait any more");
    assert_eq!(next.state.issues().len(), 1);
    assert_eq!(github.text(), next.state.to_yaml());
    assert!(super::super::unsent::list(home.path()).unwrap().is_empty());
    assert_eq!(github.messages(), ["Initialize", "Change", "Next"]);
}

#[tokio::test]
async fn a_change_whose_turn_never_comes_is_kept_and_sent_once_the_others_rest() {
    let (github, statebox, home) = scene().await;
    let busy = |n: i32| Trouble::Overtaken(github.text().replace("ticket: null", &format!("ticket: ART-{n}")));
    github.plan(&(0..40).map(busy).collect::<Vec<_>>());
    let notice = kept(&statebox, issue("broken")).await.notice().unwrap();
    assert!(notice.contains("somebody else changed the file") && notice.contains("unsent/4.99.1.jsonl"), "{notice}");
    github.plan(&[]);

    assert_eq!(
        statebox.afresh().send_waiting(&release()).await.unwrap(),
        SentChanges { stored: 1, refused: Vec::new() }
    );

    let next = statebox.load(&release()).await.unwrap().unwrap().state;
    assert_eq!(next.issues().len(), 1);
    assert_eq!(github.text(), next.to_yaml());
    assert!(super::super::unsent::list(home.path()).unwrap().is_empty());
}

#[tokio::test]
async fn what_gives_the_right_to_act_never_waits() {
    let (github, statebox, home) = scene().await;
    github.is_down(true);
    let error = statebox.apply(&release(), &[start(TASK)], "Update task").await.unwrap_err();
    assert!(error.is_outage());
    assert!(super::super::unsent::list(home.path()).unwrap().is_empty() && !statebox.has_kept());
}

#[tokio::test]
async fn changes_wait_in_their_order_and_go_out_as_one_commit_before_the_next_change() {
    let (github, statebox, _home) = scene().await;
    github.is_down(true);
    for operation in [set(TaskStatus::InProgress, 1), set(TaskStatus::Fail, 2), issue("why")] {
        kept(&statebox, operation).await;
    }
    github.is_down(false);
    let saved = statebox.apply(&release(), &[set(TaskStatus::InProgress, 9)], "Again").await.unwrap();
    assert_eq!(saved.state.status(TASK), TaskStatus::InProgress);
    assert_eq!(saved.state.task(TASK).unwrap().attempts.len(), 2);
    assert_eq!(github.messages(), ["Initialize", "Send 3 changes that waited", "Again"]);
}

#[tokio::test]
async fn a_change_comes_after_what_another_process_of_this_machine_is_just_sending() {
    let (github, statebox, home) = scene().await;
    github.is_down(true);
    kept(&statebox, set(TaskStatus::InProgress, 1)).await;
    kept(&statebox, issue("broken")).await;
    github.is_down(false);
    let sends = Unsent::new(home.path(), statebox.store().remote_place().unwrap()).may_send(&release()).unwrap();
    assert!(sends.is_some());

    let saved = statebox.afresh().apply(&release(), &[set(TaskStatus::Pass, 9)], "Pass").await.unwrap();

    let expect = |state: &State| {
        let moment = |second: i64| Some(at(&format!("2026-01-01T00:00:0{second}Z")));
        let attempts = &state.task(TASK).unwrap().attempts;
        let times: Vec<_> = attempts.iter().map(|attempt| (attempt.started_at, attempt.ended_at)).collect();
        assert_eq!((times, state.issues().len()), (vec![(moment(1), moment(9))], 1));
    };
    expect(&saved.state);
    drop(sends);
    let sent = statebox.send_waiting(&release()).await.unwrap();
    assert_eq!((sent.stored, sent.refused), (2, Vec::new()));
    let after = statebox.load(&release()).await.unwrap().unwrap().state;
    expect(&after);
    assert_eq!((after.status(TASK), github.messages().len()), (TaskStatus::Pass, 2));
    assert!(super::super::unsent::list(home.path()).unwrap().is_empty());
}

#[tokio::test]
async fn what_waits_is_shown_on_top_of_what_is_read_and_reading_sends_nothing() {
    let (github, statebox, _home) = scene().await;
    github.is_down(true);
    kept(&statebox, issue("broken")).await;
    github.is_down(false);
    github.somebody(&start(Task::PushToCdnStaging));
    let seen = statebox.load(&release()).await.unwrap().unwrap().state;
    assert_eq!((seen.issues().len(), seen.status(Task::PushToCdnStaging)), (1, TaskStatus::InProgress));
    assert!(!github.text().contains("broken"));
}

#[tokio::test]
async fn a_kept_change_that_had_arrived_is_not_made_twice() {
    let (github, statebox, home) = scene().await;
    // It is written, the answer gets lost, and then GitHub is away.
    github.plan(&[Trouble::AppliedThenError]);
    github.goes_down_after_writes(1);
    kept(&statebox, issue("broken")).await;
    github.is_down(false);
    statebox.send_waiting(&release()).await.unwrap();
    let state = statebox.load(&release()).await.unwrap().unwrap().state;
    assert_eq!((state.issues().len(), github.messages().len()), (1, 2));
    assert!(super::super::unsent::list(home.path()).unwrap().is_empty());
}

#[tokio::test]
async fn a_change_that_somebody_overtook_is_moved_aside_and_the_others_are_sent() {
    let (github, statebox, home) = scene().await;
    github.is_down(true);
    kept(&statebox, set(TaskStatus::Fail, 1)).await;
    kept(&statebox, issue("broken")).await;
    github.is_down(false);
    github.somebody(&set(TaskStatus::Pass, 7));
    let sent = statebox.send_waiting(&release()).await.unwrap();
    assert_eq!((sent.stored, sent.refused.len()), (1, 1));
    let state = statebox.load(&release()).await.unwrap().unwrap().state;
    assert_eq!((state.status(TASK), state.issues().len()), (TaskStatus::Pass, 1));
    let listed = super::super::unsent::list(home.path()).unwrap();
    let reported: Vec<_> = listed.iter().map(|line| line.waiting.refused.as_deref().unwrap_or_default()).collect();
    assert_eq!(reported, ["stage-testing was set to Pass at 2026-01-01T00:00:07Z, later than this"]);
}

#[tokio::test]
async fn what_the_rules_forbid_by_all_we_know_is_refused_at_once() {
    let (github, statebox, home) = scene().await;
    statebox.apply(&release(), &[set(TaskStatus::Pass, 1)], "Update task").await.unwrap();
    github.is_down(true);
    let error = statebox.apply_or_keep(&release(), &[set(TaskStatus::Fail, 2)], "Change").await.unwrap_err();
    assert!(matches!(error.fault, StoreFault::Rejected(Rejection::PassStays { .. })), "{error:?}");
    assert!(super::super::unsent::list(home.path()).unwrap().is_empty());
}

#[tokio::test]
async fn a_machine_that_never_saw_the_file_keeps_a_change_all_the_same() {
    let (github, statebox, _home) = scene().await;
    let other_home = tempfile::tempdir().unwrap();
    let other = statebox.afresh().keeping(other_home.path(), true);
    github.is_down(true);
    assert!(kept(&other, issue("broken")).await.state().is_none());
    github.is_down(false);
    other.send_waiting(&release()).await.unwrap();
    assert_eq!(statebox.load(&release()).await.unwrap().unwrap().state.issues().len(), 1);
}

#[tokio::test]
async fn a_dry_run_sends_nothing_and_shows_what_waits() {
    let (github, statebox, home) = scene().await;
    github.is_down(true);
    kept(&statebox, issue("broken")).await;
    github.is_down(false);
    let dry = statebox.afresh().keeping(home.path(), false);
    assert_eq!(dry.send_waiting(&release()).await.unwrap(), SentChanges::default());
    assert_eq!(dry.load(&release()).await.unwrap().unwrap().state.issues().len(), 1);
    assert_eq!(github.messages(), ["Initialize"]);
}

#[tokio::test]
async fn a_file_in_a_folder_keeps_nothing_for_later() {
    let folder = tempfile::tempdir().unwrap();
    let repo = super::super::repo::Repo::Directory(folder.path().to_owned());
    let clock =
        crate::core::clock::Clock::Virtual(crate::core::clock::VirtualClock::starting_at(at("2026-01-01T00:00:00Z")));
    let local =
        StateBox::new(repo, "z-stream".to_owned(), super::super::fake_github::LIMITS, clock, Default::default());
    assert!(!local.keeping(folder.path(), true).keeps());
}
