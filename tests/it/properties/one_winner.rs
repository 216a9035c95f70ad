//! Who is first, when several ask the same of one state file: all orders of reading and replacing are tried.
//!
//! The store replaces a file only if it is still the one that was read; whoever comes too late begins again from the
//! newest. With three writers there are few enough orders to try every one of them with the product's own operations.

use jiff::{SignedDuration, Timestamp};
use oar::domain::state::entries::{DID_NOT_HAPPEN, HAPPENED, Intent, Metadata, Question};
use oar::domain::state::lease::LeaseKey;
use oar::domain::state::operation::{Applied, Change, OfRun, Operation, Rejection, SetTask};
use oar::domain::state::view::State;
use oar::domain::task::{Task, TaskStatus};

fn at(minutes: i64) -> Timestamp {
    "2026-07-01T00:00:00Z".parse::<Timestamp>().expect("a time") + SignedDuration::from_mins(minutes)
}

fn fresh() -> State {
    State::create(&"4.99.1".parse().expect("a release"), at(0), &Metadata::default())
}

fn after(state: &State, operation: &Operation) -> State {
    match operation.apply(state, at(1)) {
        Applied::Changed(next) => next,
        other @ (Applied::Unchanged | Applied::Rejected(_)) => panic!("{operation:?} came to {other:?}"),
    }
}

/// The store: what stands there, and how often it was replaced.
#[derive(Clone)]
struct Store {
    state: State,
    revision: u32,
}

/// One writer on the way to its end.
#[derive(Clone)]
enum Writer {
    Begins,
    HasRead(Store),
    Ended(Result<(), Rejection>),
}

/// What is looked at in the end: how each writer ended, and the file.
type Check<'a> = &'a dyn Fn(&[Result<(), Rejection>], &State);

/// Lets the writers take their steps in every order; `check` sees how each of them ended, and the file. The number of
/// orders.
fn in_every_order(state: State, operations: &[Operation], check: Check<'_>) -> usize {
    let store = Store { state, revision: 0 };
    step(&store, &vec![Writer::Begins; operations.len()], operations, check)
}

fn step(store: &Store, writers: &[Writer], operations: &[Operation], check: Check<'_>) -> usize {
    let mut orders = 0;
    for (place, operation) in operations.iter().enumerate() {
        let (mut store, mut writers) = (store.clone(), writers.to_vec());
        writers[place] = match &writers[place] {
            Writer::Ended(_) => continue,
            Writer::Begins => Writer::HasRead(store.clone()),
            Writer::HasRead(read) => match operation.apply(&read.state, at(2)) {
                Applied::Changed(_) if read.revision != store.revision => Writer::Begins,
                Applied::Changed(next) => {
                    store = Store { state: next, revision: store.revision + 1 };
                    Writer::Ended(Ok(()))
                }
                Applied::Unchanged => Writer::Ended(Ok(())),
                Applied::Rejected(why) => Writer::Ended(Err(why)),
            },
        };
        orders += step(&store, &writers, operations, check);
    }
    if orders > 0 {
        return orders;
    }
    let ends = |writer: &Writer| match writer {
        Writer::Ended(end) => end.clone(),
        Writer::Begins | Writer::HasRead(_) => panic!("every writer comes to an end"),
    };
    check(&writers.iter().map(ends).collect::<Vec<_>>(), &store.state);
    1
}

/// Exactly one of them got what it wanted; its place.
#[track_caller]
fn winner(ends: &[Result<(), Rejection>]) -> usize {
    let won: Vec<usize> = (0..ends.len()).filter(|place| ends[*place].is_ok()).collect();
    assert_eq!(won.len(), 1, "{ends:?}");
    won[0]
}

#[test]
fn of_drivers_that_begin_at_once_exactly_one_gets_the_lease() {
    let holders = ["drive@one:1", "drive@two:2", "drive@three:3"];
    let acquire = |holder: &str| Operation::AcquireLease {
        key: LeaseKey::Driver,
        holder: holder.to_owned(),
        at: at(2),
        take_over: None,
    };
    let orders = in_every_order(fresh(), &holders.map(acquire), &|ends, state| {
        let lease = state.lease(LeaseKey::Driver).expect("a lease");
        assert_eq!(lease.holder, holders[winner(ends)]);
        let held = |end: &Result<(), Rejection>| matches!(end, Err(Rejection::LeaseHeld(_)));
        assert_eq!(ends.iter().filter(|end| held(end)).count(), 2);
    });
    assert!(orders >= 90, "{orders} orders");
}

#[test]
fn of_people_who_answer_at_once_the_first_answer_counts() {
    let question = Question::whether("k", "was the pipeline started?".to_owned(), at(0));
    let begun = Operation::SetTask(SetTask::new(Task::StageTesting, TaskStatus::InProgress, at(0)));
    let asked = after(&fresh(), &begun);
    let asked = after(&asked, &Operation::Ask { task: Task::StageTesting, question: question.clone() });
    let answer = |(choice, by): (&str, &str)| Operation::Answer {
        id: question.id.clone(),
        choice: choice.to_owned(),
        reason: "looked".to_owned(),
        by: by.to_owned(),
        at: at(2),
    };
    let people = [(DID_NOT_HAPPEN, "one"), (HAPPENED, "two")];
    in_every_order(asked, &people.map(answer), &|ends, state| {
        let begins_again = state.status(Task::StageTesting) == TaskStatus::NotStarted;
        assert_eq!(begins_again, winner(ends) == 0, "{ends:?}");
    });
}

fn announces(who: &str, holds: Option<&str>) -> Operation {
    let intent = Intent { key: format!("start by {who}"), at: Some(at(2)), by: who.to_owned() };
    let of_run = Some(OfRun { holds: holds.map(str::to_owned) });
    let intent = Change::Set(intent);
    Operation::SetTask(SetTask { intent, of_run, ..SetTask::new(Task::StageTesting, TaskStatus::InProgress, at(2)) })
}

#[test]
fn of_runs_that_announce_the_same_start_at_once_exactly_one_may_send_it() {
    let runs = ["one", "two", "three"];
    in_every_order(fresh(), &runs.map(|who| announces(who, None)), &|ends, state| {
        let entry = state.task(Task::StageTesting).expect("an entry");
        assert_eq!(entry.intent.expect("an intent").by, runs[winner(ends)]);
    });
}

#[test]
fn a_run_whose_announcement_was_replaced_can_no_longer_change_the_task() {
    let first = after(&fresh(), &announces("one", None));
    let second = after(&first, &announces("two", Some("start by one")));
    for to in TaskStatus::ALL {
        let of_run = Some(OfRun { holds: Some("start by one".to_owned()) });
        let late = SetTask { of_run, result: Some("late".to_owned()), ..SetTask::new(Task::StageTesting, to, at(3)) };
        let applied = Operation::SetTask(late).apply(&second, at(3));
        assert!(matches!(applied, Applied::Rejected(Rejection::StartedElsewhere { .. })), "{to}: {applied:?}");
    }
}
