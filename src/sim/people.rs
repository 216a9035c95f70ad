//! What people outside `oar` do when somebody asks them: ART, product security, administrators, colleagues.
//!
//! Every action is reported in [`PersonAction`], so that a rehearsal can show who helped.

mod art;

use crate::domain::service::Service;
use crate::domain::state::operation::{AddIssue, Applied, Operation};
use crate::domain::state::view::State;
use crate::sim::act::Act;
use crate::sim::disturbances::listed;
use crate::sim::events::Event;
use crate::sim::facts::actors::PersonAction;
use crate::sim::facts::elliott::{Behaviour, Elliott};
use crate::sim::facts::gitlab::merge_requests::MrState;
use crate::sim::facts::{build_data, errata};
use crate::sim::world::Facts;

/// Lets somebody act; what was done, or nothing when there was nothing to do.
pub fn act(act: Act, facts: &mut Facts) -> Option<String> {
    act_on(act, &Details::default(), facts)
}

/// The same, with what the act leaves open.
pub fn act_on(act: Act, details: &Details, facts: &mut Facts) -> Option<String> {
    let kind = details.kind.as_deref().unwrap_or("rpm");
    let done = match act {
        Act::FinishAdvisories => advisories(facts, errata::rules::State::NewFiles, "moved to QE"),
        Act::RestoreAdvisories => advisories(facts, errata::rules::State::DroppedNoShip, "taken up again"),
        Act::RepairStageRelease => repair_stage_release(facts),
        Act::RetryStageRelease => retry_stage_release(facts),
        Act::CloseMergeRequest => shipment(facts, MrState::Opened, MrState::Closed),
        Act::ReopenMergeRequest => shipment(facts, MrState::Closed, MrState::Opened),
        Act::CompleteBuildData => complete_build_data(facts),
        Act::AcceptPromotion => {
            facts.happens(Event::PromotionAccepted);
            Some(format!("{} is accepted in the stable stream", facts.release.release))
        }
        Act::RejectPromotion => {
            let name = facts.release.release.to_string();
            facts.release_controller.set_phase(&name, "Rejected").then(|| format!("rejected {name} after all"))
        }
        Act::ClearAlerts => clear_alerts(facts),
        Act::RenewTokens => facts.disturbances.renew(facts.now).map(|names| format!("renewed the token of {names}")),
        Act::GrantAccess => grant_access(facts),
        Act::AttachTrackers => attach_trackers(facts),
        Act::Publish => publish(facts),
        Act::ReleaseKernel => facts.koji.release_kernel(),
        Act::EditState => edit_state(facts),
        Act::BreakState => break_state(facts),
        Act::MendState => mend_state(facts),
        Act::DropAdvisory => art::drop_advisory(facts, kind),
        Act::ReplaceAdvisory => art::replace_advisory(facts, kind),
        Act::ReplaceShipment => art::replace_shipment(facts),
        Act::MoveDateLater => art::move_date(facts, details.days.unwrap_or(7).abs()),
        Act::MoveDateEarlier => art::move_date(facts, -details.days.unwrap_or(1).abs()),
        Act::PlayProdJob => art::play_prod_job(facts),
        Act::RebuildImages => art::rebuild_images(facts),
        Act::ForgetBuilds => facts.jenkins.forget_builds(),
        Act::ForgetProwJobs => facts.prow.forget_jobs(),
        Act::AnswerOld => answer_old(facts),
        Act::GrantPermission => grant_permission(facts),
        Act::Kinit => facts.disturbances.renew_ticket(facts.now).map(|_| "renewed the Kerberos ticket".to_owned()),
    };
    if let Some(what) = &done {
        facts.actors.actions.push(PersonAction { at: facts.now, who: act.who().to_owned(), what: what.clone() });
    }
    done
}

/// What an act leaves open; each has a usual value.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
pub struct Details {
    /// By how many days a date is moved.
    #[serde(default)]
    pub days: Option<i64>,
    /// Which advisory: `rpm`, `rhcos`, `microshift`.
    #[serde(default)]
    pub kind: Option<String>,
}

