//! Whose tests a result holds: the guard that keeps one release from passing with another's.

use super::job_trace::is_payload_of;
use super::release::ZStream;

/// What a result is about, as its own service tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About<'a> {
    /// A release, named as such.
    Release(&'a ZStream),
    /// A payload; some jobs may also test the nightly that was chosen for the release.
    Payload {
        /// Its pull specification.
        spec: &'a str,
        /// That nightly, where it counts.
        candidate: Option<&'a str>,
    },
    /// It does not say; a job that we are known to have started stays ours when it loses its parameters.
    Unnamed {
        /// Are we known to have started it?
        ours: bool,
    },
    /// A run of something else altogether.
    OtherJob,
}

impl About<'_> {
    /// Does the result count for `release`?
    pub fn counts_for(self, release: &ZStream) -> bool {
        match self {
            Self::Release(named) => named == release,
            Self::Payload { spec, candidate } => is_payload_of(spec, release, candidate),
            Self::Unnamed { ours } => ours,
            Self::OtherJob => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_counts_for_the_release_that_it_names_and_for_no_other() {
        let release: ZStream = "4.20.17".parse().unwrap();
        let (same, other): (ZStream, ZStream) = ("4.20.17".parse().unwrap(), "4.20.1".parse().unwrap());
        let nightly = Some("4.20.0-0.nightly-2026-06-01-230000");
        let payload = |spec, candidate| About::Payload { spec, candidate };
        for (about, counts) in [
            (About::Release(&same), true),
            (About::Release(&other), false),
            (payload("registry.example.com/ocp/release:4.20.17-x86_64", None), true),
            (payload("registry.example.com/ocp/release:4.20.1-x86_64", None), false),
            (payload("registry.example.com/ocp/release:4.20.170-x86_64", None), false),
            (payload("registry.example.com/ocp/release:4.20.17-rc.1-x86_64", None), false),
            (payload("registry.example.com/ocp/release@sha256:00", None), false),
            (payload("registry.example.com/ocp/release:4.20.0-0.nightly-2026-06-01-230000", nightly), true),
            (payload("registry.example.com/ocp/release:4.20.0-0.nightly-2026-06-01-230000", None), false),
            (payload("registry.example.com/ocp/release:4.20.0-0.nightly-2026-06-02-230000", nightly), false),
            (payload("", nightly), false),
            (About::Unnamed { ours: true }, true),
            (About::Unnamed { ours: false }, false),
            (About::OtherJob, false),
        ] {
            assert_eq!(about.counts_for(&release), counts, "{about:?}");
        }
    }
}
