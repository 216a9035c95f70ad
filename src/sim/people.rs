//! What people outside `oar` do when somebody asks them: ART, product security, administrators, colleagues.
//!
//! Every action is reported in [`PersonAction`], so that a rehearsal can show who helped.

use std::str::FromStr;

use jiff::Timestamp;

use crate::domain::state::operation::{AddIssue, Applied, Operation};
use crate::domain::state::view::State;
use crate::sim::events::Event;
use crate::sim::services::{build_data, errata, gitlab::MrState};
use crate::sim::world::Facts;

/// Something a person can do; each is an event of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// ART finishes advisories that are in NEW_FILES.
    FinishAdvisories,
    /// ART mends the stage release and starts it again.
    RepairStageRelease,
    /// ART starts a failed stage release again, unless it succeeded meanwhile.
    RetryStageRelease,
    /// Somebody closes the shipment merge request without merging it.
    CloseMergeRequest,
    /// ART opens a closed merge request again.
    ReopenMergeRequest,
    /// ART completes the assembly in build data.
    CompleteBuildData,
    /// ART takes dropped advisories up again.
    RestoreAdvisories,
    /// ART has the promoted payload accepted.
    AcceptPromotion,
    /// Product security reviews what the blocking alerts are about.
    ClearAlerts,
    /// An administrator renews expired tokens.
    RenewTokens,
    /// A Jira administrator lets the bot see restricted bugs.
    GrantAccess,
    /// ART attaches CVE trackers that were forgotten.
    AttachTrackers,
    /// ART publishes the release.
    Publish,
    /// The kernel's owners take the stop-ship tag off.
    ReleaseKernel,
    /// A colleague commits to the state file by hand.
    EditState,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::FinishAdvisories,
        Self::RepairStageRelease,
        Self::RetryStageRelease,
        Self::CloseMergeRequest,
        Self::ReopenMergeRequest,
        Self::CompleteBuildData,
        Self::RestoreAdvisories,
        Self::AcceptPromotion,
        Self::ClearAlerts,
        Self::RenewTokens,
        Self::GrantAccess,
        Self::AttachTrackers,
        Self::Publish,
        Self::ReleaseKernel,
        Self::EditState,
    ];

    /// The name of the event.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FinishAdvisories => "advisories-finished",
            Self::RepairStageRelease => "stage-release-repaired",
            Self::RetryStageRelease => "stage-release-retried",
            Self::CloseMergeRequest => "mr-closed",
            Self::ReopenMergeRequest => "mr-reopened",
            Self::CompleteBuildData => "build-data-completed",
            Self::RestoreAdvisories => "advisories-restored",
            Self::AcceptPromotion => "payload-accepted",
            Self::ClearAlerts => "alerts-cleared",
            Self::RenewTokens => "tokens-renewed",
            Self::GrantAccess => "bugs-made-visible",
            Self::AttachTrackers => "trackers-attached",
            Self::Publish => "published",
            Self::ReleaseKernel => "kernel-released",
            Self::EditState => "state-edited",
        }
    }

    /// What it is, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::FinishAdvisories => "ART moves advisories from NEW_FILES to QE",
            Self::RepairStageRelease => "ART mends the stage release and starts it again",
            Self::RetryStageRelease => "ART starts a failed stage release again",
            Self::CloseMergeRequest => "somebody closes the shipment merge request without merging it",
            Self::ReopenMergeRequest => "ART opens a closed merge request again",
            Self::CompleteBuildData => "ART completes the assembly in build data",
            Self::RestoreAdvisories => "ART takes dropped advisories up again",
            Self::AcceptPromotion => "ART has the promoted payload accepted",
            Self::ClearAlerts => "product security clears the blocking alerts",
            Self::RenewTokens => "an administrator renews expired tokens",
            Self::GrantAccess => "a Jira administrator lets the bot see restricted bugs",
            Self::AttachTrackers => "ART attaches CVE trackers that were forgotten",
            Self::Publish => "ART publishes the release",
            Self::ReleaseKernel => "the kernel team takes its stop-ship tag off",
            Self::EditState => "a colleague edits the state file by hand",
        }
    }

    /// Who does it.
    pub const fn who(self) -> &'static str {
        match self {
            Self::FinishAdvisories
            | Self::RepairStageRelease
            | Self::RetryStageRelease
            | Self::CloseMergeRequest
            | Self::ReopenMergeRequest
            | Self::CompleteBuildData
            | Self::RestoreAdvisories
            | Self::AcceptPromotion
            | Self::AttachTrackers
            | Self::Publish => "ART",
            Self::ClearAlerts => "product security",
            Self::RenewTokens => "administrator",
            Self::GrantAccess => "Jira administrator",
            Self::ReleaseKernel => "kernel team",
            Self::EditState => "colleague",
        }
    }

    /// Does it; what was done, or nothing when there was nothing to do.
    pub fn apply(self, facts: &mut Facts) -> Option<String> {
        let done = match self {
            Self::FinishAdvisories => advisories(facts, errata::State::NewFiles, "moved to QE"),
            Self::RestoreAdvisories => advisories(facts, errata::State::DroppedNoShip, "taken up again"),
            Self::RepairStageRelease => repair_stage_release(facts),
            Self::RetryStageRelease => retry_stage_release(facts),
            Self::CloseMergeRequest => shipment(facts, MrState::Opened, MrState::Closed),
            Self::ReopenMergeRequest => shipment(facts, MrState::Closed, MrState::Opened),
            Self::CompleteBuildData => complete_build_data(facts),
            Self::AcceptPromotion => {
                Event::PromotionAccepted.apply(facts);
                Some(format!("{} is accepted in the stable stream", facts.release.release))
            }
            Self::ClearAlerts => clear_alerts(facts),
            Self::RenewTokens => {
                facts.disturbances.renew(facts.now).map(|names| format!("renewed the token of {names}"))
            }
            Self::GrantAccess => grant_access(facts),
            Self::AttachTrackers => attach_trackers(facts),
            Self::Publish => publish(facts),
            Self::ReleaseKernel => facts.koji.release_kernel(),
            Self::EditState => edit_state(facts),
        };
        if let Some(what) = &done {
            facts.actors.actions.push(PersonAction { at: facts.now, who: self.who(), what: what.clone() });
        }
        done
    }
}

