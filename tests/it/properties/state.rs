//! What must hold for every state, whatever is done to it in whatever order.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use oar::domain::mask::mask;
use oar::domain::state::document::{Map, Node, Scalar, ScalarKind};
use oar::domain::state::entries::{Intent, Metadata, StoredStatus, TaskEntry};
use oar::domain::state::lease::{Fence, LeaseKey};
use oar::domain::state::operation::{
    AddIssue, Applied, Change, IssueEdit, MetadataPatch, Operation, Override, Rejection, SetTask,
};
use oar::domain::state::reader;
use oar::domain::state::view::State;
use oar::domain::task::{JobRef, JobSystem, Task, TaskStatus, Which};

use crate::corpus::real_states;

fn at(minutes: i64) -> Timestamp {
    "2026-07-01T00:00:00Z".parse::<Timestamp>().expect("a time") + SignedDuration::from_mins(minutes)
}

fn fresh() -> State {
    State::create(&"4.99.1".parse().expect("a release"), at(0), &Metadata::default())
}

/// Real states, or a made one where there are none.
fn states() -> Vec<State> {
    let mut states: Vec<State> =
        real_states().iter().map(|(_, text)| State::parse(text, None).expect("a state")).collect();
    states.push(fresh());
    states
}

const TEXTS: [&str; 8] = [
    "Advisory 200051 is NEW_FILES",
    "advisory 200051 is new_files ",
    "asked somebody@example.com, token glpat-abcdefghijklmnopqrst",
    "two\nlines: yes\t!\r\n",
    "waits\r2026-06-03T06:00:00Z: task [Stage testing] status is changed to [Pass]\r\r\nand so on\r",
    "\r\u{1b}\r\u{85} \r \n\u{2028}\r",
    "\u{1b}[31mred\u{1b}[0m  ",
    "x",
];

fn any_operation(random: &mut fastrand::Rng, minute: i64) -> Operation {
    let task = Task::ALL[random.usize(..Task::ALL.len())];
    let sample = TEXTS[random.usize(..TEXTS.len())].to_owned();
    let at = at(minute);
    let holder = ["here", "there"][random.usize(..2)].to_owned();
    match random.u8(..12) {
        0..=4 => {
            let job = JobRef {
                system: JobSystem::Prow,
                id: random.u8(..3).to_string(),
                url: Some("https://prow.example.com/1".to_owned()),
                triggered_at: Some(at),
            };
            Operation::SetTask(SetTask {
                result: random.bool().then(|| sample.clone()),
                job_ref: [Change::Keep, Change::Set(job), Change::Clear][random.usize(..3)].clone(),
                intent: [
                    Change::Keep,
                    Change::Set(Intent { key: "k".to_owned(), at: Some(at), by: sample.clone() }),
                    Change::Clear,
                ][random.usize(..3)]
                .clone(),
                reason: [Change::Keep, Change::Set(sample), Change::Clear][random.usize(..3)].clone(),
                ..SetTask::new(task, TaskStatus::ALL[random.usize(..4)], at)
            })
        }
        5 => Operation::Notified { task: random.bool().then_some(task), key: sample },
        6 => Operation::AddIssue(AddIssue {
            text: sample,
            blocker: random.bool(),
            related: vec![task],
            source: random.bool().then(|| "check".to_owned()),
            at,
        }),
        7 => Operation::ResolveIssue { search: sample.clone(), resolution: sample, at },
        8 => Operation::ResolveSource { source: "check".to_owned(), resolution: sample, at },
        9 => Operation::UpdateIssue {
            search: sample.clone(),
            edit: IssueEdit {
                text: None,
                blocker: Some(random.bool()),
                related: Some(vec![task]),
                reopen: random.bool(),
            },
        },
        10 => Operation::Decide {
            which: Which::Promoted,
            build: "4.99.1".to_owned(),
            accept: random.bool(),
            reason: sample,
            by: "lead".to_owned(),
            at,
        },
        _ => match random.u8(..3) {
            0 => Operation::AcquireLease { key: LeaseKey::Driver, holder, at, take_over: None },
            1 => Operation::RenewLease { fence: Fence { key: LeaseKey::Driver, holder, epoch: at.as_second() }, at },
            _ => Operation::PatchMetadata(MetadataPatch {
                jira_ticket: Some("ART-1".to_owned()),
                candidate_builds: IndexMap::from([("x86_64".to_owned(), "4.99.0-0.nightly-1".to_owned())]),
                ..MetadataPatch::default()
            }),
        },
    }
}

