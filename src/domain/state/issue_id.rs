//! The short ids of issues and questions.

use sha2::{Digest, Sha256};

use super::text::comparable;
use crate::domain::mask::mask;
use crate::domain::release::ZStream;

/// The same number of digits over texts of any kind.
pub fn digest(parts: &[&str]) -> String {
    let hash = Sha256::digest(parts.join("\0"));
    hex::encode(&hash[..4])
}

/// The first eight hex digits of SHA-256 over release, compared text and time of report; the same
/// before and after the text was masked.
pub fn of(release: &ZStream, text: &str, reported_at: &str) -> String {
    let hash = Sha256::digest(format!("{release}{}{reported_at}", comparable(&mask(text))));
    hex::encode(&hash[..4])
}
