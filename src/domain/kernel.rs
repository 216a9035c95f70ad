//! The kernel inside an RHCOS build, and the tag that forbids shipping it.

use std::fmt;

/// Whoever finds this tag on a kernel build must not ship it.
pub const STOP_SHIP: &str = "early-kernel-stop-ship";

/// Beginning of the RHCOS builds that hold the kernel looked at: all architectures carry the same one.
const RHCOS: &str = "rhcos-x86";

/// Name, version and release of a build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nvr {
    name: String,
    version: String,
    release: String,
}

impl Nvr {
    /// Puts a build name together; nothing when a part could lead out of its folder.
    pub fn new(name: &str, version: &str, release: &str) -> Option<Self> {
        let plain = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'~' | b'^'))
        };
        let named = |name: &str| !name.is_empty() && name.split('-').all(|part| part.is_empty() || plain(part));
        (named(name) && plain(version) && plain(release)).then(|| Self {
            name: name.to_owned(),
            version: version.to_owned(),
            release: release.to_owned(),
        })
    }

    /// Reads `name-version-release`: the name may hold dashes, the other two hold none.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, release) = text.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        Self::new(name, version, release)
    }

    /// Its folder among the files of builds: `name/version/release`.
    pub fn folder(&self) -> String {
        format!("{}/{}/{}", self.name, self.version, self.release)
    }
}

impl fmt::Display for Nvr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.name, self.version, self.release)
    }
}

/// May an advisory of this kind hold an RHCOS build?
pub fn may_hold_rhcos(impetus: &str) -> bool {
    matches!(impetus, "image" | "rhcos")
}

/// The RHCOS builds among the builds of an advisory.
pub fn rhcos_builds<'a>(builds: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    builds.into_iter().filter(|build| build.starts_with(RHCOS)).collect()
}

/// Do the tags of a kernel build forbid shipping it?
pub fn forbids_shipping<'a>(tags: impl IntoIterator<Item = &'a str>) -> bool {
    tags.into_iter().any(|tag| tag == STOP_SHIP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_name_ends_with_version_and_release() {
        let folder = |text: &str| Nvr::parse(text).map(|nvr| nvr.folder());
        let rhcos = "rhcos-x86_64-4.20.9.6.202511191541-0";
        assert_eq!(folder(rhcos).as_deref(), Some("rhcos-x86_64/4.20.9.6.202511191541/0"));
        assert_eq!(folder("kernel-rt-5.14.0-1.el9_2").as_deref(), Some("kernel-rt/5.14.0/1.el9_2"));
        for text in ["", "rhcos", "rhcos-1", "-1-2", "a--2", "a-1-", "a/b-1-2", "a-..-2", "a-1-2\n"] {
            assert_eq!(folder(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_the_exact_tag_forbids_shipping() {
        assert!(forbids_shipping(["rhel-9.2.0-z", "early-kernel-stop-ship"]));
        assert!(!forbids_shipping(["early-kernel-candidate", "rhel-9.2.0-z", "not-early-kernel-stop-ship"]));
        assert!(!forbids_shipping([]));
    }

    #[test]
    fn the_kernel_is_looked_up_in_the_x86_build_of_rhcos() {
        let builds = ["rhcos-aarch64-4.20.1-0", "rhcos-x86_64-4.20.1-0", "kernel-1-2"];
        assert_eq!(rhcos_builds(builds), ["rhcos-x86_64-4.20.1-0"]);
    }
}
