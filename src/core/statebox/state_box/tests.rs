use super::super::fake_github::{FakeGithub, LIMITS, Trouble, at, create, issue, release, start};
use jiff::SignedDuration;

use super::super::error::Arrived;
use super::*;
use crate::core::clients::error::Fault;
use crate::core::clock::VirtualClock;
use crate::domain::state::entries::Metadata;
use crate::domain::state::lease::LeaseKey;
use crate::domain::state::operation::{AddIssue, Applied, Override, SetTask};
use crate::domain::task::{Task, TaskStatus};

mod lease;

/// A machine that holds the lease of the driver, and the lease.
async fn held(statebox: &StateBox, holder: &str, reason: Option<&str>) -> (StateBox, Held) {
    let over = reason.map(|reason| Override { reason: reason.to_owned(), actor: "lead".to_owned() });
    let machine = statebox.afresh();
    let held = machine.take_lease(&release(), LeaseKey::Driver, holder.to_owned(), over).await.unwrap();
    (machine.fenced(&held), held)
}

#[tokio::test]
async fn a_change_costs_two_requests_and_no_change_costs_one() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    assert!(statebox.apply(&release(), &[create()], "Initialize StateBox").await.unwrap().changed);
    github.requests();
    assert!(
        statebox.apply(&release(), &[start(Task::StageTesting)], "Update task\nx@example.com").await.unwrap().changed
    );
    assert_eq!(github.requests(), 1, "what it wrote itself needs no reading");
    let other = statebox.afresh();
    assert!(other.apply(&release(), &[start(Task::PushToCdnStaging)], "Update task").await.unwrap().changed);
    assert_eq!(github.requests(), 2);
    assert!(!statebox.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap().changed);
    assert_eq!(github.requests(), 1);
    assert_eq!(github.messages(), ["Initialize StateBox", "Update task", "Update task"]);
}

#[tokio::test]
async fn somebody_elses_change_survives_when_he_was_faster() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    let base = statebox.apply(&release(), &[create()], "Initialize").await.unwrap().state;
    let Applied::Changed(theirs) = start(Task::PushToCdnStaging).apply(&base, at("2026-01-01T00:00:05Z")) else {
        panic!("nothing changed");
    };
    github.plan(&[Trouble::Overtaken(theirs.to_yaml())]);
    let saved = statebox.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap();
    assert_eq!(saved.state.status(Task::PushToCdnStaging), TaskStatus::InProgress);
    assert_eq!(saved.state.status(Task::StageTesting), TaskStatus::InProgress);
    let stored = statebox.load(&release()).await.unwrap().unwrap().state;
    assert_eq!(stored, saved.state);
}

#[tokio::test]
async fn a_write_that_arrived_although_the_answer_was_lost_is_not_made_twice() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    github.plan(&[Trouble::AppliedThenError]);
    let saved = statebox.apply(&release(), &[issue("broken"), start(Task::StageTesting)], "Add issue").await.unwrap();
    assert!(saved.changed);
    assert_eq!(saved.state.issues().len(), 1);
    assert_eq!(github.messages().len(), 2);
}

#[tokio::test]
async fn a_lost_answer_is_understood_even_when_somebody_wrote_on_top() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let done = Operation::SetTask(SetTask::new(Task::StageTesting, TaskStatus::Pass, at("2026-01-01T00:00:09Z")));
    github.plan(&[Trouble::AppliedThenOverwritten(|text| text.replace("jira_ticket: null", "jira_ticket: ART-1"))]);
    let saved = statebox.apply(&release(), &[start(Task::StageTesting), done], "Update task").await.unwrap();
    assert_eq!(saved.state.status(Task::StageTesting), TaskStatus::Pass);
    assert_eq!(saved.state.metadata().jira_ticket.as_deref(), Some("ART-1"));
    assert_eq!(github.messages().len(), 2);
}

#[tokio::test]
async fn two_who_create_the_same_release_share_one_file() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    let theirs = State::create(&release(), at("2026-01-01T00:00:00Z"), &Metadata::default());
    github.plan(&[Trouble::Overtaken(theirs.to_yaml())]);
    let saved = statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    assert!(!saved.changed);
    assert!(github.messages().is_empty());
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_asked() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    github.plan(&[Trouble::TooMany]);
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    assert!(statebox.store().clock().now() >= at("2026-01-01T00:00:07Z"));
}

#[tokio::test]
async fn conflicts_without_end_are_reported_after_eight_tries() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    let base = statebox.apply(&release(), &[create()], "Initialize").await.unwrap().state;
    let busy =
        |n: i32| Trouble::Overtaken(base.to_yaml().replace("jira_ticket: null", &format!("jira_ticket: ART-{n}")));
    github.plan(&(0..20).map(busy).collect::<Vec<_>>());
    let error = statebox.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap_err();
    assert!(matches!(error.fault, StoreFault::Conflict), "{error:?}");
    assert!(error.attempts <= LIMITS.tries);
    assert_eq!(error.arrived, Arrived::No);
}

