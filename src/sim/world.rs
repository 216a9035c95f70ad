//! The simulated world: its clock, its facts, and the events that are still to come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::core::clock::VirtualClock;
use crate::sim::auth;
use crate::sim::disturbances::Disturbances;
use crate::sim::events::Event;
use crate::sim::facts::actors::Actors;
use crate::sim::facts::elliott::Elliott;
use crate::sim::facts::{
    build_data, catalog, catalog_stage, customer_portal, errata, github, gitlab, jenkins, jira, koji, kube, prow,
    registry, release_controller, signatures, slack,
};
use crate::sim::faults::rules::Faults;
use crate::sim::history::{History, KEPT};
use crate::sim::journal::{self, Journal, PLACEHOLDER};
use crate::sim::scenario::{ReleasePlan, Scenario};

/// What follows from an event: given to a world when it is made, so that it knows nobody who reacts.
pub type React = fn(&mut Facts, Event);

/// Whose change it is when something happens without a request.
const BY_ITSELF: &str = "";

/// The world behind all routers; cheap to clone.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    clock: VirtualClock,
    base_url: String,
    facts: Mutex<Facts>,
    journal: Mutex<Journal>,
    faults: Mutex<Faults>,
    /// Copies of this world as it was, while somebody may ask for them.
    history: Mutex<Option<History<World>>>,
    paused: AtomicBool,
    hangs: tokio::sync::Notify,
    react: React,
}

impl World {
    /// The world of a scenario, served at `base_url`, whose events lead to what `react` says.
    pub fn new(
        scenario: &Scenario,
        seed: u64,
        clock: VirtualClock,
        base_url: String,
        faults: Faults,
        react: React,
    ) -> Self {
        let facts = Facts::new(scenario.plan.clone(), seed, clock.now(), react);
        let mut journal = Journal::new(base_url.clone());
        for secret in auth::secrets() {
            journal.alias(secret, &journal::hashed(secret.as_bytes()));
        }
        Self(Arc::new(Inner {
            clock,
            facts: Mutex::new(facts),
            journal: Mutex::new(journal),
            faults: Mutex::new(faults.in_world_of(seed)),
            history: Mutex::default(),
            paused: AtomicBool::new(false),
            hangs: tokio::sync::Notify::new(),
            react,
            base_url,
        }))
    }

    /// The clock that all transitions follow.
    pub fn clock(&self) -> &VirtualClock {
        &self.0.clock
    }

    /// Where the world is served, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.0.base_url
    }

    /// The facts as of now: everything that is due has happened, in the order of its time.
    ///
    /// Never hold the guard across an `.await`.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        let now = self.0.clock.now();
        let mut facts = self.0.facts.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_paused() {
            while let Some(at) = facts.due(now) {
                // What changes by itself long before is nothing that anybody asks for.
                if now.duration_since(at) < KEPT {
                    self.remember(&facts, at, BY_ITSELF);
                }
                facts.next_happens();
            }
        }
        facts.now = facts.now.max(now);
        facts.github.now = facts.now;
        facts
    }

    /// Lets `event` happen now, by somebody's hand.
    pub fn happens(&self, event: Event) {
        let mut facts = self.facts();
        self.remember(&facts, facts.now, BY_ITSELF);
        facts.happens(event);
    }

    /// Keeps what is true from now on, or forgets it: copies are made only while somebody asks for old answers.
    pub(in crate::sim) fn keep_history(&self, keep: bool) {
        let mut history = self.history();
        if keep {
            history.get_or_insert_default();
        } else {
            *history = None;
        }
    }

    /// Keeps what is true now, before `service` changes it.
    pub(in crate::sim) fn before_change(&self, service: &str) {
        if self.history().is_some() {
            let facts = self.facts();
            self.remember(&facts, facts.now, service);
        }
    }

    /// The world as it was so long ago; with no age, before the last change of `service`. Nothing when that is how
    /// it is now.
    pub(in crate::sim) fn as_of(&self, age: SignedDuration, service: &str) -> Option<Self> {
        let history = self.history();
        let history = history.as_ref()?;
        if age.is_zero() {
            return history.before_change_of(service);
        }
        history.as_of(self.0.clock.now().checked_sub(age).unwrap_or(Timestamp::MIN))
    }

    fn remember(&self, facts: &Facts, until: Timestamp, by: &str) {
        let mut history = self.history();
        let Some(history) = history.as_mut() else { return };
        let copy = Self(Arc::new(Inner {
            clock: VirtualClock::starting_at(until),
            base_url: self.0.base_url.clone(),
            facts: Mutex::new(facts.clone()),
            journal: Mutex::default(),
            faults: Mutex::default(),
            history: Mutex::default(),
            paused: AtomicBool::new(true),
            hangs: tokio::sync::Notify::new(),
            react: self.0.react,
        }));
        history.keep(until, by, copy);
    }

    fn history(&self) -> MutexGuard<'_, Option<History<Self>>> {
        self.0.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds back everything that happens by itself, or lets what is due happen at once; time goes on.
    pub fn pause(&self, paused: bool) {
        self.0.paused.store(paused, Ordering::Relaxed);
    }

    /// Is everything that happens by itself held back?
    pub fn is_paused(&self) -> bool {
        self.0.paused.load(Ordering::Relaxed)
    }

    /// Throws the world away and begins another at the clock's present time.
    pub fn reset(&self, scenario: &Scenario, seed: u64) {
        let fresh = Facts::new(scenario.plan.clone(), seed, self.0.clock.now(), self.0.react);
        *self.0.facts.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        self.keep_history(false);
        self.journal().clear();
        self.faults().reset(seed);
    }

    /// What was asked so far.
    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        self.0.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears of every request that hangs: the moment to stop its sender.
    pub fn hangs(&self) -> &tokio::sync::Notify {
        &self.0.hangs
    }

    /// What is to go wrong on the way.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that is true in the world.
