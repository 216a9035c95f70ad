//! GitHub Apps in the place of a personal token: their numbers, and the files of their keys.
//!
//! One App may write the repository of states and records, another one only reads the CI configuration. Keys are read
//! when they are needed; no error quotes anything of them.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use josekit::jws::alg::rsassa::RsassaJwsSigner;
use josekit::jws::{JwsHeader, RS256};
use josekit::jwt::{JwtPayload, encode_with_signer};
use secrecy::SecretString;

use super::error::ConfigError;
use super::sources::Sources;

/// GitHub's clock may be behind ours by so much.
const BEHIND: SignedDuration = SignedDuration::from_secs(60);

/// An App proves itself for so long; GitHub takes ten minutes at most, by its own clock.
const PROVES_FOR: SignedDuration = SignedDuration::from_mins(9);

/// Which of the two Apps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppRole {
    /// Reads and writes states, records and registries.
    Writer,
    /// Reads the CI configuration.
    Reader,
}

impl AppRole {
    /// The variable of its number.
    pub const fn id_variable(self) -> &'static str {
        match self {
            Self::Writer => "OAR_GITHUB_APP_ID",
            Self::Reader => "OAR_GITHUB_READER_APP_ID",
        }
    }

    /// The variable that names the file of its key.
    pub const fn key_variable(self) -> &'static str {
        match self {
            Self::Writer => "OAR_GITHUB_APP_KEY_FILE",
            Self::Reader => "OAR_GITHUB_READER_APP_KEY_FILE",
        }
    }

    /// The variable of the number of its installation.
    pub const fn installation_variable(self) -> &'static str {
        match self {
            Self::Writer => "OAR_GITHUB_APP_INSTALLATION",
            Self::Reader => "OAR_GITHUB_READER_APP_INSTALLATION",
        }
    }

    const fn key_of_settings(self) -> [&'static str; 3] {
        match self {
            Self::Writer => ["github.app_id", "github.app_key_file", "github.app_installation"],
            Self::Reader => ["github.reader_app_id", "github.reader_app_key_file", "github.reader_app_installation"],
        }
    }
}

/// What is said of both Apps.
#[derive(Debug, Clone, Default)]
pub struct GithubApps {
    writer: NamedApp,
    reader: NamedApp,
}

/// What is said of one App.
#[derive(Debug, Clone, Default)]
struct NamedApp {
    id: Option<String>,
    key_file: Option<PathBuf>,
    installation: Option<String>,
}

/// An App that can prove itself.
#[derive(Clone)]
pub struct AppKey {
    /// Which one.
    pub role: AppRole,
    /// Its number.
    pub id: u64,
    /// Its installation, when it was named; else it is looked up.
    pub installation: Option<u64>,
    signer: RsassaJwsSigner,
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppKey").field("role", &self.role).field("id", &self.id).finish_non_exhaustive()
    }
}

impl GithubApps {
    pub(super) fn read(sources: &mut Sources<'_>) -> Self {
        let mut named = |role: AppRole| {
            let [id, key_file, installation] = role.key_of_settings();
            NamedApp {
                id: sources.optional(id, role.id_variable()),
                key_file: sources.optional(key_file, role.key_variable()).map(PathBuf::from),
                installation: sources.optional(installation, role.installation_variable()),
            }
        };
        Self { writer: named(AppRole::Writer), reader: named(AppRole::Reader) }
    }

    /// Is anything said of this App? Then it stands in the place of the token, or says what is wrong with it.
    pub const fn is_named(&self, role: AppRole) -> bool {
        let named = self.named(role);
        named.id.is_some() || named.key_file.is_some()
    }

    const fn named(&self, role: AppRole) -> &NamedApp {
        match role {
            AppRole::Writer => &self.writer,
            AppRole::Reader => &self.reader,
        }
    }

    /// The App with its key; nothing when nothing is said of it.
    ///
    /// # Errors
    ///
    /// Only one of number and key is named, a number is none, or the key cannot be read.
    pub fn key(&self, role: AppRole) -> Result<Option<AppKey>, ConfigError> {
        let NamedApp { id, key_file, installation } = self.named(role);
        let [id_key, file_key, installation_key] = role.key_of_settings();
        let (id, file) = match (id, key_file) {
            (None, None) => return Ok(None),
            (Some(id), Some(file)) => (id, file),
            (None, Some(_)) => {
                return Err(ConfigError::NotSet { key: id_key.to_owned(), variable: role.id_variable() });
            }
            (Some(_), None) => {
                return Err(ConfigError::NotSet { key: file_key.to_owned(), variable: role.key_variable() });
            }
        };
        let number = |text: &str, key: &str, variable: &'static str| {
            text.trim().parse::<u64>().map_err(|_| ConfigError::NoNumber { key: key.to_owned(), variable })
        };
        let installation = installation.as_deref();
        Ok(Some(AppKey {
            role,
            id: number(id, id_key, role.id_variable())?,
            installation: installation
                .map(|text| number(text, installation_key, role.installation_variable()))
                .transpose()?,
            signer: signer(file, role)?,
        }))
    }
}

