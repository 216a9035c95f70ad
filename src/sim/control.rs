//! `/__sim/*`: what tests and people do to the world from outside.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::dates;
use crate::domain::nearest::hint;
use crate::sim::control_answers::{ComingEvent, EventNames, Happened, LimitsInForce, Paused, WorldStatus, WorldTime};
use crate::sim::disturbances::gateway::Bucket;
use crate::sim::events::Event;
use crate::sim::faults::rules::Rule;
use crate::sim::scenario::Scenario;
use crate::sim::services::table;
use crate::sim::world::{Facts, World};
use crate::sim::{elliott, people};

/// Routes below `/__sim`.
pub fn router() -> Router<World> {
    Router::new()
        .route("/clock", get(clock).post(advance))
        .route("/reset", post(reset))
        .route("/state/{id}", get(state))
        .route("/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/faults/{number}", delete(remove_fault))
        .route("/requests", get(requests))
        .route("/event", post(event).get(event_names))
        .route("/pause", post(pause))
        .route("/limits", post(limits))
        .route("/status", get(status))
        .route("/unmatched", get(unmatched))
        .nest("/elliott", elliott::router())
}

fn refusal(status: StatusCode, message: impl std::fmt::Display) -> Response {
    (status, Json(json!({ "error": message.to_string() }))).into_response()
}

async fn clock(State(world): State<World>) -> Json<WorldTime> {
    Json(WorldTime { now: world.clock().now() })
}

#[derive(Deserialize)]
struct Advance {
    advance_s: i64,
}

async fn advance(State(world): State<World>, Json(by): Json<Advance>) -> Json<WorldTime> {
    world.clock().advance(SignedDuration::from_secs(by.advance_s));
    // Due events happen now, so that the state shows them without another request.
    drop(world.facts());
    clock(State(world)).await
}

#[derive(Deserialize)]
struct Reset {
    #[serde(default)]
    seed: u64,
    scenario: Option<String>,
    release: Option<String>,
    release_date: Option<String>,
}

/// Begins a new world; the clock goes on where it is, because time never runs backwards.
async fn reset(State(world): State<World>, Json(asked): Json<Reset>) -> Response {
    let release = match asked.release.map(|text| text.parse()).transpose() {
        Ok(release) => release,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, error),
    };
    let on = asked.release_date.as_deref().and_then(dates::release_date).or_else(|| {
        let today = world.clock().now().to_zoned(jiff::tz::TimeZone::UTC).date();
        today.checked_add(jiff::Span::new().days(7)).ok()
    });
    let name = asked.scenario.as_deref().unwrap_or("smooth");
    match Scenario::named(name, release.as_ref(), on) {
        Ok(scenario) => {
            world.reset(&scenario, asked.seed);
            Json(json!({ "scenario": scenario.name, "seed": asked.seed, "release": scenario.plan.release.to_string() }))
                .into_response()
        }
        Err(error) => refusal(StatusCode::NOT_FOUND, error),
    }
}

async fn state(State(world): State<World>, Path(id): Path<String>) -> Response {
    let facts = world.facts();
    match shown(&facts, &id) {
        Some(value) => Json(value).into_response(),
        None => refusal(StatusCode::NOT_FOUND, format_args!("no service is called {id:?}")),
    }
}

fn shown(facts: &Facts, id: &str) -> Option<Value> {
    if id == "disturbances" {
        return serde_json::to_value(&facts.disturbances).ok();
    }
    table::facts_of(id, facts)
}

async fn list_faults(State(world): State<World>) -> Json<Value> {
    let rules: Vec<Value> =
        world.faults().rules().iter().map(|(number, rule)| json!({ "number": number, "rule": rule })).collect();
    Json(json!({ "faults": rules }))
}

async fn add_fault(State(world): State<World>, Json(rule): Json<Rule>) -> Response {
    match world.faults().add(rule) {
        Ok(number) => (StatusCode::CREATED, Json(json!({ "number": number }))).into_response(),
        Err(error) => refusal(StatusCode::BAD_REQUEST, error),
    }
}

