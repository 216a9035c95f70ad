//! What a request passes before it is sent: a place, the breaker of its address, the budget of its service.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::breaker::{Breaker, BreakerRule, Pass};
use super::budget::Budget;
use super::policy::Rules;
use crate::core::clients::error::Fault;
use crate::domain::service::Service;

/// All gates of a process.
#[derive(Debug)]
pub(super) struct Gates {
    everywhere: Arc<Semaphore>,
    services: BTreeMap<Service, Bounds>,
    breaker: Option<BreakerRule>,
    /// By address as well: one registry that is down says nothing about another.
    breakers: Mutex<BTreeMap<(Service, String), Arc<Breaker>>>,
}

/// The bounds of one service.
#[derive(Debug, Clone)]
struct Bounds {
    places: Option<Arc<Semaphore>>,
    budget: Option<Arc<Budget>>,
}

/// The gate in front of one address; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    everywhere: Arc<Semaphore>,
    bounds: Bounds,
    breaker: Option<Arc<Breaker>>,
}

/// The right to be under way.
#[derive(Debug)]
pub(super) struct Places<'a> {
    _own: Option<SemaphorePermit<'a>>,
    _shared: Option<SemaphorePermit<'a>>,
}

impl Gates {
    pub(super) fn new(in_flight: usize, rules: &Rules) -> Self {
        let bounds = |service: &Service| {
            let own = rules.of.get(service).cloned().unwrap_or_default();
            let places = own.in_flight.map(|most| Arc::new(Semaphore::new(most)));
            let budget = own.per_hour.or(rules.per_hour).map(|most| Arc::new(Budget::new(most)));
            (*service, Bounds { places, budget })
        };
        Self {
            everywhere: Arc::new(Semaphore::new(in_flight)),
            services: Service::ALL.iter().map(bounds).collect(),
            breaker: rules.breaker,
            breakers: Mutex::default(),
        }
    }

    /// The gate of `base`.
    pub(super) fn of(&self, service: Service, base: &str) -> Gate {
        let breaker = self.breaker.map(|rule| {
            let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
            let known = breakers.entry((service, base.to_owned()));
            Arc::clone(known.or_insert_with(|| Arc::new(Breaker::new(rule))))
        });
        let bounds = self.services.get(&service).cloned();
        let bounds = bounds.unwrap_or(Bounds { places: None, budget: None });
        Gate { everywhere: Arc::clone(&self.everywhere), bounds, breaker }
    }
}

impl Gate {
    /// Waits for a place: first one of the service, so that a slow one does not hold the places of all.
    pub(super) async fn place(&self) -> Places<'_> {
        let own = match &self.bounds.places {
            Some(places) => places.acquire().await.ok(),
            None => None,
        };
        Places { _own: own, _shared: self.everywhere.acquire().await.ok() }
    }

    /// Counts one request. The pass belongs to the address of the service; a request that leads
    /// elsewhere (`foreign`) has none, because its end says nothing about the service.
    pub(super) async fn enter(&self, now: Timestamp, foreign: bool) -> Result<Option<Pass>, Fault> {
        let pass = match &self.breaker {
            Some(breaker) if !foreign => Some(breaker.enter(now).await.map_err(|tripped| Fault::Suspended {
                failures: tripped.failures,
                since: tripped.since,
                until: tripped.until,
            })?),
            Some(_) | None => None,
        };
        if let Some(budget) = &self.bounds.budget {
            budget.spend(now).map_err(|until| Fault::Overspent { most: budget.most(), until })?;
        }
        Ok(pass)
    }
}
