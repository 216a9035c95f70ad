//! In which order advisories are pushed: blockers first.

use std::collections::BTreeMap;

use crate::core::clients::errata::{Errata, Erratum};
use crate::domain::ids::AdvisoryId;
use crate::operators::error::TaskError;

/// Blocking advisories followed at most; more means that the links of the Errata Tool are broken.
const MOST_ADVISORIES: usize = 50;

/// The advisories with everything that has to be pushed before them, in that order. Dropped ones are
/// left out: they will never be pushed, and the Errata Tool does not wait for them.
pub(super) async fn blockers_first(
    errata: &Errata,
    live: impl Iterator<Item = Erratum>,
) -> Result<Vec<Erratum>, TaskError> {
    let mut known: BTreeMap<AdvisoryId, Erratum> = live.map(|erratum| (erratum.id, erratum)).collect();
    let mut wanted: Vec<AdvisoryId> = known.values().flat_map(|erratum| erratum.blocking.clone()).collect();
    while let Some(id) = wanted.pop() {
        if known.contains_key(&id) {
            continue;
        }
        if known.len() >= MOST_ADVISORIES {
            return Err(TaskError::Refused {
                why: format!("more than {MOST_ADVISORIES} advisories block each other"),
                next: "look at the blocking advisories in the Errata Tool".to_owned(),
            });
        }
        let erratum = errata.advisory(id).await?;
        wanted.extend(erratum.blocking.iter().copied());
        known.insert(id, erratum);
    }
    known.retain(|_, erratum| !erratum.state.is_dropped());
    Ok(in_order(known))
}

/// Blockers before those they block; a circle is broken at the lowest number.
fn in_order(mut left: BTreeMap<AdvisoryId, Erratum>) -> Vec<Erratum> {
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let free = left.values().find(|erratum| !erratum.blocking.iter().any(|id| left.contains_key(id)));
        let Some(next) = free.or_else(|| left.values().next()).map(|erratum| erratum.id) else { break };
        ordered.extend(left.remove(&next));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::operators::steps::fixtures::erratum;

    fn ids(ordered: &[Erratum]) -> Vec<u64> {
        ordered.iter().map(|erratum| erratum.id.get()).collect()
    }

    #[test]
    fn blocking_advisories_come_before_those_they_block() {
        let all = [erratum(1, "QE", &[3]), erratum(2, "QE", &[1]), erratum(3, "QE", &[])];
        assert_eq!(ids(&in_order(all.into_iter().map(|e| (e.id, e)).collect())), [3, 1, 2]);
    }

    #[test]
    fn advisories_that_block_each_other_are_still_listed_once_each() {
        let all = [erratum(1, "QE", &[2]), erratum(2, "QE", &[1])];
        assert_eq!(ids(&in_order(all.into_iter().map(|e| (e.id, e)).collect())), [1, 2]);
    }
}
