use futures::FutureExt as _;
use futures::future::join_all;
use serde_json::json;

use super::*;
use crate::core::clock::VirtualClock;
use crate::runs::run::{Ending, Queue, Work, WorkAnswer};

struct Fixture {
    runs: Arc<Executor>,
    stop: CancellationToken,
    home: tempfile::TempDir,
}

fn limits(longest: u64) -> RunLimits {
    RunLimits {
        at_once: 100,
        longest: Duration::from_millis(longest),
        by_tool: BTreeMap::new(),
        grace: Duration::from_millis(50),
        keep: 100,
        days: 30,
    }
}

fn fixture(longest: u64) -> Fixture {
    let home = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let runs = open(home.path(), longest, stop.clone());
    Fixture { runs, stop, home }
}

fn open(home: &Path, longest: u64, stop: CancellationToken) -> Arc<Executor> {
    let clock = Clock::Virtual(VirtualClock::starting_at("2026-06-03T06:00:00Z".parse().unwrap()));
    Arc::new(Executor::new(home, limits(longest), clock, Worker::open().unwrap(), stop))
}

fn order(queue: &str, key: &str, work: Work) -> Order {
    Order {
        tool: "oar_add_issue",
        key: key.to_owned(),
        queue: Queue::Looks { of: queue.to_owned() },
        who: Principal::new("agent", []),
        arguments: "password=hunter2hunter2".to_owned(),
        confirmed: None,
        begins: Box::new(|_| Ok(())),
        work,
        document,
    }
}

fn answer(said: &str, is_cancelled: bool) -> WorkAnswer {
    WorkAnswer { document: Document::from_iter([("said".to_owned(), json!(said))]), is_cancelled }
}

#[tokio::test]
async fn a_run_whose_beginning_cannot_be_recorded_does_nothing_and_leaves_nothing() {
    let fixture = fixture(10_000);
    let work: Work = Box::new(|_| panic!("it began"));
    let mut order = order("q", "k", work);
    order.begins = Box::new(|_| Err(io::Error::other("the disk is full")));
    assert!(matches!(fixture.runs.submit(order), Err(NotTaken::Unrecorded(_))));
    assert_eq!(std::fs::read_dir(fixture.home.path().join("runs")).unwrap().count(), 0);
    assert_eq!(fixture.runs.open(), OpenRuns::default());
}

/// How a run ended, and what its work said.
fn document(ending: Ending, _: &TrackedRun) -> Document {
    let (how, mut document) = match ending {
        Ending::Answered(answer) if answer.is_cancelled => ("cancelled", answer.document),
        Ending::Answered(answer) => ("answered", answer.document),
        Ending::NeverBegan => ("never began", Document::new()),
        Ending::Stopped => ("stopped", Document::new()),
        Ending::Panicked => ("panicked", Document::new()),
        Ending::TimedOut { answer, .. } => ("timed out", answer.document),
        Ending::LeftAfter { .. } => ("left after its time", Document::new()),
        Ending::LeftWhenCancelled => ("left when cancelled", Document::new()),
    };
    document.insert("how".to_owned(), json!(how));
    document
}

/// Work that notes its name when it runs, and first waits for `gate`.
fn waiting(name: &str, gate: &CancellationToken, seen: &Arc<Mutex<Vec<String>>>) -> Work {
    let (name, gate, seen) = (name.to_owned(), gate.clone(), Arc::clone(seen));
    Box::new(move |_| {
        async move {
            gate.cancelled().await;
            seen.lock().unwrap().push(name.clone());
            answer(&name, false)
        }
        .boxed_local()
    })
}

fn opened() -> CancellationToken {
    let gate = CancellationToken::new();
    gate.cancel();
    gate
}

fn quick(name: &str) -> Work {
    waiting(name, &opened(), &Arc::default())
}

async fn begun(run: &TrackedRun) {
    run.status.subscribe().wait_for(|status| *status != RunStatus::Queued).await.unwrap();
}

fn how(document: &Document) -> &str {
    document["how"].as_str().unwrap()
}

