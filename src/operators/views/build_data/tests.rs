use std::sync::atomic::{AtomicBool, AtomicU32};

use futures::future::join_all;
use serde_json::{Value, json};

use super::release::{CHECKED_EVERY, LONGEST};
use super::*;
use crate::core::clients::error::Fault;
use crate::core::clock::VirtualClock;
use crate::domain::service::Service;

/// Build data of 4.99 as somebody keeps changing it, and how often it was read.
#[derive(Default)]
struct Upstream {
    reads: AtomicU32,
    away: AtomicBool,
    releases: Mutex<Vec<(String, String)>>,
}

impl Upstream {
    fn of(releases: &[(&str, &str)]) -> Self {
        let releases = releases.iter().map(|(release, ticket)| ((*release).to_owned(), (*ticket).to_owned()));
        Self { releases: Mutex::new(releases.collect()), ..Self::default() }
    }

    async fn read(&self) -> Result<String, ClientError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        // Others get their turn, as they do while a service answers.
        tokio::task::yield_now().await;
        if self.away.load(Ordering::Relaxed) {
            return Err(ClientError::new(Service::BuildData, "read build data", Fault::Unreachable));
        }
        let mut text = "releases:\n".to_owned();
        for (release, ticket) in locked(&self.releases).iter() {
            text.push_str(&format!("  {release}:\n    assembly:\n      group:\n        release_jira: {ticket}\n"));
            text.push_str("        shipment: {url: 'https://gitlab.example.com/s/-/merge_requests/1'}\n");
        }
        Ok(text)
    }

    fn reads(&self) -> u32 {
        self.reads.load(Ordering::Relaxed)
    }
}

fn release(patch: u32) -> ZStream {
    format!("4.99.{patch}").parse().unwrap()
}

fn store(most: u64) -> (BuildDataCache, VirtualClock) {
    let clock = VirtualClock::starting_at("2026-06-01T12:00:00Z".parse().unwrap());
    (BuildDataCache::of_size(most, Clock::Virtual(clock.clone())), clock)
}

fn number(statistics: &Value, name: &str) -> u64 {
    statistics["metrics"][name].as_u64().unwrap()
}

#[tokio::test]
async fn fifty_callers_of_one_release_make_one_question() {
    let (store, _) = store(50);
    let upstream = Upstream::of(&[("4.99.1", "ART-1")]);
    let read = async |_| upstream.read().await;
    let (release, read) = (release(1), &read);
    let task = async || {
        for _ in 0..10 {
            store.get(&release, read).await.unwrap();
        }
    };
    join_all((0..5).map(|_| task())).await;
    let statistics_now = store.statistics().await;
    assert_eq!((upstream.reads(), number(&statistics_now, "misses"), number(&statistics_now, "hits")), (1, 1, 49));
    assert_eq!(statistics_now["metrics"]["hit_rate"], "98.00%");
    assert_eq!(
        (&statistics_now["cache_size"], &statistics_now["max_size"], &statistics_now["ttl_human"]),
        (&json!(1), &json!(50), &json!("7 days"))
    );
}

#[tokio::test]
async fn a_hit_is_the_same_value_and_the_text_is_its_json() {
    let (store, _) = store(50);
    let upstream = Upstream::of(&[("4.99.1", "ART-1")]);
    let read = async |_| upstream.read().await;
    assert!(store.peek(&release(1)).is_none());
    let first = store.get(&release(1), &read).await.unwrap();
    assert!(Arc::ptr_eq(&first, &store.peek(&release(1)).unwrap()));
    let shown: Value = serde_json::from_str(&first.text).unwrap();
    assert_eq!(
        shown,
        json!({
            "release": "4.99.1", "advisories": {}, "jira_ticket": "ART-1", "candidate_builds": {},
            "shipment_mr": "https://gitlab.example.com/s/-/merge_requests/1", "release_date": "",
        })
    );
}

#[tokio::test]
async fn releases_of_one_minor_share_one_answer() {
    let (store, _) = store(50);
    let upstream = Upstream::of(&[("4.99.1", "ART-1"), ("4.99.2", "ART-2")]);
    let read = async |_| upstream.read().await;
    let warmed = store.warm(&[release(1), release(2), release(3)], &read).await;
    let ended: Vec<_> = warmed.iter().map(|(release, ended)| (release.to_string(), ended.is_ok())).collect();
    let row = |name: &str, fine| (name.to_owned(), fine);
    assert_eq!(ended, [row("4.99.1", true), row("4.99.2", true), row("4.99.3", false)]);
    assert_eq!(upstream.reads(), 1);
}

#[tokio::test]
async fn the_fourth_of_three_pushes_the_oldest_out() {
    let (store, _) = store(3);
    let upstream = Upstream::of(&[("4.99.1", "A-1"), ("4.99.2", "A-2"), ("4.99.3", "A-3"), ("4.99.4", "A-4")]);
    let read = async |_| upstream.read().await;
    for patch in 1..=4 {
        store.get(&release(patch), &read).await.unwrap();
        store.releases.run_pending_tasks().await;
    }
    let statistics_now = store.statistics().await;
    assert_eq!(number(&statistics_now, "evictions"), 1);
    let kept: Vec<_> =
        statistics_now["entries"].as_array().unwrap().iter().map(|entry| entry["release"].clone()).collect();
    assert_eq!(kept, ["4.99.2", "4.99.3", "4.99.4"]);
}