/// How long GitHub's cache goes on serving an old copy.
const OLD_COPY: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

fn answer_old(facts: &mut Facts) -> Option<String> {
    let until = facts.now.saturating_add(OLD_COPY).unwrap_or(facts.now);
    facts.disturbances.copies.insert(Service::Github, (facts.now, until));
    Some("answers what it knows now for ten minutes".to_owned())
}

fn grant_permission(facts: &mut Facts) -> Option<String> {
    let now = facts.now;
    let hidden = std::mem::take(&mut facts.disturbances.hidden);
    let names: Vec<Service> = hidden.iter().map(|(name, ..)| *name).collect();
    let was_hidden = !names.is_empty();
    was_hidden
        .then(|| format!("let our accounts see {} again from {}", listed(&names), crate::domain::dates::stamp(now)))
}

/// What a careless editor leaves behind.
fn break_state(facts: &mut Facts) -> Option<String> {
    let path = facts.release.release.state_path();
    let before = facts.github.file("z-stream", &path)?.to_owned();
    if facts.actors.state_before.is_some() {
        return None;
    }
    facts.github.put_file("z-stream", &path, &before.replacen("tasks:", "tasks: [", 1));
    facts.actors.state_before = Some(before);
    Some("left a state file that is no YAML".to_owned())
}

fn mend_state(facts: &mut Facts) -> Option<String> {
    let before = facts.actors.state_before.take()?;
    let path = facts.release.release.state_path();
    facts.github.put_file("z-stream", &path, &before);
    Some("brought the state file back".to_owned())
}

fn advisories(facts: &mut Facts, from: errata::rules::State, what: &str) -> Option<String> {
    let now = facts.now;
    let mut moved = Vec::new();
    for advisory in facts.errata.advisories.values_mut().filter(|advisory| advisory.state == from) {
        advisory.enter(errata::rules::State::Qe, now);
        moved.push(advisory.id.to_string());
    }
    (!moved.is_empty()).then(|| format!("advisory {} {what}", moved.join(", ")))
}

fn repair_stage_release(facts: &mut Facts) -> Option<String> {
    if facts.actors.stage_released || facts.release.shipment_iid == 0 {
        return None;
    }
    facts.release.problems.stage_pipeline_failures = facts.actors.stage_failures;
    facts.happens(Event::StageReleaseStarts);
    Some("repaired the stage release of the shipment and started it again".to_owned())
}

fn retry_stage_release(facts: &mut Facts) -> Option<String> {
    if facts.actors.stage_released || facts.actors.stage_runs {
        return None;
    }
    facts.happens(Event::StageReleaseStarts);
    Some("started the stage release of the shipment again".to_owned())
}

fn shipment(facts: &mut Facts, from: MrState, to: MrState) -> Option<String> {
    let now = facts.now;
    let iid = facts.gitlab.shipment_iid?;
    let mr = facts.gitlab.merge_requests.get_mut(&iid).filter(|mr| mr.state == from)?;
    mr.state = to;
    mr.updated_at = now;
    Some(match to {
        MrState::Opened => format!("opened merge request {iid} again"),
        MrState::Closed => format!("closed merge request {iid}"),
        MrState::Merged => format!("merged {iid}"),
    })
}

fn complete_build_data(facts: &mut Facts) -> Option<String> {
    if !std::mem::take(&mut facts.release.problems.build_data_incomplete) {
        return None;
    }
    facts.build_data.releases_yml = build_data::releases_yml(&facts.release, &facts.base_url).ok()?;
    Some(format!("completed the assembly {} in build data", facts.release.release))
}

fn clear_alerts(facts: &mut Facts) -> Option<String> {
    let mut cleared = Vec::new();
    for advisory in facts.errata.advisories.values_mut() {
        if advisory.alerts.iter().any(|alert| alert.blocking) {
            advisory.alerts.iter_mut().for_each(|alert| alert.blocking = false);
            cleared.push(advisory.id.to_string());
        }
    }
    (!cleared.is_empty()).then(|| format!("reviewed the security alerts of advisory {}", cleared.join(", ")))
}