#[tokio::test]
async fn changes_of_a_release_run_in_the_order_in_which_they_came() {
    let fixture = fixture(60_000);
    let (gate, seen) = (CancellationToken::new(), Arc::default());
    let runs: Vec<_> = (0..9)
        .map(|n| {
            let name = format!("{n}");
            fixture.runs.submit(order("4.20.17", &name, waiting(&name, &gate, &seen))).unwrap()
        })
        .collect();
    let other = fixture.runs.submit(order("4.20.18", "x", quick("x"))).unwrap();
    assert_eq!(how(&other.ended().await), "answered", "another release does not wait");
    let open = fixture.runs.open();
    assert_eq!((open.running, open.queued), (1, 8));
    let full = fixture.runs.submit(order("4.20.17", "9", quick("9"))).unwrap_err();
    assert!(matches!(full, NotTaken::QueueFull(head) if head.id == runs[0].id), "the tenth hears who runs");
    gate.cancel();
    join_all(runs.iter().map(|run| run.ended())).await;
    assert_eq!(*seen.lock().unwrap(), ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
}

#[tokio::test]
async fn an_equal_call_joins_the_run_that_runs_and_never_an_ended_or_cancelled_one() {
    let fixture = fixture(60_000);
    let (gate, seen) = (CancellationToken::new(), Arc::default());
    let first = fixture.runs.submit(order("r", "a", waiting("a", &gate, &seen))).unwrap();
    begun(&first).await;
    assert_eq!(fixture.runs.submit(order("r", "a", quick("a"))).unwrap().id, first.id);
    let behind = fixture.runs.submit(order("r", "b", waiting("b", &gate, &seen))).unwrap();
    assert_eq!(fixture.runs.submit(order("r", "b", quick("b"))).unwrap().id, behind.id, "the last that waits");
    let last = fixture.runs.submit(order("r", "c", waiting("c", &gate, &seen))).unwrap();
    let again = fixture.runs.submit(order("r", "b", waiting("b again", &gate, &seen))).unwrap();
    assert_ne!(again.id, behind.id, "it was called after c");
    gate.cancel();
    join_all([&first, &behind, &last, &again].map(|run| run.ended())).await;
    assert_eq!(*seen.lock().unwrap(), ["a", "b", "c", "b again"]);
    assert_ne!(fixture.runs.submit(order("r", "a", quick("a"))).unwrap().id, first.id, "it has ended");
}

#[tokio::test]
async fn a_panic_is_recorded_and_the_next_request_works() {
    let fixture = fixture(60_000);
    let broken = fixture.runs.submit(order("r", "a", Box::new(|_| panic!("while it is made")))).unwrap();
    assert_eq!(how(&broken.ended().await), "panicked");
    let later = fixture.runs.submit(order("r", "b", Box::new(|_| async { panic!("later") }.boxed_local()))).unwrap();
    assert_eq!(how(&later.ended().await), "panicked");
    let next = fixture.runs.submit(order("r", "c", quick("c"))).unwrap();
    assert_eq!(how(&next.ended().await), "answered");
    let record = fixture.runs.store.get(&broken.id).unwrap();
    assert_eq!((record.state, how(&record.answer.unwrap())), (RunState::Ended, "panicked"));
}

/// Ends when it is asked to, saying what it did.
fn obedient() -> Work {
    Box::new(|cancel| {
        async move {
            cancel.cancelled().await;
            answer("moved 1 advisory", true)
        }
        .boxed_local()
    })
}

fn uncancellable() -> Work {
    Box::new(|_| std::future::pending().boxed_local())
}

#[tokio::test]
async fn a_run_without_end_is_asked_to_end_and_says_what_it_did() {
    let fixture = fixture(20);
    let run = fixture.runs.submit(order("r", "a", obedient())).unwrap();
    let ended = run.ended().await;
    assert_eq!((how(&ended), &ended["said"]), ("timed out", &json!("moved 1 advisory")));
    let run = fixture.runs.submit(order("r", "b", uncancellable())).unwrap();
    assert_eq!(how(&run.ended().await), "left after its time", "one that does not listen");
    assert_eq!(how(&fixture.runs.submit(order("r", "c", quick("c"))).unwrap().ended().await), "answered");
}

#[tokio::test]
async fn a_cancelled_run_ends_and_those_behind_it_keep_waiting_for_the_first() {
    let fixture = fixture(60_000);
    let (gate, seen) = (CancellationToken::new(), Arc::default());
    let first = fixture.runs.submit(order("r", "a", waiting("a", &gate, &seen))).unwrap();
    begun(&first).await;
    let second = fixture.runs.submit(order("r", "b", waiting("b", &gate, &seen))).unwrap();
    let third = fixture.runs.submit(order("r", "c", waiting("c", &opened(), &seen))).unwrap();
    second.cancel.cancel();
    assert_eq!(how(&second.ended().await), "never began");
    assert_eq!(third.status(), RunStatus::Queued);
    gate.cancel();
    third.ended().await;
    assert_eq!(*seen.lock().unwrap(), ["a", "c"]);
    let run = fixture.runs.submit(order("r", "d", obedient())).unwrap();
    begun(&run).await;
    run.cancel.cancel();
    let ended = run.ended().await;
    assert_eq!((how(&ended), &ended["said"]), ("cancelled", &json!("moved 1 advisory")));
    let run = fixture.runs.submit(order("r", "e", uncancellable())).unwrap();
    begun(&run).await;
    run.cancel.cancel();
    assert_eq!(how(&run.ended().await), "left when cancelled");
}

#[tokio::test]
async fn a_run_of_an_earlier_process_is_read_from_its_file() {
    let fixture = fixture(60_000);
    let run = fixture.runs.submit(order("r", "a", quick("a"))).unwrap();
    run.ended().await;
    let later = open(fixture.home.path(), 60_000, CancellationToken::new());
    let known = later.known(&run.id).unwrap();
    assert_eq!((known.state, &known.answer.as_ref().unwrap()["said"]), (RunState::Ended, &json!("a")));
    assert!(!known.arguments.contains("hunter2hunter2"), "{}", known.arguments);
    assert_eq!(later.ids(|owner| owner == "agent"), std::slice::from_ref(&run.id));
    assert_eq!(later.ids(|owner| owner == "other"), [""; 0]);
}

#[tokio::test]
async fn open_runs_end_before_the_process_does() {
    let fixture = fixture(60_000);
    let run = fixture.runs.submit(order("r", "a", obedient())).unwrap();
    fixture.runs.settle(Duration::from_millis(10)).await;
    assert!(run.has_ended());
    let run = fixture.runs.submit(order("r", "b", obedient())).unwrap();
    begun(&run).await;
    fixture.stop.cancel();
    assert_eq!(how(&run.ended().await), "cancelled");
}
