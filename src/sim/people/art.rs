//! What ART changes about a release that is under way.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use crate::domain::dates;
use crate::sim::events::Event;
use crate::sim::facts::errata::ART_ACCOUNT;
use crate::sim::facts::errata::rules::State;
use crate::sim::facts::{build_data, gitlab};
use crate::sim::world::Facts;

/// How long the stage release of another shipment takes to begin.
const NEXT_STAGE_RELEASE: SignedDuration = SignedDuration::from_hours(1);
/// How much higher the numbers of what is made anew are.
const NEXT: u64 = 1_000;

/// Drops an advisory that has not shipped; its place in build data stays.
pub(super) fn drop_advisory(facts: &mut Facts, kind: &str) -> Option<String> {
    let id = *facts.release.advisories.get(kind)?;
    let before = facts.errata.advisories.get(&id)?.state;
    facts.errata.drop_no_ship(id, facts.now);
    let dropped = facts.errata.advisories.get(&id)?.state == State::DroppedNoShip;
    (dropped && before != State::DroppedNoShip).then(|| format!("dropped advisory {id} ({kind})"))
}

/// Drops an advisory and makes another one with the same content.
pub(super) fn replace_advisory(facts: &mut Facts, kind: &str) -> Option<String> {
    drop_advisory(facts, kind)?;
    let now = facts.now;
    let old = *facts.release.advisories.get(kind)?;
    let mut advisory = facts.errata.advisories.get(&old)?.clone();
    advisory.id = old + NEXT;
    advisory.enter(State::Qe, now);
    (advisory.created_at, advisory.rhnqa, advisory.assigned_to) = (now, false, ART_ACCOUNT);
    let new = advisory.id;
    facts.errata.add_advisory(advisory);
    facts.release.advisories.insert(kind.to_owned(), new);
    write_build_data(facts);
    Some(format!("made advisory {new} in place of {old} ({kind})"))
}

/// Closes the shipment merge request and opens another one, which has to be released to stage anew.
pub(super) fn replace_shipment(facts: &mut Facts) -> Option<String> {
    let old = facts.gitlab.shipment_iid?;
    if facts.gitlab.shipment()?.state != gitlab::merge_requests::MrState::Opened {
        return None;
    }
    let (now, base_url) = (facts.now, facts.base_url.clone());
    facts.release.shipment_iid = old + NEXT;
    facts.release.shipment_page = None;
    facts.release.shipment_branch = format!("{}-{}", facts.release.shipment_branch, old + NEXT);
    if let Some(mr) = facts.gitlab.merge_requests.get_mut(&old) {
        (mr.state, mr.updated_at) = (gitlab::merge_requests::MrState::Closed, now);
    }
    let plan = facts.release.clone();
    facts.gitlab.open_shipment(&plan, &base_url, now);
    (facts.actors.stage_released, facts.actors.stage_runs, facts.actors.approved) = (false, false, false);
    facts.happened_early(&Event::StageReleaseStarts);
    facts.schedule_in(NEXT_STAGE_RELEASE, Event::StageReleaseStarts);
    write_build_data(facts);
    Some(format!("closed merge request {old} and opened {} in its place", old + NEXT))
}

/// Moves the release date by so many days.
pub(super) fn move_date(facts: &mut Facts, days: i64) -> Option<String> {
    let date = facts.release.release_date.checked_add(Span::new().try_days(days).ok()?).ok()?;
    facts.release.release_date = date;
    facts.release.release_date_text = dates::release_date_text(date);
    let day = date.to_zoned(TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |day| day.timestamp());
    for advisory in facts.errata.advisories.values_mut() {
        advisory.publish_date = day;
    }
    facts.happened_early(&Event::ReleaseDay);
    facts.schedule(crate::sim::actors::live_at(date), Event::ReleaseDay);
    write_build_data(facts);
    Some(format!("moved the release date to {date}"))
}

/// Releases to customers, whoever has approved, and lets the merge request merge by itself.
pub(super) fn play_prod_job(facts: &mut Facts) -> Option<String> {
    let iid = facts.gitlab.shipment_iid?;
    let mr =
        facts.gitlab.merge_requests.get_mut(&iid).filter(|mr| mr.state == gitlab::merge_requests::MrState::Opened)?;
    if mr.auto_merge {
        return None;
    }
    mr.auto_merge = true;
    facts.happened_early(&Event::ProdRelease);
    facts.happens(Event::ProdRelease);
    Some(format!("played the prod job of merge request {iid}, which merges by itself"))
}

/// Rebuilds what the stage catalog graded too low.
pub(super) fn rebuild_images(facts: &mut Facts) -> Option<String> {
    let rebuilt = std::mem::take(&mut facts.catalog_stage.unhealthy);
    (!rebuilt.is_empty()).then(|| format!("rebuilt {} images that were graded too low", rebuilt.len()))
}

fn write_build_data(facts: &mut Facts) {
    if let Ok(text) = build_data::releases_yml(&facts.release, &facts.base_url) {
        facts.build_data.releases_yml = text;
    }
}
