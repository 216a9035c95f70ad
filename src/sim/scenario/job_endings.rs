//! How runs of test jobs fare: results, lengths, and runs that nobody finds.

/// The marks of a job that tests builds; all other jobs go well.
pub(in crate::sim) const TESTING: &str = "-automated-release-";

/// How runs of test jobs fare. By default all go well and are found.
#[derive(Debug, Clone, Default)]
pub struct JobEndings {
    /// By a part of the job's name: how its first, second and further runs for one build end; the last one named
    /// holds for all that follow.
    pub ends: Vec<(&'static str, &'static [&'static str])>,
    /// Of a hundred runs not named there, so many end with a failure.
    pub failing_percent: u32,
    /// The same for runs that end with an error of the job system.
    pub error_percent: u32,
    /// The same for runs that somebody aborts.
    pub aborted_percent: u32,
    /// Of a hundred runs, so many answer one look with 404 although they are there.
    pub unseen_percent: u32,
    /// Of a hundred runs, so many are gone for good before they end.
    pub lost_percent: u32,
    /// Of a hundred runs, so many stay pending for a day, until the job system aborts them.
    pub stuck_percent: u32,
    /// Parts of the names of jobs that the job system does not know (any more).
    pub unknown: Vec<&'static str>,
}

impl JobEndings {
    /// How run number `nth` (from 0) of a job for one build ends.
    pub(in crate::sim) fn end(&self, job: &str, nth: usize, dice: u32) -> &'static str {
        if !job.contains(TESTING) {
            return "success";
        }
        let named = self.ends.iter().find(|(part, _)| job.contains(part));
        if let Some(end) = named.and_then(|(_, ends)| ends.get(nth).or(ends.last())) {
            return end;
        }
        let mut limit = 0;
        let chances =
            [("failure", self.failing_percent), ("error", self.error_percent), ("aborted", self.aborted_percent)];
        for (end, percent) in chances {
            limit += percent;
            if dice % 100 < limit {
                return end;
            }
        }
        "success"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "periodic-ci-example-release-4.20-automated-release-gcp-ipi-f999";

    #[test]
    fn named_runs_end_as_named_and_the_last_end_holds_for_all_that_follow() {
        let job_endings =
            JobEndings { ends: vec![("gcp-ipi", &["error", "failure", "success"])], ..JobEndings::default() };
        assert_eq!([0, 1, 2, 9].map(|nth| job_endings.end(JOB, nth, 0)), ["error", "failure", "success", "success"]);
        assert_eq!(job_endings.end("periodic-ci-example-other-gcp-ipi", 0, 0), "success", "no test of a build");
    }

    #[test]
    fn of_a_hundred_runs_so_many_end_in_each_way() {
        let job_endings =
            JobEndings { failing_percent: 20, error_percent: 5, aborted_percent: 3, ..JobEndings::default() };
        let count = |end| (0..100).filter(|dice| job_endings.end(JOB, 0, *dice) == end).count();
        assert_eq!(["failure", "error", "aborted", "success"].map(count), [20, 5, 3, 72]);
    }
}
