//! What stands on the branches, read once for everything that one pass looks at: the list of records and the registries.

use std::collections::BTreeSet;

use crate::core::context::Context;
use crate::core::statebox::file::ListedFile;
use crate::core::statebox::records::REGISTRY_BRANCH;
use crate::domain::build::Stream;
use crate::domain::build_stream::{BuildStream, order};
use crate::domain::foreign;
use crate::domain::job_registry::versions::RegistryName;
use crate::domain::job_registry::{JobRegistry, RegistryJob};
use crate::domain::result_file::ResultFile;
use crate::domain::result_file::name::{RecordName, ResultName};
use crate::operators::error::TaskError;
use crate::operators::jobs::job_writer::JobWriter;

/// A folder with more files than this is slow to list for everybody.
const MANY_FILES: usize = 800;

/// Records and registries of one pass.
#[derive(Debug)]
pub struct JobFiles {
    records: Vec<(ResultName, ListedFile)>,
    registries: Vec<(RegistryName, Result<JobRegistry, String>)>,
    /// What is odd about the whole.
    pub notes: Vec<String>,
}

/// A record as it was read.
#[derive(Debug)]
pub struct ReadRecord {
    /// Which build.
    pub of: ResultName,
    /// What stands in it.
    pub file: ResultFile,
}

impl JobFiles {
    /// Lists the records and reads the registries. Reads only; two requests.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn read(ctx: &Context) -> Result<Self, TaskError> {
        let files = ctx.record_files();
        let (listed, registries) = futures::join!(files.list(), ctx.repo.registry_files(REGISTRY_BRANCH));
        let (listed, registries) = (listed?, registries?);
        let mut notes = Vec::new();
        if listed.len() > MANY_FILES {
            notes.push(format!("{} files stand in _releases; old records are to be archived", listed.len()));
        }
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let record = |file: ListedFile| match RecordName::parse(&name(&file.path)) {
            RecordName::Result(of) => Some((of, file)),
            RecordName::Latest | RecordName::Other => None,
        };
        let registry = |name: String, text: Result<String, String>| {
            Some((RegistryName::parse(&name)?, text.map(|text| JobRegistry::named(&name, &text))))
        };
        Ok(Self {
            records: listed.into_iter().filter_map(record).collect(),
            registries: registries.into_iter().filter_map(|file| registry(name(&file.path), file.text)).collect(),
            notes,
        })
    }

    /// Every record, in the order of their names.
    pub fn records(&self) -> impl Iterator<Item = &ResultName> {
        self.records.iter().map(|(of, _)| of)
    }

    /// The minors that have a registry.
    pub fn registry_names(&self) -> impl Iterator<Item = &RegistryName> {
        self.registries.iter().map(|(name, _)| name)
    }

    /// The names of all jobs of all registries, each once.
    pub fn jobs(&self) -> BTreeSet<&str> {
        self.sections().flat_map(|(_, jobs)| jobs).map(|job| job.name.as_str()).collect()
    }

    /// The streams whose builds `job` tests, as a registry says that can be used.
    pub fn streams_of(&self, job: &str) -> Vec<BuildStream> {
        let has = |jobs: &[RegistryJob]| jobs.iter().any(|known| known.name == job && !known.disabled);
        self.sections().filter(|(_, jobs)| has(jobs)).map(|(stream, _)| stream).collect()
    }

    fn sections(&self) -> impl Iterator<Item = (BuildStream, &[RegistryJob])> {
        let readable = self.registries.iter().filter_map(|(name, registry)| Some((name, registry.as_ref().ok()?)));
        readable.flat_map(|(name, registry)| {
            let section = |stream| {
                let of = BuildStream { minor: name.minor, stream, arch: name.arch };
                Some((of, registry.section(stream).ok()?))
            };
            Stream::ALL.into_iter().filter_map(section)
        })
    }

    /// The records of a stream, the oldest build first.
    pub fn of_stream(&self, stream: &BuildStream) -> Vec<&ResultName> {
        let mut found: Vec<_> = self.records().filter(|of| of.arch == stream.arch && stream.holds(&of.build)).collect();
        found.sort_by(|one, other| order(&one.build, &other.build).unwrap_or(std::cmp::Ordering::Equal));
        found
    }

    /// Reads the record of a build; nothing when there is none.
    ///
    /// # Errors
    ///
    /// The store does not answer, or the record is damaged.
    pub async fn open(&self, writer: &JobWriter<'_>, of: &ResultName) -> Result<Option<ReadRecord>, TaskError> {
        let Some((_, listed)) = self.records.iter().find(|(name, _)| name == of) else { return Ok(None) };
        let Some(text) = writer.files.text(listed).await? else { return Ok(None) };
        Ok(Some(ReadRecord { of: of.clone(), file: read(of, &text)? }))
    }

    /// The jobs of a stream with the digest of their registry.
    ///
    /// # Errors
    ///
    /// There is no registry, or its section is unusable: nothing may be triggered or judged by it.
    pub fn section(&self, stream: &BuildStream) -> Result<(&str, &[RegistryJob]), TaskError> {
        let wanted = stream.registry();
        let refuse = |why: String| TaskError::Refused {
            why,
            next: format!("jobctl registry check, then correct {} on {REGISTRY_BRANCH}", wanted.file()),
        };
        let found = self.registries.iter().find(|(name, _)| *name == wanted);
        let (_, registry) = found.ok_or_else(|| refuse(format!("there is no job registry {}", wanted.file())))?;
        let registry = registry.as_ref().map_err(|why| refuse(format!("{} cannot be read: {why}", wanted.file())))?;
        let jobs = registry.section(stream.stream).map_err(|why| refuse(why.to_string()))?;
        Ok((registry.digest(), jobs))
    }
}

/// Reads the text of a record.
///
/// # Errors
///
/// It is damaged, or about another build.
pub fn read(of: &ResultName, text: &str) -> Result<ResultFile, TaskError> {
    let refuse = |why: String| TaskError::Refused {
        why: format!("{}: {why}", of.path()),
        next: format!("look at it with jobctl evaluate, and correct {} on the branch of the records", of.path()),
    };
    let file = ResultFile::read(text).map_err(|bad| refuse(bad.to_string()))?;
    match file.build() {
        Some(build) if build != of.build => Err(refuse(format!("it is about {}", foreign::name(&build)))),
        Some(_) | None => Ok(file),
    }
}

/// The stream of a record.
///
/// # Errors
///
/// Its name is that of no build.
pub fn stream_of(of: &ResultName) -> Result<BuildStream, TaskError> {
    BuildStream::of(&of.build, of.arch).ok_or_else(|| TaskError::Refused {
        why: format!("{} is the name of no {} build", of.build, of.arch.name()),
        next: "give a build as the release controller names it, for example 4.20.17".to_owned(),
    })
}
