//! Stored files as every store hands them out.

/// Which version of a file: the git blob id of its bytes, as GitHub tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revision(pub String);

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    pub bytes: Vec<u8>,
    /// Its version.
    pub revision: Revision,
}

/// A file found in a folder, not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Path in the repository.
    pub path: String,
    /// Its version.
    pub revision: Revision,
}

/// Who wrote a file last, as its commit tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWrite {
    /// First line of the message.
    pub message: String,
    /// When.
    pub at: Option<jiff::Timestamp>,
}

/// A file found in a tree; its text, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Path in the repository.
    pub path: String,
    pub text: Result<String, String>,
}
