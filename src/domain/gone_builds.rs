//! Builds that the release controller does not name any more: when their records may go to the archive.
//!
//! One answer without a build proves nothing: after an outage the release controller forgets and remembers.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::result_file::ResultFile;

/// Looks in a row that have to miss a build.
const LOOKS: u32 = 3;

/// So far apart the first and the last of them are at least.
const SPAN: SignedDuration = SignedDuration::from_hours(24);

/// Looks closer to each other than this are one.
const APART: SignedDuration = SignedDuration::from_hours(1);

/// At most so many records go in one round.
const MOST: usize = 10;

/// Looks in a row that missed a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    first: Timestamp,
    last: Timestamp,
    looks: u32,
}

impl Missed {
    /// After one more look, `before` being what was known.
    pub fn once_more(before: Option<Self>, now: Timestamp) -> Self {
        match before {
            None => Self { first: now, last: now, looks: 1 },
            Some(known) if now.duration_since(known.last) < APART => known,
            Some(known) => Self { last: now, looks: known.looks.saturating_add(1), ..known },
        }
    }

    /// Is the build gone for good?
    pub fn is_gone(self) -> bool {
        self.looks >= LOOKS && self.last.duration_since(self.first) >= SPAN
    }
}

/// How many of `gone` records may go in one round, of `all`: ten, and none at all when more than a tenth would, which looks
/// like an outage.
pub fn may_go(gone: usize, all: usize) -> usize {
    if gone * 10 > all { 0 } else { gone.min(MOST) }
}

/// Is `copy` one of `record`, perhaps of what it was before? It then has no run that the record does not have; the record
/// of a build that came back has others.
pub fn is_copy(copy: &ResultFile, record: &ResultFile) -> bool {
    fn runs(file: &ResultFile) -> BTreeSet<String> {
        let jobs = file.jobs();
        let all = jobs.iter().flat_map(|item| item.runs().chain(item.history.iter().map(|old| old.run)));
        all.filter_map(|run| run.id.map(str::to_owned)).collect()
    }
    runs(copy).is_subset(&runs(record))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_build_is_gone_after_three_looks_in_a_row_over_a_day() {
        let after = |hours: &[i64]| {
            let at = |hour: &i64| Timestamp::from_second(3600 * hour).unwrap();
            hours.iter().fold(None, |known, hour| Some(Missed::once_more(known, at(hour)))).unwrap().is_gone()
        };
        assert!(after(&[0, 12, 24]) && after(&[0, 1, 2, 30]));
        for hours in [&[0][..], &[0, 24], &[0, 1, 2], &[0, 0, 24], &[0, 12, 23]] {
            assert!(!after(hours), "{hours:?}");
        }
    }

    #[test]
    fn more_than_a_tenth_at_once_looks_like_an_outage() {
        for (gone, all, wanted) in [(0, 0, 0), (1, 9, 0), (1, 10, 1), (19, 500, 10), (51, 500, 0), (10, 100, 10)] {
            assert_eq!(may_go(gone, all), wanted, "{gone} of {all}");
        }
    }

    #[test]
    fn a_copy_is_of_the_record_whose_runs_it_has_also_when_they_were_replaced_since() {
        let record = |first: &str, old: Option<&str>| {
            let history: Vec<_> = old.iter().map(|id| json!({ "jobID": id })).collect();
            let item = json!({ "jobName": "a", "firstJob": { "jobID": first }, "history": history });
            ResultFile::read(&json!({ "result": [item], "build": { "name": "4.20.1" } }).to_string()).unwrap()
        };
        assert!(is_copy(&record("1", None), &record("1", None)));
        assert!(is_copy(&record("1", None), &record("2", Some("1"))));
        assert!(!is_copy(&record("2", Some("1")), &record("2", None)));
        assert!(!is_copy(&record("1", None), &record("2", None)));
    }
}
