//! Compact JWE with a shared key: how the settings are sealed.
//!
//! Sealed files of the past have IVs of 16 bytes, which JOSE libraries refuse and AES-GCM does not;
//! we open any length and write the standard 12. Encryption is `dir` with AES-GCM, nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use josekit::jwe::{Dir, JweHeader};
use openssl::symm::{Cipher, decrypt_aead};
use secrecy::{ExposeSecret, SecretSlice};

use super::secret::Secret;
use crate::core::error::ErrorClass;

const TAG_BYTES: usize = 16;
const KEY_LENGTHS: &str = "16, 24 or 32";

/// The key of sealed settings.
#[derive(Clone)]
pub struct SealKey(SecretSlice<u8>);

impl SealKey {
    /// Reads a key in one of its forms: the raw characters (16, 24 or 32 of them), a JSON Web Key
    /// `{"kty":"oct","k":"…"}`, or the base64url text of 16 bytes (22 characters). White space
    /// around it is no part of it.
    ///
    /// # Errors
    ///
    /// Nothing there, a wrong length, or a JSON document that is no symmetric key.
    pub fn parse(secret: &Secret) -> Result<Self, JweError> {
        let text = secret.expose().trim();
        if text.is_empty() {
            return Err(JweError::NoKey);
        }
        if text.starts_with('{') {
            return Self::of_usable_length(json_web_key(text)?);
        }
        match (text.len(), BASE64URL.decode(text)) {
            (22, Ok(bytes)) => Self::of_usable_length(bytes),
            (_, Ok(_) | Err(_)) => Self::of_usable_length(text.as_bytes().to_vec()),
        }
    }

    fn of_usable_length(bytes: Vec<u8>) -> Result<Self, JweError> {
        match bytes.len() {
            16 | 24 | 32 => Ok(Self(bytes.into())),
            got => Err(JweError::KeyLength { got, needed: KEY_LENGTHS }),
        }
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

fn json_web_key(text: &str) -> Result<Vec<u8>, JweError> {
    #[derive(serde::Deserialize)]
    struct Jwk {
        kty: String,
        k: Option<String>,
    }
    let jwk: Jwk = serde_json::from_str(text).map_err(|_| JweError::BadJwk("it is not a JSON Web Key"))?;
    if jwk.kty != "oct" {
        return Err(JweError::BadJwk("kty is not oct"));
    }
    let encoded = jwk.k.ok_or(JweError::BadJwk("k is missing"))?;
    BASE64URL.decode(encoded.trim_end_matches('=')).map_err(|_| JweError::BadJwk("k is not base64url"))
}

/// Opens a sealed text. White space around it, such as a final newline, does not matter.
///
/// # Errors
///
/// See [`JweError`]; a wrong key and a changed text look the same.
pub fn decrypt(sealed: &str, key: &SealKey) -> Result<Vec<u8>, JweError> {
    let parts: Vec<&str> = sealed.trim().split('.').collect();
    let [header, wrapped_key, iv, ciphertext, tag] = parts.as_slice() else {
        return Err(JweError::NotJwe("it does not have five parts"));
    };
    let (cipher, key_bytes) = method(header)?;
    if !wrapped_key.is_empty() {
        return Err(JweError::NotJwe("with alg dir the second part must be empty"));
    }
    let decode = |part: &str| BASE64URL.decode(part).map_err(|_| JweError::NotJwe("a part is not base64url"));
    let (iv, ciphertext, tag) = (decode(iv)?, decode(ciphertext)?, decode(tag)?);
    if iv.is_empty() {
        return Err(JweError::NotJwe("the IV is empty"));
    }
    // A shorter tag would be checked less strictly.
    if tag.len() != TAG_BYTES {
        return Err(JweError::NotJwe("the tag does not have 16 bytes"));
    }
    let key = key.0.expose_secret();
    if key.len() != key_bytes {
        return Err(JweError::KeyLength { got: key.len(), needed: length_name(key_bytes) });
    }
    decrypt_aead(cipher, key, Some(&iv), header.as_bytes(), &ciphertext, &tag).map_err(|_| JweError::Authentication)
}

/// Seals `plain` with a fresh random IV.
///
/// # Errors
///
/// The random source of this machine fails.
pub fn encrypt(plain: &[u8], key: &SealKey) -> Result<String, JweError> {
    let bytes = key.0.expose_secret();
    let mut header = JweHeader::new();
    header.set_content_encryption(match bytes.len() {
        16 => "A128GCM",
        24 => "A192GCM",
        _ => "A256GCM",
    });
    // The library's errors carry a backtrace in Debug and say nothing that helps.
    let encrypter = Dir.encrypter_from_bytes(bytes).map_err(|_| JweError::Library)?;
    josekit::jwe::serialize_compact(plain, &header, &encrypter).map_err(|_| JweError::Library)
}

/// Is the text sealed? Everything but a JSON object counts, so that damage is reported as damage.
pub fn is_sealed(text: &str) -> bool {
    !text.trim_start().starts_with('{')
}

/// The cipher and its key length, from the protected header.
fn method(header: &str) -> Result<(Cipher, usize), JweError> {
    #[derive(serde::Deserialize)]
    struct Header {
        alg: String,
        enc: String,
        zip: Option<serde_json::Value>,
        crit: Option<serde_json::Value>,
    }
    let bytes = BASE64URL.decode(header).map_err(|_| JweError::NotJwe("the header is not base64url"))?;
    let header: Header =
        serde_json::from_slice(&bytes).map_err(|_| JweError::NotJwe("the header is not JSON with alg and enc"))?;
    if header.zip.is_some() {
        return Err(JweError::Zip);
    }
    if header.crit.is_some() {
        return Err(JweError::Unsupported { what: "header parameter crit".to_owned() });
    }
    match (header.alg.as_str(), header.enc.as_str()) {
        ("dir", "A128GCM") => Ok((Cipher::aes_128_gcm(), 16)),
        ("dir", "A192GCM") => Ok((Cipher::aes_192_gcm(), 24)),
        ("dir", "A256GCM") => Ok((Cipher::aes_256_gcm(), 32)),
        ("dir", enc) => Err(JweError::Unsupported { what: format!("enc {enc:?}") }),
        (alg, _) => Err(JweError::Unsupported { what: format!("alg {alg:?}") }),
    }
}

const fn length_name(bytes: usize) -> &'static str {
    match bytes {
        16 => "16",
        24 => "24",
        _ => "32",
    }
}

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
    /// Wrong key, or a changed text: the two cannot be distinguished.
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
            Self::Zip | Self::Unsupported { .. } | Self::NotJwe(_) => ErrorClass::InvalidInput,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<SealKey, JweError> {
        SealKey::parse(&Secret::new(text))
    }

