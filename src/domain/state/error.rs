//! Why a text is not a state file that we may work on.

/// A state file that we refuse; it stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Not YAML.
    #[error("line {line}: {why}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// What was found.
        why: String,
    },
    /// Indented with a tab.
    #[error("line {line}: a tab where YAML allows only spaces")]
    Tab {
        /// Line, from 1.
        line: usize,
    },
    /// One key twice in one mapping: readers disagree which one counts.
    #[error("line {line}: the key {key:?} stands twice in one mapping")]
    DuplicateKey {
        /// Line of the second one.
        line: usize,
        /// The key.
        key: String,
    },
    /// Aliases or nesting that grow beyond any state file.
    #[error("line {line}: {what} beyond what a state file needs")]
    TooMuch {
        /// Line where the limit was passed.
        line: usize,
        /// What there is too much of.
        what: &'static str,
    },
    /// The document is no mapping.
    #[error("line {line}: the document is {found}, not a mapping with schema_version, release, …")]
    NotAMapping {
        /// Line where it begins, from 1.
        line: usize,
        /// What it is.
        found: &'static str,
    },
    /// A key that every state file has is absent.
    #[error("line {line}: the key {path} is missing in the mapping that begins here")]
    Missing {
        /// Line of the nearest thing around it, from 1.
        line: usize,
        /// Dotted path.
        path: String,
    },
    /// A value of the wrong type.
    #[error("line {line}: {path} is {found}, but must be {wanted}")]
    WrongType {
        /// Line, from 1; of the nearest thing around it when it has none of its own.
        line: usize,
        /// Dotted path.
        path: String,
        /// What it is, with its source text.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A schema that we do not know.
    #[error("line {line}: schema_version is {found:?}; this program works on 1.x")]
    Schema {
        /// Line, from 1.
        line: usize,
        /// What was found.
        found: String,
    },
    /// A `release` that is no release.
    #[error("line {line}: release: {why}")]
    Release {
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        why: crate::domain::release::NotARelease,
    },
    /// The file of another release.
    #[error("line {line}: the file says release {found}, but {expected} was asked for")]
    OtherRelease {
        /// Line, from 1.
        line: usize,
        /// What was asked for.
        expected: String,
        /// What the file says.
        found: String,
    },
}

impl StateError {
    /// What a person does next.
    pub fn next_step(&self) -> String {
        match self {
            Self::WrongType { wanted: "text", path, .. } => {
                format!("put the value of {path} in quotes, then: oar state check FILE")
            }
            Self::Schema { .. } => "use the version of oar that wrote the file".to_owned(),
            Self::OtherRelease { found, .. } => format!("name the release of the file: -r {found}"),
            Self::Syntax { .. }
            | Self::Tab { .. }
            | Self::DuplicateKey { .. }
            | Self::TooMuch { .. }
            | Self::NotAMapping { .. }
            | Self::Missing { .. }
            | Self::WrongType { .. }
            | Self::Release { .. } => {
                "repair the file by hand or take its last good version from git, then: oar state check FILE".to_owned()
            }
        }
    }
}