/// Many steps on many states: before, operation, after.
fn walk(mut look: impl FnMut(&State, &Operation, &State)) {
    let mut random = fastrand::Rng::with_seed(7);
    let starts = states();
    // Without real files there is one start; it is walked from as often as they would be.
    let walks = starts.len().max(30);
    for start in starts.into_iter().cycle().take(walks) {
        let mut state = start;
        for minute in 1..60 {
            let operation = any_operation(&mut random, minute);
            if let Applied::Changed(next) = operation.apply(&state, at(minute)) {
                look(&state, &operation, &next);
                state = next;
            }
        }
    }
}

fn parts(state: &State) -> (Vec<TaskEntry>, Vec<String>) {
    let issues = state.issues().iter().map(|issue| format!("{issue:?}")).collect();
    (state.tasks(), issues)
}

#[test]
fn applying_an_operation_twice_is_applying_it_once() {
    let mut applied = 0;
    walk(|_, operation, after| {
        applied += 1;
        assert_eq!(operation.apply(after, at(99)), Applied::Unchanged, "{operation:?}");
    });
    assert!(applied > 500, "only {applied} operations changed anything");
}

#[test]
fn what_is_written_is_read_back_as_the_same_state() {
    walk(|_, operation, after| {
        let yaml = after.to_yaml();
        let again = State::parse(&yaml, Some(after.release())).unwrap_or_else(|error| panic!("{operation:?}: {error}"));
        assert_eq!(again, *after, "{operation:?}");
        assert_eq!(again.to_yaml(), yaml);
    });
}

#[test]
fn a_change_touches_one_task_or_the_issues_and_nothing_else() {
    walk(|before, operation, after| {
        let ((old_tasks, old_issues), (new_tasks, new_issues)) = (parts(before), parts(after));
        let touched: Vec<_> =
            new_tasks.iter().filter(|entry| !old_tasks.contains(entry)).map(|entry| &entry.name).collect();
        let set = if let Operation::SetTask(set) = operation { Some(set.task) } else { None };
        let notified = if let Operation::Notified { task, .. } = operation { *task } else { None };
        let named: Vec<&str> = set.into_iter().chain(notified).map(Task::name).collect();
        assert!(touched.iter().all(|name| named.contains(&name.as_str())), "{operation:?} touched {touched:?}");
        let about_issues = matches!(
            operation,
            Operation::AddIssue(_)
                | Operation::ResolveIssue { .. }
                | Operation::ResolveSource { .. }
                | Operation::UpdateIssue { .. }
        );
        if !about_issues {
            assert_eq!(old_issues, new_issues, "{operation:?}");
        }
        assert_eq!(before.created_at(), after.created_at());
    });
}

#[test]
fn a_finished_task_never_changes_without_an_override() {
    walk(|before, operation, after| {
        for entry in before.tasks().into_iter().filter(|entry| entry.status == StoredStatus::Known(TaskStatus::Pass)) {
            let task = entry.task();
            let now = after.tasks().into_iter().find(|other| other.name == entry.name).expect("entries stay");
            assert_eq!(
                (now.status, &now.started_at, &now.completed_at, &now.result),
                (entry.status, &entry.started_at, &entry.completed_at, &entry.result),
                "{operation:?} on {task:?}"
            );
        }
    });
}

#[test]
fn times_of_a_moved_task_fit_its_status() {
    walk(|_, operation, after| {
        let Operation::SetTask(set) = operation else { return };
        let Some(entry) = after.task(set.task) else { return };
        match entry.status.known() {
            Some(TaskStatus::InProgress) => assert_eq!(entry.completed_at, None, "{operation:?}"),
            Some(TaskStatus::Pass | TaskStatus::Fail) => {
                assert!(entry.started() <= entry.completed() && entry.completed().is_some(), "{entry:?}");
            }
            Some(TaskStatus::NotStarted) | None => {}
        }
        assert!(entry.attempts.len() <= 20);
        let open = entry.attempts.iter().filter(|attempt| attempt.ended_at.is_none()).count();
        assert!(open <= usize::from(entry.status.known() == Some(TaskStatus::InProgress)), "{entry:?}");
    });
}

#[test]
fn a_job_reference_is_never_lost() {
    walk(|before, operation, after| {
        let known = |entry: &TaskEntry| -> Vec<String> {
            let kept = entry.attempts.iter().filter_map(|attempt| attempt.job_ref.as_ref());
            entry.job_ref.iter().chain(kept).map(|job| job.id.clone()).collect()
        };
        for entry in before.tasks() {
            let now = after.tasks().into_iter().find(|other| other.name == entry.name).expect("entries stay");
            // Twenty attempts are kept; the oldest go with their jobs.
            if now.attempts.len() < 20 {
                assert!(
                    known(&entry).iter().all(|id| known(&now).contains(id)),
                    "{operation:?}: {entry:?} became {now:?}"
                );
            }
        }
    });
}

