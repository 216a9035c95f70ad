//! Which test record of a build is acceptable: record flags and job count against the registry.
