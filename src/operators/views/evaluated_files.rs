//! Test records in files of this machine, judged by registries in files of this machine. Asks nobody.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::domain::build::{Arch, made_at, minor_of};
use crate::domain::evaluation::{Evaluation, evaluate};
use crate::domain::foreign;
use crate::domain::job_registry::versions::{self, RegistryName, RegistryVersion};
use crate::domain::job_registry::{JobRegistry, RegistryJob};
use crate::domain::result_file::ResultFile;
use crate::domain::result_file::name::{RecordName, ResultName, check_latest};

/// By which registry records are judged.
#[derive(Debug)]
pub enum RegistrySource {
    /// By the jobs that a record was planned by, else by the registry that lies beside it.
    OwnOrBeside,
    /// All by this one.
    File(PathBuf),
    /// Each by the version of its time.
    History {
        /// Folder of the versions.
        folder: PathBuf,
        /// What lies in it.
        versions: Vec<RegistryVersion>,
    },
}

impl RegistrySource {
    /// The versions in a folder.
    ///
    /// # Errors
    ///
    /// The folder cannot be listed.
    pub fn history(folder: &Path) -> io::Result<Self> {
        let mut versions = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            versions.extend(RegistryVersion::parse(&entry?.file_name().to_string_lossy()));
        }
        Ok(Self::History { folder: folder.to_owned(), versions })
    }
}

/// What a record was judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedBy {
    /// The file; nothing when the record itself says its jobs.
    pub file: Option<PathBuf>,
    /// Its version, when it is one of a history.
    pub stamp: Option<String>,
    /// Digest of the registry.
    pub digest: String,
}

/// What is recorded, beside the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Was it counted?
    pub aggregated: Option<bool>,
    /// With which verdict?
    pub accepted: Option<bool>,
    /// Did a person promote the build?
    pub manual_promotion: Option<bool>,
}

/// A record with its verdicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluatedRecord {
    /// What it is about.
    pub of: ResultName,
    /// What it was judged by; nothing when there is no registry.
    pub by: Option<JudgedBy>,
    /// What was recorded.
    pub recorded: Recorded,
    /// The verdicts.
    pub evaluation: Evaluation,
}

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOutcome {
    /// Judged.
    Record(Box<EvaluatedRecord>),
    /// Says which build a stream is at, and nothing to judge.
    Latest,
    /// Something else, as neither its name nor its content is that of a record.
    NoRecord {
        /// What its content lacks.
        why: String,
    },
    /// Damaged, or its registry is unusable.
    Damaged {
        /// Why.
        why: String,
    },
    /// Cannot be read.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluatedFile {
    /// As it was named.
    pub path: PathBuf,
    /// What came of it.
    pub outcome: FileOutcome,
}

/// Judges files. Each registry is read once.
///
/// # Errors
///
/// The registry that all are to be judged by cannot be read.
pub fn evaluate_files(files: &[PathBuf], source: &RegistrySource) -> io::Result<Vec<EvaluatedFile>> {
    let mut read = ReadRegistries::default();
    if let RegistrySource::File(path) = source {
        read.of(path)?;
    }
    Ok(files
        .iter()
        .map(|path| EvaluatedFile { path: path.clone(), outcome: outcome(path, source, &mut read) })
        .collect())
}

fn outcome(path: &Path, source: &RegistrySource, read: &mut ReadRegistries) -> FileOutcome {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return FileOutcome::Unreadable { why: error.to_string() },
    };
    let judged = match String::from_utf8(bytes) {
        Ok(text) => judged(path, &text, source, read),
        Err(_) => Err("it is not UTF-8".to_owned()),
    };
    judged.unwrap_or_else(|why| FileOutcome::Damaged { why })
}