impl FromStr for Act {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|act| act.name() == name).ok_or(())
    }
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PersonAction {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: &'static str,
    /// What, briefly.
    pub what: String,
}

fn advisories(facts: &mut Facts, from: errata::State, what: &str) -> Option<String> {
    let now = facts.now;
    let mut moved = Vec::new();
    for advisory in facts.errata.advisories.values_mut().filter(|advisory| advisory.state == from) {
        advisory.enter(errata::State::Qe, now);
        moved.push(advisory.id.to_string());
    }
    (!moved.is_empty()).then(|| format!("advisory {} {what}", moved.join(", ")))
}

fn repair_stage_release(facts: &mut Facts) -> Option<String> {
    if facts.actors.stage_released || facts.release.shipment_iid == 0 {
        return None;
    }
    facts.release.misfortunes.stage_pipeline_failures = facts.actors.stage_failures;
    Event::StageReleaseStarts.apply(facts);
    Some("repaired the stage release of the shipment and started it again".to_owned())
}

fn retry_stage_release(facts: &mut Facts) -> Option<String> {
    if facts.actors.stage_released || facts.actors.stage_runs {
        return None;
    }
    Event::StageReleaseStarts.apply(facts);
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
    if !std::mem::take(&mut facts.release.misfortunes.build_data_incomplete) {
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
    if facts.elliott.behaviour == crate::sim::elliott::Behaviour::CannotFetch {
        facts.elliott.behaviour = crate::sim::elliott::Behaviour::Honest;
    }
    (!opened.is_empty()).then(|| format!("let the release bot see {}", opened.join(", ")))
}

fn attach_trackers(facts: &mut Facts) -> Option<String> {
    let attached = crate::sim::elliott::Elliott::new(&facts.release);
    if facts.elliott.brew == attached.brew && facts.elliott.konflux == attached.konflux {
        return None;
    }
    facts.elliott.brew = attached.brew;
    facts.elliott.konflux = attached.konflux;
    Some("attached the forgotten CVE trackers".to_owned())
}

fn publish(facts: &mut Facts) -> Option<String> {
    if facts.release.misfortunes.portal_never_opens {
        return None;
    }
    if !facts.customer_portal.published.contains(&facts.release.live_id) {
        if facts.release.shipment_iid != 0 {
            Event::ProdRelease.apply(facts);
        }
        Event::PortalOpens.apply(facts);
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
    use crate::core::clock::VirtualClock;
    use crate::sim::faults::Faults;
    use crate::sim::scenario::Scenario;
    use crate::sim::world::World;

    fn world(scenario: &str) -> World {
        let mut scenario = Scenario::named(scenario, None, None).expect("a scenario");
        (scenario.plan.sizes.images, scenario.plan.sizes.components) = (24, 6);
        let clock = VirtualClock::starting_at(scenario.start());
        World::new(&scenario, 1, clock, "http://127.0.0.1:1".to_owned(), Faults::none())
    }

    #[test]
    fn every_event_that_can_be_asked_for_by_name_is_known() {
        for name in Event::names() {
            assert!(Event::named(name).is_some(), "{name}");
        }
        assert!(Event::named("nonsense").is_none());
    }

    #[test]
    fn an_action_is_taken_once_and_reported() {
        for (scenario, act) in [
            ("new-files", Act::FinishAdvisories),
            ("blocking-alert", Act::ClearAlerts),
            ("build-data-incomplete", Act::CompleteBuildData),
            ("restricted-cve-bugs", Act::GrantAccess),
            ("missed-cve-tracker", Act::AttachTrackers),
            ("stop-ship-kernel", Act::ReleaseKernel),
            ("smooth", Act::CloseMergeRequest),
        ] {
            let world = world(scenario);
            let facts = &mut world.facts();
            assert!(act.apply(facts).is_some(), "{scenario}");
            assert!(act.apply(facts).is_none(), "{scenario}: there is nothing left to do");
            assert_eq!(facts.actors.actions.iter().map(|action| action.who).collect::<Vec<_>>(), [act.who()]);
        }
    }

    #[test]
    fn a_stage_release_that_art_repaired_is_not_started_again_by_itself() {
        let world = world("stage-pipeline-fails-twice");
        let hours = |n| world.clock().advance(jiff::SignedDuration::from_hours(n));
        hours(25);
        assert_eq!(world.facts().actors.stage_failures, 1);
        assert!(Act::RepairStageRelease.apply(&mut world.facts()).is_some());
        hours(1);
        assert!(world.facts().actors.stage_released);
        hours(10);
        let facts = world.facts();
        assert!(!facts.actors.stage_runs && facts.actors.stage_failures == 1);
    }

    #[test]
    fn nobody_publishes_what_is_never_published() {
        let world = world("portal-never-opens");
        assert_eq!(Act::Publish.apply(&mut world.facts()), None);
        assert!(Act::Publish.apply(&mut self::world("smooth").facts()).is_some());
    }

    #[test]
    fn a_colleagues_edit_keeps_the_state_file_readable() {
        let world = world("smooth");
        let facts = &mut world.facts();
        assert!(Act::EditState.apply(facts).is_none(), "there is no file yet");
        let release = facts.release.release.clone();
        let state = State::create(&release, facts.now, &crate::domain::state::entries::Metadata::default());
        facts.github.put_file("z-stream", &release.state_path(), &state.to_yaml());
        assert!(Act::EditState.apply(facts).is_some());
        let edited =
            State::parse(facts.github.file("z-stream", &release.state_path()).expect("a file"), Some(&release));
        assert_eq!(edited.expect("a state").issues().len(), 1);
    }
}
