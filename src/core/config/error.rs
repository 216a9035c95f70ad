//! What can be wrong with settings, sealed settings and credentials.

use std::path::PathBuf;

use super::jwe::JweError;
use super::origin::Origin;
use crate::core::clock::NoSimulator;
use crate::core::error::ErrorClass;
use crate::domain::assembly::AssemblyError;
use crate::domain::credential::Credential;

/// A setting, file or credential that does not let us start. Never holds a secret's value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Variables without a value; all of them at once.
    #[error("credentials are missing: {}", list(.0))]
    MissingCredentials(Vec<Credential>),
    /// A key that no setting has.
    #[error("unknown setting {key:?} ({origin}){}", did_you_mean(.nearest))]
    UnknownKey {
        /// As written.
        key: String,
        /// Where it is written.
        origin: Origin,
        /// The known key most like it.
        nearest: Option<String>,
    },
    /// A value outside of what the setting accepts.
    #[error("setting {key} cannot be {given:?} ({origin}): it takes {accepted}")]
    BadValue {
        /// The setting.
        key: String,
        /// What was given.
        given: String,
        /// Where it was given.
        origin: Origin,
        /// What it takes.
        accepted: String,
    },
    /// A setting without default that somebody needs now.
    #[error("setting {key} has no value")]
    NotSet {
        /// The setting.
        key: String,
        /// The variable that sets it.
        variable: &'static str,
    },
    /// A setting that is to be a number.
    #[error("setting {key} is no number")]
    NoNumber {
        /// The setting.
        key: String,
        /// The variable that sets it.
        variable: &'static str,
    },
    /// A file that holds no key of a GitHub App.
    #[error("{} holds no private key of a GitHub App (RSA, PEM)", path.display())]
    NoAppKey {
        /// The file.
        path: PathBuf,
        /// The variable that names it.
        variable: &'static str,
    },
    /// The TLS set-up of this machine is unusable.
    #[error("no HTTPS client can be built on this machine")]
    Tls(#[source] reqwest::Error),
    /// A file that cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// A file that is there already and was not to be replaced.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A settings file that is not TOML.
    #[error("{}:{line} is not valid TOML: {why}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        why: String,
    },
    /// The sealed settings do not open.
    #[error("the sealed settings {} cannot be opened", path.display())]
    Sealed {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: JweError,
    },
    /// Sealed settings whose content breaks the schema; all complaints at once.
    #[error("the sealed settings {} are incomplete or wrong: {}", path.display(), complaints.join("; "))]
    SealedContent {
        /// The file.
        path: PathBuf,
        /// One line per complaint.
        complaints: Vec<String>,
    },
    /// Unencrypted settings inside a repository, one `git add` away from being public.
    #[error("{} holds unsealed settings inside the repository {}", path.display(), repository.display())]
    PlainInRepository {
        /// The file.
        path: PathBuf,
        /// The work tree.
        repository: PathBuf,
    },
    /// No sealed settings were named.
    #[error("no sealed settings: OAR_CONFIG_FILE is not set")]
    NoSealedSettings,
    /// A contact, owner or template that the sealed settings do not have.
    #[error("the sealed settings have no {what}")]
    NoEntry {
        /// The dotted key.
        what: String,
    },
    /// A simulator was asked for, but an address leaves this machine.
    #[error("{key} is {url} ({origin}), which is not on this machine, but OAR_SIM_URL is set")]
    NotLoopback {
        /// The setting.
        key: String,
        /// The address.
        url: String,
        /// Where it was given.
        origin: Origin,
    },
    /// A simulator was asked for that does not answer.
    #[error(transparent)]
    NoSimulator(#[from] NoSimulator),
    /// Build data that cannot be used.
    #[error(transparent)]
    BuildData(#[from] AssemblyError),
    /// Output that cannot be written.
    #[error("the output cannot be written")]
    Output(#[source] std::io::Error),
}

impl ConfigError {
    /// What kind of trouble it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::MissingCredentials(_) => ErrorClass::Auth,
            Self::Sealed { cause, .. } => cause.class(),
            Self::UnknownKey { .. }
            | Self::BadValue { .. }
            | Self::NotSet { .. }
            | Self::NoNumber { .. }
            | Self::NoAppKey { .. }
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::NotToml { .. }
            | Self::SealedContent { .. }
            | Self::PlainInRepository { .. }
            | Self::NoSealedSettings
            | Self::Tls(_)
            | Self::NotLoopback { .. } => ErrorClass::Config,
            Self::NoEntry { .. } => ErrorClass::NotFound,
            Self::Exists { .. } => ErrorClass::Conflict,
            Self::NoSimulator(_) => ErrorClass::Transient,
            Self::BuildData(AssemblyError::NotListed { .. }) => ErrorClass::NotReady,
            Self::BuildData(AssemblyError::TopLevelSuffix { .. }) => ErrorClass::NeedsPerson,
            Self::BuildData(
                AssemblyError::NotYaml { .. } | AssemblyError::Shape { .. } | AssemblyError::Cycle { .. },
            ) => ErrorClass::Corrupt,
            Self::Output(_) => ErrorClass::Internal,
        }
    }

    /// What to do now.
    pub fn next_step(&self) -> String {
        match self {
            Self::MissingCredentials(missing) => missing.iter().copied().map(how_to_set).collect::<Vec<_>>().join("\n"),
            Self::UnknownKey { nearest: Some(nearest), .. } => format!("write {nearest}, or remove the key"),
            Self::UnknownKey { nearest: None, .. } => "remove the key; `oar config show` lists all settings".to_owned(),
            Self::BadValue { origin, .. } | Self::NotLoopback { origin, .. } => {
                format!("change or remove it: {origin}")
            }
            Self::NotSet { variable, .. } => format!("set {variable}"),
            Self::NoNumber { variable, .. } => format!("write the number alone into {variable}"),
            Self::NoAppKey { variable, .. } => {
                format!("make a private key on the page of the App, and name its file in {variable}")
            }
            Self::Tls(_) => "install the CA certificates of the system (package ca-certificates)".to_owned(),
            Self::Unreadable { path, .. } => format!("check that {} exists and is yours to read", path.display()),
            Self::Unwritable { path, .. } => format!("check that {} is yours to write", path.display()),
            Self::NoSimulator(_) => {
                "start one with oar sim serve and set what it prints, or unset OAR_SIM_URL".to_owned()
            }
            Self::Exists { .. } => "name another file, or remove this one first".to_owned(),
            Self::NotToml { path, line, .. } => format!("correct line {line} of {}", path.display()),
            Self::Sealed { cause, .. } => cause.next_step().to_owned(),
            Self::SealedContent { .. } => "oar config decrypt, correct the content, oar config encrypt".to_owned(),
            Self::PlainInRepository { path, .. } => {
                format!("seal it (oar config encrypt {0} {0}.jwe) or move it out of the repository", path.display())
            }
            Self::NoSealedSettings => "set OAR_CONFIG_FILE to the file of sealed settings".to_owned(),
            Self::NoEntry { what } => format!("add {what} to the sealed settings (oar config decrypt, then encrypt)"),
            Self::BuildData(AssemblyError::NotListed { .. }) => {
                "wait until ART lists the release in its build data, or check the release number".to_owned()
            }
            Self::BuildData(AssemblyError::TopLevelSuffix { .. }) => {
                "ask ART to write the key without its suffix and to put the suffix on the keys below it".to_owned()
            }
            Self::BuildData(
                AssemblyError::NotYaml { .. } | AssemblyError::Shape { .. } | AssemblyError::Cycle { .. },
            ) => "tell ART about the entry; the build data is theirs".to_owned(),
            Self::Output(_) => "run it again with an output that can be written".to_owned(),
        }
    }
}

/// What a person does who lacks `credential`.
pub fn how_to_set(credential: Credential) -> String {
    format!("set {} ({}): {}", credential.variable(), credential.purpose(), credential.how_to_get())
}

fn list(missing: &[Credential]) -> String {
    missing.iter().map(|credential| credential.variable()).collect::<Vec<_>>().join(", ")
}

fn did_you_mean(known: &Option<String>) -> String {
    known.as_ref().map(|key| format!("; did you mean {key}?")).unwrap_or_default()
}
