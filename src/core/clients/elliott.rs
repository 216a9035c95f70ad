//! The program `elliott`: CVE trackers of an assembly.
