//! The advisories that a release manages, with their states.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{belonging, findings};
use crate::core::clients::errata::Erratum;
use crate::domain::advisory::{AdvisoryState, DROPPED_SOURCE, NOT_OURS, drop_needs_a_person, is_managed};
use crate::domain::assembly::Assembly;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::ids::AdvisoryId;
use crate::domain::shipment::MrState;
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// Advisories asked for at once: the Errata Tool slows down for everybody under load.
const AT_ONCE: usize = 4;

/// One advisory of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advisory {
    /// What build data calls it: `rpm`, `rhcos`, `image`, …
    pub impetus: String,
    /// What the Errata Tool knows about it.
    pub erratum: Erratum,
}

impl Advisory {
    /// Its number.
    pub const fn id(&self) -> AdvisoryId {
        self.erratum.id
    }

    /// Where it is in its life.
    pub const fn state(&self) -> &AdvisoryState {
        &self.erratum.state
    }
}

/// The advisories of a release that are our work, in the order of build data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Managed {
    /// Those that are going to ship.
    pub live: Vec<Advisory>,
    /// Dropped without builds: ART does that as a matter of course, nobody misses them.
    pub dropped_empty: Vec<Advisory>,
    /// Dropped although they hold builds: somebody would miss those.
    pub dropped_with_builds: Vec<Advisory>,
}

/// Asks the Errata Tool for all advisories of the release but the one that others ship; they are proven to be its own.
/// Reads only.
///
/// # Errors
///
/// One is another release's; or build data or the Errata Tool fail.
pub async fn managed(run: &Run<'_>) -> Result<Managed, TaskError> {
    let errata = run.ctx.errata();
    let ours = run.assembly().await?.advisories.iter().filter(|(impetus, _)| impetus.as_str() != NOT_OURS);
    let asked = ours.map(|(impetus, id)| {
        let (errata, impetus, id) = (&errata, impetus.clone(), *id);
        async move {
            let erratum = errata.advisory(id).await?;
            let has_builds = if erratum.state.is_dropped() { Some(!errata.builds(id).await?.is_empty()) } else { None };
            Ok::<_, TaskError>((Advisory { impetus, erratum }, has_builds))
        }
    });
    let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    belonging::of_advisories(run, answers.iter().map(|(one, _)| (one.impetus.as_str(), &one.erratum)))?;
    Ok(sorted(answers))
}

impl Managed {
    /// Is the release with the customers? Its merge request is merged, and every advisory of ours is live.
    pub fn are_shipped_with(&self, mr: &MrState) -> bool {
        let live = |one: &Advisory| *one.state() == AdvisoryState::ShippedLive;
        *mr == MrState::Merged && !self.live.is_empty() && self.live.iter().all(live)
    }
}

/// Closed for a release that is with the customers. Asks the Errata Tool only when the merge request is merged.
///
/// # Errors
///
/// As [`managed`].
pub async fn shipped(run: &Run<'_>, mr: &MrState) -> Result<Option<ClosedGate>, TaskError> {
    if *mr != MrState::Merged {
        return Ok(None);
    }
    Ok(managed(run).await?.are_shipped_with(mr).then_some(ClosedGate::Shipped))
}

/// An advisory that was dropped with builds is one blocker of the whole release until somebody decides, whoever finds it.
pub fn dropped(run: &Run<'_>, with_builds: &[Advisory]) -> Option<ClosedGate> {
    if with_builds.is_empty() {
        findings::settle(run, DROPPED_SOURCE, "no dropped advisory holds builds any more");
        return None;
    }
    let by = ClosedGate::AdvisoryDropped { advisories: with_builds.iter().map(Advisory::id).collect() };
    let text = format!("{by}; ask ART whether the release ships without them or gets new advisories");
    findings::report(run, DROPPED_SOURCE, &text, true, &[]);
    Some(by)
}

/// Advisory entries of build data that hold no usable number yet.
pub fn not_ready(assembly: &Assembly) -> Vec<String> {
    let entries = assembly.not_ready.iter().filter(|gap| gap.entry.starts_with("group.advisories"));
    entries.map(|gap| format!("{} ({})", gap.entry, gap.why)).collect()
}

fn sorted(answers: Vec<(Advisory, Option<bool>)>) -> Managed {
    let mut managed = Managed::default();
    for (advisory, has_builds) in answers {
        if is_managed(&advisory.impetus, advisory.state()) {
            managed.live.push(advisory);
        } else if drop_needs_a_person(&advisory.impetus, advisory.state(), has_builds) == Some(false) {
            managed.dropped_empty.push(advisory);
        } else {
            managed.dropped_with_builds.push(advisory);
        }
    }
    managed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::steps::fixtures::erratum;

    fn advisory(id: u64, impetus: &str, state: &str) -> Advisory {
        Advisory { impetus: impetus.to_owned(), erratum: erratum(id, state, &[]) }
    }

    #[test]
    fn dropped_advisories_are_distinguished_by_their_builds() {
        let managed = sorted(vec![
            (advisory(1, "rpm", "QE"), None),
            (advisory(2, "rhcos", "DROPPED_NO_SHIP"), Some(false)),
            (advisory(3, "image", "DROPPED_NO_SHIP"), Some(true)),
        ]);
        let ids = |list: &[Advisory]| list.iter().map(|a| a.id().get()).collect::<Vec<_>>();
        assert_eq!((ids(&managed.live), ids(&managed.dropped_empty)), (vec![1], vec![2]));
        assert_eq!(ids(&managed.dropped_with_builds), [3]);
    }
}