fn signer(file: &Path, role: AppRole) -> Result<RsassaJwsSigner, ConfigError> {
    let text =
        std::fs::read_to_string(file).map_err(|cause| ConfigError::Unreadable { path: file.to_owned(), cause })?;
    let refused = || ConfigError::NoAppKey { path: file.to_owned(), variable: role.key_variable() };
    RS256.signer_from_pem(block(&text).ok_or_else(refused)?).map_err(|_| refused())
}

/// The PEM block of a file, which may have a line of somebody's above it; the library takes the bare block alone.
fn block(text: &str) -> Option<&str> {
    const END: &str = "-----END ";
    let block = text.get(text.find("-----BEGIN ")?..)?;
    let end = block.find(END)? + END.len();
    let rest = block.get(end..)?;
    block.get(..end + rest.find("-----")? + "-----".len())
}

impl AppKey {
    /// What proves for some minutes that a request comes from the App.
    ///
    /// # Errors
    ///
    /// The library cannot sign with this key.
    pub fn proof(&self, now: Timestamp) -> Result<SecretString, String> {
        let time = |at: Result<Timestamp, jiff::Error>| at.unwrap_or(now).as_second().into();
        let mut claims = JwtPayload::new();
        let said = claims
            .set_claim("iat", Some(time(now.checked_sub(BEHIND))))
            .and_then(|()| claims.set_claim("exp", Some(time(now.checked_add(PROVES_FOR)))))
            .and_then(|()| claims.set_claim("iss", Some(self.id.to_string().into())));
        let mut header = JwsHeader::new();
        header.set_token_type("JWT");
        let signed = said.and_then(|()| encode_with_signer(&claims, &header, &self.signer));
        signed.map(SecretString::from).map_err(|_| "the key of the App cannot sign".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::core::error::ErrorClass;

    fn apps(id: Option<&str>, file: Option<&Path>) -> GithubApps {
        let writer = NamedApp { id: id.map(str::to_owned), key_file: file.map(Path::to_owned), installation: None };
        GithubApps { writer, reader: NamedApp::default() }
    }

    #[test]
    fn half_an_app_names_the_variable_that_is_missing_and_a_wrong_key_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        std::fs::write(&file, "-----BEGIN NOTHING-----\nsecret-of-mine\n").unwrap();
        let refused = |apps: GithubApps| {
            let error = apps.key(AppRole::Writer).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Config);
            format!("{error}; {}", error.next_step())
        };
        assert!(refused(apps(Some("101"), None)).contains("OAR_GITHUB_APP_KEY_FILE"));
        assert!(refused(apps(None, Some(&file))).contains("OAR_GITHUB_APP_ID"));
        assert!(refused(apps(Some("x"), Some(&file))).contains("OAR_GITHUB_APP_ID"));
        let wrong = refused(apps(Some("101"), Some(&file)));
        assert!(wrong.contains("key.pem") && wrong.contains("OAR_GITHUB_APP_KEY_FILE"), "{wrong}");
        assert!(!wrong.contains("secret-of-mine"));
        assert!(refused(apps(Some("101"), Some(&folder.path().join("none")))).contains("none"));
        assert!(apps(None, None).key(AppRole::Writer).unwrap().is_none());
    }

    #[test]
    fn a_proof_is_signed_for_less_than_ten_minutes_and_begins_before_now() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        let own = openssl::rsa::Rsa::generate(2048).unwrap();
        let pem = String::from_utf8(own.private_key_to_pem().unwrap()).unwrap();
        std::fs::write(&file, format!("The key of the writer\n{pem}\n")).unwrap();
        let key = apps(Some("101"), Some(&file)).key(AppRole::Writer).unwrap().unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let proof = key.proof(now).unwrap();
        let verifier = RS256.verifier_from_pem(own.public_key_to_pem().unwrap()).unwrap();
        let (claims, header) = josekit::jwt::decode_with_verifier(proof.expose_secret(), &verifier).unwrap();
        assert_eq!((header.algorithm(), claims.issuer()), (Some("RS256"), Some("101")));
        let time = |name: &str| claims.claim(name).and_then(serde_json::Value::as_i64).unwrap() - now.as_second();
        assert_eq!((time("iat"), time("exp")), (-60, 540));
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }
}