async fn clear_faults(State(world): State<World>) -> StatusCode {
    world.faults().clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(world): State<World>, Path(number): Path<u64>) -> StatusCode {
    if world.faults().remove(number) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

#[derive(Deserialize)]
struct Which {
    service: Option<String>,
    since: Option<Timestamp>,
}

async fn requests(State(world): State<World>, Query(which): Query<Which>) -> Json<Value> {
    let entries = world.journal().entries_of(|raw| {
        which.service.as_deref().is_none_or(|service| service == raw.service)
            && which.since.is_none_or(|since| raw.at >= since)
    });
    Json(json!({ "requests": entries }))
}

#[derive(Deserialize)]
struct Happening {
    name: String,
    /// What the event leaves open.
    #[serde(flatten)]
    details: people::Details,
}

async fn event(State(world): State<World>, Json(asked): Json<Happening>) -> Response {
    let Some(event) = Event::named(&asked.name) else {
        let meant = hint(&asked.name, Event::names());
        return refusal(StatusCode::NOT_FOUND, format_args!("no event is called {:?}{meant}", asked.name));
    };
    world.before_change("");
    let mut facts = world.facts();
    // Else the calendar would let it happen a second time.
    facts.happened_early(&event);
    let before = facts.upcoming();
    let done = if let Event::Person(act) = event {
        people::act_on(act, &asked.details, &mut facts)
    } else {
        facts.happens(event);
        Some(asked.name.clone())
    };
    let follows = facts.upcoming().iter().filter(|due| !before.contains(due)).map(ComingEvent::from).collect();
    Json(Happened { applied: done.is_some(), event: asked.name, done, follows }).into_response()
}

async fn event_names() -> Json<EventNames> {
    let events = Event::names().into_iter().map(str::to_owned).collect();
    let meanings = Event::meanings().into_iter().map(|(name, meaning)| (name.to_owned(), meaning.into())).collect();
    Json(EventNames { events, meanings })
}

#[derive(Deserialize)]
struct Switch {
    on: bool,
}

/// Holds back what happens by itself; `on: false` lets what is due happen now.
async fn pause(State(world): State<World>, Json(switch): Json<Switch>) -> Json<Paused> {
    world.pause(switch.on);
    drop(world.facts());
    Json(Paused { paused: world.is_paused() })
}

#[derive(Deserialize)]
struct Limits {
    on: Option<bool>,
    gateway: Option<Bucket>,
}

/// Rate limits of GitHub, Gangway and Slack, and how many starts the job gateway grants.
async fn limits(State(world): State<World>, Json(asked): Json<Limits>) -> Json<LimitsInForce> {
    let mut facts = world.facts();
    if let Some(on) = asked.on {
        facts.disturbances.limits = on;
        facts.slack.limited = on;
    }
    if asked.gateway.is_some() {
        facts.disturbances.gateway = asked.gateway;
    }
    Json(LimitsInForce { limits: facts.disturbances.limits, gateway: facts.disturbances.gateway.clone() })
}

/// How many of the coming events are shown.
const COMING: usize = 8;

/// Where the world stands: for people who rehearse by hand.
async fn status(State(world): State<World>) -> Json<WorldStatus> {
    let facts = world.facts();
    let advisories = facts.errata.advisories.values();
    Json(WorldStatus {
        now: facts.now,
        paused: world.is_paused(),
        release: facts.release.release.to_string(),
        release_date: facts.release.release_date.to_string(),
        promoted: facts.actors.promoted,
        stage_released: facts.actors.stage_released,
        merge_request: facts.gitlab.shipment().map(|mr| mr.state.name().to_owned()),
        advisories: advisories.map(|one| (one.id, one.state.name().to_owned())).collect(),
        page_public: facts.customer_portal.published.contains(&facts.release.live_id),
        limits: facts.disturbances.limits,
        faults: world.faults().rules().len(),
        unmatched: world.journal().unmatched().len(),
        coming: facts.upcoming().iter().take(COMING).map(ComingEvent::from).collect(),
        actions: facts.actors.actions.clone(),
    })
}

async fn unmatched(State(world): State<World>) -> Json<Value> {
    Json(json!({ "unmatched": world.journal().unmatched() }))
}
