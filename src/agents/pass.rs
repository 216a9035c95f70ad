//! One pass of an agent: units that know nothing of each other, each with a result of its own.
//!
//! A unit that fails or panics is a line in the report, never the end of the pass. The report says how the pass
//! came out; what that means for exit code and metrics is for whoever runs the agent.

use std::panic::AssertUnwindSafe;

use futures::{FutureExt as _, StreamExt as _};

use crate::domain::subject::Subject;

/// How a unit came out, from the least to the most that somebody has to know; a pass came out like its last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitEnding {
    /// Done, or there was nothing to do.
    Done,
    /// It waits for something that comes by itself.
    Waiting,
    /// It could not be done: a service, a credential, a mistake of ours.
    NotDone,
    /// It was done, and the verdict is against it.
    Failed,
}

/// What a unit tells about itself.
pub trait Unit {
    /// How it came out.
    fn ending(&self) -> UnitEnding;
}

/// One unit of a pass.
#[derive(Debug)]
pub struct UnitReport<U> {
    /// What it was about.
    pub subject: Subject,
    /// What came of it.
    pub result: U,
}

/// One pass: its units in the order of their subjects as they were given.
#[derive(Debug)]
pub struct PassReport<U> {
    /// Every unit.
    pub units: Vec<UnitReport<U>>,
}

impl<U: Unit> PassReport<U> {
    /// How the pass came out: as the unit that somebody has to know most of.
    pub fn ending(&self) -> UnitEnding {
        self.units.iter().map(|unit| unit.result.ending()).max().unwrap_or(UnitEnding::Done)
    }
}

/// Runs `unit` for each of `items`, at most `at_once` side by side; `panicked` says it of one that did.
pub async fn pass<I, U>(
    items: &[I],
    at_once: usize,
    unit: impl AsyncFn(&I) -> U,
    panicked: impl Fn(&I) -> U,
) -> PassReport<U>
where
    for<'a> Subject: From<&'a I>,
{
    let (unit, panicked) = (&unit, &panicked);
    let isolated = |item| async move {
        let ended = AssertUnwindSafe(unit(item)).catch_unwind().await;
        UnitReport { subject: Subject::from(item), result: ended.unwrap_or_else(|_| panicked(item)) }
    };
    let units = futures::stream::iter(items).map(isolated).buffered(at_once.max(1));
    PassReport { units: units.collect().await }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::release::ZStream;

    impl Unit for UnitEnding {
        fn ending(&self) -> UnitEnding {
            *self
        }
    }

    fn releases(count: usize) -> Vec<ZStream> {
        (0..count).map(|n| format!("4.20.{n}").parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_unit_that_panics_does_not_keep_the_others_from_theirs() {
        let unit = async |release: &ZStream| {
            tokio::task::yield_now().await;
            assert_ne!(release.to_string(), "4.20.1");
            UnitEnding::Waiting
        };
        let report = pass(&releases(3), 2, unit, |_| UnitEnding::NotDone).await;
        let found: Vec<_> = report.units.iter().map(|unit| (unit.subject.to_string(), unit.result)).collect();
        let wanted =
            [("4.20.0", UnitEnding::Waiting), ("4.20.1", UnitEnding::NotDone), ("4.20.2", UnitEnding::Waiting)];
        assert_eq!(found, wanted.map(|(subject, ending)| (subject.to_owned(), ending)));
        assert_eq!(report.ending(), UnitEnding::NotDone);
    }

    #[tokio::test]
    async fn a_verdict_counts_more_than_what_could_not_be_done_and_a_pass_without_units_is_done() {
        for (endings, wanted) in [
            (vec![], UnitEnding::Done),
            (vec![UnitEnding::Done, UnitEnding::Waiting], UnitEnding::Waiting),
            (vec![UnitEnding::Failed, UnitEnding::NotDone, UnitEnding::Waiting], UnitEnding::Failed),
        ] {
            let all = releases(endings.len());
            let unit = async |release: &ZStream| endings[all.iter().position(|one| one == release).unwrap()];
            assert_eq!(pass(&all, 1, unit, |_| UnitEnding::NotDone).await.ending(), wanted);
        }
    }
}
