use futures::future::join_all;

use super::*;
use crate::core::clock::VirtualClock;

struct Fixture {
    runs: Arc<Runs>,
    stop: CancellationToken,
    home: tempfile::TempDir,
}

fn limits(longest: u64) -> Limits {
    Limits {
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

fn open(home: &Path, longest: u64, stop: CancellationToken) -> Arc<Runs> {
    let clock = Clock::Virtual(VirtualClock::starting_at("2026-06-03T06:00:00Z".parse().unwrap()));
    Arc::new(Runs::new(home, limits(longest), clock, Worker::open().unwrap(), stop))
}

fn order(queue: &str, key: &str, work: Work) -> Order {
    Order {
        tool: "oar_add_issue",
        key: key.to_owned(),
        queue: queue.to_owned(),
        who: Principal::new("agent", []),
        arguments: "password=hunter2hunter2".to_owned(),
        confirmed: None,
        work,
    }
}

/// Work that notes its name when it runs, and first waits for `gate`.
fn waiting(name: &str, gate: &CancellationToken, seen: &Arc<Mutex<Vec<String>>>) -> Work {
    let (name, gate, seen) = (name.to_owned(), gate.clone(), Arc::clone(seen));
    Box::new(move |_| {
        async move {
            gate.cancelled().await;
            seen.lock().unwrap().push(name.clone());
            Reply::said(name.clone(), name)
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

async fn begun(run: &Run) {
    run.standing.subscribe().wait_for(|standing| *standing != Standing::Queued).await.unwrap();
}

fn code(reply: &Reply) -> &str {
    reply.code().unwrap_or("none")
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
    assert!(!other.ended().await.is_error, "another release does not wait");
    let open = fixture.runs.open();
    assert_eq!((open.running, open.queued), (1, 8));
    let full = fixture.runs.submit(order("4.20.17", "9", quick("9"))).unwrap_err();
    assert_eq!(full.id, runs[0].id, "the tenth is informed who runs");
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
async fn a_panic_answers_internal_is_recorded_and_the_next_call_works() {
    let fixture = fixture(60_000);
    let broken = fixture.runs.submit(order("r", "a", Box::new(|_| panic!("while it is made")))).unwrap();
    assert_eq!(code(&broken.ended().await), "INTERNAL");
    let later = fixture.runs.submit(order("r", "b", Box::new(|_| async { panic!("later") }.boxed_local()))).unwrap();
    assert_eq!(code(&later.ended().await), "INTERNAL");
    let next = fixture.runs.submit(order("r", "c", quick("c"))).unwrap();
    assert!(!next.ended().await.is_error);
    let record = fixture.runs.store.get(&broken.id).unwrap();
    assert_eq!((&record["state"], &record["answer"]["error"]["code"]), (&json!("ended"), &json!("INTERNAL")));
}

/// Ends when it is asked to, saying what it did.
fn obedient() -> Work {
    Box::new(|cancel| {
        async move {
            cancel.cancelled().await;
            Reply::error(Code::Cancelled, "cancelled", "again").with("done", json!(["moved 1 advisory"]))
        }
        .boxed_local()
    })
}

fn deaf() -> Work {
    Box::new(|_| std::future::pending().boxed_local())
}

#[tokio::test]
async fn a_run_without_end_is_asked_to_end_and_says_what_it_did() {
    let fixture = fixture(20);
    let run = fixture.runs.submit(order("r", "a", obedient())).unwrap();
    let reply = run.ended().await;
    assert_eq!((code(&reply), &reply.body["done"][0]), ("TIMEOUT", &json!("moved 1 advisory")));
    let run = fixture.runs.submit(order("r", "b", deaf())).unwrap();
    assert_eq!(code(&run.ended().await), "TIMEOUT", "one that does not listen is left behind");
    assert!(!fixture.runs.submit(order("r", "c", quick("c"))).unwrap().ended().await.is_error);
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
    assert_eq!(code(&second.ended().await), "CANCELLED");
    assert_eq!(third.standing(), Standing::Queued);
    gate.cancel();
    third.ended().await;
    assert_eq!(*seen.lock().unwrap(), ["a", "c"]);
    let run = fixture.runs.submit(order("r", "d", obedient())).unwrap();
    begun(&run).await;
    run.cancel.cancel();
    let reply = run.ended().await;
    assert_eq!((code(&reply), &reply.body["done"][0]), ("CANCELLED", &json!("moved 1 advisory")));
}

#[tokio::test]
async fn a_run_of_an_earlier_process_is_read_from_its_file() {
    let fixture = fixture(60_000);
    let run = fixture.runs.submit(order("r", "a", quick("a"))).unwrap();
    run.ended().await;
    let later = open(fixture.home.path(), 60_000, CancellationToken::new());
    let known = later.known(&run.id).unwrap();
    assert_eq!((&known["state"], &known["answer"]["summary"]), (&json!("ended"), &json!("a")));
    assert!(!known.to_string().contains("hunter2hunter2"), "{known}");
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
    fixture.stop.cancel();
    assert_eq!(code(&run.ended().await), "CANCELLED");
}