fn grant_access(facts: &mut Facts) -> Option<String> {
    let mut opened = Vec::new();
    for issue in facts.jira.issues.values_mut().filter(|issue| !issue.visible) {
        issue.visible = true;
        opened.push(issue.key.clone());
    }
    if facts.elliott.behaviour == Behaviour::CannotFetch {
        facts.elliott.behaviour = Behaviour::Honest;
    }
    (!opened.is_empty()).then(|| format!("let the release bot see {}", opened.join(", ")))
}

fn attach_trackers(facts: &mut Facts) -> Option<String> {
    let attached = Elliott::new(&facts.release);
    if facts.elliott.brew == attached.brew && facts.elliott.konflux == attached.konflux {
        return None;
    }
    facts.elliott.brew = attached.brew;
    facts.elliott.konflux = attached.konflux;
    Some("attached the forgotten CVE trackers".to_owned())
}

fn publish(facts: &mut Facts) -> Option<String> {
    if facts.release.problems.portal_never_opens {
        return None;
    }
    if !facts.customer_portal.published.contains(&facts.release.live_id) {
        if facts.release.shipment_iid != 0 {
            facts.happens(Event::ProdRelease);
        }
        facts.happens(Event::PortalOpens);
    }
    Some(format!("published {}", facts.release.live_id))
}