#[tokio::test]
async fn a_write_that_the_store_calls_impossible_is_tried_once_more_from_the_top() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    github.plan(&[Trouble::Impossible]);
    let saved = statebox.afresh().apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap();
    assert!(saved.changed);
    github.plan(&vec![Trouble::Impossible; 20]);
    let error = statebox.afresh().apply(&release(), &[issue("x")], "Add issue").await.unwrap_err();
    assert!(matches!(&error.fault, StoreFault::Service(said) if said.fault == Fault::Status(422)), "{error:?}");
    assert_eq!((error.attempts, error.arrived), (2, Arrived::No), "twice over the same file it is no conflict");
}

#[tokio::test]
async fn a_refusal_for_the_rate_that_names_no_time_is_waited_for_ever_longer() {
    let pauses = [1, 2, 3].map(|tries| super::super::cas::rate_pause(None, tries).as_secs());
    assert_eq!(pauses, [60, 120, 240]);
    assert_eq!(super::super::cas::rate_pause(Some(7), 3).as_secs(), 7);
}

#[tokio::test]
async fn a_look_after_a_write_of_ours_never_shows_less_than_was_written() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    github.caches_stand_still();
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    assert!(statebox.load(&release()).await.unwrap().is_some(), "we made the file a moment ago");
    github.caches_run_out();
    let (one, held) = held(&statebox, "one", None).await;
    github.caches_stand_still();
    one.apply(&release(), &[issue("ours")], "Add issue").await.unwrap();
    assert_eq!(one.load(&release()).await.unwrap().unwrap().state.issues().len(), 1);
    assert!(!one.apply(&release(), &[issue("ours")], "Add issue").await.unwrap().changed, "it says so already");
    one.may_act(&release()).await.unwrap();
    statebox.renew_lease(&held).await.unwrap();
}

#[tokio::test]
async fn old_answers_hide_nobodys_write_for_long() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create(), issue("ours")], "Initialize").await.unwrap();
    let before = github.text();
    statebox.apply(&release(), &[issue("more")], "Add issue").await.unwrap();
    github.put(&before);
    let saved = statebox.apply(&release(), &[issue("again")], "Add issue").await.unwrap();
    assert_eq!(saved.state.issues().len(), 2, "somebody put back what was there before, and the store says so");
}

#[tokio::test]
async fn a_file_that_another_run_of_this_machine_saw_is_looked_for_before_it_counts_as_gone() {
    let github = FakeGithub::default();
    let home = tempfile::tempdir().unwrap();
    let statebox = github.serve().await.keeping(home.path(), true);
    github.caches_stand_still();
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let next_run = statebox.afresh();
    github.requests();
    assert!(next_run.load(&release()).await.unwrap().is_none(), "somebody may have removed it after all");
    assert_eq!(github.requests(), 7);
    github.caches_run_out();
    assert!(next_run.load(&release()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_broken_file_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::Virtual(VirtualClock::starting_at(at("2026-01-01T00:00:00Z")));
    let repo = Repo::Directory(folder.path().to_owned());
    let statebox = StateBox::new(repo, "z-stream".to_owned(), LIMITS, clock, CancellationToken::new());
    let place = folder.path().join(release().state_path());
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    for broken in ["release: 4.20\nschema_version: '1.0'\n", "release: [", "", "- 1\n", "\u{0}"] {
        std::fs::write(&place, broken).unwrap();
        let error = statebox.apply(&release(), &[create(), issue("x")], "Add issue").await.unwrap_err();
        assert!(matches!(error.fault, StoreFault::Corrupt(_)), "{error:?}");
        assert_eq!(std::fs::read_to_string(&place).unwrap(), broken);
    }
}

#[tokio::test]
async fn a_release_without_file_is_changed_by_nobody_but_its_creation() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::Virtual(VirtualClock::starting_at(at("2026-01-01T00:00:00Z")));
    let repo = Repo::Directory(folder.path().to_owned());
    let statebox = StateBox::new(repo, "z-stream".to_owned(), LIMITS, clock, CancellationToken::new());
    assert!(statebox.load(&release()).await.unwrap().is_none());
    let error = statebox.apply(&release(), &[issue("x")], "Add issue").await.unwrap_err();
    assert!(matches!(error.fault, StoreFault::Rejected(Rejection::NoStateFile { .. })));
    assert!(!folder.path().join(release().state_path()).exists());
    let saved = statebox.apply(&release(), &[create(), issue("x")], "Initialize").await.unwrap();
    assert_eq!(saved.state.issues().len(), 1);
    assert_eq!(statebox.load(&release()).await.unwrap().unwrap().state, saved.state);
}

#[tokio::test]
async fn a_load_and_a_change_cost_two_requests() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let statebox = statebox.afresh();
    github.requests();
    statebox.load(&release()).await.unwrap();
    statebox.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap();
    assert_eq!(github.requests(), 2);
}

