use super::*;
use crate::domain::state::entries::Metadata;
use crate::domain::state::operation::{Applied, Operation};

const KEY: LeaseKey = LeaseKey::Driver;

fn at(minutes: i64) -> Timestamp {
    "2026-07-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn fresh() -> State {
    State::create(&"4.99.1".parse().unwrap(), at(0), &Metadata::default())
}

fn take(holder: &str, minute: i64) -> Operation {
    Operation::AcquireLease { key: KEY, holder: holder.to_owned(), at: at(minute), take_over: None }
}

fn changed(operation: &Operation, state: &State, minute: i64) -> State {
    match operation.apply(state, at(minute)) {
        Applied::Changed(state) => state,
        other @ (Applied::Unchanged | Applied::Rejected(_)) => panic!("{operation:?}: {other:?}"),
    }
}

fn fence(state: &State) -> Fence {
    let lease = state.lease(KEY).unwrap();
    Fence { key: KEY, holder: lease.holder, epoch: lease.epoch }
}

#[test]
fn a_lease_is_held_by_one_until_it_ends_and_each_take_over_raises_the_epoch() {
    let ours = changed(&take("here", 0), &fresh(), 0);
    let lease = ours.lease(KEY).unwrap();
    assert_eq!((lease.epoch, lease.since(), lease.until), (at(0).as_second(), Some(at(0)), Some(at(120))));
    assert_eq!(take("there", 119).apply(&ours, at(119)), Applied::Rejected(Rejection::LeaseHeld(Box::new(lease))));
    let theirs = changed(&take("there", 120), &ours, 120);
    assert_eq!(theirs.lease(KEY).unwrap().epoch, at(120).as_second());
    let lost = theirs.lease_of(&fence(&ours)).unwrap_err();
    assert_eq!(
        lost.to_string(),
        "this run has lost the driver lease: there drives this release since 2026-07-01T02:00:00Z, until \
         2026-07-01T04:00:00Z"
    );
    let renew = Operation::RenewLease { fence: fence(&ours), at: at(121) };
    assert_eq!(renew.apply(&theirs, at(121)), Applied::Rejected(lost));
    let back = Operation::ReleaseLease { fence: fence(&ours) };
    assert_eq!(back.apply(&theirs, at(122)), Applied::Unchanged, "somebody else's stays");
}

#[test]
fn the_epoch_survives_giving_back_and_grows_also_where_clocks_differ() {
    let ours = changed(&take("here", 60), &fresh(), 60);
    let back = changed(&Operation::ReleaseLease { fence: fence(&ours) }, &ours, 61);
    assert!(back.to_yaml().contains("\n  until: null\n"), "{}", back.to_yaml());
    assert_eq!(back.lease(KEY).map(|lease| (lease.epoch, lease.until)), Some((at(60).as_second(), None)));
    assert!(back.lease_of(&fence(&ours)).is_err(), "what was given back is not held");
    // The clock of the other host is an hour late.
    let theirs = changed(&take("there", 0), &back, 0);
    assert_eq!(theirs.lease(KEY).unwrap().epoch, at(60).as_second() + 1);
}

#[test]
fn the_next_process_of_the_same_machine_goes_on_with_a_new_epoch() {
    let ours = changed(&take("lead on bastion, pid 1, id 0a", 0), &fresh(), 0);
    let next = changed(&take("lead on bastion, pid 2, id 0a", 1), &ours, 1);
    assert!(next.lease_of(&fence(&ours)).is_err() && next.lease_of(&fence(&next)).is_ok());
    assert_eq!(next.lease(KEY).unwrap().who(), "lead on bastion (process 2), since 2026-07-01T00:01:00Z");
}

#[test]
fn taking_a_lease_twice_is_taking_it_once() {
    let ours = changed(&take("here", 0), &fresh(), 0);
    assert_eq!(take("here", 0).apply(&ours, at(0)), Applied::Unchanged);
}