#[test]
fn bringing_metadata_up_to_date_never_removes_a_value() {
    walk(|before, operation, after| {
        if matches!(operation, Operation::PatchMetadata(_)) {
            let (before, after) = (before.to_json(), after.to_json());
            let known = before["metadata"].as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
            for (key, value) in known {
                let now = &after["metadata"][key];
                assert!(!now.is_null(), "{operation:?} removed {key}");
                for inner in value.as_object().into_iter().flat_map(|map| map.keys()) {
                    assert!(!now[inner].is_null(), "{operation:?} removed {inner} of {key}");
                }
            }
        }
    });
    let nothing = Operation::PatchMetadata(MetadataPatch::default());
    assert_eq!(nothing.apply(&fresh(), at(1)), Applied::Unchanged);
}

#[test]
fn an_open_issue_is_closed_by_resolving_alone() {
    walk(|before, operation, after| {
        let resolving = matches!(operation, Operation::ResolveIssue { .. } | Operation::ResolveSource { .. });
        for issue in before.issues().into_iter().filter(|issue| !issue.resolved) {
            let now = after.issues().into_iter().find(|other| other.id == issue.id).expect("issues stay");
            if !resolving {
                assert!(!now.resolved, "{operation:?}");
            }
        }
    });
}

#[test]
fn nothing_that_is_stored_names_a_person_or_a_token() {
    walk(|_, operation, after| {
        let yaml = after.to_yaml();
        assert!(!yaml.contains("somebody@") && !yaml.contains("glpat-"), "{operation:?}");
    });
}

#[test]
fn masking_twice_is_masking_once() {
    let mut random = fastrand::Rng::with_seed(11);
    let parts = [
        "a@example.com",
        "|",
        "<mailto:",
        ">",
        "git@h.example.com:x",
        " ",
        "\n",
        "Bearer ",
        "abcdefghijklmnop1234",
        "token=",
        "https://u:p@h.example.com/",
        "@",
        ".",
        "<@U12345>",
        "[EMAIL_REDACTED]",
        "'username': 'x'",
        "avatar_url",
        ":",
        "é",
    ];
    for _ in 0..20_000 {
        let text: String = (0..random.usize(0..12)).map(|_| parts[random.usize(..parts.len())]).collect();
        let once = mask(&text);
        assert_eq!(mask(&once), once, "{text:?}");
    }
}

#[test]
fn strangers_survive_every_operation() {
    let text = "x_first: 0x1F\nschema_version: '1.0'\nrelease: 4.99.1\ncreated_at: '2026-01-01T00:00:00Z'\nupdated_at: '2026-01-01T00:00:00Z'\nmetadata:\n  qe_owner: null\n  jira_ticket: null\n  x_when: 2026-01-01\ntasks:\n- name: stage-testing\n  x_list:\n  - 'yes'\n  - yes\n  status: Paused\n  started_at: null\n  completed_at: null\n  result: null\n  x_last: '4.20'\n- name: Stage testing\n  status: Pass\nissues:\n- issue: old\n  resolved: false\n  x_note: kept\n  blocker: true\nx_end: 1.50\n";
    let mut state = State::parse(text, None).expect("a state");
    assert_eq!(state.to_yaml(), text);
    let mut random = fastrand::Rng::with_seed(13);
    for minute in 1..400 {
        if let Applied::Changed(next) = any_operation(&mut random, minute).apply(&state, at(minute)) {
            state = next;
        }
    }
    let yaml = state.to_yaml();
    for kept in [
        "x_first: 0x1F\n",
        "  qe_owner: null\n",
        "  x_when: 2026-01-01\n",
        "  x_list:\n  - 'yes'\n  - yes\n",
        "  x_last: '4.20'\n",
        "- name: Stage testing\n  status: Pass\n",
        "  x_note: kept\n",
        "x_end: 1.50\n",
    ] {
        assert!(yaml.contains(kept), "{kept:?} is gone from\n{yaml}");
    }
    assert_ne!(yaml, text);
}

#[test]
fn an_override_is_recorded_where_people_look() {
    let set = SetTask::new(Task::StageTesting, TaskStatus::Pass, at(1));
    let passed = changed(&Operation::SetTask(SetTask { result: Some("all good".to_owned()), ..set }), &fresh(), 1);
    let lower = SetTask::new(Task::StageTesting, TaskStatus::Fail, at(2));
    let refused = Operation::SetTask(lower.clone()).apply(&passed, at(2));
    assert_eq!(refused, Applied::Rejected(Rejection::PassStays { task: Task::StageTesting, to: TaskStatus::Fail }));
    let permission = Override { reason: "wrong build".to_owned(), actor: "release lead".to_owned() };
    let operation = Operation::SetTask(SetTask { override_: Some(permission), ..lower });
    let failed = changed(&operation, &passed, 2);
    let entry = failed.task(Task::StageTesting).expect("an entry");
    assert_eq!(entry.result.as_deref(), Some("override by release lead: wrong build\nall good"));
    assert_eq!(entry.attempts.len(), 2);
    assert!(failed.issues().iter().any(|issue| !issue.blocker && issue.issue.contains("wrong build")));
    assert_eq!(operation.apply(&failed, at(3)), Applied::Unchanged);
}