    fn sealed_with(header: &str) -> String {
        format!("{}..AAAA.AAAA.{}", BASE64URL.encode(header), BASE64URL.encode([0; 16]))
    }

    #[test]
    fn every_form_of_a_key_opens_what_any_other_form_sealed() {
        let raw = "0123456789abcdef";
        let encoded = BASE64URL.encode(raw);
        let jwk = format!(r#"{{"kty":"oct","k":"{encoded}","kid":"x"}}"#);
        let sealed = encrypt(b"{}", &key(raw).unwrap()).unwrap();
        for form in [raw, &encoded, &jwk, &format!("  {raw}\n"), &format!("{jwk}\n")] {
            assert_eq!(decrypt(&format!("{sealed}\n"), &key(form).unwrap()), Ok(b"{}".to_vec()));
        }
        assert_eq!(encoded.len(), 22);
    }

    #[test]
    fn longer_keys_seal_with_longer_ciphers() {
        for length in [16, 24, 32] {
            let key = key(&"k".repeat(length)).unwrap();
            assert_eq!(decrypt(&encrypt(b"plain", &key).unwrap(), &key), Ok(b"plain".to_vec()));
        }
    }

    #[test]
    fn a_missing_a_short_and_a_wrong_key_are_distinguished() {
        let sealed = encrypt(b"{}", &key("0123456789abcdef").unwrap()).unwrap();
        assert_eq!(key(" \n").unwrap_err(), JweError::NoKey);
        assert_eq!(key("short").unwrap_err(), JweError::KeyLength { got: 5, needed: KEY_LENGTHS });
        assert_eq!(key(r#"{"kty":"RSA"}"#).unwrap_err(), JweError::BadJwk("kty is not oct"));
        let longer = key(&"k".repeat(32)).unwrap();
        assert_eq!(decrypt(&sealed, &longer), Err(JweError::KeyLength { got: 32, needed: "16" }));
        assert_eq!(decrypt(&sealed, &key("fedcba9876543210").unwrap()), Err(JweError::Authentication));
    }

    #[test]
    fn no_bit_of_a_sealed_text_can_change_unnoticed() {
        let key = key("0123456789abcdef").unwrap();
        let sealed = encrypt(b"invented plain text", &key).unwrap();
        for at in 0..sealed.len() {
            for bit in 0..7 {
                let mut bytes = sealed.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                if changed.trim() != sealed {
                    assert!(decrypt(&changed, &key).is_err(), "byte {at} bit {bit}");
                }
            }
        }
    }

    #[test]
    fn compression_and_other_algorithms_are_refused_by_name() {
        let key = key("0123456789abcdef").unwrap();
        let opened = |header: &str| decrypt(&sealed_with(header), &key);
        assert_eq!(opened(r#"{"alg":"dir","enc":"A128GCM","zip":"DEF"}"#), Err(JweError::Zip));
        for header in [
            r#"{"alg":"A128KW","enc":"A128GCM"}"#,
            r#"{"alg":"dir","enc":"A128CBC-HS256"}"#,
            r#"{"alg":"dir","enc":"A128GCM","crit":["x"]}"#,
        ] {
            assert!(matches!(opened(header), Err(JweError::Unsupported { .. })), "{header}");
        }
        for text in ["", "{}", "a.b.c", "....", "!.!.!.!.!"] {
            assert!(matches!(decrypt(text, &key), Err(JweError::NotJwe(_))), "{text}");
        }
    }

    #[test]
    fn a_shortened_tag_is_refused() {
        let key = key("0123456789abcdef").unwrap();
        let sealed = encrypt(b"{}", &key).unwrap();
        let (body, tag) = sealed.rsplit_once('.').unwrap();
        let short = BASE64URL.encode(&BASE64URL.decode(tag).unwrap()[..4]);
        assert!(matches!(decrypt(&format!("{body}.{short}"), &key), Err(JweError::NotJwe(_))));
    }

    #[test]
    fn neither_errors_nor_debug_output_hold_key_or_text() {
        let key = key("0123456789abcdef").unwrap();
        assert_eq!(format!("{key:?}"), "***");
        let shown = format!("{:?}", decrypt("a.b.c.d.e", &key));
        assert!(!shown.contains("0123456789"));
    }
}
