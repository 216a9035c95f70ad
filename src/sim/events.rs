//! What can happen in the world. Every transition is an event at a virtual time.

use crate::sim::act::Act;
use crate::sim::facts::errata::ErrataEvent;
use crate::sim::facts::gitlab::GitlabEvent;
use crate::sim::facts::jenkins::JenkinsEvent;
use crate::sim::facts::prow::ProwEvent;
use crate::sim::facts::release_controller::StreamEvent;

/// One happening. World-wide ones are heard by every service; `ServiceX(..)` ones by that service alone.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The world begins; heard once, before the first request.
    Begin,
    /// The nightly is made that will be the candidate (phase Ready).
    CandidateMade,
    /// ART chooses it: build data and tracking file list the release.
    CandidateChosen,
    /// ART puts the payload into the stable stream (phase Ready; registry has it).
    Promote,
    /// The promoted payload passes its verification (phase Accepted).
    PromotionAccepted,
    /// The release controller has rendered the change log, so the digest is known there.
    ChangeLogReady,
    /// The signature of the payload appears on the mirror.
    SignaturePublished,
    /// The stage-release pipeline of the shipment merge request starts.
    StageReleaseStarts,
    /// That pipeline fails.
    StageReleaseFails,
    /// It succeeds: stage advisory URLs, advisory YAML, catalog grades, label.
    StageReleaseDone,
    /// The record file of the promoted build appears, jobs still running.
    PromotedRecordAppears,
    /// The record file of the promoted build is aggregated with its verdict.
    PromotedRecordAggregated,
    /// QE approved the shipment merge request.
    QeApproved,
    /// ART's prod release: prod advisory URLs, label.
    ProdRelease,
    /// The public errata page answers 200.
    PortalOpens,
    /// The shipment merge request is merged.
    MrMerged,
    /// The release date: advisories in REL_PREP ship.
    ReleaseDay,
    /// Of the Errata Tool alone.
    Errata(ErrataEvent),
    /// Of GitLab alone.
    Gitlab(GitlabEvent),
    /// Of Jenkins alone.
    Jenkins(JenkinsEvent),
    /// Of Prow alone.
    Prow(ProwEvent),
    /// Of the release controller alone.
    Stream(StreamEvent),
    /// The original looks at builds and records.
    OriginalLooks,
    /// Somebody does something.
    Person(Act),
}

impl Event {
    /// The event that `POST /__sim/event {"name": …}` means, for those that need no more than a name.
    pub fn named(name: &str) -> Option<Self> {
        let world = WORLD.iter().find(|(known, ..)| *known == name).map(|(_, event, _)| event.clone());
        world.or_else(|| name.parse().ok().map(Self::Person))
    }

    /// How it is asked to people: the name that [`Self::named`] takes, where it has one.
    pub fn called(&self) -> String {
        if let Self::Person(act) = self {
            return act.name().to_owned();
        }
        // `Errata(PushAdvances { push: 7 })` becomes `errata push-advances 7`.
        let spelled = format!("{self:?}");
        let mut parts: Vec<String> = Vec::new();
        for part in spelled.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()) {
            // Names of fields begin small; values and names of events do not.
            if part.starts_with(|c: char| c.is_lowercase()) {
                continue;
            }
            parts.push(kebab(part));
        }
        parts.join(" ")
    }

    /// Every name that [`Self::named`] knows.
    pub fn names() -> Vec<&'static str> {
        Self::meanings().into_iter().map(|(name, _)| name).collect()
    }

    /// The same, each with what happens.
    pub fn meanings() -> Vec<(&'static str, &'static str)> {
        let world = WORLD.iter().map(|(name, _, meaning)| (*name, *meaning));
        world.chain(Act::ALL.map(|act| (act.name(), act.meaning()))).collect()
    }
}

/// What the world does: name, event, what happens.
static WORLD: [(&str, Event, &str); 16] = [
    ("candidate-made", Event::CandidateMade, "the nightly is made that will be the candidate"),
    ("candidate-chosen", Event::CandidateChosen, "ART chooses the candidate, and build data lists the release"),
    ("promote", Event::Promote, "the payload enters the stable stream: Ready, Accepted 90 min later"),
    ("promotion-accepted", Event::PromotionAccepted, "the promoted payload passes its verification: Accepted"),
    ("change-log-ready", Event::ChangeLogReady, "the release controller knows the digest of the payload"),
    ("signature-published", Event::SignaturePublished, "the signature of the payload appears on the mirror"),
    ("stage-release-starts", Event::StageReleaseStarts, "the stage release of the shipment starts"),
    ("stage-release-fails", Event::StageReleaseFails, "the stage release fails; ART starts it again"),
    ("stage-release-done", Event::StageReleaseDone, "the stage release succeeds"),
    ("promoted-record-appears", Event::PromotedRecordAppears, "the tests of the promoted build begin"),
    ("promoted-record-aggregated", Event::PromotedRecordAggregated, "the tests of the promoted build have a verdict"),
    ("qe-approved", Event::QeApproved, "QE approves the shipment merge request"),
    ("prod-release", Event::ProdRelease, "ART releases the shipment to production; merge and page follow"),
    ("portal-opens", Event::PortalOpens, "the advisory page becomes public"),
    ("mr-merged", Event::MrMerged, "the shipment merge request is merged"),
    ("release-day", Event::ReleaseDay, "advisories in REL_PREP go live"),
];

/// `StageReleaseDone` as `stage-release-done`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(c.to_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_coming_is_reported_by_the_name_that_lets_it_happen() {
        for name in Event::names() {
            assert_eq!(Event::named(name).unwrap().called(), name);
        }
        assert!(Event::meanings().iter().all(|(_, meaning)| meaning.len() > 10 && meaning.len() < 80));
        let push = Event::Errata(ErrataEvent::PushAdvances { push: 7 });
        assert_eq!(push.called(), "errata push-advances 7");
    }
}