#[test]
fn an_open_issue_is_returned_and_never_an_error() {
    let add = |text: &str, minute| {
        Operation::AddIssue(AddIssue {
            text: text.to_owned(),
            blocker: true,
            related: vec![Task::PushToCdnStaging],
            source: None,
            at: at(minute),
        })
    };
    let state = changed(&add("Advisory is empty", 1), &fresh(), 1);
    assert_eq!(add(" advisory IS empty\n", 2).apply(&state, at(2)), Applied::Unchanged);
    let two = changed(&add("Another one", 3), &state, 3);
    assert_eq!(two.issues().len(), 2);
    assert_eq!(add("  \n", 4).apply(&two, at(4)), Applied::Rejected(Rejection::BlankIssue));
}

#[test]
fn a_search_that_fits_several_issues_or_none_resolves_nothing() {
    let add = |text: &str| {
        Operation::AddIssue(AddIssue {
            text: text.to_owned(),
            blocker: true,
            related: Vec::new(),
            source: None,
            at: at(1),
        })
    };
    let state = changed(&add("push of 1 failed"), &fresh(), 1);
    let state = changed(&add("push of 12 failed"), &state, 1);
    let resolve = |search: &str| {
        Operation::ResolveIssue { search: search.to_owned(), resolution: "done".to_owned(), at: at(2) }
            .apply(&state, at(2))
    };
    assert!(
        matches!(resolve("push of 1"), Applied::Rejected(Rejection::SeveralIssues { matches, .. }) if matches.len() == 2)
    );
    assert!(
        matches!(resolve("nothing like it"), Applied::Rejected(Rejection::NoSuchIssue { open, .. }) if open.len() == 2)
    );
    assert_eq!(resolve(" "), Applied::Rejected(Rejection::BlankSearch));
    let id = state.issues()[0].id.clone();
    assert_eq!(id.len(), 8);
    let Applied::Changed(done) = resolve(&id) else { panic!("an id names one issue") };
    assert_eq!(done.issues().iter().map(|issue| issue.resolved).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn readers_of_state_files_never_panic() {
    let mut random = fastrand::Rng::with_seed(17);
    let text = changed(&any_operation(&mut fastrand::Rng::with_seed(1), 1), &fresh(), 1).to_yaml();
    let odd = [
        "\t", "- ", ": ", "'", "\"", "|", ">", "&a ", "*a", "[", "{", "}", "\n", "  ", "#", "!!x ", "\u{85}", "é", "? ",
    ];
    for _ in 0..5_000 {
        let mut broken: Vec<char> = text.chars().collect();
        for _ in 0..random.usize(1..6) {
            let place = random.usize(..broken.len().max(1));
            match random.u8(..3) {
                0 if place < broken.len() => drop(broken.remove(place)),
                1 => broken.truncate(place),
                _ => {
                    drop(broken.splice(
                        place.min(broken.len())..place.min(broken.len()),
                        odd[random.usize(..odd.len())].chars(),
                    ))
                }
            }
        }
        let broken: String = broken.into_iter().collect();
        if let Ok(node) = reader::read(&broken) {
            let again = reader::read(&oar::domain::state::emitter::emit(&node));
            assert_eq!(again.map(|node| no_nulls(&node)), Ok(no_nulls(&node)), "{broken:?}");
        }
        let _ = State::parse(&broken, None);
    }
}

/// Absent and `null` are the same; a writer says `null`.
fn no_nulls(node: &Node) -> Node {
    match node {
        node if node.is_null() => Node::null(),
        Node::Scalar(_) => node.clone(),
        Node::List(items) => Node::List(items.iter().map(no_nulls).collect()),
        Node::Map(map) => {
            let no_null = |key: &Scalar| match key.kind {
                ScalarKind::Null => Scalar { source: "null".to_owned(), ..key.clone() },
                ScalarKind::Text
                | ScalarKind::Bool
                | ScalarKind::Int
                | ScalarKind::Float
                | ScalarKind::Time
                | ScalarKind::Reserved => key.clone(),
            };
            let entries = map.entries.iter().map(|(key, value)| (no_null(key), no_nulls(value)));
            Node::Map(Map { entries: entries.collect() })
        }
    }
}

fn changed(operation: &Operation, state: &State, minute: i64) -> State {
    match operation.apply(state, at(minute)) {
        Applied::Changed(next) => next,
        other @ (Applied::Unchanged | Applied::Rejected(_)) => panic!("{operation:?} came to {other:?}"),
    }
}