#[test]
fn a_take_over_leaves_a_note_that_blocks_nothing() {
    let ours = changed(&take("here", 0), &fresh(), 0);
    let why = Override { reason: "its host is gone".to_owned(), actor: "lead".to_owned() };
    let over = Operation::AcquireLease { key: KEY, holder: "there".to_owned(), at: at(5), take_over: Some(why) };
    let theirs = changed(&over, &ours, 5);
    let notes: Vec<_> = theirs.issues().into_iter().map(|issue| (issue.issue, issue.blocker)).collect();
    let note = "there took the driver lease from here, since 2026-07-01T00:00:00Z; reason: its host is gone";
    assert_eq!(notes, [(note.to_owned(), false)]);
    assert_eq!(over.apply(&theirs, at(5)), Applied::Unchanged);
    let free = changed(&over, &fresh(), 5);
    assert!(free.issues().is_empty(), "nothing was taken from anybody");
}

#[test]
fn the_end_of_a_lease_moves_only_after_half_an_hour() {
    let ours = changed(&take("here", 0), &fresh(), 0);
    let renew = |minute| Operation::RenewLease { fence: fence(&ours), at: at(minute) };
    assert_eq!(renew(29).apply(&ours, at(29)), Applied::Unchanged);
    assert_eq!(changed(&renew(30), &ours, 30).lease(KEY).unwrap().until, Some(at(150)));
    assert_eq!(renew(-60).apply(&ours, at(-60)), Applied::Unchanged, "a clock that went back shortens nothing");
}

#[test]
fn driver_and_checker_have_a_lease_each() {
    let checker =
        Operation::AcquireLease { key: LeaseKey::Checker, holder: "there".to_owned(), at: at(0), take_over: None };
    let state = changed(&checker, &changed(&take("here", 0), &fresh(), 0), 0);
    let keys: Vec<_> = state.to_json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys[keys.len() - 3..], ["issues", "driver", "checker"]);
    assert_eq!(LeaseKey::ALL.map(|key| state.lease(key).unwrap().holder), ["here", "there"]);
}

#[test]
fn a_lease_of_old_is_read_and_taken_over_once_it_ends() {
    let text =
        format!("{}driver:\n  holder: lead@0123\n  epoch: 3\n  until: '2026-07-01T01:00:00Z'\n", fresh().to_yaml());
    let state = State::parse(&text, None).unwrap();
    let lease = state.lease(KEY).unwrap();
    assert_eq!((lease.who(), lease.epoch, lease.since()), ("lead@0123".to_owned(), 3, None));
    assert!(matches!(take("here", 59).apply(&state, at(59)), Applied::Rejected(Rejection::LeaseHeld(_))));
    assert_eq!(changed(&take("here", 60), &state, 60).lease(KEY).unwrap().epoch, at(60).as_second());
}

#[test]
fn a_lease_whose_end_nobody_can_read_keeps_others_away_until_a_person_takes_it_over() {
    let with = |until: &str| {
        let text = format!("{}driver:\n  holder: bob on x\n  epoch: 5\n  until: {until}\n", fresh().to_yaml());
        State::parse(&text, None).unwrap()
    };
    for unreadable in ["tomorrow", "'2026-07-01 25:00'", "12"] {
        let stored = with(unreadable);
        let Applied::Rejected(refused) = take("here", 0).apply(&stored, at(0)) else { panic!("{unreadable}") };
        assert_eq!(
            refused.to_string(),
            "bob on x drives this release, and what is stored as the end of its lease is no time: somebody edited it"
        );
        assert!(refused.next_step().contains("--take-over"), "{}", refused.next_step());
    }
    // Without a zone it is a time of UTC.
    for (until, free) in [("'2026-07-01T00:30:00'", 30), ("2026-07-01 00:30:00", 30), ("null", 0), ("''", 0)] {
        let held = take("here", free - 1).apply(&with(until), at(free - 1));
        assert_eq!(matches!(held, Applied::Rejected(_)), free > 0, "{until}: {held:?}");
        changed(&take("here", free), &with(until), free);
    }
}
