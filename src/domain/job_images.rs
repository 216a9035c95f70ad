//! With which images a test job runs, and by which variables it is given them.

use std::collections::BTreeMap;

use super::build::{Arch, Stream, made_at};
use super::foreign::quoted;
use super::job_registry::RegistryJob;
use super::release::{Minor, ZStream};

/// The images of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Images {
    /// Installs this one.
    Payload(String),
    /// Installs `from` (its own choice when nothing) and upgrades to `to`.
    Upgrade {
        /// Pull spec that it starts from.
        from: Option<String>,
        /// Pull spec of the version that is tested.
        to: String,
    },
    /// Installs this one, and chooses itself what it upgrades to.
    UpgradeFrom(String),
}

/// Images that no job is started with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadImages {
    /// More than one thing is asked for.
    #[error("a job either installs a payload or upgrades, not both")]
    PayloadAndUpgrade,
    /// A payload, and an upgrade to another one.
    #[error("payload and upgrade_to are different: a run tests one")]
    TwoUnderTest,
    /// Nothing tells which variables carry it.
    #[error("{} names no architecture", quoted(.0))]
    NoArchitecture(String),
    /// There are no variables for it.
    #[error("test jobs take no image of {}", .0.name())]
    NoVariables(Arch),
    /// The pull spec names another architecture.
    #[error("{} is an image of {}, not of {}", quoted(spec), found.name(), wanted.name())]
    OtherArch {
        /// The pull spec.
        spec: String,
        /// What it names.
        found: Arch,
        /// What was asked for.
        wanted: Arch,
    },
}

impl Images {
    /// The image that the run tests, where its variables say that.
    pub fn tested(&self) -> Option<&str> {
        match self {
            Self::Payload(image) | Self::Upgrade { to: image, .. } => Some(image),
            Self::UpgradeFrom(_) => None,
        }
    }

    /// What is asked for on a command line; nothing when no image is.
    ///
    /// # Errors
    ///
    /// A payload together with an upgrade.
    pub fn asked(payload: Option<&str>, from: Option<&str>, to: Option<&str>) -> Result<Option<Self>, BadImages> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok(match (payload, from, to) {
            (None, None, None) => None,
            (Some(payload), None, None) => Some(Self::Payload(payload.to_owned())),
            (None, from, Some(to)) => Some(Self::Upgrade { from: owned(from), to: to.to_owned() }),
            (None, Some(from), None) => Some(Self::UpgradeFrom(from.to_owned())),
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => return Err(BadImages::PayloadAndUpgrade),
        })
    }

    /// What an agent asks for: the payload under test, and what an upgrade to it starts from; nothing without a payload.
    ///
    /// # Errors
    ///
    /// `to` names another image than the payload under test.
    pub fn under_test(
        payload: Option<String>,
        from: Option<String>,
        to: Option<String>,
    ) -> Result<Option<Self>, BadImages> {
        match (payload, from, to) {
            (None, _, _) => Ok(None),
            (Some(payload), None, None) => Ok(Some(Self::Payload(payload))),
            (Some(payload), Some(from), None) => Ok(Some(Self::Upgrade { from: Some(from), to: payload })),
            (Some(payload), from, Some(to)) if payload == to => Ok(Some(Self::Upgrade { from, to })),
            (Some(_), _, Some(_)) => Err(BadImages::TwoUnderTest),
        }
    }

    /// The variables that carry them.
    ///
    /// # Errors
    ///
    /// A pull spec of another architecture, or an architecture without variables.
    pub fn variables(&self, arch: Arch) -> Result<BTreeMap<String, String>, BadImages> {
        for spec in self.specs() {
            if let Some(found) = arch_of(spec).filter(|found| *found != arch) {
                return Err(BadImages::OtherArch { spec: spec.to_owned(), found, wanted: arch });
            }
        }
        let (latest, target) = match arch {
            Arch::Amd64 => ("RELEASE_IMAGE_LATEST", "RELEASE_IMAGE_TARGET"),
            Arch::Arm64 => ("RELEASE_IMAGE_ARM64_LATEST", "RELEASE_IMAGE_ARM64_TARGET"),
            Arch::Multi => ("RELEASE_IMAGE_MULTI_LATEST", "RELEASE_IMAGE_MULTI_TARGET"),
            Arch::Ppc64le => ("RELEASE_IMAGE_PPC64LE_LATEST", "RELEASE_IMAGE_PPC64LE_TARGET"),
            Arch::S390x => return Err(BadImages::NoVariables(arch)),
        };
        let mut variables = BTreeMap::new();
        let mut set = |name: &str, spec: &str| drop(variables.insert(name.to_owned(), spec.to_owned()));
        let nightly = self.specs().any(|spec| spec.contains("nightly"));
        match self {
            Self::Payload(spec) | Self::UpgradeFrom(spec) => set(latest, spec),
            Self::Upgrade { from, to } => {
                if let Some(from) = from {
                    set(latest, from);
                }
                set(target, to);
            }
        }
        // The cluster that runs an arm64 test takes the tools of amd64, of which only stable builds have one.
        if arch == Arch::Arm64 && !nightly {
            let first = self.specs().next().unwrap_or_default();
            set("RELEASE_IMAGE_LATEST", &of_amd64(first));
        }
        Ok(variables)
    }

    /// The images that a run was given by its variables; nothing when it was given none.
    pub fn of_variables(variables: &BTreeMap<String, String>) -> Option<Self> {
        let names = ["_ARM64", "_MULTI", "_PPC64LE", ""].into_iter();
        let one = |name: String| variables.get(&name).filter(|spec| !spec.is_empty()).cloned();
        let mut found = names.map(|arch| {
            let [latest, target] = ["LATEST", "TARGET"].map(|which| one(format!("RELEASE_IMAGE{arch}_{which}")));
            match (latest, target) {
                (from, Some(to)) => Some(Self::Upgrade { from, to }),
                (Some(payload), None) => Some(Self::Payload(payload)),
                (None, None) => None,
            }
        });
        found.find_map(|images| images)
    }

    /// The pull specs that they name.
    pub fn specs(&self) -> impl Iterator<Item = &str> {
        let both = match self {
            Self::Payload(spec) | Self::UpgradeFrom(spec) => [Some(spec), None],
            Self::Upgrade { from, to } => [from.as_ref(), Some(to)],
        };
        both.into_iter().flatten().map(String::as_str)
    }
}

