//! Sealing and unsealing settings files.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::credentials::Credentials;
use super::error::ConfigError;
use super::jwe::{self, SealKey};
use super::sealed::{SealedSettings, repository_around};
use crate::domain::credential::Credential;

/// Checks the plain settings `input` and writes them sealed to `output`; returns warnings about the
/// content. `-` writes to `stdout`. An existing file is never replaced.
///
/// # Errors
///
/// No key, content that breaks the schema, a file that cannot be read or exists already.
pub fn encrypt(
    input: &Path,
    output: &Path,
    credentials: &Credentials,
    stdout: &mut dyn Write,
) -> Result<Vec<String>, ConfigError> {
    let key = key(input, credentials)?;
    let plain = std::fs::read(input).map_err(|cause| ConfigError::Unreadable { path: input.to_owned(), cause })?;
    let mut warnings = Vec::new();
    SealedSettings::from_json(input, &plain, &mut warnings)?;
    let sealed = jwe::encrypt(&plain, &key).map_err(|cause| ConfigError::Sealed { path: output.to_owned(), cause })?;
    write(output, format!("{sealed}\n").as_bytes(), stdout)?;
    Ok(warnings)
}

/// Writes the content of the sealed settings `input` to `output`, readable for its owner only.
/// `-` writes to `stdout`. An existing file is never replaced, and no file inside a repository is
/// written.
///
/// # Errors
///
/// No key or a wrong one, a file that cannot be read or exists already, a place inside a repository.
pub fn decrypt(
    input: &Path,
    output: &Path,
    credentials: &Credentials,
    stdout: &mut dyn Write,
) -> Result<(), ConfigError> {
    let key = key(input, credentials)?;
    let sealed =
        std::fs::read_to_string(input).map_err(|cause| ConfigError::Unreadable { path: input.to_owned(), cause })?;
    let plain = jwe::decrypt(&sealed, &key).map_err(|cause| ConfigError::Sealed { path: input.to_owned(), cause })?;
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match repository_around(folder) {
        Some(repository) if output != Path::new("-") => {
            Err(ConfigError::PlainInRepository { path: output.to_owned(), repository })
        }
        Some(_) | None => write(output, &plain, stdout),
    }
}

fn key(path: &Path, credentials: &Credentials) -> Result<SealKey, ConfigError> {
    SealKey::parse(credentials.need(Credential::OarJwk)?)
        .map_err(|cause| ConfigError::Sealed { path: path.to_owned(), cause })
}

fn write(output: &Path, bytes: &[u8], stdout: &mut dyn Write) -> Result<(), ConfigError> {
    if output == Path::new("-") {
        return stdout.write_all(bytes).map_err(ConfigError::Output);
    }
    let refuse = |cause: std::io::Error| match cause.kind() == std::io::ErrorKind::AlreadyExists {
        true => ConfigError::Exists { path: output.to_owned() },
        false => ConfigError::Unwritable { path: output.to_owned(), cause },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(output).map_err(refuse)?;
    file.write_all(bytes).map_err(refuse)
}

#[cfg(test)]
mod tests {
    use super::super::env::Env;
    use super::*;

    const EXAMPLE: &str = include_str!("../../../config/example-settings.json");

    fn credentials(key: &str) -> Credentials {
        Credentials::from_env(&Env::default().with("OAR_JWK", key))
    }

    #[test]
    fn sealed_settings_come_back_byte_for_byte_and_no_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [plain, sealed, again] = ["plain.json", "sealed.jwe", "again.json"].map(|name| folder.path().join(name));
        std::fs::write(&plain, EXAMPLE).unwrap();
        let key = credentials("0123456789abcdef");
        let mut out = Vec::new();

        assert_eq!(encrypt(&plain, &sealed, &key, &mut out).unwrap(), [""; 0]);
        decrypt(&sealed, &again, &key, &mut out).unwrap();
        assert_eq!(std::fs::read_to_string(&again).unwrap(), EXAMPLE);
        assert!(out.is_empty(), "nothing is shown unless asked for");

        assert!(matches!(decrypt(&sealed, &again, &key, &mut out), Err(ConfigError::Exists { .. })));
        assert!(matches!(encrypt(&plain, &sealed, &key, &mut out), Err(ConfigError::Exists { .. })));
        decrypt(&sealed, Path::new("-"), &key, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), EXAMPLE);
    }

    #[test]
    fn settings_that_break_the_schema_are_not_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain.json");
        std::fs::write(&plain, "{}").unwrap();
        let output = folder.path().join("sealed.jwe");
        let refused = encrypt(&plain, &output, &credentials("0123456789abcdef"), &mut Vec::new());
        assert!(matches!(refused, Err(ConfigError::SealedContent { .. })) && !output.exists());
    }

    #[test]
    fn settings_are_not_unsealed_into_a_repository() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        let key = credentials("0123456789abcdef");
        let (plain, sealed) = (folder.path().join("plain.json"), folder.path().join("sealed.jwe"));
        std::fs::write(&plain, EXAMPLE).unwrap();
        encrypt(&plain, &sealed, &key, &mut Vec::new()).unwrap();
        let refused = decrypt(&sealed, &folder.path().join("out.json"), &key, &mut Vec::new());
        assert!(matches!(refused, Err(ConfigError::PlainInRepository { .. })), "{refused:?}");
    }

    #[test]
    fn without_a_key_the_error_names_the_variable() {
        let refused = decrypt(Path::new("x"), Path::new("-"), &Credentials::default(), &mut Vec::new()).unwrap_err();
        assert_eq!(refused.to_string(), "credentials are missing: OAR_JWK");
    }
}