#[derive(Clone)]
pub struct Facts {
    /// The virtual time: of the event being applied, or of the request being answered.
    pub now: Timestamp,
    /// How addresses inside data begin: a name without port, which `oar` rewrites to the real address.
    pub base_url: String,
    /// The release and what befalls it.
    pub release: ReleasePlan,
    /// Errata Tool.
    pub errata: errata::Errata,
    /// Jira.
    pub jira: jira::Jira,
    /// GitLab.
    pub gitlab: gitlab::Gitlab,
    /// Jenkins.
    pub jenkins: jenkins::Jenkins,
    /// Slack.
    pub slack: slack::Slack,
    /// GitHub.
    pub github: github::Github,
    /// ART's build data.
    pub build_data: build_data::BuildData,
    /// Release controller.
    pub release_controller: release_controller::ReleaseController,
    /// Labels of payload objects in the cluster.
    pub kube: kube::Kube,
    /// Prow, behind Gangway and Deck.
    pub prow: prow::Prow,
    /// Signature mirror.
    pub signatures: signatures::Signatures,
    /// Public catalog.
    pub catalog: catalog::Catalog,
    /// Stage catalog.
    pub catalog_stage: catalog_stage::CatalogStage,
    /// Public errata pages.
    pub customer_portal: customer_portal::CustomerPortal,
    /// Koji and its downloads.
    pub koji: koji::Koji,
    /// What the services suffer from.
    pub disturbances: Disturbances,
    /// Container registry.
    pub registry: registry::Registry,
    /// The stand-in for elliott.
    pub elliott: Elliott,
    /// What the actors remember.
    pub actors: Actors,
    /// Hashes of things that contain the port, with what the journal writes instead.
    pub aliases: Vec<(String, String)>,
    seed: u64,
    queue: BinaryHeap<Reverse<Due>>,
    scheduled: u64,
    react: React,
}

impl Facts {
    fn new(plan: ReleasePlan, seed: u64, now: Timestamp, react: React) -> Self {
        let base_url = PLACEHOLDER.to_owned();
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut facts = Self {
            now,
            errata: errata::Errata::new(&plan, &base_url, &mut rng),
            jira: jira::Jira::new(&plan, &base_url, &mut rng),
            gitlab: gitlab::Gitlab::new(&plan, &base_url, &mut rng),
            jenkins: jenkins::Jenkins::new(&plan, &base_url, &mut rng),
            slack: slack::Slack::new(&plan, &base_url, &mut rng),
            github: github::Github::new(&plan, &base_url, &mut rng),
            build_data: build_data::BuildData::new(&plan, &base_url, &mut rng),
            release_controller: release_controller::ReleaseController::new(&plan, &base_url, &mut rng),
            kube: kube::Kube::default(),
            prow: prow::Prow::new(&plan, &base_url, &mut rng),
            signatures: signatures::Signatures::new(&plan, &base_url, &mut rng),
            catalog: catalog::Catalog::new(&plan),
            koji: koji::Koji::new(&plan),
            disturbances: plan.disturbances.clone().beginning(plan.start),
            catalog_stage: catalog_stage::CatalogStage::new(&plan, &base_url, &mut rng),
            customer_portal: customer_portal::CustomerPortal::new(&plan, &base_url, &mut rng),
            registry: registry::Registry::new(&plan, &base_url, &mut rng),
            elliott: Elliott::new(&plan),
            actors: Actors::default(),
            aliases: Vec::new(),
            seed,
            queue: BinaryHeap::new(),
            scheduled: 0,
            react,
            release: plan,
            base_url,
        };
        facts.happens(Event::Begin);
        facts
    }

    /// Lets `event` happen now.
    pub fn happens(&mut self, event: Event) {
        (self.react)(self, event);
    }

    /// Lets `event` happen at `at`; a time in the past means at the next look.
    pub fn schedule(&mut self, at: Timestamp, event: Event) {
        self.scheduled += 1;
        self.queue.push(Reverse(Due { at, order: self.scheduled, event }));
    }

    /// Lets `event` happen after `delay` from now.
    pub fn schedule_in(&mut self, delay: SignedDuration, event: Event) {
        let at = self.now.checked_add(delay).unwrap_or(Timestamp::MAX);
        self.schedule(at, event);
    }

    /// A source of chance for one thing alone: requests that arrive side by side do not share it.
    pub fn rng_for(&self, thing: &str) -> fastrand::Rng {
        let digest = Sha256::digest(format!("{} {thing}", self.seed));
        fastrand::Rng::with_seed(digest.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte)))
    }

    /// What is still to come, in the order of its time.
    pub fn upcoming(&self) -> Vec<(Timestamp, Event)> {
        let mut due: Vec<&Due> = self.queue.iter().map(|Reverse(due)| due).collect();
        due.sort();
        due.into_iter().map(|due| (due.at, due.event.clone())).collect()
    }

    /// Takes `event` off what is to come, once: it happened early.
    pub fn happened_early(&mut self, event: &Event) {
        let first = self.upcoming().into_iter().find(|(_, due)| due == event);
        if let Some((at, _)) = first {
            self.queue.retain(|Reverse(due)| !(due.at == at && due.event == *event));
        }
    }

    /// When the next event is due, if it is by now.
    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        self.queue.peek().map(|Reverse(due)| due.at).filter(|at| *at <= now)
    }

    fn next_happens(&mut self) {
        let Some(Reverse(due)) = self.queue.pop() else { return };
        self.now = self.now.max(due.at);
        self.github.now = self.now;
        self.happens(due.event);
    }
}

#[derive(Clone)]
struct Due {
    at: Timestamp,
    order: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
