//! The Errata Tool: advisories, their states and their push jobs.
//!
//! A view on `facts::errata`; the state machine is in `errata/rules.rs`, push jobs in `errata/push.rs`.

mod answers;
pub mod http;
mod push;
#[cfg(test)]
mod tests;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::SignedDuration;

use crate::domain::credential::Credential;
use crate::sim::auth;
use crate::sim::events::Event;
use crate::sim::facts::errata::ErrataEvent;
use crate::sim::facts::errata::rules::State;
use crate::sim::wire;
use crate::sim::world::Facts;

/// How long docs and product security think about a request.
const REVIEW: SignedDuration = SignedDuration::from_hours(4);

/// The tool's own refusal: no bearer means the Kerberos invitation.
pub fn refuse(_path: &str, headers: &HeaderMap) -> Option<Response> {
    if auth::bearer(headers, Credential::ErrataToken) {
        return None;
    }
    let mut response = wire::html(StatusCode::UNAUTHORIZED, "<html><body>401 Authorization Required</body></html>");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Negotiate"));
    Some(response)
}

/// Reacts to what happened in the world.
pub fn hear(facts: &mut Facts, event: &Event) {
    if let Event::Errata(own) = event {
        own.clone().apply(facts);
    } else if *event == Event::Begin {
        begin(facts);
    } else if *event == Event::ReleaseDay {
        let now = facts.now;
        let ids: Vec<u64> = facts.errata.advisories.keys().copied().collect();
        for id in ids {
            if let Some(advisory) = facts.errata.advisories.get_mut(&id) {
                advisory.publish_date = advisory.publish_date.min(now);
            }
            goes_live(facts, id);
        }
    }
}

/// ART needs a working day to finish an advisory that it left in NEW_FILES.
const ART_FINISHES: SignedDuration = SignedDuration::from_hours(30);

fn begin(facts: &mut Facts) {
    let running: Vec<u64> = facts.errata.pushes.values().filter(|job| job.status.active()).map(|job| job.id).collect();
    for push in running {
        let after = facts.release.timing.push;
        schedule(facts, after, ErrataEvent::PushAdvances { push });
    }
    let states: Vec<(u64, State)> =
        facts.errata.advisories.values().map(|advisory| (advisory.id, advisory.state)).collect();
    for (advisory, state) in states {
        if state == State::NewFiles {
            schedule(facts, ART_FINISHES, ErrataEvent::ReadyForQe { advisory });
        } else if state == State::RelPrep {
            ships_on_its_day(facts, advisory);
        }
    }
}

/// Arranges the live push of an advisory that has just entered REL_PREP.
fn ships_on_its_day(facts: &mut Facts, id: u64) {
    let Some(advisory) = facts.errata.advisories.get(&id) else { return };
    let day = advisory.publish_date.max(facts.now);
    facts.schedule(day.saturating_add(LIVE_STEP).unwrap_or(day), Event::Errata(ErrataEvent::GoesLive { advisory: id }));
}

impl ErrataEvent {
    /// Lets it happen.
    fn apply(self, facts: &mut Facts) {
        let now = facts.now;
        match self {
            Self::PushAdvances { push } => push::advance(facts, push),
            Self::DocsApprove { advisory } => {
                if let Some(found) = facts.errata.advisories.get_mut(&advisory) {
                    found.doc_complete = found.doc_complete || found.text_ready;
                }
            }
            Self::SecurityApproves { advisory } => {
                if let Some(found) = facts.errata.advisories.get_mut(&advisory)
                    && found.security_approved.is_some()
                {
                    found.security_approved = Some(true);
                }
            }
            Self::ReadyForQe { advisory } => {
                if let Some(found) = facts.errata.advisories.get_mut(&advisory)
                    && found.state == State::NewFiles
                {
                    found.enter(State::Qe, now);
                }
            }
            Self::Dropped { advisory } => facts.errata.drop_no_ship(advisory, now),
            Self::GoesLive { advisory } => goes_live(facts, advisory),
        }
    }
}

/// Live pushes take an hour from each state to the next.
const LIVE_STEP: SignedDuration = SignedDuration::from_hours(1);

fn goes_live(facts: &mut Facts, id: u64) {
    let now = facts.now;
    let Some(advisory) = facts.errata.advisories.get_mut(&id) else { return };
    if facts.errata.hooks.not_shipped.contains(&id) || now < advisory.publish_date {
        return;
    }
    let next = match advisory.state {
        State::RelPrep => State::PushReady,
        State::PushReady => State::InPush,
        State::InPush => State::ShippedLive,
        State::NewFiles | State::Qe | State::ShippedLive | State::DroppedNoShip => return,
    };
    advisory.enter(next, now);
    if next == State::ShippedLive {
        advisory.actual_ship_date = Some(now);
    } else {
        schedule(facts, LIVE_STEP, ErrataEvent::GoesLive { advisory: id });
    }
}

fn schedule(facts: &mut Facts, after: SignedDuration, event: ErrataEvent) {
    let at = facts.now.saturating_add(after).unwrap_or(facts.now);
    facts.schedule(at, Event::Errata(event));
}