/// What an upgrade job starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartImage {
    /// It installs the build itself.
    TheBuild,
    /// The stable build of this minor, which has to be found.
    Stable(Minor),
    /// Its own configuration knows.
    ItsOwn,
}

impl StartImage {
    /// What a run of `job` for a build of `minor` starts from.
    pub fn of(job: &RegistryJob, minor: Minor, stream: Stream) -> Self {
        if !job.upgrade {
            Self::TheBuild
        } else if stream == Stream::Nightly && upgrades_from_stable(&job.name, minor) {
            Self::Stable(minor)
        } else {
            Self::ItsOwn
        }
    }
}

/// The images of a run of `job` for the build at `pull_spec`.
pub fn of_job(job: &RegistryJob, pull_spec: &str, upgrade_from: Option<&str>) -> Images {
    if job.upgrade {
        Images::Upgrade { from: upgrade_from.map(str::to_owned), to: pull_spec.to_owned() }
    } else {
        Images::Payload(pull_spec.to_owned())
    }
}

/// Versions are compared as a whole: `upgrade-from-stable-5.1` is not `upgrade-from-stable-5.10`.
fn upgrades_from_stable(job: &str, minor: Minor) -> bool {
    const FROM: &str = "upgrade-from-stable-";
    let versions = job.match_indices(FROM).filter_map(|(at, _)| job.get(at + FROM.len()..)?.split('-').next());
    versions.filter_map(|version| version.parse::<Minor>().ok()).any(|version| version == minor)
}

/// The architecture whose variables carry `images`: the one that was given, else the one that they name.
///
/// # Errors
///
/// None was given, and a digest names none.
pub fn arch_for(images: &Images, given: Option<Arch>) -> Result<Arch, BadImages> {
    if let Some(arch) = given.or_else(|| images.specs().find_map(arch_of)) {
        return Ok(arch);
    }
    match images.specs().find(|spec| spec.contains('@')) {
        Some(spec) => Err(BadImages::NoArchitecture(spec.to_owned())),
        None => Ok(Arch::Amd64),
    }
}

