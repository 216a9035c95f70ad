//! Compact JWE with a shared key: how the settings are sealed.

use crate::core::error::ErrorClass;

/// Why a sealed text does not open, or a key is none. Holds neither key nor text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// No key was given.
    #[error("no key: OAR_JWK is not set")]
    NoKey,
    /// The key has a length that the encryption does not use.
    #[error("the key in OAR_JWK has {got} bytes, {needed} are needed")]
    KeyLength {
        /// Bytes given.
        got: usize,
        /// Bytes needed.
        needed: &'static str,
    },
    /// A JWK that is not a symmetric key.
    #[error("the JSON key in OAR_JWK is not usable: {0}")]
    BadJwk(&'static str),
    /// Wrong key, or a changed text: the two cannot be told apart.
    #[error("the key does not fit, or the file was changed")]
    Authentication,
    /// Compressed content, refused because it can expand without bound.
    #[error("compressed content (zip) is refused")]
    Zip,
    /// Another way of encryption.
    #[error("{what} is not supported; accepted are alg dir with enc A128GCM, A192GCM or A256GCM")]
    Unsupported {
        /// The header parameter with its value.
        what: String,
    },
    /// Not five base64url parts with a JSON header.
    #[error("it is not a compact JWE: {0}")]
    NotJwe(&'static str),
    /// The cryptographic library failed.
    #[error("the encryption library failed")]
    Library,
}

impl JweError {
    /// What kind of trouble it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NoKey | Self::KeyLength { .. } | Self::BadJwk(_) | Self::Authentication => ErrorClass::Auth,
            Self::Zip | Self::Unsupported { .. } | Self::NotJwe(_) => ErrorClass::Corrupt,
            Self::Library => ErrorClass::Internal,
        }
    }

    /// What to do now.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::NoKey => "set OAR_JWK to the key of the sealed settings; a release lead has it",
            Self::KeyLength { .. } | Self::BadJwk(_) => "set OAR_JWK to the key exactly as you were given it",
            Self::Authentication => "check OAR_JWK and OAR_CONFIG_FILE: they must belong together",
            Self::Zip | Self::Unsupported { .. } | Self::NotJwe(_) => {
                "make the file again with: oar config encrypt IN OUT"
            }
            Self::Library => "run it again; if it stays, report it",
        }
    }
}