fn judged(path: &Path, text: &str, source: &RegistrySource, read: &mut ReadRegistries) -> Result<FileOutcome, String> {
    let named = RecordName::parse(&name_of(path));
    if named == RecordName::Latest {
        return check_latest(text).map(|()| FileOutcome::Latest).map_err(|error| error.to_string());
    }
    let file = match ResultFile::read(text) {
        Ok(file) => file,
        Err(error) if named == RecordName::Other && is_for_others(&name_of(path)) => {
            return Ok(FileOutcome::NoRecord { why: error.why });
        }
        Err(error) => return Err(error.to_string()),
    };
    let of = match (named, file.build()) {
        (RecordName::Result(of), Some(build)) if of.build != build => {
            return Err(format!("the test record of {} is about {}", of.build, foreign::name(&build)));
        }
        (RecordName::Result(of), _) => of,
        (RecordName::Latest | RecordName::Other, Some(build)) if minor_of(&build).is_some() => {
            ResultName { arch: arch_in(&build), build }
        }
        (RecordName::Latest | RecordName::Other, _) => return Err("nothing says of which build it is".to_owned()),
    };
    let chosen = choose(path, &file, &of, source, read)?;
    let (jobs, by) = chosen.map_or_else(|| (Vec::new(), None), |(jobs, by)| (jobs, Some(by)));
    let recorded =
        Recorded { aggregated: file.aggregated(), accepted: file.accepted(), manual_promotion: file.promoted() };
    let evaluation = evaluate(&file, &jobs);
    Ok(FileOutcome::Record(Box::new(EvaluatedRecord { of, by, recorded, evaluation })))
}

/// Does what lies beside records have such a name: registries, pages, tables?
fn is_for_others(name: &str) -> bool {
    !name.ends_with(".json") || versions::is_of_registries(name)
}

/// The name of a file without its folder.
pub fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The architecture that the name of a build says.
fn arch_in(build: &str) -> Arch {
    let said = Arch::ALL.into_iter().find(|arch| build.contains(&format!("nightly-{}-", arch.name())));
    said.unwrap_or(Arch::Amd64)
}

/// The jobs that judge a record, and where they stand; nothing when there is no registry.
fn choose(
    path: &Path,
    file: &ResultFile,
    of: &ResultName,
    source: &RegistrySource,
    read: &mut ReadRegistries,
) -> Result<Option<(Vec<RegistryJob>, JudgedBy)>, String> {
    let Some(minor) = of.minor() else { return Ok(None) };
    let wanted = RegistryName { minor, arch: of.arch };
    let (registry, stamp) = match source {
        RegistrySource::File(registry) => {
            let name = name_of(registry);
            let version = RegistryVersion::parse(&name);
            let is_of = version.as_ref().map(|version| version.of.clone()).or_else(|| RegistryName::parse(&name));
            if let Some(is_of) = is_of.filter(|is_of| *is_of != wanted) {
                return Err(format!("the job registry is of {} {}", is_of.minor, is_of.arch.name()));
            }
            (registry.clone(), version.map(|version| version.stamp))
        }
        RegistrySource::History { folder, versions } => {
            let Some(version) = versions::at(versions, &wanted, began(file).or_else(|| made_at(&of.build))) else {
                return Ok(None);
            };
            (folder.join(&version.file), Some(version.stamp.clone()))
        }
        RegistrySource::OwnOrBeside => {
            if let Some(policy) = file.policy() {
                return Ok(Some((policy.jobs, JudgedBy { file: None, stamp: None, digest: policy.digest })));
            }
            let beside = path.with_file_name(wanted.file());
            if !beside.exists() {
                return Ok(None);
            }
            (beside, None)
        }
    };
    let found = read.of(&registry).map_err(|error| format!("{} cannot be read ({error})", registry.display()))?;
    let jobs = found.section(of.stream()).map_err(|error| error.to_string())?.to_vec();
    Ok(Some((jobs, JudgedBy { file: Some(registry), stamp, digest: found.digest().to_owned() })))
}

/// When the first run of a record began.
fn began(file: &ResultFile) -> Option<Timestamp> {
    let jobs = file.jobs();
    let starts = jobs.iter().flat_map(|job| job.runs()).filter_map(|run| run.started?.parse().ok());
    starts.min()
}

/// Registries that were read, by their file.
#[derive(Default)]
struct ReadRegistries(BTreeMap<PathBuf, JobRegistry>);

impl ReadRegistries {
    fn of(&mut self, path: &Path) -> io::Result<&JobRegistry> {
        if !self.0.contains_key(path) {
            let registry = JobRegistry::named(&name_of(path), &String::from_utf8_lossy(&std::fs::read(path)?));
            self.0.insert(path.to_owned(), registry);
        }
        self.0.get(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