/// The architecture that a pull spec names; one by digest names none.
pub fn arch_of(spec: &str) -> Option<Arch> {
    let name = spec.rsplit_once('/').map_or(spec, |(_, name)| name);
    let tag = name.rsplit_once(':').map_or("", |(_, tag)| tag);
    let parts = || spec.split(['/', ':', '-', '@', '_']);
    if parts().any(|part| matches!(part, "arm64" | "aarch64")) {
        Some(Arch::Arm64)
    } else if parts().any(|part| part == "multi") {
        Some(Arch::Multi)
    } else if parts().any(|part| part == "ppc64le") {
        Some(Arch::Ppc64le)
    } else if parts().any(|part| part == "s390x") {
        Some(Arch::S390x)
    } else if name.ends_with("x86_64") || (tag.contains("nightly") && made_at(tag).is_some()) {
        // Nightlies of every other architecture name it.
        Some(Arch::Amd64)
    } else {
        None
    }
}

/// The amd64 payload of the same version, in the same repository.
fn of_amd64(spec: &str) -> String {
    let Some((repository, tag)) = spec.rsplit_once(':').filter(|_| !spec.contains('@')) else { return spec.to_owned() };
    let version = tag.rsplit_once('-').map_or(tag, |(version, _)| version);
    match version.parse::<ZStream>() {
        Ok(version) => format!("{repository}:{version}-x86_64"),
        Err(_) => spec.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STABLE: &str = "quay.example.com/ocp-release:4.20.17";

    fn shown(images: &Images, arch: Arch) -> String {
        match images.variables(arch) {
            Ok(variables) => {
                let short = |(name, spec): (String, String)| {
                    format!("{}={}", name.trim_start_matches("RELEASE_IMAGE_"), spec.rsplit(['/']).next().unwrap())
                };
                variables.into_iter().map(short).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_architecture_has_variables_of_its_own() {
        let payload = |arch: &str| Images::Payload(format!("{STABLE}-{arch}"));
        let upgrade = |arch: &str| Images::Upgrade {
            from: Some(format!("quay.example.com/ocp-release:4.19.3-{arch}")),
            to: format!("{STABLE}-{arch}"),
        };
        for (images, arch, wanted) in [
            (payload("x86_64"), Arch::Amd64, "LATEST=ocp-release:4.20.17-x86_64"),
            (upgrade("x86_64"), Arch::Amd64, "LATEST=ocp-release:4.19.3-x86_64 TARGET=ocp-release:4.20.17-x86_64"),
            (payload("multi"), Arch::Multi, "MULTI_LATEST=ocp-release:4.20.17-multi"),
            (
                payload("aarch64"),
                Arch::Arm64,
                "ARM64_LATEST=ocp-release:4.20.17-aarch64 LATEST=ocp-release:4.20.17-x86_64",
            ),
            (
                upgrade("aarch64"),
                Arch::Arm64,
                "ARM64_LATEST=ocp-release:4.19.3-aarch64 ARM64_TARGET=ocp-release:4.20.17-aarch64 \
                 LATEST=ocp-release:4.19.3-x86_64",
            ),
            (payload("s390x"), Arch::S390x, "test jobs take no image of s390x"),
        ] {
            assert_eq!(shown(&images, arch), wanted);
        }
        let nightly = "registry.example.com/ocp-arm64/release-arm64:4.20.0-0.nightly-arm64-2026-06-13-000000";
        let images = Images::Payload(nightly.to_owned());
        assert_eq!(images.variables(Arch::Arm64).unwrap().len(), 1, "there is no amd64 build of a nightly");
    }

    #[test]
    fn an_image_of_another_architecture_starts_nothing() {
        let mixed = Images::Upgrade { from: Some(format!("{STABLE}-multi")), to: format!("{STABLE}-x86_64") };
        assert!(matches!(mixed.variables(Arch::Amd64), Err(BadImages::OtherArch { found: Arch::Multi, .. })));
        let digest = format!("quay.example.com/ocp-release@sha256:{}", "a".repeat(64));
        assert!(Images::Payload(digest).variables(Arch::Multi).is_ok(), "a digest names no architecture");
        let nightly = "registry.example.com/ocp/release:4.20.0-0.nightly-2026-06-13-000000";
        assert_eq!(arch_of(nightly), Some(Arch::Amd64), "those of other architectures name it");
        let mixed = Images::Upgrade { from: Some(nightly.to_owned()), to: format!("{STABLE}-aarch64") };
        let variables = mixed.variables(arch_for(&mixed, None).unwrap());
        assert!(matches!(variables, Err(BadImages::OtherArch { .. })), "{variables:?}");
    }

    #[test]
    fn the_architecture_follows_from_the_images_unless_it_is_given_or_nothing_names_it() {
        let of = |spec: &str, given| arch_for(&Images::Payload(spec.to_owned()), given);
        let digest = format!("quay.example.com/ocp-release@sha256:{}", "a".repeat(64));
        assert_eq!(of(&format!("{STABLE}-multi"), None), Ok(Arch::Multi));
        assert_eq!(of("registry.example.com/ocp/release:4.20.0-rc.1", None), Ok(Arch::Amd64));
        assert_eq!(of(&digest, None), Err(BadImages::NoArchitecture(digest.clone())));
        assert_eq!(of(&digest, Some(Arch::Ppc64le)), Ok(Arch::Ppc64le));
    }

    #[test]
    fn a_run_says_by_its_variables_which_images_it_was_given() {
        let of = |images: Images, arch| Images::of_variables(&images.variables(arch).unwrap());
        let (from, to) = (format!("{STABLE}-aarch64"), format!("{STABLE}-aarch64"));
        let upgrade = Images::Upgrade { from: Some(from), to };
        assert_eq!(of(upgrade.clone(), Arch::Arm64), Some(upgrade));
        let payload = Images::Payload(format!("{STABLE}-multi"));
        assert_eq!(of(payload.clone(), Arch::Multi), Some(payload));
        assert_eq!(Images::of_variables(&BTreeMap::new()), None);
    }

    #[test]
    fn a_run_tests_one_payload_and_an_upgrade_goes_to_it() {
        let spec = |text: &str| Some(text.to_owned());
        let upgrade = |from: Option<&str>| Images::Upgrade { from: from.map(str::to_owned), to: "p".to_owned() };
        for (payload, from, to, asked) in [
            (None, spec("a"), spec("b"), Ok(None)),
            (spec("p"), None, None, Ok(Some(Images::Payload("p".to_owned())))),
            (spec("p"), spec("a"), None, Ok(Some(upgrade(Some("a"))))),
            (spec("p"), spec("a"), spec("p"), Ok(Some(upgrade(Some("a"))))),
            (spec("p"), None, spec("p"), Ok(Some(upgrade(None)))),
            (spec("p"), spec("a"), spec("b"), Err(BadImages::TwoUnderTest)),
        ] {
            assert_eq!(Images::under_test(payload.clone(), from, to), asked, "{payload:?}");
        }
    }

    #[test]
    fn a_payload_together_with_an_upgrade_is_refused() {
        let (p, f, t) = (Some("p"), Some("f"), Some("t"));
        for (payload, from, to) in [(p, f, None), (p, None, t), (p, f, t)] {
            assert_eq!(Images::asked(payload, from, to), Err(BadImages::PayloadAndUpgrade));
        }
        assert_eq!(Images::asked(None, None, None), Ok(None));
        assert_eq!(Images::asked(None, f, None), Ok(Some(Images::UpgradeFrom("f".to_owned()))));
    }

    #[test]
    fn a_nightly_is_upgraded_from_the_stable_build_of_the_very_minor_that_its_job_names() {
        let job = |name: &str, upgrade| RegistryJob { name: name.to_owned(), upgrade, ..RegistryJob::default() };
        let of = |name: &str, upgrade, stream| StartImage::of(&job(name, upgrade), Minor::new(5, 1), stream);
        let (same, other) = ("x-nightly-5.1-upgrade-from-stable-5.1-aws", "x-nightly-5.1-upgrade-from-stable-5.10-aws");
        assert_eq!(of(same, true, Stream::Nightly), StartImage::Stable(Minor::new(5, 1)));
        assert_eq!(of(other, true, Stream::Nightly), StartImage::ItsOwn);
        assert_eq!(of(same, true, Stream::Stable), StartImage::ItsOwn);
        assert_eq!(of(same, false, Stream::Nightly), StartImage::TheBuild);
    }
}