/// What a colleague leaves behind: an issue for the record, and a key that nobody has heard of.
fn edit_state(facts: &mut Facts) -> Option<String> {
    let path = facts.release.release.state_path();
    let before = facts.github.file("z-stream", &path)?.to_owned();
    let state = State::parse(&before, None).ok()?;
    let note = Operation::AddIssue(AddIssue {
        text: "looked at by hand: nothing to do".to_owned(),
        blocker: false,
        related: Vec::new(),
        source: None,
        at: facts.now,
    });
    let mut text = match note.apply(&state, facts.now) {
        Applied::Changed(edited) => edited.to_yaml(),
        Applied::Unchanged | Applied::Rejected(_) => before,
    };
    if !text.contains("\nedited_by_hand:") {
        text.push_str("edited_by_hand: \"yes\"\n");
    }
    facts.github.put_file("z-stream", &path, &text);
    Some("committed to the state file by hand".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::tests::small_world;

    #[test]
    fn every_event_that_can_be_asked_for_by_name_is_known() {
        for name in Event::names() {
            assert!(Event::named(name).is_some(), "{name}");
        }
        assert!(Event::named("nonsense").is_none());
    }

    #[test]
    fn an_action_is_taken_once_and_reported() {
        for (scenario, one) in [
            ("new-files", Act::FinishAdvisories),
            ("blocking-alert", Act::ClearAlerts),
            ("build-data-incomplete", Act::CompleteBuildData),
            ("restricted-cve-bugs", Act::GrantAccess),
            ("missed-cve-tracker", Act::AttachTrackers),
            ("stop-ship-kernel", Act::ReleaseKernel),
            ("smooth", Act::CloseMergeRequest),
        ] {
            let world = small_world(scenario);
            let facts = &mut world.facts();
            assert!(act(one, facts).is_some(), "{scenario}");
            assert!(act(one, facts).is_none(), "{scenario}: there is nothing left to do");
            assert_eq!(facts.actors.actions.iter().map(|action| action.who.as_str()).collect::<Vec<_>>(), [one.who()]);
        }
    }

    #[test]
    fn art_replaces_advisory_and_shipment_and_build_data_follow() {
        let world = small_world("smooth");
        let facts = &mut world.facts();
        let (rpm, mr) = (facts.release.advisories["rpm"], facts.release.shipment_iid);
        assert!(act(Act::ReplaceAdvisory, facts).is_some());
        assert!(act(Act::ReplaceShipment, facts).is_some());
        assert_eq!(facts.errata.advisories[&rpm].state, errata::rules::State::DroppedNoShip);
        assert_eq!(facts.errata.advisories[&facts.release.advisories["rpm"]].state, errata::rules::State::Qe);
        assert_eq!(facts.gitlab.merge_requests[&mr].state, MrState::Closed);
        assert_eq!(facts.gitlab.shipment().map(|mr| mr.state), Some(MrState::Opened));
        let build_data = &facts.build_data.releases_yml;
        assert!(build_data.contains(&format!("rpm: {}", facts.release.advisories["rpm"])), "{build_data}");
        assert!(build_data.contains(&format!("merge_requests/{}", facts.release.shipment_iid)), "{build_data}");
    }

    #[test]
    fn a_moved_date_is_that_of_build_data_and_of_the_day_on_which_advisories_ship() {
        let world = small_world("smooth");
        let facts = &mut world.facts();
        let before = facts.release.release_date;
        let days = |days| Details { days: Some(days), kind: None };
        assert!(act_on(Act::MoveDateLater, &days(3), facts).is_some());
        assert!(act_on(Act::MoveDateEarlier, &days(1), facts).is_some());
        assert_eq!(facts.release.release_date, before.saturating_add(jiff::Span::new().days(2)));
        assert!(facts.build_data.releases_yml.contains(&facts.release.release_date_text));
        let days = facts.upcoming().into_iter().filter(|(_, event)| *event == Event::ReleaseDay).count();
        assert_eq!(days, 1);
    }

    #[test]
    fn a_broken_state_file_is_brought_back_as_it_was() {
        let world = small_world("smooth");
        let facts = &mut world.facts();
        let release = facts.release.release.clone();
        let state = State::create(&release, facts.now, &crate::domain::state::entries::Metadata::default());
        facts.github.put_file("z-stream", &release.state_path(), &state.to_yaml());
        assert!(act(Act::BreakState, facts).is_some() && act(Act::BreakState, facts).is_none());
        let stored = |facts: &Facts| facts.github.file("z-stream", &release.state_path()).map(str::to_owned);
        assert!(State::parse(&stored(facts).expect("a file"), Some(&release)).is_err());
        assert!(act(Act::MendState, facts).is_some() && act(Act::MendState, facts).is_none());
        assert_eq!(stored(facts), Some(state.to_yaml()));
    }

    #[test]
    fn a_stage_release_that_art_repaired_is_not_started_again_by_itself() {
        let world = small_world("stage-pipeline-fails-twice");
        let hours = |n| world.clock().advance(jiff::SignedDuration::from_hours(n));
        hours(25);
        assert_eq!(world.facts().actors.stage_failures, 1);
        assert!(act(Act::RepairStageRelease, &mut world.facts()).is_some());
        hours(1);
        assert!(world.facts().actors.stage_released);
        hours(10);
        let facts = world.facts();
        assert!(!facts.actors.stage_runs && facts.actors.stage_failures == 1);
    }

    #[test]
    fn nobody_publishes_what_is_never_published() {
        let world = small_world("portal-never-opens");
        assert_eq!(act(Act::Publish, &mut world.facts()), None);
        assert!(act(Act::Publish, &mut small_world("smooth").facts()).is_some());
    }

    #[test]
    fn a_colleagues_edit_keeps_the_state_file_readable() {
        let world = small_world("smooth");
        let facts = &mut world.facts();
        assert!(act(Act::EditState, facts).is_none(), "there is no file yet");
        let release = facts.release.release.clone();
        let state = State::create(&release, facts.now, &crate::domain::state::entries::Metadata::default());
        facts.github.put_file("z-stream", &release.state_path(), &state.to_yaml());
        assert!(act(Act::EditState, facts).is_some());
        let edited =
            State::parse(facts.github.file("z-stream", &release.state_path()).expect("a file"), Some(&release));
        assert_eq!(edited.expect("a state").issues().len(), 1);
    }
}