#[tokio::test]
async fn a_task_that_somebody_moved_after_we_looked_stays_where_he_moved_it() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create(), start(Task::PushToCdnStaging)], "Initialize").await.unwrap();
    statebox.load(&release()).await.unwrap();
    github.somebody(&Operation::SetTask(SetTask::new(
        Task::PushToCdnStaging,
        TaskStatus::Pass,
        at("2026-01-01T00:00:04Z"),
    )));
    let saved = statebox.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap();
    assert_eq!(saved.state.status(Task::PushToCdnStaging), TaskStatus::Pass);
    assert_eq!(saved.state.status(Task::StageTesting), TaskStatus::InProgress);
    assert_eq!(github.text(), saved.state.to_yaml());
}

#[tokio::test]
async fn a_file_that_somebody_created_after_we_looked_is_kept() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    assert!(statebox.load(&release()).await.unwrap().is_none());
    github.put(&State::create(&release(), at("2026-01-01T00:00:00Z"), &Metadata::default()).to_yaml());
    github.somebody(&issue("theirs"));
    let saved = statebox.apply(&release(), &[create(), issue("ours")], "Initialize").await.unwrap();
    let texts: Vec<_> = saved.state.issues().into_iter().map(|issue| issue.issue).collect();
    assert_eq!(texts, ["theirs", "ours"]);
}

#[tokio::test]
async fn an_open_issue_with_the_text_of_a_resolved_one_stays_open_when_two_write_at_once() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    let resolve = |minute| Operation::ResolveIssue {
        search: "flaky".to_owned(),
        resolution: "done".to_owned(),
        at: at(&format!("2026-01-01T00:0{minute}:00Z")),
    };
    statebox.apply(&release(), &[create(), issue("flaky"), resolve(1)], "Initialize").await.unwrap();
    let again = AddIssue {
        text: "flaky".to_owned(),
        blocker: true,
        related: Vec::new(),
        source: None,
        at: at("2026-01-01T00:02:00Z"),
    };
    statebox.apply(&release(), &[Operation::AddIssue(again)], "Add issue").await.unwrap();
    github.somebody(&start(Task::PushToCdnStaging));
    let saved = statebox.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap();
    let resolved: Vec<_> = saved.state.issues().into_iter().map(|issue| issue.resolved).collect();
    assert_eq!(resolved, [true, false]);
}

#[tokio::test]
async fn a_commit_to_another_file_of_the_branch_costs_one_more_try_and_nothing_else() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create(), issue("theirs")], "Initialize").await.unwrap();
    github.plan(&[Trouble::HeadMoved, Trouble::HeadMoved]);
    let saved = statebox.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap();
    assert!(saved.changed);
    assert_eq!((saved.state.issues().len(), github.messages().len()), (1, 2));
}

#[tokio::test]
async fn what_we_remember_decides_nothing_alone() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    let pass = SetTask::new(Task::StageTesting, TaskStatus::Pass, at("2026-01-01T00:00:04Z"));
    statebox.apply(&release(), &[create(), Operation::SetTask(pass)], "Initialize").await.unwrap();
    let before = State::create(&release(), at("2026-01-01T00:00:00Z"), &Metadata::default());
    github.put(&before.to_yaml());
    // Remembered as Pass, so this looks forbidden; the file says otherwise.
    let saved = statebox.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap();
    assert_eq!(saved.state.status(Task::StageTesting), TaskStatus::InProgress);
}

#[tokio::test]
async fn writers_of_one_process_do_not_get_into_each_others_way() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    github.requests();
    let release = release();
    let writes = (0..20).map(|n| {
        let (statebox, release) = (statebox.clone(), &release);
        async move { statebox.apply(release, &[issue(&format!("issue {n}"))], "Add issue").await.unwrap().changed }
    });
    assert!(futures::future::join_all(writes).await.into_iter().all(|changed| changed));
    assert_eq!(github.requests(), 20, "no conflict, no reading again");
    assert_eq!(State::parse(&github.text(), None).unwrap().issues().len(), 20);
}

#[tokio::test]
async fn tries_and_time_are_those_of_the_settings() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    github.plan(&vec![Trouble::HeadMoved; 20]);
    let few = statebox.afresh().within(Limits { tries: 3, ..LIMITS });
    let error = few.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap_err();
    assert_eq!(error.attempts, 3);
    github.plan(&vec![Trouble::TooMany; 20]);
    let short = statebox.afresh().within(Limits { total: SignedDuration::from_secs(20), tries: 50 });
    let error = short.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap_err();
    assert_eq!(error.attempts, 3, "7 s, 7 s, and the third pause would end after 20 s");
}

impl StateBox {
    /// The same store as another process sees it.
    pub(in super::super) fn afresh(&self) -> Self {
        self.with_store(self.store().clone().afresh())
    }

    fn within(&self, limits: Limits) -> Self {
        self.with_store(self.store().clone().within(limits))
    }
}