#[tokio::test]
async fn after_seven_days_a_value_is_loaded_anew_however_often_it_was_used() {
    let (store, clock) = store(50);
    let upstream = Upstream::of(&[("4.99.1", "ART-1")]);
    let read = async |_| upstream.read().await;
    let first = store.get(&release(1), &read).await.unwrap();
    clock.advance(LONGEST - SignedDuration::from_secs(1));
    assert!(store.peek(&release(1)).is_some());
    clock.advance(SignedDuration::from_secs(1));
    assert!(store.peek(&release(1)).is_none());
    assert!(!Arc::ptr_eq(&first, &store.get(&release(1), &read).await.unwrap()));
    let statistics_now = store.statistics().await;
    assert_eq!(
        (
            number(&statistics_now, "misses"),
            number(&statistics_now, "expirations"),
            number(&statistics_now, "evictions")
        ),
        (2, 1, 0)
    );
}

#[tokio::test]
async fn a_check_finds_what_changed_and_serves_the_old_while_the_service_is_away() {
    let (store, clock) = store(50);
    let upstream = Upstream::of(&[("4.99.1", "ART-1")]);
    let read = async |_| upstream.read().await;
    let first = store.get(&release(1), &read).await.unwrap();
    assert!(!first.claims_check(clock.now()));
    clock.advance(CHECKED_EVERY);
    assert!(first.claims_check(clock.now()) && !first.claims_check(clock.now()), "one caller checks, not all");

    upstream.away.store(true, Ordering::Relaxed);
    store.check(&first, &read).await;
    let still = store.peek(&release(1)).unwrap();
    assert!(Arc::ptr_eq(&first, &still) && still.is_stale());
    let (shown, stale) = still.read(clock.now()).into_parts();
    assert_eq!(shown.value["jira_ticket"], "ART-1");
    assert!(stale.is_some_and(|stale| stale.since.is_some() && stale.why.contains("could not be checked since")));
    assert!(!still.claims_check(clock.now()));

    clock.advance(CHECK_AGAIN);
    upstream.away.store(false, Ordering::Relaxed);
    locked(&upstream.releases)[0].1 = "ART-2".to_owned();
    assert!(still.claims_check(clock.now()));
    store.check(&still, &read).await;
    let newer = store.peek(&release(1)).unwrap();
    assert_eq!((&newer.shown["jira_ticket"], newer.is_stale()), (&json!("ART-2"), false));
    assert_eq!(still.shown["jira_ticket"], "ART-1", "a value never changes");
}

#[tokio::test]
async fn a_release_that_is_not_listed_is_asked_for_again_after_half_a_minute_and_an_outage_at_once() {
    let (store, clock) = store(50);
    let upstream = Upstream::of(&[("4.99.1", "ART-1")]);
    let read = async |_| upstream.read().await;
    upstream.away.store(true, Ordering::Relaxed);
    store.get(&release(2), &read).await.unwrap_err();
    upstream.away.store(false, Ordering::Relaxed);
    let refused = store.get(&release(2), &read).await.unwrap_err();
    assert_eq!(refused.to_string(), "build data does not list 4.99.2 yet");
    locked(&upstream.releases).push(("4.99.2".to_owned(), "ART-2".to_owned()));
    clock.advance(GAPS_CHECKED_EVERY - SignedDuration::from_secs(1));
    store.get(&release(2), &read).await.unwrap_err();
    assert_eq!(upstream.reads(), 2);
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(store.get(&release(2), &read).await.unwrap().shown["jira_ticket"], "ART-2");
}

#[tokio::test]
async fn invalidating_tells_how_many_went_and_the_next_load_asks_the_service() {
    let (store, _) = store(50);
    let upstream = Upstream::of(&[("4.99.1", "ART-1"), ("4.99.2", "ART-2")]);
    let read = async |_| upstream.read().await;
    store.warm(&[release(1), release(2)], &read).await;
    assert_eq!(store.invalidate(Some(&release(3))).await, 0);
    assert_eq!(store.invalidate(Some(&release(1))).await, 1);
    store.get(&release(1), &read).await.unwrap();
    assert_eq!(upstream.reads(), 2);
    assert_eq!(store.invalidate(None).await, 2);
    assert_eq!(number(&store.statistics().await, "manual_invalidations"), 3);
}

#[tokio::test]
async fn a_leader_who_leaves_hands_over_to_a_waiter() {
    let (store, _) = store(50);
    let upstream = Upstream::of(&[("4.99.1", "ART-1")]);
    let (release, gate) = (release(1), tokio::sync::Notify::new());
    let hangs = async |_| {
        gate.notified().await;
        upstream.read().await
    };
    let read = async |_| upstream.read().await;
    let leader = store.get(&release, &hangs);
    let waiter = store.get(&release, &read);
    tokio::pin!(waiter);
    {
        tokio::pin!(leader);
        assert!(futures::poll!(leader.as_mut()).is_pending());
        assert!(futures::poll!(waiter.as_mut()).is_pending());
    }
    assert_eq!(waiter.await.unwrap().shown["jira_ticket"], "ART-1");
}
