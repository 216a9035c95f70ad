//! Writes under a lease: who may write, who may not any more, and what a lease lives through.

use super::*;

#[tokio::test]
async fn a_write_under_a_lease_that_somebody_took_over_is_refused_and_says_who() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let (one, _) = held(&statebox, "one", None).await;
    one.apply(&release(), &[issue("first")], "Add issue").await.unwrap();
    one.may_act(&release()).await.unwrap();
    let (other, _) = held(&statebox, "other", Some("it is dead")).await;
    let text = github.text();

    let error = one.apply(&release(), &[issue("second")], "Add issue").await.unwrap_err();

    assert!(error.fault.to_string().contains("other drives this release since"), "{}", error.fault);
    assert_eq!(error.class(), crate::core::error::ErrorClass::Conflict);
    assert!(one.apply_or_keep(&release(), &[issue("third")], "Add issue").await.is_err(), "it never waits");
    assert!(one.may_act(&release()).await.is_err() && one.lost_lease(&release()).await.is_some());
    assert_eq!(github.text(), text);
    other.apply(&release(), &[issue("theirs")], "Add issue").await.unwrap();
    statebox.afresh().apply(&release(), &[issue("by hand")], "Add issue").await.unwrap();
}

#[tokio::test]
async fn whoever_planned_before_somebody_else_drove_gets_no_lease_for_that_plan() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let late = |seen: i64| {
        let now = statebox.store().clock().now();
        let held = Held::with_first_change(&release(), LeaseKey::Driver, "late".to_owned(), Some(seen), now);
        statebox.afresh().fenced(&held)
    };
    let (other, theirs) = held(&statebox, "other", None).await;
    other.apply(&release(), &[issue("theirs")], "Add issue").await.unwrap();
    let epoch = theirs.fence().unwrap().epoch;
    let beside = late(0).apply(&release(), &[issue("late")], "Add issue").await.unwrap_err();
    assert!(beside.fault.to_string().starts_with("other drives this release since"), "{}", beside.fault);
    other.give_lease_back(&theirs).await;
    let text = github.text();

    for change in
        [late(0).apply(&release(), &[issue("late")], "Add issue").await.map(drop), late(0).may_act(&release()).await]
    {
        let error = change.unwrap_err();
        let said =
            "what this run found is out of date, so nothing was changed: other took the driver lease after it had";
        assert!(error.fault.to_string().starts_with(said), "{}", error.fault);
        assert_eq!(github.text(), text);
    }
    late(epoch).apply(&release(), &[issue("late")], "Add issue").await.unwrap();
}

#[tokio::test]
async fn the_lease_that_a_dead_process_of_this_machine_left_is_not_ours_after_a_write_that_changes_nothing() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let (one, dead) = held(&statebox, "one", None).await;
    one.apply(&release(), &[issue("first")], "Add issue").await.unwrap();
    let epoch = dead.fence().unwrap().epoch;
    let clock = statebox.store().clock();
    clock.pause(SignedDuration::from_hours(3), statebox.store().cancel()).await;
    let next = Held::with_first_change(&release(), LeaseKey::Driver, "one".to_owned(), Some(epoch), clock.now());
    let under = statebox.afresh().fenced(&next);
    under.apply(&release(), &[issue("first")], "Add issue").await.unwrap();
    assert!(next.fence().is_none() && under.lost_lease(&release()).await.is_none(), "{next:?}");
    under.apply(&release(), &[issue("second")], "Add issue").await.unwrap();
    assert!(next.fence().unwrap().epoch > epoch);
}

#[tokio::test]
async fn an_effect_right_after_a_write_that_changed_nothing_takes_the_lease_for_itself() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let (one, dead) = held(&statebox, "one", None).await;
    one.apply(&release(), &[issue("first")], "Add issue").await.unwrap();
    let epoch = dead.fence().unwrap().epoch;
    let clock = statebox.store().clock();
    clock.pause(SignedDuration::from_mins(2), statebox.store().cancel()).await;

    let next = Held::with_first_change(&release(), LeaseKey::Driver, "one".to_owned(), Some(epoch), clock.now());
    let under = statebox.afresh().fenced(&next);
    under.apply(&release(), &[issue("first")], "Add issue").await.unwrap();
    assert!(!next.permit().reaches_outside(clock.now()), "{next:?}");
    under.may_act(&release()).await.unwrap();
    assert!(next.permit().reaches_outside(clock.now()) && next.fence().unwrap().epoch > epoch, "{next:?}");
}

