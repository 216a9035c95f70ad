//! The advisories that a release manages, with their states.