#[tokio::test]
async fn every_effect_but_the_one_after_a_write_asks_whether_the_lease_is_still_ours() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let (one, _) = held(&statebox, "one", None).await;
    one.apply(&release(), &[start(Task::StageTesting)], "Update task").await.unwrap();
    github.requests();
    one.may_act(&release()).await.unwrap();
    assert_eq!(github.requests(), 0, "known from the write");
    one.may_act(&release()).await.unwrap();
    assert_eq!(github.requests(), 1);
    statebox.may_act(&release()).await.unwrap();
    assert_eq!(github.requests(), 0, "who holds no lease is asked nothing");
}

#[tokio::test]
async fn writes_prolong_a_lease_and_what_changes_nothing_else_does_not() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let (one, held) = held(&statebox, "one", None).await;
    let pass = |minutes| one.store().clock().pause(SignedDuration::from_mins(minutes), one.store().cancel());
    let until = || held.permit().end().unwrap();
    let first = until();
    pass(40).await;
    one.apply(&release(), &[issue("x")], "Add issue").await.unwrap();
    assert_eq!(until().duration_since(first), SignedDuration::from_mins(40));
    let commits = github.messages().len();
    pass(40).await;
    assert!(!one.apply(&release(), &[issue("x")], "Add issue").await.unwrap().changed);
    assert_eq!(github.messages().len(), commits, "no commit for the lease alone");
    assert_eq!(
        until().duration_since(held.renew_at()),
        SignedDuration::from_mins(30),
        "it is as old as its last commit"
    );
    statebox.renew_lease(&held).await.unwrap();
    assert_eq!((github.messages().len(), until().duration_since(first).as_mins()), (commits + 1, 80));
    pass(121).await;
    assert!(statebox.renew_lease(&held).await.is_err(), "a process that slept beyond its lease has lost it");
    assert!(one.apply(&release(), &[issue("y")], "Add issue").await.is_err());
}

#[tokio::test]
async fn a_lease_that_ended_while_the_store_was_away_goes_on_if_nobody_took_it() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let (one, held) = held(&statebox, "one", None).await;
    let pass = |minutes| one.store().clock().pause(SignedDuration::from_mins(minutes), one.store().cancel());
    github.is_down(true);
    pass(100).await;
    statebox.renew_lease(&held).await.unwrap();
    pass(100).await;
    assert!(one.apply(&release(), &[issue("x")], "Add issue").await.is_err(), "meanwhile nothing is written");
    github.is_down(false);
    statebox.renew_lease(&held).await.unwrap();
    one.apply(&release(), &[issue("x")], "Add issue").await.unwrap();
}

#[tokio::test]
async fn a_lease_is_given_back_although_everything_else_was_cancelled() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let (one, held) = held(&statebox, "one", None).await;
    one.store().cancel().cancel();
    assert!(one.apply(&release(), &[issue("x")], "Add issue").await.is_err());
    one.give_lease_back(&held).await;
    let stored = State::parse(&github.text(), None).unwrap().lease(LeaseKey::Driver).unwrap();
    assert_eq!((stored.epoch, stored.until), (held.fence().expect("taken").epoch, None));
}

#[tokio::test]
async fn a_lease_goes_on_through_a_file_that_somebody_broke_and_mended() {
    let github = FakeGithub::default();
    let statebox = github.serve().await;
    statebox.apply(&release(), &[create()], "Initialize").await.unwrap();
    let (one, held) = held(&statebox, "one", None).await;
    let pass = |minutes| one.store().clock().pause(SignedDuration::from_mins(minutes), one.store().cancel());
    let whole = github.text();
    github.put("release: [");
    pass(100).await;
    statebox.renew_lease(&held).await.unwrap();
    pass(100).await;
    github.put(&whole);
    statebox.renew_lease(&held).await.unwrap();
    one.apply(&release(), &[issue("x")], "Add issue").await.unwrap();
}
